"""Roster: which markets the strategy decides about and which are watched besides: for the eye, or for a position.

The place of a decided market that has ended goes to an open one. The list of markets is read anew before that, since
what opened meanwhile is not known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.effects import WatchMarkets
from core.domain.ids import Ticker
from core.strategy.actor import ActorService
from core.trading.desk import Desk

if TYPE_CHECKING:
    from core.engine.lifecycle import Lifecycle


class Roster:
    """Looked at once a beat, once the trader has come up."""

    def __init__(self, desk: Desk, actor: ActorService) -> None:
        self._desk = desk
        self._actor = actor
        self._extra: tuple[Ticker, ...] = ()
        self._held_version = -1
        self._ended: tuple[Ticker, ...] = ()
        self._readings = 0

    def beat(self, life: Lifecycle) -> None:
        """Follow the positions, and fill the places of markets that have ended."""
        if not life.calibrations:
            return
        if self._desk.positions.version != self._held_version:
            self.watch_positions()
        self._fill_places(life.terms.readings)

    def watch(self, ticker: Ticker) -> None:
        """Add a market to the watched set, for the eye."""
        if ticker not in self._extra:
            self._extra += (ticker,)
        self.tell()

    def unwatch(self, ticker: Ticker) -> None:
        """Take a market out of the watched set again."""
        self._extra = tuple(watched for watched in self._extra if watched != ticker)
        self.tell()

    def watch_positions(self) -> None:
        """A position that cannot be marked or closed helps nobody: its market is watched too, whoever opened it."""
        self._held_version = self._desk.positions.version
        for position in self._desk.positions.open():
            if position.ticker in self._desk.markets and position.ticker not in self._extra:
                self._extra += (position.ticker,)
        self.tell()

    def tell(self) -> None:
        """Tell the stream which books are wanted, where that changed."""
        desk = self._desk
        wanted = tuple(dict.fromkeys(self._actor.quoted + self._extra))
        if wanted != desk.markets.watched:
            desk.markets.watched = wanted
            desk.out.do(WatchMarkets(tickers=wanted))

    def _fill_places(self, readings: int) -> None:
        desk, actor = self._desk, self._actor
        ended = actor.ended(desk.markets)
        if ended != self._ended:
            self._ended, self._readings = ended, readings
            desk.terms_stale = desk.terms_stale or bool(ended)
        elif ended and readings > self._readings:
            self._readings = readings
            new = actor.refill(desk.markets, desk.settings.quote_markets)
            if new:
                self.tell()
                words = f"{', '.join(new)} decided about in place of {', '.join(ended)}"
                desk.status.log_action_result(desk.wall_ns, "market", words)
