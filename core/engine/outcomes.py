"""Outcomes: what came of a granted wish. A wish that only begins something stays `running` in the list of results until
it is known how it ended: looked up at each beat, so that the operator reads the end and not the intention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.domain.amounts import Count, count_text
from core.domain.commands import Command
from core.domain.enums import OrderState, PauseKind, TraderState
from core.trading.desk import NS, Desk
from core.trading.order import Order
from core.trading.procedures.base import Done, Procedure

if TYPE_CHECKING:
    from core.trading.status import StatusLogger

RUNNING, DONE, FAILED = "running", "done", "failed"
Told = tuple[str, str]  # a status and the words
Look = Callable[[Desk], Told | None]
# What nothing is heard of for so long is told as it stands and no longer followed.
FOLLOWED_NS = 300 * NS
MOST = 20


class Outcomes:
    """The wishes whose end is waited for, by the number of the wish."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[str, Look, int]] = {}
        self._ended: list[tuple[Procedure, Done]] = []

    def follow(self, wish: Command, look: Look, now_ns: int) -> None:
        """Look at this wish until its end is known; nobody waits for number 0."""
        if wish.command_id:
            self._open[wish.command_id] = (type(wish).__name__, look, now_ns)
        while len(self._open) > MOST:
            del self._open[next(iter(self._open))]

    def follows(self, command_id: int) -> bool:
        return command_id in self._open

    def procedure(self, wish: Command, procedure: Procedure | None, now_ns: int) -> None:
        """Follow a wish that began this procedure."""

        def look(desk: Desk) -> Told | None:
            done = next((done for ended, done in self._ended if ended is procedure), None)
            return None if done is None else (DONE if done.ok else FAILED, done.outcome)

        if procedure is not None:
            self.follow(wish, look, now_ns)

    def ended(self, procedure: Procedure, done: Done) -> None:
        """A procedure has ended, or another took its place."""
        self._ended.append((procedure, done))

    def beat(self, desk: Desk) -> None:
        """Tell what has become known since the last beat."""
        status = desk.status
        for command_id, (name, look, since_ns) in list(self._open.items()):
            told = look(desk)
            if told is not None:
                self._tell(status, command_id, name, told, desk.wall_ns)
            late = desk.now_ns - since_ns > FOLLOWED_NS
            if late and (told is None or told[0] == RUNNING):
                told = (FAILED, "its end did not come in time; see the log")
                self._tell(status, command_id, name, told, desk.wall_ns)
            if late or (told is not None and told[0] != RUNNING):
                self._open.pop(command_id, None)
        self._ended.clear()

    @staticmethod
    def _tell(status: StatusLogger, command_id: int, name: str, told: Told, wall_ns: int) -> None:
        known = status.status_of(command_id)
        if known is None or (known.status, known.text) != told:
            status.action(command_id, name, *told, wall_ns)
            if told[0] != RUNNING:
                status.log_action_result(wall_ns, "result", f"{name}: {told[1]}", status=told[0])


def filled_words(order: Order) -> str:
    return f"{count_text(Count(order.done))} of {count_text(Count(order.count))} filled"


def placed(order: Order, words: str) -> Look:
    """How an order that was sent fared: it rests, was filled, ended, was rejected, or nobody knows yet."""

    def look(desk: Desk) -> Told | None:
        match order.state:
            case OrderState.FILLED:
                return DONE, f"filled: {words}"
            case OrderState.RESTING | OrderState.AMENDING | OrderState.CANCELING:
                return DONE, f"rests: {words}" + (f", {filled_words(order)}" if order.done else "")
            case OrderState.IN_DOUBT:
                return RUNNING, f"in doubt, being looked up: {words}, {order.reason}"
            case OrderState.CANCELED | OrderState.EXPIRED if order.done:
                return DONE, f"{filled_words(order)}, the rest ended: {words}"
            case OrderState.CANCELED | OrderState.EXPIRED | OrderState.REJECTED | OrderState.VOID:
                return FAILED, f"{order.state.lower()}: {words}, {order.reason}"
        return None

    return look


def changed(order: Order, words: Callable[[], str]) -> Look:
    """Whether a change of an order was taken."""

    def look(desk: Desk) -> Told | None:
        if order.state is OrderState.AMENDING:
            return None
        if order.state is OrderState.IN_DOUBT:
            return RUNNING, f"in doubt, being looked up: {words()}"
        if order.reason.startswith("amend refused"):
            return FAILED, f"{order.reason}; still {words()}"
        return DONE, f"now {words()}" + ("" if order.is_open else f", {order.state.lower()}")

    return look


def canceled(orders: Sequence[Order], done: str = "") -> Look:
    """Whether all of these orders have ended; `done` goes before the count."""

    def look(desk: Desk) -> Told | None:
        left = sum(order.is_open for order in orders)
        if left:
            lost = sum(order.cancel_failures > 0 for order in orders if order.is_open)
            trouble = f", {lost} could not be sent and are tried again" if lost else ""
            return RUNNING, f"{done}canceling: {len(orders) - left} of {len(orders)} ended{trouble}"
        filled = sum(order.state is OrderState.FILLED for order in orders)
        never = sum(order.state in (OrderState.VOID, OrderState.REJECTED) for order in orders)
        more = f", {filled} filled before that" if filled else ""
        more += f", {never} never came to be" if never else ""
        return DONE, f"{done}{len(orders) - filled - never} canceled{more}"

    return look


def paused(orders: Sequence[Order], now: bool) -> Look:
    """Whether the pause is there and the orders have ended; a pause that was taken back is told as that."""
    ended = canceled(orders, "paused; ")
    began: list[int] = []

    def look(desk: Desk) -> Told | None:
        machine = desk.machine
        began.append(desk.now_ns)
        if machine.pause is PauseKind.OPERATOR:
            return ended(desk)
        if now or (desk.state is TraderState.READY and len(began) > 1):
            return FAILED, "taken back by a resume"
        return RUNNING, f"will be paused after {desk.state}; the orders are being canceled"

    return look


def canceled_one(order: Order, words: str) -> Look:
    """Whether this order was canceled, or filled before it could be."""

    def look(desk: Desk) -> Told | None:
        if order.is_open:
            return RUNNING, f"canceling {words}" + (", tried again" if order.cancel_failures else "")
        if order.state is OrderState.FILLED:
            return FAILED, f"filled before the cancel: {words}"
        return DONE, f"{order.state.lower()}: {words}" + (f", {filled_words(order)}" if order.done else "")

    return look
