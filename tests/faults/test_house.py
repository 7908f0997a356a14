"""The lane keeps its own house: a test for every row, a row for every test, and no test without a fault that struck."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from core.sim.faults import FAULTS

from .rows import ROWS
from .support import Proof

HERE = Path(__file__).parent
SECTIONS = {"A": 29, "B": 18, "C": 18, "D": 17}


def marked() -> dict[str, list[str]]:
    """Rows and the tests of this folder that pytest collects for them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        for name, thing in vars(module).items():
            for mark in getattr(thing, "pytestmark", ()) if name.startswith("test_") else ():
                for row in mark.args if mark.name == "row" else ():
                    found[row].append(f"{path.stem}::{name}")
    return found


def test_the_table_is_whole() -> None:
    wanted = {f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
    assert ROWS.keys() == wanted
    assert all(row.fault and row.expected and re.fullmatch(r"\d+( \d+)*", row.keeps) for row in ROWS.values())


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_a_test_or_a_reason_why_not(name: str) -> None:
    tests = marked().get(name, [])
    assert bool(tests) is not bool(ROWS[name].apart), f"{name}: {ROWS[name].fault}"


def test_no_test_names_a_row_that_is_not_there() -> None:
    assert marked().keys() <= ROWS.keys()


def test_every_test_of_the_lane_takes_its_proof() -> None:
    without = []
    for path in sorted(HERE.glob("test_*.py")):
        text = path.read_text()
        for match in re.finditer(
            r"@row\(.*?\ndef (test_\w+)\((.*?)\)(?: -> None)?:\n(.*?)(?=\n@|\ndef |\Z)", text, re.S
        ):
            if "proof" not in match[2]:
                without.append(match[1])
    assert not without


def test_a_fault_that_never_struck_fails_its_test() -> None:
    proof = Proof(("A1", "A2"))
    proof(0, "A1")
    proof(3, "A2")
    assert proof.missing == ["A1"]
    proof(1)
    assert not proof.missing


INNER = """
import pytest

@pytest.mark.row("A1")
def test_without(proof):
    proof(0)

@pytest.mark.row("A1")
def test_with(proof):
    proof(1)
"""


@pytest.mark.wide
def test_the_lane_fails_a_test_that_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.faults.conftest import proof, pytest_configure\n")
    (tmp_path / "test_inner.py").write_text(INNER)
    root = HERE.parents[1]
    words = ["-q", "-n", "0", "-p", "no:cacheprovider", "-c", str(root / "pyproject.toml"), f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)], cwd=root, capture_output=True, text=True
    )
    assert "2 passed, 1 error" in done.stdout and "never struck: A1" in done.stdout, done.stdout


def test_every_fault_of_the_exchange_is_played_by_this_lane() -> None:
    text = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    left = {name for name in FAULTS if f'"{name}"' not in text}
    # Told in `tests/sim`: what they play is played here by other means.
    assert left <= {"cursor_loops", "reply_sliced", "frame_sliced", "cancel_all_reaches"}
