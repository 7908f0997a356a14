"""What is on a tape: how the engine began, every fact and wish it took with its time, and what came of it.

The engine is pure: the same items at the same times give the same effects and the same picture. A recorder notes them
as a session runs; a player feeds them to another engine and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from core.domain import effects as ef
from core.domain.events import Beat, TaskDied
from core.domain.records import Record, SessionStarted
from core.engine.engine import Engine, Item
from core.engine.facts import FACTS
from core.engine.wishes import WISHES
from core.strategy.parameters import fields_of
from core.trading.desk import DeskSettings
from core.trading.snapshot import GaugesView, IdentityView, StatusEntry, TraderSnapshot

ITEMS: dict[str, type] = {kind.__name__: kind for kind in (*FACTS, *WISHES, Beat, TaskDied)}
_encode = msgspec.msgpack.Encoder().encode


class Head(msgspec.Struct, kw_only=True, tag="head"):
    """How the engine began. `records` are those of earlier sessions, `parameters` the strategy's, by name; `restored`
    is when those records were taken over, `began` when the engine was assembled.
    """

    product: str
    settings: DeskSettings
    identity: IdentityView
    strategy: str
    parameters: dict[str, int | str | bool]
    memory: bytes
    journal_position: int
    records: tuple[Record, ...]
    history: tuple[StatusEntry, ...]
    restored_ns: int
    restored_at: int
    began: SessionStarted
    began_ns: int = 0
    began_at: int = 0


class Took(msgspec.Struct, kw_only=True, tag="took"):
    """One step: the item and the effects it had, each as bytes, so that equal is equal to the last bit."""

    at_ns: int
    kind: str
    item: msgspec.Raw
    effects: bytes


class Pictured(msgspec.Struct, kw_only=True, tag="pictured"):
    """A picture was taken; `digest` covers all of it but what is measured outside the engine."""

    at_ns: int
    digest: bytes


class End(msgspec.Struct, kw_only=True, tag="end"):
    """The trader left in order."""

    at_ns: int


Entry: TypeAlias = Head | Took | Pictured | End
_entries: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def decode_entry(payload: bytes) -> Entry:
    """DecodeError for what is no entry."""
    return _entries.decode(payload)


def decode_item(took: Took) -> Item:
    """ValueError for a kind this version does not know or contents it cannot read."""
    kind = ITEMS.get(took.kind)
    if kind is None:
        raise ValueError(f"nobody takes {took.kind}")
    item: Item = msgspec.msgpack.decode(took.item, type=kind)
    return item


def encode_effects(effects: list[ef.AnyEffect]) -> bytes:
    return _encode(effects) if effects else b""


def decode_effects(data: bytes) -> list[Any]:
    """As plain values, to be shown."""
    return list(msgspec.msgpack.decode(data)) if data else []


def digest_of(snapshot: TraderSnapshot) -> bytes:
    """Of all that the engine says of itself; gauges of loop and line are measured outside it."""
    bare = msgspec.structs.replace(snapshot.feed, gauges=GaugesView())
    return hashlib.blake2b(_encode(msgspec.structs.replace(snapshot, feed=bare)), digest_size=12).digest()


class Recorder:
    """Turns steps and pictures into entries and hands their bytes to `write`."""

    def __init__(self, write: Callable[[bytes], None], head: Head) -> None:
        self._write = write
        self._head = head

    def began(self, now_ns: int, wall_ns: int) -> None:
        self._write(_encode(msgspec.structs.replace(self._head, began_ns=now_ns, began_at=wall_ns)))

    def took(self, item: Item, at_ns: int, effects: list[ef.AnyEffect]) -> None:
        raw = msgspec.Raw(_encode(item))
        entry = Took(at_ns=at_ns, kind=type(item).__name__, item=raw, effects=encode_effects(effects))
        self._write(_encode(entry))

    def pictured(self, snapshot: TraderSnapshot) -> None:
        self._write(_encode(Pictured(at_ns=snapshot.taken_ns, digest=digest_of(snapshot))))

    def ended(self, at_ns: int) -> None:
        self._write(_encode(End(at_ns=at_ns)))


def assemble(
    engine: Engine, began: SessionStarted, now_ns: int, wall_ns: int
) -> tuple[list[Record], list[ef.AnyEffect]]:
    """The step before the first: what a session begins with."""
    desk = engine.desk
    desk.out.record(began)
    desk.now_ns, desk.wall_ns = now_ns, wall_ns
    engine.assembled()
    return desk.out.take()


def head_of(
    engine: Engine, strategy: str, identity: IdentityView, began: SessionStarted, restored: tuple[int, int]
) -> Head:
    """How this engine begins, but for what earlier sessions left."""
    actor, desk = engine.actor, engine.desk
    parameters = actor.strategy.parameters
    return Head(
        product=identity.version,
        settings=desk.settings,
        identity=identity,
        strategy=strategy,
        parameters={field.name: getattr(parameters, field.name) for field in fields_of(type(parameters))},
        memory=actor.save(restored[1]),
        journal_position=0,
        records=(),
        history=(),
        restored_ns=restored[0],
        restored_at=restored[1],
        began=began,
    )
