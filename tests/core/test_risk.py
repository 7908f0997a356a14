"""Risk gates and the circuit breaker: what is denied, in which words, and what can never be blocked."""

from typing import Any

import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Money, Price, contracts, dollars
from core.domain.commands import CancelOrder, PlaceOrder, ResetBreaker, Start
from core.domain.enums import BookSide, MarketStatus, Origin, TimeInForce
from core.domain.records import BreakerMoved, DayOpened, PeakReached
from core.engine.engine import Engine
from core.engine.meters import limit_views
from core.strategy.actor import ActorService
from core.trading.equity import EquityTracker
from core.trading.recall import recall
from core.trading.risk import RiskLimits
from tests.core.builders import WALL, Bench, Silent, T, book, fill, market


def denial(bench: Bench, **wish: Any) -> str:
    given = {"ticker": T, "side": BookSide.BID, "price": Price(4_500), "count": contracts(5)} | wish
    bench.step(PlaceOrder(command_id=77, **given))
    action = bench.desk.status.status_of(77)
    assert action is not None
    return action.text if action.status == "refused" else ""


def with_limits(**limits: Any) -> Bench:
    return Bench(limits=RiskLimits(**limits)).up()


def test_an_order_over_the_size_limit_is_denied_with_value_and_limit() -> None:
    assert denial(Bench().up(), count=contracts(150)) == "Order size exceeds limit: 150 > 100"


def test_exposure_over_its_limit_is_denied_with_value_and_limit() -> None:
    bench = with_limits(exposure=dollars(10))
    assert denial(bench, count=contracts(30), price=Price(4_000)) == "Exposure exceeds limit: $12.00 > $10.00"


def test_the_worst_case_position_counts_resting_orders_of_the_same_side() -> None:
    bench = with_limits(position=contracts(10))
    bench.accept(bench.place(count=700))
    assert denial(bench, count=contracts(5)) == "Position exceeds limit: 12 > 10"
    assert denial(bench, count=contracts(5), side=BookSide.ASK, price=Price(4_700)) == ""


def test_open_orders_over_their_limit_are_denied() -> None:
    bench = with_limits(open_orders=2)
    bench.place()
    bench.place(price=4_400)
    assert denial(bench) == "Open orders exceeds limit: 3 > 2"


def test_a_reducing_order_that_may_rest_counts_as_open_and_one_that_cannot_does_not() -> None:
    bench = with_limits(open_orders=2)
    bench.step(fill(count=1_000))
    bench.place()
    bench.place(price=4_400)
    exit_wish: dict[str, Any] = {"side": BookSide.ASK, "price": Price(4_400), "count": contracts(5)}
    assert denial(bench, **exit_wish) == "Open orders exceeds limit: 3 > 2"
    assert denial(bench, **exit_wish, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL) == ""


def test_orders_in_flight_and_in_doubt_count_against_the_limits() -> None:
    bench = with_limits(position=contracts(10))
    sent = bench.place(count=700)
    assert denial(bench, count=contracts(5)) == "Position exceeds limit: 12 > 10"
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset", elapsed_ns=1))
    assert bench.desk.risk.worst_position(T) == 700
    assert bench.desk.risk.exposure() == 4_500 * 700
    assert "in doubt" in denial(bench, count=contracts(1))


def test_the_order_rate_is_limited_per_second() -> None:
    bench = with_limits(orders_per_second=2)
    bench.place()
    bench.place(price=4_400)
    assert denial(bench, price=Price(4_300)) == "Order rate exceeds limit: 3/s > 2/s"
    bench.beat(times=11)
    assert denial(bench, price=Price(4_300)) == ""


@pytest.mark.parametrize("status", [s for s in MarketStatus if s is not MarketStatus.ACTIVE])
def test_only_active_markets_are_traded(status: MarketStatus) -> None:
    bench = Bench().up()
    bench.step(ev.MarketChanged(ticker=T, status=status))
    assert f"market is {status}" in denial(bench)


def test_a_market_is_not_traded_on_an_untrusted_book() -> None:
    bench = Bench().up()
    bench.step(ev.BookLost(tickers=(T,), reason="gap 4 to 9"))
    assert "gap 4 to 9" in denial(bench)
    bench.step(book(seq=10))
    assert denial(bench) == ""


def test_a_market_is_closed_by_the_clock_when_its_time_comes() -> None:
    bench = Bench()
    bench.markets = (market(close_ms=bench.desk.wall_ns // 1_000_000 + 20_000),)
    bench.up()
    assert denial(bench) == ""
    bench.beat(seconds=1, times=25)
    assert "closed" in denial(bench)


def trip(bench: Bench) -> None:
    for _ in range(5):
        bench.step(ev.StreamRefused(epoch=1, code=10, text="channel error"))
    assert bench.desk.breaker.tripped


def test_the_breaker_trips_by_five_errors_and_blocks_new_risk() -> None:
    bench = Bench().up()
    trip(bench)
    assert "breaker" in denial(bench)
    assert any(isinstance(r, BreakerMoved) and r.tripped for r in bench.records)


def test_errors_outside_the_window_do_not_trip_the_breaker() -> None:
    bench = Bench().up()
    for _ in range(8):
        bench.step(ev.StreamRefused(epoch=1, code=10, text="channel error"))
        bench.beat(seconds=20)
    assert not bench.desk.breaker.tripped


def test_a_tripped_breaker_never_blocks_a_cancel() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    trip(bench)
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    assert bench.sent_cancels()


def test_a_tripped_breaker_ends_resting_quotes_of_its_own_accord() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.beat()
    trip(bench)
    bench.beat()
    assert [c.client_order_id for c in bench.sent_cancels()] == [sent.client_order_id]


def test_a_tripped_breaker_lets_reducing_orders_pass_but_not_past_flat() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.step(fill())
    trip(bench)
    assert denial(bench, side=BookSide.ASK, price=Price(4_700), count=contracts(6)) != ""
    assert denial(bench, side=BookSide.ASK, price=Price(4_700), count=contracts(5)) == ""
    assert denial(bench, side=BookSide.ASK, price=Price(4_700), count=Count(1)) != ""


def test_the_breaker_is_reset_by_hand_with_a_reason_only() -> None:
    bench = Bench().up()
    trip(bench)
    bench.step(ResetBreaker(reason=" ", command_id=5))
    assert bench.desk.breaker.tripped
    bench.step(ResetBreaker(reason="looked into it", command_id=6))
    assert not bench.desk.breaker.tripped
    assert denial(bench) == ""


def test_a_reset_is_refused_while_the_cause_lasts() -> None:
    bench = Bench().up()
    bench.step(ev.JournalFailed(reason="disk full"))
    bench.step(ResetBreaker(reason="try", command_id=6))
    assert bench.desk.breaker.tripped
    action = bench.desk.status.status_of(6)
    assert action is not None
    assert "journal" in action.text


def test_a_journal_that_cannot_be_written_ends_every_own_order() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(ev.JournalFailed(reason="disk full"))
    assert [c.client_order_id for c in bench.sent_cancels()] == [sent.client_order_id]
    assert denial(bench) != ""


def test_the_breaker_latches_through_a_restart() -> None:
    bench = Bench()
    moved = BreakerMoved(at=1, tripped=True, reason="5 errors", value="5", limit="5")
    engine = Engine(bench.desk, ActorService(Silent()), moved)
    assert engine.desk.breaker.tripped


def test_unarmed_only_reducing_orders_pass() -> None:
    bench = Bench(armed=False).up()
    assert denial(bench) == "Only reducing orders: not armed"


def test_over_the_exposure_limit_only_reducing_orders_pass() -> None:
    bench = Bench(limits=RiskLimits(exposure=dollars(1)))
    bench.positions = (ev.PositionReport(ticker=T, position=Count(500), cost=dollars(2), realized=0, fees=0),)
    bench.up()
    why = "Only reducing orders: exposure or open orders are over their limit"
    assert denial(bench, price=Price(100), count=Count(100)) == why
    assert denial(bench, side=BookSide.ASK, price=Price(4_700), count=Count(500)) == ""


def test_new_risk_outside_the_price_band_is_denied_and_an_exit_is_not() -> None:
    bench = Bench().up()
    bench.step(book(bids=((100, 5_000),), asks=((200, 5_000),), seq=3))
    assert denial(bench, price=Price(100)) == "Price outside the band: 0.01 not in 0.02-0.98"
    bench.step(fill(side=BookSide.BID))
    assert denial(bench, side=BookSide.ASK, price=Price(100), count=contracts(5)) == ""


def test_the_worst_case_over_all_markets_of_an_event_is_limited() -> None:
    bench = Bench(limits=RiskLimits(event_position=contracts(12)))
    bench.markets = (market(), market("KXTEST-26DEC01-B"))
    bench.up()
    bench.accept(bench.place(count=700))
    other = {"ticker": "KXTEST-26DEC01-B", "count": contracts(6)}
    assert denial(bench, **other) == "Event position exceeds limit: 13 > 12"
    assert denial(bench, **(other | {"count": contracts(5)})) == ""


def test_a_daily_loss_with_what_is_not_realized_trips_the_breaker() -> None:
    bench = Bench(limits=RiskLimits(daily_loss=dollars(1)))
    bench.up()
    bench.accept(bench.place(count=5_000))
    bench.step(fill(count=5_000, price=4_500))
    bench.beat()
    assert not bench.desk.breaker.tripped
    bench.step(book(bids=((4_200, 1_000),), seq=4))
    bench.beat()
    assert bench.desk.breaker.tripped
    assert bench.desk.breaker.reason == "daily loss $1.50 reached $1.00"
    bench.step(ResetBreaker(reason="again", command_id=6))
    assert bench.desk.breaker.tripped
    bench.step(book(bids=((4_500, 1_000),), seq=5))
    bench.beat()
    bench.step(ResetBreaker(reason="it came back", command_id=7))
    assert not bench.desk.breaker.tripped


def test_a_fall_from_the_highest_trips_the_breaker_though_the_day_is_won() -> None:
    bench = Bench(limits=RiskLimits(drawdown=dollars(1), daily_loss=dollars(100)))
    bench.up()
    bench.accept(bench.place(count=5_000))
    bench.step(fill(count=5_000, price=4_500))
    bench.step(book(bids=((5_000, 1_000),), asks=((5_100, 1_000),), seq=4))
    bench.beat()
    bench.step(book(bids=((4_700, 1_000),), asks=((5_100, 1_000),), seq=5))
    bench.beat()
    assert bench.desk.equity.day_result > 0
    assert bench.desk.breaker.tripped
    assert "drawdown" in bench.desk.breaker.reason


def test_the_high_water_mark_survives_a_restart_and_a_reset_says_what_would_help() -> None:
    bench = Bench().up()
    bench.accept(bench.place(count=5_000))
    bench.step(fill(count=5_000, price=4_500))
    bench.step(book(bids=((5_000, 1_000),), asks=((5_100, 1_000),), seq=4))
    bench.beat(times=3)
    peaks = [r for r in bench.records if isinstance(r, PeakReached)]
    assert [r.portfolio for r in peaks] == [dollars(1000), dollars(1000) + 2_500_000]
    found = recall(bench.records)
    assert found.peak is not None
    again = Bench(limits=RiskLimits(drawdown=dollars(2)), peak=found.peak.portfolio)
    again.up()
    assert again.desk.equity.drawdown == 2_500_000
    assert again.desk.breaker.tripped and "drawdown" in again.desk.breaker.reason
    assert not [r for r in again.records if isinstance(r, PeakReached)]
    again.step(ResetBreaker(reason="seen", command_id=8))
    action = again.desk.status.status_of(8)
    assert action is not None and action.status == "refused" and "raise drawdown_limit" in action.text


@pytest.mark.parametrize("comes", [True, False])
def test_the_days_base_waits_for_the_books_of_what_is_held_but_not_for_ever(comes: bool) -> None:
    bench = Bench(limits=RiskLimits(daily_loss=dollars(1)))
    held = market("KXTEST-26DEC01-B", last_price=Price(6_000))
    bench.markets = (market(), held)
    bench.positions = (
        ev.PositionReport(ticker=held.ticker, position=contracts(100), cost=dollars(50), realized=0, fees=0),
    )
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.connect()
    bench.engine.actor.quoted = (T,)
    bench.step(book(T))
    bench.beat(times=20)
    assert not [r for r in bench.records if isinstance(r, DayOpened)], "60 of 100 is what was traded last, not a bid"
    if comes:
        bench.step(book(held.ticker, bids=((5_500, 20_000),), asks=((6_500, 20_000),)))
    bench.beat(seconds=1, times=12)
    based = dollars(1000) + (5_500 if comes else 6_000) * 10_000
    assert [r.portfolio for r in bench.records if isinstance(r, DayOpened)] == [based]
    assert bench.desk.equity.day_result == 0 and not bench.desk.breaker.tripped


def test_a_small_rise_or_a_transfer_moves_the_mark_on_record_rightly() -> None:
    tracker = EquityTracker(peak=dollars(10))
    assert tracker.drawdown == 0, "nothing is lost before the first portfolio is known"
    tracker.note(Money(dollars(10) + 5), WALL)
    assert tracker.peak_to_keep() is None
    tracker.moved_from_outside(Money(-dollars(4)))
    tracker.note(Money(dollars(6) + 5), WALL)
    assert tracker.peak_to_keep() == dollars(6) + 5
    assert tracker.drawdown == 0


def test_errors_just_under_the_short_window_are_seen_by_the_long_one() -> None:
    bench = Bench().up()
    for _ in range(14):
        bench.step(ev.StreamRefused(epoch=1, code=10, text="channel error"))
        bench.beat(seconds=31)
        assert not bench.desk.breaker.tripped
    bench.step(ev.StreamRefused(epoch=1, code=10, text="channel error"))
    assert bench.desk.breaker.tripped
    assert "600 s" in bench.desk.breaker.reason


def test_the_days_result_goes_on_after_a_restart_on_the_same_day() -> None:
    bench = Bench(day_base=dollars(1003), day_base_at=Bench().desk.wall_ns)
    bench.up()
    assert bench.desk.equity.day_result == -dollars(3)
    assert not [r for r in bench.records if isinstance(r, DayOpened)]
    other_day = Bench(day_base=dollars(1003), day_base_at=1).up()
    assert other_day.desk.equity.day_result == 0
    assert [r.portfolio for r in other_day.records if isinstance(r, DayOpened)] == [dollars(1000)]


def test_every_limit_in_force_has_a_meter_with_what_is_used_of_it() -> None:
    bench = Bench().up()
    bench.accept(bench.place(count=500))
    bench.desk.error("one", "here")
    found = {limit.name: (limit.used_text, limit.limit_text) for limit in limit_views(bench.desk)}
    assert found == {
        "exposure": ("$2.25", "$1,000.00"),
        "position": ("5", "100"),
        "daily loss": ("$0.00", "$100.00"),
        "drawdown": ("$0.00", "$200.00"),
        "open orders": ("1", "10"),
        "event position": ("5", "300"),
        "errors in 60 s": ("1", "5"),
        "errors in 600 s": ("1", "15"),
        "orders a second": ("1", "5"),
    }


def test_an_overflow_that_ends_every_subscription_counts_once_and_one_that_comes_again_counts_again() -> None:
    bench = Bench().up()
    for _ in range(8):
        bench.step(ev.StreamRefused(epoch=1, code=25, text="Subscription buffer overflow"))
    assert (bench.desk.breaker.errors(bench.desk.now_ns), bench.desk.breaker.tripped) == (1, False)
    for _ in range(4):
        bench.beat(2)
        bench.step(ev.StreamRefused(epoch=1, code=25, text="Subscription buffer overflow"))
    assert bench.desk.breaker.tripped
