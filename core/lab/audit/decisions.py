"""Judging what was decided, as the journal tells it in its order, and what of it reached the exchange."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from core.lab.audit.ledger import BID, Order
from core.lab.audit.rules import ENDED, NS, STATES

if TYPE_CHECKING:
    from core.lab.audit.auditor import Auditor

Record = dict[str, Any]
MARGIN_NS = 1_000_000
ENDING_WISHES = frozenset({"CancelAll", "Panic", "Pause"})
BUSY = frozenset({"READY", "ACTING"})
ENDS_ORDERS = frozenset({"PAUSED", "ERROR", "LOW_CASH", "SHUTDOWN"})  # with these own orders are canceled


class Decisions:
    """The journal's records one by one."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        self.position = 0
        self.intents: dict[str, int] = {}
        self.intended: dict[str, Record] = {}
        self.changes: defaultdict[str, list[int]] = defaultdict(list)
        self.sizes: dict[str, int] = {}
        self.intended_ns: dict[str, int] = {}
        self.states: dict[str, str] = {}
        self.doubted: dict[str, int] = {}  # since when
        self.exits: set[str] = set()
        self.booked: Counter[tuple[str, str]] = Counter()
        self.held: dict[str, int] = {}
        self.tripped = False
        self.state = ""
        self.compared_ns = 0
        self.tries = 0
        self._reopened: dict[str, int] = {}
        self._undone: set[str] = set()  # decided, and nothing heard of it
        self._second: deque[int] = deque()  # when the orders of the last second were decided
        self._kinds = {
            "OrderIntended": self._intended,
            "AmendIntended": self._changed,
            "OrderMoved": self._moved,
            "FillBooked": self._booked,
            "PositionTaken": self._taken,
            "StateMoved": self._went,
            "BreakerMoved": self._breaker,
            "ProcedureMoved": self._procedure,
            "Corrected": self._corrected,
            "CommandTaken": self._wished,
        }

    def record(self, record: Record) -> None:
        self.position += 1
        judge = self._kinds.get(record["type"])
        if judge is not None:
            judge(record)

    # ---- orders ----------------------------------------------------------------------------------------------------

    def _intended(self, record: Record) -> None:
        a, name = self._a, record["client_order_id"]
        if name in self.intents:
            a.say("I2", "intent", f"{name} was intended twice")
        self.intents[name] = self.position
        self.intended[name] = record
        self.sizes[name] = record["count"]
        self.intended_ns[name] = a.now_ns
        self._undone.add(name)
        self._check_rate()
        self._check_book(name, record["ticker"])
        if not a.requests.streamed_ns or any(
            a.requests.read_ok.get(path, -1) < a.requests.streamed_ns
            for path in ("/portfolio/orders", "/portfolio/positions")
        ):
            a.say("I4", "before", f"{name} was decided before orders and positions were read on this line")
        held = self.held.get(record["ticker"], 0)
        reduces = held * _sign(record) < 0 and record["count"] + self._open_beside(record) <= abs(held)
        if not reduces and any(self.intended[n]["ticker"] == record["ticker"] for n in self.doubted):
            a.say("I3", "doubt", f"{name} takes risk in {record['ticker']} beside an order in doubt")
        if self.tripped and not reduces:
            a.say("I10", "risk", f"{name} takes risk while the breaker is open")
        if record["origin"] == "procedure":
            self._exit(record, held, reduces)

    def _open_beside(self, record: Record) -> int:
        """Contracts that may still come of other own orders of this market and side."""
        name, ticker, side = record["client_order_id"], record["ticker"], record["side"]
        resting = [o for o in self._a.ledger.own_resting() if (o.ticker, o.side) == (ticker, side)]
        coming = [self.intended[n] for n in self.flying() if n != name]
        flying = [int(r["count"]) for r in coming if (r["ticker"], r["side"]) == (ticker, side)]
        return sum(o.remaining for o in resting) + sum(flying)

    def flying(self) -> set[str]:
        """Client ids that were decided and are neither at the exchange nor known to have ended."""
        there = self._a.ledger.by_client
        return {name for name in self._undone if name not in there}

    def _check_rate(self) -> None:
        a = self._a
        self._second.append(a.now_ns)
        while a.now_ns - self._second[0] >= NS:
            self._second.popleft()
        if len(self._second) > a.rules.orders_a_second:
            a.say("I19", "rate", f"{len(self._second)} orders in one second")

    def _check_book(self, name: str, ticker: str) -> None:
        a = self._a
        book, line = a.streams.books.get(ticker), a.stream_line()
        if a.now_ns - a.faults.stood_ns < NS:
            return
        if book is None or (book.bad and book.bad_ns < a.now_ns - MARGIN_NS):
            a.say("I8", "book", f"{name} was decided on {ticker}: {book.bad if book else 'never told'}")
        # What breaks at this very instant nobody can have heard of.
        gone = line is None and a.streamless_ns < a.now_ns - MARGIN_NS
        if gone or (line is not None and a.now_ns - line.heard_ns > a.rules.silence_s * NS):
            a.say("I8", "line", f"{name} was decided on a dead line")

    def _exit(self, record: Record, held: int, reduces: bool) -> None:
        """One order of a liquidation or a cash recovery."""
        a, name = self._a, record["client_order_id"]
        self.exits.add(name)
        self.tries += 1
        if not reduces:
            a.say("I21", "grows", f"{name}: {record['side']} {record['count']} with {held} held")
        if self.tries > a.rules.tries:
            a.say("I21", "tries", f"{self.tries} orders in one procedure")
        book = a.streams.books.get(record["ticker"])
        best = book.best("ask" if record["side"] == BID else "bid") if book else None
        if best is not None and (best - record["price"]) * -_sign(record) > a.rules.slippage:
            a.say("I21", "floor", f"{name} at {record['price']} with a best of {best}")

    def _changed(self, record: Record) -> None:
        name = record["client_order_id"]
        self.changes[name].append(self.position)
        self.sizes[name] = max(self.sizes.get(name, 0), record["count"])

    def _moved(self, record: Record) -> None:
        a, name, state = self._a, record["client_order_id"], record["state"]
        before = self.states.get(name)
        self.states[name] = state
        if state == "IN_DOUBT" and name in self.intended:
            self.doubted.setdefault(name, a.now_ns)
        else:
            self.doubted.pop(name, None)
        if state != "IN_DOUBT":
            self._undone.discard(name)
        if before in ENDED and state not in ENDED:
            self._reopened[name] = a.now_ns
            if state != "RESTING":
                a.say("I7", "reopened", f"{name} went from {before} to {state}")
        if before in ENDED and state in ENDED and state not in (before, "FILLED"):
            a.say("I7", "ended twice", f"{name} went from {before} to {state}")
        there = [a.ledger.orders[one] for one in a.ledger.by_client.get(name, ())]
        if state == "VOID" and there:
            a.say("I2", "given up", f"{name} is given up as never made and is at the exchange")
        if state == "REJECTED" and there:
            a.say("I2", "refused", f"{name} is held for refused and is at the exchange")
        if state in ("CANCELED", "EXPIRED", "FILLED") and any(order.rests for order in there):
            a.say("I4", "ended", f"{name} is held for {state} and rests")
        if name in self.sizes and record["filled"] > self.sizes[name]:
            a.say("I7", "filled", f"{name}: {record['filled']} of {self.sizes[name]}")

    def _corrected(self, record: Record) -> None:
        self._a.seen["correction"] += 1
        self._reopened.clear()

    def _wished(self, record: Record) -> None:
        """A person's wish is taken: what it ends has to end, what is on its way too."""
        if record["name"] in ENDING_WISHES:
            self._a.requests.cancel_everything()
        elif record["name"] == "CancelOrder":
            self._a.requests.cancel_one(record["detail"].partition("client_order_id=")[2].partition(" ")[0])

    def check(self) -> None:
        """What has to follow has followed."""
        a = self._a
        for name, since in self.doubted.items():
            looked_ns = a.requests.looked_ns.get(self.intended[name]["ticker"], 0)
            since = max(since, looked_ns, a.faults.line_ns, a.faults.stood_ns)
            if not a.faults.line_on and a.claims.connected and a.now_ns - since > a.rules.doubt_s * NS:
                a.say("I9", "looked up", f"{name} is in doubt and not looked up for {(a.now_ns - since) // NS} s")
        for name, since in self._reopened.items():
            if self._a.now_ns > since:
                self._a.say("I7", "silently", f"{name} is open again and no correction says so")

    # ---- fills and positions ---------------------------------------------------------------------------------------

    def _booked(self, record: Record) -> None:
        a, key = self._a, (record["trade_id"], record["order_id"])
        self.booked[key] += 1 if record["count"] > 0 else -1
        self.held[record["ticker"]] = record["position"]
        if self.booked[key] > 1 or self.booked[key] < 0:
            a.say("I6", "times", f"trade {key[0]} is booked {self.booked[key]} times")
        if self.booked[key] == 1 and key not in a.ledger.fills:
            a.say("I6", "never made", f"trade {key[0]} was booked and never made")

    def _taken(self, record: Record) -> None:
        self.held[record["ticker"]] = record["position"]

    # ---- states ----------------------------------------------------------------------------------------------------

    def _went(self, record: Record) -> None:
        a, source, target = self._a, record["source"], record["target"]
        # Moves between READY and ACTING are not journaled: they are one state seen twice.
        if self.state and source != self.state and not {source, self.state} <= BUSY:
            a.say("I7", "state", f"left {source}, was in {self.state}")
        if target not in STATES.get(source, frozenset()):
            a.say("I7", "state", f"no way from {source} to {target}")
        if not record["reason"]:
            a.say("I7", "reason", f"{source} to {target} without a reason")
        self.state = target
        if target in ENDS_ORDERS:
            a.requests.cancel_everything()
        if source == "CALIBRATING" and target in ("READY", "PAUSED", "LOW_CASH"):
            self.compared_ns = a.now_ns

    def _breaker(self, record: Record) -> None:
        a = self._a
        self.tripped = record["tripped"]
        a.requests.breaker(self.tripped)
        if self.tripped:
            a.requests.cancel_everything()
        a.seen["breaker tripped" if self.tripped else "breaker reset"] += 1
        if not self.tripped and not a.told.within("ResetBreaker", a.now_ns, 2 * NS):
            a.say("I10", "reset", "the breaker was closed and nobody asked for it")

    def _procedure(self, record: Record) -> None:
        if record["phase"] == "started":
            self.tries = 0
            self._a.seen[f"procedure {record['name']}"] += 1

    # ---- at the exchange -------------------------------------------------------------------------------------------

    def landed(self, order: Order) -> None:
        """A new order of the account exists."""
        a = self._a
        if not order.own:
            return
        if len(a.ledger.by_client[order.client_id]) > 1:
            a.say("I2", "twice", f"{len(a.ledger.by_client[order.client_id])} orders of {order.client_id}")
        early = a.now_ns - self.intended_ns.get(order.client_id, a.now_ns) < a.rules.given_up_s * NS
        if early and self.states.get(order.client_id) == "VOID":
            a.say("I2", "too early", f"{order.client_id} came after it was given up as never made")
        if order.client_id not in self.intents:
            a.say("I1", "unknown", f"{order.client_id} is at the exchange and was never intended")
        if order.count > a.rules.order_size and order.client_id not in self.exits:
            a.say("I3", "size", f"{order.client_id} of {order.count}")
        resting = a.ledger.own_resting()
        if len(resting) > a.rules.open_orders:
            a.say("I3", "open orders", f"{len(resting)} own orders rest")
        self._check_position(order, resting)
        if a.now_ns - a.ledger.foreign_ns > a.rules.compare_s * NS:
            loss = sum(a.ledger.costs.values()) + a.ledger.reserved()
            if loss > a.rules.exposure:
                a.say("I3", "exposure", f"{loss} at worst")

    def _check_position(self, order: Order, resting: list[Order]) -> None:
        a, held = self._a, self._a.ledger.positions[order.ticker]
        if a.now_ns - a.ledger.foreign_ns <= a.rules.compare_s * NS:
            return
        more = sum(o.remaining for o in resting if o.ticker == order.ticker and o.side == order.side)
        worst = abs(held + (more if order.side == BID else -more))
        if worst > max(a.rules.position, abs(held)):
            a.say("I3", "position", f"{order.ticker}: {held} and {more} more of {order.side}")


def _sign(record: Record) -> int:
    return 1 if record["side"] == BID else -1
