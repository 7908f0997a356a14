"""Activity and errors in one list by time, newest last."""

from __future__ import annotations

from collections.abc import Sequence

from core.trading.snapshot import ActivityView, ErrorView
from tui.view_models.ages import age_text, clock_text, wall_age
from tui.view_models.cells import Block, Line, Row, fit
from tui.view_models.tables import filtered
from tui.view_models.view_state import Frame

_WORST = {"all": 0, "warnings": 1, "errors": 2}


def log_block(frame: Frame) -> Block:
    """Rows of the chosen level and above; an error says what recovered it."""
    snapshot = frame.snapshot
    least = _WORST[frame.view.log_level]
    entries: list[tuple[int, str, Line, str]] = []
    for error, times in folded(snapshot.errors):
        if (2 if error.severity == "error" else 1) >= least:
            line = _error_line(error, f" {frame.symbols.times}{times}" if times > 1 else "")
            entries.append((error.at, "e", line, f"{error.error}: {error.context} {error.recovery}"))
    for activity in snapshot.activity:
        grade = 0 if activity.is_plain else 1
        if grade >= least:
            entries.append((activity.at, "a", _activity_line(activity), f"{activity.kind}: {activity.text}"))
    entries.sort(key=lambda entry: entry[0])
    seen: dict[str, int] = {}
    rows: list[Row] = []
    for at, kind, line, text in entries:
        base = f"{at}{kind}{text}"
        seen[base] = seen.get(base, 0) + 1
        rows.append(Row(key=f"{base}#{seen[base]}", line=line, copy=f"{clock_text(at)} {text}"))
    shown, hidden = filtered(tuple(rows), frame, "log")
    errors = sum(1 for error in snapshot.errors if error.severity == "error")
    warnings = len(snapshot.errors) - errors
    warnings += sum(1 for activity in snapshot.activity if not activity.is_plain)
    age = age_text(wall_age(snapshot, frame.now_ns, entries[-1][0])) if entries else ""
    parts = [frame.view.log_level] if least else []
    parts += [f"{warnings} W {errors} E"] if warnings + errors else []
    parts += [f"/{frame.view.filter_of('log')} hides {hidden}"] if frame.view.filter_of("log") else []
    parts += [f"newest {age}"] if age else []
    return Block(
        title=(("5 Log", ""),),
        badge=" · ".join(parts),
        head=() if shown else ((("nothing yet", "dim"),),),
        rows=shown,
    )


def folded(errors: Sequence[ErrorView]) -> list[tuple[ErrorView, int]]:
    """The same error again and again as its newest and how often it came, so that it does not wash the others out."""
    found: list[tuple[ErrorView, int]] = []
    for error in errors:
        last, times = found[-1] if found else (None, 0)
        if last is not None and (last.error, last.recovery) == (error.error, error.recovery):
            found[-1] = (error, times + 1)
        else:
            found.append((error, 1))
    return found


def _activity_line(activity: ActivityView) -> Line:
    kind = fit(activity.kind, max(len(activity.kind), 7))
    tail = f" ({age_text(activity.elapsed_ns)})" if activity.elapsed_ns is not None else ""
    bad = not activity.is_plain
    status = f" {activity.status.upper()}" if bad else ""
    role = "own" if activity.kind.startswith("fill") else ""
    return (
        (clock_text(activity.at), "dim"),
        (" i ", "dim") if not bad else (" W ", "warn"),
        (kind + " ", role or "strong"),
        (activity.text, ""),
        (tail, "dim"),
        (status, "warn"),
    )


def _error_line(error: ErrorView, times: str = "") -> Line:
    serious = error.severity == "error"
    role = "alarm" if serious else "warn"
    recovery: Line = ((f" -> {error.recovery}", "ok"),) if error.recovery else ()
    return (
        (clock_text(error.at), "dim"),
        (" ", ""),
        ("E" if serious else "W", role),
        (" ", ""),
        (error.error, "warn" if not serious else "strong"),
        (times, "strong"),
        (f" {error.context}" if error.context else "", ""),
        *recovery,
    )
