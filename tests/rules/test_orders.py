"""Orders against a small exchange that keeps its own book of them: requests and replies get lost, fills come twice and
late, the stream is slow. What we hold must follow from what we were told, and our worst must never be less than the
truth's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.domain import effects as ef
from core.domain import events as ev
from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.enums import BookSide, OrderState, OrderStatus, Origin
from core.domain.ids import ClientOrderId, OrderId
from core.domain.records import AmendIntended, OrderIntended
from core.trading.risk import RiskLimits
from tests.core.builders import NS, Bench, T, fill, report
from tests.rules.lanes import LANES, play

WIDE = RiskLimits(
    order_size=contracts(1_000),
    position=contracts(9_000),
    event_position=contracts(9_000),
    open_orders=200,
    exposure=dollars(900_000),
    orders_per_second=100,
    breaker_windows=((10_000, 60 * NS),),
)
Request = ef.SendOrder | ef.SendCancel | ef.SendAmend | ef.SendDecrease
LATE_NS = 5 * NS  # the stream is late by so much at most
GIVEN_UP_NS = 10 * NS  # the client tells the end of every request within its limit
PICK = st.integers(0, 10**6)


@dataclass
class Known:
    """One order as the exchange has it; nobody has it before it has arrived."""

    order_id: str
    side: BookSide
    price: int
    count: int
    filled: int = 0
    resting: bool = True

    @property
    def left(self) -> int:
        return self.count - self.filled if self.resting else 0


def each(effect: object) -> Iterator[Request]:
    match effect:
        case ef.SendOrders(orders=rows) | ef.SendCancels(cancels=rows):
            yield from rows
        case ef.SendOrder() | ef.SendCancel() | ef.SendAmend() | ef.SendDecrease():
            yield effect
        case _:
            pass


class Orders(RuleBasedStateMachine):
    limits = WIDE

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(limits=self.limits, sync_ns=10**18, health_check_ns=10**18, lease_s=100_000)
        self.bench.balance = dollars(1_000_000)
        self.bench.up()
        self.bench.beat(6.0)  # until then a fill of nobody may be part of what was read
        self.bench.effects.clear()
        self.wishes = 0
        self.truth: dict[str, Known] = {}
        self.ways: list[tuple[int, Request]] = []
        self.replies: list[tuple[int, ev.Event, ev.Event]] = []
        self.order_words: deque[tuple[int, ev.Event]] = deque()
        self.fills: dict[str, ev.FillReported] = {}
        self.untold: deque[tuple[int, str]] = deque()
        self.told: set[str] = set()
        self.intents: set[str] = set()

    # ---- wishes ------------------------------------------------------------------------------------------------

    def wish(self, item: object) -> None:
        self.bench.step(item)  # type: ignore[arg-type]
        self.collect()

    def collect(self) -> None:
        """Requests that leave: an order once, after its record."""
        for effect in self.bench.effects:
            for request in each(effect):
                if isinstance(request, ef.SendOrder):
                    assert request.client_order_id not in self.intents, "an order left twice"
                    self.intents.add(request.client_order_id)
                if not isinstance(request, ef.SendCancel):
                    record = self.bench.records[request.journal_position - 1]
                    assert isinstance(record, OrderIntended | AmendIntended)
                    assert record.client_order_id == request.client_order_id, "its record is another's"
                self.ways.append((self.bench.now, request))
        self.bench.effects.clear()

    @rule(
        side=st.sampled_from(BookSide),
        price=st.integers(20, 80),
        count=st.integers(1, 400),
        then=st.sampled_from(("nothing", "answered", "trades first")),
    )
    def place(self, side: BookSide, price: int, count: int, then: str) -> None:
        """A person's order; it may trade, and a fill be told without our id, before anything else is heard of it."""
        self.wishes += 1
        self.wish(
            PlaceOrder(
                origin=Origin.OPERATOR,
                ticker=T,
                side=side,
                price=Price(price * 100),
                count=Count(count),
                command_id=self.wishes,
            )
        )
        if then == "nothing" or not self.ways or not isinstance(self.ways[-1][1], ef.SendOrder):
            return
        self.arrive(len(self.ways) - 1, "answered" if then == "answered" else "late")
        if then == "trades first":
            resting = [name for name, here in self.truth.items() if here.left and name in self.intents]
            self.trade(len(resting) - 1, count // 2 + 1, "fills", False)

    def own(self, pick: int) -> ClientOrderId | None:
        orders = self.bench.desk.orders.get_open_orders()
        return orders[pick % len(orders)].client_order_id if orders else None

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        name = self.own(pick)
        if name is not None:
            self.wishes += 1
            self.wish(CancelOrder(origin=Origin.OPERATOR, client_order_id=name, command_id=self.wishes))

    @rule(pick=PICK, price=st.integers(20, 80), count=st.integers(1, 400))
    def amend(self, pick: int, price: int, count: int) -> None:
        name = self.own(pick)
        if name is not None:
            self.wishes += 1
            self.wish(
                AmendOrder(
                    origin=Origin.OPERATOR,
                    client_order_id=name,
                    price=Price(price * 100),
                    count=Count(count),
                    command_id=self.wishes,
                )
            )

    # ---- the road ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.ways)
    @rule(pick=PICK, how=st.sampled_from(("answered", "answered", "late", "never")))
    def arrive(self, pick: int, how: str) -> None:
        at, request = self.ways.pop(pick % len(self.ways))
        if how == "never":
            self.wish(self.lost(request))
            return
        self.replies.append((at, *self.take(request)))
        if how == "answered":
            self.reply(len(self.replies) - 1, True)

    def take(self, request: Request) -> tuple[ev.Event, ev.Event]:
        """The exchange acts; its reply, and what the client says when that is lost."""
        name = request.client_order_id
        if isinstance(request, ef.SendOrder):
            made = Known(f"o{len(self.truth) + 1}", request.side, request.price, request.count)
            self.truth[name] = made
            self.say(name)
            unknown = ev.OrderOutcomeUnknown(client_order_id=name, reason="timeout", elapsed_ns=1)
            accepted = ev.OrderAccepted(
                client_order_id=name,
                order_id=OrderId(made.order_id),
                filled=Count(0),
                remaining=request.count,
                elapsed_ns=1,
            )
            return accepted, unknown
        here = self.truth[name]
        if isinstance(request, ef.SendCancel):
            lost = self.lost(request)
            if not here.left:
                return ev.CancelNotFound(client_order_id=name, order_id=request.order_id, elapsed_ns=1), lost
            reduced, here.resting = here.left, False
            self.say(name)
            return (
                ev.CancelConfirmed(
                    client_order_id=name, order_id=request.order_id, reduced_by=Count(reduced), elapsed_ns=1
                ),
                lost,
            )
        wanted = here.count - request.reduce_by if isinstance(request, ef.SendDecrease) else request.count
        if not here.left or wanted <= here.filled:
            refused = ev.AmendRejected(
                client_order_id=name, order_id=request.order_id, status=400, code="no", detail="", elapsed_ns=1
            )
            return refused, self.lost(request)
        here.price, here.count = request.price, wanted
        self.say(name)
        done = ev.AmendConfirmed(
            client_order_id=name,
            order_id=request.order_id,
            price=Price(here.price),
            count=Count(here.count),
            filled=None,
            remaining=None,
            elapsed_ns=1,
        )
        return done, self.lost(request)

    @staticmethod
    def lost(request: Request) -> ev.Event:
        name = request.client_order_id
        match request:
            case ef.SendOrder():
                return ev.OrderOutcomeUnknown(client_order_id=name, reason="reset", elapsed_ns=1)
            case ef.SendCancel():
                return ev.CancelFailed(
                    client_order_id=name, order_id=request.order_id, status=0, reason="reset", elapsed_ns=1
                )
            case _:
                return ev.AmendOutcomeUnknown(
                    client_order_id=name, order_id=request.order_id, reason="reset", elapsed_ns=1
                )

    @precondition(lambda self: self.replies)
    @rule(pick=PICK, arrives=st.booleans())
    def reply(self, pick: int, arrives: bool) -> None:
        _, answer, lost = self.replies.pop(pick % len(self.replies))
        self.wish(answer if arrives else lost)

    # ---- the exchange ------------------------------------------------------------------------------------------

    def say(self, name: str) -> None:
        self.order_words.append((self.bench.now, ev.OrderReported(report=self.report(name))))

    def report(self, name: str) -> ev.OrderReport:
        here = self.truth[name]
        status = OrderStatus.RESTING if here.left else OrderStatus.EXECUTED if here.resting else OrderStatus.CANCELED
        return report(name, here.order_id, here.side, here.price, here.count, here.filled, status)

    @precondition(lambda self: any(here.left for here in self.truth.values()))
    @rule(
        pick=PICK,
        part=st.integers(1, 400),
        first=st.sampled_from(("nothing", "fills", "orders")),
        named=st.booleans(),
    )
    def trade(self, pick: int, part: int, first: str, named: bool) -> None:
        """An order trades; what is told of it first, if anything, is told with all that was held back before it. A
        fill may come without our id.
        """
        resting = [(name, here) for name, here in self.truth.items() if here.left and name in self.intents]
        if not resting:
            return
        name, here = resting[pick % len(resting)]
        count = min(part, here.left)
        here.filled += count
        trade = f"t{len(self.fills) + 1}"
        self.fills[trade] = fill(
            trade, here.order_id, here.side, here.price, count, 17 * count, name if named else None
        )
        self.untold.append((self.bench.now, trade))
        self.say(name)
        while first == "fills" and self.untold:
            self.tell_fill()
        while first == "orders" and self.order_words:
            self.tell_order()

    @precondition(lambda self: self.untold)
    @rule()
    def tell_fill(self) -> None:
        trade = self.untold.popleft()[1]
        self.told.add(trade)
        self.wish(self.fills[trade])

    @precondition(lambda self: self.told)
    @rule(pick=PICK)
    def tell_fill_again(self, pick: int) -> None:
        self.wish(self.fills[sorted(self.told)[pick % len(self.told)]])

    @precondition(lambda self: self.order_words)
    @rule()
    def tell_order(self) -> None:
        self.wish(self.order_words.popleft()[1])

    @rule(seconds=st.sampled_from((0.1, 0.5, 2.0)))
    def wait(self, seconds: float) -> None:
        for way in [way for way in self.ways if self.bench.now - way[0] > GIVEN_UP_NS]:
            self.ways.remove(way)
            self.wish(self.lost(way[1]))
        while self.order_words and self.bench.now - self.order_words[0][0] > LATE_NS:
            self.tell_order()
        while self.untold and self.bench.now - self.untold[0][0] > LATE_NS:
            self.tell_fill()
        for row in [row for row in self.replies if self.bench.now - row[0] > GIVEN_UP_NS]:
            self.replies.remove(row)
            self.wish(row[2])
        self.beat(seconds)

    def beat(self, seconds: float) -> None:
        """What is read meanwhile is the truth."""
        self.read()
        self.bench.fills = tuple(self.fills.values())
        reads = len(self.bench.desk.fills)
        self.bench.beat(seconds)
        if len(self.bench.desk.fills) > reads:
            self.told.update(t for t, f in self.fills.items() if self.bench.desk.fills.knows(f))
        self.collect()

    def read(self) -> None:
        """What lists and look-ups say now."""
        self.bench.orders = tuple(self.report(name) for name, here in self.truth.items() if here.left)
        self.bench.looked_up = {name: self.report(name) for name in self.truth}

    # ---- what must hold ----------------------------------------------------------------------------------------

    def heard(self, order_id: str | None) -> int:
        return sum(f.count for t, f in self.fills.items() if t in self.told and f.order_id == order_id)

    @invariant()
    def fills_count_once(self) -> None:
        desk = self.bench.desk
        assert desk.positions.net(T) == sum(f.side.sign * f.count for t, f in self.fills.items() if t in self.told)
        for name in self.intents:
            order = desk.orders.get(ClientOrderId(name))
            assert order is not None
            here = self.truth.get(name)
            # Until its id there is known, a fill without ours is nobody's.
            filled = self.heard(here.order_id) if here else 0
            assert order.filled == filled or (order.order_id is None and order.filled < filled)

    @invariant()
    def an_order_we_hold_for_ended_does_not_rest(self) -> None:
        coming = {request.client_order_id for _, request in self.ways if isinstance(request, ef.SendOrder)}
        for name in self.intents:
            order = self.bench.desk.orders.get(ClientOrderId(name))
            assert order is not None
            if not order.is_open:
                assert name not in coming, f"{name} is {order.state} and still on its way"
                assert name not in self.truth or not self.truth[name].left, f"{name} is {order.state} and rests"

    @invariant()
    def our_worst_is_never_less_than_the_truth(self) -> None:
        """Whatever may still come of the truth, risk counts at least that much."""
        desk = self.bench.desk
        net = sum(f.side.sign * f.count for f in self.fills.values())
        for side in BookSide:
            own = [here for name, here in self.truth.items() if name in self.intents]
            left = sum(here.left for here in own if here.side is side)
            ours = side.sign * desk.positions.net(T) + desk.orders.resting_worst(T, side)
            assert ours >= side.sign * net + left, (side, ours, net, left)

    def teardown(self) -> None:
        """Everything arrives: in the end what we hold is what is."""
        while self.ways:
            self.arrive(0, "late")
        while self.replies:
            self.reply(0, True)
        for _ in range(60):
            while self.order_words:
                self.tell_order()
            while self.untold:
                self.tell_fill()
            self.beat(1.0)
            while self.ways:
                self.arrive(0, "late")
            while self.replies:
                self.reply(0, True)
        self.fills_count_once()
        for name in self.intents:
            order = self.bench.desk.orders.get(ClientOrderId(name))
            assert order is not None
            here = self.truth.get(name)
            assert order.state is not OrderState.IN_DOUBT, f"{name} stays in doubt"
            assert order.is_open == (here is not None and bool(here.left)), (name, order.state, here)
            if here is not None and order.is_open:
                assert (order.price, order.remaining) == (here.price, here.left), (order, here)


@pytest.mark.parametrize("lane", LANES)
def test_orders_follow_a_small_exchange(lane: settings) -> None:
    play(Orders, lane)
