"""A day: 24 virtual hours of the whole bot, with lost lines, a maintenance window and settlements, and what it came to.

    python -m core.lab.day --hours 24 --seed 1 --out docs/reports/day.json

Events close every two hours, are decided and paid, and others take their place. A few times an hour a fault of the
endurance mix comes for some seconds or every line is cut; in the exchange's window nothing can be placed, and for its
first minutes no connection can be made. Each hour is told: tasks, how much the trader holds, orders, fills, payments.
Ends with code 1 when anything was violated, or tasks or what the trader holds grew.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FunctionType, ModuleType
from typing import Any

from core.config import Settings
from core.journal.journal import MemoryJournal
from core.lab.endurance import MIX, person, report
from core.lab.story import Action, Played, Scene, play
from core.sim.auth import generate_private_key
from core.sim.calendar import next_maintenance
from core.sim.virtual_clock import EPOCH_NS, NS

SCENARIO = "day"
# Without limits of loss: what the maker loses in a day is not what is looked at here.
SETTINGS = {"simulated_markets": 8, "quote_markets": 2, "daily_loss_limit": 0, "drawdown_limit": 0}
HOUR_S = 3_600
LOOK_S = 30.0
BEFORE_WINDOW_S = 13 * HOUR_S  # the window is past the middle of a day
DOWN_S = 300
QUIET_S = 120
EVERY_S = (300, 1_500)
WARM_PART = 4  # the first quarter of a day fills what has a bound
TASKS_MORE, HELD_MORE_PERCENT = 3, 25  # rings of the last orders and words fill and empty; a leak of a day is much more
# Not the trader: the exchange, those who watch, what lives as long as the program, and the journal, which is a file
# where there is a disk.
_NOT_HELD = (ModuleType, FunctionType, type, asyncio.AbstractEventLoop, MemoryJournal)
_NOT_OURS = ("core.sim", "core.lab", "asyncio", "logging")


def script(seed: int, seconds: int, window_s: int) -> list[tuple[float, Action]]:
    """Faults now and then, and the beginning of the window; none in the last minutes."""
    chance = Random(f"day:{seed}")
    rows: list[tuple[float, Action]] = list(person(seconds))
    now = 60.0
    while now < seconds - QUIET_S - 60:
        name, params = chance.choice(MIX)
        rows.append((now, lambda scene: scene.cut()) if chance.random() < 0.3 else (now, _arm(name, params)))
        rows.append((now + chance.uniform(3, 20), lambda scene: scene.server.faults.disarm()))
        now += chance.uniform(*EVERY_S)
    if window_s < seconds - QUIET_S - DOWN_S:
        rows.append((window_s + 1.0, _arm("connect_refused", {})))
        rows.append((window_s + 1.0, lambda scene: scene.cut()))
        rows.append((window_s + 1.0 + DOWN_S, lambda scene: scene.server.faults.disarm()))
    return rows


def _arm(name: str, params: dict[str, Any]) -> Action:
    return lambda scene: scene.arm(name, **params)


def _hourly(seconds: int, told: list[dict[str, int]]) -> Iterator[tuple[float, Action]]:
    def tell(scene: Scene) -> None:
        told.append(gauge(scene))

    for at in range(HOUR_S, seconds + 1, HOUR_S):
        yield at - 1.0, tell


def gauge(scene: Scene) -> dict[str, int]:
    """What there is at this moment; `held` is in bytes."""
    counters, account = scene.trader.snapshot.counters, scene.server.account
    return {
        "tasks": len(asyncio.all_tasks()),
        "held": held_bytes(scene.trader),
        "orders": counters.placed,
        "fills": counters.fills,
        "paid": len(account.settlements),
        "reconnects": scene.desk.links.reconnects,
        "drift": abs(account.cash - scene.desk.positions.cash),
    }


def held_bytes(root: object) -> int:
    """The size of everything that can be reached from `root` and is the trader's, without exchange and onlookers."""
    seen: set[int] = {id(root)}
    waiting, total = [root], 0
    while waiting:
        one = waiting.pop()
        total += sys.getsizeof(one)
        for other in gc.get_referents(one):
            if id(other) in seen or isinstance(other, _NOT_HELD) or type(other).__module__.startswith(_NOT_OURS):
                continue
            seen.add(id(other))
            waiting.append(other)
    return total


def live(*, hours: int, seed: int, key_pem: bytes) -> tuple[Played, list[dict[str, int]]]:
    """Play it; the hourly gauges beside."""
    seconds = hours * HOUR_S
    window_ns, _end_ns = next_maintenance(EPOCH_NS)
    told: list[dict[str, int]] = []
    rows = [*script(seed, seconds, BEFORE_WINDOW_S), *_hourly(seconds, told)]
    played = play(
        Settings.model_validate({"scenario": SCENARIO, **SETTINGS}), rows, seconds=seconds, key_pem=key_pem, seed=seed,
        look_s=LOOK_S, epoch_ns=window_ns - BEFORE_WINDOW_S * NS,
    )  # fmt: skip
    return played, told


def grown(told: list[dict[str, int]]) -> list[str]:
    """What was larger in the last quarter than in the second: tasks by number, held memory by percent."""
    part = len(told) // WARM_PART
    if not part:
        return []
    early, late = told[part : 2 * part], told[-part:]
    found = []
    if max(row["tasks"] for row in late) > max(row["tasks"] for row in early) + TASKS_MORE:
        found.append("tasks")
    if _mean(late) * 100 > _mean(early) * (100 + HELD_MORE_PERCENT):
        found.append("held memory")
    return found


def _mean(rows: list[dict[str, int]]) -> int:
    return sum(row["held"] for row in rows) // len(rows)


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="core.lab.day", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    played, told = live(hours=given.hours, seed=given.seed, key_pem=generate_private_key())
    more = grown(told)
    whole = report(played, scenario=SCENARIO, minutes=60 * given.hours, seed=given.seed) | {
        "grown": more,
        "hours": told,
    }
    text = json.dumps(whole, indent=2) + "\n"
    if given.out is None:
        sys.stdout.write(text)
    else:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    return 1 if played.violations or more else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
