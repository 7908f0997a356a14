"""Snapshots for the console's tests: small builders with defaults, and bridges that hold or move them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from core.domain.amounts import Count, Money, Price, contracts
from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder
from core.domain.enums import (
    BookSide,
    ExitReason,
    MarketStatus,
    Mode,
    OrderState,
    Ownership,
    Permission,
    TraderState,
)
from core.domain.ids import ClientOrderId, EventTicker, OrderId, SeriesTicker, Ticker
from core.domain.market import MarketInfo, MarketListing, PriceBand
from core.strategy.maker import MakerParameters
from core.strategy.parameters import changed, fields_of
from core.trading.inquiry import DecisionView, Explanation, OrderPreview, ParameterView, Piece, StrategyReport
from core.trading.snapshot import (
    ActionView,
    ActivityView,
    BookView,
    BreakerView,
    ComponentView,
    CountersView,
    ErrorView,
    ExitView,
    FeedView,
    IdentityView,
    LimitView,
    LiquidationLine,
    MoneyView,
    OrderView,
    PositionView,
    StateView,
    StepView,
    TraderSnapshot,
    TransitionView,
)

SECOND = 1_000_000_000
TAKEN_NS = 5_000 * SECOND
TAKEN_AT = 1_767_269_000 * SECOND
HIGHNY = Ticker("KXHIGHNY-26JAN04-B40")
FED = Ticker("KXFED-26MAR-T425")
CENTS = (PriceBand(start=Price(0), end=Price(10_000), step=Price(100)),)
FINE = (
    PriceBand(start=Price(0), end=Price(1_000), step=Price(10)),
    PriceBand(start=Price(1_000), end=Price(9_000), step=Price(100)),
    PriceBand(start=Price(9_000), end=Price(10_000), step=Price(10)),
)
HOSTILE = "\x1b]0;own\x07[/b][@click=app.quit]x[/] \u202eevil\u200b \x9b31m\x07"


def ago(seconds: float) -> int:
    return TAKEN_AT - int(seconds * SECOND)


def identity(**changes: Any) -> IdentityView:
    base = IdentityView(
        product="kalshi-trader", version="0.1.0", mode=Mode.PAPER, account="7F2", exchange="embedded",
        strategy="market_maker", seed=7, pid=4242, started_at=ago(3_720), folder="/state/paper-00000000",
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def state(**changes: Any) -> StateView:
    base = StateView(
        state=TraderState.READY, label="READY", entered_ns=TAKEN_NS - 41 * SECOND, entered_at=ago(41),
        reason="calibration_complete", waiting_for="a change of the book", limit_ns=None, pause=None, armed=True,
        permission=Permission.TRADE, permission_reason="", procedure="",
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def move(seconds: float, source: TraderState, target: TraderState, reason: str = "", folded: int = 0) -> TransitionView:
    return TransitionView(
        at=ago(seconds), source=source, target=target, reason=reason, seconds_in_source=2, folded=folded
    )


def transitions() -> tuple[TransitionView, ...]:
    s = TraderState
    return (
        move(50, s.INITIALIZING, s.ORDERBOOK_CONNECT, "initialized"),
        move(47, s.ORDERBOOK_CONNECT, s.TRADING_CLIENT_CONNECT, "books_ready"),
        move(45, s.TRADING_CLIENT_CONNECT, s.CALIBRATING, "connected"),
        move(41, s.CALIBRATING, s.READY, "calibration_complete"),
        move(3, s.READY, s.ACTING, "processing_action_buy", folded=118),
    )


def steps(*statuses: str) -> tuple[StepView, ...]:
    names = ("exchange_status", "streams", "sync_orders", "sync_positions", "sync_balance", "ledger", "cash_check")
    given = statuses or ("complete",) * len(names)
    return tuple(
        StepView(step=name, status=status, elapsed_ns=None if status == "waiting" else 210_000_000)
        for name, status in zip(names, given, strict=False)
    )


def book(ticker: Ticker = HIGHNY, mid: int = 55, *, bands: tuple[PriceBand, ...] = CENTS, **changes: Any) -> BookView:
    bids = tuple((Price((mid - 1 - i) * 100), contracts(95 + 145 * i % 700)) for i in range(12) if mid - 1 - i > 0)
    asks = tuple((Price((mid + 1 + i) * 100), contracts(85 + 35 * i % 400)) for i in range(12) if mid + 1 + i < 100)
    base = BookView(
        ticker=ticker, title="Highest temperature in New York City on Jan 4", quoted=True, trusted=True,
        untrusted_reason="", updated_ns=TAKEN_NS - 200_000_000, seq=88_121, bids=bids, asks=asks, bands=bands,
        last_price=Price(mid * 100), last_count=contracts(10), last_side=BookSide.BID, volume=contracts(41_220),
        open_interest=contracts(120_004), status="active",
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def market(number: int, **changes: Any) -> MarketInfo:
    """One of the exchange's markets; five to an event."""
    base = MarketInfo(
        ticker=Ticker(f"KXCITY{number // 5:04d}-26JAN04-B{number % 5}"), event_ticker=EventTicker(
            f"KXCITY{number // 5:04d}-26JAN04"), series_ticker=SeriesTicker(f"KXCITY{number // 5:04d}"),
        title=f"Will city {number // 5} be warmer than {40 + number % 5}?", status=MarketStatus.ACTIVE,
        close_ms=TAKEN_AT // 1_000_000 + 3_600_000 * (1 + number % 48), bands=CENTS,
        best_bid=Price(4_000 + number % 900), best_ask=Price(5_000), last_price=Price(4_500),
        volume_24h=contracts(number * 7 % 5_000),
        open_interest=contracts(number * 3),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def listing(count: int = 2_000) -> MarketListing:
    """Two watched markets and many others, read four minutes ago."""
    mine = (market(0, ticker=HIGHNY, event_ticker=EventTicker("KXHIGHNY-26JAN04")),
            market(1, ticker=FED, event_ticker=EventTicker("KXFED-26MAR")))  # fmt: skip
    return MarketListing(markets=(*mine, *(market(number) for number in range(2, count))), read_at=ago(240))


def position(
    ticker: Ticker = HIGHNY, count: int = 120, average: int = 4_700, mark: int | None = 5_500, **changes: Any
) -> PositionView:
    base = PositionView(
        ticker=ticker, count=contracts(count), average_price=Price(average), cost=Money(average * count * 100),
        mark=None if mark is None else Price(mark),
        mark_basis="none" if mark is None else "bid" if count > 0 else "ask",
        realized=Money(1_200_000), unrealized=Money(0 if mark is None else (mark - average) * count * 100),
        fees=Money(410_000), if_flat=Money(0 if mark is None else mark * count * 100), updated_at=ago(740),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def order(
    number: int = 1, side: BookSide = BookSide.BID, price: int = 5_400, count: int = 30, filled: int = 0, **changes: Any
) -> OrderView:
    base = OrderView(
        client_order_id=ClientOrderId(f"kt-own-{number:04d}"), order_id=OrderId(f"ord-{number:08d}"), ticker=HIGHNY,
        side=side, price=Price(price), count=contracts(count), filled=contracts(filled),
        remaining=contracts(count - filled), state=OrderState.RESTING, ownership=Ownership.OWN,
        created_at=ago(4 + number), updated_at=ago(2), reason="quote",
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def money(**changes: Any) -> MoneyView:
    base = MoneyView(
        cash=Money(941_200_000), reserved=Money(16_200_000), portfolio=Money(1_008_400_000), exposure=Money(68_800_000),
        realized=Money(1_200_000), unrealized=Money(8_400_000), fees=Money(620_000), day=Money(8_980_000),
        max_drawdown=Money(3_100_000), synced_at=ago(12), drift=Money(0),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def equity(points: int = 240) -> tuple[tuple[int, Money], ...]:
    value, series, seed = 1_000_000_000, [], 12_345
    for i in range(points):
        seed = (seed * 1_103_515_245 + 12_345) % 2**31
        value += (seed >> 12) % 200_000 - 78_000 - (120_000 if 40 < i < 90 else 0)
        series.append((ago((points - i) * 15), Money(value)))
    return tuple(series)


def feed(**changes: Any) -> FeedView:
    base = FeedView(
        stream_up=True, stream_epoch=1, last_message_ns=TAKEN_NS - 200_000_000, rest_up=True,
        last_reply_ns=TAKEN_NS - 3 * SECOND, rest_latency_us=41_000, read_tokens=188, write_tokens=92,
        loop_lag_p99_us=3_400,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def limits() -> tuple[LimitView, ...]:
    return (
        LimitView(name="exposure", used=68_800_000, limit=120_000_000, used_text="$68.80", limit_text="$120.00"),
        LimitView(name="open orders", used=2, limit=10, used_text="2", limit_text="10"),
        LimitView(name="day loss", used=0, limit=50_000_000, used_text="$0.00", limit_text="$50.00"),
    )


def activity() -> tuple[ActivityView, ...]:
    rows = [
        (30, "sync", "positions synced, drift $0.00", 210_000_000),
        (22, "order", "placed SELL 20 @ 0.57 KXHIGHNY-26JAN04-B40", 41_000_000),
        (14, "fill", "BUY 10 @ 0.54 KXHIGHNY-26JAN04-B40 fee $0.02", None),
        (5, "order", "placed BUY 30 @ 0.54 KXHIGHNY-26JAN04-B40", 39_000_000),
        (1, "fill", "SELL 4 @ 0.57 KXHIGHNY-26JAN04-B40 fee $0.01", None),
    ]
    return tuple(ActivityView(at=ago(s), kind=kind, text=text, elapsed_ns=spent) for s, kind, text, spent in rows)


def components() -> tuple[ComponentView, ...]:
    rows = (("OrderService", "2 open, 88 placed"), ("PositionTracker", "2 positions"), ("StateSync", "drift $0.00"),
            ("OrderbookClient", "2 markets, seq 88121"), ("TradingClient", "41 ms"))  # fmt: skip
    return tuple(
        ComponentView(name=name, status="healthy", detail=detail, last_ns=TAKEN_NS - SECOND) for name, detail in rows
    )


def plan() -> tuple[LiquidationLine, ...]:
    return (
        LiquidationLine(
            ticker=HIGHNY, position=contracts(120), side=BookSide.ASK, closable=contracts(100), residue=contracts(20),
            average_price=Price(5_350), limit_price=Price(5_200), proceeds=Money(53_500_000),
            fees_estimate=Money(1_750_000), slippage=Money(500_000), note="20 contracts find no bid",
        ),
        LiquidationLine(
            ticker=FED, position=contracts(-40), side=BookSide.BID, closable=contracts(40), residue=Count(0),
            average_price=Price(7_200), limit_price=Price(7_200), proceeds=Money(11_200_000),
            fees_estimate=Money(570_000), slippage=Money(0), note="",
        ),
    )  # fmt: skip


def snapshot(**changes: Any) -> TraderSnapshot:
    base = TraderSnapshot(
        version=1, taken_ns=TAKEN_NS, taken_at=TAKEN_AT, identity=identity(), state=state(),
        transitions=transitions(), calibration=steps(), breaker=breaker(), limits=limits(),
        books=(book(), book(FED, 71, title="Fed funds rate above 4.25% after March")),
        positions=(position(), position(FED, -40, 6_900, 7_200, mark_basis="ask", fees=Money(210_000))),
        orders=(order(1, filled=10), order(2, BookSide.ASK, 5_700, 20, state=OrderState.SENT)),
        finished_orders=(order(9, BookSide.ASK, 5_700, 4, 4, state=OrderState.FILLED, reason="filled"),),
        money=money(), equity=equity(),
        counters=CountersView(placed=88, accepted=86, canceled=57, denied=1, fills=31, fill_contracts=contracts(412),
                              resyncs=1, gaps=1),
        activity=activity(),
        errors=(ErrorView(at=ago(9), severity="warning", error="stream_gap", context="seq 1181 to 1184",
                          recovery="resynced in 0.2s"),),
        components=components(), feed=feed(), actions=(), alarm="", liquidation=plan(), exit=None,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def breaker(**changes: Any) -> BreakerView:
    base = BreakerView(tripped=False, reason="", value="", limit="", tripped_at=None, errors=0, errors_limit=5)
    return msgspec.structs.replace(base, **changes)


def tripped() -> BreakerView:
    return breaker(
        tripped=True, reason="order errors", value="5 errors in 60 s", limit="5", tripped_at=ago(8), errors=5
    )


def action(command_id: int = 1, name: str = "pause", status: str = "done", text: str = "", at: float = 1) -> ActionView:
    return ActionView(command_id=command_id, name=name, status=status, text=text, at=ago(at))


def certificate(**changes: Any) -> ExitView:
    base = ExitView(
        reason=ExitReason.QUIT, code=0, detail="", resting_after_stop=0, foreign_resting=0, unverified=(), at=TAKEN_AT
    )
    return msgspec.structs.replace(base, **changes)


def empty() -> TraderSnapshot:
    return snapshot(
        state=state(state=TraderState.STARTUP, label="STARTUP", reason="", waiting_for="assembly", armed=False,
                    permission=Permission.NOTHING, permission_reason="not calibrated"),
        transitions=(), calibration=(), limits=(), books=(), positions=(), orders=(), finished_orders=(),
        money=money(cash=Money(0), reserved=Money(0), portfolio=Money(0), exposure=Money(0), realized=Money(0),
                    unrealized=Money(0), fees=Money(0), day=Money(0), max_drawdown=Money(0), synced_at=0),
        equity=(), counters=CountersView(), activity=(), errors=(), components=(), liquidation=(),
        feed=feed(stream_up=False, last_message_ns=None, rest_up=False, last_reply_ns=None, rest_latency_us=None,
                  read_tokens=None, write_tokens=None, loop_lag_p99_us=None),
    )  # fmt: skip


def stale() -> TraderSnapshot:
    return snapshot(
        state=state(state=TraderState.ERROR, label="ERROR (stream_lost)", reason="stream_lost",
                    entered_ns=TAKEN_NS - 12 * SECOND, permission=Permission.CANCEL_ONLY,
                    permission_reason="the order book is not trusted", waiting_for="reconnect, try 3 in 4 s"),
        books=(book(trusted=False, untrusted_reason="stream lost", updated_ns=TAKEN_NS - 14 * SECOND),),
        feed=feed(stream_up=False, last_message_ns=TAKEN_NS - 14 * SECOND),
        errors=(ErrorView(at=ago(14), severity="error", error="stream_lost", context="socket closed 1006"),),
        alarm="stream lost 14 s ago; nothing trades before calibration",
    )  # fmt: skip


def hostile() -> TraderSnapshot:
    bad = Ticker("KX" + HOSTILE)
    return snapshot(
        identity=identity(account=HOSTILE, exchange=HOSTILE, strategy=HOSTILE),
        state=state(label=HOSTILE, reason=HOSTILE, waiting_for=HOSTILE, permission_reason=HOSTILE, procedure=HOSTILE),
        transitions=(move(9, TraderState.CALIBRATING, TraderState.READY, HOSTILE),),
        calibration=(StepView(step=HOSTILE, status="failed", elapsed_ns=1, detail=HOSTILE),),
        breaker=breaker(tripped=True, reason=HOSTILE, value=HOSTILE, limit=HOSTILE),
        limits=(LimitView(name=HOSTILE, used=1, limit=2, used_text=HOSTILE, limit_text=HOSTILE),),
        books=(book(bad, title=HOSTILE, untrusted_reason=HOSTILE, status=HOSTILE),),
        positions=(position(bad),),
        orders=(order(1, ticker=bad, reason=HOSTILE, order_id=HOSTILE, client_order_id=ClientOrderId(HOSTILE)),),
        activity=(ActivityView(at=ago(1), kind=HOSTILE, text=HOSTILE, status=HOSTILE),),
        errors=(ErrorView(at=ago(1), severity="error", error=HOSTILE, context=HOSTILE, recovery=HOSTILE),),
        components=(ComponentView(name=HOSTILE, status=HOSTILE, detail=HOSTILE, last_ns=None),),
        actions=(action(1, HOSTILE, "failed", HOSTILE),),
        alarm=HOSTILE,
        liquidation=(msgspec.structs.replace(plan()[0], ticker=bad, note=HOSTILE),),
    )


def strategy(**changes: Any) -> StrategyReport:
    """The maker as it stands, with two decisions."""
    base = StrategyReport(
        name="maker", text="quotes both sides, leans against its inventory", made=1_204, dropped=3,
        parameters=tuple(
            ParameterView(
                name=f.name, value=f.shown(f.default), low=f.shown(f.low), high=f.shown(f.high), unit=f.unit,
                text=f.text,
            )
            for f in fields_of(MakerParameters)
        ),
        memory=((HIGHNY, 41), (FED, 38)),
        decisions=(
            DecisionView(
                ticker=HIGHNY, at=ago(1), digest="0123456789abcdef", said="value 0.456, half spread 0.012",
                wishes=("buy 5 @ 0.44 (rest)",), result="placed", took_us=210,
            ),
            DecisionView(
                ticker=FED, at=ago(4), digest="fedcba9876543210", said="hold: out of range: position",
                wrong="out of range: position", result="nothing to change", took_us=55,
            ),
        ),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


class FixedBridge:
    """Holds one snapshot that a test may replace, and records what is submitted."""

    def __init__(self, shown: TraderSnapshot, folder: Path | None = None) -> None:
        self.shown = shown
        self.folder = folder or Path("/nonexistent")
        self.sent: list[Command] = []
        self.knock = asyncio.Event()
        self.listing = MarketListing()
        self.previews: Callable[[Command], OrderPreview | None] = lambda wish: None
        self.explanation: Explanation | None = None
        self.strategy: StrategyReport | None = strategy()
        self.pieces: tuple[Piece, ...] = ()
        self.lab: object = "no exchange of its own"
        self._next = max((item.command_id for item in shown.actions), default=0)

    def snapshot(self) -> TraderSnapshot:
        return self.shown

    def put(self, **changes: Any) -> None:
        """Replace parts of the picture under a new version."""
        self.shown = msgspec.structs.replace(self.shown, version=self.shown.version + 1, **changes)
        self.knock.set()

    def submit(self, command: Command) -> None:
        self.sent.append(command)

    def next_command_id(self) -> int:
        self._next += 1
        return self._next

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        return "=== TRADER STATUS ===\nState: READY\n"

    def state_folder(self) -> Path:
        return self.folder

    def preview_order(self, wish: PlaceOrder | AmendOrder | CancelOrder) -> OrderPreview | None:
        return self.previews(wish)

    def explain_market(self, ticker: Ticker) -> Explanation | None:
        return self.explanation

    def strategy_report(self) -> StrategyReport | None:
        return self.strategy

    def check_parameter(self, name: str, value: str) -> str:
        """As the trader does it: by the parameters of the strategy itself."""
        try:
            changed(MakerParameters(), {name: value})
        except ValueError as error:
            return str(error)
        return ""

    async def bug_bundle(self) -> tuple[Piece, ...]:
        return self.pieces

    async def write_bundle(self, pieces: tuple[Piece, ...]) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "bug-1.zip"
        path.write_bytes(b"".join(piece.data for piece in pieces))
        return path

    def market_listing(self) -> MarketListing:
        return self.listing

    def fault_lab(self):
        return self.lab

    async def wait_wake(self) -> None:
        await self.knock.wait()
        self.knock.clear()
