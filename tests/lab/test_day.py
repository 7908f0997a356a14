"""A day of the whole bot on virtual time, and the gauges that would tell that it grows."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.lab.day import BEFORE_WINDOW_S, HOUR_S, grown, held_bytes, live, main
from tests.faults.support import key

ROW = {"tasks": 20, "held": 1_000_000}


def hours(count: int, **changes: Any) -> list[dict[str, int]]:
    return [ROW | {name: value(hour) for name, value in changes.items()} for hour in range(count)]


def test_a_day_that_stays_the_same_has_not_grown() -> None:
    assert grown(hours(24, held=lambda hour: 1_000_000 + (hour < 6) * 500_000)) == []


@pytest.mark.parametrize(
    ("name", "grows"), [("tasks", lambda hour: 20 + hour), ("held memory", lambda hour: 1_000_000 + 40_000 * hour)]
)
def test_what_grows_all_day_is_told(name: str, grows: Any) -> None:
    assert grown(hours(24, **{name.split()[0]: grows})) == [name]


def test_what_the_trader_holds_is_measured_and_what_the_exchange_holds_is_not() -> None:
    trader = SimpleNamespace(kept=[], other=SimpleNamespace())
    before = held_bytes(trader)
    trader.kept += [str(n) * 50 for n in range(1_000)]
    assert held_bytes(trader) > before + 50_000

    class Exchange:
        __module__ = "core.sim.server"

    exchange = Exchange()
    exchange.orders = trader.kept = list(trader.kept)
    trader.server, held = exchange, held_bytes(trader)
    exchange.orders = [*exchange.orders, *("x" * 50 + str(n) for n in range(1_000))]
    assert held_bytes(trader) == held


@pytest.mark.long
def test_an_hour_is_told_and_holds(tmp_path: Path) -> None:
    assert main(["--hours", "1", "--out", str(tmp_path / "day.json")]) == 0
    told = json.loads((tmp_path / "day.json").read_text())
    assert told["violations"] == {} and told["grown"] == []
    (hour,) = told["hours"]
    assert hour["orders"] > 500 and hour["fills"] > 50 and hour["drift"] == 0
    assert told["session"]["exit"]["code"] == 0


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_a_day_with_lost_lines_a_maintenance_window_and_settlements_drifts_nowhere_and_does_not_grow() -> None:
    played, told = live(hours=24, seed=1, key_pem=key())
    assert not played.violations
    assert grown(told) == []
    assert len(told) == 24 and all(row["drift"] == 0 for row in told)
    assert played.exit.code == 0
    window = BEFORE_WINDOW_S // HOUR_S
    placed = [row["orders"] for row in told]
    assert placed[window + 1] - placed[window] < (placed[window - 1] - placed[window - 2]) // 10, (
        "nothing in the window"
    )
    assert placed[-1] > placed[window + 2] + 500, "it traded again after it"
    assert told[-1]["paid"] >= 4 and told[-1]["reconnects"] >= 5
