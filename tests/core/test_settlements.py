"""Markets that paid: while we listened, while the stream was down, and while the trader was dead."""

from __future__ import annotations

import pytest

from core.domain.amounts import Count, Money, Price, dollars
from core.domain.commands import Recalibrate
from core.domain.effects import Read, ReadKind
from core.domain.enums import MarketStatus, OrderState, TraderState
from core.domain.events import MarketChanged, PositionReport, SettlementReport
from core.domain.ids import Ticker
from core.domain.records import Corrected, PositionTaken
from core.trading.day import DAY_NS
from core.trading.positions import PositionTracker
from core.trading.recall import recall
from tests.core.builders import WALL, Bench, T, fill
from tests.core.test_recall import READY, booked, intended, moved, restarted

S = TraderState


def paid(amount: int, position: int = 500, ticker: str = T, ms: int = WALL // 1_000_000) -> SettlementReport:
    return SettlementReport(ticker=Ticker(ticker), position=Count(position), paid=Money(amount), settled_ms=ms)


def settlements_read(bench: Bench) -> list[Read]:
    return [e for e in bench.effects if isinstance(e, Read) and e.kind is ReadKind.SETTLEMENTS]


def holding() -> Bench:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(fill())
    bench.beat(times=5)
    return bench


def test_a_payout_is_rounded_down_to_whole_cents_and_the_rest_is_a_fee() -> None:
    t = PositionTracker()
    t.update_from_fill(fill(price=5_000, count=33), WALL)
    t.settle(T, Price(4_567), WALL)
    exact = 4_567 * 33
    assert t.cash == exact // 10_000 * 10_000 - 5_000 * 33
    assert t.get_position(T).fees == exact % 10_000 > 0
    assert t.realized == exact - 5_000 * 33
    assert t.cash == t.realized - t.fees


def test_a_settlement_nobody_told_of_is_read_and_booked_as_one() -> None:
    bench = holding()
    before = bench.desk.positions.realized
    bench.settlements = (paid(dollars(5)),)
    bench.positions, bench.balance = (), Money(bench.desk.positions.cash + dollars(5))
    bench.step(Recalibrate())
    bench.beat(times=40)
    desk = bench.desk
    assert (desk.positions.net(T), desk.positions.cash) == (0, bench.balance)
    assert desk.positions.realized - before == dollars(5) - 4_500 * 500
    assert desk.day.realized == desk.positions.realized
    assert not desk.breaker.tripped and not [r for r in bench.records if isinstance(r, Corrected)]
    assert [r.reason for r in bench.records if isinstance(r, PositionTaken)] == ["settled meanwhile"]
    assert bench.state in (S.READY, S.ACTING)


def test_settlements_are_read_only_where_a_position_is_gone() -> None:
    bench = holding()
    cash = Money(bench.desk.positions.cash)
    bench.positions = (
        PositionReport(ticker=T, position=Count(500), cost=Money(2_250_000), realized=Money(0), fees=Money(0)),
    )
    bench.balance = cash
    bench.step(Recalibrate())
    bench.beat(times=10)
    assert bench.state in (S.READY, S.ACTING)
    assert not settlements_read(bench)


@pytest.mark.parametrize("report", [paid(dollars(5), position=400), paid(dollars(5), ticker="KXOTHER")])
def test_a_settlement_of_something_else_explains_nothing(report: SettlementReport) -> None:
    bench = holding()
    bench.settlements = (report,)
    bench.positions = ()
    bench.step(Recalibrate())
    bench.beat(times=80)
    assert bench.desk.breaker.tripped
    assert any("unknown" in r.what for r in bench.records if isinstance(r, Corrected))


def test_a_market_that_paid_while_the_trader_was_dead_is_in_the_pnl() -> None:
    bench = restarted(READY, intended(), moved(OrderState.FILLED), booked())
    bench.settlements = (paid(dollars(2), position=200),)
    bench.balance = dollars(1002)
    bench.up()
    desk = bench.desk
    assert desk.positions.net(T) == 0
    assert desk.positions.realized == desk.day.realized == dollars(2) - 900_000
    assert desk.positions.cash == dollars(1002)
    (taken,) = [r for r in bench.records if isinstance(r, PositionTaken)]
    assert (taken.reason, taken.realized) == ("settled meanwhile", dollars(2) - 900_000)
    assert not [e for e in desk.status.errors if "not in the P&L" in e.error]


def test_a_payout_of_yesterday_is_not_todays_result_not_even_after_another_restart() -> None:
    bench = restarted(READY, intended(), moved(OrderState.FILLED), booked())
    bench.settlements = (paid(dollars(2), position=200, ms=(WALL - DAY_NS) // 1_000_000),)
    bench.up()
    assert bench.desk.day.realized == 0
    assert bench.desk.positions.realized == dollars(2) - 900_000
    taken = [r for r in bench.records if isinstance(r, PositionTaken)]
    found = recall([READY, booked(), *taken])
    assert found.day.realized == 0
    assert found.positions[T].realized == dollars(2) - 900_000


def test_a_payout_whose_result_came_while_nobody_listened_is_read_at_once() -> None:
    bench = holding()
    bench.settlements = (paid(dollars(5)),)
    bench.positions, bench.balance = (), Money(bench.desk.positions.cash + dollars(5))
    bench.step(MarketChanged(ticker=T, status=MarketStatus.FINALIZED))
    bench.beat(times=40)
    desk = bench.desk
    assert (desk.positions.net(T), desk.positions.cash) == (0, bench.balance)
    assert not desk.breaker.tripped and not [r for r in bench.records if isinstance(r, Corrected)]
    assert bench.state in (S.READY, S.ACTING)


def test_the_end_of_a_market_where_nothing_is_held_interrupts_nothing() -> None:
    bench = Bench().up()
    bench.step(MarketChanged(ticker=T, status=MarketStatus.FINALIZED))
    assert not bench.desk.suspicion
