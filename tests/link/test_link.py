"""Connections in memory: HTTP and WebSocket run on them unmodified; they delay, refuse, freeze and cut as told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import unix_connect

from core.sim.link import LinkedLoop
from core.sim.virtual_clock import NS, START_NS, Hang, VirtualClock, run_virtual

T = TypeVar("T")
PATH = "/nowhere/on/disk"


def run(main: Coroutine[Any, Any, T]) -> T:
    return run_virtual(lambda _clock: main, loop_factory=LinkedLoop)


def loop() -> LinkedLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, LinkedLoop)
    return running


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class Near(asyncio.Protocol):
    def __init__(self) -> None:
        self.told: list[Any] = []
        self.times: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.told.append(data)
        self.times.append((loop().now_ns - START_NS) // 1_000_000)

    def eof_received(self) -> bool | None:
        self.told.append("eof")
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(type(exc).__name__)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


async def pair(factory: type[asyncio.Protocol] = Echo) -> tuple[Any, Near]:
    await loop().create_unix_server(factory, PATH)
    transport, near = await loop().create_unix_connection(Near, PATH)
    assert isinstance(near, Near)
    return transport, near


def test_bytes_arrive_in_order_and_closing_is_seen_by_both_ends() -> None:
    far: list[Near] = []

    class Far(Near):
        def __init__(self) -> None:
            super().__init__()
            far.append(self)

    async def main() -> None:
        transport, near = await pair(Far)
        transport.write(b"one")
        transport.writelines([b"two", b"three"])
        transport.close()
        await asyncio.sleep(1)
        assert far[0].told == ["made", b"onetwothree", "eof", "NoneType"]
        assert near.told == ["made", "NoneType"]
        assert transport.is_closing()

    run(main())


def test_delay_is_the_time_a_byte_takes() -> None:
    async def main() -> None:
        loop().delay_ns = 20_000_000
        transport, near = await pair()
        transport.write(b"x")
        await asyncio.sleep(0.005)
        transport.write(b"y")
        await asyncio.sleep(1)
        assert near.told == ["made", b"x", b"y"]
        # 20 ms to connect, 40 ms there and back.
        assert near.times == [60, 65]

    run(main())


def test_refused_and_unknown_paths_refuse() -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await loop().create_unix_connection(Near, PATH)
        await pair()
        loop().refusing = True
        with pytest.raises(ConnectionRefusedError):
            await loop().create_unix_connection(Near, PATH)
        with pytest.raises(OSError, match="already listens"):
            await loop().create_unix_server(Echo, PATH)

    run(main())


def test_frozen_line_is_silent_and_thaws_without_loss() -> None:
    async def main() -> None:
        transport, near = await pair()
        loop().freeze(True)
        transport.write(b"held")
        await asyncio.sleep(60)
        assert near.told == ["made"]
        loop().freeze(False)
        await asyncio.sleep(0.001)
        assert near.told == ["made", b"held"]

    run(main())


def test_cut_resets_every_connection() -> None:
    async def main() -> None:
        _, near = await pair()
        assert loop().cut() == 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert near.told == ["made", "ConnectionResetError"]
        assert loop().cut() == 0

    run(main())


def test_writer_is_paused_while_the_reader_does_not_read() -> None:
    class Slow(Near):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.pause_reading()  # type: ignore[attr-defined]
            loop().call_later(5, transport.resume_reading)  # type: ignore[attr-defined]

    async def main() -> None:
        transport, near = await pair(Slow)
        for _ in range(20):
            transport.write(b"z" * 10_000)
        assert near.told == ["made", "pause"]
        await asyncio.sleep(6)
        assert near.told == ["made", "pause", "resume"]

    run(main())


async def serve() -> web.AppRunner:
    async def hello(request: web.Request) -> web.Response:
        return web.json_response({"body": (await request.read()).decode(), "path": request.path_qs})

    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    app = web.Application()
    app.router.add_route("*", "/hello", hello)
    app.router.add_get("/talk", talk)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, PATH).start()
    return runner


def test_http_and_websocket_libraries_run_unmodified() -> None:
    async def main() -> None:
        runner = await serve()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(PATH)) as session:
            for turn in range(3):
                async with session.post("http://localhost/hello?x=1", data=b"b" * 200_000 * turn) as response:
                    value = await response.json()
                    assert value["path"] == "/hello?x=1" and len(value["body"]) == 200_000 * turn
        async with unix_connect(PATH, "ws://localhost/talk", compression=None) as socket:
            await socket.send("shout")
            assert await socket.recv() == "SHOUT"
            # Six minutes with the library's own pings going to and fro.
            await asyncio.sleep(360)
            await socket.send("again")
            assert await socket.recv() == "AGAIN"
        await runner.cleanup()
        assert loop()._ends == {}
        with pytest.raises(ConnectionRefusedError):
            await loop().create_unix_connection(Near, PATH)

    run(main())


def test_server_that_never_answers_times_out_on_virtual_time() -> None:
    async def main() -> int:
        await loop().create_unix_server(Near, PATH)
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(PATH)) as session:
            with pytest.raises(TimeoutError):
                await session.get("http://localhost/", timeout=aiohttp.ClientTimeout(total=120))
        return (loop().now_ns - START_NS) // NS

    assert 120 <= run(main()) <= 121


def test_hang_is_told_through_the_link_too() -> None:
    async def main() -> None:
        await pair()
        await asyncio.Event().wait()

    with pytest.raises(Hang):
        run(main())


def test_clock_of_the_world_is_the_loops() -> None:
    async def main(clock: VirtualClock) -> None:
        assert clock.monotonic_ns() == loop().now_ns == START_NS

    run_virtual(main, loop_factory=LinkedLoop)
