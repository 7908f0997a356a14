"""A trader killed at every journal step of every state of an order, and once more at every step of the next start.

Each run names its cell and must really strike there. `docs/kills.md` is the table of the cells.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

from tests.lab import kill_many
from tests.lab.kill_stage import CELLS, READY_WITHIN_S, RECOVERY, Outcome, play
from tests.lab.kill_table import LOOKED_UP, PAGE, page

SURE = [name for name in RECOVERY if name != "look-up"]
# In CI each cell meets one step of a start, in turn; all meet all in the long lane.
TURNS = [(state, step, SURE[index % len(SURE)]) for index, (state, step) in enumerate(CELLS)]

MANY = [(name, number, step) for name in kill_many.SCENES for number, step in kill_many.cells(name)]
EACH = 7  # of those in CI one of so many, each with a step of a start, in turn
SOME = [(*cell, SURE[index % len(SURE)]) for index, cell in enumerate(MANY[::EACH])]

# Who is killed while it closes its roads leaves one open; a process would take it along.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def what_the_dead_left_open_goes() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def sound(outcome: Outcome) -> None:
    assert not outcome.problems, outcome.problems
    assert outcome.ready_s < READY_WITHIN_S


def lived_through(state: str, step: str, recovery: str | None) -> None:
    outcome = play(state, step, recovery)
    assert outcome.struck, f"no kill at {state}, {step}"
    looks = recovery != "look-up" or (state, step) in LOOKED_UP
    assert outcome.struck_again is (recovery is not None and looks), f"second kill at {recovery}: {outcome}"
    sound(outcome)


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


@pytest.mark.parametrize("name", kill_many.SCENES)
def test_a_scene_is_killed_at_each_of_its_records_and_writes(name: str) -> None:
    passed = kill_many.counted(name)
    assert (passed["records"], passed["writes"]) == (kill_many.RECORDS_OF[name], kill_many.WRITES_OF[name])


def lived_through_many(name: str, number: int, step: str, recovery: str | None) -> None:
    outcome = kill_many.play(name, number, step, recovery)
    assert (outcome.struck, outcome.struck_again) == (True, recovery is not None), outcome
    sound(outcome)


@pytest.mark.wide
@pytest.mark.parametrize(("name", "number", "step", "recovery"), SOME)
def test_killed_with_much_under_way_and_again_in_recovery(name: str, number: int, step: str, recovery: str) -> None:
    lived_through_many(name, number, step, recovery)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("name", "number", "step"), MANY)
def test_every_step_of_much_under_way_with_every_step_of_recovery(name: str, number: int, step: str) -> None:
    for recovery in (None, *SURE):
        lived_through_many(name, number, step, recovery)


@pytest.mark.parametrize("step", ["before", "torn", "synced"])
def test_killed_at_its_record_an_order_is_there_once_or_not_at_all(step: str) -> None:
    lived_through("SENT", step, None)


def test_the_table_of_kills_is_as_it_is_documented() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.lab.kill_table"
