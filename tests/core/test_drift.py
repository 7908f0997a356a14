"""Every class a difference can have: the evidence that gives it, what follows, and that without evidence it is unknown.

Only the unknown trips the breaker. Whatever the class, the books follow the exchange, on record.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Money, Price, dollars
from core.domain.commands import Recalibrate
from core.domain.enums import MarketStatus, OrderStatus, TraderState
from core.domain.market import PriceBand
from core.domain.records import Corrected
from core.trading.drift import DriftClass
from tests.core.builders import Bench, T, fill, market, report

Play = Callable[[Bench], None]


def held(count: int) -> ev.PositionReport:
    return ev.PositionReport(
        ticker=T, position=Count(count), cost=Money(4_500 * count), realized=Money(0), fees=Money(0)
    )


def traded(bench: Bench) -> None:
    sent = bench.place()
    bench.accept(sent)
    bench.step(fill(fee=12_300))


def a_fill_charged_a_little_more(bench: Bench) -> None:
    traded(bench)
    bench.positions, bench.balance = (held(500),), Money(bench.desk.positions.cash - 100)


def determined_and_paid(bench: Bench) -> None:
    traded(bench)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED))
    bench.positions, bench.balance = (), Money(bench.desk.positions.cash + dollars(5))


def paid_and_only_the_cash_is_there(bench: Bench) -> None:
    traded(bench)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED))
    bench.positions, bench.balance = (held(500),), Money(bench.desk.positions.cash + dollars(5))


def money_came(bench: Bench) -> None:
    bench.balance = dollars(1500)


def somebody_else_traded_and_half_of_it_was_told(bench: Bench) -> None:
    bench.beat(seconds=1, times=6)
    bench.step(fill("theirs", order="web", count=200))
    bench.positions, bench.balance = (held(300),), Money(dollars(1000) - 4_500 * 300)


def a_fill_is_claimed_and_never_listed(bench: Bench) -> None:
    sent = bench.place()
    bench.accept(sent)
    bench.step(ev.OrderReported(report=report(sent.client_order_id, filled=300, status=OrderStatus.CANCELED)))
    bench.positions, bench.balance = (held(300),), Money(dollars(1000) - 4_500 * 300)


def nobody_knows_why(bench: Bench) -> None:
    bench.positions, bench.balance = (held(100),), dollars(999)


def cents_are_missing_while_an_order_could_have_traded(bench: Bench) -> None:
    bench.accept(bench.place())
    bench.orders = (report("kt-s1-000001"),)
    bench.balance = Money(dollars(1000) - 4_500 * 500 - dollars(1))


def less_than_a_cent_is_off_and_nothing_was_traded(bench: Bench) -> None:
    bench.balance = Money(dollars(1000) - 100)


def the_position_is_another_under_a_resting_order(bench: Bench) -> None:
    bench.accept(bench.place())
    bench.orders = (report("kt-s1-000001"),)
    short = ev.PositionReport(ticker=T, position=Count(-500), cost=Money(5_500 * 500), realized=Money(0), fees=Money(0))
    # It covers the order, which reserves nothing there.
    bench.positions, bench.balance = (short,), Money(dollars(1000) - 5_500 * 500)


CASES: tuple[tuple[Play, set[str]], ...] = (
    (a_fill_charged_a_little_more, {"cash (fee rounding)"}),
    (determined_and_paid, {f"position {T} (pending settlement)", "cash (pending settlement)"}),
    (paid_and_only_the_cash_is_there, {"cash (pending settlement)"}),
    (money_came, {"cash (transfer)"}),
    (somebody_else_traded_and_half_of_it_was_told, {f"position {T} (foreign trade)", "cash (foreign trade)"}),
    (a_fill_is_claimed_and_never_listed, {f"position {T} (missed fill)", "cash (missed fill)"}),
    (nobody_knows_why, {f"position {T} (unknown)", "cash (unknown)"}),
    (cents_are_missing_while_an_order_could_have_traded, {"cash (unknown)"}),
    (the_position_is_another_under_a_resting_order, {f"position {T} (unknown)", "cash (unknown)"}),
    (less_than_a_cent_is_off_and_nothing_was_traded, {"cash (unknown)"}),
)


@pytest.mark.parametrize(("play", "found"), CASES, ids=[play.__name__ for play, _ in CASES])
def test_a_lasting_difference_has_the_class_of_its_evidence_and_the_books_follow(play: Play, found: set[str]) -> None:
    bench = Bench().up()
    play(bench)
    bench.step(Recalibrate())
    bench.beat(times=120)
    desk = bench.desk
    assert {r.what for r in bench.records if isinstance(r, Corrected)} == found
    assert {p.ticker: p.count for p in desk.positions.open()} == {p.ticker: p.position for p in bench.positions}
    assert desk.positions.cash == bench.balance + desk.risk.reserved()
    unknown = any("unknown" in words for words in found)
    assert desk.breaker.tripped is unknown
    assert not unknown or "drift of unknown class" in desk.breaker.reason
    assert bench.state in (TraderState.READY, TraderState.ACTING)


def test_every_class_has_its_case() -> None:
    shown = " ".join(words for _, found in CASES for words in found)
    # The one at the start has its case in `test_base_in_doubt`: it needs an earlier session.
    assert all(f"({kind.value})" in shown for kind in DriftClass if kind is not DriftClass.IN_DOUBT)


def test_money_that_went_unexplained_and_comes_back_is_no_loss_of_the_day_any_more() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.orders = (report("kt-s1-000001"),)
    bench.balance = Money(dollars(1000) - 4_500 * 500 - dollars(100))
    bench.step(Recalibrate())
    bench.beat(times=120)
    assert bench.desk.breaker.tripped
    assert bench.desk.equity.day_result == -dollars(100)
    bench.step(ev.OrderReported(report=report("kt-s1-000001", status=OrderStatus.CANCELED)))
    bench.orders, bench.balance = (), dollars(1000)
    bench.step(Recalibrate())
    bench.beat(times=120)
    assert [r.what for r in bench.records if isinstance(r, Corrected)] == ["cash (unknown)", "cash (transfer)"]
    assert bench.desk.equity.day_result == 0 and bench.desk.equity.drawdown == 0


FINE = (PriceBand(start=Price(0), end=Price(10_000), step=Price(10)),)
PARTS = 4_550 * 123  # of the last place of a balance it holds half


def cut(cash: int) -> Money:
    """As a balance is told: to four places, the rest cut off."""
    return Money(cash // 100 * 100)


def with_parts_resting() -> Bench:
    bench = Bench()
    bench.markets = (market(bands=FINE),)
    bench.up()
    bench.accept(bench.place(price=4_550, count=123))
    bench.orders = (report("kt-s1-000001", price=4_550, initial=123),)
    bench.balance = cut(dollars(1000) - PARTS)
    assert bench.balance != dollars(1000) - PARTS
    return bench


def corrections(bench: Bench) -> list[str]:
    return [r.what for r in bench.records if isinstance(r, Corrected)]


def test_the_part_of_the_last_place_that_a_resting_order_holds_is_no_difference() -> None:
    bench = with_parts_resting()
    bench.step(Recalibrate())
    bench.beat(times=120)
    bench.step(ev.OrderReported(report=report("kt-s1-000001", price=4_550, initial=123, status=OrderStatus.CANCELED)))
    bench.orders, bench.balance = (), dollars(1000)
    bench.step(Recalibrate())
    bench.beat(times=120)
    assert corrections(bench) == [] and not bench.desk.breaker.tripped
    assert bench.desk.positions.cash == dollars(1000)


def test_money_that_moved_while_parts_of_a_last_place_rest_is_corrected_to_the_last_place() -> None:
    bench = with_parts_resting()
    bench.balance = cut(dollars(990) - PARTS)
    bench.step(Recalibrate())
    bench.beat(times=120)
    assert corrections(bench) == ["cash (unknown)"]
    assert bench.desk.positions.cash == dollars(990)


def test_the_base_is_whole_where_an_earlier_session_left_parts_of_a_last_place_resting() -> None:
    bench = Bench()
    bench.markets = (market(bands=FINE),)
    bench.orders = (report("of-somebody", price=4_550, initial=123),)
    bench.balance = cut(dollars(1000) - PARTS)
    bench.up()
    assert bench.desk.positions.cash == dollars(1000)
