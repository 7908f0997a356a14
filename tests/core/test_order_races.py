"""Races of one order's requests, replies and stream that the rule machine found; each went wrong once."""

from __future__ import annotations

from core.domain import events as ev
from core.domain.amounts import Count, Price
from core.domain.commands import AmendOrder, CancelOrder
from core.domain.effects import SendAmend, SendDecrease, SendOrder
from core.domain.enums import BookSide, OrderState, Origin
from core.domain.ids import OrderId
from core.trading.recall import recall
from tests.core.builders import Bench, T, fill, report
from tests.rules.test_orders import WIDE


def placed(count: int = 100) -> tuple[Bench, SendOrder]:
    bench = Bench(limits=WIDE).up()
    return bench, bench.place(count=count)


def amended(bench: Bench, sent: SendOrder, price: int, left: int) -> None:
    wish = AmendOrder(
        origin=Origin.OPERATOR,
        client_order_id=sent.client_order_id,
        price=Price(price),
        count=Count(left),
        command_id=9,
    )
    bench.step(wish)
    assert isinstance(bench.effects[-1], SendAmend | SendDecrease)


def lost(sent: SendOrder) -> ev.AmendOutcomeUnknown:
    return ev.AmendOutcomeUnknown(
        client_order_id=sent.client_order_id, order_id=OrderId("o1"), reason="reset", elapsed_ns=1
    )


def state(bench: Bench, sent: SendOrder) -> OrderState:
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    return order.state


def test_a_reply_lost_after_the_stream_showed_the_order_and_a_cancel_left_is_no_news() -> None:
    bench, sent = placed()
    bench.step(ev.OrderReported(report=report(sent.client_order_id, "o1", initial=100)))
    bench.step(CancelOrder(origin=Origin.OPERATOR, client_order_id=sent.client_order_id, command_id=9))
    assert state(bench, sent) is OrderState.CANCELING
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset", elapsed_ns=1))
    assert state(bench, sent) is OrderState.CANCELING


def test_the_same_while_a_change_is_on_its_way() -> None:
    bench, sent = placed()
    bench.step(ev.OrderReported(report=report(sent.client_order_id, "o1", initial=100)))
    amended(bench, sent, 4_400, 100)
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset", elapsed_ns=1))
    assert state(bench, sent) is OrderState.AMENDING


def test_what_the_exchange_says_was_filled_counts_against_the_limits_before_its_fill_is_here() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent, filled=100)
    assert bench.desk.positions.net(T) == 0
    assert bench.desk.risk.worst_position(T) == 100
    assert bench.desk.risk.exposure() == 4_500 * 100
    bench.step(fill("t1", "o1", count=100))
    assert bench.desk.risk.worst_position(T) == 100
    assert bench.desk.risk.exposure() == 4_500 * 100


def test_an_exit_that_filled_and_whose_fill_is_not_here_yet_is_not_sold_a_second_time() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    bench.step(fill("t1", "o1", count=100))
    bench.effects.clear()
    exit_sent = bench.place(BookSide.ASK, 4_700, 100)
    bench.accept(exit_sent, "o2", filled=100)
    assert bench.desk.positions.net(T) == 100
    assert bench.desk.risk.reducible(T, BookSide.ASK) == 0


def test_a_fill_does_not_say_whether_a_change_was_made() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    amended(bench, sent, 4_400, 300)
    bench.step(lost(sent))
    bench.step(fill("t1", "o1", count=40, price=4_400))
    assert state(bench, sent) is OrderState.IN_DOUBT
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id, "o1", price=4_400, initial=300, filled=40)
    bench.beat(1.0, 12)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.price, order.remaining, order.asked) == (OrderState.RESTING, 4_400, 260, None)


def test_an_order_that_fills_to_its_old_size_while_it_grows_has_not_ended() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    amended(bench, sent, 4_400, 300)
    bench.step(fill("t1", "o1", count=100))
    assert state(bench, sent) is OrderState.AMENDING
    assert bench.desk.risk.worst_position(T) == 300
    refused = ev.AmendRejected(
        client_order_id=sent.client_order_id, order_id=OrderId("o1"), status=400, code="no", detail="", elapsed_ns=1
    )
    bench.step(refused)
    assert state(bench, sent) is OrderState.FILLED


def test_a_cancel_after_a_decrease_of_unknown_end_claims_no_fill_that_may_never_have_been() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    amended(bench, sent, 4_500, 60)
    bench.step(CancelOrder(origin=Origin.OPERATOR, client_order_id=sent.client_order_id, command_id=8))
    bench.step(lost(sent))
    bench.step(
        ev.CancelConfirmed(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), reduced_by=Count(60), elapsed_ns=1
        )
    )
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.claimed, order.missing) == (OrderState.CANCELED, 0, 0)


def test_a_word_from_before_a_change_does_not_say_how_the_change_ended() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    amended(bench, sent, 4_400, 300)
    bench.step(lost(sent))
    bench.step(ev.OrderReported(report=report(sent.client_order_id, "o1", price=4_500, initial=100)))
    assert state(bench, sent) is OrderState.IN_DOUBT
    assert bench.desk.risk.worst_position(T) == 300
    bench.step(ev.OrderReported(report=report(sent.client_order_id, "o1", price=4_400, initial=300)))
    assert state(bench, sent) is OrderState.RESTING


def test_a_change_whose_reply_was_lost_and_that_was_made_is_known_to_the_next_start() -> None:
    bench, sent = placed(count=100)
    bench.accept(sent)
    amended(bench, sent, 4_400, 300)
    bench.step(lost(sent))
    bench.step(ev.OrderReported(report=report(sent.client_order_id, "o1", price=4_400, initial=300)))
    left = recall(bench.records).unresolved[sent.client_order_id]
    assert (left.intent.price, left.intent.count, left.asked) == (4_400, 300, None)
