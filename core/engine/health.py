"""HealthMonitor: the health of each named system, judged from the desk: healthy, degraded or error, with its last
sign of life. A judgement only; what follows from it is the lifecycle's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.domain.amounts import money_text
from core.trading.desk import NS
from core.trading.snapshot import ComponentView

if TYPE_CHECKING:
    from core.engine.engine import Engine

QUIET_NS = 30 * NS
SYNCS_MISSED = 3


class HealthMonitor:
    """When each system last did something: seen by what it counts, so that none has to report itself."""

    def __init__(self) -> None:
        self._counted: dict[str, object] = {}
        self._moved_ns: dict[str, int] = {}

    def note(self, engine: Engine) -> None:
        """Look at every count; called once a beat."""
        desk = engine.desk
        counts: tuple[tuple[str, object], ...] = (
            ("OrderService", desk.orders.version),
            ("PositionTracker", desk.positions.version),
            ("StateSync", desk.synced_at),
            ("RiskController", (desk.orders.counts.placed, desk.orders.counts.denied)),
            ("ActorService", engine.actor.decisions.made),
            ("Journal", desk.out.journal_position),
        )
        for name, count in counts:
            before = self._counted.get(name)
            if before != count:
                self._counted[name] = count
                if before is not None:
                    self._moved_ns[name] = desk.now_ns

    def last_ns(self, name: str) -> int | None:
        """Monotonic time of the last sign of life of a system; None before the first."""
        return self._moved_ns.get(name)


def worst(statuses: Iterable[str]) -> str:
    """`healthy`, `degraded` or `error`: the worst of them."""
    found = set(statuses)
    return next((word for word in ("error", "degraded") if word in found), "healthy")


def components(engine: Engine) -> tuple[ComponentView, ...]:
    """One row a system, by the names they are known by."""
    desk, last = engine.desk, engine.rounds.monitor.last_ns
    links, orders = desk.links, desk.orders
    untrusted = desk.markets.untrusted()
    doubt = len(orders.in_doubt())
    quiet = links.last_message_ns is None or desk.now_ns - links.last_message_ns > QUIET_NS
    # What has not come up yet is not an error.
    stream = "error" if links.stream_epoch and not links.stream_up else ("degraded" if quiet else "healthy")
    client = "healthy" if desk.rest_up else ("degraded" if links.last_reply_ns is None else "error")
    failed, failed_ns = links.writes_failed(desk.now_ns - desk.settings.limits.breaker_windows[0][1])
    if client == "healthy" and failed_ns is not None and failed_ns >= links.written_ns:
        client = "degraded"  # reads go well, and no order or cancel gets through
    calibrated = engine.life.calibrations
    compared = calibrated and desk.wall_ns - desk.synced_at < SYNCS_MISSED * desk.settings.sync_ns
    actor = engine.actor
    rows = (
        ("OrderService", "degraded" if doubt else "healthy",
         f"{len(orders.get_open_orders())} open, {doubt} in doubt, {orders.counts.placed} placed",
         last("OrderService")),
        ("PositionTracker", "healthy", f"{len(desk.positions.open())} positions", last("PositionTracker")),
        ("StateSync", "healthy" if compared else "degraded",
         f"{calibrated} comparisons, drift {money_text(desk.drift_cash, places=6)}", last("StateSync")),
        ("OrderbookIntegration", stream, f"{len(desk.markets.watched)} books, {len(untrusted)} untrusted",
         links.last_message_ns),
        ("TradingClientIntegration", client,
         f"{links.failed_reads} failed reads in a row, {failed} failed writes", links.last_reply_ns),
        ("ActorService", "error" if actor.off else "healthy",
         f"strategy {actor.strategy.name} " + (f"off: {actor.off}" if actor.off else f"on, {actor.decisions.made} "
         f"decisions, {actor.decisions.dropped} dropped"), last("ActorService")),
        ("RiskController", "error" if desk.breaker.tripped else "healthy",
         f"breaker {'tripped' if desk.breaker.tripped else 'closed'}", last("RiskController")),
        ("Journal", "healthy" if links.journal_ok else "error", f"position {desk.out.journal_position}",
         last("Journal")),
    )  # fmt: skip
    return tuple(ComponentView(name=n, status=s, detail=d, last_ns=at) for n, s, d, at in rows)
