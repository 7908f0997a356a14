"""The way to real money has two consents, and no file, variable or slip stands for either."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import typer

from core.config import Settings, load
from core.domain.errors import BadInput, StartRefused
from tests.whole.support import run
from tui.commands.run import _ask_live_consent

KEY = "0c0ffee0-1234"
WORDS = ("", KEY, KEY[:-1], KEY.upper(), f"{KEY}5", "yes", "y", "live", None)


@pytest.mark.parametrize("headless", [True, False])
def test_of_all_ways_to_ask_for_live_only_both_consents_lead_there(
    monkeypatch: pytest.MonkeyPatch, headless: bool
) -> None:
    opened = []
    for key_id, live, flag, typed in product(("", KEY), (True, False), WORDS, WORDS):
        monkeypatch.setattr(typer, "prompt", lambda *_, _typed=typed, **__: _typed or "")
        try:
            _ask_live_consent(key_id, live, flag, headless=headless)
        except (BadInput, StartRefused):
            continue
        opened.append((key_id, live, flag if headless else typed))
    assert opened and set(opened) == {(KEY, True, KEY)}


def test_neither_a_file_nor_a_variable_can_consent(tmp_path: Path) -> None:
    assert not {"live", "confirm_key_id", "arm", "armed", "consent"} & set(Settings.model_fields)
    for name in ("live", "confirm_key_id", "arm"):
        path = tmp_path / "config.toml"
        path.write_text(f"{name} = true\n")
        with pytest.raises(BadInput, match="unknown setting"):
            load({}, {}, path)
        with pytest.raises(BadInput, match="unknown setting"):
            load({}, {f"KALSHI_TRADER_{name.upper()}": "1"})
    done = run(tmp_path, "run", "--headless", "--mode", "live", "--key-id", KEY, LIVE="1", CONFIRM_KEY_ID=KEY)
    assert done.returncode == 3 and "--live" in done.stderr


def test_the_simulated_exchange_is_what_one_gets_without_a_word() -> None:
    assert Settings().mode.value == "paper"
    # Live without the client switched on by name only watches: a third, standing thing beside the two consents.
    assert not Settings.model_validate({"mode": "live"}).client_enabled
