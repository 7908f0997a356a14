"""What of the trader's picture tells that something went wrong, and that all is well again, as seen from a moment
before: the evidence for the fault lab's stopwatch.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.enums import TraderState
from core.trading.snapshot import TraderSnapshot

WORKING = frozenset({TraderState.READY, TraderState.ACTING})
ILL = frozenset({TraderState.ERROR, TraderState.LOW_CASH, TraderState.RECOVER_CASH, TraderState.SHUTDOWN})

# Figures that only rise, and what it means that one did.
COUNTED: tuple[tuple[str, Callable[[TraderSnapshot], int]], ...] = (
    ("gap in the stream", lambda s: s.counters.gaps),
    ("book read again", lambda s: s.counters.resyncs),
    ("stream connected anew", lambda s: s.counters.reconnects),
    ("frame refused", lambda s: s.counters.refused_frames),
    ("order rejected", lambda s: s.counters.rejected),
    ("call repeated", lambda s: s.feed.gauges.retries),
    ("limited by the exchange", lambda s: s.feed.gauges.limited),
)


def working(snapshot: TraderSnapshot) -> bool:
    return snapshot.state.state in WORKING


def _ill(snapshot: TraderSnapshot) -> dict[str, str]:
    return {one.name: one.status for one in snapshot.components if one.status != "healthy"}


def news(before: TraderSnapshot, now: TraderSnapshot) -> tuple[str, ...]:
    """What is worse or newly told since `before`, in words, most telling first; empty when nothing is."""
    found: list[str] = []
    if working(before) and not working(now):
        found.append(f"state {now.state.label or now.state.state.value}")
    if now.breaker.tripped and not before.breaker.tripped:
        found.append("breaker tripped")
    last = max((error.at for error in before.errors), default=0)
    told = [error.error for error in now.errors if error.at > last]
    found += [f"told: {told[0]}"] if told else []
    if now.counters.in_doubt > before.counters.in_doubt:
        found.append("order in doubt")
    if before.feed.stream_up and not now.feed.stream_up:
        found.append("stream down")
    if before.feed.rest_up and not now.feed.rest_up:
        found.append("trading connection down")
    found += [name for name, value in COUNTED if value(now) > value(before)]
    worse = [name for name, status in _ill(now).items() if _ill(before).get(name) != status]
    found += [f"{name} {_ill(now)[name]}" for name in worse]
    if now.feed.gauges.last_error != before.feed.gauges.last_error and now.feed.gauges.last_error:
        found.append(f"call failed: {now.feed.gauges.last_error}")
    return tuple(found)


def healthy(before: TraderSnapshot, now: TraderSnapshot) -> bool:
    """Well: working (or paused as `before`), the roads up, no new doubt, every book trusted, no component worse."""
    if not working(now) and now.state.state is not before.state.state:
        return False
    if now.state.state in ILL:
        return False
    if now.breaker.tripped and not before.breaker.tripped:
        return False
    roads = (now.feed.stream_up or not before.feed.stream_up) and (now.feed.rest_up or not before.feed.rest_up)
    doubt = now.counters.in_doubt > before.counters.in_doubt
    books = all(book.trusted for book in now.books)
    return roads and not doubt and books and _ill(now).items() <= _ill(before).items()
