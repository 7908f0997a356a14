"""A world's plan: which faults come when, drawn from the seed or written down, and read back from one line of text.

`NAME@35+8` is a fault that comes at second 35 and stays for 8. The same text gives the same world.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from core.domain.errors import BadInput
from core.lab.named import NAMED

FIRST_S = 20
QUIET_S = 85
LATE_S = 90  # what ends a market comes in the last part of the time of faults
FOR_GOOD_S = 15  # and what ends all trading at its end
FEWEST, MOST = 6, 11
MOST_S = 86_400  # no world is longer
_ENTRY = re.compile(r"([A-Z0-9][\w-]*)(?:@(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?)?")


@dataclass(frozen=True)
class Planned:
    """One fault of a world."""

    name: str
    at_s: float
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.name}@{self.at_s:.10g}+{self.lasts_s:.10g}"

    @property
    def end_s(self) -> float:
        return self.at_s + self.lasts_s


@dataclass(frozen=True)
class Plan:
    """One world."""

    seed: int
    scenario: str
    seconds: int
    faults: tuple[Planned, ...]

    @property
    def text(self) -> str:
        return ",".join(map(str, self.faults)) or "none"


def draw(seed: int, scenario: str, seconds: int) -> Plan:
    """The plan of a seed: some faults of the table, at times of their own; none in the quiet at the end."""
    chance = Random(f"plan:{seed}")
    last = seconds - QUIET_S
    names = chance.sample(sorted(NAMED), chance.randint(FEWEST, MOST))
    found: list[Planned] = []
    for name in names:
        kind = NAMED[name]
        lasts = round(chance.uniform(kind.low_s, kind.high_s), 1)
        high = last - lasts
        low = max(FIRST_S, last - LATE_S if kind.late else 0, high - FOR_GOOD_S if kind.for_good else 0)
        if high > low:
            found.append(Planned(name, round(chance.uniform(low, high), 1), lasts))
    return Plan(seed, scenario, seconds, _apart(found))


def _apart(faults: list[Planned]) -> tuple[Planned, ...]:
    """In order of time; of two that use the same switch at once the later is left out."""
    kept: list[Planned] = []
    for fault in sorted(faults, key=lambda f: (f.at_s, f.name)):
        busy = {NAMED[k.name].hit for k in kept if k.end_s + 0.5 > fault.at_s}
        if not (NAMED[fault.name].hit and NAMED[fault.name].hit in busy):
            kept.append(fault)
    return tuple(kept)


def read_faults(text: str, seconds: int) -> tuple[Planned, ...]:
    """Faults as written: `none`, or names with times; a name alone comes a third into the world. BadInput else."""
    if text.strip() in ("", "none"):
        return ()
    found = []
    for word in text.split(","):
        match = _ENTRY.fullmatch(word.strip())
        name = re.split("[@+]", word.strip())[0]
        if name not in NAMED:
            raise BadInput(f"--faults: {name!r} is no fault of a world; `kalshi-trader world --list` names them")
        if match is None:
            raise BadInput(f"--faults: {word.strip()!r} has no time that can be read; write NAME@second+seconds")
        kind = NAMED[name]
        at = float(match[2]) if match[2] else float(seconds // 3)
        if at >= seconds:
            raise BadInput(f"--faults: {word.strip()!r} comes after the end; this world lasts {seconds} s")
        lasts = float(match[3]) if match[3] else kind.high_s
        if lasts > MOST_S:
            raise BadInput(f"--faults: {word.strip()!r} lasts longer than any world, {MOST_S} s")
        found.append(Planned(name, at, lasts))
    return tuple(sorted(found, key=lambda f: (f.at_s, f.name)))
