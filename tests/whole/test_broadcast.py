"""The broadcast: real listeners, messages as documented, and a listener that does not read harms nobody."""

import asyncio
import json
import re
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.assembly import Trader
from core.config import load
from core.domain.commands import Pause, Stop
from core.domain.enums import ExitReason, Origin, TraderState
from core.local.broadcast import QUEUE, Broadcast
from tests.whole.road import until

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "broadcast.md").read_text()


def schema() -> dict[str, Any]:
    found = re.search(r"<!-- broadcast schema -->\n```json\n(.*?)\n```", DOCUMENT, re.DOTALL)
    assert found
    document: dict[str, Any] = json.loads(found[1])
    jsonschema.Draft202012Validator.check_schema(document)
    return document


@asynccontextmanager
async def trading(tmp_path: Path, **more: Any) -> AsyncIterator[Trader]:
    trader = Trader(load({"state_dir": tmp_path, "seed": 7, **more}, {}).settings)
    trader.prepare()
    running = asyncio.create_task(trader.run())
    try:
        await until(lambda: trader.snapshot.state.state in (TraderState.READY, TraderState.ACTING))
        yield trader
    finally:
        trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
        await running


def where(trader: Trader) -> dict[str, str]:
    found: dict[str, str] = json.loads((trader.folder() / "broadcast.json").read_text())
    return found


def listen(found: dict[str, str], **headers: str) -> Any:
    return connect(found["url"], additional_headers={"Authorization": f"Bearer {found['token']}"} | headers)


async def test_every_message_is_as_documented_and_carries_the_four_parts(tmp_path: Path) -> None:
    check = jsonschema.Draft202012Validator(schema())
    async with trading(tmp_path) as trader, listen(where(trader)) as listener:
        seen: list[dict[str, Any]] = []

        async def take() -> dict[str, Any]:
            message: dict[str, Any] = json.loads(await asyncio.wait_for(listener.recv(), 10))
            check.validate(message)
            seen.append(message)
            return message

        first = await take()
        assert first["state_machine"]["current_state"] in ("READY", "ACTING")
        assert [s["step"] for s in first["state_machine"]["calibration_steps"]]
        assert first["services"]["StateSync"]["sync_drift"] == {"cash": "0.000000", "positions": 0}
        trader.submit(Pause(command_id=trader.next_command_id()))
        while seen[-1].get("state_machine", {}).get("label") != "PAUSED (operator)":
            await take()
        for ask in ('{"ask": "summary"}', '{"ask": "history", "limit": 3}', '{"ask": "sell"}', b"\xff\x00", "[]"):
            await listener.send(ask)
        while len([m for m in seen if m["type"] == "error"]) < 3:
            await take()
    (history,) = [m for m in seen if m["type"] == "history"]
    assert [e["label"] for e in history["entries"]][-1] == "PAUSED (operator)"
    assert len(history["entries"]) == 3
    assert any(m["type"] == "summary" and "State: PAUSED" in m["text"] for m in seen)


async def test_a_listener_without_the_token_or_from_a_page_is_refused(tmp_path: Path) -> None:
    async with trading(tmp_path) as trader:
        found = where(trader)
        port = int(found["url"].rstrip("/").rpartition(":")[2])
        bearer = {"Authorization": f"Bearer {found['token']}"}
        cases: list[tuple[dict[str, str], int]] = [
            ({}, 401),
            ({"Authorization": "Bearer no"}, 401),
            ({"Authorization": found["token"]}, 401),
            ({"Authorization": f"Bearer {found['token']}é"}, 401),
            (bearer | {"Origin": "http://localhost"}, 403),
            (bearer | {"Origin": "null"}, 403),
        ]
        for headers, code in cases:
            with pytest.raises(InvalidStatus) as refused:
                await connect(found["url"], additional_headers=headers)
            assert refused.value.response.status_code == code, headers
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example:1", "10.0.0.1:80", ""):
            head = f"GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {bearer['Authorization']}\r\n"
            assert b" 403 " in await asyncio.to_thread(_say, port, head + UPGRADE), host
        assert b" 101 " in await asyncio.to_thread(
            _say,
            port,
            f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {found['token']}\r\n" + UPGRADE,
        )
        assert found["token"] not in trader.status_text(form="whole")


UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def _say(port: int, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(text.encode())
        return peer.recv(4096).split(b"\r\n")[0]


async def test_the_token_file_is_private_and_port_and_file_are_gone_at_exit(tmp_path: Path) -> None:
    async with trading(tmp_path) as trader:
        path, found = trader.folder() / "broadcast.json", where(trader)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        listener = await listen(found)
        last = ""
    with pytest.raises(ConnectionClosed):
        while True:
            last = str(await asyncio.wait_for(listener.recv(), 5))
    assert json.loads(last)["state_machine"]["current_state"] == "SHUTDOWN"
    assert not path.exists()
    with pytest.raises(ConnectionRefusedError):
        await connect(found["url"])


async def test_switched_off_there_is_no_port_and_no_file(tmp_path: Path) -> None:
    async with trading(tmp_path, broadcast=False) as trader:
        assert trader.broadcast is None
        assert not (trader.folder() / "broadcast.json").exists()


async def test_a_listener_that_never_reads_loses_messages_and_slows_nobody(tmp_path: Path) -> None:
    count = 0

    def news() -> object:
        nonlocal count
        count += 1
        return count

    def status() -> bytes:
        return json.dumps({"type": "status", "count": count, "weight": "x" * 1_000_000}).encode()

    broadcast = Broadcast(tmp_path, news, status, lambda ask: ask)
    running = asyncio.create_task(broadcast.run())
    await until(lambda: (tmp_path / "broadcast.json").exists())
    found = json.loads((tmp_path / "broadcast.json").read_text())
    port = int(found["url"].rstrip("/").rpartition(":")[2])
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.sendall(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {found['token']}\r\n{UPGRADE}".encode()
    )
    late = 0.0
    async with connect(
        found["url"], additional_headers={"Authorization": f"Bearer {found['token']}"}, max_size=None
    ) as good:
        got = []
        began = time.monotonic()
        while len(got) < QUEUE + 8:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - before)
            got.append(json.loads(await asyncio.wait_for(good.recv(), 5))["count"])
        took = time.monotonic() - began
    assert got == sorted(set(got))
    assert took > 0.2 * len(got), "more than four a second"
    assert late < 0.5
    deaf.close()
    await until(lambda: broadcast.listeners == 0)
    assert broadcast.dropped > 0
    running.cancel()
    began = time.monotonic()
    await asyncio.gather(running, return_exceptions=True)
    assert time.monotonic() - began < 3
    assert not (tmp_path / "broadcast.json").exists()


async def test_a_listener_that_lost_messages_is_told_how_many(tmp_path: Path) -> None:
    check = jsonschema.Draft202012Validator(schema())
    size = "x" * 3_000_000
    broadcast = Broadcast(tmp_path, time.monotonic, lambda: json.dumps({"weight": size}).encode(), lambda ask: ask)
    running = asyncio.create_task(broadcast.run())
    await until(lambda: (tmp_path / "broadcast.json").exists())
    found = json.loads((tmp_path / "broadcast.json").read_text())
    headers = {"Authorization": f"Bearer {found['token']}"}
    async with connect(found["url"], additional_headers=headers, max_size=None, max_queue=1, close_timeout=0.2) as slow:
        await until(lambda: any(listener.dropped for listener in broadcast._listeners))
        told: dict[str, Any] = {}
        while "type" not in told:
            told = json.loads(await asyncio.wait_for(slow.recv(), 5))
    check.validate(told)
    assert told["count"] >= 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
