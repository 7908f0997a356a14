"""Arena: one strategy against the living venue, without the trader around it: for backtests and for training.

A virtual second at a time: the strategy sees its markets as they are, and what it wishes reaches the venue both
latency legs later, after everything that happened meanwhile. Orders stand in the venue's own queues: place in the
queue, fees and collateral are the exchange's. The quote differ is the live one. Not here: risk limits, order rate,
faults, journal. An arena repeats itself under its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.domain.amounts import PRICE_SCALE, Count, Money, Price, dollars
from core.domain.commands import AmendOrder, CancelOrder
from core.domain.enums import BookSide, TimeInForce
from core.domain.errors import BadInput
from core.domain.ids import ClientOrderId, Ticker
from core.domain.text import clean_text
from core.lab.eye import Eye
from core.market.view import Market as Seen
from core.sim.catalog import build_catalog
from core.sim.director import Director
from core.sim.errors import Refused
from core.sim.faults import Faults
from core.sim.flow import Flow
from core.sim.model import MAKER, Market, NewOrder, Order
from core.sim.scenarios import Happening, scenario_of
from core.sim.venue import Venue
from core.strategy.base import Decision, MarketView, Quote, Strategy, Take
from core.strategy.consult import consult
from core.strategy.decisions import digest_of
from core.strategy.differ import Working, diff
from core.strategy.view import market_view

NS = 1_000_000_000
NS_PER_MS = 1_000_000
BEGINS_NS = 1_795_000_000 * NS
LIVED_S = 20
LISTED = 12
NEWS = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an arena is made of. `legs_ms`: from the exchange to us, and from us to it. `light`: participants take fewer
    turns, which is cheaper and no whole crowd: for training.
    """

    seed: int
    scenario: str = "calm"
    markets: int = 4
    balance: Money = dollars(1000)
    legs_ms: tuple[int, int] = (40, 60)
    light: bool = False


@dataclass(slots=True)
class Ledger:
    """What happened to the account."""

    refused: int = 0
    equity: list[int] = field(default_factory=list)
    middles: dict[str, list[float]] = field(default_factory=dict)
    trace: list[str] | None = None  # of every decision, where it is wanted


class Arena:
    """`second` is called once a virtual second; between calls everything may be read."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.now_ns = BEGINS_NS
        scenario = scenario_of(terms.scenario)
        alive = max(terms.markets, 1)
        catalog = build_catalog(terms.seed, max(LISTED, alive), BEGINS_NS, alive)
        self.venue = Venue(catalog.series, catalog.events, seed=terms.seed, quiet=True)
        lived_ns = BEGINS_NS - LIVED_S * NS
        self.flow = Flow(self.venue, seed=terms.seed, start_ns=lived_ns, style=scenario.style, few_turns=terms.light)
        self.account = self.venue.open_account(terms.balance)
        self.director = Director(
            scenario, venue=self.venue, flow=self.flow, faults=Faults(terms.seed), catalog=catalog,
            account=self.account, seed=terms.seed, start_ns=BEGINS_NS,
        )  # fmt: skip
        self.traded: tuple[Market, ...] = tuple(
            sorted((m for m in self.venue.markets.values() if m.alive), key=lambda m: m.activity)
        )
        self._pass_until(BEGINS_NS)
        self.venue.take_events()
        self.eye = Eye(self.traded, self.now_ns)
        self._memory: dict[str, Any] = {}
        self.ledger = Ledger()

    # ---- a second ----------------------------------------------------------------------------------------------

    def second(self, strategy: Strategy) -> None:
        """One virtual second: decide about every market, let the wishes travel, let the rest of the second pass."""
        begun = self.now_ns
        asked = [(market, self._asked(strategy, market)) for market in self.traded]
        self._pass_until(self.now_ns + sum(self.terms.legs_ms) * NS_PER_MS)  # nobody looks before the second is over
        for market, decision in asked:
            if decision is not None:
                self.carry_out(market, decision)
        self.pass_until(begun + NS)
        self.ledger.equity.append(self.worth())
        for market in self.traded:
            self.ledger.middles.setdefault(market.ticker, []).append(_middle(market))

    def _asked(self, strategy: Strategy, market: Market) -> Decision | None:
        view = self.view(market, whole_events=strategy.whole_events)
        if view is None:
            return Decision(said="not tradable")
        try:
            if market.ticker not in self._memory:
                self._memory[market.ticker] = strategy.begin(view.ticker)
            memory = self._memory[market.ticker]
            decision = consult(strategy, view, memory)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # somebody else's code, which may say exit
            raise self._failed(strategy, market, error) from error
        if self.ledger.trace is not None:
            self.ledger.trace.append(digest_of(view, (memory, decision), strategy.parameters))
        self._memory[market.ticker] = decision.memory
        return decision

    def _failed(self, strategy: Strategy, market: Market, error: BaseException) -> BadInput:
        words = clean_text(f"{type(error).__name__}: {error}")
        where = f"{market.ticker}, {self.terms.scenario}, seed {self.terms.seed}, second {len(self.ledger.equity)}"
        return BadInput(f"strategy '{strategy.name}' fails in {where}: {words}")

    def pass_ms(self, ms: int) -> None:
        self.pass_until(self.now_ns + ms * NS_PER_MS)

    def pass_until(self, until_ns: int) -> None:
        """Let time pass: participants act, what is due happens, the eye sees it."""
        self._pass_until(until_ns)
        self.eye.look(self.venue.take_events())

    def _pass_until(self, until_ns: int) -> None:
        self.flow.advance(until_ns)
        self.venue.advance(until_ns)
        self.now_ns = max(self.now_ns, until_ns)

    def disturb(self) -> None:
        """News nobody could know of: every fair value jumps, and every book is swept."""
        for market in self.traded:
            self.flow.jump(market.ticker, -NEWS if market.anchor > PRICE_SCALE // 2 else NEWS)
        self.director.play(Happening(after=0, act="flash"))

    # ---- what is seen ------------------------------------------------------------------------------------------

    def view(self, market: Market, *, whole_events: bool = False) -> MarketView | None:
        """The market as a strategy sees it now; None where it may not be traded."""
        seen = self._seen(market)
        if seen is None:
            return None
        siblings: tuple[MarketView, ...] = ()
        if whole_events and market.event.mutually_exclusive:
            views = [self._view(m, s) for m in market.event.markets if (s := self._seen(m)) is not None]
            siblings = tuple(views) if len(views) == len(market.event.markets) else ()
        return self._view(market, seen, siblings)

    def _seen(self, market: Market) -> Seen | None:
        seen = self.eye.markets.get(Ticker(market.ticker))
        return seen if seen is not None and seen.tradable else None

    def _view(self, market: Market, seen: Seen, siblings: tuple[MarketView, ...] = ()) -> MarketView:
        orders = self.orders(market)
        held = self.account.positions.get(market.ticker)
        return market_view(
            seen,
            now_ns=self.now_ns,
            at_ms=self.now_ns // NS_PER_MS,
            own=[(o.side, o.price, o.remaining) for o in orders],
            resting=tuple(
                Quote(ticker=Ticker(market.ticker), side=o.side, price=o.price, count=Count(o.remaining))
                for o in orders
            ),
            position=Count(held.quantity if held else 0),
            cost=Money(held.cost if held else 0),
            cash=self.account.available,
            portfolio=Money(self.worth()),
            siblings=siblings,
        )

    def orders(self, market: Market) -> list[Order]:
        """Own resting orders of a market."""
        return self.account.collateral.in_market(market.ticker)

    def worth(self) -> int:
        """Cash and every position at what leaving would bring: the bid for YES, the ask for NO."""
        total = int(self.account.cash)
        for held in self.account.positions.values():
            count = held.quantity
            if count:
                book = held.market.book
                best = book.bids.best if count > 0 else book.asks.best
                mark = held.market.value if held.market.value is not None else best
                price = held.market.last_price if mark is None else mark
                total += (price if count > 0 else PRICE_SCALE - price) * abs(count)
        return total

    # ---- what is done ------------------------------------------------------------------------------------------

    def carry_out(self, market: Market, decision: Decision) -> None:
        """The wishes of a decision as they reach the venue; what it refuses is counted."""
        resting = self.orders(market)
        if not decision.takes and _as_wished(decision.quotes, resting):
            return
        orders = {str(o.order_id): o for o in resting}
        working = tuple(
            Working(
                client_order_id=ClientOrderId(key), ticker=Ticker(market.ticker), side=o.side, price=o.price,
                remaining=Count(o.remaining), settled=True, old=False,
            )
            for key, o in orders.items()
        )  # fmt: skip
        again: list[Quote] = []
        for wish in diff(decision.quotes, working):
            match wish:
                case CancelOrder():
                    order = orders[wish.client_order_id]
                    self.venue.cancel(self.account, order.order_id, self.now_ns)
                    again += [q for q in decision.quotes if q.side is order.side and not self._rests(market, q)]
                case AmendOrder():
                    self.venue.decrease(self.account, wish.client_order_id, None, wish.count, self.now_ns)
                case _:
                    self._place(wish.ticker, wish.side, wish.price, wish.count, post_only=True)
        for quote in dict.fromkeys(again):
            if not self._rests(market, quote):
                self._place(quote.ticker, quote.side, quote.price, quote.count, post_only=True)
        for take in decision.takes:
            self._take(take)

    def _rests(self, market: Market, quote: Quote) -> bool:
        return any(o.side is quote.side for o in self.orders(market))

    def _take(self, take: Take) -> None:
        self._place(take.ticker, take.side, take.price, take.count, post_only=False)

    def _place(self, ticker: str, side: BookSide, price: Price, count: Count, *, post_only: bool) -> None:
        wish = NewOrder(
            ticker=ticker, side=side, price=price, count=count, post_only=post_only, self_trade=MAKER,
            time_in_force=TimeInForce.GOOD_TILL_CANCELED if post_only else TimeInForce.IMMEDIATE_OR_CANCEL,
        )  # fmt: skip
        try:
            self.venue.place(self.account, wish, self.now_ns)
        except Refused:
            self.ledger.refused += 1


def _as_wished(quotes: Sequence[Quote], resting: Sequence[Order]) -> bool:
    """Whether the differ would find nothing to do: each side has what it should, at its price and not too large."""
    if len(resting) != len(quotes):
        return False
    by_side = {order.side: order for order in resting}
    for quote in quotes:
        order = by_side.pop(quote.side, None)
        if order is None or order.price != quote.price or order.remaining > quote.count:
            return False
        if order.market.ticker != quote.ticker:
            return False
    return True


def _middle(market: Market) -> float:
    """Middle of the venue's book in Price units; the last price where a side is empty."""
    bid, ask = market.book.bids.best, market.book.asks.best
    return float(market.last_price) if bid is None or ask is None else (bid + ask) / 2


def first_difference(first: Sequence[str], second: Sequence[str]) -> int | None:
    """Where two runs first differ; None where the shorter is the beginning of the longer."""
    return next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
