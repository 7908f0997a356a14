"""What a strategy sees and says: a view of one market in, a decision out. Pure; it holds no order and no clock.

The same code runs in every mode: it cannot tell live from simulated. Write a class of your own on `Strategy`, name it
in the configuration (`strategy = "package.module:Class"`), and it takes the road every other one takes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from core.domain.amounts import NO_MONEY, Count, Money, Price
from core.domain.enums import BookSide
from core.domain.events import TradePrinted
from core.domain.ids import EventTicker, Ticker
from core.domain.market import FeeSchedule
from core.market.grid import PriceGrid
from core.strategy.parameters import Parameters
from core.trading.liquidation_plan import trade_fee

NO_EVENT = EventTicker("")
Levels = tuple[tuple[Price, Count], ...]


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One post-only order the strategy would like to have resting."""

    ticker: Ticker
    side: BookSide
    price: Price
    count: Count


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Trade at once at `price` or better; what does not trade is canceled."""

    ticker: Ticker
    side: BookSide
    price: Price
    count: Count


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable market at `at_ms` (Unix). Prices are YES prices; nothing in the levels is our own order.

    `bids` and `asks` are the best levels of others, best first; `position` is signed, YES > 0, and `cost` what it cost.
    `prints` are the last public trades, newest last, `resting` is what of the strategy's own rests. `closes_in_s` is -1
    where no close is known. `cash` is free cash, `portfolio` all at mark. `siblings` are all markets of a mutually
    exclusive event, this one among them, when every one is tradable and watched; else there are none, and a sibling
    has none.
    """

    ticker: Ticker
    grid: PriceGrid
    best_bid: Price | None
    best_ask: Price | None
    position: Count
    at_ms: int = 0
    event_ticker: EventTicker = NO_EVENT
    fees: FeeSchedule | None = None
    bids: Levels = ()
    asks: Levels = ()
    prints: tuple[TradePrinted, ...] = ()
    last_price: Price | None = None
    cost: Money = NO_MONEY
    resting: tuple[Quote, ...] = ()
    closes_in_s: int = -1
    book_age_s: int = 0
    cash: Money = NO_MONEY
    portfolio: Money = NO_MONEY
    siblings: tuple[MarketView, ...] = ()

    def fee(self, price: int, count: int, *, maker: bool = False) -> int:
        """Estimated trade fee in Money units, up to the next $0.0001, as the exchange rounds it."""
        return trade_fee(self.fees, price, count, maker=maker)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy says of one market. A side without a quote means: have nothing resting there.

    `said` is the policy's word on it ("hold", "buy YES 10"), `no_bid` and `no_ask` why a side has no quote. `memory` is
    the strategy's own state from here on: plain data that msgspec can write and read. `takes` may name other markets
    of the same event; they leave together or not at all. `wrong` names what it saw and did not trust, and held for.
    """

    quotes: tuple[Quote, ...] = ()
    takes: tuple[Take, ...] = ()
    said: str = ""
    no_bid: str = ""
    no_ask: str = ""
    wrong: str = ""
    memory: Any = None

    def why_not(self, side: BookSide) -> str:
        """Why there is no quote on `side`, in words; "" when there is one or no reason was given."""
        if any(quote.side is side for quote in self.quotes):
            return ""
        return self.no_bid if side is BookSide.BID else self.no_ask


class Strategy:
    """Base of all strategies. `decide` is a function of parameters, view and memory, and of nothing else."""

    name: ClassVar[str] = "strategy"
    text: ClassVar[str] = ""
    kind: ClassVar[type[Parameters]] = Parameters
    # Whole mutually exclusive events are chosen, not single markets.
    whole_events: ClassVar[bool] = False
    # Memories are kept through a restart: those of another version, or older than so many seconds, are not taken back.
    memory_version: ClassVar[str] = "1"
    memory_lasts_s: ClassVar[int] = 86_400

    def __init__(self, parameters: Parameters | None = None) -> None:
        self.parameters = parameters or self.kind()

    def begin(self, ticker: Ticker) -> Any:
        """The memory a market begins with. Its type is also how a memory that was written is read again."""
        return None

    def decide(self, view: MarketView, memory: Any) -> Decision:
        """The wishes for this market now. May be asked without its answer being carried out: change nothing."""
        raise NotImplementedError
