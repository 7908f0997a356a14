"""A trader killed at every journal step of every state of an order, and once more at every step of the next start.

Each run names its cell and must really strike there. `docs/kills.md` is the table of the cells.
"""

from __future__ import annotations

import pytest

from tests.lab.kill_stage import CELLS, READY_WITHIN_S, RECOVERY, play
from tests.lab.kill_table import LOOKED_UP, PAGE, page

SURE = [name for name in RECOVERY if name != "look-up"]
# In CI each cell meets one step of a start, in turn; all meet all in the long lane.
TURNS = [(state, step, SURE[index % len(SURE)]) for index, (state, step) in enumerate(CELLS)]


def lived_through(state: str, step: str, recovery: str | None) -> None:
    outcome = play(state, step, recovery)
    assert outcome.struck, f"no kill at {state}, {step}"
    looks = recovery != "look-up" or (state, step) in LOOKED_UP
    assert outcome.struck_again is (recovery is not None and looks), f"second kill at {recovery}: {outcome}"
    assert not outcome.problems, outcome.problems
    assert outcome.ready_s < READY_WITHIN_S


@pytest.mark.wide
@pytest.mark.parametrize(("state", "step", "recovery"), TURNS)
def test_killed_at_a_step_and_again_in_recovery_nothing_is_lost_or_doubled(
    state: str, step: str, recovery: str
) -> None:
    lived_through(state, step, recovery)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("recovery", [None, *RECOVERY])
@pytest.mark.parametrize(("state", "step"), CELLS)
def test_every_step_of_every_state_with_every_step_of_recovery(state: str, step: str, recovery: str | None) -> None:
    lived_through(state, step, recovery)


@pytest.mark.parametrize("step", ["before", "torn", "synced"])
def test_killed_at_its_record_an_order_is_there_once_or_not_at_all(step: str) -> None:
    lived_through("SENT", step, None)


def test_the_table_of_kills_is_as_it_is_documented() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.lab.kill_table"
