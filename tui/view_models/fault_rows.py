"""The fault lab's rows: a switch, what is expected, and the stopwatch from strike to detection and recovery."""

from __future__ import annotations

from tui.view_models.ages import SECOND_NS, age_text
from tui.view_models.cells import UNKNOWN, Cell, Column, Line, Row, columns_for, table_head, table_line
from tui.view_models.lab import FaultRow, LabView, Trial
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled, wrapped
from tui.view_models.signs import working

COLUMNS = (
    Column("SWITCH", 6, right=False),
    Column("FAULT", 18, right=False),
    Column("STRUCK", 6, room=90),
    Column("SEEN", 8),
    Column("WELL", 8),
    Column("EXPECTED", 0, right=False),
    Column("SEEN BY", 44, right=False, room=170),
)


def seconds(span_ns: int | None) -> str:
    """`0.4s`, to a tenth: the stopwatch looks ten times a second."""
    if span_ns is None:
        return UNKNOWN
    tenths = max(span_ns, 0) // (SECOND_NS // 10)
    if not tenths:
        return "<0.1s"
    return f"{tenths // 10}.{tenths % 10}s"


def seen_after(trial: Trial | None) -> int | None:
    """From the strike, or from the switch where it cannot be seen striking, to detection."""
    if trial is None or trial.detected_ns is None:
        return None
    return trial.detected_ns - (trial.struck_ns if trial.struck_ns is not None else trial.started_ns)


def well_after(trial: Trial | None) -> int | None:
    """From the end of the fault to a trader as well as before."""
    if trial is None or trial.recovered_ns is None or trial.cleared_ns is None or trial.detected_ns is None:
        return None
    return trial.recovered_ns - trial.cleared_ns


def _watch(row: FaultRow, look: Look) -> tuple[Cell, Cell]:
    """The two stopwatch cells; a running one counts."""
    trial, now_ns = row.trial, look.frame.now_ns
    if trial is None:
        return ("", "dim"), ("", "dim")
    struck = trial.struck_ns is not None
    if trial.detected_ns is not None:
        seen: Cell = (seconds(seen_after(trial)), "ok")
    elif trial.recovered_ns is not None:
        seen = ("no sign" if struck else "no hit", "dim")
    else:
        seen = (f"{age_text(now_ns - (trial.struck_ns or trial.started_ns))}…", "own" if struck else "dim")
    if trial.recovered_ns is not None:
        return seen, (seconds(well_after(trial)) if trial.detected_ns is not None else "", "ok")
    if trial.cleared_ns is None:
        return seen, ("while on", "dim")
    return seen, (f"{age_text(now_ns - trial.cleared_ns)}…", "own")


def lab_listing(look: Look) -> Listing:
    """Each fault as a switch; outside of paper mode only why there is none."""
    lab = look.outside.lab()
    if lab.missing:
        return Listing(
            title=titled("Fault lab", look),
            badge="not here" if lab.missing else "",
            head=((("no fault lab: " + lab.missing, "warn"),), *_trouble(lab)),
        )
    columns = columns_for(COLUMNS, look.width)
    on = sum(1 for row in lab.rows if row.on)
    age = age_text(None if lab.read_ns is None else look.frame.now_ns - lab.read_ns)
    named = {row.name: row for row in lab.rows}
    return Listing(
        title=titled("Fault lab", look),
        badge=f"{on} ON · switches read {age} ago" if on else f"all off · switches read {age} ago",
        head=(*_trouble(lab), *_unwell(look), table_head(columns)),
        keys=tuple(named),
        row=lambda index: _row(lab.rows[index], look, columns),
        foot=_foot(named.get(look.pick or ""), look.width),
        record=lambda key: _record(named[key]),
    )


def _trouble(lab: LabView) -> tuple[Line, ...]:
    return ((("refused: " + lab.trouble, "alarm"),),) if lab.trouble else ()


def _unwell(look: Look) -> tuple[Line, ...]:
    """A trial that begins in trouble tells little."""
    snapshot = look.snapshot
    if working(snapshot) and not snapshot.breaker.tripped:
        return ()
    word = "its breaker is tripped" if snapshot.breaker.tripped else f"it is in {snapshot.state.label}"
    return (((f"the trader is not well now ({word}): a trial that begins here tells little", "warn"),),)


def _foot(row: FaultRow | None, width: int) -> tuple[Line, ...]:
    """What the columns mean, or all that is expected of the selected fault; always as many lines."""
    if row is None:
        texts = (
            "SEEN: from strike to the first sign in the trader.",
            "WELL: from the fault's end until all is as before.",
        )
        return (*(((text, "dim"),) for text in texts), ())
    by = ", ".join(row.trial.signs) if row.trial is not None else ""
    expected = wrapped(f"expected: {row.expected}", width)[:2]
    lines: list[Line] = [((text, ""),) for text in (*expected, "")[:2]]
    return (*lines, ((f"seen by: {by or '-'}", "dim"),))


def _row(row: FaultRow, look: Look, columns: list[tuple[int, Column]]) -> Row:
    seen, well = _watch(row, look)
    state: Cell = ("off", "dim")
    if row.on:
        state = ("ONCE" if row.once else " ON ", "alarm")
    by = ", ".join(row.trial.signs) if row.trial is not None else ""
    cells: list[Cell] = [
        state,
        (row.name, "strong" if row.on else ""),
        (str(row.strikes) if row.strikes else "", ""),
        seen,
        well,
        (row.expected, "dim"),
        (by, "dim"),
    ]
    copy = f"{row.name} {state[0].strip()} struck={row.strikes} seen={seen[0]} well={well[0]} by={by}"
    return Row(row.name, table_line(columns, cells), copy)


def _record(row: FaultRow) -> tuple[Line, ...]:
    trial = row.trial
    pairs = [
        ("fault", row.name),
        ("does", row.about),
        ("strikes at", row.place),
        ("expected", row.expected),
        ("switch", "on, once" if row.on and row.once else "on" if row.on else "off"),
        ("struck", f"{row.strikes} times since the exchange started"),
    ]
    if trial is not None:
        struck = "not yet" if trial.struck_ns is None else f"{seconds(trial.struck_ns - trial.started_ns)} after switch"
        pairs += [
            ("last trial", struck),
            ("seen after", seconds(seen_after(trial))),
            ("seen by", ", ".join(trial.signs) or "nothing"),
            ("well after its end", seconds(well_after(trial))),
        ]
    return record_lines(pairs)
