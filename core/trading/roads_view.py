"""The parts of the snapshot about the roads to the exchange and this machine, and what every part is based on."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts."""


class LatencyView(Part, frozen=True, kw_only=True):
    """Round trips of one class of calls, in microseconds."""

    call: str
    replies: int
    p50_us: int
    p99_us: int


class ScreenGauges(Part, frozen=True, kw_only=True):
    """How the console keeps up: pictures a second, pictures left out, frames the terminal has not taken yet."""

    rate_hz: int
    left_out: int
    backlog: int


class GaugesView(Part, frozen=True, kw_only=True):
    """Readings of client and loop that are no part of the trader's state. `clock_offset_ms` is the exchange's clock
    less ours, None before the first reply; `last_error` names the last refused or failed call; `memory_kib` is what
    this process holds in memory, None where the system does not tell; `screen` is None without a console.
    """

    loop_lag_p50_us: int | None = None
    latency: tuple[LatencyView, ...] = ()
    limited: int = 0
    retries: int = 0
    last_error: str = ""
    clock_offset_ms: int | None = None
    memory_kib: int | None = None
    screen: ScreenGauges | None = None


class FeedView(Part, frozen=True, kw_only=True):
    """Freshness of the roads to the exchange: stream message age by `last_message_ns`, REST by `last_reply_ns`.
    `failed_writes` are the orders, changes and cancels of the breaker's shortest window that failed, as requests;
    `failed_write_ns` is the last of them.
    """

    stream_up: bool
    stream_epoch: int
    last_message_ns: int | None
    rest_up: bool
    last_reply_ns: int | None
    rest_latency_us: int | None
    read_tokens: int | None
    write_tokens: int | None
    loop_lag_p99_us: int | None
    gauges: GaugesView = GaugesView()
    failed_writes: int = 0
    failed_write_ns: int | None = None
