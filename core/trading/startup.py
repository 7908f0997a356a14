"""The picture before there is anything to picture: what the console shows while the parts are assembled."""

from __future__ import annotations

from core.domain.amounts import NO_CONTRACTS, NO_MONEY
from core.domain.enums import Permission, TraderState
from core.trading import snapshot as view


def startup_snapshot(identity: view.IdentityView, now_ns: int, wall_ns: int) -> view.TraderSnapshot:
    """STARTUP, with every figure at nothing known."""
    return view.TraderSnapshot(
        version=0,
        taken_ns=now_ns,
        taken_at=wall_ns,
        identity=identity,
        state=_startup(now_ns, wall_ns),
        transitions=(),
        calibration=(),
        breaker=view.BreakerView(
            tripped=False, reason="", value="", limit="", tripped_at=None, errors=0, errors_limit=0
        ),
        limits=(),
        books=(),
        positions=(),
        orders=(),
        finished_orders=(),
        money=view.MoneyView(
            cash=NO_MONEY,
            reserved=NO_MONEY,
            portfolio=NO_MONEY,
            exposure=NO_MONEY,
            realized=NO_MONEY,
            unrealized=NO_MONEY,
            fees=NO_MONEY,
            day=NO_MONEY,
            max_drawdown=NO_MONEY,
            synced_at=0,
            drift=NO_MONEY,
        ),
        equity=(),
        counters=view.CountersView(fill_contracts=NO_CONTRACTS),
        activity=(),
        errors=(),
        components=(),
        feed=view.FeedView(
            stream_up=False,
            stream_epoch=0,
            last_message_ns=None,
            rest_up=False,
            last_reply_ns=None,
            rest_latency_us=None,
            read_tokens=None,
            write_tokens=None,
            loop_lag_p99_us=None,
        ),
        actions=(),
        alarm="",
        liquidation=(),
        exit=None,
    )


def _startup(now_ns: int, wall_ns: int) -> view.StateView:
    return view.StateView(
        state=TraderState.STARTUP,
        label=TraderState.STARTUP.value,
        entered_ns=now_ns,
        entered_at=wall_ns,
        reason="assembling",
        waiting_for="assembly",
        limit_ns=None,
        pause=None,
        armed=False,
        permission=Permission.NOTHING,
        permission_reason="not connected yet",
        procedure="",
    )
