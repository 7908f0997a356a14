"""This process as others on the machine see it: no core dump, and nobody of the same user reads its memory.

The private key lives in memory; a dump or a debugger would take it along.
"""

from __future__ import annotations

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def seal_process() -> None:
    """For the life of the process, as far as the system can: dumps are off everywhere, the rest on Linux."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
