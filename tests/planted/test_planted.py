"""Every planted bug still applies, changes something small, and compiles; the table of what finds it is whole."""

from __future__ import annotations

import difflib

import pytest

from .hunt import LANES
from .patches import ROOT, Planted, all_planted

PLANTED = all_planted()
FEWEST = 44  # found by worlds
TABLE = (ROOT / "docs" / "planted-bugs.md").read_text(encoding="utf-8")


def test_the_table_names_every_planted_bug_with_its_types_and_what_finds_it() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if " | " in line][1:]
    assert {row[0]: row[1] for row in rows} == {planted.name: planted.file for planted in PLANTED}
    assert {row[2] for row in rows if row[3] != "NOT LOOKED FOR"} == {"pass"}
    assert sum(row[3] == "worlds" for row in rows) >= FEWEST
    assert {row[3] for row in rows} <= {"worlds", *LANES}, "found by no lane, or not looked for"


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_applies_and_compiles(planted: Planted) -> None:
    source = (ROOT / planted.file).read_text(encoding="utf-8")
    broken = planted.apply(source)
    compile(broken, planted.file, "exec")
    changed = [line for line in difflib.ndiff(planted.old.splitlines(), planted.new.splitlines()) if line[0] in "+-"]
    assert 1 <= len(changed) <= 8, "a planted bug is a line, not a rewrite"
