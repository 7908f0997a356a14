"""What one stream connection may ask for: markets in all subscriptions, commands a second, connections of a member."""

import json
from typing import Any

import aiohttp
import pytest

from core.sim.control import Control
from core.sim.feed import FeedSession
from core.sim.scenarios import read_scenario
from core.sim.stream_limits import StreamLimits
from tests.facts import validate_frame
from tests.sim.support import NOW, bare_venue, member, running


class Line:
    """A session without a socket."""

    def __init__(self, **limits: Any) -> None:
        venue = bare_venue(6)
        self.tickers = list(venue.markets)
        self.frames: list[Any] = []
        self.limits = StreamLimits(**limits)
        self.session = FeedSession(venue, member(venue), self._take, None, self.limits)

    def _take(self, frame: bytes, _channel: str) -> bool:
        self.frames.append(json.loads(frame))
        validate_frame(self.frames[-1])
        return True

    def ask(self, cmd: str, now_ns: int = NOW, **params: Any) -> list[str]:
        """The kinds of the answers, an error by its code."""
        seen = len(self.frames)
        self.session.on_text(json.dumps({"id": 1, "cmd": cmd, "params": params}), now_ns)
        return [str(f["msg"]["code"]) if f["type"] == "error" else f["type"] for f in self.frames[seen:]]


def test_more_markets_than_a_connection_may_have_are_error_26() -> None:
    line = Line(markets=4)
    a, b, c, d = line.tickers[:4]
    assert line.ask("subscribe", channels=["ticker", "trade"], market_tickers=[a, b, c]) == ["26"]
    assert line.ask("list_subscriptions") == ["ok"] and line.frames[-1]["msg"] == []
    assert line.ask("subscribe", channels=["ticker"], market_tickers=[a, b, c]) == ["subscribed"]
    assert line.ask("subscribe", channels=["ticker"], market_tickers=[a, b]) == ["ok"], "known ones cost nothing"
    assert line.ask("update_subscription", sid=1, action="add_markets", market_tickers=[a, d]) == ["ok"]
    assert line.ask("subscribe", channels=["trade"], market_tickers=[a]) == ["26"]
    assert line.ask("update_subscription", sid=1, action="delete_markets", market_tickers=[b]) == ["ok"]
    assert line.ask("subscribe", channels=["trade"], market_tickers=[a]) == ["subscribed"]


def test_more_commands_a_second_than_allowed_are_error_27_and_not_carried_out() -> None:
    line = Line(commands=3)
    assert [line.ask("list_subscriptions") for _ in range(3)] == [["ok"]] * 3
    assert line.ask("subscribe", channels=["ticker"]) == ["27"]
    assert line.ask("list_subscriptions", NOW + 10**9) == ["ok"] and line.frames[-1]["msg"] == []


def test_the_limits_are_those_that_are_published() -> None:
    assert StreamLimits() == StreamLimits(markets=500_000, commands=10_000, connections=None)


async def test_a_member_with_rate_limits_has_so_many_connections() -> None:
    async with running(alive=0, tier="basic") as (server, client):
        assert server.limits.connections == 200
        server.limits.connections = 1
        async with client.stream():
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with client.stream():
                    pass
            assert caught.value.status == 429


async def test_limits_are_changed_from_the_control_port_and_from_a_file() -> None:
    made = read_scenario("stream_markets = 5\nstream_commands = 2\n", "few.toml")
    assert (made.stream_markets, made.stream_commands) == (5, 2)
    async with running(alive=0) as (server, _client):
        control = Control(server, "t")
        assert control.answer(b'{"token":"t","do":"limits","markets":7}') == {
            "ok": True, "markets": 7, "commands": 10_000, "connections": None,
        }  # fmt: skip
        assert server.limits.markets == 7
        refused = control.answer(b'{"token":"t","do":"limits","commands":"x"}')
        assert refused is not None and not refused["ok"]
