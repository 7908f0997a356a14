"""Bytes that come otherwise: sliced and fragmented frames, bodies in pieces, packed and endless replies."""

import asyncio
import json
import zlib
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sim.unruly import FIN, MOST_PIECES, fragments, slices
from tests.sim.support import running
from tests.sim.test_faults import arm, books, place, seqs


def parsed(wire: bytes) -> list[tuple[int, bytes]]:
    """WebSocket frames of a server: first byte and payload."""
    found = []
    while wire:
        size, at = wire[1], 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(wire[2 : 2 + width], "big"), 2 + width
        found.append((wire[0], wire[at : at + size]))
        wire = wire[at + size :]
    return found


@given(st.binary(max_size=300) | st.just(b"x" * 70_000), st.integers(0, 9))
def test_fragments_are_one_message(payload: bytes, count: int) -> None:
    frames = parsed(fragments(payload, count))
    assert b"".join(part for _head, part in frames) == payload and len(frames) == max(1, count)
    assert [head & FIN for head, _part in frames] == [0] * (len(frames) - 1) + [FIN]
    assert [head & 15 for head, _part in frames] == [1] + [0] * (len(frames) - 1)


@given(st.binary(max_size=9_000), st.integers(0, 5))
def test_slices_are_the_same_bytes_in_a_bounded_number_of_pieces(data: bytes, size: int) -> None:
    pieces = slices(data, size)
    assert b"".join(pieces) == data and len(pieces) <= MOST_PIECES
    assert all(len(piece) == size for piece in pieces[:-1]) or not size or len(data) > size * MOST_PIECES


@pytest.mark.parametrize(("pieces", "size"), [(1, 1), (3, 1), (4, 0), (1, 7)])
async def test_a_sliced_stream_says_the_same(pieces: int, size: int) -> None:
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "frame_sliced", fragments=pieces, bytes=size)
        assert await seqs(server, stream, 4) == [2, 3, 4, 5]
        assert server.faults.counts["frame_sliced"] == 4


async def test_pings_do_not_fall_between_the_pieces_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.sim import connection

    monkeypatch.setattr(connection, "PING_EVERY_S", 0.001)
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "frame_sliced", fragments=1, bytes=1)
        assert await seqs(server, stream, 6) == [2, 3, 4, 5, 6, 7]


async def test_a_body_in_pieces_is_the_same_body() -> None:
    async with running(alive=0) as (server, client):
        whole = await client.raw("GET", "/markets")
        arm(server, "reply_sliced", bytes=100)
        assert await client.raw("GET", "/markets") == whole
        assert server.faults.counts["reply_sliced"] == 1


async def test_a_packed_reply_is_small_on_the_wire_and_huge_inside() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "reply_huge", how="gzip", bytes=3_000_000)
        url = client.endpoint.rest_url + "/exchange/status"
        async with aiohttp.ClientSession(auto_decompress=False) as bare, bare.get(url) as reply:
            packed = await reply.read()
            assert reply.headers["Content-Encoding"] == "gzip" and len(packed) < 30_000
            assert len(zlib.decompress(packed, 31)) > 3_000_000


async def test_an_endless_reply_ends_with_the_reader() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "reply_huge", how="endless", times=1)
        async with client.http.get(client.endpoint.rest_url + "/exchange/status") as reply:
            taken = 0
            while taken < 1_000_000:
                taken += len(await reply.content.readany())
        assert (await client.raw("GET", "/exchange/status"))[0] == 200


async def test_a_line_may_end_without_a_word() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "connection_closed", silent=True, times=1)
        host, port = client.endpoint.rest_url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /trade-api/v2/exchange/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = await asyncio.wait_for(reader.read(), 5)
        assert told.startswith(b"HTTP/1.1 200") and b"onnection: close" not in told
        writer.close()


async def test_the_line_may_break_inside_the_body() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "request_reset", early=True, method="POST", times=1)
        with pytest.raises(aiohttp.ClientError):
            await place(server, client, "half")
        assert (await place(server, client, "half"))[0] == 201
        assert server.faults.counts["request_reset"] == 1


async def test_a_field_may_be_something_else() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "field_missing", field="order_id", instead="nonsense", method="POST")
        assert (await place(server, client, "x"))[1]["order_id"] == "nonsense"


@pytest.mark.parametrize("how", ["same", "lost"])
async def test_lists_go_wrong_from_page_to_page(how: str) -> None:
    async with running(alive=0) as (server, client):
        arm(server, "cursor_loops", how=how, path="/markets", skip=1)
        one = (await client.raw("GET", "/markets?limit=3"))[1]
        two = (await client.raw("GET", f"/markets?limit=3&cursor={one['cursor']}"))[1]
        if how == "same":
            assert two["markets"] and two["cursor"] == one["cursor"]
        else:
            assert two["markets"] == [] and two["cursor"] not in ("", one["cursor"])


async def test_lag_may_grow() -> None:
    async with running() as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["ticker"])
        await stream.until("ticker")
        arm(server, "frame_late", channel="ticker", delay_ms=0, grows_ms=20)
        lags = []
        for _ in range(12):
            frame = await stream.until("ticker")
            lags.append(server._wall_ns() // 10**6 - frame["sending_ts_ms"])
        assert max(lags[-3:]) > max(lags[:2])


async def test_an_old_line_may_stall_while_a_new_one_goes_on() -> None:
    async with running(alive=0) as (server, client), client.stream() as old:
        await books(server, old)
        arm(server, "stream_stalled", old=True)
        async with client.stream() as new:
            await books(server, new)
            assert await seqs(server, new, 3) == [2, 3, 4]
            assert server.faults.counts["stream_stalled"] == 3
            server.faults.disarm()
            assert (await old.until("orderbook_delta"))["seq"] == 2


async def test_reserved_bits_end_the_line() -> None:
    async with running() as (server, client):
        headers = client.headers("GET", "/trade-api/ws/v2")
        async with client.http.ws_connect(client.endpoint.ws_url, headers=headers) as socket:
            arm(server, "frame_broken", how="reserved", channel="ticker")
            await socket.send_json({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"]}})
            assert json.loads((await socket.receive()).data)["type"] == "subscribed"
            assert (await socket.receive()).type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)


async def test_a_cancel_all_may_reach_into_the_next_minute() -> None:
    async with running(alive=0) as (server, client):
        arm(server, "cancel_all_reaches", delay_ms=1)

        async def rests(client_id: str, after_s: int) -> bool:
            server.pace.step(after_s * 10**9)
            made: Any = (await place(server, client, client_id))[1]
            server.pace.step(10**9)
            server.catch_up()
            return server.account.orders[made["order_id"]].status.value == "resting"

        assert await rests("before", 0)
        status, _body = await client.raw("DELETE", "/portfolio/events/orders")
        assert status == 204 and not server.account.all_resting()
        assert not await rests("caught", 30) and await rests("later", 40)
        assert server.faults.counts["cancel_all_reaches"] == 1
