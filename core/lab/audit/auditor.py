"""The auditor of one world: hears every byte, record and truth, and says what was wrong.

It shares no code with the trader or the exchange; its facts come in as plain values. A violation is kept once for each
invariant and kind, with the virtual second it was seen at. It never changes anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from core.lab.audit import claims, decisions, requests
from core.lab.audit.journal import JournalBytes
from core.lab.audit.ledger import Ledger, Order
from core.lab.audit.rules import NS, Rules
from core.lab.audit.streams import StreamBooks
from core.lab.audit.wire import Line, Request
from core.lab.audit.words import Faults, Told


class Auditor:
    """Feed it in order of happening; `now_ns` is monotonic time, `wall_ns` what the trader's wall clock shows.

    `tick` is called before facts that come without a time of their own, so that the time can be told.
    """

    tick: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, rules: Rules, cash: int) -> None:
        self.rules = rules
        self.ledger = Ledger(cash)
        self.journal = JournalBytes()
        self.streams = StreamBooks()
        self.lines: dict[int, Line] = {}
        self.faults = Faults()
        self.told = Told()
        self.violations: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self.requests = requests.Requests(self)
        self.decisions = decisions.Decisions(self)
        self.claims = claims.Claims(self)
        self.now_ns = 0
        self.wall_ns = 0
        self.begun_ns = 0
        self.streamless_ns = 0  # since when no stream stands, where none does

    def say(self, invariant: str, kind: str, text: str) -> None:
        """Something is wrong."""
        at = (self.now_ns - self.begun_ns) / NS
        self.violations.setdefault(f"{invariant} {kind}", f"{text} (at {at:.3f} s)")

    def at(self, now_ns: int, wall_ns: int) -> None:
        self.now_ns, self.wall_ns = now_ns, wall_ns

    # ---- bytes -----------------------------------------------------------------------------------------------------

    def opened(self, number: int) -> None:
        self.lines[number] = Line(number, self.now_ns)
        self.requests.connected()

    def sent(self, number: int, data: bytes) -> None:
        line = self.lines[number]
        if line.stream:
            for command in line.commands(data):
                self.streams.asked(command)
            return
        for request in line.sent(data, self.now_ns):
            self.requests.sent(request)

    def received(self, number: int, data: bytes) -> None:
        line = self.lines[number]
        replied, texts = line.received(data, self.now_ns)
        for request in replied:
            if request.status == 101:
                self.streams.lose("a new line", self.now_ns)
                self.requests.streamed()
            self.requests.replied(request)
        for frame in texts:
            self.streams.frame(frame, self.now_ns)
            self.requests.heard(frame)

    def lost(self, number: int) -> None:
        line = self.lines.pop(number, None)
        if line is None:
            return
        if line.stream:
            self.streams.lose("the line is gone", self.now_ns)
            self.streamless_ns = self.now_ns
        for request in line.unanswered():
            self.requests.unanswered(request)

    def stream_line(self) -> Line | None:
        """The stream's connection that stands, the newest if there are several."""
        found = [line for line in self.lines.values() if line.stream]
        return found[-1] if found else None

    def pending(self) -> list[Request]:
        """Requests that wait for their reply."""
        return [request for line in self.lines.values() if not line.stream for request in line.unanswered()]

    # ---- truth -----------------------------------------------------------------------------------------------------

    def order(self, order: Order) -> None:
        if self.ledger.order(order):
            self.seen["orders"] += order.own
            self.decisions.landed(order)
            self.requests.landed(order)
        elif order.own and order.filled > order.count:
            self.say("I7", "filled", f"{order.client_id}: {order.filled} of {order.count}")

    # ---- journal ---------------------------------------------------------------------------------------------------

    def journaled(self, data: bytes) -> None:
        self.tick()
        for record in self.journal.append(data):
            self.decisions.record(record)
        if self.journal.wrong:
            self.say("I20", "frames", self.journal.wrong)

    def synced(self, position: int) -> None:
        self.journal.synced = max(self.journal.synced, position)

    # ---- people ----------------------------------------------------------------------------------------------------

    def commanded(self, name: str) -> None:
        """The harness handed in a wish of a person's."""
        self.told.wish(name, self.now_ns)
        if name in ("CancelAll", "Panic"):
            self.requests.cancel_everything()

    def broke(self, what: str) -> None:
        """Something escaped: an exception nobody took, an error in a log, a task that died."""
        self.say("I13", "escaped", what)
