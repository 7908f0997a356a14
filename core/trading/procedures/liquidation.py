"""Liquidation: cancel and verify, then close every position by immediate reduce-only orders, then read what is left.

As many exits at a time as the order rate lets pass, the dearest first, each position a bounded number of times. Never
past flat, never below the plan's floor. Ends paused, with the residue named.
"""

from __future__ import annotations

from collections import Counter

from core.domain.amounts import Count, count_text
from core.domain.effects import ReadKind
from core.domain.events import PositionsRead, ReadFailed
from core.domain.ids import Ticker
from core.trading.desk import Desk
from core.trading.liquidation_plan import liquidation_plan
from core.trading.order import Order
from core.trading.procedures.base import NS, Done, Rank
from core.trading.procedures.exits import is_working, send_exit
from core.trading.procedures.verify import CancelAndVerify, Progress
from core.trading.snapshot import LiquidationLine, ProgressView

CANCEL_LIMIT_NS = 20 * NS
TRIES = 8
BETWEEN_TRIES_NS = NS
PATIENCE_NS = 15 * NS


class Liquidation:
    """Close what can be closed at a fair price; say what could not."""

    name = "liquidation"
    rank = Rank.LIQUIDATE

    def __init__(self, desk: Desk) -> None:
        self._verify = CancelAndVerify(desk, CANCEL_LIMIT_NS)
        self._working: dict[Ticker, Order] = {}
        self._tries: Counter[Ticker] = Counter()
        self._not_before_ns: dict[Ticker, int] = {}
        self._request = self._patient_ns = 0
        self._began_ns = desk.now_ns
        self._positions, self._contracts = _held(desk)

    def progress(self, desk: Desk) -> ProgressView:
        """How far it is, for whoever watches it."""
        left, contracts = _held(desk)
        return ProgressView(
            phase=self._phase(),
            began_ns=self._began_ns,
            orders_left=len(desk.orders.get_open_orders()),
            positions_left=left,
            positions=self._positions,
            contracts_done=Count(max(0, self._contracts - contracts)),
            contracts=Count(self._contracts),
        )

    def _phase(self) -> str:
        if self._request:
            return "reading positions"
        return {
            Progress.CANCELING: "canceling own orders",
            Progress.READING: "verifying the cancels",
        }.get(self._verify.progress, "closing positions")

    def advance(self, desk: Desk) -> Done | None:
        match self._verify.advance(desk):
            case Progress.OUT_OF_TIME:
                return Done(False, "own orders could not be verified as canceled; nothing was sold")
            case Progress.VERIFIED:
                return self._sell(desk)
            case _:
                return None

    def _sell(self, desk: Desk) -> Done | None:
        if self._request:
            return self._confirm(desk)
        self._working = {ticker: order for ticker, order in self._working.items() if is_working(order)}
        todo = [line for line in liquidation_plan(desk.positions, desk.markets) if self._may_try(line)]
        if not todo and not self._working and not self._waits_for_a_book(desk):
            self._request = desk.out.read(ReadKind.POSITIONS)
            return None
        due = [
            line
            for line in sorted(todo, key=lambda line: (-line.proceeds, line.ticker))
            if line.ticker not in self._working and desk.now_ns >= self._not_before_ns.get(line.ticker, 0)
        ]
        for line in due[: max(0, desk.risk.rate_room(desk.now_ns))]:
            self._tries[line.ticker] += 1
            self._not_before_ns[line.ticker] = desk.now_ns + BETWEEN_TRIES_NS
            order = send_exit(desk, line, line.closable)
            if order is not None:
                self._working[line.ticker] = order
        return None

    def _waits_for_a_book(self, desk: Desk) -> bool:
        """A book that is just being made whole is no reason to leave its position; for a while."""
        self._patient_ns = self._patient_ns or desk.now_ns + PATIENCE_NS
        if desk.now_ns >= self._patient_ns:
            return False
        untrusted = desk.markets.untrusted()
        return any(p.ticker in untrusted and self._tries[p.ticker] < TRIES for p in desk.positions.open())

    def _may_try(self, line: LiquidationLine) -> bool:
        return line.closable > 0 and self._tries[line.ticker] < TRIES

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


def _held(desk: Desk) -> tuple[int, int]:
    """Open positions and the contracts in them, of either side."""
    held = [abs(desk.positions.net(position.ticker)) for position in desk.positions.open()]
    return len(held), sum(held)
