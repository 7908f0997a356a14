"""All that happened, oldest first: activity and errors in one list, by kind, searched, each with its full record."""

from __future__ import annotations

from dataclasses import dataclass

from core.trading.snapshot import ActivityView, ErrorView
from tui.view_models.ages import age_text, clock_text, wall_age
from tui.view_models.cells import Line, Row, fit
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled

KINDS = ("all", "orders", "fills", "states", "commands", "markets", "warnings", "errors")

KIND = 15
_OF_KIND = {
    "orders": ("order", "denied"),
    "fills": ("fill", "correction"),
    "states": ("state", "calibration", "breaker", "service"),
    "commands": ("command",),
    "markets": ("market", "stream"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Either of the two."""

    key: str
    at: int
    grade: str
    kind: str
    text: str
    source: ActivityView | ErrorView


def entries(activity: tuple[ActivityView, ...], errors: tuple[ErrorView, ...]) -> tuple[Entry, ...]:
    """Both lists as one by time; the key of an entry holds still while older ones fall off."""
    found: list[Entry] = []
    seen: dict[str, int] = {}
    both: list[ActivityView | ErrorView] = [*activity, *errors]
    for source in sorted(both, key=lambda item: item.at):
        if isinstance(source, ErrorView):
            grade, kind = ("E" if source.severity == "error" else "W"), source.severity
            text = f"{source.error} {source.context}".strip()
        else:
            grade, kind, text = "i" if source.is_plain else "W", source.kind, source.text
        base = f"{source.at}{kind}{text}"
        seen[base] = seen.get(base, 0) + 1
        found.append(Entry(f"{base}#{seen[base]}", source.at, grade, kind, text, source))
    return tuple(found)


class _Kept:
    """The entries of the last picture: both lists are the same objects until something happens."""

    def __init__(self) -> None:
        self._from: tuple[object, object] = (None, None)
        self._entries: tuple[Entry, ...] = ()

    def __call__(self, activity: tuple[ActivityView, ...], errors: tuple[ErrorView, ...]) -> tuple[Entry, ...]:
        if self._from[0] is not activity or self._from[1] is not errors:
            self._from, self._entries = (activity, errors), entries(activity, errors)
        return self._entries


_kept_entries = _Kept()


def _kept(entry: Entry, wanted: str) -> bool:
    if wanted in _OF_KIND:
        return entry.kind.startswith(_OF_KIND[wanted])
    return wanted == "all" or entry.grade == "E" or (wanted == "warnings" and entry.grade == "W")


def activity_listing(look: Look) -> Listing:
    """The chosen kind; a recovered error says by what."""
    every = _kept_entries(look.snapshot.activity, look.snapshot.errors)
    shown = [e for e in every if _kept(e, look.filter) and look.wants(e.kind, e.text, _recovery(e), clock_text(e.at))]
    named = {entry.key: entry for entry in shown}
    worst = sum(1 for entry in every if entry.grade == "E")
    warned = sum(1 for entry in every if entry.grade == "W")
    age = age_text(wall_age(look.snapshot, look.frame.now_ns, every[-1].at)) if every else "-"
    empty: Line = (("nothing fits; esc clears" if every else "nothing yet", "dim"),)
    head: Line = ((f"{'TIME Z':<11}{'KIND':<{KIND + 1}}WHAT", "head"),)
    return Listing(
        title=titled("Activity", look, plain="all"),
        badge=f"{warned} W {worst} E · newest {age} ago · the last {len(every)}, the journal has all",
        head=(head,) if shown else (empty,),
        keys=tuple(named),
        row=lambda index: _row(shown[index]),
        record=lambda key: _record(named[key], look),
    )


def _recovery(entry: Entry) -> str:
    return entry.source.recovery if isinstance(entry.source, ErrorView) else ""


def _row(entry: Entry) -> Row:
    bad = {"E": "alarm", "W": "warn"}.get(entry.grade, "dim")
    source = entry.source
    tail: Line = ()
    if isinstance(source, ErrorView):
        tail = ((f" -> {source.recovery}", "ok"),) if source.recovery else ((" not recovered yet", "dim"),)
    else:
        spent = f" ({age_text(source.elapsed_ns)})" if source.elapsed_ns is not None else ""
        status = "" if source.is_plain else f" {source.status.upper()}"
        tail = ((spent, "dim"), (status, "warn"))
    line: Line = (
        (clock_text(entry.at) + " ", "dim"),
        (entry.grade, bad),
        (" ", ""),
        (fit(entry.kind, KIND) + " ", "own" if entry.kind == "fill" else "strong"),
        (entry.text, ""),
        *tail,
    )
    return Row(entry.key, line, f"{clock_text(entry.at)}Z {entry.grade} {entry.kind}: {entry.text} {_recovery(entry)}")


def _record(entry: Entry, look: Look) -> tuple[Line, ...]:
    source = entry.source
    age = age_text(wall_age(look.snapshot, look.frame.now_ns, entry.at))
    pairs = [("time", f"{clock_text(entry.at)}Z, {age} ago"), ("unix ns", str(entry.at)), ("kind", entry.kind)]
    if isinstance(source, ErrorView):
        pairs += [
            ("severity", source.severity),
            ("error", source.error),
            ("context", source.context or "-"),
            ("recovered by", source.recovery or "nothing yet"),
        ]
    else:
        spent = "-" if source.elapsed_ns is None else f"{source.elapsed_ns // 1_000_000} ms"
        pairs += [("text", source.text), ("status", source.status), ("took", spent)]
    return record_lines(pairs)
