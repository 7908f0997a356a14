"""Replay: a tape fed through the same engine, every effect and picture compared with what was recorded.

It stops at the first difference and shows both sides. Nothing leaves: there is no client, no stream and no journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from core.domain.enums import Mode
from core.domain.errors import BadInput
from core.domain.text import clean_text
from core.engine.engine import Engine
from core.engine.picture import PictureMaker
from core.engine.tape import (
    End,
    Entry,
    Head,
    Pictured,
    Took,
    assemble,
    decode_effects,
    decode_entry,
    decode_item,
    digest_of,
    encode_effects,
)
from core.journal.tape import read_tape
from core.strategies import is_code, make_strategy
from core.strategy.actor import ActorService
from core.trading.desk import Desk
from core.trading.recall import recall, restore
from core.trading.snapshot import TraderSnapshot

SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where replay and tape part: the entry's number and time, what was fed, what was recorded and what came."""

    entry: int
    at_s: float
    fed: str
    recorded: str
    came: str

    def lines(self) -> tuple[str, ...]:
        return (
            f"diverged at entry {self.entry}, {self.at_s:.3f} s into the session, on {self.fed}",
            f"recorded: {self.recorded[:SHOWN]}",
            f"came:     {self.came[:SHOWN]}",
        )


class Replay:
    """One pass over a tape. `snapshot` is the present picture; BadInput for a tape that cannot be played.

    A tape may come from somebody else: the code of a strategy it names by a path or a module runs only where `strategy`
    is the same name, given by who plays it.
    """

    def __init__(self, path: Path, strategy: str = "") -> None:
        self._path = path
        self._entries = enumerate(read_tape(path))
        head = self._decoded(*next(self._entries, (0, b"")))
        if not isinstance(head, Head):
            raise BadInput(f"{path}: the tape is empty or has no beginning")
        self.head = head
        self.engine = self._engine(head, strategy)
        self._picture = PictureMaker(head.identity)
        self.steps = self.pictures = 0
        self.now_ns = head.began_ns
        self.complete = False
        self.divergence: Divergence | None = None
        self._taken = self._picture.take(self.engine)
        assemble(self.engine, head.began, head.began_ns, head.began_at)

    @property
    def snapshot(self) -> TraderSnapshot:
        """The picture as of now, marked as a replay."""
        identity = msgspec.structs.replace(self._taken.identity, mode=Mode.REPLAY, exchange=f"tape {self._path.name}")
        return msgspec.structs.replace(self._taken, identity=identity)

    @property
    def seconds(self) -> float:
        """How far into the session."""
        return (self.now_ns - self.head.began_ns) / 1e9

    def play(self) -> Iterator[int]:
        """Feed entry by entry; yields the monotonic time of each before it is fed. Ends at the tape's end or at the
        first difference.
        """
        for number, payload in self._entries:
            entry = self._decoded(number, payload)
            if isinstance(entry, Head):
                raise BadInput(f"{self._path}: a second beginning at entry {number}; one tape holds one session")
            yield entry.at_ns
            self.now_ns = entry.at_ns
            if isinstance(entry, End):
                self.complete = True
                if next(self._entries, None) is not None:
                    raise BadInput(f"{self._path}: it goes on behind its end; one tape holds one session")
                return
            try:
                came = self._take(number, entry) if isinstance(entry, Took) else self._compare(number, entry)
            except OverflowError as error:
                raise BadInput(f"{self._path}: entry {number} leads to what no session has: {error}") from None
            if came is not None:
                self.divergence = came
                return

    def _take(self, number: int, entry: Took) -> Divergence | None:
        try:
            item = decode_item(entry)
        except (ValueError, msgspec.ValidationError) as error:
            raise BadInput(f"{self._path}: entry {number} is not of this version: {error}") from None
        self.steps += 1
        _, effects, _error = self.engine.stepped(item, entry.at_ns)
        came = encode_effects(effects)
        if came == entry.effects:
            return None
        return Divergence(number, self.seconds, repr(item), _shown(entry.effects), _shown(came))

    def _compare(self, number: int, entry: Pictured) -> Divergence | None:
        self.pictures += 1
        self.engine.desk.now_ns = entry.at_ns
        self._taken = self._picture.take(self.engine)
        came = digest_of(self._taken)
        if came == entry.digest:
            return None
        return Divergence(number, self.seconds, "a picture", entry.digest.hex(), came.hex())

    def _decoded(self, number: int, payload: bytes) -> Entry:
        try:
            return decode_entry(payload)
        except msgspec.DecodeError as error:
            raise BadInput(f"{self._path}: entry {number} is not of this version: {error}") from None

    def _engine(self, head: Head, named: str) -> Engine:
        theirs = head.strategy
        if is_code(theirs) and theirs != named:
            shown = clean_text(theirs, 100)
            mend = f"its code runs where you name it: --strategy {shown}"
            raise BadInput(f"{self._path}: recorded with '{shown}'; {mend}")
        try:
            return _begun(head)
        except (ValueError, TypeError) as error:
            why = clean_text(str(error), 100)
            raise BadInput(f"{self._path}: its beginning is not of this version: {why}") from None


def _shown(effects: bytes) -> str:
    try:
        return repr(decode_effects(effects))
    except (ValueError, TypeError):
        return f"bytes that are no effects: {effects.hex()}"


def _begun(head: Head) -> Engine:
    found = recall(head.records)
    desk = Desk(head.settings, frozenset(found.known_ids), head.journal_position)
    desk.status.recall_history(head.history)
    desk.now_ns = head.restored_ns
    if head.records:
        restore(desk, found, head.restored_at)
    strategy = make_strategy(head.strategy, {})
    strategy.parameters = msgspec.convert(head.parameters, type(strategy.parameters))
    actor = ActorService(strategy)
    engine = Engine(desk, actor, found.breaker)
    if head.memory:
        actor.load(head.memory, head.restored_at)
    return engine
