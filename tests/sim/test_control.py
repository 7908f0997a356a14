"""The control port: a port of its own, closed to whoever lacks the token, and what it can rule."""

import asyncio
import json
from typing import Any

import pytest

from tests.sim.support import running


class Hand:
    def __init__(self, endpoint: Any) -> None:
        host, _, port = endpoint.control.rpartition(":")
        self.host, self.port, self.token = host, int(port), endpoint.control_token

    async def say(self, *lines: Any, token: str | None = None) -> list[Any]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        answers = []
        for line in lines:
            text = line if isinstance(line, bytes) else json.dumps({"token": token or self.token, **line}).encode()
            writer.write(text + b"\n")
            answers.append(json.loads(await reader.readline() or b"null"))
        writer.close()
        await writer.wait_closed()
        return answers


async def test_faults_are_switched_and_counted_at_run_time() -> None:
    async with running(control=True) as (_server, client):
        hand = Hand(client.endpoint)
        (armed,) = await hand.say({"do": "arm", "fault": "server_error", "params": {"status": 502, "times": 1}})
        assert armed["ok"] and armed["armed"]["server_error"]["status"] == 502
        assert (await client.raw("GET", "/exchange/status"))[0] == 502
        assert (await client.raw("GET", "/exchange/status"))[0] == 200
        (state,) = await hand.say({"do": "faults"})
        assert state["counts"] == {"server_error": 1}
        (off,) = await hand.say({"do": "disarm"})
        assert off["armed"] == {}


async def test_time_and_happenings_are_ruled() -> None:
    async with running(control=True) as (_server, client):
        hand = Hand(client.endpoint)
        answers = await hand.say({"do": "speed", "speed": 0}, {"do": "status"}, {"do": "step", "seconds": 2.5})
        assert answers[1]["speed"] == 0 and answers[2]["now_ns"] - answers[1]["now_ns"] == 2_500_000_000
        answers = await hand.say({"do": "act", "act": "pause-trading"}, {"do": "check"}, {"do": "help"})
        assert all(a["ok"] for a in answers) and answers[1]["deposits"].endswith(".000000")
        assert (await client.call("GET", "/exchange/status"))["trading_active"] is False
        assert "frame_lost" in answers[2]["faults"]


@pytest.mark.parametrize(
    "line",
    [
        {"do": "arm", "fault": "nope"},
        {"do": "arm", "fault": "frame_lost", "params": 3},
        {"do": "arm", "fault": "frame_lost", "params": {"x": 1}},
        {"do": "disarm", "fault": "nope"},
        {"do": "speed", "speed": "fast"},
        {"do": "step", "seconds": -1},
        {"do": "act", "act": "dance"},
        {"do": "act", "act": "jump", "by": "far"},
        {"do": 7},
        {},
    ],
)
async def test_nonsense_is_answered_with_its_reason(line: Any) -> None:
    async with running(control=True) as (_server, client):
        answers = await Hand(client.endpoint).say(line, {"do": "status"})
        assert not answers[0]["ok"] and answers[0]["error"] and answers[1]["ok"]


@pytest.mark.parametrize(
    "line",
    [b"GET / HTTP/1.1", b"null", b"[]", b'{"do":"status"}', b'{"do":"status","token":"x"}', b"\xff", b"[" * 5000],
)
async def test_without_the_token_the_line_is_cut(line: bytes) -> None:
    async with running(control=True) as (_server, client):
        assert await Hand(client.endpoint).say(line) == [None]


async def test_clients_cannot_reach_it_and_it_is_closed_unless_asked_for() -> None:
    async with running(control=True) as (_server, client):
        assert client.endpoint.control and client.endpoint.control not in client.endpoint.rest_url
        assert client.endpoint.control_token not in repr(client.endpoint)
        for path in ("/control", "/faults", "/exchange/control"):
            assert (await client.raw("POST", path, data=b"{}"))[0] == 404
    async with running() as (_server, client):
        assert client.endpoint.control == client.endpoint.control_token == ""
