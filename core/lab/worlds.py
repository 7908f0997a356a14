"""Many worlds: seeds over processes, a progress file to go on from, and the table that says what they came to.

A line of the progress file is one world; a run that was stopped goes on with the seeds it does not hold.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.lab.named import NAMED
from core.lab.plan import Plan, draw
from core.lab.runner import World, play
from core.lab.shrink import shrink

COMMAND = "kalshi-trader world"
REAL_S = 120  # of the machine's time; a world that takes longer spins without an await


@dataclass
class Tally:
    """What many worlds came to."""

    worlds: int = 0
    small: int = 0
    open: dict[int, str] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)  # worlds in which a fault struck
    broken: dict[str, list[int]] = field(default_factory=dict)  # invariant: seeds
    totals: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0

    def add(self, row: dict[str, Any]) -> None:
        """One line of a progress file."""
        self.worlds += 1
        self.small += not row["counts"]
        for name, hits in row["hits"].items():
            self.hits[name] += hits
            self.held[name] += bool(hits)
        for key in ("book_changes", "orders", "fills", "markets", "seconds"):
            self.totals[key] += row[key]
        self.cpu_s += row["cpu_s"]
        if row["violations"]:
            self.open[row["seed"]] = row["repeat"]
            for key in row["violations"]:
                self.broken.setdefault(key.split()[0], []).append(row["seed"])

    @property
    def pace(self) -> float:
        """Worlds a second of processor time."""
        return self.worlds / self.cpu_s if self.cpu_s else 0.0


def repeat_command(plan: Plan) -> str:
    """The one command that plays this world again."""
    minutes = f"{plan.seconds / 60:g}"
    return f"{COMMAND} --seed {plan.seed} --scenario {plan.scenario} --minutes {minutes} --faults {plan.text}"


def row_of(world: World, cpu_s: float) -> dict[str, Any]:
    """A world as one line of JSON."""
    return {
        "seed": world.plan.seed,
        "digest": world.digest,
        "counts": world.counts,
        "violations": world.violations,
        "hits": dict(sorted(world.hits.items())),
        "markets": world.markets,
        "book_changes": world.book_changes,
        "deltas": world.deltas,
        "orders": world.orders,
        "fills": world.fills,
        "seconds": round(world.seconds),
        "exit_code": world.exit_code,
        "cpu_s": round(cpu_s, 3),
        "repeat": repeat_command(world.plan),
    }


def play_row(plan: Plan) -> dict[str, Any]:
    """Play a world in this process; what spins without end is stopped by the machine's own timer and is open."""
    begun = time.process_time()

    def late(_number: int, _frame: Any) -> None:
        raise TimeoutError(f"no end after {REAL_S} s of the machine's time")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, REAL_S)
    try:
        world = play(plan)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return row_of(world, time.process_time() - begun)


def shrunk(plan: Plan, kinds: Iterable[str]) -> Plan:
    """The plan with only those faults that are needed to go wrong in one of the same ways."""
    wanted = set(kinds)

    def fails(faults: tuple[Any, ...]) -> bool:
        found = play(Plan(plan.seed, plan.scenario, plan.seconds, faults)).violations
        return bool(wanted & set(found))

    return Plan(plan.seed, plan.scenario, plan.seconds, shrink(plan.faults, fails))


# ---- many ---------------------------------------------------------------------------------------------------------


def _work(task: tuple[int, str, int]) -> dict[str, Any]:
    return play_row(draw(*task))


def read_progress(path: Path) -> Iterator[dict[str, Any]]:
    """The worlds a progress file holds; a line that was cut by a stop is passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "seed" in row:
            yield row


def play_many(
    seeds: Iterable[int],
    *,
    scenario: str,
    seconds: int,
    jobs: int,
    progress: Path | None = None,
    told: Callable[[dict[str, Any]], bool] = lambda row: True,
) -> Tally:
    """Play every seed that the progress file does not hold yet; `told` hears of each new one and may end it."""
    tally, known = Tally(), set()
    for row in read_progress(progress) if progress else ():
        if row["seed"] not in known:
            known.add(row["seed"])
            tally.add(row)
    tasks = [(seed, scenario, seconds) for seed in seeds if seed not in known]
    keep = progress.open("a", encoding="utf-8") if progress else None
    try:
        for row in _rows(tasks, jobs):
            tally.add(row)
            if keep is not None:
                keep.write(json.dumps(row) + "\n")
                keep.flush()
            if not told(row):
                break
    finally:
        if keep is not None:
            keep.close()
    return tally


def _rows(tasks: list[tuple[int, str, int]], jobs: int) -> Iterator[dict[str, Any]]:
    if jobs <= 1:
        yield from map(_work, tasks)
        return
    # Fresh interpreters: nothing of this process's state, its hash seed included, reaches a world.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(_work, tasks, chunksize=1)


# ---- what is shown -------------------------------------------------------------------------------------------------


def summary(tally: Tally) -> list[str]:
    """The report in lines."""
    worlds = max(1, tally.worlds)
    means = {key: tally.totals[key] / worlds for key in ("markets", "book_changes", "orders", "fills")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lines = [
        f"worlds {tally.worlds}, large enough to count {tally.worlds - tally.small}, open seeds {len(tally.open)}",
        "a world: " + ", ".join(f"{value:.0f} {key.replace('_', ' ')}" for key, value in means.items()),
        f"virtual hours {tally.totals['seconds'] / 3600:.1f}, faults struck {sum(tally.hits.values())}, "
        f"names that struck {sum(1 for name in NAMED if tally.hits[name])} of {len(NAMED)}",
        f"{tally.pace:.2f} worlds a second of one core, {peak} MiB at most in this process",
    ]
    for invariant, seeds in sorted(tally.broken.items()):
        lines.append(f"{invariant}: {len(seeds)} seeds, first {sorted(seeds)[:5]}")
    lines += [f"open: {command}" for _seed, command in sorted(tally.open.items())][:20]
    return lines
