"""ActorService: the decision loop: book change or timer -> view -> strategy -> differ -> wishes through the one road.

Woken only at the beat, conflated: a market is asked about when something it depends on moved, or each second. One
action is in flight per market. A decision that finds no room in the order rate waits, at most one a market, and is
dropped when its market has moved on or it is too old. A strategy that raises or is too slow is switched off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.domain.amounts import Count, Money
from core.domain.commands import CancelOrder, PlaceOrder
from core.domain.enums import DECIDED, MarketStatus, OrderState, Origin, Ownership, TimeInForce
from core.domain.errors import TookTooLong
from core.domain.ids import Ticker
from core.domain.text import clean_text
from core.market.view import Market, Markets
from core.ports import Stopwatch, Unwatched
from core.strategy.base import Decision, MarketView, Quote, Strategy, Take
from core.strategy.consult import consult
from core.strategy.decisions import Decisions, Row, digest_of, size_of, words_of
from core.strategy.differ import Wish, Working, diff
from core.strategy.memory import pack, unpack
from core.strategy.parameters import changed
from core.strategy.view import market_view
from core.trading.desk import MS, NS, Desk
from core.trading.order import Order

PACE_NS = NS // 4
RENEW_PART = 3
REFUSED_REST_NS = 2 * NS
# Quotes that are as wished are looked at again when anything moved, and now and then for their age.
LOOK_EVERY_NS = NS
# A decision that waits for room longer than this is about a market that is gone.
STALE_NS = NS // 2
# An action without an answer holds its market for so long; then the market is decided anew beside it.
ACTION_WITHIN_NS = 2 * NS
WORDS = 200
OVER = DECIDED | {MarketStatus.CLOSED}
SLOW_NS = 20 * MS
SLOW_TIMES = 3
SLOW_WITHIN_NS = 3_600 * NS


@dataclass(slots=True)
class Decided:
    """A decision with what it wishes; `stamp` is what it depends on."""

    row: Row
    wishes: list[Wish]
    stamp: tuple[object, ...]
    made_ns: int

    @property
    def orders(self) -> int:
        return sum(not isinstance(wish, CancelOrder) for wish in self.wishes)

    @property
    def together(self) -> bool:
        """Whether it holds immediate orders, which leave together or not at all."""
        return any(isinstance(wish, PlaceOrder) and is_immediate(wish) for wish in self.wishes)

    def cut(self, room: int) -> None:
        """Keep all cancels and as many orders as there is room for; the next decision wishes the rest again."""
        orders = [wish for wish in self.wishes if not isinstance(wish, CancelOrder)]
        self.wishes = [wish for wish in self.wishes if isinstance(wish, CancelOrder)] + orders[:room]


class ActorService:
    """Decides for the quoted markets; the desk checks and sends. `off` says why the strategy is not asked."""

    def __init__(self, strategy: Strategy, watch: Stopwatch | None = None) -> None:
        self.strategy = strategy
        self.quoted: tuple[Ticker, ...] = ()
        self.off = ""
        self.decisions = Decisions()
        self._watch: Stopwatch = watch or Unwatched()
        self._memory: dict[Ticker, Any] = {}
        self._acted_ns: dict[Ticker, int] = {}
        self._content: dict[Ticker, tuple[int, tuple[object, ...]]] = {}
        self._waiting: dict[Ticker, Decided] = {}
        self._slow_ns: deque[int] = deque(maxlen=SLOW_TIMES)
        self._failed = ""

    def choose(self, markets: Markets, most: int) -> None:
        """Choose the markets to decide about: the most traded ones, or for a strategy of whole events all markets of
        exclusive events, the most traded event first, as many whole ones as `most` has room for and at least one.
        """
        self.quoted = markets.most_active(most)
        if not self.strategy.whole_events:
            return
        chosen: dict[Ticker, None] = {}
        for ticker in markets.most_active(len(markets.all())):
            market = markets.get(ticker)
            if market is None or not market.info.mutually_exclusive or ticker in chosen:
                continue
            event = markets.of_event(market.info.event_ticker)
            if not chosen or len(chosen) + len(event) <= most:
                chosen.update(dict.fromkeys(one.info.ticker for one in event))
        self.quoted = tuple(chosen) or self.quoted

    def ended(self, markets: Markets) -> tuple[Ticker, ...]:
        """Quoted markets that trade no more."""
        found = ((ticker, markets.get(ticker)) for ticker in self.quoted)
        return tuple(ticker for ticker, market in found if market is None or market.info.status in OVER)

    def refill(self, markets: Markets, most: int) -> tuple[Ticker, ...]:
        """Give the places of ended markets to the most traded open ones and return those; a strategy of whole events
        keeps its choice until all of it has ended. With none open nothing changes.
        """
        before, ended = self.quoted, self.ended(markets)
        if self.strategy.whole_events:
            if len(ended) == len(before):
                self.choose(markets, most)
                self.quoted = self.quoted or before
        else:
            kept = [ticker for ticker in before if ticker not in ended]
            spare = [ticker for ticker in markets.most_active(most + len(kept)) if ticker not in kept]
            self.quoted = tuple(kept + spare[: max(0, most - len(kept))]) or before
        return tuple(ticker for ticker in self.quoted if ticker not in before)

    # ---- the loop ----------------------------------------------------------------------------------------------

    def decide(self, desk: Desk, room: int) -> list[Decided]:
        """Decisions for the quoted markets that may be changed now: all cancels, and at most `room` orders, new or
        made smaller. None after a failure, which `take_failure` then tells.
        """
        found: list[Decided] = []
        for ticker in self.quoted:
            market = desk.markets.get(ticker)
            if market is None or self.off or self.waits_ns(ticker, desk.now_ns):
                continue
            decided = self._still_good(desk, market) or self._new(desk, market)
            if self._failed:
                return []
            if decided is None:
                continue
            decided.row.gate = ""
            if decided.orders > room and not self._fitted(desk, ticker, decided, room):
                continue
            self._waiting.pop(ticker, None)
            room -= decided.orders
            self._acted_ns[ticker] = desk.now_ns
            decided.row.result = ""
            found.append(decided)
        return found

    def _fitted(self, desk: Desk, ticker: Ticker, decided: Decided, room: int) -> bool:
        """Whether some of it may leave now. What a second has room for waits for that; of quotes that no second has
        room for a part leaves; immediate orders leave together or not at all.
        """
        row, limit = decided.row, desk.settings.limits.orders_per_second
        most = max(1, limit - 1)
        if decided.orders > most and decided.together:
            row.gate = f"order rate: {decided.orders} orders at once, of {limit} a second at most {most} leave"
            row.result = "given up"
            self.rest(ticker, desk.now_ns)
            return False
        if decided.orders > most and room > 0:
            decided.cut(room)
            row.gate = "order rate: the rest follows"
            return True
        self._waiting[ticker] = decided
        row.gate, row.result = "order rate", "waits for room in the order rate"
        return False

    def note(self, decided: Decided, status: str, text: str) -> None:
        """What came of one wish of a decision."""
        row = decided.row
        if status == "refused":
            row.gate = text
        row.result = f"{row.result}; {text}" if row.result else text

    def waits_ns(self, ticker: Ticker, now_ns: int) -> int:
        """How long this market still rests before its quotes may change; 0: not at all."""
        return max(0, self._acted_ns.get(ticker, -PACE_NS) + PACE_NS - now_ns)

    def rest(self, ticker: Ticker, now_ns: int) -> None:
        """Leave a market alone for a while, after a refusal."""
        self._acted_ns[ticker] = now_ns + REFUSED_REST_NS

    def _still_good(self, desk: Desk, market: Market) -> Decided | None:
        """The decision that waits for this market, if it is still about the market as it is."""
        ticker = market.info.ticker
        waiting = self._waiting.get(ticker)
        if waiting is None:
            return None
        if desk.now_ns - waiting.made_ns <= STALE_NS and waiting.stamp == _stamp(desk, market):
            return waiting
        del self._waiting[ticker]
        self.decisions.dropped += 1
        waiting.row.result = "dropped: stale before there was room in the order rate"
        return None

    def _new(self, desk: Desk, market: Market) -> Decided | None:
        """Ask anew; None when nothing moved, an action is in flight, or nothing is wished."""
        ticker = market.info.ticker
        looked_ns, content = self._content.get(ticker, (0, ()))
        stamp = _stamp(desk, market)
        if desk.now_ns - looked_ns < LOOK_EVERY_NS and content == stamp:
            return None
        orders = [o for o in desk.orders.open_in(ticker) if o.ownership is not Ownership.FOREIGN]
        own = [o for o in orders if o.origin is Origin.STRATEGY]
        acted_ns = self._acted_ns.get(ticker, -ACTION_WITHIN_NS)
        if desk.now_ns - acted_ns < ACTION_WITHIN_NS and any(o.in_flight for o in own):
            return None
        decision, row = Decision(said="not asked"), None
        if market.tradable and not any(o.state is OrderState.IN_DOUBT for o in orders):
            asked = self._asked(desk, self.view(desk, market, orders))
            if asked is None:
                return None
            decision, row = asked
            self._memory[ticker] = decision.memory
        # What a person placed is the person's: the strategy sees it in the book but does not touch it.
        takes = self._takes(desk, decision)
        wishes = diff(decision.quotes, tuple(self._working(desk, o) for o in own)) + takes
        if row is not None:
            row.wishes = tuple(words_of(wish) for wish in wishes)
            row.result = "" if wishes else "nothing to change"
            if decision.takes and not takes:
                row.gate = "an action is in flight, or a market is not chosen, where its immediate orders would go"
        if not wishes:
            self._content[ticker] = (desk.now_ns, stamp)
            return None
        row = row or Row(ticker, desk.wall_ns, "", "not asked: the market is not tradable or an order is in doubt")
        return Decided(row, wishes, stamp, desk.now_ns)

    def _takes(self, desk: Desk, decision: Decision) -> list[Wish]:
        """Immediate orders, all or none: none while anything of ours is in flight where they go."""
        for take in decision.takes:
            others = (o for o in desk.orders.open_in(take.ticker) if o.origin is Origin.STRATEGY)
            if take.ticker not in self.quoted or any(o.in_flight for o in others):
                return []
        return [_order(take) for take in decision.takes]

    # ---- the strategy ------------------------------------------------------------------------------------------

    def ask(self, view: MarketView) -> Decision:
        """What the strategy would say of this view now; nothing is remembered, and a failure says so in words."""
        if self.off:
            return Decision(said="off", no_bid=f"the strategy is off: {self.off}", no_ask="")
        try:
            return self._watch.timed(lambda: consult(self.strategy, view, self.memory(view.ticker)))[0]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  it is somebody else's code, and may say exit
            failed = f"the strategy fails on this market: {_error(error)}"
            return Decision(said=failed, no_bid=failed, no_ask=failed)

    def memory(self, ticker: Ticker) -> Any:
        """The strategy's own state of a market."""
        if ticker not in self._memory:
            self._memory[ticker] = self.strategy.begin(ticker)
        return self._memory[ticker]

    def _asked(self, desk: Desk, view: MarketView) -> tuple[Decision, Row] | None:
        """Ask under watch and record; None where the strategy failed and was switched off."""
        try:
            (decision, digest), took_ns = self._watch.timed(lambda: self._consulted(view))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  it is somebody else's code, and may say exit
            self._fail(_error(error))
            return None
        row = Row(
            view.ticker,
            desk.wall_ns,
            digest,
            clean_text(decision.said, WORDS),
            decision=decision,
            took_us=took_ns // 1_000,
            wrong=clean_text(decision.wrong, WORDS),
        )
        self.decisions.add(row)
        if took_ns > SLOW_NS:
            self._slow_ns.append(desk.now_ns)
            if len(self._slow_ns) == SLOW_TIMES and desk.now_ns - self._slow_ns[0] <= SLOW_WITHIN_NS:
                self._fail(f"slower than {SLOW_NS // MS} ms {SLOW_TIMES} times, last {took_ns // MS} ms")
                return None
        return decision, row

    def _consulted(self, view: MarketView) -> tuple[Decision, str]:
        """What it says and the digest of what it was asked; its first memory of a market is made here too."""
        memory = self.memory(view.ticker)
        digest = digest_of(view, memory, self.strategy.parameters)
        return consult(self.strategy, view, memory), digest

    def _fail(self, reason: str) -> None:
        self.off = self._failed = reason

    def take_failure(self) -> str:
        """Why the strategy was switched off just now, once; "" when it was not."""
        failed, self._failed = self._failed, ""
        return failed

    def switch(self, off: str) -> None:
        """Switch the strategy off with a reason, or on with "": it then begins with a clean count."""
        self.off = off
        self._slow_ns.clear()
        self._waiting.clear()
        self._content.clear()

    def change(self, values: dict[str, Any]) -> None:
        """Other parameters from now on; ValueError names what is unknown or out of bounds, and nothing changes."""
        self.strategy.parameters = changed(self.strategy.parameters, values)
        self._waiting.clear()
        self._content.clear()

    def memories(self) -> dict[Ticker, int]:
        """How many bytes each market's memory takes."""
        return {ticker: size_of(memory) for ticker, memory in self._memory.items()}

    def save(self, at: int) -> bytes:
        """Every market's memory as bytes, with whose they are; `at` is wall time in ns."""
        return pack(self.strategy, self._memory, at)

    def load(self, data: bytes, at: int) -> None:
        """Go on with memories that were saved; ValueError says why they are not taken."""
        self._memory.update(unpack(self.strategy, data, at))

    # ---- what it sees ------------------------------------------------------------------------------------------

    @staticmethod
    def _working(desk: Desk, order: Order) -> Working:
        age_ns = desk.now_ns - order.created_ns
        return Working(
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            price=order.price,
            remaining=Count(order.remaining),
            settled=order.state is OrderState.RESTING and not order.cancel_wanted,
            old=age_ns * RENEW_PART > desk.settings.lease_s * NS * (RENEW_PART - 1),
        )

    def view(self, desk: Desk, market: Market, orders: Iterable[Order]) -> MarketView:
        """The market as the strategy sees it: without our own orders, with its siblings where it wants them."""
        siblings: tuple[MarketView, ...] = ()
        if self.strategy.whole_events and market.info.mutually_exclusive:
            event = desk.markets.of_event(market.info.event_ticker)
            if all(one.tradable and one.info.ticker in self.quoted for one in event):
                siblings = tuple(_view(desk, one, desk.orders.open_in(one.info.ticker)) for one in event)
        return _view(desk, market, orders, siblings)


def _view(desk: Desk, market: Market, orders: Iterable[Order], siblings: tuple[MarketView, ...] = ()) -> MarketView:
    mine = [o for o in orders if o.ownership is not Ownership.FOREIGN]
    held = desk.positions.get_position(market.info.ticker)
    return market_view(
        market,
        now_ns=desk.now_ns,
        at_ms=desk.wall_ns // MS,
        own=((o.side, o.price, o.remaining) for o in mine),
        resting=tuple(
            Quote(ticker=o.ticker, side=o.side, price=o.price, count=Count(o.remaining))
            for o in mine
            if o.origin is Origin.STRATEGY
        ),
        position=Count(held.count),
        cost=Money(held.cost),
        cash=Money(desk.positions.cash - desk.risk.reserved()),
        portfolio=desk.equity.portfolio,
        siblings=siblings,
    )


def is_immediate(wish: PlaceOrder) -> bool:
    """Whether an order trades at once or not at all."""
    return wish.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL


def _order(take: Take) -> PlaceOrder:
    return PlaceOrder(
        origin=Origin.STRATEGY, ticker=take.ticker, side=take.side, price=take.price, count=take.count,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    )  # fmt: skip


def _error(error: BaseException) -> str:
    words = str(error) if isinstance(error, TookTooLong) else f"{type(error).__name__}: {error}"
    return clean_text(words, WORDS)


def _stamp(desk: Desk, market: Market) -> tuple[object, ...]:
    return (market.version, market.book.version, market.tradable, desk.orders.version, desk.positions.version)
