"""What a fault of a world is made of: the steps it takes, when it is over, and what proves that it struck."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.domain.amounts import Count, Price, contracts
from core.domain.commands import AmendOrder, CancelAll, Liquidate, Panic, Pause, PlaceOrder, Resume
from core.domain.enums import BookSide, Origin, PriceRule, TimeInForce
from core.lab.garble import Change, outer
from core.lab.stage import Stage
from core.sim.lifecycle import IllegalStep

ORDERS = "/portfolio/events/orders"
ONE_ORDER = f"{ORDERS}/"
NS = 1_000_000_000
CENT = 10_000
Step = Callable[[Stage], None]


@dataclass(frozen=True, kw_only=True)
class Named:
    """`hit` says what proves that it struck: a fault of the exchange, something the auditor saw, or "" for the act."""

    row: str
    about: str
    keeps: str
    begin: tuple[Step, ...]
    end: tuple[Step, ...] = ()
    hit: str = ""
    low_s: float = 4
    high_s: float = 12
    line: bool = True
    late: bool = False
    for_good: bool = False


# ---- steps -------------------------------------------------------------------------------------------------------


def act(name: str, **more: Any) -> Step:
    return lambda stage: stage.act(name, **more)


def cross(side: BookSide = BookSide.BID, count: int = 2) -> Step:
    """A person takes what is there in the first quoted market."""

    def step(stage: Stage) -> None:
        stage.submit(
            PlaceOrder(
                ticker=stage.quoted(),
                side=side,
                count=contracts(count),
                rule=PriceRule.CROSS,
                time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
                command_id=stage.number(),
            )
        )

    return step


def rest(stage: Stage) -> None:
    """A person's order, far from the market."""
    wish = PlaceOrder(
        ticker=stage.quoted(), side=BookSide.BID, price=Price(1_000), count=contracts(3), command_id=stage.number()
    )
    stage.submit(wish)


def change(stage: Stage) -> None:
    """A person changes the first own order that rests."""
    for order in stage.trader_orders():
        if order.order_id is not None and order.remaining > 100:
            price = Price(max(100, order.price - 100) if order.side is BookSide.BID else min(9_900, order.price + 100))
            count = Count(order.remaining + 100)
            wish = AmendOrder(
                client_order_id=order.client_order_id, price=price, count=count, command_id=stage.number()
            )
            stage.submit(wish)
            return


def hit(stage: Stage) -> None:
    """Somebody takes every own order that rests."""
    stage.hit(100)


def liquidate(stage: Stage) -> None:
    stage.submit(Liquidate(command_id=stage.number()))


def cancel_all(stage: Stage) -> None:
    stage.submit(CancelAll(command_id=stage.number()))


def panic(stage: Stage) -> None:
    stage.submit(Panic(command_id=stage.number()))


def at_odds(stage: Stage) -> None:
    """Two people at once: one pauses and cancels, the other resumes."""
    for wish in (Pause, CancelAll, Resume, Pause, Resume):
        stage.submit(wish(command_id=stage.number()))


def flood(stage: Stage) -> None:
    """A runaway: two hundred orders at one moment."""
    for _ in range(200):
        rest(stage)


def take_money(stage: Stage) -> None:
    """Nearly all cash leaves the account."""
    stage.taken = max(0, int(stage.server.account.cash) // CENT - 2_000)
    stage.act("deposit", by=-stage.taken)


def bring_money(stage: Stage) -> None:
    """What was taken comes back."""
    stage.act("deposit", by=stage.taken)


def fraction(stage: Stage) -> None:
    """The quoted market closes, ends between yes and no, and pays."""
    server, ticker = stage.server, stage.quoted()
    life, now_ns = server.venue.life, server.venue.now_ns
    with suppress(IllegalStep):  # it may have ended already
        life.move_close(ticker, now_ns, now_ns)
        life.determine(ticker, "scalar", now_ns, value=3_700)
        life.settle(ticker, now_ns)
    server._publish()


def untold(row: str, kind: str) -> Step:
    """The next frame of a type is of another type, and so not heard."""
    return lambda stage: stage.garble.begin(row, kind, outer(type="surprise"), 1)


def step_wall(seconds: int) -> Step:
    return lambda stage: stage.step_wall(seconds * NS)


def stand(seconds: int) -> Step:
    return lambda stage: stage.stand_still(seconds * NS)


def latency(low_ms: int, high_ms: int) -> Step:
    def step(stage: Stage) -> None:
        stage.loop.delay_ns = stage.chance.randint(low_ms, high_ms) * 1_000_000

    return step


def no_latency(stage: Stage) -> None:
    stage.loop.delay_ns = 0


def freeze(stage: Stage) -> None:
    stage.loop.freeze(True)


def thaw(stage: Stage) -> None:
    stage.loop.freeze(False)


def cut(stage: Stage) -> None:
    stage.loop.cut()


def storm(stage: Stage) -> None:
    """Ten thousand timers due at one instant."""
    for _ in range(10_000):
        stage.loop.call_later(0.5, _nothing)


def _nothing() -> None:
    """A timer that does nothing."""


def slow_disk(stage: Stage) -> None:
    stage.journal.delay_s = 2.0


def usual_disk(stage: Stage) -> None:
    stage.journal.delay_s = stage.journal.usual_s


def broken_disk(stage: Stage) -> None:
    stage.journal.fail("no space left on device")


def trip_group(stage: Stage) -> None:
    """The exchange triggers the session's order group."""
    stage.trigger_group()


def other_order(stage: Stage) -> None:
    """The same wish handed in twice."""
    number = stage.number()
    wish = PlaceOrder(ticker=stage.quoted(), side=BookSide.BID, price=Price(900), count=contracts(1), command_id=number)
    stage.submit(wish)
    stage.submit(wish)


def task_dies(stage: Stage) -> None:
    stage.kill_task()


def signal_order(stage: Stage) -> None:
    """Operator and strategy in one batch: both sides of the quoted market at once."""
    for side in BookSide:
        stage.submit(
            PlaceOrder(
                ticker=stage.quoted(), side=side, count=contracts(1), rule=PriceRule.JOIN, origin=Origin.OPERATOR,
                command_id=stage.number(),
            )
        )  # fmt: skip


def armed(row: str, about: str, keeps: str, fault: str, *more: Step, line: bool = True, **rest: Any) -> Named:
    """A fault of the exchange's switchboard; further steps follow in the same instant."""
    own = {"low_s", "high_s", "late", "hit"}
    params = {key: value for key, value in rest.items() if key not in own}
    return Named(
        row=row,
        about=about,
        keeps=keeps,
        begin=(lambda stage: stage.server.faults.arm(fault, **params), *more),
        end=(lambda stage: stage.server.faults.disarm(fault),),
        hit=rest.get("hit", f"fault:{fault}"),
        low_s=rest.get("low_s", 4),
        high_s=rest.get("high_s", 12),
        line=line,
        late=rest.get("late", False),
    )


def garbled(
    row: str, about: str, keeps: str, kind: str, change: Change, *, name: str, times: int = 2, line: bool = False
) -> Named:
    """Frames of a type whose contents are wrong."""
    return Named(
        row=row,
        about=about,
        keeps=keeps,
        begin=(lambda stage: stage.garble.begin(name, kind, change, times),),
        end=(lambda stage: stage.garble.end(kind),),
        hit=f"garble:{name}",
        high_s=20,
        line=line,
    )


def bust(stage: Stage) -> None:
    stage.bust()


POST: dict[str, Any] = {"method": "POST", "path": ORDERS}
