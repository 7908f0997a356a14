"""What is known after a write, against servers that misbehave; and that no write is ever sent twice."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from pathlib import Path

import pytest
from aiohttp import web

from core.domain.effects import ReadKind, SendCancel, SendOrder
from core.domain.events import (
    AmendConfirmed,
    AmendOutcomeUnknown,
    AmendRejected,
    CancelConfirmed,
    CancelFailed,
    CancelNotFound,
    OrderAccepted,
    OrderNotSent,
    OrderOutcomeUnknown,
    OrderRejected,
    ReadFailed,
)
from core.exchange import rest_transport
from core.exchange.budget import CallClass
from core.exchange.network import Endpoints, loopback_endpoints
from core.exchange.stream_transport import StreamDown, StreamTransport

from .support import (
    AMENDED,
    CANCELED,
    CREATED,
    MARKET,
    client_of,
    http,
    raw_server,
    read,
    read_request,
    reply,
    scripted,
    self_signed,
    send_amend,
    send_cancel,
    send_order,
)


async def test_accepted_order_carries_ids_and_counts() -> None:
    async with scripted(reply(CREATED, 201)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(send_order())
    assert isinstance(fact, OrderAccepted)
    assert (fact.order_id, fact.filled, fact.remaining) == ("ord-1", 200, 500)
    assert fact.elapsed_ns > 0
    method, path, body, headers = server.seen[0]
    assert (method, path) == ("POST", "/trade-api/v2/portfolio/events/orders")
    assert json.loads(body) == {
        "ticker": MARKET,
        "client_order_id": "kt-1",
        "side": "bid",
        "count": "7.00",
        "price": "0.4200",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    assert headers["Content-Type"] == "application/json"


async def test_cancel_and_amend_name_the_market() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await reply(AMENDED if request.path.endswith("/amend") else CANCELED)(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        canceled = await client.perform(send_cancel())
        amended = await client.perform(send_amend())
    assert isinstance(canceled, CancelConfirmed) and canceled.reduced_by == 500
    assert isinstance(amended, AmendConfirmed)
    assert (amended.order_id, amended.price, amended.count) == ("ord-2", 4100, 500)
    assert (amended.filled, amended.remaining) == (200, 300)
    assert server.seen[0][:2] == (
        "DELETE",
        f"/trade-api/v2/portfolio/events/orders/ord-1?market_ticker={MARKET}",
    )
    assert json.loads(server.seen[1][2]) == {"ticker": MARKET, "side": "bid", "price": "0.4100", "count": "5.00"}


async def test_id_of_the_exchange_cannot_leave_its_place_in_the_path() -> None:
    async with scripted(reply(CANCELED)) as server, client_of(server.endpoints) as client:
        await client.perform(send_cancel("../../x?y=1&/#"))
        await client.perform(send_cancel(".."))
    assert [path.partition("?")[0].rpartition("/")[2] for _, path, _, _ in server.seen] == [
        "..%2F..%2Fx%3Fy%3D1%26%2F%23",
        "%2E%2E",
    ]


@pytest.mark.parametrize(
    ("status", "body", "code", "duplicate"),
    [
        (400, {"error": {"code": "insufficient_balance", "message": "x"}}, "insufficient_balance", False),
        (400, {"code": "bad_request", "message": "bad request", "details": "json"}, "bad_request", False),
        (400, {"msg": "Parameter validation failed"}, "bad_parameter", False),
        (401, {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}, "authentication_error", False),
        (403, {}, "http_403", False),
        (404, {"error": {"code": "not_found", "message": "not found"}}, "not_found", False),
        (409, {"error": {"code": "order_already_exists", "message": "x"}}, "order_already_exists", True),
        (409, {"error": {"code": "fill_or_kill_insufficient"}}, "fill_or_kill_insufficient", False),
        (410, {"error": {"code": "deprecated_v1_order_endpoint"}}, "deprecated_v1_order_endpoint", False),
        (429, {"error": "too many requests"}, "too_many_requests", False),
    ],
)  # fmt: skip
async def test_definite_no_rejects(status: int, body: object, code: str, duplicate: bool) -> None:
    async with scripted(reply(body, status)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(send_order())
        canceled = await client.perform(send_cancel())
        amended = await client.perform(send_amend())
    assert isinstance(fact, OrderRejected)
    assert (fact.status, fact.code, fact.duplicate) == (status, code, duplicate)
    assert isinstance(canceled, CancelNotFound if status == 404 else CancelFailed)
    assert isinstance(amended, AmendRejected) and amended.status == status
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 301, 302, 307, 308])
async def test_server_trouble_and_redirects_leave_a_write_unknown(status: int) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"}, text="<html>trouble</html>")

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(send_order()), OrderOutcomeUnknown)
        assert isinstance(await client.perform(send_cancel()), CancelFailed)
        assert isinstance(await client.perform(send_amend()), AmendOutcomeUnknown)
        assert client.stats().unknown_outcomes == 3
    assert len(server.seen) == 3


BAD_BODIES = [
    b"",
    b"<html>ok</html>",
    b'{"order_id": "ord-1", "fill_count": "2.0',
    b'{"order_id": "ord-1", "fill_count": "2.00"}',
    b'{"order_id": null, "fill_count": "2.00", "remaining_count": "5.00"}',
    b'{"order_id": "ord-1", "fill_count": 2.0, "remaining_count": "5.00"}',
    b'{"order_id": "ord-1", "fill_count": "2e3", "remaining_count": "5.00"}',
    b'{"order_id": "ord-1", "fill_count": "-2.00", "remaining_count": "5.00"}',
    b'{"order_id": "ord-1", "client_order_id": "kt-9", "fill_count": "2.00", "remaining_count": "5.00"}',
    b"\xff\xfe\x00",
    b'{"order_id": "ord-1", "order_id": "ord-2", "fill_count": "2.00", "remaining_count": "5.00"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_created_with_unusable_body_is_unknown_and_counted(body: bytes) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=201, body=body)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(send_order())
        stats = client.stats()
    assert isinstance(fact, OrderOutcomeUnknown)
    assert stats.refused_bodies == 1
    assert len(server.seen) == 1


async def test_compressed_or_oversized_reply_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_transport, "BODY_LIMIT", 10_000)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=201, body=b"x", headers={"Content-Encoding": "gzip"})
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 4_000)
        except ConnectionError:
            return response

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(send_order()), OrderOutcomeUnknown)
        fact = await client.perform(send_cancel())
        assert isinstance(fact, CancelFailed) and "8 MiB" in fact.reason


# ---- connections that break --------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def nowhere() -> Endpoints:
    port = free_port()
    return loopback_endpoints(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}")


async def test_refused_connection_is_not_sent() -> None:
    async with client_of(nowhere()) as client:
        assert isinstance(await client.perform(send_order()), OrderNotSent)
        canceled = await client.perform(send_cancel())
        amended = await client.perform(send_amend())
    assert isinstance(canceled, CancelFailed) and (canceled.status, canceled.reason[:8]) == (0, "not sent")
    assert isinstance(amended, AmendRejected) and (amended.status, amended.code) == (0, "not_sent")


async def test_closed_client_is_not_sent() -> None:
    async with client_of(nowhere()) as client:
        await client.close()
        assert isinstance(await client.perform(send_order()), OrderNotSent)


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("effect", [send_order(), send_cancel()], ids=["order", "cancel"])
@pytest.mark.parametrize("how", ["after_request", "inside_head", "inside_body", "close", "before_reading"])
async def test_connection_that_breaks_after_bytes_left_is_unknown_and_sent_once(
    how: str, effect: SendOrder | SendCancel
) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        if how == "before_reading":
            requests.append(b"")
            reset(writer)
            return
        requests.append(await read_request(reader))
        if how == "inside_head":
            writer.write(b"HTTP/1.1 20")
            await writer.drain()
        if how == "inside_body":
            writer.write(b'HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"order_id"')
            await writer.drain()
        if how != "close":
            reset(writer)

    async with raw_server(serve) as endpoints, client_of(endpoints) as client:
        fact = await client.perform(effect)
    assert isinstance(fact, OrderOutcomeUnknown | CancelFailed)
    assert len(requests) == 1


@pytest.mark.parametrize("effect", [send_order("kt-2"), send_cancel("ord-2")], ids=["order", "cancel"])
async def test_write_on_a_stale_kept_connection_is_never_repeated(effect: SendOrder | SendCancel) -> None:
    """The second request meets a connection the server kills: POST and DELETE alike must stay unknown."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            request = await read_request(reader)
            requests.append(request)
            if len(requests) == 2:
                # Read, then dropped without a word: exactly what an HTTP client takes for a stale connection.
                return
            body = CREATED if request.startswith(b"POST") else CANCELED
            writer.write(http(201 if request.startswith(b"POST") else 200, json.dumps(body).encode()))
            await writer.drain()

    first = send_order() if isinstance(effect, SendOrder) else send_cancel()
    async with raw_server(serve) as endpoints, client_of(endpoints) as client:
        assert isinstance(await client.perform(first), OrderAccepted | CancelConfirmed)
        fact = await client.perform(effect)
    assert isinstance(fact, OrderOutcomeUnknown | CancelFailed)
    assert len(requests) == 2


async def test_slow_reply_is_unknown_after_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rest_transport.TOTAL_S, CallClass.ORDER, 0.2)

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return await reply(CREATED, 201)(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(send_order())
    assert isinstance(fact, OrderOutcomeUnknown) and fact.reason == "timed out"
    assert fact.elapsed_ns >= 150_000_000


async def test_full_pool_is_not_sent_and_blocks_no_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rest_transport._LANE_CONNECTIONS, "order", 1)
    monkeypatch.setattr(rest_transport, "CONNECT_S", 0.2)
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            await release.wait()
            return await reply(CREATED, 201)(request)
        return await reply(CANCELED)(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        held = asyncio.ensure_future(client.perform(send_order()))
        await asyncio.sleep(0.05)
        waiting = asyncio.ensure_future(client.perform(send_order("kt-2")))
        assert isinstance(await client.perform(send_cancel()), CancelConfirmed)
        assert isinstance(await waiting, OrderNotSent)
        release.set()
        assert isinstance(await held, OrderAccepted)
    assert [seen[0] for seen in server.seen] == ["POST", "DELETE"]


async def test_empty_budget_is_not_sent_and_blocks_no_cancel() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await (reply(CREATED, 201) if request.method == "POST" else reply(CANCELED))(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        client._api.budget.write.take(80, 0, 0)
        client._api.budget.write.rate = 1
        assert isinstance(await client.perform(send_order()), OrderNotSent)
        assert isinstance(await client.perform(send_cancel()), CancelConfirmed)
    assert len(server.seen) == 1


async def test_cancelled_write_lets_the_cancellation_out() -> None:
    started = asyncio.Event()

    async def answer(_request: web.Request) -> web.StreamResponse:
        started.set()
        await asyncio.sleep(30)
        raise AssertionError

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        task = asyncio.ensure_future(client.perform(send_order()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.seen) == 1


async def test_server_with_a_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    chain = tmp_path / "server.pem"
    chain.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    heard: list[bytes] = []

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(on_connect, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    endpoints = Endpoints(rest_origin=f"https://127.0.0.1:{port}", ws_url=f"wss://127.0.0.1:{port}/trade-api/ws/v2")
    async with server, client_of(endpoints) as client:
        assert isinstance(await client.perform(send_order()), OrderNotSent)
        failed = await client.perform(read(ReadKind.BALANCE))
        assert isinstance(failed, ReadFailed) and failed.fatal and "certificate" in failed.reason
        with pytest.raises(StreamDown, match="connect failed"):
            await StreamTransport.connect(endpoints.ws_url, {})
    assert heard == []


async def test_error_of_our_own_still_gives_one_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("secret detail")

    async with client_of(nowhere()) as client:
        monkeypatch.setattr(client._api, "write", broken)
        monkeypatch.setattr(client._api, "read", broken)
        order = await client.perform(send_order())
        assert isinstance(order, OrderOutcomeUnknown) and "secret" not in order.reason
        assert isinstance(await client.perform(send_cancel()), CancelFailed)
        assert isinstance(await client.perform(send_amend()), AmendOutcomeUnknown)
        assert isinstance(await client.perform(read(ReadKind.ORDERS)), ReadFailed)


async def test_order_that_cannot_be_spelled_is_not_sent() -> None:
    async with scripted(reply(CREATED, 201)) as server, client_of(server.endpoints) as client:
        for changes in ({"price": 0}, {"price": 10_000}, {"count": 0}):
            assert isinstance(await client.perform(send_order(**changes)), OrderNotSent)
            assert isinstance(await client.perform(send_amend(**changes)), AmendRejected)
    assert server.seen == []


async def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with scripted(reply(CREATED, 201)) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(send_order()), OrderAccepted)


async def test_latency_and_tokens_are_told() -> None:
    async with scripted(reply(CREATED, 201)) as server, client_of(server.endpoints) as client:
        for number in range(3):
            await client.perform(send_order(f"kt-{number}" if number else "kt-1"))
        stats = client.stats()
    row = stats.latency[0]
    assert (row.call, row.replies) == (CallClass.ORDER, 3)
    assert 0 < row.p50_us <= row.p99_us
    assert stats.write_tokens < 100
    assert stats.skew_ms is not None and abs(stats.skew_ms) <= 2_000
