"""Health: every component with its age, the roads to the exchange, latencies, budgets, memory, the screen itself."""

from __future__ import annotations

from core.trading.snapshot import ComponentView, GaugesView, LatencyView
from tui.view_models.ages import age_text, rest_stale, span_text, stream_word, wall_now
from tui.view_models.cells import UNKNOWN, Line, Row, fit, number, spread
from tui.view_models.header import failed_writes, offset_text
from tui.view_models.listing import Listing
from tui.view_models.look import Look, ScreenGauges, titled

NAME = 26


def micros(value: int | None) -> str:
    """`0.4 ms`, `41 ms`, `1.20 s`."""
    if value is None:
        return UNKNOWN
    if value >= 1_000_000:
        return f"{value // 1_000_000}.{value // 10_000 % 100:02d} s"
    return f"{value // 1000} ms" if value >= 10_000 else f"{value // 1000}.{value // 100 % 10} ms"


def _pair(name: str, text: str, role: str = "") -> Line:
    return ((fit(name, NAME), "dim"), (text, role))


def _component(one: ComponentView, look: Look) -> Line:
    symbols = look.frame.symbols
    sign, role = {
        "healthy": (symbols.done, "ok"), "degraded": (symbols.running, "warn"),
    }.get(one.status, (symbols.failed, "alarm"))  # fmt: skip
    age = age_text(None if one.last_ns is None else look.frame.now_ns - one.last_ns)
    left: Line = ((f"{sign} ", role), (fit(one.name, NAME), ""), (fit(one.status, 10), role), (one.detail, "dim"))
    return spread(left, ((f"last sign {age}", "dim"),), look.width)


def _latency(row: LatencyView) -> Line:
    return (
        (fit(row.call, NAME), "dim"),
        (number(micros(row.p50_us), 10), ""),
        (number(micros(row.p99_us), 12), "warn" if row.p99_us > 1_000_000 else ""),
        (number(str(row.replies), 10), "dim"),
    )


def _roads(look: Look) -> list[Line]:
    feed, now_ns, counters = look.snapshot.feed, look.frame.now_ns, look.snapshot.counters
    heard = age_text(None if feed.last_message_ns is None else now_ns - feed.last_message_ns)
    replied = age_text(None if feed.last_reply_ns is None else now_ns - feed.last_reply_ns)
    stream = stream_word(feed, now_ns) or "up"
    rest = "DOWN" if not feed.rest_up else "STALE" if rest_stale(feed, now_ns) else "up"
    roles = {"DOWN": "alarm", "STALE": "stale", "quiet": "warn", "up": "ok"}
    failed = failed_writes(look.snapshot, now_ns)
    return [
        (*_pair("stream", stream, roles[stream]), (f", last message {heard}, connection {feed.stream_epoch}", "")),
        _pair("stream gaps", f"{counters.gaps} gaps, {counters.resyncs} books read again, {counters.reconnects} "
                             f"reconnects, {counters.refused_frames} frames refused"),
        (*_pair("trading connection", rest, roles[rest]), (f", last reply {replied}", "")),
        _pair("orders and cancels", f"{failed} ago" if failed else "none failed of late",
              "alarm" if failed else ""),
    ]  # fmt: skip


def _calls(gauges: GaugesView) -> list[Line]:
    lines: list[Line] = [((f"{'CALLS':<{NAME}}{'p50':>10}{'p99':>12}{'replies':>10}", "head"),)]
    lines += [_latency(row) for row in gauges.latency]
    if not gauges.latency:
        lines.append((("no reply yet", "dim"),))
    limited = f"{gauges.limited} times limited, {gauges.retries} calls repeated"
    lines.append(_pair("refusals", limited, "warn" if gauges.limited else ""))
    lines.append(_pair("last failed call", gauges.last_error or "none", "warn" if gauges.last_error else ""))
    return lines


def _here(look: Look, screen: ScreenGauges) -> list[Line]:
    feed, identity = look.snapshot.feed, look.snapshot.identity
    gauges = feed.gauges
    memory = UNKNOWN if gauges.memory_kib is None else f"{gauges.memory_kib // 1024} MiB resident"
    offset = offset_text(gauges.clock_offset_ms)
    read = UNKNOWN if feed.read_tokens is None else str(feed.read_tokens)
    write = UNKNOWN if feed.write_tokens is None else str(feed.write_tokens)
    backlog = "no terminal" if screen.backlog is None else f"{screen.backlog} frames wait for the terminal"
    up = span_text(wall_now(look.snapshot, look.frame.now_ns) - identity.started_at)
    return [
        _pair("rate budget left", f"read {read}, write {write} tokens"),
        _pair("exchange's clock", offset),
        _pair("loop lag", f"p50 {micros(gauges.loop_lag_p50_us)}, p99 {micros(feed.loop_lag_p99_us)}"),
        _pair("memory", memory),
        _pair("running for", f"{up}, process {identity.pid}"),
        _pair("screen", f"{screen.rate_hz} Hz, {screen.skipped} frames left out, {backlog}"),
        *(_pair("view error", words, "alarm") for words in screen.view_errors),
    ]


def health_listing(look: Look) -> Listing:
    """Everything in one column that scrolls."""
    snapshot = look.snapshot
    screen = look.outside.gauges()
    lines: list[Line] = [(("COMPONENTS", "head"),)]
    lines += [_component(one, look) for one in snapshot.components] or [(("none has come up yet", "dim"),)]
    lines += [(), (("ROADS TO THE EXCHANGE", "head"),), *_roads(look), ()]
    lines += [*_calls(snapshot.feed.gauges), (), (("THIS PROGRAM", "head"),), *_here(look, screen)]
    ill = sum(1 for one in snapshot.components if one.status != "healthy")
    age = age_text(look.frame.now_ns - snapshot.taken_ns)
    return Listing(
        title=titled("Health", look),
        badge=f"{f'{ill} not healthy' if ill else 'all healthy' if snapshot.components else '-'} · picture {age} old",
        keys=tuple(str(number) for number in range(len(lines))),
        row=lambda index: Row(str(index), lines[index], "".join(text for text, _ in lines[index])),
    )
