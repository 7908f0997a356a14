"""How often a rule machine is played: a little in every run of the tests, much in the long lane. Always the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_SAME = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
    # Who only asks whether something is found does not wait for its least example.
    "phases": (Phase.generate,) if os.environ.get("RULES_SHRINK") == "0" else tuple(Phase),
}
LANES = (
    pytest.param(settings(max_examples=30, stateful_step_count=40, **_SAME), id="short"),
    pytest.param(
        settings(max_examples=1_000, stateful_step_count=100, **_SAME),
        id="long",
        marks=(pytest.mark.long, pytest.mark.timeout(0)),
    ),
)


def play(machine: type[RuleBasedStateMachine], lane: settings) -> None:
    run_state_machine_as_test(machine, settings=lane)
