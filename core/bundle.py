"""The bug bundle: what a report of a bug needs, collected from a running trader into one owner-only file.

Status, configuration without secrets, versions, the picture as data, the last events, the end of the journal and of the
log. Nothing secret goes in: of the key id only its end, of the private key nothing; and should either stand anywhere
else, it is struck out there too.
"""

from __future__ import annotations

import io
import os
import platform
import re
import zipfile
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import msgspec

from core.assembly import Trader
from core.config import Settings
from core.domain.errors import TraderError
from core.environment import LOG_FILE
from core.journal.journal import read_journal
from core.trading.inquiry import Piece

RECORDS_KEPT = 500
LOG_KEPT = 200_000
HIDDEN = "…"
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def live_pieces(trader: Trader) -> tuple[Piece, ...]:
    """What lives in memory, taken in the trader's own loop; quick."""
    snapshot = trader.snapshot
    events = [*(("activity", a.at, f"{a.kind}: {a.text}", a.status) for a in snapshot.activity)]
    events += [("error", e.at, f"{e.error} {e.context} {e.recovery}".strip(), e.severity) for e in snapshot.errors]
    lines = [
        f"{_iso(at)} {kind:<8} {status:<8} {text}" for kind, at, text, status in sorted(events, key=lambda e: e[1])
    ]
    seed = "none: not the embedded exchange" if snapshot.identity.seed is None else str(snapshot.identity.seed)
    return (
        _piece("status.txt", "the whole status panel", trader.status_text(ascii_only=False, form="whole")),
        _piece("config.txt", "settings in force, without key id and key", _config(trader.settings)),
        _piece("versions.txt", f"program, Python, system; seed {seed}", _versions(trader, seed)),
        Piece(name="picture.json", words="the picture as data", data=msgspec.json.encode(snapshot)),
        _piece("events.txt", f"the last {len(lines)} activities and errors", "\n".join(lines) + "\n"),
    )


def disk_pieces(folder: Path) -> tuple[Piece, ...]:
    """Installed packages, the ends of journal and log; reads the disk, so not for the loop."""
    found = [_piece("packages.txt", "installed packages with their versions", _packages())]
    try:
        records = read_journal(folder / "journal").records[-RECORDS_KEPT:]
        data = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        found.append(Piece(name="journal.jsonl", words=f"the last {len(records)} journal records", data=data))
    except (OSError, TraderError) as error:
        found.append(_piece("journal.txt", "why the journal is missing", f"{type(error).__name__}: {error}\n"))
    try:
        with (folder / "log" / LOG_FILE).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_KEPT))
            log = file.read()
        found.append(Piece(name="log.txt", words="the end of the log file", data=log))
    except OSError:
        pass
    return tuple(found)


def without_secrets(pieces: tuple[Piece, ...], settings: Settings) -> tuple[Piece, ...]:
    """The pieces with every secret struck out that could stand in them."""
    secrets = [str(settings.key_id), str(settings.private_key_path or "")]

    def clean(data: bytes) -> bytes:
        data = _PEM.sub(b"(private key struck out)", data)
        for secret in secrets:
            if len(secret) > 3:
                data = data.replace(secret.encode(), (HIDDEN + secret[-3:]).encode())
        return data

    return tuple(msgspec.structs.replace(piece, data=clean(piece.data)) for piece in pieces)


def write_bundle(folder: Path, pieces: tuple[Piece, ...], at: int) -> Path:
    """Write the pieces into a new owner-only file in `folder`, named by wall time `at` (Unix ns); OSError when that is
    not possible.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for piece in pieces:
            archive.writestr(piece.name, piece.data)
    stamp = datetime.fromtimestamp(at // 1_000_000_000, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1000):
        path = folder / (f"bug-{stamp}.zip" if not number else f"bug-{stamp}-{number}.zip")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getvalue())
        return path
    raise FileExistsError(f"no free name for {stamp}")


def _piece(name: str, words: str, text: str) -> Piece:
    return Piece(name=name, words=words, data=text.encode("utf-8", "replace"))


def _config(settings: Settings) -> str:
    shown = settings.model_dump(exclude={"key_id", "private_key_path"}, warnings=False)
    rows = [f"{name} = {value}" for name, value in shown.items()]
    key = str(settings.key_id)
    rows.append(f"key_id = {HIDDEN + key[-3:] if key else '-'}")
    rows.append(f"private_key_path = {'given' if settings.private_key_path else '-'}")
    return "\n".join(rows) + "\n"


def _versions(trader: Trader, seed: str) -> str:
    identity = trader.snapshot.identity
    rows = [
        f"{identity.product} {identity.version} {identity.revision}",
        f"python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}",
        f"mode {identity.mode.value}, exchange {identity.exchange}, strategy {identity.strategy}, seed {seed}",
        f"configuration {identity.config_hash}, started {_iso(identity.started_at)}",
    ]
    return "\n".join(rows) + "\n"


def _packages() -> str:
    """Every installed package; walks the disk for a good tenth of a second."""
    return (
        "\n".join(sorted({f"{d.metadata['Name']} {d.version}" for d in distributions() if d.metadata["Name"]})) + "\n"
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000_000, tz=UTC).isoformat(timespec="milliseconds")
