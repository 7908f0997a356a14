"""Round-trip times of the last calls of each class, and counters; what the status panel shows of the client."""

from __future__ import annotations

from collections import deque

import msgspec

from core.exchange.budget import CallClass

RING = 512


class CallLatency(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one class of calls in microseconds, over the last `RING` replies."""

    call: CallClass
    replies: int
    p50_us: int
    p99_us: int


class ClientStats(msgspec.Struct, frozen=True, kw_only=True):
    """The REST client as it stands. `skew_ms`: exchange clock minus ours, to a second, None before the first reply."""

    latency: tuple[CallLatency, ...]
    read_tokens: int
    write_tokens: int
    refused_bodies: int
    limited: int
    retries: int
    unknown_outcomes: int
    not_sent: int
    last_error: str
    skew_ms: int | None


class Latencies:
    """Rings of times, one a class."""

    def __init__(self) -> None:
        self._rings: dict[CallClass, deque[int]] = {}
        self._replies: dict[CallClass, int] = {}

    def add(self, call: CallClass, elapsed_ns: int) -> None:
        self._rings.setdefault(call, deque(maxlen=RING)).append(elapsed_ns)
        self._replies[call] = self._replies.get(call, 0) + 1

    def shown(self) -> tuple[CallLatency, ...]:
        """Sorted by class; only classes that had a reply."""
        rows = []
        for call in CallClass:
            ring = self._rings.get(call)
            if ring:
                ordered = sorted(ring)
                rows.append(
                    CallLatency(
                        call=call,
                        replies=self._replies[call],
                        p50_us=ordered[(len(ordered) - 1) // 2] // 1_000,
                        p99_us=ordered[(len(ordered) * 99 + 99) // 100 - 1] // 1_000,
                    )
                )
        return tuple(rows)
