"""Every rule of the exchange has a test, and the page of endpoints and channels says what is true."""

import importlib
import re
from pathlib import Path

import pytest

from core.sim.facts import CHANNEL_OF
from core.sim.faults import FAULTS
from core.sim.feed import CHANNELS
from core.sim.rest import ROUTES
from core.sim.scenarios import ACTS, SCENARIOS
from tests.facts import openapi
from tests.sim.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/exchange-coverage.md"
ROW = re.compile(r"^\| `([^`]+)` \| (yes|no|410|403) \| ([^|]+) \| ?([^|]*) ?\|$")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_collected_test(rule: str) -> None:
    text, tests = RULES[rule]
    assert text and tests
    for test in tests:
        module, name = test.split(".")
        assert name.startswith("test_") and callable(getattr(importlib.import_module(f"tests.sim.{module}"), name))


def rows() -> dict[str, tuple[str, str]]:
    found = (ROW.match(line) for line in PAGE.read_text().splitlines())
    return {row[1]: (row[2], row[3]) for row in found if row}


def test_the_page_names_every_endpoint_that_is_served_and_no_other() -> None:
    served = {f"{route.method} {route.template}" for route in ROUTES}
    told = {name for name, (state, _test) in rows().items() if state != "no" and " " in name}
    assert told == served


def test_the_page_says_what_of_the_documented_surface_is_missing() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, ops in openapi()["paths"].items()
        for method in ops
        if method != "parameters"
    }
    assert documented <= set(rows())


def test_the_page_names_every_channel() -> None:
    told = {name for name, (state, _test) in rows().items() if state == "yes" and " " not in name}
    assert told == set(CHANNELS) == set(CHANNEL_OF)


def test_what_the_page_calls_tested_is_tested() -> None:
    for name, (_state, tests) in rows().items():
        for module in re.findall(r"test_\w+", tests):
            assert (ROOT / f"tests/sim/{module}.py").exists(), name


def test_the_page_of_the_exchange_names_every_fault_scenario_and_act() -> None:
    text = (ROOT / "docs/exchange.md").read_text()
    assert [name for name in (*FAULTS, *SCENARIOS, *ACTS) if f"`{name}`" not in text] == []
