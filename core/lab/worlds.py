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
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from core.lab.named import NAMED
from core.lab.plan import Plan, draw
from core.lab.runner import Trace, World, play
from core.lab.shrink import shrink

COMMAND = "kalshi-trader world"
REAL_S = 120  # of the machine's time; a world that takes longer spins without an await
NAMES = {"markets": "markets", "book_changes": "book changes", "orders": "own orders", "fills": "fills",
         "kinds": "kinds of fault"}  # fmt: skip
SIZES = tuple(NAMES)
ROW = {"seed", "digest", "hashes", "counts", "violations", "hits", "seconds", "cpu_s", "repeat", *SIZES}
SHRUNK_MOST = 3  # open seeds of many for which the fewest faults are looked for


@dataclass
class Tally:
    """What many worlds came to."""

    worlds: int = 0
    small: int = 0
    digests: dict[int, tuple[str, int]] = field(default_factory=dict)  # by seed, with its process's hash seed told
    open: dict[int, str] = field(default_factory=dict)  # seed: the command that repeats it
    violations: dict[int, list[str]] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)  # worlds in which a fault struck
    open_with: Counter[str] = field(default_factory=Counter)  # open seeds in which a fault struck
    broken: dict[str, list[int]] = field(default_factory=dict)  # invariant: seeds
    totals: Counter[str] = field(default_factory=Counter)
    fewest: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0

    def add(self, row: dict[str, Any]) -> None:
        """One line of a progress file."""
        self.worlds += 1
        self.small += not row["counts"]
        self.digests[row["seed"]] = (row["digest"], row["hashes"])
        for name, hits in row["hits"].items():
            self.hits[name] += hits
            self.held[name] += bool(hits)
            self.open_with[name] += bool(hits and row["violations"])
        for key in (*SIZES, "seconds"):
            self.totals[key] += row[key]
            self.fewest[key] = min(self.fewest.get(key, row[key]), row[key])
        self.cpu_s += row["cpu_s"]
        if row["violations"]:
            self.open[row["seed"]] = row["repeat"]
            self.violations[row["seed"]] = list(row["violations"])
            for key in row["violations"]:
                self.broken.setdefault(key.split()[0], []).append(row["seed"])

    @property
    def pace(self) -> float:
        """Worlds that count, a second of processor time."""
        return (self.worlds - self.small) / self.cpu_s if self.cpu_s else 0.0


def repeat_command(plan: Plan) -> str:
    """The one command that plays this world again."""
    minutes = f"{plan.seconds / 60:g}"
    return f"{COMMAND} --seed {plan.seed} --scenario {quote(plan.scenario)} --minutes {minutes} --faults {plan.text}"


def row_of(world: World, cpu_s: float) -> dict[str, Any]:
    """A world as one line of JSON."""
    return {
        "seed": world.plan.seed,
        "digest": world.digest,
        "hashes": hash("a word") & 0xFFFF_FFFF,
        "counts": world.counts,
        "violations": world.violations,
        "hits": dict(sorted(world.hits.items())),
        "markets": world.markets,
        "book_changes": world.book_changes,
        "deltas": world.deltas,
        "orders": world.orders,
        "fills": world.fills,
        "kinds": world.kinds,
        "seconds": round(world.seconds),
        "exit_code": world.exit_code,
        "cpu_s": round(cpu_s, 3),
        "repeat": repeat_command(world.plan),
    }


class Spins(KeyboardInterrupt):
    """A world that goes round without an await. Nothing on the way takes this one for an error it could live with."""


@contextmanager
def watched(seconds: float = REAL_S) -> Iterator[None]:
    """Spins is raised in what takes longer than this of the machine's time, and again until it ends."""

    def late(_number: int, _frame: Any) -> None:
        raise Spins(f"no end after {seconds:g} s of the machine's time")

    before = signal.signal(signal.SIGALRM, late)
    left = signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, before)


def play_watched(plan: Plan, trace: Trace | None = None, seconds: float = REAL_S) -> World:
    """Play a world; one that spins without end is stopped by the machine's own timer and is open."""
    try:
        with watched(seconds):
            return play(plan, trace)
    except Spins as spins:
        return World(plan, violations={"I16 hang": str(spins)}, digest="none")


def play_row(plan: Plan) -> dict[str, Any]:
    """Play a world in this process, as a line of a progress file."""
    begun = time.process_time()
    world = play_watched(plan)
    return row_of(world, time.process_time() - begun)


def shrunk(plan: Plan, kinds: Iterable[str]) -> Plan:
    """The plan with only those faults that are needed to go wrong in one of the same ways."""
    wanted = set(kinds)

    def fails(faults: tuple[Any, ...]) -> bool:
        found = play_watched(Plan(plan.seed, plan.scenario, plan.seconds, faults)).violations
        return bool(wanted & set(found))

    return Plan(plan.seed, plan.scenario, plan.seconds, shrink(plan.faults, fails))


# ---- many ---------------------------------------------------------------------------------------------------------


def _work(task: tuple[int, str, int]) -> dict[str, Any]:
    return play_row(draw(*task))


def read_progress(path: Path) -> Iterator[dict[str, Any]]:
    """The worlds a progress file holds; a line that was cut by a stop is passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and row.keys() >= ROW:
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
    """Play every seed that the progress file does not hold yet; `told` hears of each new one and may end it.

    A line of another plan (other seeds, another length, an older table of faults) is passed over.
    """
    tally = Tally()
    wanted = dict.fromkeys(seeds)
    for row in read_progress(progress) if progress else ():
        seed = row["seed"]
        if (
            seed in wanted
            and seed not in tally.digests
            and row["repeat"] == repeat_command(draw(seed, scenario, seconds))
        ):
            tally.add(row)
    tasks = [(seed, scenario, seconds) for seed in wanted if seed not in tally.digests]
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


def counted_a_second(steps: int = 2_000_000) -> int:
    """How fast this core counts, to hold a pace against: a plain loop's steps in a second of its time."""
    begun, total = time.process_time(), 0
    for step in range(steps):
        total += step
    return round(steps / (time.process_time() - begun))


def alike(tally: Tally, others: dict[int, tuple[str, int]]) -> tuple[list[int], str]:
    """(seeds that were played otherwise there or not at all, what to say of it)."""
    differing = [seed for seed, (digest, _hashes) in tally.digests.items() if others.get(seed, ("", 0))[0] != digest]
    elsewhere = sum(others[seed][1] != tally.digests[seed][1] for seed in tally.digests if seed in others)
    same = tally.worlds - len(differing)
    return differing, f"played alike: {same} of {tally.worlds}, {elsewhere} of them under another hash seed"


def summary(tally: Tally) -> list[str]:
    """The report in lines."""
    worlds = max(1, tally.worlds)
    shown = [f"{tally.totals[key] / worlds:.0f} {NAMES[key]} ({tally.fewest.get(key, 0)})" for key in SIZES]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lines = [
        f"worlds {tally.worlds}, large enough to count {tally.worlds - tally.small}, open seeds {len(tally.open)}",
        "a world, and the least of any: " + ", ".join(shown),
        f"virtual hours {tally.totals['seconds'] / 3600:.1f}, faults struck {sum(tally.hits.values())}, "
        f"names that struck {sum(1 for name in NAMED if tally.hits[name])} of {len(NAMED)}",
        f"{tally.pace:.2f} worlds a second of one core, which counts {counted_a_second() / 1e6:.1f} million steps of a "
        f"plain loop meanwhile; {peak} MiB at most in this process",
    ]
    for invariant, seeds in sorted(tally.broken.items()):
        lines.append(f"{invariant}: {len(seeds)} seeds, first {sorted(seeds)[:5]}")
    lines += [f"open: {command}" for _seed, command in sorted(tally.open.items())][:20]
    return lines
