"""What all procedures share: a name, a rank, and `advance(desk)`, called at every beat until it gives an outcome.

A procedure keeps only its own step; what it needs to know it looks up on the desk each time, so it goes on rightly
after anything that happened in between. The engine owns at most one; a higher rank takes the place of a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from core.trading.desk import Desk

NS = 1_000_000_000


class Rank(IntEnum):
    """Order of precedence."""

    CALIBRATE = 1
    RECOVER = 2
    LIQUIDATE = 3
    STOP = 4
    PANIC = 5


@dataclass(frozen=True, slots=True)
class Done:
    """How a procedure ended. `retry` asks the engine to treat a failure as an error state, not as a final word."""

    ok: bool
    outcome: str


class Procedure(Protocol):
    """One resumable plan."""

    name: str
    rank: Rank

    def advance(self, desk: Desk) -> Done | None:
        """Do what can be done now; None while there is more to wait for."""
        ...
