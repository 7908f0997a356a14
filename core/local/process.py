"""This process: no core dump, nobody of the same user reads its memory, and no long look for garbage while it trades.

The private key lives in memory; a dump or a debugger would take it along.
"""

from __future__ import annotations

import ctypes
import gc
import resource
import sys

PR_SET_DUMPABLE = 4
SELDOM = (100_000, 20, 50)


def seal_process() -> None:
    """For the life of the process, as far as the system can: dumps are off everywhere, the rest on Linux."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def calm_collector() -> None:
    """For a process that is a trader or an exchange and nothing else: what is there stays, and garbage is looked for
    seldom. What comes is kept and holds no rings, so that looking through it again and again finds nothing, and takes a
    twentieth of a second each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)
