"""What each command does: permission and refusal in words, then the road everything takes. One function a kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from core.domain import commands as cm
from core.domain.amounts import money_text
from core.domain.enums import Origin, PauseKind, Permission, TraderState
from core.domain.records import CommandTaken
from core.domain.text import clean_text
from core.engine.lifecycle import BUSY, Lifecycle
from core.engine.outcomes import RUNNING, canceled, canceled_one, changed, paused, placed
from core.engine.preview import group_refusal
from core.trading.booking import describe
from core.trading.order import Order
from core.trading.procedures.cash_recovery import CashRecovery, deficit, is_cash_recovery_required, own_cash
from core.trading.procedures.liquidation import Liquidation
from core.trading.procedures.panic import Panic
from core.trading.procedures.stop import Stop

S = TraderState
LIQUIDATE_FROM = BUSY | {S.PAUSED, S.LOW_CASH, S.ERROR}
RECALIBRATE_FROM = BUSY | {S.PAUSED, S.LOW_CASH, S.ERROR}
MENDS = {"daily loss": "a new day (UTC) ends it", "drawdown": "raise drawdown_limit to go on below the highest"}
CASH = frozenset({S.LOW_CASH, S.RECOVER_CASH})
UNTOLD = frozenset({"origin", "command_id"})  # the one is kept apart, the other is the asker's own number


class Refused(Exception):
    """A wish that cannot be granted now; the text is what the operator reads."""


def start(life: Lifecycle, wish: cm.Start) -> str:
    if life.desk.state is not S.IDLE:
        raise Refused("already started")
    life.desk.move(S.INITIALIZING, "started")
    return "starting"


def pause(life: Lifecycle, wish: cm.Pause) -> str:
    desk = life.desk
    if desk.state is S.SHUTDOWN:
        raise Refused("the trader is stopping")
    if desk.state is S.PAUSED and desk.machine.pause is PauseKind.OPERATOR:
        raise Refused("already paused")
    life.pause_wanted = True
    resting = desk.cancel_own()
    if isinstance(life.procedure, CashRecovery):
        life.drop("paused by the operator")
        desk.reducing = False
    now = desk.state in BUSY | CASH and not isinstance(life.procedure, Liquidation)
    words = "paused; " if now else f"will be paused after {desk.state}; "
    if now:
        desk.move(S.PAUSED, wish.reason, PauseKind.OPERATOR)
    life.outcomes.follow(wish, paused(resting, now), desk.now_ns)
    return f"{words}canceling {len(resting)} own orders"


def resume(life: Lifecycle, wish: cm.Resume) -> str:
    desk = life.desk
    if desk.state is not S.PAUSED or desk.machine.pause is not PauseKind.OPERATOR:
        if life.pause_wanted and desk.state is not S.PAUSED:
            life.pause_wanted = False
            return "the wished pause is taken back"
        raise Refused("paused by the exchange or the feed" if desk.state is S.PAUSED else "not paused")
    if life.procedure is not None:
        raise Refused(f"{life.procedure.name} is under way")
    life.pause_wanted = False
    watches = not desk.settings.enable_trading_client
    if not (desk.links.stream_up and (desk.links.client_up or watches)):
        life.fail("not connected at resume", counts=False)
        return "resumed; connecting first"
    if watches or (life.calibrations and not life.owed and life.calibrated_epoch == desk.links.stream_epoch):
        desk.move(S.READY, "operator_resumed")
        return "resumed"
    life.calibrate("operator_resumed")
    return "resumed, comparing first"


def panic(life: Lifecycle, wish: cm.Panic) -> str:
    desk = life.desk
    if desk.state is S.SHUTDOWN:
        raise Refused("the trader is stopping: own orders are being canceled")
    life.pause_wanted = True
    desk.reducing = False
    desk.group.trigger(desk.out)
    resting = desk.cancel_own()
    if not desk.links.client_up:
        return _canceling(life, wish, resting, "not connected, nothing could be sent: paused when connected; ")
    if life.begin(Panic(desk)) and desk.state is not S.PAUSED and desk.machine.can(S.PAUSED):
        desk.move(S.PAUSED, "panic", PauseKind.OPERATOR)
    life.outcomes.procedure(wish, life.procedure, desk.now_ns)
    return f"canceling {len(resting)} own orders and paused"


def cancel_order(life: Lifecycle, wish: cm.CancelOrder) -> str:
    order = life.desk.orders.get(wish.client_order_id)
    if order is None or not order.is_open:
        raise Refused("no such open order")
    life.desk.cancel(order)
    life.outcomes.follow(wish, canceled_one(order, describe(order)), life.desk.now_ns)
    return f"canceling {describe(order)}"


def cancel_all(life: Lifecycle, wish: cm.CancelAll) -> str:
    desk = life.desk
    resting = desk.cancel_own()
    if not resting:
        raise Refused("no own order is open")
    if not desk.links.client_up:
        return _canceling(life, wish, resting, "not connected, nothing could be sent; ")
    anew = desk.permission()[0] is Permission.TRADE and life.procedure is None and bool(life.actor.quoted)
    return _canceling(life, wish, resting, "the strategy quotes anew, p pauses it; " if anew else "")


def _canceling(life: Lifecycle, wish: cm.Command, orders: tuple[Order, ...], first: str) -> str:
    """Follow the end of these orders; the words until it is known."""
    if orders:
        life.outcomes.follow(wish, canceled(orders, first), life.desk.now_ns)
    return f"{first}canceling {len(orders)} own orders"


def place_order(life: Lifecycle, wish: cm.PlaceOrder) -> str:
    no_group = group_refusal(life.desk)
    if wish.origin is Origin.OPERATOR and no_group:
        raise Refused(no_group)
    result = life.desk.place(wish)
    if isinstance(result, Order):
        words = describe(result)
        life.desk.status.note_order(wish.command_id, result.client_order_id)
        life.outcomes.follow(wish, placed(result, words), life.desk.now_ns)
        return f"sent {words}"
    desk = life.desk
    if wish.origin is Origin.STRATEGY:
        life.actor.rest(wish.ticker, desk.now_ns)
    desk.status.log_action_result(desk.wall_ns, "denied", f"{wish.ticker}: {result.text}", status="denied")
    raise Refused(result.text)


def amend_order(life: Lifecycle, wish: cm.AmendOrder) -> str:
    result = life.desk.amend(wish)
    if isinstance(result, Order):
        life.outcomes.follow(wish, changed(result, partial(describe, result)), life.desk.now_ns)
        return f"changing {describe(result)}"
    raise Refused(result.text)


def liquidate(life: Lifecycle, wish: cm.Liquidate) -> str:
    desk = life.desk
    if desk.state not in LIQUIDATE_FROM:
        raise Refused(f"not possible in {desk.state}")
    if not (desk.links.stream_up and desk.links.client_up):
        raise Refused("not connected")
    if not desk.positions.open():
        raise Refused("no open position")
    if not life.begin(Liquidation(desk)):
        raise Refused(f"{life.procedure.name if life.procedure else 'something'} is under way")
    life.outcomes.procedure(wish, life.procedure, desk.now_ns)
    desk.reducing = True
    if desk.state is not S.ACTING:
        desk.move(S.ACTING, "operator_liquidate")
    return f"liquidating {len(desk.positions.open())} positions"


def recover_cash(life: Lifecycle, wish: cm.RecoverCash) -> str:
    desk = life.desk
    if isinstance(life.procedure, CashRecovery):
        raise Refused("cash recovery is under way")
    if not is_cash_recovery_required(desk):
        raise Refused(f"cash {money_text(own_cash(desk))} is not below its threshold")
    if not (desk.links.stream_up and desk.links.client_up):
        raise Refused("not connected")
    if desk.state is S.ERROR and life.cash.blocked:
        life.calibrate("trigger_cash_recovery")
        return "comparing with the exchange, then recovering cash"
    if not life.cash.look(life):
        raise Refused(f"not possible in {desk.state}")
    return f"recovering cash: {money_text(deficit(desk))} are missing"


def reset_breaker(life: Lifecycle, wish: cm.ResetBreaker) -> str:
    desk = life.desk
    if not wish.reason.strip():
        raise Refused("a reset needs a reason")
    passed = desk.loss_over_limit()
    lasting = ""
    if passed is not None:
        name, value, limit = passed
        lasting = f"{name} {money_text(value)} is over {money_text(limit)}; {MENDS[name]}"
    if life.feed.stale:
        lasting = "the feed is stale: no quoted book can be trusted"
    if not desk.links.journal_ok:
        lasting = "the journal cannot be written"
    why_not = desk.breaker.why_not_reset(desk.now_ns, lasting)
    if why_not:
        raise Refused(why_not)
    desk.breaker.reset(wish.reason, desk.wall_ns)
    desk.breaker_moved()
    desk.status.log_recovery(f"breaker reset: {wish.reason}", "circuit breaker")
    return f"breaker reset: {wish.reason}"


def arm(life: Lifecycle, wish: cm.Arm) -> str:
    if life.desk.armed:
        raise Refused("already armed")
    life.desk.armed = True
    return "armed: orders that take risk are allowed"


def recalibrate(life: Lifecycle, wish: cm.Recalibrate) -> str:
    desk = life.desk
    if desk.state not in RECALIBRATE_FROM:
        raise Refused(f"not possible in {desk.state}")
    if life.procedure is not None and not isinstance(life.procedure, CashRecovery):
        raise Refused(f"{life.procedure.name} is under way")
    if not (desk.links.stream_up and desk.links.client_up):
        raise Refused("not connected")
    life.calibrate("asked for")
    life.outcomes.procedure(wish, life.procedure, desk.now_ns)
    return "comparing with the exchange"


def watch_market(life: Lifecycle, wish: cm.WatchMarket) -> str:
    if wish.ticker not in life.desk.markets:
        raise Refused(f"unknown market {wish.ticker}")
    life.roster.watch(wish.ticker)
    return f"watching {wish.ticker}"


def unwatch_market(life: Lifecycle, wish: cm.UnwatchMarket) -> str:
    desk = life.desk
    if wish.ticker not in desk.markets.watched:
        raise Refused(f"{wish.ticker} is not watched")
    if wish.ticker in life.actor.quoted:
        raise Refused(f"{wish.ticker} is quoted by the strategy: its book is needed")
    if desk.positions.net(wish.ticker):
        raise Refused(f"a position in {wish.ticker} is open: its book is needed")
    if any(order.ticker == wish.ticker for order in desk.orders.get_open_orders()):
        raise Refused(f"an own order rests in {wish.ticker}: its book is needed")
    life.roster.unwatch(wish.ticker)
    return f"no longer watching {wish.ticker}"


def read_markets(life: Lifecycle, wish: cm.ReadMarkets) -> str:
    if not life.desk.links.client_up:
        raise Refused("not connected")
    life.desk.terms_stale = True
    return "reading the list of markets"


def stop(life: Lifecycle, wish: cm.Stop) -> str:
    if isinstance(life.procedure, Stop):
        life.procedure.hurry(life.desk)
        return "stopping at once"
    life.stop(wish)
    life.outcomes.procedure(wish, life.procedure, life.desk.now_ns)
    return "stopping: canceling own orders"


def switch_strategy(life: Lifecycle, wish: cm.SwitchStrategy) -> str:
    actor = life.actor
    name = actor.strategy.name
    if wish.on:
        if not actor.off:
            raise Refused(f"strategy {name} is on")
        actor.switch("")
        life.desk.status.log_recovery(f"strategy {name} is on again", f"strategy {name}")
        return f"strategy {name} is on"
    if actor.off:
        raise Refused(f"strategy {name} is off: {actor.off}")
    actor.switch("by hand")
    own = _cancel_quotes(life)
    life.outcomes.follow(wish, canceled(own, f"strategy {name} is off; "), life.desk.now_ns)
    return f"strategy {name} is off; canceling {len(own)} of its orders"


def set_parameter(life: Lifecycle, wish: cm.SetParameter) -> str:
    actor = life.actor
    try:
        actor.change({wish.name: wish.value})
    except ValueError as error:
        raise Refused(str(error)) from None
    return f"{actor.strategy.name}: {wish.name} = {wish.value}"


def strategy_failed(life: Lifecycle, reason: str) -> None:
    """The strategy was switched off for what it did: its orders end, the bot stays up, the reason is the alarm."""
    own = _cancel_quotes(life)
    name = life.actor.strategy.name
    life.desk.error(f"strategy {name} switched off: {reason}", f"{len(own)} of its orders canceled", counts=False)


def _cancel_quotes(life: Lifecycle) -> list[Order]:
    """Ask for the end of every order the strategy placed; a person's orders stay."""
    own = [o for o in life.desk.orders.get_open_orders() if o.origin is Origin.STRATEGY]
    for order in own:
        life.desk.cancel(order)
    return own


WISHES: dict[type, Callable[[Lifecycle, Any], str]] = {
    cm.Start: start,
    cm.Pause: pause,
    cm.Resume: resume,
    cm.Panic: panic,
    cm.CancelOrder: cancel_order,
    cm.CancelAll: cancel_all,
    cm.PlaceOrder: place_order,
    cm.AmendOrder: amend_order,
    cm.Liquidate: liquidate,
    cm.RecoverCash: recover_cash,
    cm.ResetBreaker: reset_breaker,
    cm.Arm: arm,
    cm.Recalibrate: recalibrate,
    cm.WatchMarket: watch_market,
    cm.UnwatchMarket: unwatch_market,
    cm.ReadMarkets: read_markets,
    cm.SwitchStrategy: switch_strategy,
    cm.SetParameter: set_parameter,
    cm.Stop: stop,
}


def _asked(wish: cm.Command) -> str:
    """What a wish says beyond its name, where it is not what it would say anyway."""
    said = [(name, getattr(wish, name)) for name in wish.__struct_fields__ if name not in UNTOLD]
    return clean_text(" ".join(f"{name}={value}" for name, value in said if value not in (None, "", False)))


def take_wish(life: Lifecycle, wish: cm.Command) -> tuple[str, str]:
    """Grant or refuse a wish; people's wishes are journaled, told, and their result kept for who waits. Returns done,
    running or refused, and the words.
    """
    desk = life.desk
    name = type(wish).__name__
    by_person = wish.origin is not Origin.STRATEGY
    if by_person:
        desk.out.record(CommandTaken(at=desk.wall_ns, name=name, origin=wish.origin.value, detail=_asked(wish)))
    try:
        text = WISHES[type(wish)](life, wish)
        status = RUNNING if life.outcomes.follows(wish.command_id) else "done"
    except Refused as refusal:
        text, status = str(refusal), "refused"
    desk.status.action(wish.command_id, name, status, text, desk.wall_ns)
    if by_person:
        desk.status.log_action_result(desk.wall_ns, "command", f"{name} by {wish.origin}: {text}", status=status)
    return status, text
