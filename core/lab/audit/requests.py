"""Judging what leaves: intents on disk, leases, signatures, budget, cancels, and whose orders are touched."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from core.lab.audit.ledger import Order
from core.lab.audit.rules import NS
from core.lab.audit.wire import Request

if TYPE_CHECKING:
    from core.lab.audit.auditor import Auditor

API = "/trade-api/v2"
ORDERS = "/portfolio/events/orders"
LISTED = "/portfolio/orders"
GROUPS = "/portfolio/order_groups"
STAMP_MS = 12_000  # signed before its connection stands, which may take a while on a bad line
SLACK = 20
CREATE_COST, CANCEL_COST = 10, 2
# What is known before an order leaves: whether its market trades, whether its group stands.
UNLEARNED = frozenset({"market_inactive", "exceeded_order_group_risk_limit"})
TOLD_BY = 2  # refusals in one market, if nothing else tells
UNHEARD = frozenset({None, "PLANNED", "SENT", "IN_DOUBT"})


class Bucket:
    """Tokens as published: so many a second, so many at most."""

    def __init__(self, rate: int, capacity: int) -> None:
        self.rate, self.capacity = rate, capacity
        self.level_ns = capacity * NS
        self.at_ns = 0

    def take(self, cost: int, now_ns: int) -> int:
        """What is left, below zero where more was taken than there was."""
        self.level_ns = min(self.capacity * NS, self.level_ns + (now_ns - self.at_ns) * self.rate)
        self.at_ns = now_ns
        self.level_ns -= cost * NS
        return self.level_ns // NS


class Requests:
    """Every request of the trader, and every reply it got."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        rules = auditor.rules
        self._read = Bucket(rules.read_rate, rules.read_capacity)
        self._write = Bucket(rules.write_rate, rules.write_capacity)
        self._connects: deque[int] = deque()
        self._amends: Counter[str] = Counter()
        self._asked: dict[str, int] = {}  # order: since when it has to end, or was asked to
        self._to_come: set[str] = set()  # client ids on their way when everything was to end
        self.looked_ns: dict[str, int] = {}  # when orders of a market were last looked up
        self._errors: deque[int] = deque()
        self._unlearned: Counter[str] = Counter()
        self._waiting: set[str] = set()
        self._acked: set[str] = set()
        self.read_ok: dict[str, int] = {}
        self.created_ns = 0
        self.streamed_ns = 0
        self.owes_trip_ns = 0

    # ---- connections -----------------------------------------------------------------------------------------------

    def connected(self) -> None:
        now = self._a.now_ns
        self._connects.append(now)
        while now - self._connects[0] > 60 * NS:
            self._connects.popleft()
        if len(self._connects) > self._a.rules.connects_a_minute:
            self._a.say("I19", "connections", f"{len(self._connects)} connections in a minute")

    def streamed(self) -> None:
        """A stream stands; what was compared before does not count any more."""
        self.streamed_ns = self._a.now_ns

    def check_line(self) -> None:
        """A stream that says nothing for too long is given up, and so is one on which the machine slept."""
        a = self._a
        line, faults, ask_ns = a.stream_line(), a.faults, a.rules.ask_s * NS
        if line is None:
            return
        silent_ns = a.now_ns - max(line.heard_ns, faults.stood_ns)
        if silent_ns > a.rules.silence_s * NS + ask_ns:
            a.say("I8", "silence", f"a line that says nothing stands for {silent_ns // NS} s")
        if line.opened_ns < faults.slept_ns and a.now_ns - faults.stood_ns > ask_ns:
            a.say("I8", "slept", "the line of before the machine slept still stands")
        for ticker, book in a.streams.books.items():
            since = max(book.bad_ns, line.opened_ns, faults.stood_ns)
            if book.bad and not book.asked and a.now_ns - since > ask_ns:
                a.say("I8", "asked", f"{ticker} is not asked for: {book.bad}")

    # ---- requests --------------------------------------------------------------------------------------------------

    def sent(self, request: Request) -> None:
        path = request.path.removeprefix(API)
        self._stamp(request)
        self._budget(request, path)
        if request.method == "GET" and path.startswith(LISTED):
            self._looked(request, path)
        elif request.method == "POST" and path in (ORDERS, f"{ORDERS}/batched"):
            for body in _items(request):
                self._create(body)
        elif request.method == "POST" and path.endswith(("/amend", "/decrease")):
            self._change(path.split("/")[-2])
        elif request.method == "DELETE" and path.startswith(ORDERS):
            self._cancel(request, path)
        elif path.startswith(GROUPS) and path.endswith("/trigger"):
            self._asked.clear()
            self._to_come.clear()

    def _looked(self, request: Request, path: str) -> None:
        """A look-up of one order: by its id, or in the list of its market."""
        order = self._a.ledger.orders.get(path.removeprefix(f"{LISTED}/"))
        words = [word.removeprefix("ticker=") for word in request.query.split("&") if word.startswith("ticker=")]
        for ticker in [order.ticker] if order else words:
            self.looked_ns[ticker] = self._a.now_ns

    def _stamp(self, request: Request) -> None:
        text = request.headers.get("kalshi-access-timestamp")
        if text is None or self._a.told.within("step", self._a.now_ns, 15 * NS):
            return
        off = abs(int(text) - self._a.wall_ns // 1_000_000) if text.isdigit() else STAMP_MS + 1
        if off > STAMP_MS:
            self._a.say("I18", "signature", f"{request.method} {request.path} signed {off} ms off")

    def _budget(self, request: Request, path: str) -> None:
        """Orders and cancels are counted; what else is read or written costs little beside them."""
        now, write = self._a.now_ns, request.method != "GET"
        cost = CREATE_COST
        if request.method == "DELETE" and path.startswith(ORDERS):
            cost = CANCEL_COST
        if path.endswith("/batched"):
            cost *= max(1, len(_items(request)))
        if not write and path.startswith("/portfolio/orders"):
            cost = CANCEL_COST
        left = (self._write if write else self._read).take(cost, now)
        if left < -SLACK:
            self._a.say("I19", "budget", f"{request.method} {path}: {-left} tokens more than there are")

    def _create(self, body: dict[str, Any]) -> None:
        name, a = str(body.get("client_order_id")), self._a
        self.created_ns = a.now_ns
        self._waiting.add(name)
        position = a.decisions.intents.get(name)
        if position is None or position > a.journal.synced:
            a.say("I1", "order", f"{name} left at journal {a.journal.synced}, its intent is {position}")
        ends = body.get("expiration_time")
        resting = body.get("time_in_force") == "good_till_canceled"
        latest = a.wall_ns // NS + a.rules.lease_s + 2
        stepped = a.told.within("step", a.now_ns, 15 * NS)
        if resting and not stepped and (type(ends) is not int or ends > latest):
            a.say("I11", "lease", f"{name} may rest until {ends}, later than {latest}")
        if name in a.decisions.exits and not body.get("reduce_only"):
            a.say("I21", "reduce only", f"{name} is an exit that may open a position")

    def _change(self, order_id: str) -> None:
        a = self._a
        order = a.ledger.orders.get(order_id)
        if order is None:
            return
        if not order.own:
            a.say("I22", "touched", f"{order_id} of others was changed")
            return
        self._amends[order.client_id] += 1
        kept = sum(1 for position in a.decisions.changes.get(order.client_id, ()) if position <= a.journal.synced)
        if self._amends[order.client_id] > kept:
            a.say("I1", "change", f"a change of {order.client_id} left before its record")

    def _cancel(self, request: Request, path: str) -> None:
        a = self._a
        if path == ORDERS:
            a.say("I22", "all", "every order of the account was canceled without consent")
            return
        one = path.removeprefix(ORDERS + "/")
        names = [str(item.get("order_id")) for item in _items(request)] if one == "batched" else [one]
        for order_id in names:
            if order_id in self._asked:
                # One that is refused is asked again, a while later.
                self._asked[order_id] = a.now_ns + a.rules.cancel_again_s * NS
            order = a.ledger.orders.get(order_id)
            if order is not None and not order.own:
                a.say("I22", "touched", f"{order_id} of others was canceled")

    # ---- cancels ---------------------------------------------------------------------------------------------------

    def cancel_everything(self) -> None:
        """From now on every own order that rests, or is on its way, has to be asked to end."""
        for order in self._a.ledger.own_resting():
            self._asked.setdefault(order.order_id, self._a.now_ns)
        self._to_come |= self._waiting | self._a.decisions.flying()

    def cancel_one(self, name: str) -> None:
        """The same for one order."""
        for order_id in self._a.ledger.by_client.get(name, ()):
            self._asked.setdefault(order_id, self._a.now_ns)
        if name in self._a.decisions.flying():
            self._to_come.add(name)

    def landed(self, order: Order) -> None:
        """A new order of the account; one that was on its way when everything was to end has to end too."""
        if order.client_id in self._to_come:
            self._to_come.discard(order.client_id)
            self._asked[order.order_id] = self._a.now_ns

    def check_cancels(self) -> None:
        a = self._a
        for order_id, since in list(self._asked.items()):
            order = a.ledger.orders[order_id]
            if not order.rests:
                del self._asked[order_id]
                continue
            if a.decisions.states.get(order.client_id) in UNHEARD:
                # Nobody can ask for the end of an order that is not known to be there.
                self._asked[order_id] = max(since, a.now_ns)
                continue
            since = max(since, a.faults.line_ns, a.faults.stood_ns)
            if not a.faults.line_on and a.now_ns - since > a.rules.cancel_s * NS and a.claims.connected:
                a.say("I9", "cancel", f"{order.client_id} was not asked to end for {(a.now_ns - since) / NS:.1f} s")
                del self._asked[order_id]

    # ---- replies ---------------------------------------------------------------------------------------------------

    def replied(self, request: Request) -> None:
        path, a = request.path.removeprefix(API), self._a
        if request.status in (401, 403):
            a.seen["key refused"] += 1
        if request.method == "GET":
            if request.status == 200:
                self.read_ok[path] = a.now_ns
                a.seen["account read"] += path.startswith("/portfolio")
            return
        if request.method == "DELETE" and request.status == 404:
            a.seen["cancel found nothing"] += 1
        if request.method == "POST" and path == ORDERS:
            self._created(request)

    def _created(self, request: Request) -> None:
        a, name = self._a, _name(request)
        self._waiting.discard(name)
        reply = request.reply if isinstance(request.reply, dict) else {}
        error = reply.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if request.status == 409 and code == "order_already_exists":
            a.seen["id exists already"] += 1
        if request.status == 400 and code == "invalid_order" and "post only" not in str(error):
            self._refused()
        if code in UNLEARNED and a.faults.calm_for(a.now_ns) > a.rules.learned_s * NS:
            ticker = str(request.body.get("ticker")) if isinstance(request.body, dict) else ""
            self._unlearned[ticker] += 1
            if self._unlearned[ticker] > TOLD_BY:
                a.say("I16", "unlearned", f"{name}: {code} again, {a.rules.learned_s} s after a fault")
        if request.status == 201 and str(reply.get("fill_count", "0")).strip("0."):
            self._acked.add(name)

    def _refused(self) -> None:
        """A definite no that is nobody's but ours: enough of them have to trip the breaker."""
        a = self._a
        self._errors.append(a.now_ns)
        while a.now_ns - self._errors[0] > a.rules.errors_s * NS:
            self._errors.popleft()
        if len(self._errors) >= a.rules.errors_most and not a.decisions.tripped and not self.owes_trip_ns:
            self.owes_trip_ns = a.now_ns

    def breaker(self, tripped: bool) -> None:
        self.owes_trip_ns = 0
        if not tripped:
            self._errors.clear()

    def check_trip(self) -> None:
        a = self._a
        if self.owes_trip_ns and a.now_ns - max(self.owes_trip_ns, a.faults.stood_ns) > 2 * NS:
            a.say("I10", "trip", f"{len(self._errors)} refusals in {a.rules.errors_s} s and the breaker is closed")
            self.owes_trip_ns = 0

    def unanswered(self, request: Request) -> None:
        """The line was gone before a reply."""
        a = self._a
        if request.method == "DELETE":
            a.seen["cancel unanswered"] += 1
        if request.method == "POST" and request.path.endswith("/amend"):
            a.seen["change unanswered"] += 1
        if request.method != "POST" or request.path != API + ORDERS:
            return
        name = _name(request)
        self._waiting.discard(name)
        landed = [a.ledger.orders[one] for one in a.ledger.by_client.get(name, ())]
        if not landed:
            a.seen["order unanswered, never came"] += 1
        else:
            a.seen["order unanswered, filled" if landed[0].filled else "order unanswered, rests"] += 1

    def heard(self, frame: Any) -> None:
        """A frame that was told: races are counted, they are what is hardest to cause."""
        if not isinstance(frame, dict) or frame.get("type") != "fill":
            return
        message = frame.get("msg")
        name = str(message.get("client_order_id")) if isinstance(message, dict) else ""
        if name in self._waiting:
            self._a.seen["fill before reply"] += 1
        if name in self._acked:
            self._a.seen["fill in reply and stream"] += 1
        if self._a.decisions.states.get(name) in ("CANCELED", "EXPIRED", "VOID"):
            self._a.seen["fill after the end"] += 1


def _items(request: Request) -> list[dict[str, Any]]:
    body = request.body if isinstance(request.body, dict) else {}
    rows = body.get("orders", [body] if body else [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _name(request: Request) -> str:
    return str(request.body.get("client_order_id")) if isinstance(request.body, dict) else ""
