"""Worlds under faults as a lane for secrets: whatever goes wrong, no log, journal, trace, picture or bundle has one."""

from __future__ import annotations

import base64
import logging
import os
from typing import Any

import msgspec
import pytest

from core.assembly import Trader
from core.bundle import live_pieces
from core.exchange.signing import Signer
from core.lab import runner
from core.lab.plan import draw
from core.lab.stage import WorldJournal, world_key


class Told(logging.Handler):
    """Every line of every logger, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def heard(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, set[str], set[str]]:
    """All that a world told, the signatures made in it, and its key ids."""
    signatures, key_ids, trace = set(), set(), []
    traders: list[Trader] = []
    journals: list[WorldJournal] = []
    sign, make, keep = Signer.headers, Trader.__init__, WorldJournal.__init__

    def noted(self: Signer, *words: Any) -> dict[str, str]:
        found = sign(self, *words)
        signatures.add(found["KALSHI-ACCESS-SIGNATURE"])
        key_ids.add(found["KALSHI-ACCESS-KEY"])
        return found

    def made(self: Trader, *words: Any, **named: Any) -> None:
        traders.append(self)
        make(self, *words, **named)

    def kept(self: WorldJournal, *words: Any) -> None:
        journals.append(self)
        keep(self, *words)

    monkeypatch.setattr(Signer, "headers", noted)
    monkeypatch.setattr(Trader, "__init__", made)
    monkeypatch.setattr(WorldJournal, "__init__", kept)
    told, root = Told(), logging.getLogger()
    before = root.level
    root.addHandler(told)
    root.setLevel(logging.DEBUG)
    try:
        world = runner.play(draw(seed, "calm", 90), trace.append)
    finally:
        root.removeHandler(told)
        root.setLevel(before)
        monkeypatch.undo()
    assert traders and journals and told.lines and trace and len(signatures) > 20
    text = "\n".join([*told.lines, *trace, *map(str, world.violations.items())])
    text += "".join(bytes(journal.data).decode("latin-1") for journal in journals)
    for trader in traders:
        text += trader.status_text(form="whole") + msgspec.json.encode(trader.snapshot).decode()
        text += "".join(piece.data.decode() for piece in live_pieces(trader))
    return text, signatures, key_ids


@pytest.mark.parametrize("seed", range(1, int(os.environ.get("WORLDS_CANARIES", "3")) + 1))
def test_no_secret_is_in_anything_a_world_tells(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text, signatures, key_ids = heard(seed, monkeypatch)
    key = world_key().decode().splitlines()[1]
    secrets = {key, *key_ids, *signatures, base64.b64decode(key)[-32:].decode("latin-1"), "PRIVATE KEY"}
    assert not [secret for secret in secrets if secret in text]
    assert next(iter(key_ids))[-3:] in text  # its end is what may be shown
