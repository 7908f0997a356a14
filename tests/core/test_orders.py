"""The life of an order with its races, through the engine's one step."""

import msgspec
import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Price
from core.domain.commands import AmendOrder, CancelOrder, Panic, PlaceOrder, Recalibrate
from core.domain.effects import Read, ReadKind, SendAmend, SendOrder
from core.domain.enums import BookSide, OrderState, OrderStatus, Ownership, PriceRule, TimeInForce
from core.domain.ids import ClientOrderId, OrderId
from core.domain.records import AmendIntended, OrderIntended
from tests.core.builders import NS, WALL, Bench, T, book, fill, report

O = OrderState  # noqa: E741


def state_of(bench: Bench, sent: SendOrder) -> OrderState:
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    return order.state


def unknown(sent: SendOrder) -> ev.OrderOutcomeUnknown:
    return ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="reset after send", elapsed_ns=1)


def canceled_report(sent: SendOrder, filled: int = 0, reason: str = "") -> ev.OrderReported:
    return ev.OrderReported(
        report=report(sent.client_order_id, filled=filled, status=OrderStatus.CANCELED, reason=reason)
    )


def test_an_orders_record_stands_in_the_journal_before_its_effect_exists() -> None:
    bench = Bench().up()
    sent = bench.place()
    record = bench.records[sent.journal_position - 1]
    assert isinstance(record, OrderIntended)
    assert record.client_order_id == sent.client_order_id


def test_client_ids_carry_the_prefix_and_never_repeat() -> None:
    bench = Bench().up()
    first, second = bench.place(), bench.place(price=4_400)
    assert first.client_order_id != second.client_order_id
    assert first.client_order_id.startswith("kt-")


def test_an_accepted_order_rests() -> None:
    bench = Bench().up()
    sent = bench.place()
    assert state_of(bench, sent) is O.SENT
    bench.accept(sent)
    assert state_of(bench, sent) is O.RESTING


def test_a_fill_before_the_reply_is_taken_and_the_reply_merges() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(fill(client=sent.client_order_id))
    assert state_of(bench, sent) is O.FILLED
    bench.accept(sent, filled=500)
    assert state_of(bench, sent) is O.FILLED
    assert bench.desk.positions.net(T) == 500


def test_a_fill_told_by_reply_stream_and_reading_counts_once() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent, filled=500)
    bench.step(fill(client=sent.client_order_id))
    bench.step(fill(client=sent.client_order_id))
    assert bench.desk.positions.net(T) == 500
    assert bench.desk.fills.applied == 1


def test_a_partial_fill_leaves_the_rest_working() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(fill(count=200))
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.remaining) == (O.RESTING, 300)


def test_a_late_fill_after_cancel_moves_position() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(canceled_report(sent))
    bench.step(fill(count=200))
    assert state_of(bench, sent) is O.CANCELED
    assert bench.desk.positions.net(T) == 200


def test_a_full_fill_while_the_cancel_is_in_flight_is_no_error() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    assert state_of(bench, sent) is O.CANCELING
    bench.step(fill())
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id, filled=500, status=OrderStatus.EXECUTED)
    bench.step(ev.CancelNotFound(client_order_id=sent.client_order_id, order_id=OrderId("o1"), elapsed_ns=1))
    assert state_of(bench, sent) is O.FILLED
    assert bench.desk.breaker.errors(bench.now) == 0


def test_a_cancel_asked_before_the_id_is_known_goes_out_with_the_reply() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    assert not bench.sent_cancels()
    bench.accept(sent)
    assert [c.order_id for c in bench.sent_cancels()] == ["o1"]


def test_a_failed_cancel_is_sent_again() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    bench.step(
        ev.CancelFailed(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), status=429, reason="limited", elapsed_ns=1
        )
    )
    bench.beat(times=2)
    assert len(bench.sent_cancels()) == 1
    bench.beat(times=6)
    assert len(bench.sent_cancels()) == 2


def test_an_unknown_outcome_is_in_doubt_counted_at_its_worst_and_never_sent_again() -> None:
    bench = Bench().up()
    sent = bench.place()
    exposure = bench.desk.risk.exposure()
    bench.step(unknown(sent))
    assert state_of(bench, sent) is O.IN_DOUBT
    assert bench.desk.risk.exposure() == exposure > 0
    bench.beat(times=300, answer=False)
    assert sum(isinstance(e, SendOrder) for e in bench.effects) == 1


def test_an_order_in_doubt_is_looked_up_only_after_the_settle_wait() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(unknown(sent))
    found = bench.beat(times=95)
    assert not [e for e in found if isinstance(e, Read) and e.kind is ReadKind.ORDER]
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id)
    bench.beat(times=10)
    assert state_of(bench, sent) is O.RESTING


def test_an_order_that_is_seen_again_can_be_canceled_at_once() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(unknown(sent))
    bench.step(ev.OrderReported(report=report(sent.client_order_id)))
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    assert [cancel.client_order_id for cancel in bench.sent_cancels()] == [sent.client_order_id]


def test_one_absence_is_no_proof_that_an_order_never_existed() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(unknown(sent))
    bench.beat(times=105)
    assert state_of(bench, sent) is O.IN_DOUBT
    bench.beat(times=30)
    assert state_of(bench, sent) is O.VOID
    assert bench.desk.risk.exposure() == 0


def test_an_absence_before_an_order_was_seen_is_no_part_of_the_proof_that_it_is_gone() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(unknown(sent))
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    bench.beat(times=105)
    assert (order.state, order.lookups) == (O.IN_DOUBT, 1)
    bench.step(ev.OrderReported(report=report(sent.client_order_id)))
    bench.desk.cancel(order)
    # A list that lags behind its making, and a cancel that went astray.
    bench.step(ev.CancelNotFound(client_order_id=sent.client_order_id, order_id=OrderId("o1"), elapsed_ns=1))
    assert order.state is O.RESTING and order.cancel_wanted


def test_a_duplicate_id_is_proof_that_the_order_landed() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(
        ev.OrderRejected(
            client_order_id=sent.client_order_id, status=409, code="order_already_exists", detail="",
            duplicate=True, elapsed_ns=1,
        )
    )  # fmt: skip
    assert state_of(bench, sent) is O.IN_DOUBT


def test_an_order_whose_bytes_never_left_is_void_and_not_counted_as_placed() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderNotSent(client_order_id=sent.client_order_id, reason="connect refused"))
    assert state_of(bench, sent) is O.VOID
    assert bench.desk.orders.counts.placed == 0


def test_a_rejected_order_is_final_and_feeds_the_breaker() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(
        ev.OrderRejected(
            client_order_id=sent.client_order_id, status=400, code="insufficient_balance", detail="", elapsed_ns=1
        )
    )
    assert state_of(bench, sent) is O.REJECTED
    assert bench.desk.breaker.errors(bench.now) == 1


def test_a_post_only_cross_is_a_rejection_but_no_error() -> None:
    bench = Bench().up()
    sent = bench.place(post_only=True)
    bench.step(
        ev.OrderRejected(
            client_order_id=sent.client_order_id, status=400, code="invalid_order", detail="post only cross",
            elapsed_ns=1,
        )
    )  # fmt: skip
    assert state_of(bench, sent) is O.REJECTED
    assert bench.desk.breaker.errors(bench.now) == 0


def test_a_lease_that_ran_out_is_expired_not_canceled() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(canceled_report(sent, reason="ExpiryCancel"))
    assert state_of(bench, sent) is O.EXPIRED


def test_good_till_canceled_orders_carry_a_lease_and_immediate_ones_none() -> None:
    bench = Bench().up()
    sent = bench.place()
    assert sent.expiration_s is not None
    now_s = bench.desk.wall_ns // NS
    assert sent.expiration_s == now_s + 120
    taker = bench.place(price=4_700, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    assert taker.expiration_s is None


def test_a_claimed_fill_that_never_came_is_read_within_its_bound() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent, filled=500)
    assert bench.desk.positions.net(T) == 0
    bench.fills = (fill(client=None),)
    bench.beat(times=30)
    assert bench.desk.positions.net(T) == 500


@pytest.mark.parametrize(
    ("client", "ownership"),
    [("kt-s0-000001", Ownership.OWN), ("kt-zz-000009", Ownership.ADOPTED), ("web-1", Ownership.FOREIGN)],
)
def test_orders_met_are_own_adopted_or_foreign_by_their_client_id(client: str, ownership: Ownership) -> None:
    bench = Bench(known=frozenset({"kt-s0-000001"}))
    bench.orders = (report(client, order="x1"),)
    bench.up()
    order = bench.desk.orders.get(ClientOrderId(client))
    assert order is not None
    assert order.ownership is ownership
    # Nobody wishes for what an earlier session left: the strategy takes it back. What is not ours is not touched.
    assert order.state is (O.RESTING if ownership is Ownership.FOREIGN else O.CANCELING)


def test_foreign_orders_count_in_risk_and_are_left_alone() -> None:
    bench = Bench()
    bench.orders = (report("web-1", order="x1"),)
    bench.up()
    assert bench.desk.risk.exposure() == 4_500 * 500
    bench.step(Panic())
    bench.beat(times=5)
    assert not bench.sent_cancels()
    assert bench.desk.orders.foreign_orders()


def test_an_order_the_list_lacks_is_looked_up_before_it_is_given_up() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id, filled=500, status=OrderStatus.EXECUTED)
    bench.fills = (fill(),)
    bench.step(Recalibrate())
    bench.beat(times=30)
    assert state_of(bench, sent) is O.FILLED
    assert bench.desk.positions.net(T) == 500


def test_a_bid_and_an_ask_of_one_position_reserve_only_what_they_could_cost() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(fill())
    assert bench.desk.risk.exposure() == 4_500 * 500
    exit_order = bench.place(side=BookSide.ASK, price=4_700)
    bench.accept(exit_order, order="o2")
    assert bench.desk.risk.exposure() == 4_500 * 500
    assert bench.desk.risk.reserved() == 0


def test_an_immediate_order_cut_short_keeps_what_it_filled() -> None:
    bench = Bench().up()
    sent = bench.place(price=4_700, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    bench.step(
        ev.OrderAccepted(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), filled=Count(200), remaining=Count(0),
            elapsed_ns=1,
        )
    )  # fmt: skip
    assert state_of(bench, sent) is O.CANCELED
    bench.step(fill(price=4_700, count=200))
    assert bench.desk.positions.net(T) == 200


def test_a_denied_wish_sends_nothing_and_is_counted() -> None:
    bench = Bench().up()
    bench.step(PlaceOrder(ticker=T, side=BookSide.BID, price=Price(4_555), count=Count(500), command_id=9))
    assert not [e for e in bench.effects if isinstance(e, SendOrder)]
    action = bench.desk.status.status_of(9)
    assert action is not None
    assert action.status == "refused"
    assert "grid" in action.text
    assert bench.desk.orders.counts.denied == 1


def amended(sent: SendOrder, price: int, count: int, order: str = "o1") -> ev.AmendConfirmed:
    return ev.AmendConfirmed(
        client_order_id=sent.client_order_id, order_id=OrderId(order), price=Price(price), count=Count(count),
        filled=None, remaining=None, elapsed_ns=1,
    )  # fmt: skip


def amend(bench: Bench, sent: SendOrder, price: int, count: int) -> str:
    bench.step(AmendOrder(client_order_id=sent.client_order_id, price=Price(price), count=Count(count), command_id=12))
    action = bench.desk.status.status_of(12)
    assert action is not None
    return action.text


def resting(bench: Bench) -> SendOrder:
    sent = bench.place()
    bench.accept(sent)
    return sent


def test_an_amend_is_journaled_asks_for_filled_plus_wanted_and_moves_the_order() -> None:
    bench = Bench().up()
    sent = resting(bench)
    bench.step(fill(count=200))
    amend(bench, sent, 4_400, 300)
    (effect,) = [e for e in bench.effects if isinstance(e, SendAmend)]
    assert (effect.price, effect.count) == (4_400, 500)
    assert isinstance(bench.records[effect.journal_position - 1], AmendIntended)
    assert state_of(bench, sent) is O.AMENDING
    bench.step(amended(sent, 4_400, 500, order="o2"))
    order = bench.desk.orders.find(OrderId("o2"), None)
    assert order is not None
    assert (order.state, order.price, order.remaining) == (O.RESTING, 4_400, 300)


def test_both_sizes_of_an_amend_in_flight_count_at_their_worst() -> None:
    bench = Bench().up()
    sent = resting(bench)
    amend(bench, sent, 4_300, 900)
    assert bench.desk.risk.exposure() == 4_500 * 900
    bench.step(amended(sent, 4_300, 900))
    assert bench.desk.risk.exposure() == 4_300 * 900


def test_a_refused_amend_leaves_the_order_as_it_was() -> None:
    bench = Bench().up()
    sent = resting(bench)
    amend(bench, sent, 4_300, 900)
    bench.step(
        ev.AmendRejected(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), status=400, code="invalid_price", detail="",
            elapsed_ns=1,
        )
    )  # fmt: skip
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.price, order.remaining) == (O.RESTING, 4_500, 500)


@pytest.mark.parametrize(("price", "count"), [(4_300, 900), (4_500, 500)], ids=["it happened", "it did not"])
def test_a_half_known_amend_is_in_doubt_until_the_exchange_tells_price_and_size(price: int, count: int) -> None:
    bench = Bench().up()
    sent = resting(bench)
    amend(bench, sent, 4_300, 900)
    bench.step(
        ev.AmendOutcomeUnknown(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), reason="reset", elapsed_ns=1
        )
    )
    assert state_of(bench, sent) is O.IN_DOUBT
    assert bench.desk.risk.exposure() == 4_500 * 900
    bench.looked_up[sent.client_order_id] = report(sent.client_order_id, price=price, initial=count)
    bench.beat(times=110)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.price, order.remaining) == (O.RESTING, price, count)


def test_an_amend_over_a_limit_or_of_an_order_not_resting_is_denied() -> None:
    bench = Bench().up()
    sent = bench.place()
    assert "not resting" in amend(bench, sent, 4_400, 300)
    bench.accept(sent)
    assert amend(bench, sent, 4_400, 10_100) == "Order size exceeds limit: 101 > 100"
    assert "grid" in amend(bench, sent, 4_444, 300)
    assert not [e for e in bench.effects if isinstance(e, SendAmend)]


@pytest.mark.parametrize(
    ("rule", "side", "price"),
    [
        (PriceRule.JOIN, BookSide.BID, 4_500),
        (PriceRule.JOIN, BookSide.ASK, 4_700),
        (PriceRule.IMPROVE, BookSide.BID, 4_600),
        (PriceRule.IMPROVE, BookSide.ASK, 4_600),
        (PriceRule.CROSS, BookSide.BID, 4_700),
        (PriceRule.CROSS, BookSide.ASK, 4_500),
    ],
)
def test_an_order_without_a_price_takes_its_named_rule(rule: PriceRule, side: BookSide, price: int) -> None:
    bench = Bench().up()
    assert bench.place(side=side, price=0, rule=rule).price == price


def test_improving_never_crosses_and_crossing_never_passes_its_floor() -> None:
    bench = Bench().up()
    bench.step(book(bids=((4_500, 300), (4_000, 300), (3_000, 9_000)), asks=((4_600, 300),), seq=5))
    assert bench.place(price=0, rule=PriceRule.IMPROVE, count=100).price == 4_500
    assert bench.place(side=BookSide.ASK, price=0, rule=PriceRule.CROSS, count=5_000).price == 4_000


def test_no_price_is_invented_for_an_empty_book() -> None:
    bench = Bench().up()
    bench.step(book(bids=(), asks=(), seq=5))
    for rule in PriceRule:
        bench.step(PlaceOrder(ticker=T, side=BookSide.BID, count=Count(500), rule=rule, command_id=9))
        action = bench.desk.status.status_of(9)
        assert action is not None
        assert action.status == "refused"


def test_a_fill_that_came_before_its_orders_id_was_known_is_credited_when_it_is() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="lost", elapsed_ns=1))
    bench.step(fill(order="o9", client=None))
    bench.step(
        ev.OrderReported(report=report(sent.client_order_id, order="o9", filled=500, status=OrderStatus.EXECUTED))
    )
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert (order.state, order.filled, order.missing) == (OrderState.FILLED, 500, 0)


def test_a_cancel_answered_by_404_whose_look_up_fails_is_asked_again() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    bench.desk.cancel(order)
    bench.failing = {ReadKind.ORDER}
    bench.step(ev.CancelNotFound(client_order_id=sent.client_order_id, order_id=OrderId("o1"), elapsed_ns=1))
    assert order.is_open
    before = len(bench.sent_cancels())
    bench.beat(times=30)
    assert len(bench.sent_cancels()) == before + 1


@pytest.mark.parametrize(("made_ms_ago", "tripped"), [(60_000, False), (-60_000, True)])
def test_an_order_by_our_name_made_while_we_run_reveals_another_trader(made_ms_ago: int, tripped: bool) -> None:
    bench = Bench().up()
    made = msgspec.structs.replace(report("kt-other-000001"), created_ms=WALL // 1_000_000 - made_ms_ago)
    bench.step(ev.OrderReported(report=made))
    assert bench.desk.breaker.tripped is tripped
    assert not tripped or "another trader works on this account" in bench.desk.breaker.reason


def test_acting_says_what_is_done() -> None:
    bench = Bench().up()
    sent = bench.place(side=BookSide.ASK, price=4_700)
    bench.beat()
    assert (bench.state.value, bench.desk.machine.reason) == ("ACTING", "processing_action_sell")
    bench.accept(sent)
    bench.beat()
    assert (bench.state.value, bench.desk.machine.reason) == ("READY", "action_complete")
    bench.step(CancelOrder(client_order_id=sent.client_order_id))
    bench.beat()
    assert bench.desk.machine.reason == "processing_action_cancel"


def test_a_change_in_doubt_is_settled_by_what_the_order_can_still_fill_and_not_by_what_it_began_with() -> None:
    bench = Bench().up()
    sent = resting(bench)
    amend(bench, sent, 4_500, 300)
    bench.step(
        ev.AmendOutcomeUnknown(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), reason="lost", elapsed_ns=1
        )
    )
    told = msgspec.structs.replace(report(sent.client_order_id, initial=500), remaining=Count(300))
    bench.looked_up[sent.client_order_id] = told
    assert bench.desk.risk.exposure() == 4_500 * 500, "both sizes at their worst until it is known"
    bench.beat(seconds=1, times=12)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and (order.remaining, order.is_open) == (300, True)
    assert bench.desk.risk.exposure() == 4_500 * 300


def test_an_order_met_after_it_was_made_smaller_counts_as_it_is() -> None:
    bench = Bench().up()
    told = msgspec.structs.replace(report("web", "o9", initial=500), remaining=Count(200))
    bench.step(ev.OrderReported(report=told))
    (order,) = bench.desk.orders.foreign_orders()
    assert order.remaining == 200


ANY = {"client_order_id": ClientOrderId("?"), "order_id": OrderId("o1"), "elapsed_ns": 1}


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (ev.AmendRejected(**ANY, status=401, code="expired", detail=""), O.RESTING),
        (ev.AmendOutcomeUnknown(**ANY, reason="reset"), O.IN_DOUBT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_changes_reply_after_a_cancel_that_overtook_it_and_failed_is_taken(
    reply: ev.Event, state: OrderState
) -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    name = sent.client_order_id
    bench.step(AmendOrder(client_order_id=name, price=Price(4_400), count=Count(600)))
    bench.step(CancelOrder(client_order_id=name))
    bench.step(
        ev.CancelFailed(client_order_id=name, order_id=OrderId("o1"), status=401, reason="expired", elapsed_ns=1)
    )
    assert state_of(bench, sent) is O.RESTING
    bench.step(msgspec.structs.replace(reply, client_order_id=name))
    assert state_of(bench, sent) is state
