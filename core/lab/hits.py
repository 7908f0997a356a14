"""The table of faults that worlds play: row, name, how often it struck, what it leans on, and what came of it."""

from __future__ import annotations

from pathlib import Path

from core.lab.audit.rules import INVARIANTS
from core.lab.named import NAMED
from core.lab.worlds import Tally, summary

HEAD = """# Worlds

Written by `kalshi-trader world --seeds A-B --table docs/worlds.md`; a world is the whole trader and its exchange on
virtual time, judged by an auditor that shares no code with either.

"""


def write_table(path: Path, tally: Tally) -> None:
    """Write the document; OSError where that cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(tally), encoding="utf-8")


def document(tally: Tally) -> str:
    """The document of a tally."""
    lines = [HEAD.rstrip(), "", "```", *summary(tally), "```", "", "## Faults", ""]
    lines += ["| row | fault | what happens | leans on | worlds | hits | result |", "|---|---|---|---|---|---|---|"]
    for name, kind in NAMED.items():
        hits, worlds = tally.hits[name], tally.held[name]
        lines.append(
            f"| {kind.row} | {name} | {kind.about} | {kind.keeps} | {worlds} | {hits} | {_result(tally, hits)} |"
        )
    lines += ["", "## Invariants", "", "| invariant | what stays true | open seeds |", "|---|---|---|"]
    for name, words in INVARIANTS.items():
        lines.append(f"| {name} | {words} | {len(tally.broken.get(name, []))} |")
    return "\n".join(lines) + "\n"


def _result(tally: Tally, hits: int) -> str:
    if not hits:
        return "never struck"
    return "held" if not tally.open else f"{len(tally.open)} open seeds"
