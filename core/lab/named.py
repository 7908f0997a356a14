"""The faults of worlds by name: each plays one row of the fault catalogue, names its invariants, and counts.

A name begins with its row. `line`: while it is on a cancel may be unable to leave. `late`: it may end trading for good,
so it comes late in a world. What happens is a list of steps; what is on at the end of its time is taken off again.
"""

from __future__ import annotations

from core.lab.named_wire import ON_THE_WIRE
from core.lab.named_world import IN_THE_WORLD
from core.lab.steps import Named

NAMED: dict[str, Named] = dict(
    sorted((ON_THE_WIRE | IN_THE_WORLD).items(), key=lambda item: (item[1].row[0], int(item[1].row[1:]), item[0]))
)
