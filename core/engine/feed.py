"""FeedWatch: a line that is up and books that are not: after a while that is no passing trouble, and a person is asked.

Lost books pause trading by themselves and end by themselves; a line that is down is connected again however long it
takes. But a feed that stays stale through several new connections is not to be trusted again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.trading.desk import NS

if TYPE_CHECKING:
    from core.engine.lifecycle import Lifecycle

STALE_NS = 60 * NS
# Books are asked for by new connections too: a short time without a line does not end a stale feed.
DOWN_NS = 10 * NS


class FeedWatch:
    """Looked at once a beat; `stale` as long as the feed is what tripped the breaker, or would."""

    def __init__(self) -> None:
        self._since_ns = 0
        self._up_ns = 0
        self.stale = False

    def beat(self, life: Lifecycle) -> None:
        """Trip the breaker when no quoted book could be trusted for long although there is a line."""
        desk = life.desk
        if desk.links.stream_up:
            self._up_ns = desk.now_ns
        quoted = life.actor.quoted
        untrusted = desk.markets.untrusted()
        lost = bool(quoted and untrusted) and life.calibrations > 0 and set(quoted) <= set(untrusted)
        if not lost or desk.now_ns - self._up_ns > DOWN_NS:
            self._since_ns, self.stale = 0, False
            return
        self._since_ns = self._since_ns or desk.now_ns
        self.stale = desk.now_ns - self._since_ns > STALE_NS
        if self.stale and not desk.breaker.tripped:
            seconds = STALE_NS // NS
            words = f"stale feed: no quoted book could be trusted for {seconds} s"
            desk.breaker.trip(words, f"> {seconds} s", f"{seconds} s", desk.wall_ns)
            desk.breaker_moved()
