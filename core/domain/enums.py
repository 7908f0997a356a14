"""The choices of the trader and of the exchange. Text values are what reports, journal and status panel show."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Mode(StrEnum):
    """Which exchange the trader talks to."""

    PAPER = "paper"
    DEMO = "demo"
    LIVE = "live"
    REPLAY = "replay"


class BookSide(StrEnum):
    """Side of the one YES book: a bid buys YES, an ask sells YES (which is buying NO at 1 - price)."""

    BID = "bid"
    ASK = "ask"

    sign: int  # +1 where a fill adds YES contracts, -1 where it takes them away

    def __init__(self, word: str) -> None:
        self.sign = 1 if word == "bid" else -1

    @property
    def opposite(self) -> BookSide:
        return BookSide.ASK if self is BookSide.BID else BookSide.BID


class TimeInForce(StrEnum):
    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class PriceRule(StrEnum):
    """How an order without a price gets one: at our side's best, one tick better, or through to a floor."""

    JOIN = "join"
    IMPROVE = "improve"
    CROSS = "cross"


class MarketStatus(StrEnum):
    """A market's life as the exchange words it; anything else it may say is UNKNOWN and not tradable."""

    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"
    UNKNOWN = "unknown"


# The outcome is named: nothing goes back to trading from here, while a closed market may be opened again.
DECIDED = frozenset({MarketStatus.DETERMINED, MarketStatus.AMENDED, MarketStatus.DISPUTED, MarketStatus.FINALIZED})


class OrderStatus(StrEnum):
    """An order's status as the exchange words it."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"
    UNKNOWN = "unknown"


class OrderState(StrEnum):
    """Our order's state; the table of moves is in `core/trading/order_states.py`."""

    PLANNED = "PLANNED"
    SENT = "SENT"
    RESTING = "RESTING"
    AMENDING = "AMENDING"
    CANCELING = "CANCELING"
    IN_DOUBT = "IN_DOUBT"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    VOID = "VOID"


FINAL_ORDER_STATES = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.VOID}
)


class Ownership(StrEnum):
    """Own: in our journal. Adopted: our prefix without a record. Foreign: all else, counted in risk, left alone."""

    OWN = "own"
    ADOPTED = "adopted"
    FOREIGN = "foreign"


class TraderState(StrEnum):
    """Where the trader is; the table of moves is in `core/trading/state_machine.py`."""

    STARTUP = "STARTUP"
    IDLE = "IDLE"
    INITIALIZING = "INITIALIZING"
    ORDERBOOK_CONNECT = "ORDERBOOK_CONNECT"
    TRADING_CLIENT_CONNECT = "TRADING_CLIENT_CONNECT"
    CALIBRATING = "CALIBRATING"
    READY = "READY"
    ACTING = "ACTING"
    LOW_CASH = "LOW_CASH"
    RECOVER_CASH = "RECOVER_CASH"
    PAUSED = "PAUSED"
    ERROR = "ERROR"
    SHUTDOWN = "SHUTDOWN"


class PauseKind(StrEnum):
    """Why the trader is paused."""

    OPERATOR = "operator"
    EXCHANGE = "exchange"
    FEED = "feed"


class Permission(IntEnum):
    """What may be done now; more is larger, so that combining is `min`."""

    NOTHING = 0
    CANCEL_ONLY = 1
    REDUCE_ONLY = 2
    TRADE = 3


class Origin(StrEnum):
    """Who wishes something."""

    OPERATOR = "operator"
    STRATEGY = "strategy"
    PROCEDURE = "procedure"
    SIGNAL = "signal"
    SOCKET = "socket"
    TIMER = "timer"


class ExitReason(StrEnum):
    TIME = "time"
    QUIT = "quit"
    SIGNAL = "signal"
    CRASH = "crash"
    REFUSED = "refused"
    UNVERIFIED = "unverified"


class ExitCode(IntEnum):
    """0 clean with nothing of ours resting, 1 internal, 2 bad input, 3 refused start, 4 stopped but not verified."""

    CLEAN = 0
    INTERNAL = 1
    BAD_INPUT = 2
    REFUSED_START = 3
    UNVERIFIED = 4
