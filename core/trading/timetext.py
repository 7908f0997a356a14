"""Times and ages for people, from integers only, without a clock."""

from __future__ import annotations

NS = 1_000_000_000
DAY_S = 86_400


def clock_text(wall_ns: int) -> str:
    """`HH:MM:SS`, UTC."""
    seconds = wall_ns // NS % DAY_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def date_text(wall_ns: int) -> str:
    """`YYYY-MM-DD`, UTC; days to civil date by whole-number arithmetic."""
    z = wall_ns // NS // DAY_S + 719_468
    era = z // 146_097
    doe = z - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day = doy - (153 * mp + 2) // 5 + 1
    month = mp + 3 if mp < 10 else mp - 9
    return f"{yoe + era * 400 + (month <= 2):04d}-{month:02d}-{day:02d}"


def time_text(wall_ns: int) -> str:
    """ISO 8601 to the second, UTC: `2026-11-20T12:03:12Z`."""
    return f"{date_text(wall_ns)}T{clock_text(wall_ns)}Z"


def iso_text(wall_ns: int) -> str:
    """ISO 8601 to the microsecond, UTC."""
    return f"{date_text(wall_ns)}T{clock_text(wall_ns)}.{wall_ns // 1000 % 1_000_000:06d}Z"


def age_text(age_ns: int) -> str:
    """`0.4 s`, `45 s`, `3 m 12 s`, `5 h 01 m`, `2 d 3 h`."""
    age_ns = max(0, age_ns)
    seconds = age_ns // NS
    if seconds < 10:
        return f"{seconds}.{age_ns // 100_000_000 % 10} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < DAY_S:
        return f"{seconds // 3600} h {seconds // 60 % 60:02d} m"
    return f"{seconds // DAY_S} d {seconds // 3600 % 24} h"


def seconds_text(elapsed_ns: int | None) -> str:
    """` (0.8s)` behind an action, nothing when it had no duration."""
    if elapsed_ns is None:
        return ""
    tenths = elapsed_ns // 1_000_000
    return f" ({tenths // 1000}.{tenths % 1000:03d}s)"


def millis_text(micros: int) -> str:
    """`4.1 ms` of microseconds."""
    return f"{micros // 1000}.{micros // 100 % 10} ms"


def tenths_text(age_ns: int) -> str:
    """Seconds with one decimal, cut: `45.2`."""
    tenths = max(0, age_ns) // 100_000_000
    return f"{tenths // 10}.{tenths % 10}"
