"""What people do in every world besides its faults: pauses, second thoughts, orders too large, and a stop in trouble.

A wish that comes while another is on its way is where a trader goes wrong: an order that is sent and not yet heard of,
and the cancel of everything; a limit asked for thrice in one moment; a list that lags while the last orders end.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from core.domain.amounts import Count, Price, contracts
from core.domain.commands import CancelOrder, Pause, PlaceOrder
from core.domain.enums import BookSide, PriceRule, TimeInForce
from core.lab.stage import Stage
from core.lab.steps import POST, Step, act, cancel_all, cut, liquidate, panic, rest

AT_ONCE_S = 0.001  # after a wish: its order is decided and not on disk yet
HELD_S = 4.0  # so long a person waits what comes of an order that is too large
TROUBLE_S = 6.0  # of a stop
BY_WEB = 3  # one world of so many has another client of the same account
SIZES = (10, 24, 60, 99)
FAR = {BookSide.BID: Price(1_000), BookSide.ASK: Price(9_000)}
DELETE: dict[str, Any] = {"method": "DELETE"}


def pause(stage: Stage) -> None:
    stage.submit(Pause(command_id=stage.number()))


def cancel_newest(stage: Stage) -> None:
    """A person takes the last order back."""
    orders = stage.trader_orders()
    if orders:
        newest = max(orders, key=lambda order: order.created_ns)
        stage.submit(CancelOrder(client_order_id=newest.client_order_id, command_id=stage.number()))


def soon(step: Step, seconds: float = AT_ONCE_S) -> Step:
    """The step a moment later."""

    def later(stage: Stage) -> None:
        stage.loop.call_later(seconds, step, stage)

    return later


def together(*steps: Step) -> Step:
    """Steps in the same instant."""

    def step(stage: Stage) -> None:
        for one in steps:
            one(stage)

    return step


def too_much(stage: Stage) -> None:
    """Three large orders of one side at once, far from the market; what is let in is canceled a while later."""
    side, size = stage.chance.choice(tuple(BookSide)), stage.chance.choice(SIZES)
    for _ in range(3):
        stage.submit(
            PlaceOrder(
                ticker=stage.quoted(), side=side, price=FAR[side], count=contracts(size), command_id=stage.number()
            )
        )
    soon(cancel_all, HELD_S)(stage)


def past_flat(stage: Stage) -> None:
    """A person closes more than there is, then all of it twice over."""
    ticker, held = stage.quoted(), stage.held()
    if not held:
        return
    side = BookSide.ASK if held > 0 else BookSide.BID
    over = PlaceOrder(
        ticker=ticker,
        side=side,
        count=Count(abs(held) + 100),
        rule=PriceRule.CROSS,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        command_id=stage.number(),
    )
    stage.submit(over)
    for _ in range(2):
        stage.submit(
            PlaceOrder(ticker=ticker, side=side, price=FAR[side], count=Count(abs(held)), command_id=stage.number())
        )
    soon(cancel_all, HELD_S)(stage)


def wishes(seed: int, begin_s: float, end_s: float) -> list[tuple[float, Step]]:
    """The second thoughts of a seed's people, with their times."""
    chance = Random(f"people:{seed}")
    steps: list[Step] = [pause, together(rest, pause), together(rest, cancel_all), together(rest, soon(cancel_newest)),
                         cancel_newest, too_much, too_much, past_flat]  # fmt: skip
    if seed % BY_WEB == 0:
        steps.append(act("web-order"))
    return [(round(chance.uniform(begin_s, end_s), 1), step) for step in steps] if end_s > begin_s else []


# ---- the stop ----------------------------------------------------------------------------------------------------


def _armed(fault: str, **params: Any) -> Step:
    """A fault of the exchange that passes in time for an orderly stop."""

    def step(stage: Stage) -> None:
        stage.server.faults.arm(fault, **params)
        stage.loop.call_later(TROUBLE_S, stage.server.faults.disarm, fault)

    return step


# None of it keeps a trader from leaving in order: everything passes within the time a stop has.
TROUBLES: dict[str, Step] = {
    "none": together(),
    "an order on its way": together(rest, rest),
    "lists lag": _armed("stale_reads", lag_ms=1_500),
    "replies to cancels lost": _armed("reply_lost", **DELETE, times=2),
    "cancels fail": _armed("server_error", **DELETE, times=2, status=503),
    "cancels come too often": _armed("too_many_requests", **DELETE, times=2),
    "reads fail": _armed("server_error", method="GET", path="/portfolio/orders", times=2, status=503),
    "fills while cancels fly": _armed("cancel_raced", part=50, times=4),
    "an order in doubt": together(_armed("reply_lost", **POST, times=1), rest),
    "an order done and said to have failed": together(
        _armed("server_error", **POST, times=1, status=500, processed=True), rest
    ),
    "an order that never came": together(_armed("request_reset", **POST, times=1), rest),
    "every line cut": cut,
    "while everything is sold": liquidate,
    "in a panic": panic,
}


def trouble(seed: int) -> tuple[str, Callable[[Stage], None]]:
    """In what trouble the trader of a seed is stopped."""
    return Random(f"leaving:{seed}").choice(tuple(TROUBLES.items()))
