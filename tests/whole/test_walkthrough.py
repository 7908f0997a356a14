"""The walk-through of docs/strategies.md as it is written there: from a template and from training to paper."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole.support import ROOT, environment

PAGE = (ROOT / "docs" / "strategies.md").read_text()
# The same commands, smaller: by the first word that tells them apart.
SMALLER = {
    "new": "",
    "train": "--generations 1 --pairs 2 --episodes 1 --seconds 5 --hidden 4 --held-out 1-2 --jobs 1",
    "backtest": "--seeds 1-2 --seconds 10",
    "--strategy": "--headless --seconds 5",
}


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def commands(title: str) -> list[list[str]]:
    """Every command of the program that a section names, in order, without its remarks."""
    found = re.findall(r"(?:`|^)kalshi-trader ([^`#\n]+)", section(title).split("\n### ")[0], re.MULTILINE)
    return [shlex.split(one) for one in found]


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (words, done.stdout[-800:], done.stderr[-800:])
    return done.stdout


def follow(title: str, folder: Path) -> list[str]:
    """Run the section's commands; returns what they were."""
    taken = []
    for words in commands(title):
        kind = next(word for word in words if word in SMALLER)
        run(["-m", "tui", *words, *shlex.split(SMALLER[kind])], folder)
        taken.append(kind)
        if kind == "new":
            assert "2 passed" in run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], folder)
    return taken


def decided(folder: Path) -> tuple[str, int]:
    """Which strategy the last paper session had, and how often it decided."""
    newest = max(folder.rglob("status.json"), key=lambda path: path.stat().st_mtime)
    strategy = json.loads(newest.read_bytes())["strategy"]
    assert not strategy["off"]
    return strategy["name"], strategy["decisions"]


@pytest.mark.wide
def test_from_a_template_to_paper_trading(tmp_path: Path) -> None:
    assert follow("From a template to paper trading", tmp_path) == ["new", "backtest", "--strategy"]
    name, decisions = decided(tmp_path)
    assert name == "mine"
    assert decisions > 5


@pytest.mark.wide
def test_from_training_to_paper_trading(tmp_path: Path) -> None:
    assert follow("Trained policies", tmp_path) == ["train", "backtest", "--strategy"]
    name, decisions = decided(tmp_path)
    assert name == "learned"
    assert decisions > 5


def test_a_template_is_never_written_over_something_and_needs_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui.__main__ import invoke

    monkeypatch.chdir(tmp_path)
    assert invoke(["strategy", "new", "my_own"]) == 0
    before = (tmp_path / "my_own.py").read_text()
    assert "class MyOwn(Strategy)" in before
    for name in ("my_own", "class", "My", "a-b", "../up"):
        assert invoke(["strategy", "new", name]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert (tmp_path / "my_own.py").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_own.py", "test_my_own.py"]


def test_the_list_names_every_strategy_with_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    from core.strategies import NAMES
    from tui.__main__ import invoke

    assert invoke(["strategy", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name}: " in f"\n{shown}" for name in NAMES)
    assert "0.01 to 100000: contracts a quote" in shown
