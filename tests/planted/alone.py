"""Every fault of the table alone in a short world, until one is open: `python -m tests.planted.alone`."""

from __future__ import annotations

import json

from core.lab.named import NAMED
from core.lab.plan import Plan, Planned
from core.lab.worlds import play_watched

AT_S, QUIET_S, SEED = 25.0, 80.0, 1


def alone(name: str, seed: int = SEED) -> Plan:
    """The short world of a fault."""
    lasts = NAMED[name].high_s
    return Plan(seed, "slow", round(AT_S + lasts + QUIET_S), (Planned(name, AT_S, lasts),))


def main() -> None:
    """Print how many worlds were played, and what was violated in the last, if anything."""
    for number, name in enumerate(NAMED, 1):
        violations = play_watched(alone(name)).violations
        if violations:
            print(json.dumps({"worlds": number, "fault": name, "violations": sorted(violations)}))
            return
    print(json.dumps({"worlds": len(NAMED), "fault": "", "violations": []}))


if __name__ == "__main__":
    main()
