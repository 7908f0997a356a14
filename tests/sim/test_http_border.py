"""HTTP itself, sent as no client library would: every answer is the exchange's, nothing hangs, nothing is a 500."""

from __future__ import annotations

import asyncio

import pytest

from core.local.clock import SystemClock
from core.sim.server import ExchangeServer, ExchangeSettings

PATH = "/trade-api/v2/portfolio/events/orders"


async def talk(server: ExchangeServer, port: int, raw: bytes, wait: float = 3) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    await writer.drain()
    try:
        async with asyncio.timeout(wait):
            return await reader.read(65536)
    finally:
        writer.close()


async def running() -> tuple[ExchangeServer, int]:
    server = ExchangeServer(ExchangeSettings(), SystemClock())
    endpoint = await server.start()
    return server, int(endpoint.rest_url.split(":")[2].split("/")[0])


def request(method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "nonsense"])
async def test_a_body_that_names_an_encoding_it_has_not_is_no_500(encoding: str) -> None:
    server, port = await running()
    try:
        head = f"Content-Encoding: {encoding}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        answer = await talk(server, port, request("POST", PATH, head, b"{}"))
        assert answer.startswith(b"HTTP/1.1 4"), answer
        assert b"application/json" in answer
    finally:
        await server.stop()


async def test_expect_100_continue_is_answered_before_the_body_is_sent() -> None:
    server, port = await running()
    try:
        head = "Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        answer = await talk(server, port, request("POST", PATH, head))
        assert answer.startswith(b"HTTP/1.1 100 Continue")
    finally:
        await server.stop()


async def test_malformed_http_prints_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    server, port = await running()
    try:
        for raw in (
            b"GET /trade-api/v2/markets?\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"N\x00PE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
            b"\r\n\r\n\x16\x03\x01",
        ):
            answer = await talk(server, port, raw)
            assert b" 500 " not in answer.split(b"\r\n")[0]
    finally:
        await server.stop()
    assert "Traceback" not in capfd.readouterr().err
