"""The table of faults that worlds play: row, name, how often it struck, what it leans on, and what came of it."""

from __future__ import annotations

from pathlib import Path

from core.lab.audit.rules import INVARIANTS
from core.lab.named import NAMED
from core.lab.rows import APART, catalogue
from core.lab.worlds import Tally, summary

HEAD = """# Worlds

Written by `kalshi-trader world --seeds A-B --table docs/worlds.md`; a world is the whole trader and its exchange on
virtual time, judged by an auditor that shares no code with either. To play more of them, a world's participants take
their turns every 1.2 to 2.4 s, and a trader who hears nothing looks at its timers every 0.5 to 1.5 s, by the seed.
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
        cells = (kind.row, name, kind.about, kind.keeps, tally.held[name], tally.hits[name], _result(tally, name))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "## Invariants", "", "| invariant | what stays true | open seeds |", "|---|---|---|"]
    for name, words in INVARIANTS.items():
        lines.append(f"| {name} | {words} | {len(tally.broken.get(name, []))} |")
    lines += [
        "",
        "I12 (caps), I14 (secrets), I15 (named exchange) and I17 (the screen) are held by lanes of their own.",
    ]
    lines += ["", "## Not in a world", "", "| row | what happens | why not here |", "|---|---|---|"]
    lines += [f"| {row} | {APART[row][0]} | {APART[row][1]} |" for row in catalogue() if row in APART]
    return "\n".join(lines) + "\n"


def _result(tally: Tally, name: str) -> str:
    if not tally.hits[name]:
        return "never struck"
    return f"{tally.open_with[name]} open seeds" if tally.open_with[name] else "held"
