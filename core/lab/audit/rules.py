"""What a trader promised, in plain numbers: limits, bounds of time, and the tables the auditor holds it to.

Written down here anew, from the promise and not from the program: a table that was copied would be wrong alike.
"""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000

# The invariants a world is judged by, in the words of what must stay true.
INVARIANTS: dict[str, str] = {
    "I1": "no order leaves before its intent is on disk",
    "I2": "at most one exchange order per intent",
    "I3": "no limit is passed, judged on the exchange's books",
    "I4": "after a comparison our orders and positions are the exchange's, and until then no new order",
    "I5": "cash is the exchange's to the last millionth; integers only",
    "I6": "every fill is applied once",
    "I7": "declared transitions only; filled never exceeds size",
    "I8": "nothing is decided on a book with a hole, a negative size, a cross, or of a dead line",
    "I9": "nothing blocks a cancel",
    "I10": "the breaker trips in time, stops new risk, and only a person resets it",
    "I11": "an orderly exit leaves nothing resting; every order ends by itself within its lease",
    "I13": "whatever comes over the wire is a value or a counted refusal",
    "I16": "when faults stop the trader trades again, or says why it does not",
    "I18": "durations do not follow the wall clock; signatures do",
    "I19": "requests stay in the published budget and orders in their rate, connections are not hammered",
    "I20": "the journal is whole frames in order, and replays to the same state twice",
    "I21": "a liquidation only reduces, not under its floor, not past flat, in bounded tries",
    "I22": "orders of others are never touched and always told",
}

STATES: dict[str, frozenset[str]] = {
    "STARTUP": frozenset({"IDLE", "SHUTDOWN"}),
    "IDLE": frozenset({"INITIALIZING", "ERROR", "SHUTDOWN"}),
    "INITIALIZING": frozenset({"ORDERBOOK_CONNECT", "ERROR", "SHUTDOWN"}),
    "ORDERBOOK_CONNECT": frozenset({"TRADING_CLIENT_CONNECT", "READY", "ERROR", "SHUTDOWN"}),
    "TRADING_CLIENT_CONNECT": frozenset({"CALIBRATING", "PAUSED", "ERROR", "SHUTDOWN"}),
    "CALIBRATING": frozenset({"READY", "PAUSED", "LOW_CASH", "ERROR", "SHUTDOWN"}),
    "READY": frozenset({"ACTING", "CALIBRATING", "PAUSED", "LOW_CASH", "ORDERBOOK_CONNECT", "ERROR", "SHUTDOWN"}),
    "ACTING": frozenset({"READY", "CALIBRATING", "PAUSED", "LOW_CASH", "ERROR", "SHUTDOWN"}),
    "LOW_CASH": frozenset({"RECOVER_CASH", "CALIBRATING", "PAUSED", "ACTING", "ERROR", "SHUTDOWN"}),
    "RECOVER_CASH": frozenset({"CALIBRATING", "PAUSED", "ERROR", "SHUTDOWN"}),
    "PAUSED": frozenset({"READY", "CALIBRATING", "ACTING", "ERROR", "SHUTDOWN"}),
    "ERROR": frozenset({"CALIBRATING", "ORDERBOOK_CONNECT", "INITIALIZING", "PAUSED", "ACTING", "SHUTDOWN"}),
    "SHUTDOWN": frozenset(),
}
# Where the trader says itself that it does not trade.
HALTED = frozenset({"PAUSED", "ERROR", "LOW_CASH", "RECOVER_CASH", "SHUTDOWN"})
COMING_UP = frozenset({"INITIALIZING", "ORDERBOOK_CONNECT", "TRADING_CLIENT_CONNECT", "CALIBRATING"})
ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "VOID"})


@dataclass(frozen=True)
class Rules:
    """Limits of one world. Counts in hundredths of a contract, money in millionths, prices in ten-thousandths."""

    order_size: int = 10_000
    position: int = 10_000
    open_orders: int = 10
    orders_a_second: int = 5
    exposure: int = 1_000_000_000
    lease_s: int = 120
    errors_most: int = 5
    errors_s: int = 60
    # Bounds of time, in virtual seconds.
    silence_s: int = 17  # a line that says nothing is dead by then
    ask_s: int = 2  # from a hole in a book to asking for the whole of it, and from a long stand to a new line
    doubt_s: int = 15  # from a doubt to a look-up, while the line stands
    cancel_s: int = 3  # from a wish to cancel everything to the last request, while the line stands
    cancel_again_s: int = 8  # from a cancel that was refused to the next; one that finds nothing is looked up first
    given_up_s: int = 13  # an order is not given up sooner after its intent
    settle_s: int = 3  # news on their way, where nothing is wrong
    compare_s: int = 100  # within this of the last fault everything was compared
    learned_s: int = 30  # from the last fault until it is known what trades and in which group
    owed_s: int = 60  # no progress of something owed
    trade_s: int = 75  # from the last fault to trading again
    slippage: int = 1_000
    tries: int = 60  # orders of one liquidation at most
    read_rate: int = 200
    read_capacity: int = 400
    write_rate: int = 100
    write_capacity: int = 100
    connects_a_minute: int = 200
