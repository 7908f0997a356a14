"""What a wish's result says: running until its end is known, then how it ended."""

from core.domain import events as ev
from core.domain.amounts import Count, Price, contracts
from core.domain.commands import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    Liquidate,
    Panic,
    Pause,
    Recalibrate,
    Resume,
    Stop,
    SwitchStrategy,
)
from core.domain.effects import ReadKind
from core.domain.enums import ExitReason, Origin
from core.domain.ids import OrderId
from tests.core.builders import Bench, T, book, fill, report


def resting(count: int = 1) -> Bench:
    bench = Bench().up()
    for number in range(count):
        bench.accept(bench.place(price=4_400 - 100 * number), order=f"o{number + 1}")
    bench.beat()
    return bench


def told(bench: Bench, number: int = 9) -> tuple[str, str]:
    action = bench.desk.status.status_of(number)
    assert action is not None
    return action.status, action.text


def wish(bench: Bench, command: type[Command], **more: object) -> tuple[str, str]:
    bench.step(command(command_id=9, **more))
    return told(bench)


def test_a_placed_order_is_running_until_it_rests() -> None:
    bench = Bench().up()
    sent = bench.place()
    assert told(bench, 1) == ("running", f"sent {T} BUY 5@0.45")
    bench.accept(sent)
    bench.beat()
    assert told(bench, 1) == ("done", f"rests: {T} BUY 5@0.45")
    action = bench.desk.status.status_of(1)
    assert action is not None and action.client_order_id == sent.client_order_id


def test_a_rejected_order_is_a_failed_wish_with_the_exchange_s_reason() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderRejected(client_order_id=sent.client_order_id, status=400, code="invalid_order",
                                detail="post only cross", duplicate=False, elapsed_ns=1))  # fmt: skip
    bench.beat()
    assert told(bench, 1) == ("failed", f"rejected: {T} BUY 5@0.45, invalid_order post only cross")


def test_an_order_in_doubt_says_so_and_then_what_was_found() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="timeout", elapsed_ns=1))
    bench.beat()
    assert told(bench, 1)[0] == "running" and "in doubt" in told(bench, 1)[1]
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id)
    bench.beat(times=150)
    assert told(bench, 1) == ("done", f"rests: {T} BUY 5@0.45")


def test_a_cancel_that_comes_too_late_failed() -> None:
    bench = resting()
    order = bench.desk.orders.get_open_orders()[0]
    assert wish(bench, CancelOrder, client_order_id=order.client_order_id)[0] == "running"
    bench.step(fill(order="o1", price=4_400, client=order.client_order_id))
    bench.beat()
    assert told(bench) == ("failed", f"filled before the cancel: {T} BUY 5@0.44")


def test_cancel_all_counts_what_has_ended_and_says_what_could_not_be_sent() -> None:
    bench = resting(2)
    assert wish(bench, CancelAll) == ("running", "the strategy quotes anew, p pauses it; canceling 2 own orders")
    first = bench.sent_cancels()[0]
    assert len(bench.sent_cancels()) == 2
    bench.step(ev.CancelFailed(client_order_id=first.client_order_id, order_id=first.order_id, status=0,
                               reason="refused", elapsed_ns=1))  # fmt: skip
    bench.beat()
    assert told(bench) == (
        "running",
        "the strategy quotes anew, p pauses it; canceling: 0 of 2 ended, 1 could not be sent and are tried again",
    )
    bench.confirm_cancels()
    bench.beat()
    assert told(bench) == ("done", "the strategy quotes anew, p pauses it; 2 canceled")


def test_a_pause_is_done_when_nothing_rests() -> None:
    bench = resting()
    assert wish(bench, Pause) == ("running", "paused; canceling 1 own orders")
    bench.confirm_cancels()
    bench.beat()
    assert told(bench) == ("done", "paused; 1 canceled")


def test_a_panic_is_done_when_a_reading_has_verified_it() -> None:
    bench = resting()
    assert wish(bench, Panic)[0] == "running"
    bench.confirm_cancels()
    bench.beat(times=30)
    assert told(bench) == ("done", "paused; no own order rests, verified by a reading")


def test_a_panic_without_a_connection_does_not_say_done() -> None:
    bench = resting()
    bench.failing = set(ReadKind)
    bench.desk.links.client_up = False
    status, text = wish(bench, Panic)
    assert status == "running" and "nothing could be sent" in text
    bench.beat(times=5)
    assert told(bench)[0] == "running"


def test_a_liquidation_ends_with_its_outcome() -> None:
    bench = Bench().up()
    sent = bench.place(price=4_700)
    bench.accept(sent, filled=500)
    bench.step(fill(order="o1", price=4_700, client=sent.client_order_id))
    bench.beat()
    assert wish(bench, Liquidate) == ("running", "liquidating 1 positions")
    bench.step(book(bids=(), asks=(), seq=2))
    bench.beat(times=600)
    status, text = told(bench)
    assert status in ("failed", "done") and text != "liquidating 1 positions"


def test_a_calibration_by_hand_ends_with_what_it_found() -> None:
    bench = Bench().up()
    assert wish(bench, Recalibrate) == ("running", "comparing with the exchange")
    bench.beat(times=20)
    assert told(bench) == ("done", "compared: 0 positions, 0 orders, cash drift $0.000000")


def test_a_change_says_what_the_order_is_now_or_why_it_is_not_changed() -> None:
    bench = resting()
    order = bench.desk.orders.get_open_orders()[0]
    command = {"client_order_id": order.client_order_id, "price": Price(4_300), "count": contracts(5)}
    assert wish(bench, AmendOrder, **command)[0] == "running"
    order_id = OrderId("o1")
    bench.step(ev.AmendRejected(client_order_id=order.client_order_id, order_id=order_id, status=400,
                                code="invalid_price", detail="", elapsed_ns=1))  # fmt: skip
    bench.beat()
    assert told(bench) == ("failed", f"amend refused: invalid_price; still {T} BUY 5@0.44")
    assert wish(bench, AmendOrder, **command)[0] == "running"
    bench.step(ev.AmendConfirmed(client_order_id=order.client_order_id, order_id=order_id, price=Price(4_300),
                                 count=Count(500), remaining=Count(500), filled=Count(0), elapsed_ns=1))  # fmt: skip
    bench.beat()
    assert told(bench) == ("done", f"now {T} BUY 5@0.43")


def test_a_pause_that_has_to_wait_is_not_done_before_it_is_there() -> None:
    bench = Bench().up()
    bench.step(Recalibrate())
    assert wish(bench, Pause)[0] == "running"
    assert "will be paused after CALIBRATING" in told(bench)[1]
    bench.beat(times=30)
    assert told(bench) == ("done", "paused; 0 canceled")


def test_a_pause_that_is_taken_back_says_so() -> None:
    bench = resting()
    wish(bench, Pause)
    bench.step(Resume())
    bench.beat(times=2)
    assert told(bench) == ("failed", "taken back by a resume")


def test_a_comparison_cut_off_by_a_panic_is_made_before_trading_goes_on() -> None:
    bench = Bench().up()
    before = bench.engine.life.calibrations
    bench.step(Recalibrate(), answer=False)
    bench.step(Panic(command_id=9))
    bench.beat(times=30)
    bench.step(Resume())
    bench.beat(times=30)
    assert bench.engine.life.calibrations == before + 1


def test_a_stop_is_running_until_it_is_verified_and_failed_when_it_is_not() -> None:
    bench = resting()
    assert wish(bench, Stop, reason=ExitReason.QUIT)[0] == "running"
    bench.beat(times=300)  # the cancel is never answered
    status, text = told(bench)
    assert (status, text) == ("failed", "stopped, not verified")


def test_a_strategy_switched_off_says_when_its_orders_are_gone() -> None:
    bench = resting()
    bench.desk.orders.get_open_orders()[0].origin = Origin.STRATEGY
    assert wish(bench, SwitchStrategy, on=False)[0] == "running"
    bench.confirm_cancels()
    bench.beat()
    assert told(bench) == ("done", "strategy silent is off; 1 canceled")
