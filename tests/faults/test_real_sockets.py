"""Rows that need real sockets: names, certificates, redirects and packed replies, against servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from core.assembly import Trader, Wiring
from core.config import Settings
from core.domain.effects import ReadKind
from core.domain.events import OrderNotSent, OrderOutcomeUnknown, ReadFailed
from core.environment import Account
from core.exchange.network import Endpoints
from tests.exchange.support import (
    KEY_ID,
    RealClock,
    client_of,
    read,
    scripted,
    self_signed,
    send_cancel,
    send_order,
    signer,
)

from .support import Proof

row = pytest.mark.row


@row("A2")
async def test_a_name_that_is_not_found_is_known_as_not_sent(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nobody_knows(host: str, *args: Any, **options: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "name not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    endpoints = Endpoints(rest_origin="http://exchange.invalid:9", ws_url="ws://exchange.invalid:9/trade-api/ws/v2")
    async with client_of(endpoints) as client:
        fact = await client.perform(send_order())
    proof(len(asked))
    assert isinstance(fact, OrderNotSent) and "not resolved" in fact.reason


@row("A3")
async def test_a_certificate_nobody_vouches_for_refuses_the_start_once_and_plainly(
    proof: Proof, tmp_path: Path
) -> None:
    greeted: list[bytes] = []
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    handshakes = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.read(100))
        writer.close()

    def counted(line: Any, name: Any, context: Any) -> None:
        nonlocal handshakes
        handshakes += 1

    context.set_servername_callback(counted)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    port = server.sockets[0].getsockname()[1]
    wiring = Wiring(clock=RealClock(), chance=Random(1), on_disk=False)
    trader = Trader(Settings(), wiring=wiring)
    trader._account = Account(
        endpoints=Endpoints(rest_origin=f"https://127.0.0.1:{port}", ws_url=f"wss://127.0.0.1:{port}/trade-api/ws/v2"),
        signer=signer(), key_id=KEY_ID, exchange="x",
    )  # fmt: skip
    exit_view = await asyncio.wait_for(trader.run(), 10)
    server.close()
    proof(handshakes)
    assert exit_view.code == 3 and "certificate" in exit_view.detail
    assert handshakes < 12 and not [said for said in greeted if said]


@row("A23")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nothing_is_signed_for_another_host(proof: Proof, status: int) -> None:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    async with scripted(elsewhere) as other:

        async def away(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{other.port}/x"})

        async with scripted(away) as server, client_of(server.endpoints) as client:
            assert isinstance(await client.perform(send_order()), OrderOutcomeUnknown)
            await client.perform(send_cancel())
            assert isinstance(await client.perform(read(ReadKind.BALANCE)), ReadFailed)
            proof(len(server.seen))
        assert not other.seen


@row("A24")
async def test_packed_and_endless_replies_are_cut_off(proof: Proof) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        if request.method == "POST":
            return web.Response(status=201, body=bomb, headers={"Content-Encoding": "gzip"})
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 1_000_000)
                sent += 1_000_000
        except ConnectionError:
            return response

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(send_order()), OrderOutcomeUnknown)
        canceled: Any = await client.perform(send_cancel())
        proof(len(server.seen))
    assert "8 MiB" in canceled.reason and sent < 50_000_000
