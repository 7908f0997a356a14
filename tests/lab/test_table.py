"""The document of worlds: every row of the catalogue was played and struck, or has its reason."""

from __future__ import annotations

import re
from pathlib import Path

from core.lab.audit.rules import INVARIANTS
from core.lab.hits import document
from core.lab.named import NAMED
from core.lab.rows import APART, catalogue
from core.lab.worlds import Tally

LEAST = 990  # worlds that count, in the table that is kept; more by the command it names
NEVER = 0  # faults that strike in none of them
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "worlds.md").read_text(encoding="utf-8")


def cells(section: str) -> dict[str, list[str]]:
    """The rows of a section's table by their first cell, or by the fault's name."""
    text = DOCUMENT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return {row[1] if section == "Faults" else row[0]: row for row in rows[1:]}


def test_every_row_of_the_catalogue_is_a_named_fault_or_has_its_reason() -> None:
    played = {kind.row for kind in NAMED.values()}
    assert len(catalogue()) == 162
    assert played | APART.keys() == set(catalogue())
    assert not played & APART.keys()


def test_a_name_begins_with_its_row() -> None:
    assert not [name for name, kind in NAMED.items() if kind.row not in name.split("-")]


def test_the_document_names_every_fault_with_its_row_and_invariants() -> None:
    told = {name: row[:4] for name, row in cells("Faults").items()}
    assert told == {name: [kind.row, name, kind.about, kind.keeps] for name, kind in NAMED.items()}
    assert cells("Not in a world").keys() == APART.keys()
    assert cells("Invariants").keys() == INVARIANTS.keys()


def test_faults_struck_and_were_held() -> None:
    results = {name: row[-1] for name, row in cells("Faults").items()}
    never = [name for name, result in results.items() if result == "never struck"]
    assert len(never) <= NEVER, never
    assert set(results.values()) <= {"held", "never struck"}


def test_no_seed_of_the_document_is_open_and_nearly_every_world_counts() -> None:
    found = re.search(r"worlds (\d+), large enough to count (\d+), open seeds (\d+)", DOCUMENT)
    assert found
    worlds, counted, still_open = map(int, found.groups())
    assert counted >= max(LEAST, 0.98 * worlds) and still_open == 0


def test_an_open_seed_is_told_beside_the_faults_that_struck_in_it() -> None:
    tally = Tally()
    row = {
        "seed": 1, "digest": "d", "hashes": 0, "counts": True, "violations": {"I1 order": "x"}, "hits": {"F3-leap": 1},
        "markets": 4, "book_changes": 1, "orders": 1, "fills": 1, "kinds": 1, "seconds": 300, "cpu_s": 1, "repeat": "r",
    }  # fmt: skip
    tally.add(row)
    ends = {line.split(" | ")[1]: line for line in document(tally).splitlines() if line.count(" | ") == 6}
    assert ends["F3-leap"].endswith("| 1 | 1 | 1 open seeds |")
    assert ends["F2-drift"].endswith("never struck |")
