"""SECURITY.md keeps its word: every row is there, all places it names exist, and every test is one pytest collects."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from .test_house_rules import ROOT

ROWS = [f"S{number}" for number in range(1, 43)]
REFUSED = re.compile(r"Refused: \w.{20,}")


def cells(text: str) -> dict[str, list[str]]:
    """The cells of every row of the table, by the row's name. AssertionError for a row told twice."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        row = re.fullmatch(r"\| (S\d+) \| (.*) \| (.*) \| (.*) \|", line)
        if row:
            assert row[1] not in found, row[1]
            found[row[1]] = [row[2], row[3], row[4]]
    return found


@cache
def collected(path: Path) -> frozenset[str]:
    """The tests pytest finds in a file; none in a file it does not look into."""
    if not path.name.startswith("test_") or not path.is_file():
        return frozenset()
    top = ast.parse(path.read_text()).body
    return frozenset(
        node.name
        for node in top
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def wrong(row: list[str]) -> list[str]:
    """What a row promises and does not keep."""
    holds, where, proof = row
    if holds == "-":
        return [] if where == "-" and REFUSED.fullmatch(proof) else ["neither held nor refused with a reason"]
    named, tests = re.findall(r"`([^`]+)`", where), re.findall(r"`([^`]+)`", proof)
    found = [f"no {name}" for name in named if not (ROOT / name).exists()]
    for name in tests:
        path, _, test = name.partition("::")
        if test not in collected(ROOT / "tests" / path):
            found.append(f"no test {name}")
    if not named or not tests:
        found.append("nothing enforces or proves it")
    return found


THERE = "house/test_security_table.py::test_every_row_is_there_once_and_no_other"
TABLE = cells((ROOT / "SECURITY.md").read_text())


def test_every_row_is_there_once_and_no_other() -> None:
    assert list(TABLE) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_only_what_is_there(row: str) -> None:
    assert wrong(TABLE.get(row, ["", "", ""])) == []


@pytest.mark.parametrize(
    "line",
    [
        f"| S1 | holds | `core/nothing.py` | `{THERE}` |",
        "| S1 | holds | `core/config.py` | `house/test_security_table.py::test_that_is_not_there` |",
        "| S1 | holds | `core/config.py` | `house/test_nowhere.py::test_x` |",
        "| S1 | holds | `core/config.py` | `house/__init__.py::test_x` |",
        "| S1 | holds | `core/config.py` | - |",
        f"| S1 | holds | - | `{THERE}` |",
        "| S1 | - | - | Refused: no. |",
        "| S1 | - | - | - |",
    ],
)
def test_a_row_that_promises_too_much_is_caught(line: str) -> None:
    (row,) = cells(line).values()
    assert wrong(row)
    assert not wrong(["holds", "`core/config.py`", f"`{THERE}`"])
