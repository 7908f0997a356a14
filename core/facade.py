"""TraderFacade: the trader by the words people know, for a program that embeds it.

Nothing here decides or holds anything. What changes something becomes a wish and takes the one road every wish takes;
what tells something reads the present picture. docs/embedding.md shows it at work.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from core.config import Settings, to_money
from core.domain import commands as cm
from core.domain.amounts import NO_MONEY, Count, Money, Price
from core.domain.enums import BookSide, ExitReason, Ownership, PriceRule, TimeInForce, TraderState
from core.domain.errors import OurBug, StartRefused
from core.domain.events import ActionReported, ErrorReported, Event, FillReported
from core.domain.ids import ClientOrderId, Ticker
from core.domain.market import MarketListing
from core.engine.engine import Engine
from core.engine.explain import explain
from core.engine.preview import preview_amend, preview_cancel, preview_place
from core.engine.strategy_report import parameter_refusal, strategy_report
from core.ports import Clock
from core.trading import snapshot as view
from core.trading.inquiry import Explanation, OrderPreview, StrategyReport
from core.trading.summary import render_summary

UP = frozenset({TraderState.READY, TraderState.ACTING, TraderState.PAUSED, TraderState.LOW_CASH})
RECOVERING = frozenset({TraderState.LOW_CASH, TraderState.RECOVER_CASH, TraderState.CALIBRATING})
LOOK_S = 0.02
RESULT_WITHIN_S = 30
START_WITHIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CashStatus:
    """Free cash with what own resting orders hold, beside the least wanted. `liquidation_value` is what closing every
    position at bid and ask would bring after estimated fees, as far as the books reach.
    """

    balance: Money
    threshold: Money
    ratio_percent: int
    deficit: Money
    liquidation_value: Money
    recovery_can_reach: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Realized and unrealized are before fees; `net` is after them. `day` is today's result (UTC) at mark."""

    realized: Money
    unrealized: Money
    fees: Money
    net: Money
    day: Money


class TraderFacade(ABC):
    """Everything on top of `snapshot`, `submit` and `run`."""

    settings: Settings
    engine: Engine | None
    _clock: Clock
    _running: asyncio.Task[view.ExitView] | None = None

    @property
    @abstractmethod
    def snapshot(self) -> view.TraderSnapshot: ...

    @abstractmethod
    def submit(self, command: cm.Command | Event) -> None: ...

    @abstractmethod
    def next_command_id(self) -> int: ...

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    async def run(self) -> view.ExitView: ...

    @abstractmethod
    def get_status_history(self, limit: int = 20) -> tuple[view.StatusEntry, ...]: ...

    # ---- life --------------------------------------------------------------------------------------------------

    async def start(self, within_s: float = START_WITHIN_S) -> TraderState:
        """Come up in a task of its own; returns the state once it trades or waits. BadInput and StartRefused as by
        `prepare` and `run`; TimeoutError when it is still coming up, which it then goes on doing.
        """
        self.prepare()
        self._running = asyncio.create_task(self.run(), name="trader")
        async with asyncio.timeout(within_s):
            while self.get_state() not in UP:
                if self._running.done():
                    exit_view = await self._running
                    raise StartRefused(f"the trader ended while coming up: {exit_view.detail or exit_view.reason}")
                await self._clock.sleep(LOOK_S)
        return self.get_state()

    async def stop(self, *, now: bool = False, detail: str = "stopped by the program") -> view.ExitView:
        """Cancel own orders, verify, leave; positions are kept. Returns the certificate."""
        if self._running is None:
            raise RuntimeError("the trader was not started by start()")
        self.submit(cm.Stop(reason=ExitReason.QUIT, detail=detail, now=now))
        return await self._running

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def process_action(self, command: cm.Command, within_s: float = RESULT_WITHIN_S) -> view.ActionView:
        """Hand in a wish and wait until it is taken: refused, done, or running with its end still to come (`failed`
        where that came at once), with words. TimeoutError after that; RuntimeError when the trader has left.
        """
        command_id = self.next_command_id()
        self.submit(msgspec.structs.replace(command, command_id=command_id))
        async with asyncio.timeout(within_s):
            while True:
                for action in self.snapshot.actions:
                    if action.command_id == command_id and action.status != "pending":
                        return action
                if self.snapshot.exit is not None:
                    raise RuntimeError("the trader has left")
                await self._clock.sleep(LOOK_S)

    # ---- orders ------------------------------------------------------------------------------------------------

    async def place_order(
        self,
        ticker: Ticker,
        side: BookSide,
        price: Price,
        count: Count,
        *,
        time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED,
        post_only: bool = False,
        reduce_only: bool = False,
        rule: PriceRule | None = None,
    ) -> view.ActionView:
        """Check and send an order in YES terms. A granted result names it by `client_order_id`; a denial says why. With
        a `rule` the book names the price, and `price` counts for nothing.
        """
        return await self.process_action(
            cm.PlaceOrder(
                ticker=ticker,
                side=side,
                price=price,
                count=count,
                time_in_force=time_in_force,
                post_only=post_only,
                reduce_only=reduce_only,
                rule=rule,
            )
        )

    async def amend_order(self, client_order_id: str, price: Price, count: Count) -> view.ActionView:
        """Move a resting order to `price` with `count` contracts still to fill; only smaller, it keeps its place."""
        name = ClientOrderId(client_order_id)
        return await self.process_action(cm.AmendOrder(client_order_id=name, price=price, count=count))

    async def cancel_order(self, client_order_id: str) -> view.ActionView:
        """Ask for the end of an order; it is gone when `get_order` says so."""
        return await self.process_action(cm.CancelOrder(client_order_id=ClientOrderId(client_order_id)))

    def check_order(self, ticker: Ticker, side: BookSide, price: Price, count: Count) -> str:
        """Why such an order would be denied now; "" when it would be sent. Nothing is sent."""
        if self.engine is None:
            return "the trader is not assembled"
        denial = self.engine.desk.check(cm.PlaceOrder(ticker=ticker, side=side, price=price, count=count))
        return denial.text if denial else ""

    def preview_order(self, wish: cm.PlaceOrder | cm.AmendOrder | cm.CancelOrder) -> OrderPreview:
        """What such an order, change or cancel would do now, and every gate it would meet. Nothing is sent. OurBug
        before the trader is assembled.
        """
        desk = self._assembled().desk
        match wish:
            case cm.PlaceOrder():
                return preview_place(desk, wish)
            case cm.AmendOrder():
                return preview_amend(desk, wish)
            case cm.CancelOrder():
                return preview_cancel(desk, wish)

    def explain_market(self, ticker: Ticker) -> Explanation:
        """Why a market is or is not traded at this moment, gate by gate. OurBug before the trader is assembled."""
        return explain(self._assembled(), ticker)

    def strategy_report(self) -> StrategyReport:
        """The strategy, its parameters and its last decisions. OurBug before the trader is assembled."""
        return strategy_report(self._assembled())

    def check_parameter(self, name: str, value: str) -> str:
        """Why the strategy would not take this value; "" when it would. OurBug before the trader is assembled."""
        return parameter_refusal(self._assembled(), name, value)

    def _assembled(self) -> Engine:
        if self.engine is None:
            raise OurBug("the trader is not assembled")
        return self.engine

    def get_open_orders(self) -> tuple[view.OrderView, ...]:
        """Open orders that are ours to manage."""
        return tuple(o for o in self.snapshot.orders if o.ownership is not Ownership.FOREIGN)

    def get_order(self, client_order_id: str) -> view.OrderView | None:
        """An order, open or among the last finished ones."""
        s = self.snapshot
        return next((o for o in s.orders + s.finished_orders if o.client_order_id == client_order_id), None)

    def get_order_statistics(self) -> view.CountersView:
        return self.snapshot.counters

    def handle_fill_event(self, fill: FillReported) -> None:
        """A fill the program learned of by itself: booked once, whatever else reports it."""
        self.submit(fill)

    update_from_fill = handle_fill_event

    # ---- positions and money -----------------------------------------------------------------------------------

    def get_position(self, ticker: str) -> view.PositionView | None:
        """The position in a market; None when none was held."""
        return next((p for p in self.snapshot.positions if p.ticker == ticker), None)

    def get_positions(self) -> tuple[view.PositionView, ...]:
        """Open positions."""
        return tuple(p for p in self.snapshot.positions if p.count)

    def get_portfolio_summary(self) -> view.MoneyView:
        return self.snapshot.money

    def calculate_pnl(self) -> Pnl:
        m = self.snapshot.money
        net = Money(m.realized + m.unrealized - m.fees)
        return Pnl(realized=m.realized, unrealized=m.unrealized, fees=m.fees, net=net, day=m.day)

    def estimate_position_liquidation_value(self, ticker: str | None = None) -> Money:
        """What closing one position, or all, would bring over the books as they are, after estimated fees."""
        lines = (line for line in self.snapshot.liquidation if ticker is None or line.ticker == ticker)
        return Money(sum(line.proceeds - line.fees_estimate for line in lines))

    def get_cash_status(self) -> CashStatus:
        money, threshold = self.snapshot.money, to_money(self.settings.minimum_cash_threshold)
        balance = Money(money.cash + money.reserved - money.reserved_foreign)
        deficit = Money(max(0, threshold - balance))
        value = self.estimate_position_liquidation_value()
        return CashStatus(
            balance=balance,
            threshold=threshold,
            ratio_percent=balance * 100 // threshold if threshold else 100,
            deficit=deficit,
            liquidation_value=value,
            recovery_can_reach=balance + max(value, NO_MONEY) >= threshold,
        )

    def check_cash_threshold(self) -> bool:
        """True while there is as much cash as is wanted at least."""
        return not self.get_cash_status().deficit

    def is_cash_recovery_required(self) -> bool:
        return not self.check_cash_threshold()

    # ---- comparing with the exchange ---------------------------------------------------------------------------

    async def calibrate(self, within_s: float = RESULT_WITHIN_S) -> tuple[view.StepView, ...]:
        """Compare orders, positions, balance and fills with the exchange; returns the steps. RuntimeError when it is
        refused now. Low cash found at its end starts the recovery by itself.
        """
        result = await self.process_action(cm.Recalibrate(), within_s)
        if result.status == "refused":
            raise RuntimeError(result.text)
        async with asyncio.timeout(within_s):
            while self.get_state() is TraderState.CALIBRATING:
                await self._clock.sleep(LOOK_S)
        return self.snapshot.calibration

    async def sync_all(self) -> dict[str, int]:
        """As `calibrate`; returns what differed: `cash` in Money units, `positions` counted."""
        await self.calibrate()
        return {"cash": self.snapshot.money.drift, "positions": self.snapshot.money.drift_positions}

    # One comparison reads all of it: a part alone would not tell what a difference means.
    sync_orders = sync_all
    sync_positions = sync_all
    sync_balance = sync_all

    # ---- cash --------------------------------------------------------------------------------------------------

    async def trigger_cash_recovery(self) -> CashStatus:
        """Free cash now: own orders are canceled, then positions reduced by ranked orders until enough is free. Low
        cash begins this by itself; by hand it is for another try after one that failed. RuntimeError when it is
        refused: there is enough, or the state does not let it.
        """
        result = await self.process_action(cm.RecoverCash())
        if result.status == "refused":
            raise RuntimeError(result.text)
        return self.get_cash_status()

    async def complete_cash_recovery(self, within_s: float = 300) -> CashStatus:
        """Wait until a recovery has ended and the books were compared again. RuntimeError with the reason when it could
        not free enough; TimeoutError when it still works or waits for arming, which it then goes on doing.
        """
        async with asyncio.timeout(within_s):
            while self.get_state() in RECOVERING:
                await self._clock.sleep(LOOK_S)
        state = self.snapshot.state
        if state.state is TraderState.ERROR:
            raise RuntimeError(f"{state.reason}; waits for {state.waiting_for}")
        return self.get_cash_status()

    # ---- safety ------------------------------------------------------------------------------------------------

    async def bulk_close_all_positions(self, within_s: float = 120) -> tuple[view.PositionView, ...]:
        """Close everything by reduce-only orders; returns what could not be closed. Ends paused. RuntimeError when it
        is refused now.
        """
        result = await self.process_action(cm.Liquidate())
        if result.status == "refused":
            raise RuntimeError(result.text)
        async with asyncio.timeout(within_s):
            while self.snapshot.state.procedure == "liquidation" or self.get_state() is TraderState.ACTING:
                await self._clock.sleep(LOOK_S)
        return self.get_positions()

    start_position_liquidation = bulk_close_all_positions

    async def emergency_stop(self) -> view.ActionView:
        """Cancel every own order and pause, at once."""
        return await self.process_action(cm.Panic())

    async def pause(self, reason: str = "the program") -> view.ActionView:
        return await self.process_action(cm.Pause(reason=reason))

    async def resume(self) -> view.ActionView:
        return await self.process_action(cm.Resume())

    async def reset_circuit_breaker(self, reason: str) -> view.ActionView:
        """Close the breaker by hand; refused while its cause lasts."""
        return await self.process_action(cm.ResetBreaker(reason=reason))

    def record_error(self, error: str, context: str = "") -> None:
        """An error of the program that shall count towards the breaker."""
        self.submit(ErrorReported(error=error, context=context))

    # ---- telling -----------------------------------------------------------------------------------------------

    def log_action_result(self, kind: str, text: str, elapsed_ns: int | None = None, status: str = "ok") -> None:
        """Something the program did, told among the activity. The text is cleaned and cut."""
        self.submit(ActionReported(kind=kind, text=text, elapsed_ns=elapsed_ns, status=status))

    def log_state_transition(self, source: str, target: str, reason: str) -> None:
        """A move of the program's own; the trader tells its moves by itself."""
        self.log_action_result("state", f"{source} → {target} ({reason})")

    def log_calibration_step(self, step: str, status: str, elapsed_ns: int | None = None) -> None:
        """A step of what the program does to get ready."""
        self.log_action_result("calibration_step", step, elapsed_ns, status)

    def log_service_status(self, service: str, status: str, detail: str = "") -> None:
        """How a service of the program stands."""
        self.log_action_result("service", f"{service}: {status}{f', {detail}' if detail else ''}", status=status)

    # ---- looking -----------------------------------------------------------------------------------------------

    def get_state(self) -> TraderState:
        return self.snapshot.state.state

    def market_listing(self) -> MarketListing:
        """Every market as last listed, with the time of that reading."""
        if self.engine is None:
            return MarketListing()
        markets = self.engine.desk.markets
        return MarketListing(markets=tuple(market.info for market in markets.all()), read_at=markets.listed_at)

    def get_debug_summary(self, *, ascii_only: bool = False) -> str:
        return render_summary(self.snapshot, self._clock.wall_ns(), ascii_only=ascii_only)
