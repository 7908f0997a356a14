"""Batches: which orders and cancels of one step go out together, and what an answer to them means."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Price
from core.domain.commands import Panic
from core.domain.effects import AnyEffect, SendCancel, SendCancels, SendOrder, SendOrders
from core.domain.enums import BookSide, OrderState, TimeInForce
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.records import OrderIntended
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.trading.batching import CANCELS_AT_ONCE, ORDERS_AT_ONCE, gathered
from tests.core.builders import Bench, market

MARKETS = [f"KXTEST-26DEC01-{letter}" for letter in "ABC"]


def order(number: int) -> SendOrder:
    return SendOrder(
        client_order_id=ClientOrderId(f"c{number}"), ticker=Ticker("T"), side=BookSide.BID, price=Price(100),
        count=Count(100), time_in_force=TimeInForce.GOOD_TILL_CANCELED, post_only=True, reduce_only=False,
        expiration_s=None, journal_position=number,
    )  # fmt: skip


def cancel(number: int, *, alone: bool = False) -> SendCancel:
    return SendCancel(
        client_order_id=ClientOrderId(f"c{number}"), order_id=OrderId(f"o{number}"), ticker=Ticker("T"), alone=alone
    )


def sizes(effects: list[AnyEffect]) -> list[int]:
    return [len(e.orders) if isinstance(e, SendOrders) else len(e.cancels) for e in effects]  # type: ignore[union-attr]


def test_a_pair_goes_out_as_two_requests() -> None:
    effects: list[AnyEffect] = [order(1), order(2), cancel(3), cancel(4)]
    assert gathered(effects) == effects


def test_batches_are_as_large_as_the_smallest_bucket_lets_pass_and_lose_nothing() -> None:
    orders: list[AnyEffect] = [order(n) for n in range(ORDERS_AT_ONCE + 3)]
    assert sizes(gathered(orders)) == [ORDERS_AT_ONCE, 3]
    cancels: list[AnyEffect] = [cancel(n) for n in range(2 * CANCELS_AT_ONCE + 1)]
    *batches, last = gathered(cancels)
    assert sizes(batches) == [CANCELS_AT_ONCE] * 2
    assert last == cancels[-1]


def test_a_batch_waits_for_the_last_of_its_records() -> None:
    (batch,) = gathered([order(4), order(9), order(7)])
    assert isinstance(batch, SendOrders) and batch.journal_position == 9


def test_a_cancel_that_failed_in_company_goes_out_alone() -> None:
    found = gathered([cancel(1), cancel(2, alone=True), cancel(3), cancel(4)])
    assert [type(e) for e in found] == [SendCancels, SendCancel]


# ---- in the engine -----------------------------------------------------------------------------------------------


class Both(Strategy):
    """Quotes both sides of every market."""

    name = "both"

    def decide(self, view: MarketView, memory: object) -> Decision:
        rows = ((BookSide.BID, 4_500), (BookSide.ASK, 4_700))
        return Decision(
            quotes=tuple(Quote(ticker=view.ticker, side=s, price=Price(p), count=Count(500)) for s, p in rows)
        )


@pytest.fixture
def bench() -> Bench:
    """Up in three markets, with a batch of quotes on its way."""
    made = Bench(strategy=Both())
    made.markets = tuple(market(t) for t in MARKETS)
    return made.up()


def batch_of(bench: Bench) -> SendOrders:
    return next(e for e in bench.effects if isinstance(e, SendOrders))


def accepted(sent: SendOrder, number: int) -> ev.OrderAccepted:
    return ev.OrderAccepted(
        client_order_id=sent.client_order_id, order_id=OrderId(f"o{number}"), filled=Count(0), remaining=sent.count,
        elapsed_ns=1,
    )  # fmt: skip


def unknown(sent: SendOrder) -> ev.OrderOutcomeUnknown:
    return ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset after send", elapsed_ns=1)


def state_of(bench: Bench, sent: Any) -> OrderState:
    found = bench.desk.orders.get(sent.client_order_id)
    assert found is not None
    return found.state


def test_quotes_of_one_round_leave_in_one_request_after_all_their_records(bench: Bench) -> None:
    batch = batch_of(bench)
    assert len(batch.orders) >= 3
    for sent in batch.orders:
        record = bench.records[sent.journal_position - 1]
        assert isinstance(record, OrderIntended) and record.client_order_id == sent.client_order_id
        assert sent.journal_position <= batch.journal_position


def test_each_order_of_a_batch_has_an_end_of_its_own(bench: Bench) -> None:
    first, second, third, *rest = batch_of(bench).orders
    rejected = ev.OrderRejected(
        client_order_id=second.client_order_id, status=400, code="insufficient_balance", detail="", elapsed_ns=1
    )
    outcomes = (accepted(first, 1), rejected, unknown(third), *(accepted(o, 9 + n) for n, o in enumerate(rest)))
    bench.step(ev.BatchAnswered(outcomes=outcomes))
    states = [state_of(bench, sent) for sent in (first, second, third)]
    assert states == [OrderState.RESTING, OrderState.REJECTED, OrderState.IN_DOUBT]


def test_a_lost_reply_to_a_batch_is_one_error_and_leaves_each_order_in_doubt(bench: Bench) -> None:
    orders = batch_of(bench).orders
    bench.step(ev.BatchAnswered(outcomes=tuple(map(unknown, orders))))
    assert {state_of(bench, sent) for sent in orders} == {OrderState.IN_DOUBT}
    assert bench.desk.breaker.errors(bench.now) == 1
    assert bench.desk.risk.reserved() > 0
    before = len([e for e in bench.effects if isinstance(e, SendOrder | SendOrders)])
    bench.beat(seconds=1, times=9)
    later = [e for e in bench.effects if isinstance(e, SendOrder | SendOrders)][before:]
    asked = {o.ticker for e in later for o in (e.orders if isinstance(e, SendOrders) else (e,))}
    assert not asked & {o.ticker for o in orders}, "nothing is sent again while it is not known"


def test_panic_cancels_in_a_batch_and_what_failed_in_it_alone(bench: Bench) -> None:
    orders = batch_of(bench).orders
    bench.step(ev.BatchAnswered(outcomes=tuple(accepted(o, n) for n, o in enumerate(orders))))
    bench.effects.clear()
    bench.step(Panic(command_id=3))
    (batch,) = [e for e in bench.effects if isinstance(e, SendCancels)]
    assert len(batch.cancels) == len(orders)
    lost = [
        ev.CancelFailed(client_order_id=c.client_order_id, order_id=c.order_id, status=0, reason="lost", elapsed_ns=1)
        for c in batch.cancels
    ]
    bench.step(ev.BatchAnswered(outcomes=tuple(lost)))
    bench.effects.clear()
    bench.beat(seconds=0.6, times=2)
    again = [e for e in bench.effects if isinstance(e, SendCancel)]
    assert len(again) == len(orders) and all(e.alone for e in again)
    assert bench.desk.breaker.errors(bench.now) == 0
