"""Scenarios: how the markets behave, what happens when, which faults come on, and what the first account starts with.

By name from the table below, or from a TOML file that may build on a name. A file is read strictly: an unknown key, a
wrong type or a value out of range is refused with its line and key.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from core.domain.amounts import Money, dollars
from core.sim.faults import FaultError, check_fault
from core.sim.people import Style
from core.sim.stream_limits import MOST_STREAM_COMMANDS, MOST_STREAM_MARKETS

NEVER = 10**9  # seconds


class BadScenario(ValueError):
    """A scenario that cannot be played; the text names file, line and key."""


class Furniture(msgspec.Struct, kw_only=True, frozen=True):
    """What the first account holds when the doors open. `balance` is what it may spend."""

    balance: Money
    positions: int = 0
    orders: int = 0


class Happening(msgspec.Struct, kw_only=True, frozen=True):
    """Something done to the exchange `after` seconds. `rank` names a market by how busy it is, 0 the busiest."""

    after: int
    act: str
    rank: int = 0
    by: int = 0  # ten-thousandths of a dollar
    lasts: int = 0  # seconds; 0: for good
    result: str = "yes"


class Planned(msgspec.Struct, kw_only=True, frozen=True):
    """A fault that comes on by itself."""

    after: int
    name: str
    lasts: int = 0
    params: dict[str, Any] = {}


class Scenario(msgspec.Struct, kw_only=True, frozen=True):
    name: str = "calm"
    markets: int = 1  # at least so many
    style: Style = Style()
    account: Furniture | None = None
    closes_in: int = 0  # seconds until the first events close; 0: at their own time
    determined_after: int = 300  # seconds from close to determination
    timer: int = 1800  # seconds from determination to payment
    archive_after: int = 90 * 86_400  # seconds until what is done moves to the archive
    maintenance: bool = False  # keep the Thursday window
    stream_markets: int = MOST_STREAM_MARKETS  # market subscriptions of one connection
    stream_commands: int = MOST_STREAM_COMMANDS  # a second, of one connection
    rolls: bool = True  # a new event takes the place of one that closed
    happenings: tuple[Happening, ...] = ()
    faults: tuple[Planned, ...] = ()


def _at(after: int, act: str, **more: Any) -> Happening:
    return Happening(after=after, act=act, **more)


_NEWS = tuple(
    _at(20 + 25 * n, "jump", rank=n % 4, by=by) for n, by in enumerate((1_800, -2_200, 1_500, 2_500, -1_600, -2_000))
)
_LARGE = Furniture(balance=Money(5_012_000_000), positions=180, orders=100)
SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario(),
        Scenario(name="news-jump", style=Style(jumps=300, informed=3), happenings=_NEWS),
        # Few turns that move much: minutes of it are played in a moment, for worlds by the thousand.
        Scenario(name="slow", style=Style(pace=3, volatility=400, noise=3)),
        Scenario(name="thin", style=Style(depth=8, spread=250, pace=30, momentum=0, sweeper=0)),
        Scenario(
            name="one-sided",
            style=Style(bias=80),
            happenings=tuple(_at(15, "one-sided", rank=rank, by=1 if rank % 2 else -1) for rank in range(4)),
        ),
        Scenario(
            name="settlement-day",
            closes_in=60,
            determined_after=20,
            timer=30,
            happenings=(_at(90, "dispute", rank=1), _at(120, "amend", rank=1, result="no")),
        ),
        # A long day: slow, events that close every two hours and are paid, the window of maintenance.
        Scenario(
            name="day",
            style=Style(pace=8, volatility=350),
            closes_in=7_200,
            determined_after=600,
            timer=1_200,
            maintenance=True,
        ),
        Scenario(name="maintenance", happenings=(_at(30, "pause-trading", lasts=60),), maintenance=True),
        Scenario(
            name="flash",
            style=Style(sweeper=4),
            happenings=tuple(_at(30 + 40 * n, "flash", rank=n % 4, by=(-1) ** n) for n in range(6)),
        ),
        Scenario(name="large-account", markets=200, account=_LARGE),
        Scenario(
            name="large-account-x10",
            markets=1_900,
            account=Furniture(balance=Money(10 * _LARGE.balance), positions=1_800, orders=1_000),
        ),
    )
}
ACTS = (
    "jump", "halt", "close", "determine", "dispute", "amend", "settle", "pause-trading", "pause-exchange",
    "one-sided", "empty", "flash", "burst", "renew", "web-order", "deposit", "free-fees", "hit", "self-trade", "bust",
    "wipe", "grid", "words",
)  # fmt: skip
_TOP = (
    "base", "markets", "closes_in", "determined_after", "timer", "archive_after", "maintenance", "rolls",
    "stream_markets", "stream_commands",
)  # fmt: skip
_LISTS = ("at", "fault")


def scenario_of(wanted: str) -> Scenario:
    """A scenario by name, or from a file where the text names one; `BadScenario` otherwise."""
    if wanted in SCENARIOS:
        return SCENARIOS[wanted]
    path = Path(wanted)
    if path.suffix != ".toml" and "/" not in wanted:
        raise BadScenario(f"unknown scenario {wanted!r}; one of {', '.join(SCENARIOS)}, or a .toml file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path}: cannot be read ({error})") from None
    return read_scenario(text, str(path))


def read_scenario(text: str, where: str) -> Scenario:
    """A scenario out of TOML; `BadScenario` naming line and key for anything that is not one."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadScenario(f"{where}: {error}") from None
    except (RecursionError, ValueError):
        raise BadScenario(f"{where}: not a scenario this program can read") from None
    return _Reader(text, where).scenario(found)


class _Reader:
    """One file. Every refusal goes through `_bad`, which finds the line."""

    def __init__(self, text: str, where: str) -> None:
        self._lines = text.splitlines()
        self._where = where

    def scenario(self, found: dict[str, Any]) -> Scenario:
        for key in found:
            if key not in (*_TOP, *_LISTS, "style", "account"):
                raise self._bad("", 0, key, "unknown key")
        base = found.get("base", "calm")
        if not isinstance(base, str) or base not in SCENARIOS:
            raise self._bad("", 0, "base", f"unknown scenario; one of {', '.join(SCENARIOS)}")
        made = SCENARIOS[base]
        changes: dict[str, Any] = {"name": self._where}
        for key in _TOP[1:]:
            if key in found:
                kind = type(getattr(made, key))
                changes[key] = self._typed("", 0, key, found[key], kind)
        changes["style"] = self._style(made.style, self._table(found, "style"))
        if "account" in found:
            changes["account"] = self._account(self._table(found, "account"))
        happenings = [self._happening(n, row) for n, row in enumerate(self._rows(found, "at"))]
        faults = [self._fault(n, row) for n, row in enumerate(self._rows(found, "fault"))]
        changes["happenings"] = (*made.happenings, *happenings)
        changes["faults"] = (*made.faults, *faults)
        return msgspec.structs.replace(made, **changes)

    def _style(self, made: Style, table: dict[str, Any]) -> Style:
        changes = {}
        for key, value in table.items():
            if key not in Style.__struct_fields__:
                raise self._bad("style", 0, key, "unknown key")
            low = -100 if key == "bias" else (1 if key in ("pace", "depth", "spread") else 0)
            changes[key] = self._typed("style", 0, key, value, int, low, 100 if key == "bias" else 10_000)
        return msgspec.structs.replace(made, **changes)

    def _account(self, table: dict[str, Any]) -> Furniture:
        for key in table:
            if key not in Furniture.__struct_fields__:
                raise self._bad("account", 0, key, "unknown key")
        whole = self._typed("account", 0, "balance", table.get("balance", 1_000), int, 0, 1_000_000)
        counts = {
            key: self._typed("account", 0, key, table.get(key, 0), int, 0, 10_000) for key in ("positions", "orders")
        }
        return Furniture(balance=dollars(whole), **counts)

    def _happening(self, number: int, row: dict[str, Any]) -> Happening:
        for key in row:
            if key not in Happening.__struct_fields__:
                raise self._bad("at", number, key, "unknown key")
        if row.get("act") not in ACTS:
            raise self._bad("at", number, "act", f"one of {', '.join(ACTS)} is needed")
        if row.get("result", "yes") not in ("yes", "no"):
            raise self._bad("at", number, "result", "yes or no is needed")
        bounds = {"after": (0, NEVER), "rank": (0, 9_999), "by": (-(10**9), 10**9), "lasts": (0, NEVER)}
        numbers = {
            key: self._typed("at", number, key, row.get(key, 0), int, low, high) for key, (low, high) in bounds.items()
        }
        return Happening(act=row["act"], result=row.get("result", "yes"), **numbers)

    def _fault(self, number: int, row: dict[str, Any]) -> Planned:
        times = {key: self._typed("fault", number, key, row.get(key, 0), int, 0, NEVER) for key in ("after", "lasts")}
        params = {key: value for key, value in row.items() if key not in ("after", "lasts", "name")}
        name = row.get("name", "")
        try:
            check_fault(name, params)
        except FaultError as error:
            raise self._bad("fault", number, error.key, str(error)) from None
        return Planned(name=name, params=params, **times)

    def _table(self, found: dict[str, Any], key: str) -> dict[str, Any]:
        value = found.get(key, {})
        if not isinstance(value, dict):
            raise self._bad("", 0, key, "a table is needed")
        return value

    def _rows(self, found: dict[str, Any], key: str) -> list[dict[str, Any]]:
        value = found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self._bad("", 0, key, f"[[{key}]] tables are needed")
        return value

    def _typed(
        self, section: str, number: int, key: str, value: Any, kind: type, low: int = 0, high: int = NEVER
    ) -> Any:
        if type(value) is not kind:
            raise self._bad(section, number, key, "true or false is needed" if kind is bool else "a number is needed")
        if isinstance(value, int) and kind is int and not low <= value <= high:
            raise self._bad(section, number, key, f"{value} is not between {low} and {high}")
        return value

    def _bad(self, section: str, number: int, key: str, why: str) -> BadScenario:
        name = f"{section}.{key}" if section else key
        return BadScenario(f"{self._where}, line {self._line(section, number, key)}, {name}: {why}")

    def _line(self, section: str, number: int, key: str) -> int:
        """Where the key stands; where it is missing, the head of its table."""
        here, seen, head = "", -1, 1
        for at, line in enumerate(self._lines, 1):
            opened = re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?", line)
            if opened:
                here = opened[1]
                seen += here == section
                head = at if here == section and seen == number else head
                if not section and here == key:
                    return at
            elif here == section and (section not in _LISTS or seen == number) and _sets(line, key):
                return at
        return head


def _sets(line: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line) is not None
