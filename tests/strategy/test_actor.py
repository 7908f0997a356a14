"""ActorService: what is decided is recorded, what is late is dropped, what misbehaves is switched off."""

from __future__ import annotations

import math
import signal
import time
from asyncio import CancelledError
from typing import Any

import pytest

from core.domain.amounts import Price, contracts, dollars
from core.domain.commands import SetParameter, SwitchStrategy
from core.domain.effects import SendOrder
from core.domain.enums import BookSide, Origin, TraderState
from core.domain.errors import TookTooLong
from core.domain.ids import Ticker
from core.engine.explain import explain
from core.engine.health import components
from core.engine.picture import strategy_view
from core.engine.strategy_report import parameter_refusal, strategy_report
from core.local.clock import SystemClock
from core.local.stopwatch import MainThreadStopwatch
from core.strategy.actor import ACTION_WITHIN_NS, SLOW_NS
from core.strategy.base import Decision, MarketView, Quote, Strategy, Take
from core.strategy.maker import MarketMaker
from core.trading.risk import RiskLimits
from tests.core.builders import Bench, T, book, fill, market
from tests.core.test_screens_facts import result


class Scripted(Strategy):
    """Does what `act` does; counts how often it is asked."""

    name = "scripted"

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act, self.asked = act, 0

    def decide(self, view: MarketView, memory: Any) -> Decision:
        self.asked += 1
        return self.act(view)  # type: ignore[no-any-return]


def bid(view: MarketView, price: int = 4_500) -> Decision:
    return Decision(quotes=(Quote(ticker=view.ticker, side=BookSide.BID, price=Price(price), count=contracts(5)),))


class Slow:
    """A stopwatch that says each call took so long, in ms."""

    def __init__(self, *took_ms: int) -> None:
        self.took_ms = list(took_ms)

    def timed(self, call: Any) -> Any:
        return call(), (self.took_ms.pop(0) if self.took_ms else 0) * 1_000_000


def moved(bench: Bench, seq: int) -> None:
    """Something happens in the market, and time for one more decision passes."""
    bench.step(book(bids=((4_500, 1_000 + seq),), seq=seq))
    bench.beat(seconds=0.3)


def test_every_decision_is_recorded_with_digest_words_and_result() -> None:
    bench = Bench(Scripted(bid)).up()
    (first, *_) = bench.engine.actor.decisions.of(T)[::-1]
    assert len(first.digest) == 16
    assert first.wishes == ("buy 5 @ 0.45 (rest)",)
    assert first.result.startswith("sent")
    shown = explain(bench.engine, T).decisions
    assert shown == bench.engine.actor.decisions.of(T)


def test_a_decision_for_no_action_is_recorded_too() -> None:
    bench = Bench(Scripted(lambda view: Decision(said="hold"))).up()
    rows = bench.engine.actor.decisions.of(T)
    assert rows
    assert (rows[0].said, rows[0].wishes, rows[0].result) == ("hold", (), "nothing to change")


def test_the_same_inputs_have_the_same_digest_and_others_another() -> None:
    def digests(size: int) -> list[str]:
        bench = Bench(Scripted(lambda view: Decision(said="hold"))).up()
        bench.step(book(bids=((4_500, size),), seq=2))
        bench.beat(seconds=0.3)
        return [row.digest for row in bench.engine.actor.decisions.of(T)]

    assert digests(900) == digests(900)
    assert digests(900)[0] != digests(901)[0]


def test_what_a_gate_refused_names_the_gate_in_the_record() -> None:
    bench = Bench(Scripted(lambda view: bid(view, 100))).up()
    row = bench.engine.actor.decisions.of(T)[-1]
    assert "0.01" in row.gate or "rice" in row.gate, row
    assert row.gate in row.result


def test_nothing_is_asked_while_nothing_moves_but_once_a_second() -> None:
    strategy = Scripted(lambda view: Decision(said="hold"))
    bench = Bench(strategy).up()
    before = strategy.asked
    bench.beat(times=20)
    assert 1 <= strategy.asked - before <= 3
    moved(bench, 2)
    assert strategy.asked - before >= 2


def test_one_action_is_in_flight_a_market_until_it_is_answered_or_late() -> None:
    strategy = Scripted(bid)
    bench = Bench(strategy)
    bench.markets = (market(T),)
    bench.up()
    (order,) = bench.desk.orders.get_open_orders()
    bench.engine.actor._acted_ns[T] = bench.now
    asked = strategy.asked
    for seq in range(2, 6):
        moved(bench, seq)
        assert order.in_flight
        assert strategy.asked == asked, "asked while its order had no answer"
    bench.now += ACTION_WITHIN_NS
    moved(bench, 7)
    assert strategy.asked > asked, "an action without an answer must not hold its market for ever"


def test_a_decision_that_found_no_room_is_dropped_when_the_market_moved_on() -> None:
    wanted = [4_500]
    bench = Bench(Scripted(lambda view: bid(view, wanted[0]))).up()
    bench.accept(next(e for e in bench.effects if hasattr(e, "price")))
    bench.step(fill(client=bench.desk.orders.get_open_orders()[0].client_order_id, count=500))
    actor, desk = bench.engine.actor, bench.desk
    desk.now_ns = bench.now = bench.now + 10**9
    assert actor.decide(desk, room=0) == []
    row = actor.decisions.last(T)
    assert row is not None
    assert (row.gate, row.result) == ("order rate", "waits for room in the order rate")
    assert actor.decide(desk, room=0) == []
    assert actor.decisions.last(T) is row, "what waits is not decided twice"
    bench.step(book(bids=((4_400, 100),), seq=9), answer=False)
    actor.decide(desk, room=0)
    assert row.result.startswith("dropped: stale")
    assert actor.decisions.dropped == 1


@pytest.mark.parametrize("wrong", [ZeroDivisionError("by zero"), KeyError("x"), RecursionError()])
def test_a_strategy_that_raises_is_switched_off_its_orders_end_and_the_bot_stays_up(wrong: Exception) -> None:
    failing: list[Exception] = []

    def act(view: MarketView) -> Decision:
        if failing:
            raise failing[0]
        return bid(view)

    bench = Bench(Scripted(act)).up()
    bench.accept(next(e for e in bench.effects if hasattr(e, "price")))
    failing.append(wrong)
    moved(bench, 2)
    assert bench.sent_cancels(), "its orders must end"
    assert bench.state in (TraderState.READY, TraderState.ACTING)
    assert type(wrong).__name__ in bench.engine.actor.off
    assert "switched off" in bench.desk.status.alarm(bench.desk.wall_ns)
    assert explain(bench.engine, T).verdict.startswith("Not traded now: the strategy is off")
    assert {c.name: c.status for c in components(bench.engine)}["ActorService"] == "error"
    asked = bench.engine.actor.strategy.asked  # type: ignore[attr-defined]
    bench.beat(times=30)
    assert bench.engine.actor.strategy.asked == asked  # type: ignore[attr-defined]


def test_what_is_no_decision_counts_as_a_failure() -> None:
    bench = Bench(Scripted(lambda view: None)).up()
    assert "a Decision is needed" in bench.engine.actor.off


def answer(**wrong: Any) -> Decision:
    """A decision with what is no part of one."""
    return Decision(**wrong)


def order(kind: type[Quote] | type[Take] = Quote, **wrong: Any) -> Any:
    return kind(**{"ticker": T, "side": BookSide.BID, "price": Price(4_500), "count": contracts(5), **wrong})


def endless() -> Any:
    while True:
        yield order()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (answer(quotes=None), "quotes is NoneType"),
        (answer(quotes=endless()), "quotes is generator"),
        (answer(quotes=("x",)), "quotes holds str"),
        (answer(quotes=(order(Take),)), "quotes holds Take"),
        (answer(quotes=(order(price=4_500.0),)), "an amount is float"),
        (answer(quotes=(order(count=math.nan),)), "an amount is float"),
        (answer(quotes=(order(count=True),)), "an amount is bool"),
        (answer(quotes=(order(side="bid"),)), "a side one of BookSide"),
        (answer(quotes=(order(ticker="KX-OTHER"),)), "a quote for KX-OTHER was wished when asked about"),
        (answer(takes=(order(Take, price=4_700.5),)), "an amount is float"),
        (answer(takes=(order(),)), "takes holds Quote"),
        (answer(said=None), "said is NoneType, text is needed"),
        (answer(no_bid=5), "no_bid is int, text is needed"),
        (answer(wrong=7), "wrong is int, text is needed"),
    ],
)
def test_a_decision_of_what_is_no_decision_switches_the_strategy_off_and_not_the_trader(
    wrong: Decision, why: str
) -> None:
    bench = Bench(Scripted(bid)).up()
    bench.accept(next(e for e in bench.effects if hasattr(e, "price")))
    bench.engine.actor.strategy.act = lambda view: wrong  # type: ignore[attr-defined]
    explain(bench.engine, T)
    moved(bench, 2)
    moved(bench, 3)
    assert why in bench.engine.actor.off
    assert bench.sent_cancels(), "its orders must end"
    assert bench.state in (TraderState.READY, TraderState.ACTING)


@pytest.mark.parametrize("wrong", [SystemExit(3), CancelledError(), GeneratorExit()])
def test_a_strategy_that_says_exit_ends_itself_and_not_the_trader(wrong: BaseException) -> None:
    def act(view: MarketView) -> Decision:
        raise wrong

    bench = Bench(Scripted(bid)).up()
    bench.accept(next(e for e in bench.effects if hasattr(e, "price")))
    bench.engine.actor.strategy.act = act  # type: ignore[attr-defined]
    assert "fails on this market" in bench.engine.actor.ask(bench.engine.actor.view(*seen(bench))).said
    moved(bench, 2)
    assert type(wrong).__name__ in bench.engine.actor.off
    assert bench.sent_cancels()


def seen(bench: Bench) -> tuple[Any, Any, tuple[()]]:
    return bench.desk, bench.desk.markets.get(T), ()


def test_a_strategy_that_changes_its_own_parameters_is_switched_off_and_keeps_the_old_ones() -> None:
    bench = Bench(Scripted(bid)).up()
    strategy: Any = bench.engine.actor.strategy
    before = strategy.parameters

    def act(view: MarketView) -> Decision:
        strategy.parameters = None
        return bid(view)

    strategy.act = act
    moved(bench, 2)
    assert "decide changed its parameters" in bench.engine.actor.off
    assert strategy.parameters is before
    assert strategy_view(bench.engine).off


def test_a_first_memory_that_is_never_made_is_interrupted_too() -> None:
    class Endless(Scripted):
        def begin(self, ticker: Ticker) -> Any:
            while True:
                time.sleep(0.01)

    bench = Bench(Endless(bid))
    bench.engine.actor._watch = MainThreadStopwatch(SystemClock(), limit_ms=50)
    bench.up()
    assert bench.engine.actor.off == "took longer than 50 ms"
    assert bench.state is TraderState.READY


def test_a_strategy_slow_three_times_is_switched_off_and_twice_is_not() -> None:
    bench = Bench(Scripted(lambda view: Decision())).up()
    actor = bench.engine.actor
    actor._watch = Slow(21, 19, 30)
    for seq in range(2, 5):
        moved(bench, seq)
    assert not actor.off
    actor._watch = Slow(25)
    moved(bench, 6)
    assert actor.off == "slower than 20 ms 3 times, last 25 ms"


def test_a_strategy_that_never_returns_is_interrupted() -> None:
    def act(view: MarketView) -> Decision:
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # swallows all it can
                continue

    bench = Bench(Scripted(lambda view: Decision())).up()
    bench.engine.actor._watch = MainThreadStopwatch(SystemClock(), limit_ms=50)
    bench.engine.actor.strategy.act = act  # type: ignore[attr-defined]
    moved(bench, 2)
    assert bench.engine.actor.off == "took longer than 50 ms"
    assert bench.state is TraderState.READY


def test_waiting_for_a_turn_on_a_busy_machine_is_not_slowness() -> None:
    _, worked_ns = MainThreadStopwatch(SystemClock()).timed(lambda: time.sleep(0.04))
    assert worked_ns < SLOW_NS


def test_a_timer_that_was_there_before_goes_on() -> None:
    handler, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    rung: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 5)
        assert MainThreadStopwatch(SystemClock()).timed(lambda: 7)[0] == 7
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 5
        with pytest.raises(TookTooLong):
            MainThreadStopwatch(SystemClock(), limit_ms=20).timed(lambda: time.sleep(1))
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 5
        assert not rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def test_a_person_switches_it_off_and_on_again() -> None:
    bench = Bench(Scripted(bid)).up()
    bench.accept(next(e for e in bench.effects if hasattr(e, "price")))
    bench.step(SwitchStrategy(on=False, command_id=1))
    assert result(bench, 1) == "running: strategy scripted is off; canceling 1 of its orders"
    bench.step(SwitchStrategy(on=False, command_id=2))
    assert result(bench, 2).startswith("refused")
    bench.confirm_cancels()
    bench.step(SwitchStrategy(on=True, command_id=3))
    placed = bench.desk.orders.counts.placed
    bench.beat(times=20)
    assert bench.desk.orders.counts.placed == placed + 1


def test_a_parameter_changes_while_it_runs_and_only_within_its_bounds() -> None:
    bench = Bench(MarketMaker()).up()
    for order in bench.desk.orders.get_open_orders():
        assert order.count == contracts(5)
    bench.step(SetParameter(name="size", value="2", command_id=1))
    assert result(bench, 1) == "done: maker: size = 2"
    assert ("size", "2", "0.01 to 100000 contracts") in strategy_view(bench.engine).parameters
    bench.step(SetParameter(name="size", value="0", command_id=2))
    assert result(bench, 2).startswith("refused: size: 0 is not within")
    bench.step(SetParameter(name="depth", value="1", command_id=3))
    assert result(bench, 3).startswith("refused: unknown parameter 'depth'")
    assert bench.engine.actor.strategy.parameters.size == contracts(2)  # type: ignore[attr-defined]


def test_an_immediate_order_goes_the_same_road_and_never_crosses_its_bounds() -> None:
    def act(view: MarketView) -> Decision:
        return Decision(takes=(Take(ticker=view.ticker, side=BookSide.BID, price=Price(4_700), count=contracts(3)),))

    bench = Bench(Scripted(act)).up()
    (order,) = bench.desk.orders.get_open_orders()
    assert (order.origin, order.post_only, order.time_in_force.value) == (
        Origin.STRATEGY, False, "immediate_or_cancel",
    )  # fmt: skip


def test_legs_leave_together_or_not_at_all_and_the_record_says_why() -> None:
    def act(view: MarketView) -> Decision:
        legs = (view.ticker, Ticker("KX-NOT-CHOSEN"))
        takes = (Take(ticker=t, side=BookSide.BID, price=Price(4_700), count=contracts(1)) for t in legs)
        return Decision(takes=tuple(takes), said="both")

    bench = Bench(Scripted(act)).up()
    assert not bench.desk.orders.get_open_orders()
    assert "not chosen" in bench.engine.actor.decisions.of(T)[0].gate


def test_no_leg_leaves_where_a_gate_denies_another_and_the_record_says_which() -> None:
    other = Ticker("KXTEST-26DEC01-B")
    cheap = [Price(100)]  # below the price band: no new risk there

    def act(view: MarketView) -> Decision:
        if view.ticker != T:
            return Decision(said="decided with the other")
        prices = ((T, Price(4_500)), (other, cheap[0]))
        return Decision(takes=tuple(order(Take, ticker=t, side=BookSide.ASK, price=p) for t, p in prices), said="both")

    bench = Bench(Scripted(act), quote_markets=2)
    bench.markets = (market(T), market(other))
    bench.up()
    assert {T, other} == set(bench.engine.actor.quoted)
    assert not bench.effects, "a leg alone is a bet"
    row = next(row for row in bench.engine.actor.decisions.of(T) if row.said == "both")
    assert row.gate.startswith("no leg leaves: ")
    assert "0.01" in row.gate
    cheap[0] = Price(4_500)
    bench.beat(times=30)
    assert len({o.ticker for o in bench.desk.orders.get_open_orders()}) == 2


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"open_orders": 1}, "Open orders"), ({"exposure": dollars(8)}, "Exposure"),
     ({"event_position": contracts(19)}, "Event position"), ({"exposure": dollars(12)}, "")],
)  # fmt: skip
def test_legs_are_asked_of_the_limits_together_and_not_each_for_itself(limits: dict[str, Any], why: str) -> None:
    other = Ticker("KXTEST-26DEC01-B")

    def act(view: MarketView) -> Decision:
        if view.ticker != T:
            return Decision(said="decided with the other")
        takes = (order(Take, ticker=t, side=BookSide.ASK, price=Price(4_500), count=contracts(10)) for t in (T, other))
        return Decision(takes=tuple(takes), said="both")

    bench = Bench(Scripted(act), quote_markets=2, limits=RiskLimits(**limits))
    bench.markets = (market(T), market(other))
    bench.up()
    row = next(row for row in bench.engine.actor.decisions.of(T) if row.said == "both")
    sent = {o.ticker for o in bench.desk.orders.get_open_orders()}
    if why:
        assert row.gate.startswith(f"no leg leaves: {why}") and not sent
    else:
        assert sent == {T, other}
    assert bench.desk.risk.limits == RiskLimits(**limits)


@pytest.mark.parametrize("rate", [1, 2])
def test_quotes_that_no_second_has_room_for_leave_one_by_one(rate: int) -> None:
    bench = Bench(MarketMaker(), limits=RiskLimits(orders_per_second=rate)).up()
    for n in range(60):
        for sent in [effect for effect in bench.effects if isinstance(effect, SendOrder)]:
            bench.effects.remove(sent)
            bench.accept(sent, f"o{n}")
        bench.beat()
    assert {o.side for o in bench.desk.orders.get_open_orders()} == {BookSide.BID, BookSide.ASK}


def test_legs_that_no_second_has_room_for_are_given_up_with_the_reason() -> None:
    def act(view: MarketView) -> Decision:
        takes = (order(Take, side=BookSide.BID, price=Price(4_700), count=contracts(n + 1)) for n in range(3))
        return Decision(takes=tuple(takes), said="three")

    bench = Bench(Scripted(act), limits=RiskLimits(orders_per_second=3)).up()
    row = next(row for row in bench.engine.actor.decisions.of(T) if row.said == "three")
    assert (row.gate, row.result) == ("order rate: 3 orders at once, of 3 a second at most 2 leave", "given up")
    assert not bench.desk.orders.get_open_orders()


def test_the_report_tells_parameters_memory_and_decisions_and_judges_values_as_the_wish_will_be() -> None:
    bench = Bench(MarketMaker()).up()
    bench.beat(times=10)
    told = strategy_report(bench.engine)
    size = next(one for one in told.parameters if one.name == "size")
    assert (told.name, told.off, size.low, size.high, size.unit) == ("maker", "", "0.01", "100000", "contracts")
    assert told.made == bench.engine.actor.decisions.made > 0
    assert dict(told.memory)[T] > 0
    assert [one.at for one in told.decisions] == sorted((one.at for one in told.decisions), reverse=True)
    assert parameter_refusal(bench.engine, "size", "2") == ""
    assert parameter_refusal(bench.engine, "size", "0") == "size: 0 is not within 0.01 to 100000 contracts"
    assert next(p for p in strategy_report(bench.engine).parameters if p.name == "size").value == size.value
