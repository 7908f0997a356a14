"""The rows of the fault catalogue that no world plays, each with the reason.

Sections: A requests, B races, C the line, D contents, E the exchange, F time, G process and disk, H people and screen,
J liquidation, K breaker, resources, settings. Every other row is a named fault.
"""

from __future__ import annotations

SECTIONS = {"A": 29, "B": 18, "C": 18, "D": 17, "E": 14, "F": 8, "G": 26, "H": 9, "J": 10, "K": 13}

_KILLED = "every step is killed at in a lane of its own, `docs/kills.md`"
_KILL = "the process of a world does not die and its disk keeps what was synced"
_START = "decided at the start, before a world begins"
_SCREEN = "a world has no screen"

APART: dict[str, tuple[str, str]] = {  # row: what happens, why not here
    "A2": ("the host's name is not found", "the line of a world has no names; played in tests/faults"),
    "A3": ("a certificate is not trusted", "the line of a world has no TLS; played in tests/faults"),
    "A16": ("409: this id exists", "the trader never sends an id twice; played in tests/faults by another sender"),
    "A27": ("a list's cursor runs in a circle", "no list of a world has a second page; played in tests/faults"),
    "C14": ("two lines at once", "part of C13-old-line: the old line stands while the new one begins"),
    "E12": ("the environment is wiped", "the auditor's truth would go with it; played in tests/sim"),
    "E13": (
        "history moves to the archive",
        "takes months; only the live tier is read, played nowhere",
    ),
    "E14": (
        "old and new fields contradict each other",
        "the exchange sends no old fields, and none is read",
    ),
    "F5": ("clocks change in New York", "every world begins on one January Monday; played nowhere"),
    "F6": (
        "the host's time zone is wrong",
        "nothing reads a zone, all times are UTC; house rules",
    ),
    "G1": ("killed before the intent is written", _KILLED),
    "G2": ("killed while it is written", _KILLED),
    "G3": ("killed before it is on disk", _KILLED),
    "G4": ("killed before it is sent", _KILLED),
    "G5": ("killed before the reply", _KILLED),
    "G6": ("killed before the reply's record", _KILLED),
    "G7": ("killed while it recovers", _KILLED),
    "G8": ("killed while the journal is packed", "the journal is never packed: it has no such step"),
    "G9": ("killed while it stops", _KILLED),
    "G10": ("power goes, unwritten bytes vanish", _KILL),
    "G11": ("a bit flips in the middle", _KILL),
    "G14": ("the log's disk is full", "a world keeps no log on disk"),
    "G15": ("the journal's folder is gone", _START),
    "G17": ("no memory, no descriptors", "limits of the machine; a world opens no descriptor"),
    "G18": ("signals", "a world gets none"),
    "G20": ("a second process", "refused by a lock before it runs, and a world has no lock"),
    "G21": ("a stale lock", "the lock is the kernel's, and a world has none"),
    "G23": ("a task is canceled while it sends", "tasks are canceled at the end only; unanswered sends are A5 to A11"),
    "G25": ("another account's journal", _START),
    "G26": ("an upgrade with orders open", _START),
    "H1": ("the terminal hangs up", _SCREEN),
    "H2": ("the terminal is gone", _SCREEN),
    "H3": ("the terminal stops reading", _SCREEN),
    "H4": ("a widget fails", _SCREEN),
    "H5": ("the terminal changes its size", _SCREEN),
    "H6": ("a flood of keys", _SCREEN),
    "H8": ("a question cannot be drawn", _SCREEN),
    "J7": ("killed while it sells", _KILLED),
    "J9": ("fees exceed the proceeds", "prices of five minutes stay away from the ends; played nowhere"),
    "K2": ("errors of many markets at once", "one or two markets are quoted: A13 and K1 strike in all that are"),
    "K3": ("an error inside the breaker", "code does not change while it runs; planted bugs do that"),
    "K5": ("a limit is lowered below what is held", "limits are read at the start only"),
    "K6": ("a limit that is none", _START),
    "K7": ("settings change on disk", "they are read at the start only"),
    "K8": ("the key of another environment", _START),
    "K10": ("caches grow over days", "takes days"),
    "K11": ("a flood of the log", "a world keeps no log on disk"),
    "K13": ("all at once, at random", "every world is that: six to eleven faults of its seed"),
}


def catalogue() -> tuple[str, ...]:
    """Every row there is, in order."""
    return tuple(f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1))
