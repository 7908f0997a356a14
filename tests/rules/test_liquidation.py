"""Liquidation against an exchange that fills, refuses, or is not heard of: never past flat, never under the floor."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain import effects as ef
from core.domain import events as ev
from core.domain.amounts import Count, Money
from core.domain.commands import Liquidate
from core.domain.enums import BookSide, OrderStatus, Origin, TimeInForce, TraderState
from core.domain.ids import OrderId
from tests.core.builders import Bench, T, book, fill, report
from tests.rules.lanes import LANES, play
from tests.rules.test_orders import WIDE, each

CAP = 1_000  # ten cents worse than the best price
PICK = st.integers(0, 10**6)


class Liquidations(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(limits=WIDE, sync_ns=10**18, health_check_ns=10**18).up()
        self.net = self.orders = self.trades = 0
        self.open: dict[str, ef.SendOrder] = {}
        self.began = False
        self.tries = 0
        self.best = {BookSide.BID: 4_500, BookSide.ASK: 4_700}

    @initialize(side=st.sampled_from(BookSide), count=st.integers(1, 3_000))
    def hold(self, side: BookSide, count: int) -> None:
        sent = self.bench.place(side, 4_600, count)
        self.bench.accept(sent, "o0")
        self.bench.step(fill("t0", "o0", side, 4_600, count))
        self.net = side.sign * count
        self.bench.effects.clear()

    def collect(self) -> None:
        for effect in self.bench.effects:
            for sent in each(effect):
                if isinstance(sent, ef.SendOrder):
                    self.sent(sent)
        self.bench.effects.clear()

    def sent(self, exit_: ef.SendOrder) -> None:
        """An exit leaves: asked for, reducing, at once or never, within the floor, and no more than is held."""
        assert self.began, "nobody wished for it"
        assert exit_.side.sign * self.net < 0, "it does not reduce"
        assert exit_.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL and exit_.reduce_only
        against = exit_.side.opposite
        assert (self.best[against] - exit_.price) * against.sign <= CAP, "under the floor"
        self.open[exit_.client_order_id] = exit_
        self.tries += 1
        assert sum(one.count for one in self.open.values()) <= abs(self.net), "past flat"

    @precondition(lambda self: not self.began)
    @rule()
    def liquidate(self) -> None:
        self.began = True
        self.bench.step(Liquidate(origin=Origin.OPERATOR, command_id=7))
        self.collect()

    @rule(bid=st.integers(5, 60), gap=st.integers(1, 30), depth=st.integers(1, 900), steps=st.integers(1, 20))
    def book_moves(self, bid: int, gap: int, depth: int, steps: int) -> None:
        """Three levels a side, `steps` cents apart."""
        bids = [(100 * (bid - n * steps), depth) for n in range(3) if bid > n * steps]
        asks = [(100 * (bid + gap + n * steps), depth) for n in range(3) if bid + gap + n * steps < 100]
        self.best = {BookSide.BID: bids[0][0], BookSide.ASK: asks[0][0]}
        self.bench.step(book(bids=bids, asks=asks))
        self.collect()

    @precondition(lambda self: self.open)
    @rule(pick=PICK, part=st.integers(0, 100), heard=st.sampled_from(("reply", "fill first", "lost", "rejected")))
    def answered(self, pick: int, part: int, heard: str) -> None:
        name = sorted(self.open)[pick % len(self.open)]
        exit_ = self.open.pop(name)
        done = 0 if heard == "rejected" else exit_.count * part // 100
        self.orders += 1
        order = f"x{self.orders}"
        self.net += exit_.side.sign * done
        made = report(name, order, exit_.side, exit_.price, exit_.count, done, OrderStatus.CANCELED)
        self.bench.looked_up[name] = made
        self.bench.positions = (
            ev.PositionReport(ticker=T, position=Count(self.net), cost=Money(0), realized=Money(0), fees=Money(0)),
        )
        self.trades += 1
        trade = fill(f"t{self.trades}", order, exit_.side, exit_.price, max(1, done), 0, name)
        accepted = ev.OrderAccepted(
            client_order_id=exit_.client_order_id, order_id=OrderId(order), filled=Count(done), remaining=Count(0),
            elapsed_ns=1,
        )  # fmt: skip
        lost = ev.OrderOutcomeUnknown(client_order_id=exit_.client_order_id, reason="reset", elapsed_ns=1)
        refused = ev.OrderRejected(
            client_order_id=exit_.client_order_id, status=400, code="no", detail="", elapsed_ns=1
        )
        reply: ev.Event = {"lost": lost, "rejected": refused}.get(heard, accepted)  # type: ignore[assignment]
        facts: list[ev.Event] = [trade, reply] if heard == "fill first" else [reply, trade]
        for fact in facts:
            if fact is not trade or done:
                self.bench.step(fact)
                self.collect()

    @rule(seconds=st.sampled_from((0.1, 1.0, 3.0)))
    def wait(self, seconds: float) -> None:
        self.bench.beat(seconds)
        self.collect()

    @invariant()
    def what_is_held_never_changes_its_side_or_grows(self) -> None:
        held = self.bench.desk.positions.net(T)
        assert held == self.net
        assert self.tries <= 8 + 1, "without end"

    def teardown(self) -> None:
        """It ends: everything is answered, and within a minute the trader is paused, or flat and done."""
        for _ in range(40):
            while self.open:
                self.answered(0, 100, "reply")
            self.wait(3.0)
        if self.began:
            row = self.bench.desk.status.status_of(7)
            assert row is not None and row.status in ("done", "failed", "refused"), row
            assert row.status != "done" or self.net == 0
            assert self.bench.state is not TraderState.ERROR


@pytest.mark.parametrize("lane", LANES)
def test_liquidation_never_passes_flat_or_its_floor_and_ends(lane: settings) -> None:
    play(Liquidations, lane)
