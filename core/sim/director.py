"""The director: plays a scenario on a venue. Happenings, outcomes and new events come as timers of the venue's clock.

Outcomes are drawn from the seed with the last prices as odds; of a mutually exclusive event exactly one market, or
none, comes true. A new event takes the place of one that has closed, so that an exchange can run for weeks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from core.domain.amounts import PRICE_SCALE, Count, Money, Price, contracts
from core.domain.enums import BookSide, MarketStatus, TimeInForce
from core.sim.accounts import Account
from core.sim.catalog import Catalog
from core.sim.errors import Refused
from core.sim.faults import Faults
from core.sim.flow import Flow
from core.sim.lifecycle import STEPS, IllegalStep
from core.sim.matching import bust
from core.sim.model import MAKER, Event, Market, NewOrder
from core.sim.people import quote, sweep
from core.sim.scenarios import Happening, Planned, Scenario
from core.sim.stale import fill_before_cancel
from core.sim.text import NS
from core.sim.venue import Venue

_TRADED = frozenset({MarketStatus.ACTIVE})
_NEEDS = {step: STEPS[step][0] for step in ("close", "determine", "dispute", "amend", "settle")}


class Director:
    """One scenario, played from `start_ns` on."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        venue: Venue,
        flow: Flow,
        faults: Faults,
        catalog: Catalog,
        account: Account,
        seed: int,
        start_ns: int,
    ) -> None:
        self._scenario = scenario
        self._venue = venue
        self._flow = flow
        self._faults = faults
        self._catalog = catalog
        self.account = account
        self.on_wipe: Callable[[], None] = lambda: None
        self._chance = Random(f"director:{seed}")
        self._winners: dict[str, str] = {}
        self._followed: set[str] = set()
        self._busted: set[int] = set()
        self._prepared = 0
        venue.life.on_closed = self._closed
        venue.live_ns = scenario.archive_after * NS
        self._acts: dict[str, Callable[[Happening], None]] = {
            "jump": lambda h: flow.jump(self._market(h).ticker, h.by),
            "halt": self._halt,
            "close": lambda h: venue.life.move_close(self._market(h).ticker, venue.now_ns, venue.now_ns),
            "determine": lambda h: venue.life.determine(self._market(h).ticker, h.result, venue.now_ns),
            "dispute": lambda h: venue.life.dispute(self._market(h).ticker, venue.now_ns),
            "amend": lambda h: venue.life.amend(self._market(h).ticker, h.result, venue.now_ns),
            "settle": lambda h: venue.life.settle(self._market(h).ticker, venue.now_ns),
            "pause-trading": self._pause,
            "pause-exchange": self._pause,
            "one-sided": self._one_sided,
            "empty": self._empty,
            "flash": self._flash,
            "burst": self._burst,
            "renew": self._renew,
            "web-order": self._web_order,
            "deposit": self._deposit,
            "free-fees": self._free_fees,
            "hit": self._hit,
            "self-trade": self._self_trade,
            "bust": self._bust,
            "wipe": lambda h: self.on_wipe(),
            "grid": lambda h: venue.life.change_grid(self._market(h).ticker, venue.now_ns),
            "words": lambda h: venue.life.change_words(self._market(h).ticker, venue.now_ns),
        }
        self._ranked = sorted(venue.markets.values(), key=lambda m: m.activity)
        for event in list(venue.events.values()):
            self._prepare(event, start_ns)
        for happening in scenario.happenings:
            venue.at(start_ns + happening.after * NS, partial(self.play, happening))
        for planned in scenario.faults:
            self._plan(planned, start_ns)
        if scenario.maintenance:
            venue.life.keep_maintenance(start_ns)

    def play(self, happening: Happening) -> None:
        """Let something happen now; a step the market cannot take is left out."""
        try:
            self._acts[happening.act](happening)
        except (IllegalStep, Refused):
            return

    # what may happen

    def _market(self, happening: Happening) -> Market:
        """The market a happening means: by rank among those that can take this step now."""
        wanted = _NEEDS.get(happening.act, _TRADED)
        found = [market for market in self._ranked if market.status in wanted]
        if not found:
            raise IllegalStep(f"no market can {happening.act}")
        return found[happening.rank % len(found)]

    def _later(self, seconds: int, act: Callable[[], None]) -> None:
        if seconds:
            self._venue.at(self._venue.now_ns + seconds * NS, act)

    def _halt(self, happening: Happening) -> None:
        ticker, life = self._market(happening).ticker, self._venue.life
        life.pause(ticker, self._venue.now_ns)

        def resume() -> None:
            if self._venue.markets[ticker].status is MarketStatus.INACTIVE:
                life.resume(ticker, self._venue.now_ns)

        self._later(happening.lasts, resume)

    def _pause(self, happening: Happening) -> None:
        life, now = self._venue.life, self._venue.now_ns
        until = now + happening.lasts * NS if happening.lasts else 0
        if happening.act == "pause-trading":
            life.pause_trading(now, until)
            self._later(happening.lasts, lambda: life.resume_trading(self._venue.now_ns))
        else:
            life.pause_exchange(now, until)
            self._later(happening.lasts, lambda: life.resume_exchange(self._venue.now_ns))

    def _one_sided(self, happening: Happening) -> None:
        """Only one side is quoted: bids where `by` is positive, asks where it is negative, both again at 0."""
        pulse = self._flow.pulses.get(self._market(happening).ticker)
        if pulse is not None:
            pulse.one_sided = None if not happening.by else (BookSide.BID if happening.by > 0 else BookSide.ASK)

    def _empty(self, happening: Happening) -> None:
        """Every house order leaves the book."""
        for order in self._venue.resting_in(self._market(happening)):
            if order.account.house:
                self._venue.withdraw(order, self._venue.now_ns)

    def _flash(self, happening: Happening) -> None:
        """A sweep through the whole ladder; the price comes back by itself, the fair value has not moved."""
        pulse = self._flow.pulses.get(self._market(happening).ticker)
        if pulse is not None:
            for _ in range(3):
                sweep(self._flow.crowd, pulse, 5)

    def _burst(self, happening: Happening) -> None:
        """So many changes of one level in a row, all at once."""
        market, maker = self._market(happening), self._flow.crowd.maker
        wish = NewOrder(ticker=market.ticker, side=BookSide.BID, price=Price(100), count=contracts(1))
        for _ in range(abs(happening.by) // 2):
            self._venue.withdraw(self._venue.place(maker, wish, self._venue.now_ns).order, self._venue.now_ns)

    def _renew(self, happening: Happening) -> None:
        """The maker takes its whole ladder back and posts it anew: many changes, hardly a new price."""
        pulse = self._flow.pulses.get(self._market(happening).ticker)
        if pulse is not None and self._venue.trading_active:
            for quotes in pulse.quotes.values():
                for order in quotes.values():
                    self._venue.withdraw(order, self._venue.now_ns)
            quote(self._flow.crowd, pulse)

    def _web_order(self, happening: Happening) -> None:
        """The account's owner trades on the web page: an order without a client id, resting or, with `by`, taking."""
        market = self._market(happening)
        price = Price(9_900 if happening.by > 0 else 100)
        wish = NewOrder(ticker=market.ticker, side=BookSide.BID, price=price, count=contracts(1))
        self._venue.place(self.account, wish, self._venue.now_ns)

    def _deposit(self, happening: Happening) -> None:
        """Money from outside, or to it, in cents."""
        self._venue.transfer(self.account, Money(happening.by * 10_000), self._venue.now_ns)

    def _hit(self, happening: Happening) -> None:
        """Somebody trades against every resting order of the account, `by` percent of each (0: all of it)."""
        taker, venue = self._flow.crowd.takers[0], self._venue
        for order in self.account.all_resting():
            fill_before_cancel(venue, taker, self.account, order.order_id, happening.by or 100, venue.now_ns)

    def _self_trade(self, happening: Happening) -> None:
        """The account's owner trades on the web page against an own resting order, which gives way."""
        resting = self.account.all_resting()
        if not resting:
            raise IllegalStep("nothing rests")
        own = min(resting, key=lambda order: order.market.book.side(order.side).ahead(order))
        wish = NewOrder(
            ticker=own.market.ticker,
            side=own.side.opposite,
            price=own.price,
            count=Count(own.remaining),
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            self_trade=MAKER,
        )
        self._venue.place(self.account, wish, self._venue.now_ns)

    def _bust(self, happening: Happening) -> None:
        """A trade of the account is taken back: the last one, or the one so many before it."""
        done = [f for f in self.account.fills if f.trade.market.value is None and f.trade.number not in self._busted]
        if len(done) <= happening.rank:
            raise IllegalStep("no trade to take back")
        fill = done[-1 - happening.rank]
        self._busted.add(fill.trade.number)
        batch = self._venue.begin()
        bust(self._venue.matcher, fill, batch)
        self._venue.publish(batch)

    def _free_fees(self, happening: Happening) -> None:
        event = self._market(happening).event
        self._venue.life.override_event_fee(event.ticker, None, 0, self._venue.now_ns)

    def _plan(self, planned: Planned, start_ns: int) -> None:
        begin = start_ns + planned.after * NS
        self._venue.at(begin, lambda: self._faults.arm(planned.name, **planned.params))
        if planned.lasts:
            self._venue.at(begin + planned.lasts * NS, lambda: self._faults.disarm(planned.name))

    # outcomes and new events

    def _prepare(self, event: Event, now_ns: int) -> None:
        self._prepared += 1
        for market in event.markets:
            market.timer_s = self._scenario.timer
            # Every third event stays open, so that there is always something to trade.
            if self._scenario.closes_in and self._prepared % 3:
                close_ns = now_ns + self._scenario.closes_in * NS
                self._venue.at(now_ns, partial(self._venue.life.move_close, market.ticker, close_ns, now_ns))

    def _closed(self, market: Market) -> None:
        """A market has closed: the outcome follows, and where it was the last of its event another event does."""
        self._venue.at(self._venue.now_ns + self._scenario.determined_after * NS, partial(self._decide, market))
        event = market.event
        over = all(m.status is not MarketStatus.ACTIVE and m.close_ns <= self._venue.now_ns for m in event.markets)
        if self._scenario.rolls and over and event.ticker not in self._followed:
            self._followed.add(event.ticker)
            following = self._catalog.following(event, self._venue.now_ns)
            if following is not None:
                self._venue.life.list_event(following, self._venue.now_ns)
                self._flow.join(following.markets, self._venue.now_ns)
                self._ranked += following.markets
                self._prepare(following, self._venue.now_ns)

    def _decide(self, market: Market) -> None:
        if market.status is MarketStatus.CLOSED:
            self._venue.life.determine(market.ticker, self._outcome(market), self._venue.now_ns)

    def _outcome(self, market: Market) -> str:
        event = market.event
        if not event.mutually_exclusive:
            return "yes" if self._chance.randrange(PRICE_SCALE) < market.last_price else "no"
        if event.ticker not in self._winners:
            odds = [m.last_price for m in event.markets]
            total = max(PRICE_SCALE, sum(odds))
            drawn = self._chance.choices([m.ticker for m in event.markets] + [""], [*odds, total - sum(odds)])
            self._winners[event.ticker] = drawn[0]
        return "yes" if self._winners[event.ticker] == market.ticker else "no"
