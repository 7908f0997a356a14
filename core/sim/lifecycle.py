"""The life of markets and of the exchange itself: opened, paused, closed, determined, disputed, amended, paid.

One table says which step leads where; a step with no row raises `IllegalStep` before anything changes. Steps that time
brings (opening, closing, payment, maintenance) are timers of the venue; all others are commands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from core.domain.amounts import PRICE_SCALE, Count, Money, Price
from core.domain.enums import MarketStatus
from core.sim.calendar import next_maintenance
from core.sim.events import Batch, EventFeeMoved, EventListed, MarketMoved
from core.sim.fees import FeeRule
from core.sim.matching import take_off
from core.sim.model import Event, Market, Series
from core.sim.text import NS, price_text, uuid_text

if TYPE_CHECKING:
    from core.sim.venue import Venue

S = MarketStatus
CLOSE_SWEEP_NS = NS  # resting orders are canceled soon after the close, not with it
FINER, COARSER, REWORDED = "tapered_deci_cent", "linear_cent", " (as amended)"
RESULTS = {"yes": PRICE_SCALE, "no": 0}
# step: the statuses it starts from, the one it leads to
STEPS: dict[str, tuple[frozenset[MarketStatus], MarketStatus]] = {
    "open": (frozenset({S.INITIALIZED}), S.ACTIVE),
    "pause": (frozenset({S.ACTIVE}), S.INACTIVE),
    "resume": (frozenset({S.INACTIVE}), S.ACTIVE),
    "close": (frozenset({S.INITIALIZED, S.ACTIVE, S.INACTIVE}), S.CLOSED),
    "reopen": (frozenset({S.CLOSED}), S.ACTIVE),
    "determine": (frozenset({S.CLOSED}), S.DETERMINED),
    "dispute": (frozenset({S.DETERMINED}), S.DISPUTED),
    "amend": (frozenset({S.DISPUTED}), S.AMENDED),
    "settle": (frozenset({S.DETERMINED, S.AMENDED}), S.FINALIZED),
}


class IllegalStep(ValueError):
    """A market cannot take this step from where it is."""


class FeeChange(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """A change of fees at its time: of a series, or an override of one event (None clears a part)."""

    number: int
    change_id: str
    series: Series
    event: Event | None
    fee_type: str | None
    multiplier: int | None
    at_ns: int


class Lifecycle:
    """Commands over markets, fees and pauses; all of them take the venue's time."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.resume_ns = 0  # when a pause is expected to end; 0: not said
        self.maintenance: tuple[int, int] | None = None
        self.fee_changes: list[FeeChange] = []
        self.on_closed: Callable[[Market], None] = lambda market: None

    # markets

    def schedule(self, market: Market) -> None:
        """Let time open and close a market."""
        if market.status is S.INITIALIZED:
            self._venue.at(market.open_ns, partial(self._open_due, market))
        self._venue.at(market.close_ns, partial(self._close_due, market, market.close_ns))

    def list_event(self, event: Event, now_ns: int) -> None:
        """A new event and its markets come into the world; those whose time has come are open at once."""
        venue = self._venue
        venue.advance(now_ns)
        venue.series.setdefault(event.series.ticker, event.series)
        venue.events[event.ticker] = event
        batch = venue.begin()
        batch.steps.append(EventListed(event))
        for market in event.markets:
            venue.markets[market.ticker] = market
            if market.open_ns > venue.now_ns:
                market.status = S.INITIALIZED
            self.schedule(market)
            batch.steps.append(MarketMoved(market, "created", {}))
        venue.publish(batch)

    def pause(self, ticker: str, now_ns: int) -> None:
        """Resting orders stay, except those that asked to be canceled on a pause."""
        market, batch = self._step(ticker, "pause", now_ns)
        for order in self._venue.resting_in(market):
            if order.cancel_on_pause:
                take_off(order, "HaltCancel", batch)
        self._tell(batch, market, "deactivated", is_deactivated=True)

    def resume(self, ticker: str, now_ns: int) -> None:
        """When an inactive market becomes active again all its resting orders are canceled."""
        market, batch = self._step(ticker, "resume", now_ns)
        self._sweep(market, "HaltCancel", batch)
        self._tell(batch, market, "activated", is_deactivated=False)

    def move_close(self, ticker: str, close_ns: int, now_ns: int) -> None:
        """Close earlier, later or at once; a closed market whose close moves ahead trades again."""
        venue = self._venue
        venue.advance(now_ns)
        market = venue.markets[ticker]
        if market.status not in (S.INITIALIZED, S.ACTIVE, S.INACTIVE, S.CLOSED):
            raise IllegalStep(f"{ticker} is {market.status.value}: its close cannot move")
        reopens = market.status is S.CLOSED and close_ns > venue.now_ns
        market.close_ns = close_ns
        batch = venue.begin()
        self._tell(batch, market, "close_date_updated", close_ts=close_ns // NS)
        venue.at(close_ns, partial(self._close_due, market, close_ns))
        if reopens:
            market, batch = self._step(ticker, "reopen", now_ns)
            self._sweep(market, "CloseCancel", batch)
            self._tell(batch, market, "activated", is_deactivated=False)
        venue.advance(now_ns)

    def determine(self, ticker: str, result: str, now_ns: int, value: int | None = None) -> None:
        """The outcome is known; it is paid when the settlement timer has run, unless it is disputed."""
        self._decide(ticker, "determine", result, value, now_ns)

    def dispute(self, ticker: str, now_ns: int) -> None:
        """Stops the settlement timer until the outcome is amended."""
        market, batch = self._step(ticker, "dispute", now_ns)
        batch.touched(market)
        self._venue.publish(batch)

    def amend(self, ticker: str, result: str, now_ns: int, value: int | None = None) -> None:
        """The disputed outcome is replaced, or upheld, and the timer runs again."""
        self._decide(ticker, "amend", result, value, now_ns)

    def change_grid(self, ticker: str, now_ns: int) -> None:
        """Finer prices near both ends, or whole cents again; resting orders stay where they are."""
        market, batch = self._touch(ticker, now_ns)
        market.structure = FINER if market.structure != FINER else COARSER
        self._tell(batch, market, "price_level_structure_updated", price_level_structure=market.structure)

    def change_words(self, ticker: str, now_ns: int) -> None:
        """The name of the YES outcome is put another way."""
        market, batch = self._touch(ticker, now_ns)
        market.outcome = (
            market.outcome.removesuffix(REWORDED) if market.outcome.endswith(REWORDED) else market.outcome + REWORDED
        )
        self._tell(batch, market, "metadata_updated", yes_sub_title=market.outcome)

    def settle(self, ticker: str, now_ns: int) -> None:
        """Pay the net positions now, without waiting for the timer."""
        self._pay(self._venue.markets[ticker], now_ns)

    # the exchange

    def pause_trading(self, now_ns: int, until_ns: int = 0) -> None:
        """No placing or amending; cancels work, and orders that asked for it are canceled."""
        self._pause_all(now_ns, until_ns, exchange=False)

    def resume_trading(self, now_ns: int) -> None:
        self._venue.advance(now_ns)
        self._venue.trading_active, self.resume_ns = True, 0

    def pause_exchange(self, now_ns: int, until_ns: int = 0) -> None:
        """Nothing can be written at all."""
        self._pause_all(now_ns, until_ns, exchange=True)

    def resume_exchange(self, now_ns: int) -> None:
        self._venue.advance(now_ns)
        self._venue.exchange_active, self._venue.trading_active, self.resume_ns = True, True, 0

    def keep_maintenance(self, now_ns: int) -> None:
        """Pause trading every Thursday from 03:00 to 05:00 Eastern Time."""
        start_ns, end_ns = self.maintenance = next_maintenance(now_ns)
        self._venue.at(start_ns, lambda: self.pause_trading(start_ns, end_ns))
        self._venue.at(end_ns, partial(self._end_maintenance, end_ns))

    # fees

    def change_series_fee(self, ticker: str, rule: FeeRule, at_ns: int) -> FeeChange:
        """A scheduled change; it applies to fills from its time on."""
        series = self._venue.series[ticker]
        return self._plan_fee(series, None, rule.fee_type, rule.multiplier, at_ns)

    def override_event_fee(self, ticker: str, fee_type: str | None, multiplier: int | None, at_ns: int) -> FeeChange:
        """An event's own fee from a time on; None clears that part."""
        event = self._venue.events[ticker]
        return self._plan_fee(event.series, event, fee_type, multiplier, at_ns)

    # how

    def _step(self, ticker: str, step: str, now_ns: int) -> tuple[Market, Batch]:
        self._venue.advance(now_ns)
        market = self._venue.markets[ticker]
        sources, target = STEPS[step]
        if market.status not in sources:
            raise IllegalStep(f"{ticker} is {market.status.value}: {step} is not possible")
        market.status, market.updated_ns = target, self._venue.now_ns
        return market, self._venue.begin()

    def _touch(self, ticker: str, now_ns: int) -> tuple[Market, Batch]:
        self._venue.advance(now_ns)
        market = self._venue.markets[ticker]
        market.updated_ns = self._venue.now_ns
        return market, self._venue.begin()

    def _tell(self, batch: Batch, market: Market, event_type: str, **fields: bool | int | str) -> None:
        batch.touched(market)
        batch.steps.append(MarketMoved(market, event_type, fields))
        self._venue.publish(batch)

    def _sweep(self, market: Market, reason: str, batch: Batch) -> None:
        for order in self._venue.resting_in(market):
            take_off(order, reason, batch)

    def _open_due(self, market: Market) -> None:
        """Opening is silent on the stream."""
        if market.status is S.INITIALIZED:
            _market, batch = self._step(market.ticker, "open", self._venue.now_ns)
            self._venue.publish(batch)

    def _close_due(self, market: Market, due_ns: int) -> None:
        """Closing is silent on the stream; the resting orders go a moment later."""
        if market.close_ns == due_ns and market.status in STEPS["close"][0]:
            self._step(market.ticker, "close", self._venue.now_ns)
            self._venue.at(self._venue.now_ns + CLOSE_SWEEP_NS, partial(self._sweep_closed, market))
            self.on_closed(market)

    def _sweep_closed(self, market: Market) -> None:
        if market.status is not S.ACTIVE:
            batch = self._venue.begin()
            self._sweep(market, "CloseCancel", batch)
            self._venue.publish(batch)

    def _decide(self, ticker: str, step: str, result: str, value: int | None, now_ns: int) -> None:
        worth = RESULTS.get(result, value)
        if worth is None or not 0 <= worth <= PRICE_SCALE or (result not in RESULTS and result != "scalar"):
            raise IllegalStep(f"{ticker} cannot end as {result!r} at {worth}")
        market, batch = self._step(ticker, step, now_ns)
        if market.floor is not None and worth < market.floor:
            # A floor: YES cannot settle below it, whatever the outcome.
            result, worth = "scalar", market.floor
        self._sweep(market, "CloseCancel", batch)
        market.result, market.value = result, Price(worth)
        decided_ns = self._venue.now_ns
        due_ns = decided_ns + market.timer_s * NS
        self._venue.at(due_ns, partial(self._pay_due, market, decided_ns))
        self._tell(
            batch,
            market,
            "determined",
            determination_ts=decided_ns // NS,
            result=result,
            settlement_value=price_text(worth),
        )

    def _pay_due(self, market: Market, decided_ns: int) -> None:
        if market.status in STEPS["settle"][0] and market.updated_ns == decided_ns:
            self._pay(market, self._venue.now_ns)

    def _pay(self, market: Market, now_ns: int) -> None:
        """Only the net position is paid: the value to YES, one minus it to NO, rounded down to whole cents."""
        _market, batch = self._step(market.ticker, "settle", now_ns)
        assert market.value is not None
        venue = self._venue
        market.settled_ns, market.open_interest = venue.now_ns, Count(0)
        for account in venue.accounts.values():
            kept = account.settle(market, market.value, venue.now_ns)
            if kept is not None:
                venue.matcher.fees = Money(venue.matcher.fees + kept)
                batch.position(account, market)
        self._tell(batch, market, "settled", settled_ts=venue.now_ns // NS)

    def _pause_all(self, now_ns: int, until_ns: int, *, exchange: bool) -> None:
        venue = self._venue
        venue.advance(now_ns)
        venue.trading_active, self.resume_ns = False, until_ns
        venue.exchange_active = venue.exchange_active and not exchange
        batch = venue.begin()
        for account in venue.accounts.values():
            for order in account.all_resting():
                if order.cancel_on_pause:
                    take_off(order, "HaltCancel", batch)
        venue.publish(batch)

    def _end_maintenance(self, end_ns: int) -> None:
        self.resume_trading(end_ns)
        self.keep_maintenance(end_ns)

    def _plan_fee(
        self, series: Series, event: Event | None, fee_type: str | None, multiplier: int | None, at_ns: int
    ) -> FeeChange:
        change = FeeChange(
            number=len(self.fee_changes) + 1,
            change_id=uuid_text(self._venue.chance),
            series=series,
            event=event,
            fee_type=fee_type,
            multiplier=multiplier,
            at_ns=at_ns,
        )
        self.fee_changes.append(change)
        self._venue.at(at_ns, partial(self._apply_fee, change))
        return change

    def _apply_fee(self, change: FeeChange) -> None:
        event, series = change.event, change.series
        if event is None:
            series.fee = FeeRule(change.fee_type or series.fee.fee_type, change.multiplier or 0)
            return
        event.fee_type_override, event.fee_multiplier_override = change.fee_type, change.multiplier
        batch = self._venue.begin()
        batch.steps.append(EventFeeMoved(event))
        self._venue.publish(batch)
