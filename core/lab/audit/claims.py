"""Judging what the trader says of itself, look by look and at its end, against the truth and against time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.lab.audit.rules import COMING_UP, HALTED, NS

if TYPE_CHECKING:
    from core.lab.audit.auditor import Auditor

CANCEL, TRADE = 1, 3
FLYING = frozenset({"PLANNED", "SENT", "AMENDING", "CANCELING"})
EDGE = 200


@dataclass
class Claim:
    """What the trader's picture says, in plain values."""

    taken_ns: int
    state: str
    reason: str
    permission: int
    permission_reason: str
    tripped: bool
    breaker_reason: str
    cash: int | None
    positions: dict[str, int]
    orders: dict[str, tuple[str, str, int]]  # client id: (state, ownership, remaining)
    books: dict[str, tuple[bool, int | None, int | None]]  # ticker: (trusted, bid, ask)
    quoted: tuple[str, ...]
    pending: tuple[int, ...]  # wishes without a result
    foreign: int
    internal: tuple[str, ...]  # errors that say "internal" or that a task died
    stream_up: bool = True
    rest_up: bool = True


@dataclass
class Ending:
    """How it ended."""

    code: int
    resting: int | None
    cash: int
    positions: dict[str, int]
    conservation: str
    replayed: tuple[str, str]
    exchange_cash: int = 0
    errors: list[str] = field(default_factory=list)


class Claims:
    """Looks at the trader's own words."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        self._since: dict[tuple[Any, ...], int] = {}
        self._owed: dict[tuple[Any, ...], int] = {}
        self._halted_ns = 0
        self._traded_ns = 0
        self.connected = False
        self.looks = 0

    def look(self, claim: Claim) -> None:
        """Judge one picture; call it every second or two of virtual time."""
        a = self._a
        self.looks += 1
        self.connected = claim.stream_up and claim.rest_up and claim.state not in COMING_UP
        self._time(claim)
        self._books(claim)
        self._equal(claim)
        self._trades(claim)
        self._owes(claim)
        a.requests.check_line()
        a.requests.check_cancels()
        a.requests.check_trip()
        a.decisions.check()
        for text in claim.internal:
            a.broke(text)

    # ---- time ------------------------------------------------------------------------------------------------------

    def _time(self, claim: Claim) -> None:
        a = self._a
        if a.now_ns - max(claim.taken_ns, a.faults.stood_ns) > 7 * NS // 2:
            a.say("I18", "beat", f"the picture is {(a.now_ns - claim.taken_ns) / NS:.1f} s old")

    # ---- books -----------------------------------------------------------------------------------------------------

    def _books(self, claim: Claim) -> None:
        a = self._a
        for ticker, (trusted, bid, ask) in claim.books.items():
            book = a.streams.books.get(ticker)
            if not trusted or book is None or a.now_ns - a.faults.stood_ns < 2 * NS:
                continue
            if book.bad and book.bad_ns < claim.taken_ns - NS:
                a.say("I8", "trusted", f"{ticker} is trusted: {book.bad}")
            elif not book.bad and book.moved_ns < claim.taken_ns - 1_000_000:
                told = (book.best("bid"), book.best("ask"))
                if told != (bid, ask):
                    a.say("I8", "shown", f"{ticker} shows {(bid, ask)}, was told {told}")

    # ---- equal to the truth ----------------------------------------------------------------------------------------

    def _equal(self, claim: Claim) -> None:
        """Differences that last longer than they may."""
        a = self._a
        found: dict[tuple[Any, ...], str] = {}
        if a.faults.on or claim.state in COMING_UP or claim.state in ("ERROR", "SHUTDOWN"):
            self._since.clear()
            return
        for ticker in {*claim.positions, *a.ledger.positions}:
            ours, theirs = claim.positions.get(ticker, 0), a.ledger.positions.get(ticker, 0)
            if ours != theirs:
                found["I4", "positions", ticker, ours, theirs] = f"{ticker}: {ours} here, {theirs} there"
        mine = {name for name, (_s, owner, _r) in claim.orders.items() if owner != "foreign"}
        there = {order.client_id for order in a.ledger.own_resting()}
        for name in mine ^ there:
            where = "here" if name in mine else "there"
            found["I4", "orders", name, where] = f"{name} is open {where} only"
        for order in a.ledger.own_resting():
            ours = claim.orders.get(order.client_id, ("", "", order.remaining))[2]
            if ours != order.remaining:
                found["I4", "sizes", order.client_id, ours] = f"{order.client_id}: {ours} here, {order.remaining} there"
        if claim.cash is not None and claim.cash != a.ledger.cash:
            found["I5", "cash", claim.cash, a.ledger.cash] = f"{claim.cash} here, {a.ledger.cash} there"
        foreign = len(a.ledger.foreign_resting())
        if claim.foreign != foreign:
            found["I22", "told", claim.foreign, foreign] = f"{claim.foreign} orders of others told, {foreign} rest"
        compared = a.decisions.compared_ns > a.faults.calm_ns
        start = max(a.faults.calm_ns, a.faults.stood_ns)
        self._since = {key: self._since.get(key, a.now_ns) for key in found}
        for key, since in self._since.items():
            # A balance that is off is believed only after it was read again and again.
            soon = compared and key[0] != "I5"
            bound = (a.rules.settle_s if soon else a.rules.compare_s) * NS
            if a.now_ns - max(since, start) > bound:
                a.say(str(key[0]), str(key[1]), f"{found[key]} for {(a.now_ns - since) / NS:.0f} s")

    # ---- liveness --------------------------------------------------------------------------------------------------

    def _trades(self, claim: Claim) -> None:
        a = self._a
        own = any(owner != "foreign" for _state, owner, _left in claim.orders.values())
        if claim.state in HALTED and not claim.reason:
            a.say("I16", "reason", f"{claim.state} without a reason")
        if claim.permission < TRADE and not claim.permission_reason:
            a.say("I16", "reason", "less than trading is permitted and nothing says why")
        broke_ns = a.told.wishes.get("disk")
        if broke_ns is not None and a.now_ns - broke_ns > 2 * NS and claim.permission > CANCEL:
            a.say("I1", "disk", "more than cancels is permitted and nothing reaches the disk")
        declared = claim.state in HALTED or claim.tripped or claim.permission < TRADE
        if own or a.now_ns - a.requests.created_ns < 30 * NS or (declared and claim.state not in COMING_UP):
            self._traded_ns = a.now_ns
        if claim.quoted and not any(self._quotable(claim, ticker) for ticker in claim.quoted):
            self._traded_ns = a.now_ns
        quiet = a.now_ns - max(self._traded_ns, a.faults.calm_ns, a.begun_ns)
        if not a.faults.on and quiet > a.rules.trade_s * NS:
            a.say("I16", "idle", f"{claim.state} ({claim.reason}), nothing traded for {quiet // NS} s, no word why")

    @staticmethod
    def _quotable(claim: Claim, ticker: str) -> bool:
        """Whether a quoted market shows both sides inside the band; elsewhere nothing has to be quoted."""
        trusted, bid, ask = claim.books.get(ticker, (False, None, None))
        return not trusted or (bid is not None and ask is not None and bid > EDGE and ask < 10_000 - EDGE)

    # ---- owed ------------------------------------------------------------------------------------------------------

    def _owes(self, claim: Claim) -> None:
        """Something owed that makes no progress for a minute, while the trader declares no halt, is a hang."""
        a = self._a
        keys: set[tuple[Any, ...]] = {("order", name, s) for name, (s, _o, _r) in claim.orders.items() if s in FLYING}
        keys |= {("wish", number) for number in claim.pending}
        keys |= {("request", r.method, r.path, r.at_ns) for r in a.pending()}
        if claim.state in COMING_UP:
            keys.add(("state", claim.state))
        if a.faults.calm_for(a.now_ns):
            keys |= {("doubt", name) for name, (s, _o, _r) in claim.orders.items() if s == "IN_DOUBT"}
            # A line that could be had is found again in every state.
            keys |= {
                ("connection", name) for name, up in (("stream", claim.stream_up), ("client", claim.rest_up)) if not up
            }
        if claim.state in HALTED or claim.tripped:
            self._halted_ns = a.now_ns
        self._owed = {key: self._owed.get(key, a.now_ns) for key in keys}
        for key, since in self._owed.items():
            since = max(since, 0 if key[0] == "connection" else self._halted_ns, a.faults.stood_ns)
            if a.now_ns - since > a.rules.owed_s * NS:
                a.say(
                    "I16", "hang", f"{' '.join(map(str, key))} owed for {(a.now_ns - since) // NS} s in {claim.state}"
                )

    # ---- the end ---------------------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """Judge the exit; the trader has left."""
        a = self._a
        resting = a.ledger.own_resting()
        if ending.code == 0 and resting:
            a.say("I11", "rests", f"{len(resting)} own orders rest after an orderly exit")
        if ending.code == 0 and a.requests.read_ok.get("/portfolio/orders", 0) < a.requests.created_ns:
            a.say("I11", "unread", "the exit was not confirmed by a reading")
        if ending.code not in (0, 4):
            a.say("I11", "code", f"it ended with {ending.code}")
        if ending.code == 4 and self._nothing_wrong():
            a.say("I11", "unverified", f"nothing was wrong, and it could not say that nothing rests: {ending.resting}")
        if ending.conservation:
            a.say("I5", "conservation", ending.conservation)
        if ending.exchange_cash != a.ledger.cash:
            a.say("I5", "ledger", f"the exchange has {ending.exchange_cash}, its events make {a.ledger.cash}")
        if ending.replayed[0] != ending.replayed[1] or not ending.replayed[0]:
            a.say("I20", "replay", f"two replays differ: {ending.replayed}")
        if any(type(value) is not int for value in (ending.cash, *ending.positions.values())):
            a.say("I5", "integers", "an amount is no integer")
        if ending.code == 0 and not a.faults.on:
            self._end_equal(ending)
        for text in ending.errors:
            a.broke(text)

    def _nothing_wrong(self) -> bool:
        """Whether the end came long after the last fault, and with a disk that works."""
        a = self._a
        return a.faults.calm_for(a.now_ns) > a.rules.compare_s * NS // 2 and "disk" not in a.told.wishes

    def _end_equal(self, ending: Ending) -> None:
        a = self._a
        for ticker in {*ending.positions, *a.ledger.positions}:
            ours, theirs = ending.positions.get(ticker, 0), a.ledger.positions.get(ticker, 0)
            if ours != theirs:
                a.say("I4", "at the end", f"{ticker}: {ours} here, {theirs} there")
        if ending.cash != a.ledger.cash:
            a.say("I5", "at the end", f"{ending.cash} here, {a.ledger.cash} there")
        made = {key for key, times in a.ledger.fills.items() if times > 0}
        booked = {key for key, times in a.decisions.booked.items() if times > 0}
        if made != booked:
            a.say("I6", "at the end", f"not booked {sorted(made - booked)[:3]}, not made {sorted(booked - made)[:3]}")
