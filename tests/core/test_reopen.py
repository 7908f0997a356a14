"""An order we hold for ended that rests on the exchange: the exchange is right, on record, and only on proof."""

from __future__ import annotations

from core.domain import events as ev
from core.domain.commands import Recalibrate
from core.domain.effects import SendOrder
from core.domain.enums import OrderState, OrderStatus, TraderState
from core.domain.records import Corrected, OrderMoved
from tests.core.builders import Bench, T, fill, report

O = OrderState  # noqa: E741


def wrongly_filled() -> tuple[Bench, SendOrder]:
    """A resting order that one frame filled to the end, which the exchange knows nothing of."""
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.orders = (report(sent.client_order_id),)
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id)
    bench.step(fill(client=sent.client_order_id))
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and order.state is O.FILLED
    return bench, sent


def corrections(bench: Bench) -> list[str]:
    return [f"{r.what}: {r.ours} to {r.theirs}" for r in bench.records if isinstance(r, Corrected)]


def test_an_order_filled_by_a_frame_that_was_never_true_rests_again_with_a_record() -> None:
    bench, sent = wrongly_filled()
    bench.balance = bench.desk.settings.limits.exposure - 4_500 * 500  # type: ignore[assignment]
    bench.beat(seconds=1, times=12)
    bench.step(Recalibrate(command_id=2))
    bench.beat(seconds=1, times=20)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.remaining, order.filled) == (500, 0)
    # Nobody can explain the position that was booked: a person is asked, and what rests is being canceled.
    assert bench.desk.breaker.tripped and order.state is O.CANCELING
    assert bench.desk.positions.net(T) == 0
    assert f"order {sent.client_order_id}: FILLED to resting" in corrections(bench)
    assert O.RESTING in [r.state for r in bench.records if isinstance(r, OrderMoved)][-2:]
    assert bench.desk.orders.counts.filled == 0
    assert bench.state in (TraderState.READY, TraderState.ACTING)


def test_an_order_that_has_just_ended_is_not_reopened_by_a_list_that_lags() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.orders = (report(sent.client_order_id),)
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id)
    bench.step(ev.OrderReported(report=report(sent.client_order_id, status=OrderStatus.CANCELED)))
    bench.step(Recalibrate(command_id=2))
    bench.beat(times=20)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and order.state is O.CANCELED
    assert not [words for words in corrections(bench) if words.startswith("order")]


def test_a_late_frame_does_not_reopen_an_ended_order() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(ev.OrderReported(report=report(sent.client_order_id, status=OrderStatus.CANCELED)))
    bench.beat(seconds=1, times=15)
    bench.step(ev.OrderReported(report=report(sent.client_order_id)))
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and order.state is O.CANCELED


def test_an_order_given_up_as_never_made_that_shows_up_counts_again() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset", elapsed_ns=1))
    bench.looked_up[sent.client_order_id] = None
    bench.beat(seconds=1, times=20)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and order.state is O.VOID
    before = bench.desk.risk.exposure()
    bench.step(ev.OrderReported(report=report(sent.client_order_id)))
    assert order.state is O.RESTING
    assert bench.desk.risk.exposure() == before + 4_500 * 500
    assert order in bench.desk.orders.get_open_orders() and order not in bench.desk.orders.finished
    assert corrections(bench) == [f"order {sent.client_order_id}: VOID to resting"]
