"""What the harness tells the auditor besides: which faults are on, and what people wished."""

from __future__ import annotations

LONG_AGO = -(10**18)


class Faults:
    """Faults by name. `calm_ns` is when the last one ended; a lasting mark is what a fault leaves behind."""

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.calm_ns = LONG_AGO
        self.stood_ns = LONG_AGO  # when the machine last stood still
        self.slept_ns = LONG_AGO  # when it last stood for longer than a line may be silent
        self.line_on: set[str] = set()  # those that stand in the way of a cancel
        self.line_ns = LONG_AGO

    def begin(self, name: str, now_ns: int, *, line: bool) -> None:
        """`line`: it can keep a cancel from leaving or from being heard of."""
        self.on.add(name)
        self.calm_ns = now_ns
        if line:
            self.line_on.add(name)
            self.line_ns = now_ns

    def end(self, name: str, now_ns: int) -> None:
        self.on.discard(name)
        self.calm_ns = now_ns
        if name in self.line_on:
            self.line_on.discard(name)
            self.line_ns = now_ns

    def stood(self, now_ns: int, lasted_ns: int, silence_ns: int) -> None:
        """The machine stood still until now."""
        self.stood_ns = now_ns
        if lasted_ns >= silence_ns:
            self.slept_ns = now_ns

    def calm_for(self, now_ns: int) -> int:
        """Nanoseconds since anything was wrong; 0 while something is."""
        return 0 if self.on else now_ns - self.calm_ns


class Told:
    """Wishes of people by their name and time."""

    def __init__(self) -> None:
        self.wishes: dict[str, int] = {}

    def wish(self, name: str, now_ns: int) -> None:
        self.wishes[name] = now_ns

    def within(self, name: str, now_ns: int, ns: int) -> bool:
        return now_ns - self.wishes.get(name, LONG_AGO) <= ns
