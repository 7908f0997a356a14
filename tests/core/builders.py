"""Builders: facts with defaults, and an engine brought up by facts alone, as the exchange would send them."""

from __future__ import annotations

from typing import Any

from core.domain import events as ev
from core.domain.amounts import Count, Money, Price, contracts, dollars
from core.domain.commands import PlaceOrder, Start
from core.domain.effects import AnyEffect, Read, ReadKind, RefreshBooks, SendCancel, SendCancels, SendOrder, SendOrders
from core.domain.enums import BookSide, MarketStatus, OrderStatus, Origin, TraderState
from core.domain.ids import ClientOrderId, EventTicker, OrderId, SeriesTicker, Ticker, TradeId
from core.domain.market import MarketInfo, PriceBand
from core.domain.records import Record
from core.engine.engine import Engine, Item
from core.strategy.actor import ActorService
from core.strategy.base import Decision, MarketView, Strategy
from core.trading.desk import Desk, DeskSettings
from core.trading.risk import RiskLimits

T = Ticker("KXTEST-26DEC01-A")
NS = 1_000_000_000
WALL = 1_795_000_000 * NS
CENTS = (PriceBand(start=Price(0), end=Price(10_000), step=Price(100)),)


def market(ticker: str = T, **changes: Any) -> MarketInfo:
    given: dict[str, Any] = {
        "ticker": Ticker(ticker),
        "event_ticker": EventTicker("KXTEST-26DEC01"),
        "series_ticker": SeriesTicker("KXTEST"),
        "title": "A test",
        "status": MarketStatus.ACTIVE,
        "close_ms": (WALL // 1_000_000) + 86_400_000,
        "bands": CENTS,
        "best_bid": Price(4_500),
        "best_ask": Price(4_700),
        "volume_24h": contracts(100),
    }
    return MarketInfo(**(given | changes))


def book(
    ticker: str = T, bids: Any = ((4_500, 1_000),), asks: Any = ((4_700, 1_000),), seq: int = 1
) -> ev.BookReplaced:
    return ev.BookReplaced(
        ticker=Ticker(ticker),
        bids=tuple((Price(p), Count(c)) for p, c in bids),
        asks=tuple((Price(p), Count(c)) for p, c in asks),
        seq=seq,
    )


def fill(
    trade: str = "t1", order: str = "o1", side: BookSide = BookSide.BID, price: int = 4_500, count: int = 500,
    fee: int = 0, client: str | None = None, ticker: str = T, ms: int = 0,
) -> ev.FillReported:  # fmt: skip
    return ev.FillReported(
        trade_id=TradeId(trade),
        order_id=OrderId(order),
        client_order_id=None if client is None else ClientOrderId(client),
        ticker=Ticker(ticker),
        side=side,
        price=Price(price),
        count=Count(count),
        fee=Money(fee),
        is_taker=False,
        exchange_ms=ms,
        source=ev.Source.STREAM,
    )


def report(
    client: str, order: str = "o1", side: BookSide = BookSide.BID, price: int = 4_500, initial: int = 500,
    filled: int = 0, status: OrderStatus = OrderStatus.RESTING, reason: str = "", ticker: str = T,
) -> ev.OrderReport:  # fmt: skip
    return ev.OrderReport(
        order_id=OrderId(order),
        client_order_id=ClientOrderId(client),
        ticker=Ticker(ticker),
        side=side,
        price=Price(price),
        initial=Count(initial),
        filled=Count(filled),
        remaining=Count(initial - filled if status is OrderStatus.RESTING else 0),
        status=status,
        reason=reason,
    )


class Silent(Strategy):
    """A strategy that wishes nothing."""

    name = "silent"

    def decide(self, view: MarketView, memory: Any) -> Decision:
        return Decision(said="nothing", no_bid="it wishes nothing", no_ask="it wishes nothing")


class Bench:
    """An engine and the exchange's answers to it: reads are answered by what `exchange_*` hold."""

    def __init__(self, strategy: Any = None, known: frozenset[str] = frozenset(), **settings: Any) -> None:
        limits = settings.pop("limits", RiskLimits())
        self.desk = Desk(
            DeskSettings(limits=limits, started_at=WALL, session="s1", **settings),
            frozenset(ClientOrderId(k) for k in known),
            0,
        )
        self.engine = Engine(self.desk, ActorService(strategy or Silent()))
        self.now = 1_000 * NS
        self.records: list[Record] = []
        self.effects: list[AnyEffect] = []
        self.markets: tuple[MarketInfo, ...] = (market(),)
        self.orders: tuple[ev.OrderReport, ...] = ()
        self.positions: tuple[ev.PositionReport, ...] = ()
        self.fills: tuple[ev.FillReported, ...] = ()
        self.settlements: tuple[ev.SettlementReport, ...] = ()
        self.balance = dollars(1000)
        self.active = self.trading = True
        self.failing: set[ReadKind] = set()
        self.fatal = False
        self.looked_up: dict[str, ev.OrderReport | None] = {}
        self.books: dict[str, ev.BookReplaced] = {}
        self.desk.now_ns, self.desk.wall_ns = self.now, WALL
        self.engine.assembled()

    @property
    def state(self) -> TraderState:
        return self.desk.state

    def step(self, item: Item, *, answer: bool = True) -> list[AnyEffect]:
        if isinstance(item, ev.BookReplaced):
            self.books[item.ticker] = item
        records, effects = self.engine.step(item, self.now)
        self.records += records
        self.effects += effects
        for effect in effects:
            if answer and isinstance(effect, Read):
                self.step(self.answer(effect))
            elif isinstance(effect, RefreshBooks) and effect.reason == "quiet":
                for ticker in effect.tickers:
                    self.step(self.books[ticker])
        return effects

    def beat(self, seconds: float = 0.1, times: int = 1, *, answer: bool = True) -> list[AnyEffect]:
        found: list[AnyEffect] = []
        for _ in range(times):
            self.now += int(seconds * NS)
            wall = WALL + self.now - 1_000 * NS
            before = len(self.effects)
            self.step(ev.Beat(wall_ns=wall), answer=answer)
            found += self.effects[before:]
        return found

    def answer(self, read: Read) -> ev.Event:
        i = read.request_id
        if read.kind in self.failing:
            return ev.ReadFailed(
                request_id=i, kind=read.kind.value, status=401 if self.fatal else 0, reason="no", fatal=self.fatal,
                elapsed_ns=0,
            )  # fmt: skip
        match read.kind:
            case ReadKind.EXCHANGE_STATUS:
                return ev.ExchangeStatusRead(
                    request_id=i, exchange_active=self.active, trading_active=self.trading, elapsed_ns=1
                )
            case ReadKind.LIMITS:
                return ev.LimitsRead(
                    request_id=i, tier="basic", read_rate=200, read_capacity=400, write_rate=100, write_capacity=100,
                    elapsed_ns=1,
                )  # fmt: skip
            case ReadKind.MARKETS:
                return ev.MarketsRead(request_id=i, markets=self.markets, elapsed_ns=1)
            case ReadKind.ORDERS:
                return ev.OrdersRead(request_id=i, orders=self.orders, elapsed_ns=1)
            case ReadKind.POSITIONS:
                return ev.PositionsRead(request_id=i, positions=self.positions, elapsed_ns=1)
            case ReadKind.BALANCE:
                return ev.BalanceRead(request_id=i, balance=self.balance, elapsed_ns=1)
            case ReadKind.SETTLEMENTS:
                return ev.SettlementsRead(request_id=i, settlements=self.settlements, elapsed_ns=1)
            case ReadKind.FILLS:
                return ev.FillsRead(request_id=i, fills=self.fills, elapsed_ns=1)
            case ReadKind.ORDER:
                assert read.client_order_id is not None
                found = self.looked_up.get(read.client_order_id)
                return ev.OrderLookedUp(request_id=i, client_order_id=read.client_order_id, report=found, elapsed_ns=1)

    def connect(self, epoch: int = 1) -> None:
        self.step(ev.StreamConnected(epoch=epoch))
        for channel in ("orderbook_delta", "fill", "user_orders"):
            self.step(ev.StreamSubscribed(epoch=epoch, channel=channel))

    def up(self) -> Bench:
        """Bring the trader to READY."""
        self.step(Start(origin=Origin.TIMER))
        self.beat(times=2)
        self.connect()
        for info in self.markets:
            self.step(book(info.ticker))
        self.beat(times=30)
        assert self.state in (TraderState.READY, TraderState.ACTING), self.desk.machine.history
        self.effects = [e for e in self.effects if isinstance(e, SendOrder | SendOrders)]
        return self

    # ---- orders ------------------------------------------------------------------------------------------------

    def place(self, side: BookSide = BookSide.BID, price: int = 4_500, count: int = 500, **more: Any) -> SendOrder:
        self.step(PlaceOrder(ticker=T, side=side, price=Price(price), count=Count(count), command_id=1, **more))
        sent = [e for e in self.effects if isinstance(e, SendOrder)]
        assert sent, self.desk.status.status_of(1)
        return sent[-1]

    def accept(self, sent: SendOrder, order: str = "o1", filled: int = 0) -> None:
        self.step(
            ev.OrderAccepted(
                client_order_id=sent.client_order_id,
                order_id=OrderId(order),
                filled=Count(filled),
                remaining=Count(sent.count - filled),
                elapsed_ns=1,
            )
        )

    def sent_cancels(self) -> list[SendCancel]:
        """Every cancel that left, alone or in a batch."""
        return [
            cancel
            for e in self.effects
            for cancel in (e.cancels if isinstance(e, SendCancels) else (e,) if isinstance(e, SendCancel) else ())
        ]

    def confirm_cancels(self) -> None:
        for cancel in self.sent_cancels():
            order = self.desk.orders.get(cancel.client_order_id)
            assert order is not None
            if order.is_open:
                self.step(
                    ev.CancelConfirmed(
                        client_order_id=cancel.client_order_id,
                        order_id=cancel.order_id,
                        reduced_by=Count(order.count - order.done),
                        elapsed_ns=1,
                    )
                )
