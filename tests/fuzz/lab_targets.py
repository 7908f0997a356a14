"""Targets of what is played again or asked: a tape from its beginning to its end, a model kept as ONNX."""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Any

import msgspec

from core.domain import records as rec
from core.domain.commands import Pause
from core.domain.enums import Origin
from core.domain.events import Beat
from core.engine.tape import Pictured, Recorder, encode_effects, head_of
from core.journal.tape import TapeFile
from core.mind import onnx_model
from core.replay import Replay
from core.strategy.maker import MarketMaker
from tests.core.builders import WALL, Bench, book, fill
from tests.fuzz.own_targets import BAD, IDENTITY, filed, folder
from tests.fuzz.storm import Target
from tests.fuzz.wire_targets import always
from tests.strategy.onnx_files import GOOD, exported, small

BYTES = ("memory", "effects", "digest")  # base64 where a tape is written as JSON
STEP_NS = 1_000_000_000
_pack = msgspec.msgpack.encode


@cache
def _rows() -> list[bytes]:
    """Entries of a tape in JSON, its head first."""
    bench = Bench(MarketMaker())
    began = rec.SessionStarted(at=WALL, version=1, mode="paper", key_digest="ab", exchange="x", session="s")
    kept: list[bytes] = []
    recorder = Recorder(kept.append, head_of(bench.engine, "maker", IDENTITY, began, (0, WALL)))
    recorder.began(STEP_NS, WALL)
    head = msgspec.msgpack.decode(kept[0])
    head["records"] = [msgspec.to_builtins(row) for row in (began, rec.DayOpened(at=WALL, portfolio=1))]
    items = (Beat(wall_ns=WALL), book(), fill(), Pause(origin=Origin.OPERATOR, command_id=3), Beat(wall_ns=WALL + 1))
    took = [
        {"type": "took", "at_ns": STEP_NS + number, "kind": type(item).__name__, "item": msgspec.to_builtins(item),
         "effects": encode_effects([])}
        for number, item in enumerate(items)
    ]  # fmt: skip
    return [msgspec.json.encode(row) for row in (head, *took, msgspec.to_builtins(Pictured(at_ns=2, digest=b"abc")))]


def _sealed(text: bytes) -> bytes:
    """An entry of a tape from its JSON; what is none goes onto the tape as it is."""
    try:
        row = msgspec.json.decode(text)
    except (ValueError, RecursionError):  # an error of msgspec is one
        return text
    if isinstance(row, dict):
        for name in BYTES:
            if isinstance(row.get(name), str):
                try:
                    row[name] = base64.b64decode(row[name])
                except (binascii.Error, ValueError):
                    continue
    try:
        return _pack(row)
    except (OverflowError, UnicodeEncodeError, RecursionError):
        return text


def _played(data: bytes) -> None:
    """The whole tape with one entry changed: the beginning where it looks like one, else one behind it."""
    rows = _rows()
    changed = [data, *rows[1:]] if b'"head"' in data else [rows[0], data, *rows[1:]]
    path = folder() / "r.tape"
    tape = TapeFile(path)
    for row in changed:
        tape.write(_sealed(row))
    tape.close()
    replay = Replay(path)
    for _ in replay.play():
        pass
    _ = replay.snapshot


@cache
def _onnx() -> list[bytes]:
    import onnx

    found = []
    for kind in ("FLOAT", "DOUBLE"):
        model: Any = exported(onnx, small(1), kind=kind)
        onnx.helper.set_model_props(model, GOOD)
        found.append(model.SerializeToString())
    return found


def targets() -> list[Target]:
    return [
        Target(
            name="tape, played", what="core/replay.py", examples=lambda: _rows(), make=always(_played), refusals=BAD,
            cost=800,
        ),
        Target(
            name="ONNX model", what="core/mind/onnx_model.py", examples=_onnx, make=filed("m.onnx", onnx_model.load),
            refusals=BAD, cost=300,
        ),
    ]  # fmt: skip
