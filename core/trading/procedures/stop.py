"""Stop: block new orders, cancel own ones, read that none rests, fetch fills still missing, leave with a certificate.

Every road out takes this one. Positions are kept. What could not be verified is named and the exit code says so.
"""

from __future__ import annotations

from core.domain.commands import Stop as StopWish
from core.domain.effects import Leave, ReadKind
from core.domain.enums import ExitCode, ExitReason
from core.domain.events import FillsRead, ReadFailed
from core.domain.records import SessionEnded
from core.trading.booking import describe, take_fill
from core.trading.desk import Desk
from core.trading.order import Order
from core.trading.procedures.base import NS, Done, Rank
from core.trading.procedures.verify import CancelAndVerify, Progress
from core.trading.snapshot import ExitView
from core.trading.timetext import time_text

STOP_LIMIT_NS = 20 * NS
HURRY_LIMIT_NS = 3 * NS
UNREACHED_LIMIT_NS = 6 * NS
MS = 1_000_000


class Stop:
    """The orderly way out; `exit` holds the certificate once it is done."""

    name = "stop"
    rank = Rank.STOP

    def __init__(self, desk: Desk, wish: StopWish) -> None:
        self.wish = wish
        # Everybody leaves by a reading: an earlier session may have left orders that this one has not met yet.
        self._needed = desk.settings.enable_trading_client
        met = desk.links.client_up or bool(desk.orders.get_open_orders() or desk.orders.counts.placed)
        limit_ns = STOP_LIMIT_NS if met else UNREACHED_LIMIT_NS
        self._verify = CancelAndVerify(desk, limit_ns)
        if wish.now:
            self.hurry(desk)
        self._fills_request = 0
        self._fills_done = False
        self.exit: ExitView | None = None

    def hurry(self, desk: Desk) -> None:
        """The second signal: waits get short, cancels are still sent."""
        self._verify.hurry(desk.now_ns, HURRY_LIMIT_NS)

    def advance(self, desk: Desk) -> Done | None:
        if self.exit is not None:
            return None
        if not self._needed:
            return self._leave(desk, resting=None, foreign=None, unverified=())
        progress = self._verify.advance(desk)
        if progress is Progress.OUT_OF_TIME:
            names = tuple(left_open(order) for order in desk.orders.get_open_orders())
            return self._leave(desk, None, None, names or ("resting orders: no reading in time",))
        if progress is not Progress.VERIFIED or not self._fills_read(desk):
            return None
        if not desk.group.remove(desk.out, desk.now_ns):
            return None
        missing = tuple(f"fills of {o.client_order_id}" for o in desk.orders.missing_fills())
        return self._leave(desk, self._verify.resting, self._verify.foreign, missing)

    def _fills_read(self, desk: Desk) -> bool:
        """The last fills may still be on their way when the last order is final: read them once."""
        if self._fills_done:
            return True
        if not self._fills_request:
            self._fills_request = desk.out.read(ReadKind.FILLS, since_ms=desk.settings.started_at // MS)
            return False
        match desk.answer(self._fills_request):
            case FillsRead(fills=fills):
                for fill in fills:
                    take_fill(desk, fill)
                self._fills_done = True
            case ReadFailed():
                self._fills_done = True
                desk.warn("the last fills could not be read", "stop")
            case _:
                return False
        return True

    def _leave(self, desk: Desk, resting: int | None, foreign: int | None, unverified: tuple[str, ...]) -> Done:
        wish = self.wish
        watched_only = not self._needed
        clean = watched_only or (resting == 0 and not unverified)
        reason, code = wish.reason, ExitCode.CLEAN
        if wish.reason is ExitReason.REFUSED and not desk.orders.get_open_orders():
            code = ExitCode.REFUSED_START
        elif not clean:
            reason, code = ExitReason.UNVERIFIED, ExitCode.UNVERIFIED
        elif wish.reason is ExitReason.CRASH:
            code = ExitCode.INTERNAL
        self.exit = ExitView(
            reason=reason,
            code=int(code),
            detail=wish.detail,
            resting_after_stop=resting,
            foreign_resting=foreign,
            unverified=unverified,
            at=desk.wall_ns,
        )
        desk.out.record(SessionEnded(at=desk.wall_ns, reason=reason.value, code=int(code), resting=resting))
        desk.out.do(Leave(code=int(code), reason=reason.value))
        return Done(clean, "stopped, nothing of ours rests" if clean else "stopped, not verified")


def left_open(order: Order) -> str:
    """An order whose end could not be verified: what it is, how it stands, and when its lease ends it at the latest."""
    ends = f", its lease ends at {time_text(order.expiration_s * NS)}" if order.expiration_s else ""
    return f"order {order.client_order_id}: {describe(order)}, {order.state}{ends}"
