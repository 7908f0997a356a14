"""The exchange's week in Eastern Time, computed from the rule for daylight saving: no time zone files are needed.

Every Thursday from 03:00 to 05:00 Eastern Time trading pauses for maintenance.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.sim.text import NS

THURSDAY, SUNDAY = 3, 6
STARTS, ENDS = 3, 5  # o'clock, Eastern
MARCH, NOVEMBER = 3, 11


def _sunday(year: int, month: int, which: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(SUNDAY - first.weekday()) % 7 + 7 * (which - 1))


def eastern_offset_hours(day: datetime) -> int:
    """Hours behind UTC at mid-day: four from the second Sunday of March to the first of November, else five."""
    summer = _sunday(day.year, MARCH, 2) <= day < _sunday(day.year, NOVEMBER, 1)
    return 4 if summer else 5


def next_maintenance(now_ns: int) -> tuple[int, int]:
    """The first window that ends after `now_ns`, as venue times."""
    now = datetime.fromtimestamp(now_ns // NS, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    while True:
        if day.weekday() == THURSDAY:
            midnight = day + timedelta(hours=eastern_offset_hours(day))
            end_ns = int((midnight + timedelta(hours=ENDS)).timestamp()) * NS
            if end_ns > now_ns:
                return int((midnight + timedelta(hours=STARTS)).timestamp()) * NS, end_ns
        day += timedelta(days=1)
