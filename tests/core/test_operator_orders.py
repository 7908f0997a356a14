"""What a person places: told before it is sent, left alone by the strategy, kept while the trader lives."""

from typing import Any

import pytest

from core.domain.amounts import Count, Price, contracts, money_text
from core.domain.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder, Stop
from core.domain.effects import SendAmend, SendCancel
from core.domain.enums import BookSide, OrderState, Origin
from core.domain.ids import ClientOrderId, Ticker
from core.domain.records import AmendIntended
from core.engine.explain import explain
from core.engine.picture import state_view
from core.engine.preview import preview_amend, preview_cancel, preview_place
from core.strategy.maker import MarketMaker
from core.trading.queue_bound import QueueBound
from core.trading.recall import recall
from core.trading.risk import RiskLimits
from tests.core.builders import NS, Bench, T, book, fill
from tests.core.test_orders import resting
from tests.core.test_recall import READY, intended, moved, restarted


def wish(price: int = 4_500, count: int = 500, side: BookSide = BookSide.BID, **more: Any) -> PlaceOrder:
    return PlaceOrder(ticker=more.pop("ticker", T), side=side, price=Price(price), count=Count(count), **more)


@pytest.mark.parametrize(
    ("given", "gate"),
    [
        ({"price": 4_555}, "price"),
        ({"count": 20_000}, "order size"),
        ({"count": 0}, "contracts"),
        ({"price": 100}, "price band"),
        ({"ticker": Ticker("KXNONE")}, "market"),
    ],
)
def test_the_preview_refuses_what_the_wish_would_be_refused_for(given: dict[str, Any], gate: str) -> None:
    bench = Bench().up()
    shown = preview_place(bench.desk, wish(**given))
    assert next(g.name for g in shown.gates if not g.passed) == gate
    bench.step(wish(**given, command_id=7))
    action = bench.desk.status.status_of(7)
    assert action is not None
    assert (action.status, action.text) == ("refused", shown.refusal)


def test_the_preview_tells_every_gate_with_value_and_limit_and_changes_nothing() -> None:
    bench = Bench().up()
    before = (bench.desk.orders.counts.denied, len(bench.records), len(bench.effects))
    shown = preview_place(bench.desk, wish(price=4_500, count=500))
    assert [g.name for g in shown.gates] == [
        "market", "in doubt", "contracts", "price", "permission", "price band", "order size", "position",
        "event position",
        "open orders", "exposure", "order rate", "order group",
    ]  # fmt: skip
    assert all(g.passed and g.value and g.limit for g in shown.gates)
    assert (shown.refusal, shown.takes, shown.rests) == ("", 0, 500)
    assert money_text(shown.holds) == "$2.25"
    assert shown.worst_loss == shown.holds + shown.maker_fee
    assert (bench.desk.orders.counts.denied, len(bench.records), len(bench.effects)) == before


def test_an_order_that_crosses_is_told_with_its_average_and_taker_fee() -> None:
    bench = Bench().up()
    asks = bench.desk.markets.get(T).book.levels(BookSide.ASK)  # type: ignore[union-attr]
    price, there = asks[0]
    shown = preview_place(bench.desk, wish(price=price, count=there + 100))
    assert (shown.takes, shown.takes_average, shown.rests) == (there, price, 100)
    assert shown.taker_fee > 0
    assert shown.worst_loss >= price * (there + 100)


def test_closing_what_is_held_loses_nothing_more() -> None:
    bench = Bench().up()
    sent = bench.place(count=500)
    bench.accept(sent)
    bench.step(fill(count=500))
    shown = preview_place(bench.desk, wish(price=9_000, count=300, side=BookSide.ASK))
    assert (shown.holds, shown.worst_loss - shown.maker_fee) == (0, 0)
    assert (shown.position, shown.position_after) == (500, 200)


def test_a_move_of_an_exit_costs_nothing_either() -> None:
    bench = Bench().up()
    sent = bench.place(count=500)
    bench.accept(sent)
    bench.step(fill(count=500))
    leaving = bench.place(price=9_000, side=BookSide.ASK, count=500)
    bench.accept(leaving, order="o2")
    moved_exit = AmendOrder(client_order_id=leaving.client_order_id, price=Price(8_900), count=Count(500))
    shown = preview_amend(bench.desk, moved_exit)
    assert (shown.holds, shown.refusal, shown.position_after) == (0, "", 0)


def test_an_order_before_the_sessions_group_is_refused_and_the_preview_says_so() -> None:
    bench = Bench(group_limit=100).up()
    assert "order group" in preview_place(bench.desk, wish()).refusal
    bench.step(wish(command_id=8))
    action = bench.desk.status.status_of(8)
    assert action is not None
    assert action.text == preview_place(bench.desk, wish()).refusal


def test_the_strategy_leaves_a_persons_order_alone_and_quotes_beside_it() -> None:
    bench = Bench(MarketMaker()).up()
    sent = bench.place(price=3_000)
    bench.accept(sent, order="mine")
    bench.beat(times=30)
    touched = [e for e in bench.effects if isinstance(e, SendCancel) and e.client_order_id == sent.client_order_id]
    assert not touched
    assert any(o.origin is Origin.STRATEGY for o in bench.desk.orders.get_open_orders())


def test_a_quote_that_a_person_moves_is_the_persons_from_then_on() -> None:
    bench = Bench().up()
    sent = bench.place(origin=Origin.STRATEGY)
    bench.accept(sent)
    change = AmendOrder(client_order_id=sent.client_order_id, price=Price(4_400), count=Count(500))
    assert "becomes yours" in preview_amend(bench.desk, change).notes[0]
    bench.step(change)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert order.origin is Origin.OPERATOR


def test_a_persons_lease_is_renewed_in_place_while_the_trader_lives() -> None:
    bench = Bench(MarketMaker(), lease_s=30).up()
    sent = bench.place(price=3_000)
    bench.accept(sent)
    bench.step(book(T))
    for _ in range(22):
        bench.beat(1)
        bench.step(book(T))
    renewed = [e for e in bench.effects if isinstance(e, SendAmend)]
    assert [(e.price, e.count) for e in renewed] == [(3_000, 500)]
    assert renewed[0].expiration_s == bench.desk.orders.get(sent.client_order_id).expiration_s  # type: ignore[union-attr]
    assert isinstance(bench.records[renewed[0].journal_position - 1], AmendIntended)


def test_cancel_all_cancels_every_own_order_and_trades_on() -> None:
    bench = Bench().up()
    resting(bench)
    bench.step(CancelAll(command_id=5))
    assert bench.sent_cancels() or any(o.cancel_wanted for o in bench.desk.orders.get_open_orders())
    assert bench.desk.machine.pause is None
    bench.beat(times=2)
    bench.confirm_cancels()
    bench.step(CancelAll(command_id=6))
    action = bench.desk.status.status_of(6)
    assert action is not None
    assert action.text == "no own order is open"


def test_a_cancel_is_previewed_without_gates() -> None:
    bench = Bench().up()
    sent = resting(bench)
    shown = preview_cancel(bench.desk, CancelOrder(client_order_id=sent.client_order_id))
    assert (shown.act, shown.count, shown.gates, shown.refusal) == ("cancel", 500, (), "")
    gone = preview_cancel(bench.desk, CancelOrder(client_order_id=ClientOrderId("kt-x")))
    assert gone.refusal == "No such open order of ours"


def test_a_persons_order_stays_the_persons_through_a_restart() -> None:
    bench = restarted(READY, intended(origin=Origin.OPERATOR), moved(OrderState.RESTING))
    assert bench.desk.orders.get(ClientOrderId("kt-a-1")).origin is Origin.OPERATOR  # type: ignore[union-attr]


def change(expiration_s: int | None = None) -> AmendIntended:
    return AmendIntended(
        at=READY.at, client_order_id=ClientOrderId("kt-a-1"), price=Price(4_400), count=Count(700),
        expiration_s=expiration_s, origin=Origin.OPERATOR,
    )  # fmt: skip


def test_a_moved_order_comes_back_where_it_was_moved_to() -> None:
    done = moved(OrderState.RESTING, reason="amended")
    found = recall([READY, intended(), moved(OrderState.RESTING), change(), done]).unresolved
    left = found[ClientOrderId("kt-a-1")]
    assert (left.intent.price, left.intent.count, left.asked) == (4_400, 700, None)


def test_a_move_without_an_answer_comes_back_in_doubt_and_counts_at_its_worst() -> None:
    bench = restarted(READY, intended(), moved(OrderState.RESTING), change())
    order = bench.desk.orders.get(ClientOrderId("kt-a-1"))
    assert order is not None
    assert (order.state, order.remaining, order.worst_price) == (OrderState.IN_DOUBT, 700, 4_500)


def test_a_renewed_lease_is_believed_after_a_restart() -> None:
    late = intended().expiration_s or 0
    found = recall([READY, intended(), moved(OrderState.RESTING), change(late + 60)]).unresolved
    assert found[ClientOrderId("kt-a-1")].intent.expiration_s == late + 60


def test_what_stands_before_an_order_only_ever_gets_less() -> None:
    bench = Bench().up()
    sent = bench.place(price=4_500)
    bench.accept(sent)
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    bound, seen = QueueBound(), []
    for there in (1_500, 900, 2_500):  # own 500 among them
        bench.step(book(T, bids=((4_500, there),)))
        bound.look(bench.desk)
        seen.append(bound.ahead(order))
    assert seen == [1_000, 400, 400]
    order.price = Price(4_400)
    assert bound.ahead(order) is None


def test_the_breaker_keeps_what_was_counted_and_why_it_was_reset() -> None:
    bench = Bench(limits=RiskLimits(breaker_windows=((2, 60 * NS),))).up()
    for n in range(2):
        bench.desk.error(f"trouble {n}")
    bench.desk.breaker.reset("looked into", 5)
    words = [text for _, text in bench.desk.breaker.events]
    assert words[0] == "error counted: trouble 0"
    assert words[2].startswith("tripped: 2 errors")
    assert words[3] == "reset: looked into"


def test_a_trader_that_leaves_pauses_no_more() -> None:
    bench = Bench().up()
    bench.engine.life.pause_wanted = True
    bench.step(Stop())
    assert "pausing" not in state_view(bench.engine).label


@pytest.mark.parametrize("strategy", [MarketMaker()])
def test_the_explanation_names_the_first_condition_that_fails(strategy: MarketMaker) -> None:
    bench = Bench(strategy).up()
    assert explain(bench.engine, Ticker("KXNONE")).verdict.startswith("Not traded: KXNONE is not a known market")
    traded = explain(bench.engine, T)
    assert traded.verdict.startswith("Traded:"), traded
    assert all(gate.passed for gate in traded.gates if gate.name != "pace")
    bench.desk.breaker.trip("too many errors", "5", "5", 1)
    assert "breaker is tripped: too many errors" in explain(bench.engine, T).verdict


def test_the_explanation_says_why_the_maker_wishes_no_quote() -> None:
    bench = Bench(MarketMaker()).up()
    bench.step(book(T, asks=()))
    shown = explain(bench.engine, T)
    assert "nobody else shows a ask" not in shown.verdict
    assert "shows an ask" in shown.verdict
    assert contracts(0) == shown.quotes[0].count
