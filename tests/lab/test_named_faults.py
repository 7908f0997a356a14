"""Every fault of the table alone: it strikes, and the world holds. A few in the quick lane, all in the long one."""

from __future__ import annotations

import pytest

from core.lab.named import NAMED
from core.lab.runner import play
from core.lab.worlds import repeat_command
from tests.planted.alone import alone

QUICK = ("A8-filled-unheard", "D11-negative")
TRIES = 16


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.long) for n in NAMED])
def test_a_fault_alone_strikes_and_is_survived(name: str) -> None:
    for seed in range(1, TRIES):
        plan = alone(name, seed)
        world = play(plan)
        assert not world.violations, f"{world.violations}\nagain: {repeat_command(plan)}"
        if world.hits[name]:
            return
    pytest.fail(f"{name} never struck in {TRIES - 1} worlds")
