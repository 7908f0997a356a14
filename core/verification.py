"""The last word: what the exchange says of us after the stop, over a connection of its own, beside what we believed.

Not from our state: three readings. `None` where a reading could not be had.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.domain.amounts import Money
from core.domain.effects import Read, ReadKind
from core.domain.enums import ExitCode, ExitReason
from core.domain.events import BalanceRead, Event, OrderReport, OrdersRead, PositionsRead
from core.ports import ExchangeClient
from core.trading.desk import Desk
from core.trading.drift import cash_drift
from core.trading.snapshot import ExitView

WITHIN_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalReading:
    """`orders` and `positions` count differences between the exchange and us; `cash` is theirs less ours."""

    orders: int | None
    positions: int | None
    cash: Money | None
    resting: int | None
    foreign: int | None
    foreign_orders: tuple[OrderReport, ...] = ()


async def read_finally(client: ExchangeClient, desk: Desk) -> FinalReading:
    """Read orders, positions and balance and compare. Never raises for a failed reading."""
    kinds = (ReadKind.ORDERS, ReadKind.POSITIONS, ReadKind.BALANCE)
    replies: list[Event] = []
    try:
        async with asyncio.timeout(WITHIN_S):
            replies = list(await asyncio.gather(*(client.perform(Read(request_id=-1, kind=kind)) for kind in kinds)))
    except TimeoutError:
        replies = []
    orders = next((r for r in replies if isinstance(r, OrdersRead)), None)
    positions = next((r for r in replies if isinstance(r, PositionsRead)), None)
    balance = next((r for r in replies if isinstance(r, BalanceRead)), None)
    prefix = f"{desk.settings.prefix}-"
    resting = foreign = differing = None
    others: tuple[OrderReport, ...] = ()
    if orders is not None:
        ours = {o.order_id for o in desk.orders.get_open_orders()}
        own = {o.order_id for o in orders.orders if o.client_order_id.startswith(prefix)}
        others = tuple(o for o in orders.orders if o.order_id not in own)
        resting, foreign = len(own), len(others)
        differing = len(own ^ ours)
    moved = None
    known = desk.positions.cash_known  # without a calibration there is nothing of ours to compare with
    if positions is not None and known:
        told = {p.ticker: int(p.position) for p in positions.positions if p.position}
        held = {p.ticker: p.count for p in desk.positions.open()}
        moved = sum(1 for t in told.keys() | held.keys() if told.get(t, 0) != held.get(t, 0))
    return FinalReading(
        orders=differing,
        positions=moved,
        cash=None if balance is None or not known else cash_drift(desk, balance.balance),
        resting=resting,
        foreign=foreign,
        foreign_orders=others,
    )


def unverified(exit_view: ExitView, final: FinalReading) -> ExitView:
    """The certificate of a stop that the last reading does not bear out."""
    return ExitView(
        reason=ExitReason.UNVERIFIED,
        code=int(ExitCode.UNVERIFIED),
        detail=exit_view.detail,
        resting_after_stop=final.resting,
        foreign_resting=final.foreign,
        unverified=(
            "resting orders: the last reading failed"
            if final.resting is None
            else f"{final.resting} own orders rest after the stop",
        ),
        at=exit_view.at,
    )
