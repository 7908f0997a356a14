"""An account under all that people and the exchange do: what was asked to end ends, and a stop leaves nothing behind.

Beside what the machine of orders does, requests arrive after they were given up, lists lag, a cancel finds nothing
where an order rests, another client has orders of its own, people pause and cancel everything, the breaker trips. In
the end the trader is stopped with whatever is open. With narrow limits no order leaves that could pass one.
"""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain import effects as ef
from core.domain import events as ev
from core.domain.amounts import Money, contracts, dollars
from core.domain.commands import CancelAll, Pause, ResetBreaker, Resume, Stop
from core.domain.enums import BookSide, Origin
from core.domain.ids import ClientOrderId
from core.domain.records import SessionEnded
from core.lab.audit.ledger import Ledger, Order
from core.trading.risk import RiskLimits
from tests.core.builders import NS, WALL, T
from tests.rules.lanes import LANES, play
from tests.rules.test_orders import PICK, Known, Orders, Request, each

ARRIVES_BY_NS = 95 * NS // 10  # after it was given up: within the wait before a look-up is believed
LAG_NS = 8 * NS // 10  # "reads lag writes by 0.3-1 s"
POSITION, EXPOSURE = contracts(5), dollars(5)
NARROW = RiskLimits(
    order_size=contracts(4),
    position=POSITION,
    event_position=contracts(9_000),
    open_orders=200,
    exposure=EXPOSURE,
    orders_per_second=100,
    daily_loss=Money(0),
    drawdown=Money(0),
    breaker_windows=((10_000, 60 * NS),),
)
Lists = tuple[int, tuple[ev.OrderReport, ...], dict[str, ev.OrderReport | None]]


def trip(machine: Orders) -> None:
    desk = machine.bench.desk
    if not desk.breaker.tripped:
        desk.breaker.trip("too much", "2", "1", WALL)
        desk.breaker_moved()


def well(machine: Orders) -> None:
    machine.wishes += 2
    machine.wish(ResetBreaker(origin=Origin.OPERATOR, reason="looked at it", command_id=machine.wishes - 1))
    machine.wish(Resume(origin=Origin.OPERATOR, command_id=machine.wishes))
    for _ in range(14):
        if machine.bench.desk.orders.in_doubt():
            machine.wait(1.0)


class Account(Orders):
    def __init__(self) -> None:
        super().__init__()
        self.late: list[tuple[int, Request]] = []
        self.lists: deque[Lists] = deque()
        self.astray = 0
        self.lags = True
        self.others: set[str] = set()
        self.to_end: set[str] = set()

    # ---- the exchange ------------------------------------------------------------------------------------------

    @precondition(lambda self: any(isinstance(request, ef.SendOrder) for _, request in self.ways))
    @rule(pick=PICK)
    def given_up_and_under_way(self, pick: int) -> None:
        """Nobody knows what became of an order, and it arrives all the same."""
        orders = [way for way in self.ways if isinstance(way[1], ef.SendOrder)]
        way = orders[pick % len(orders)]
        self.ways.remove(way)
        request = way[1]
        self.late.append((self.bench.now, request))
        self.wish(self.lost(request))

    @precondition(lambda self: self.late)
    @rule(pick=PICK)
    def arrives_late(self, pick: int) -> None:
        self.take(self.late.pop(pick % len(self.late))[1])

    @rule(lags=st.booleans())
    def lists_lag(self, lags: bool) -> None:
        self.lags = lags

    @rule(times=st.integers(0, 2))
    def cancels_go_astray(self, times: int) -> None:
        """The next cancels find nothing, whatever rests."""
        self.astray = times

    @rule()
    def a_while(self) -> None:
        for _ in range(5):
            self.wait(2.0)

    def take(self, request: Request) -> tuple[ev.Event, ev.Event]:
        if isinstance(request, ef.SendCancel) and self.astray:
            self.astray -= 1
            name, order_id = request.client_order_id, request.order_id
            return ev.CancelNotFound(client_order_id=name, order_id=order_id, elapsed_ns=1), self.lost(request)
        return super().take(request)

    @rule(side=st.sampled_from(BookSide), price=st.integers(20, 80), told=st.booleans())
    def another_client_places(self, side: BookSide, price: int, told: bool) -> None:
        name = f"web-{len(self.others)}"
        self.others.add(name)
        self.truth[name] = Known(f"w{len(self.others)}", side, price * 100, 100)
        self.say(name)
        while told and self.order_words:
            self.tell_order()

    def collect(self) -> None:
        for effect in self.bench.effects:
            for request in each(effect):
                assert request.client_order_id not in self.others, "an order of others is touched"
        super().collect()

    def beat(self, seconds: float) -> None:
        """In small steps: what is given up arrives at the last moment, and a list may be of a moment ago."""
        ends = self.bench.now + round(seconds * NS)
        while self.bench.now < ends:
            for row in [row for row in self.late if self.bench.now - row[0] >= ARRIVES_BY_NS]:
                self.late.remove(row)
                self.take(row[1])
            self.lists.append((self.bench.now, *self.listed()))
            while len(self.lists) > 1 and self.lists[1][0] <= self.bench.now - (LAG_NS if self.lags else 0):
                self.lists.popleft()
            super().beat(min(0.4 if self.late else 1.0, (ends - self.bench.now) / NS))

    def listed(self) -> tuple[tuple[ev.OrderReport, ...], dict[str, ev.OrderReport | None]]:
        resting = tuple(self.report(name) for name, here in self.truth.items() if here.left)
        return resting, {name: self.report(name) for name in self.truth}

    def read(self) -> None:
        _, self.bench.orders, self.bench.looked_up = self.lists[0]

    # ---- people ------------------------------------------------------------------------------------------------

    def open_by_truth(self) -> set[str]:
        """Own orders that rest, or may yet: nobody was told of their end."""
        desk = self.bench.desk.orders
        alive = {name for name in self.intents if name not in self.truth or self.truth[name].left}
        return {name for name in alive if (order := desk.get(ClientOrderId(name))) is None or order.is_open}

    def cancel(self, pick: int) -> None:
        name = self.own(pick)
        if name is not None and self.open_by_truth() & {name}:
            self.to_end.add(name)
        super().cancel(pick)

    @rule(wish=st.sampled_from((CancelAll, Pause)))
    def end_everything(self, wish: type[CancelAll] | type[Pause]) -> None:
        paused = self.bench.desk.state.value == "PAUSED"
        if wish is CancelAll or not paused:
            self.to_end |= self.open_by_truth()
        self.wishes += 1
        self.wish(wish(origin=Origin.OPERATOR, command_id=self.wishes))

    @rule()
    def breaker_trips(self) -> None:
        trip(self)

    @rule()
    def all_is_well(self) -> None:
        """A pause is ended, a breaker reset, a doubt waited for."""
        well(self)

    # ---- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def an_order_we_hold_for_ended_is_not_under_way(self) -> None:
        for _, request in self.late:
            if isinstance(request, ef.SendOrder):
                order = self.bench.desk.orders.get(request.client_order_id)
                assert order is not None and order.is_open, f"{request.client_order_id} is given up and still arrives"

    def teardown(self) -> None:
        """With the breaker open everything is canceled, everything arrives, and what was to end has ended; then a stop
        leaves in order, with lists that lag.
        """
        trip(self)
        self.end_everything(CancelAll)
        super().teardown()
        for name in self.to_end:
            assert name not in self.truth or not self.truth[name].left, f"{name} was to end and rests"
        well(self)
        self.lags, self.astray = True, 1
        for side in BookSide:
            self.place(side, 50, 300, "answered")
        self.wish(Stop(origin=Origin.OPERATOR))
        for _ in range(40):
            while self.ways:
                self.arrive(0, "late")
            while self.replies:
                self.reply(0, True)
            self.beat(0.5)
            ended = [record for record in self.bench.records if isinstance(record, SessionEnded)]
            if ended:
                assert (ended[0].code, ended[0].resting) == (0, 0), ended
                assert not any(self.truth[name].left for name in self.intents if name in self.truth)
                return
        raise AssertionError("a stop without end")


class Limited(Orders):
    """Narrow limits, judged by the exchange's books and what is on its way there; the breaker trips and is reset."""

    limits = NARROW

    @initialize(side=st.sampled_from(BookSide))
    def hold(self, side: BookSide) -> None:
        """There is something to reduce."""
        self.place(side, 50, 400, "answered")
        self.trade(0, 400, "fills", True)

    @rule()
    def breaker_trips(self) -> None:
        trip(self)

    @rule()
    def all_is_well(self) -> None:
        well(self)

    def collect(self) -> None:
        for effect in self.bench.effects:
            for request in each(effect):
                if isinstance(request, ef.SendOrder):
                    self.leaves(request)
        super().collect()

    def leaves(self, order: ef.SendOrder) -> None:
        books = Ledger(0)
        ours = list(self.fills.values())
        for number, f in enumerate(ours):
            books.fill(str(number), f.order_id, T, f.side.value, f.price, f.count, 0, 0)
        coming = [request for _, request in self.ways if isinstance(request, ef.SendOrder)]
        open_ = [(h.side, h.price, h.left) for name, h in self.truth.items() if name in self.intents and h.left]
        open_ += [(request.side, request.price, request.count) for request in coming]
        held, sign = books.positions[T], order.side.sign
        beside = sum(count for side, _, count in open_ if side is order.side)
        if held * sign < 0 and beside + order.count <= abs(held):
            return
        assert not self.bench.desk.breaker.tripped, f"{order.count} beside {beside} is past flat of {held}"
        assert abs(held + sign * (beside + order.count)) <= POSITION, f"{order.count} beside {beside}, {held} held"
        open_.append((order.side, order.price, order.count))
        for number, (side, price, count) in enumerate(open_):
            books.order(Order(str(number), str(number), T, side.value, price, count, count, 0, "resting", 0))
        assert sum(books.costs.values()) + books.reserved() <= EXPOSURE + len(ours), "more at risk than is allowed"


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("machine", [Account, Limited])
def test_what_is_to_end_ends_and_no_limit_is_passed(machine: type[RuleBasedStateMachine], lane: settings) -> None:
    play(machine, lane)
