"""News and faults together: minutes on scenario `news-jump`, drift 0 and nothing violated at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.lab.endurance import MIX, endure, main, report
from core.sim.faults import FAULTS

from .support import key

REPORT = Path(__file__).resolve().parents[2] / "docs" / "reports" / "news-jump.json"


def check(found: dict[str, Any], *, faults: int, placed: int) -> None:
    session = found["session"]
    assert found["violations"] == {}
    assert session["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
    assert (session["resting_after_stop"], session["exit"]["code"]) == (0, 0)
    assert found["state_before_stop"] in ("READY", "ACTING")
    assert len(found["faults"]) >= faults and session["orders"]["placed"] >= placed


@pytest.mark.parametrize("seed", [7, pytest.param(109, marks=pytest.mark.long)])
def test_minutes_of_news_and_faults_end_sound(seed: int) -> None:
    played = endure(minutes=2, seed=seed, key_pem=key(), quiet_s=25)
    check(report(played, minutes=2, seed=seed), faults=6, placed=100)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_half_an_hour_of_news_and_faults_is_the_report_that_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "news-jump.json"
    assert main(["--minutes", "30", "--seed", "7", "--out", str(out)]) == 0
    check(json.loads(out.read_text()), faults=20, placed=1_000)


def test_the_kept_report_is_of_half_an_hour_and_sound() -> None:
    found = json.loads(REPORT.read_text())
    assert (found["scenario"], found["minutes"]) == ("news-jump", 30)
    check(found, faults=20, placed=1_000)


def test_the_mix_names_faults_that_are_there() -> None:
    assert {name for name, _ in MIX} <= FAULTS.keys()
