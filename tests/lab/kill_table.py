"""The table of kills as `docs/kills.md` tells it; `python -m tests.lab.kill_table` rewrites that."""

from __future__ import annotations

from pathlib import Path

from tests.lab import kill_many
from tests.lab.kill_stage import CELLS, RECOVERY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kills.md"
# Where the list of resting orders does not settle what became of the order, the next start looks it up by itself.
LOOKED_UP: frozenset[tuple[str, str]] = frozenset(
    {
        *((state, step) for state in ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "VOID")
          for step in ("before", "queued", "torn")),
        *((state, step) for state in ("SENT", "AMENDING") for step in ("written", "synced", "leaving")),
        ("CANCELING", "sent"),
        ("CANCELING", "replied"),
    }
)  # fmt: skip
STEPS = {
    "before": "the record is decided and not handed to the journal",
    "queued": "it waits in memory for the writer",
    "torn": "half of its frame is written",
    "written": "all of it is written, not synced",
    "synced": "it is synced, nobody has heard so yet",
    "leaving": "the request may leave, none of it has",
    "late": "the request has left and reaches the exchange three seconds later",
    "sent": "the exchange has done it, the reply is on its way",
    "replied": "the reply is here, its record is not decided",
}
HEAD = """# Kills in the simulation

The whole trader on virtual time, over lines in memory, with an order of a person in the named state. It is killed at a
step of the journal or of the request: whatever had reached the exchange is done, every connection breaks, what was
written of the journal stays. The next start is killed once more in a step of its recovery, and a third one is judged:

- the journal is a prefix of what was decided;
- the exchange has the order at most once, and none that was not meant;
- READY within 10 virtual seconds; the market of an order in doubt refuses new orders until it is settled;
- orders, positions and cash are the exchange's by what was recalled and told, without a correction; the breaker is
  closed, and the stop ends verified with nothing resting.

`.ci/run` plays every cell with one step of recovery in turn; all of them with all by
`.venv/bin/pytest -m long -n 0 tests/lab/test_kills.py`, about four minutes. A run that does not strike where it should
fails. Processes are killed for real in `tests/whole/test_restart.py`.

PLANNED is no cell: an order is SENT before the step in which it is planned ends. CANCELING has no record of its own,
only its request. A cell of the last column exists only where the list of resting orders leaves something to look up.
"""

MANY = """
## Much under way

It dies at every step of every record and of every write from the beginning of what it does; the next start is judged
alike. What was stopped or sold in the life that ended is not gone on with: what was sent is there once, what was not is
not there, and a person decides anew. `.ci/run` plays one cell of seven, each with a step of a start in turn; all of
them with all by the same command as above, about ten more minutes.
"""


def page() -> str:
    steps = "".join(f"| {step} | {words} |\n" for step, words in STEPS.items())
    starts = "".join(f"- {name}\n" for name in RECOVERY)
    rows = []
    for state in dict.fromkeys(state for state, _ in CELLS):
        here = [step for at, step in CELLS if at == state]
        looked = [step for step in here if (state, step) in LOOKED_UP]
        rows.append(f"| {state} | {', '.join(here)} | {', '.join(looked) or 'none'} |\n")
    runs = len(CELLS) * len(RECOVERY) + len(LOOKED_UP)
    return (
        f"{HEAD}\n## Steps\n\n| killed | when |\n|---|---|\n{steps}\n## Steps of a start\n\n{starts}\n## Cells\n\n"
        f"{len(CELLS)} cells; with no second kill or one at each step of a start {runs} runs.\n\n"
        f"| the order is, or becomes | killed | killed again in a look-up after |\n|---|---|---|\n{''.join(rows)}"
        f"{many()}"
    )


def many() -> str:
    """Kills with much under way, a row a scene."""
    rows = []
    for name, scene in kill_many.SCENES.items():
        about = " ".join((scene.__doc__ or "").split()).rstrip(".")
        records, writes = kill_many.RECORDS_OF[name], kill_many.WRITES_OF[name]
        rows.append(f"| {name} | {about} | {records} | {writes} | {len(kill_many.cells(name))} |\n")
    table = "| killed in | what it does | records | writes | cells |\n|---|---|---|---|---|\n"
    return f"{MANY}\n{table}{''.join(rows)}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
