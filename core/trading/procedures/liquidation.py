"""Liquidation: cancel and verify, then close every position by immediate reduce-only orders, then read what is left.

Never past flat (reduce-only, sized from the position), never below the plan's floor, a bounded number of tries. Ends
paused, with the residue named.
"""

from __future__ import annotations

from core.domain.amounts import count_text
from core.domain.commands import PlaceOrder
from core.domain.effects import ReadKind
from core.domain.enums import Origin, TimeInForce
from core.domain.events import PositionsRead, ReadFailed
from core.trading.desk import Desk
from core.trading.liquidation_plan import liquidation_plan
from core.trading.order import Order
from core.trading.procedures.base import NS, Done, Rank
from core.trading.procedures.verify import CancelAndVerify, Progress

CANCEL_LIMIT_NS = 20 * NS
ROUNDS = 8
BETWEEN_ROUNDS_NS = NS


class Liquidation:
    """Close what can be closed at a fair price; say what could not."""

    name = "liquidation"
    rank = Rank.LIQUIDATE

    def __init__(self, desk: Desk) -> None:
        self._verify = CancelAndVerify(desk, CANCEL_LIMIT_NS)
        self._working: list[Order] = []
        self._round = 0
        self._not_before_ns = 0
        self._request = 0

    def advance(self, desk: Desk) -> Done | None:
        match self._verify.advance(desk):
            case Progress.OUT_OF_TIME:
                return Done(False, "own orders could not be verified as canceled; nothing was sold")
            case Progress.VERIFIED:
                return self._sell(desk)
            case _:
                return None

    def _sell(self, desk: Desk) -> Done | None:
        # An exit in flight or a fill not yet held would make the next size wrong: wait for both.
        if any(o.is_open or o.missing for o in self._working) or desk.now_ns < self._not_before_ns:
            return None
        if self._request:
            return self._confirm(desk)
        todo = [line for line in liquidation_plan(desk.positions, desk.markets) if line.closable]
        if not todo or self._round >= ROUNDS:
            self._request = desk.out.read(ReadKind.POSITIONS)
            return None
        self._round += 1
        self._not_before_ns = desk.now_ns + BETWEEN_ROUNDS_NS
        self._working = []
        for line in todo:
            assert line.limit_price is not None
            result = desk.place(
                PlaceOrder(
                    origin=Origin.PROCEDURE,
                    ticker=line.ticker,
                    side=line.side,
                    price=line.limit_price,
                    count=line.closable,
                    time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
                    reduce_only=True,
                )
            )
            if isinstance(result, Order):
                self._working.append(result)
            else:
                desk.status.log_action_result(desk.wall_ns, "denied", f"{line.ticker}: {result.text}", status="refused")
        return None

    def _confirm(self, desk: Desk) -> Done | None:
        match desk.answer(self._request):
            case PositionsRead(positions=reports):
                told = {r.ticker: r.position for r in reports}
                off = [p.ticker for p in desk.positions.all() if told.get(p.ticker, 0) != p.count]
                if off:
                    # Reads lag writes: the calibration that follows compares, and corrects what lasts.
                    return Done(False, f"the exchange's reading differs in {', '.join(off)}; compare with c")
            case ReadFailed(reason=reason):
                return Done(False, f"sold, but positions could not be read: {reason}")
            case _:
                return None
        left = desk.positions.open()
        if not left:
            return Done(True, "flat, verified by a reading")
        residue = ", ".join(f"{p.ticker} {count_text(desk.positions.net(p.ticker))}" for p in left)
        return Done(False, f"residue: {residue}")
