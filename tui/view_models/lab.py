"""What the fault lab knows: each fault of the simulated exchange, whether it is on, and how the trader took it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One switching-on of a fault. Times are monotonic ns; None: not yet. `cleared_ns` is when the fault was off again
    or had struck as often as it should. `signs` are the words for what gave it away.
    """

    started_ns: int
    struck_ns: int | None = None
    detected_ns: int | None = None
    cleared_ns: int | None = None
    recovered_ns: int | None = None
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A fault as the exchange tells it, with our expectation and the last trial."""

    name: str
    place: str
    about: str
    expected: str
    on: bool = False
    once: bool = False
    strikes: int = 0
    trial: Trial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabView:
    """`missing` says why there is no lab; `trouble` is the last thing the control port refused or lost."""

    missing: str = "not asked yet"
    trouble: str = ""
    rows: tuple[FaultRow, ...] = ()
    read_ns: int | None = None
