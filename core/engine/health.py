"""HealthMonitor: the health of each named system, judged from the desk: healthy, degraded or error, with its last
sign of life. A judgement only; what follows from it is the lifecycle's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.amounts import money_text
from core.trading.desk import NS
from core.trading.snapshot import ComponentView

if TYPE_CHECKING:
    from core.engine.engine import Engine

QUIET_NS = 30 * NS


def components(engine: Engine) -> tuple[ComponentView, ...]:
    """One row a system, by the names they are known by."""
    desk = engine.desk
    links, orders = desk.links, desk.orders
    untrusted = desk.markets.untrusted()
    doubt = len(orders.in_doubt())
    quiet = links.last_message_ns is None or desk.now_ns - links.last_message_ns > QUIET_NS
    stream = "healthy" if links.stream_up and not quiet else ("degraded" if links.stream_up else "error")
    calibrated = engine.life.calibrations
    rows = (
        ("OrderbookIntegration", stream, f"{len(desk.markets.watched)} books, {len(untrusted)} untrusted",
         links.last_message_ns),
        ("TradingClientIntegration", "healthy" if links.client_up else "error",
         f"{links.failed_reads} failed reads in a row", links.last_reply_ns),
        ("OrderService", "degraded" if doubt else "healthy",
         f"{len(orders.get_open_orders())} open, {doubt} in doubt, {orders.counts.placed} placed", None),
        ("PositionTracker", "healthy", f"{len(desk.positions.open())} positions", None),
        ("StateSync", "healthy" if calibrated else "degraded",
         f"{calibrated} comparisons, drift {money_text(desk.drift_cash, places=6)}", None),
        ("RiskController", "error" if desk.breaker.tripped else "healthy",
         f"breaker {'tripped' if desk.breaker.tripped else 'closed'}", None),
        ("Journal", "healthy" if links.journal_ok else "error", f"position {desk.out.journal_position}", None),
    )  # fmt: skip
    return tuple(ComponentView(name=n, status=s, detail=d, last_ns=last) for n, s, d, last in rows)
