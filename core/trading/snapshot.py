"""TraderSnapshot: one immutable picture of the whole trader, for the console, the status file and reports.

Built once per beat by the engine, replaced and never edited. Every part is its own object and is kept when nothing in
it changed, so a reader may compare parts by identity. Times named `*_ns` are monotonic, `*_at` are wall time (Unix ns,
UTC); an age is `taken_ns - part_ns`. Amounts are the integers of `core.domain.amounts`. All text is already clean.
"""

from __future__ import annotations

from core.domain.amounts import Count, Money, Price
from core.domain.enums import (
    BookSide,
    ExitReason,
    Mode,
    OrderState,
    Origin,
    Ownership,
    PauseKind,
    Permission,
    TraderState,
)
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.market import PriceBand
from core.trading.roads_view import FeedView as FeedView
from core.trading.roads_view import GaugesView as GaugesView
from core.trading.roads_view import LatencyView as LatencyView
from core.trading.roads_view import Part as Part
from core.trading.roads_view import ScreenGauges as ScreenGauges


class IdentityView(Part, frozen=True, kw_only=True):
    """What runs where. `account` is a suffix of the key id, never the whole; `exchange` says which exchange.

    `config_hash` tells two configurations apart without showing them.
    """

    product: str
    version: str
    mode: Mode
    account: str
    exchange: str
    strategy: str
    seed: int | None
    pid: int
    started_at: int
    folder: str
    revision: str = ""
    host: str = ""
    python: str = ""
    screen: str = ""
    config_hash: str = ""
    log_file: str = ""


class StateView(Part, frozen=True, kw_only=True):
    """Where the trader is. `label` is the state with what qualifies it: `READY (not armed)`, `PAUSED (operator)`.

    `waiting_for` names the condition of the next move, `permission_reason` why not more is permitted ("" when TRADE).
    """

    state: TraderState
    label: str
    entered_ns: int
    entered_at: int
    reason: str
    waiting_for: str
    limit_ns: int | None
    pause: PauseKind | None
    armed: bool
    permission: Permission
    permission_reason: str
    procedure: str


class TransitionView(Part, frozen=True, kw_only=True):
    """A past move; `folded` counts repeated READY/ACTING pairs that this row stands for."""

    at: int
    source: TraderState
    target: TraderState
    reason: str
    seconds_in_source: int
    folded: int = 0


class StepView(Part, frozen=True, kw_only=True):
    """A calibration step; status is waiting, running, complete or failed."""

    step: str
    status: str
    elapsed_ns: int | None
    detail: str = ""


class BreakerView(Part, frozen=True, kw_only=True):
    """The circuit breaker: why it tripped, the value that did it and its limit."""

    tripped: bool
    reason: str
    value: str
    limit: str
    tripped_at: int | None
    errors: int
    errors_limit: int
    # What was counted, tripped and reset, newest last: (wall time, words).
    events: tuple[tuple[int, str], ...] = ()


class LimitView(Part, frozen=True, kw_only=True):
    """A risk limit as a meter: `used` of `limit` in the limit's own units, `used_text` and `limit_text` for people."""

    name: str
    used: int
    limit: int
    used_text: str
    limit_text: str


class BookView(Part, frozen=True, kw_only=True):
    """An order book: levels are (YES price, count), bids descending, asks ascending. `trusted` False: do not trade.

    `updated_ns` is when the last frame of this market's book was taken; 0 means never.
    """

    ticker: Ticker
    title: str
    quoted: bool
    trusted: bool
    untrusted_reason: str
    updated_ns: int
    seq: int
    bids: tuple[tuple[Price, Count], ...]
    asks: tuple[tuple[Price, Count], ...]
    bands: tuple[PriceBand, ...]
    last_price: Price | None
    last_count: Count | None
    last_side: BookSide | None
    volume: Count
    open_interest: Count
    status: str


class PositionView(Part, frozen=True, kw_only=True):
    """A position in YES terms (count > 0: YES). `average_price` is rounded for showing, `cost` is exact.

    `mark_basis` names the mark: `bid` (long), `ask` (short), `result` (of a decided market), `old` (of a book lost or a
    market closed since), `last`, or `none` when there is nothing to mark against.
    `if_flat` is the money that closing at the mark would bring, before fees.
    """

    ticker: Ticker
    count: Count
    average_price: Price | None
    cost: Money
    mark: Price | None
    mark_basis: str
    realized: Money
    unrealized: Money
    fees: Money
    if_flat: Money
    updated_at: int


class OrderView(Part, frozen=True, kw_only=True):
    """An order, open or final. `reason` says why it is where it is, `origin` who wished for it.

    `ahead` is the most that can stand before it at its price, from the books seen since it rests; None: not known.
    `expires_at` is when the exchange ends it by itself (0: never).
    """

    client_order_id: ClientOrderId
    order_id: OrderId | None
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    filled: Count
    remaining: Count
    state: OrderState
    ownership: Ownership
    created_at: int
    updated_at: int
    reason: str
    origin: Origin = Origin.STRATEGY
    ahead: Count | None = None
    expires_at: int = 0


class MoneyView(Part, frozen=True, kw_only=True):
    """Cash is the exchange's available balance as our ledger has it; `reserved` is collateral of resting orders,
    `reserved_foreign` what of it foreign orders hold.

    `portfolio` = cash + reserved + positions at mark. `exposure` is the loss if every position settles against us plus
    the worst case of own open orders. `realized` and `unrealized` are before fees; `fees` is what was paid in all.
    `day` is today's result (UTC) after fees, at mark. `pending_text` is non-empty while the ledger awaits a reading.
    """

    cash: Money
    reserved: Money
    portfolio: Money
    exposure: Money
    realized: Money
    unrealized: Money
    fees: Money
    day: Money
    max_drawdown: Money
    synced_at: int
    drift: Money
    drift_positions: int = 0
    day_realized: Money = Money(0)
    day_fees: Money = Money(0)
    day_fills: int = 0
    reserved_foreign: Money = Money(0)


class DayView(Part, frozen=True, kw_only=True):
    """What was booked on the UTC day that begins at `at` (wall ns); nothing unrealized is in it."""

    at: int
    placed: int
    fills: int
    contracts: Count
    realized: Money
    fees: Money


class CountersView(Part, frozen=True, kw_only=True):
    """Counts of this session; `placed_today` counts the account's UTC day, over restarts. `placed` counts create
    requests written.
    """

    placed: int = 0
    placed_today: int = 0
    accepted: int = 0
    denied: int = 0
    rejected: int = 0
    canceled: int = 0
    filled: int = 0
    in_doubt: int = 0
    fills: int = 0
    fill_contracts: Count = Count(0)
    gaps: int = 0
    resyncs: int = 0
    reconnects: int = 0
    refused_frames: int = 0
    adopted: int = 0
    foreign: int = 0


PLAIN = frozenset({"ok", "done", "pending", "running", "healthy"})


class ActivityView(Part, frozen=True, kw_only=True):
    """Something that happened: kind is a word like order_placed, fill, sync, state, command."""

    at: int
    kind: str
    text: str
    elapsed_ns: int | None = None
    status: str = "ok"

    @property
    def is_plain(self) -> bool:
        """Nothing is wrong with it."""
        return self.status in PLAIN


class ErrorView(Part, frozen=True, kw_only=True):
    """An error with its context and, once known, what recovered it. Severity is warning or error."""

    at: int
    severity: str
    error: str
    context: str
    recovery: str = ""


class ComponentView(Part, frozen=True, kw_only=True):
    """Health of a named system: healthy, degraded or error; `last_ns` is its last sign of life."""

    name: str
    status: str
    detail: str
    last_ns: int | None


class ActionView(Part, frozen=True, kw_only=True):
    """A wish somebody waits for: pending, refused, running, done or failed; stays until the console dismisses it.

    `client_order_id` names the order that a granted wish to place one made.
    """

    command_id: int
    name: str
    status: str
    text: str
    at: int
    client_order_id: str = ""

    @property
    def is_open(self) -> bool:
        """Its end is still to come."""
        return self.status in ("pending", "running")


class StatusEntry(Part, frozen=True, kw_only=True):
    """One row of the status history. Money is None until cash is known; `health` is the worst of all services."""

    at: int
    state: TraderState
    label: str
    seconds_in_state: int
    reason: str
    permission: str
    health: str
    breaker_tripped: bool
    portfolio: Money | None
    day: Money | None
    realized: Money
    fees: Money
    exposure: Money
    positions: int
    orders: int
    in_doubt: int
    placed: int
    fills: int
    errors: int


class LiquidationLine(Part, frozen=True, kw_only=True):
    """Plan for one position: reduce-only `side` of `count` walked over the book down to `limit_price`."""

    ticker: Ticker
    position: Count
    side: BookSide
    closable: Count
    residue: Count
    average_price: Price | None
    limit_price: Price | None
    proceeds: Money
    fees_estimate: Money
    slippage: Money
    note: str
    # What it would take from the book, best first: (YES price, count).
    levels: tuple[tuple[Price, Count], ...] = ()


class ProgressView(Part, frozen=True, kw_only=True):
    """How far a liquidation is. `orders_left` are own orders still open, `contracts` what was held when it began."""

    phase: str
    began_ns: int
    orders_left: int
    positions_left: int
    positions: int
    contracts_done: Count
    contracts: Count


class ExitView(Part, frozen=True, kw_only=True):
    """The certificate of the stop: what rests, what could not be verified."""

    reason: ExitReason
    code: int
    detail: str
    resting_after_stop: int | None
    foreign_resting: int | None
    unverified: tuple[str, ...]
    at: int


class StrategyView(Part, frozen=True, kw_only=True):
    """The strategy: `off` says why it is not asked ("": it is), `parameters` are (name, value, bounds) as written."""

    name: str = ""
    off: str = ""
    decisions: int = 0
    dropped: int = 0
    parameters: tuple[tuple[str, str, str], ...] = ()


class TraderSnapshot(Part, frozen=True, kw_only=True):
    """The whole picture. `books` holds the watched markets, most active first; `equity` is (wall ns, portfolio),
    `days` the days of this journal, oldest first, today last.
    """

    version: int
    taken_ns: int
    taken_at: int
    identity: IdentityView
    state: StateView
    transitions: tuple[TransitionView, ...]
    calibration: tuple[StepView, ...]
    breaker: BreakerView
    limits: tuple[LimitView, ...]
    books: tuple[BookView, ...]
    positions: tuple[PositionView, ...]
    orders: tuple[OrderView, ...]
    finished_orders: tuple[OrderView, ...]
    money: MoneyView
    equity: tuple[tuple[int, Money], ...]
    counters: CountersView
    activity: tuple[ActivityView, ...]
    errors: tuple[ErrorView, ...]
    components: tuple[ComponentView, ...]
    feed: FeedView
    actions: tuple[ActionView, ...]
    alarm: str
    liquidation: tuple[LiquidationLine, ...]
    exit: ExitView | None
    days: tuple[DayView, ...] = ()
    strategy: StrategyView = StrategyView()
    progress: ProgressView | None = None
