"""Every fault of the table alone: it strikes, and the world holds. A few in the quick lane, all in the long one."""

from __future__ import annotations

import pytest

from core.lab.named import NAMED
from core.lab.plan import Plan, Planned
from core.lab.runner import play
from core.lab.worlds import repeat_command

QUICK = ("A8-filled-unheard", "D11-negative")
AT_S, QUIET_S, TRIES = 25.0, 80.0, 6


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.long) for n in NAMED])
def test_a_fault_alone_strikes_and_is_survived(name: str) -> None:
    lasts = NAMED[name].high_s
    for seed in range(1, TRIES):
        plan = Plan(seed, "slow", round(AT_S + lasts + QUIET_S), (Planned(name, AT_S, lasts),))
        world = play(plan)
        assert not world.violations, f"{world.violations}\nagain: {repeat_command(plan)}"
        if world.hits[name]:
            return
    pytest.fail(f"{name} never struck in {TRIES - 1} worlds")
