"""The command palette's provider: every action by name, with its key, its words and whether it works now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.action import Action
from tui.actions import ACTIONS, key_text
from tui.view_models.finder import found_markets

MARKETS_SHOWN = 10

if TYPE_CHECKING:
    from tui.app import TraderApp


def _as_it_is(text: str) -> str:
    """The palette reads words of help as markup, which a market's title could be; `Content` it takes as it is."""
    return cast("str", Content(text))


class ActionProvider(Provider):
    """Lists the one list of actions."""

    def _entry(self, action: Action) -> tuple[str, str]:
        app = cast("TraderApp", self.app)
        blocked = action.why_not(app.situation())
        keys = ", ".join(key_text(key) for key in action.keys)
        name = action.name.replace("_", " ")
        return f"{name}  ({keys})", f"not now: {blocked}" if blocked else action.words

    async def discover(self) -> Hits:
        app = cast("TraderApp", self.app)
        for action in ACTIONS:
            title, words = self._entry(action)
            yield DiscoveryHit(
                Content(title), partial(app.action_operate, action.name), text=title, help=_as_it_is(words)
            )

    async def search(self, query: str) -> Hits:
        app = cast("TraderApp", self.app)
        matcher = self.matcher(query)
        for action in ACTIONS:
            title, words = self._entry(action)
            score = matcher.match(f"{title} {action.words}")
            if score > 0:
                yield Hit(
                    score, Content(title), partial(app.action_operate, action.name), text=title, help=_as_it_is(words)
                )
        show = app.operations.ordering.show
        for info in found_markets(app.bridge.market_listing(), frozenset(), query)[:MARKETS_SHOWN]:
            title = f"market {info.ticker}"
            score = max(matcher.match(f"{title} {info.title}"), 0.01)
            yield Hit(score, Content(title), partial(show, info.ticker), text=title, help=_as_it_is(info.title))
