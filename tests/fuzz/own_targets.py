"""Targets of this machine: settings, journal, tape, models, files of a session, local sockets, words, command line."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from core.config import load
from core.domain import records as rec
from core.domain.amounts import Count, Money, Price
from core.domain.commands import Pause
from core.domain.enums import BookSide, Mode, OrderState, Origin, TimeInForce, TraderState
from core.domain.errors import BadInput, RefusedInput, StartRefused
from core.domain.events import Beat
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from core.engine.picture import PictureMaker
from core.engine.tape import Pictured, Took, decode_entry, decode_item
from core.environment import _from_file, read_history
from core.journal.frames import HEADER, decode_frames, encode_frame
from core.journal.journal import read_journal
from core.journal.tape import FRAME, MAGIC, read_tape
from core.lab.learning import Recipe, begin, keep, resume
from core.lab.worlds import read_progress
from core.mind import network
from core.mind.learned import SHIPPED
from core.strategy.maker import MarketMaker
from core.strategy.memory import unpack
from core.trading.recall import recall, restore
from core.trading.snapshot import IdentityView, TraderSnapshot
from tests.core.builders import WALL, Bench, book, fill
from tests.exchange import support
from tests.fuzz.exchange_targets import text_of
from tests.fuzz.storm import Taker, Target
from tests.fuzz.wire_targets import always, packed
from tui.commands.sessions import read_picture

BAD = (BadInput,)
SHARED = Path("/dev/shm")  # where there is one: files in memory


@cache
def folder() -> Path:
    """A folder for files that are read; gone with the process."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="fuzz-", dir=SHARED if SHARED.is_dir() else None))
    (made := Path(_KEPT[-1].name) / "journal").mkdir()
    return made.parent


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def filed(name: str, read: Callable[[Path], object]) -> Callable[[], Taker]:
    """A taker of what lies in a file of this name."""

    def take(data: bytes) -> None:
        path = folder() / name
        path.write_bytes(data)
        read(path)

    return always(take)


# ---- settings ----------------------------------------------------------------------------------------------------

TOML = b"""mode = "paper"
trading_max_orders = 10
trading_max_order_size = 100
max_exposure = 1000.5
price_band_low = "0.02"
strategy = "maker"
strategy_parameters = { size = 5, skew_step = 10 }
enable_trading_client = true
on_ui_crash = "stop"
seed = 7
state_dir = "~/x"
scenario = "calm"
"""


@cache
def plain() -> Path:
    """A configuration file that says nothing."""
    path = folder() / "plain.toml"
    path.touch()
    return path


def _environment(data: bytes) -> None:
    named = {}
    for line in text_of(data).split("\n"):
        name, _, value = line.partition("=")
        named[name] = value
    load({}, named, plain())


# ---- journal and tape --------------------------------------------------------------------------------------------


def records() -> list[rec.Record]:
    """One of each kind, in an order that makes sense."""
    name, market, order = ClientOrderId("kt-1"), Ticker("KXT-1"), OrderId("o1")
    return [
        rec.SessionStarted(at=WALL, version=1, mode="paper", key_digest="ab", exchange="x", session="s"),
        rec.StateMoved(at=WALL, source=TraderState.CALIBRATING, target=TraderState.READY, reason="equal"),
        rec.OrderIntended(
            at=WALL, client_order_id=name, ticker=market, side=BookSide.BID, price=Price(4_500), count=Count(500),
            time_in_force=TimeInForce.GOOD_TILL_CANCELED, expiration_s=WALL // 10**9 + 60, origin=Origin.STRATEGY,
        ),
        rec.OrderMoved(
            at=WALL, client_order_id=name, order_id=order, state=OrderState.RESTING, filled=Count(0), reason="x"
        ),
        rec.AmendIntended(at=WALL, client_order_id=name, price=Price(4_400), count=Count(400), origin=Origin.OPERATOR),
        rec.FillBooked(
            at=WALL, trade_id=TradeId("t1"), order_id=order, ticker=market, side=BookSide.BID, price=Price(4_500),
            count=Count(100), fee=Money(1_700), position=Count(100), cost=Money(450_000), traded_ms=WALL // 10**6,
        ),
        rec.PositionTaken(
            at=WALL, ticker=market, position=Count(1), cost=Money(1), realized=Money(1), reason="settled"
        ),
        rec.BreakerMoved(at=WALL, tripped=True, reason="errors", value="5", limit="5"),
        rec.Corrected(at=WALL, what="cash", ours="1", theirs="2"),
        rec.DayOpened(at=WALL, portfolio=Money(1)),
        rec.PeakReached(at=WALL, portfolio=Money(2)),
        rec.ProcedureMoved(at=WALL, name="stop", phase="x", outcome=""),
        rec.CommandTaken(at=WALL, name="Pause", origin="key", detail=""),
        rec.SessionEnded(at=WALL, reason="signal", code=0, resting=0),
    ]  # fmt: skip


def _journals() -> list[bytes]:
    rows = records()
    return [b"".join(encode_frame(n, one) for n, one in enumerate(rows[:many], 1)) for many in (1, 4, len(rows))]


BEFORE = b"".join(encode_frame(n, one) for n, one in enumerate(records()[1:4], 1))


def _framed(data: bytes) -> None:
    prefix = decode_frames(data, 1)
    again = decode_frames(data[: prefix.length], 1)
    assert again == prefix, "what was read is not what lies there"


def _sealed(data: bytes) -> None:
    """A record changed and sealed anew, as a program of another version might: read and folded, or cut off."""
    found = decode_frames(BEFORE + HEADER.pack(len(data), zlib.crc32(data, 4), 4) + data, 1)
    restore(Bench().desk, recall(found.records), WALL)


def _recalled(data: bytes) -> None:
    """Any records in any order."""
    kinds = records()
    trader = Bench()
    found = recall([kinds[byte % len(kinds)] for byte in data[:200]])
    restore(trader.desk, found, WALL)


def _tapes() -> list[bytes]:
    payloads = [b"a" * 40, b"", b"b" * 3, msgspec.msgpack.encode({"type": "end", "at_ns": 5})]
    return [MAGIC + b"".join(FRAME.pack(len(p), zlib.crc32(p)) + p for p in payloads)]


def _entries() -> list[bytes]:
    took = [Took(at_ns=1, kind="Beat", item=msgspec.Raw(msgspec.msgpack.encode(Beat(wall_ns=1))), effects=b"")]
    took += [
        Took(at_ns=2, kind=type(item).__name__, item=msgspec.Raw(msgspec.msgpack.encode(item)), effects=b"")
        for item in (fill(), book(), Pause(origin=Origin.OPERATOR, command_id=3))
    ]
    return [msgspec.msgpack.encode(entry) for entry in (*took, Pictured(at_ns=3, digest=b"abc"))]


def _entry(data: bytes) -> None:
    found = decode_entry(data)
    if isinstance(found, Took):
        decode_item(found)


# ---- models and files --------------------------------------------------------------------------------------------


@cache
def _small_model() -> list[bytes]:
    path = folder() / "small.npz"
    shipped = network.load(SHIPPED)
    network.save(network.Network(shipped.w0[:, :1], shipped.b0[:1], shipped.w1[:1], shipped.b1, {"a": 1}), path)
    return [path.read_bytes()]


IDENTITY = IdentityView(
    product="kalshi-trader", version="0", mode=Mode.PAPER, account="k", exchange="e", strategy="silent", seed=1, pid=1,
    started_at=WALL, folder="/x",
)  # fmt: skip


@cache
def picture() -> TraderSnapshot:
    return PictureMaker(IDENTITY).take(Bench().up().engine)


def members(packed_arrays: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed_arrays)) as found:
        return {name: found.read(name) for name in found.namelist()}


def each_member(packed_arrays: bytes) -> list[bytes]:
    """One array of the file a row, after its number."""
    return [bytes((index,)) + data for index, data in enumerate(members(packed_arrays).values())]


def resealed(whole: Callable[[], list[bytes]], read: Callable[[Path], object]) -> Callable[[], Taker]:
    """A file of arrays with one changed, its zip made anew around it."""

    def make() -> Taker:
        usual = members(whole()[0])

        def take(data: bytes) -> None:
            here = dict(usual)
            if data:
                here[list(here)[data[0] % len(here)]] = data[1:]
            path = folder() / "n.npz"
            with zipfile.ZipFile(path, "w") as made:
                for name, content in here.items():
                    made.writestr(name, content)
            with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # numpy reads headers as Python
                read(path)

        return take

    return make


RECIPE = Recipe(hidden=1)


@cache
def _checkpoint() -> list[bytes]:
    path = folder() / "c.npz"
    keep(begin(RECIPE), path)
    return [path.read_bytes()]


def _history() -> list[bytes]:
    return [msgspec.json.encode(Bench().up().desk.status.get_status_history(3))]


def _memory() -> list[bytes]:
    from core.strategy.memory import pack

    maker = MarketMaker()
    return [pack(maker, {Ticker("KXT-1"): maker.begin(Ticker("KXT-1"))}, WALL)]


def account_from(path: Path) -> object:
    return _from_file(path, load({}, {}, plain()).settings, None)


def _exchange_file() -> list[bytes]:
    key = folder() / "key.pem"
    key.write_bytes(support.pem(support.ed_key()))
    key.chmod(0o600)
    words = {"rest_url": "http://127.0.0.1:1/trade-api/v2", "ws_url": "ws://127.0.0.1:1", "key_id": "k",
             "private_key_path": str(key), "exchange_id": "e"}  # fmt: skip
    return [packed(words)]


def targets() -> list[Target]:
    def one(name: str, what: str, rows: Callable[[], Any], make: Callable[[], Taker], **more: Any) -> Target:
        return Target(name=name, what=what, examples=rows, make=make, **more)

    config = lambda path: load({}, {}, path)  # noqa: E731
    strict = (RefusedInput, StartRefused)
    environment = b"KALSHI_TRADER_MODE=paper\nKALSHI_TRADER_SEED=7\nKALSHI_TRADER_MAX_EXPOSURE=12.5\nHOME=/x"
    world = b'{"seed":1,"digest":"a","hashes":[1],"violations":{}}\n'
    record = lambda: [msgspec.json.encode(row) for row in records()]  # noqa: E731
    return [
        one("configuration file", "core/config.py", lambda: [TOML], filed("c.toml", config), refusals=BAD, cost=300),
        one("environment", "core/config.py", lambda: [environment], always(_environment), refusals=BAD, cost=100),
        one("journal bytes", "core/journal/frames.py", _journals, always(_framed), refusals=strict, cost=65),
        one(
            "journal file",
            "core/journal/journal.py",
            _journals,
            filed("journal/000000000001.journal", lambda path: read_journal(path.parent)),
            refusals=strict,
            cost=175,
        ),
        one("journal records", "core/trading/recall.py", record, always(_sealed), cost=150),
        one("journal order", "core/trading/recall.py", lambda: [bytes(range(14)) * 3], always(_recalled), cost=180),
        one(
            "tape",
            "core/journal/tape.py",
            _tapes,
            filed("t.tape", lambda path: list(read_tape(path))),
            refusals=BAD,
            cost=60,
        ),
        one(
            "tape entries",
            "core/engine/tape.py",
            _entries,
            always(_entry),
            refusals=(ValueError, msgspec.DecodeError),
            cost=5,
        ),
        one("model file", "core/mind/network.py", _small_model, filed("m.npz", network.load), refusals=BAD, cost=450),
        one(
            "model arrays",
            "core/mind/network.py",
            lambda: each_member(_small_model()[0]),
            resealed(_small_model, network.load),
            refusals=BAD,
            cost=1_500,
        ),
        one(
            "training checkpoint",
            "core/lab/learning.py",
            lambda: each_member(_checkpoint()[0]),
            resealed(_checkpoint, lambda path: resume(path, RECIPE)),
            refusals=BAD,
            cost=1_200,
        ),
        one(
            "strategy's memory",
            "core/strategy/memory.py",
            _memory,
            always(lambda data: unpack(MarketMaker(), data, WALL)),
            refusals=(ValueError,),
            cost=12,
        ),
        one(
            "status file",
            "tui/commands/status.py",
            lambda: [msgspec.json.encode(picture())],
            filed("status.json", lambda path: read_picture(path.parent)),
            refusals=BAD,
            cost=110,
        ),
        one(
            "history file",
            "core/environment.py",
            _history,
            filed("history.json", lambda path: read_history(path.parent)),
            cost=80,
        ),
        one(
            "exchange file",
            "core/environment.py",
            _exchange_file,
            filed("ex.json", account_from),
            refusals=BAD,
            cost=240,
        ),
        one(
            "worlds' progress",
            "core/lab/worlds.py",
            lambda: [world * 3],
            filed("w.jsonl", lambda path: list(read_progress(path))),
            cost=240,
        ),
    ]
