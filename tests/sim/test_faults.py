"""The switchboard, and what each fault does to a client on a real socket while the exchange runs."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from core.domain.enums import BookSide
from core.sim.faults import COMMON, FAULTS, FaultError, Faults
from tests.sim.support import ApiError, Client, Stream, running, wish

BALANCE = "/portfolio/balance"
V2 = "/portfolio/events/orders"
ORDER = {
    "side": "bid",
    "price": "0.0200",
    "count": "1.00",
    "time_in_force": "good_till_canceled",
    "self_trade_prevention_type": "taker_at_cross",
}


def arm(server: Any, name: str, **params: Any) -> None:
    server.faults.arm(name, **params)


def first(server: Any) -> str:
    return min(server.venue.markets.values(), key=lambda m: m.activity).ticker


async def place(server: Any, client: Client, client_id: str, **more: Any) -> Any:
    body = json.dumps({**ORDER, "ticker": first(server), "client_order_id": client_id, **more}).encode()
    return await client.raw("POST", V2, data=body)


# the switchboard


def test_strikes_are_seeded_and_counted() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.arm("frame_lost", rate=30)
        return [faults.strike("frame_lost", channel="fill") is not None for _ in range(200)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 30 < sum(strikes(1)) < 90
    faults = Faults(1)
    faults.arm("frame_lost", times=2, skip=3)
    assert [bool(faults.strike("frame_lost", channel="")) for _ in range(8)] == [False] * 3 + [True] * 2 + [False] * 3
    assert faults.counts == {"frame_lost": 2}


def test_filters_are_method_channel_and_the_beginning_of_the_path() -> None:
    faults = Faults(1)
    faults.arm("server_error", method="POST", path="/portfolio/events")
    assert not faults.strike("server_error", method="GET", path="/portfolio/events/orders")
    assert not faults.strike("server_error", method="POST", path="/portfolio/orders")
    assert faults.strike("server_error", method="POST", path="/portfolio/events/orders")
    faults.arm("frame_lost", channel="fill")
    assert not faults.strike("frame_lost", channel="ticker") and faults.strike("frame_lost", channel="fill")


@pytest.mark.parametrize(
    ("name", "params", "key"),
    [
        ("nope", {}, "name"),
        ("frame_lost", {"chanel": "fill"}, "chanel"),
        ("frame_lost", {"rate": "50"}, "rate"),
        ("frame_lost", {"rate": -1}, "rate"),
        ("server_error", {"status": 418}, "status"),
        ("stream_stalled", {"pings": 1}, "pings"),
    ],
)
def test_what_cannot_be_armed_says_which_key_is_wrong(name: str, params: Any, key: str) -> None:
    with pytest.raises(FaultError) as caught:
        Faults(1).arm(name, **params)
    assert caught.value.key == key


def test_every_fault_names_its_place_and_its_entries() -> None:
    for name, kind in FAULTS.items():
        assert kind.place and kind.ids and kind.about, name
        assert not set(kind.params) & set(COMMON)


# requests and replies


@pytest.mark.parametrize(
    ("name", "params", "status"),
    [
        ("server_error", {"status": 504}, 504),
        ("rejected", {"code": "invalid_price"}, 400),
        ("unauthorized", {"status": 403}, 403),
        ("conflict", {}, 409),
        ("too_many_requests", {}, 429),
        ("redirected", {}, 307),
    ],
)
async def test_a_request_is_answered_wrongly_and_not_processed(name: str, params: Any, status: int) -> None:
    async with running() as (server, client):
        arm(server, name, **params)
        assert (await place(server, client, "x"))[0] == status
        server.faults.disarm(name)
        assert (await place(server, client, "x"))[0] == 201
        assert server.faults.counts[name] == 1


async def test_an_absurd_retry_after_is_sent_as_wanted() -> None:
    async with running() as (server, client):
        arm(server, "too_many_requests", retry_after="NaN")
        url = client.endpoint.rest_url + "/exchange/status"
        async with client.http.get(url) as reply:
            assert (reply.status, reply.headers["Retry-After"]) == (429, "NaN")


@pytest.mark.parametrize(("name", "happened"), [("request_reset", False), ("reply_lost", True)])
async def test_a_reset_leaves_the_client_in_doubt(name: str, happened: bool) -> None:
    async with running() as (server, client):
        arm(server, name, method="POST", times=1)
        with pytest.raises(aiohttp.ClientError):
            await place(server, client, "doubt")
        status, body = await place(server, client, "doubt")
        assert status == (409 if happened else 201), body


async def test_a_server_error_may_hide_a_success() -> None:
    async with running() as (server, client):
        arm(server, "server_error", processed=True, times=1)
        assert (await place(server, client, "hidden"))[0] == 503
        assert (await place(server, client, "hidden"))[0] == 409


async def test_a_parked_request_takes_effect_after_the_client_gave_up() -> None:
    async with running() as (server, client):
        arm(server, "request_parked", method="POST", delay_ms=300, times=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await place(server, client, "parked")
        assert not server.account.all_resting()
        await asyncio.sleep(0.5)
        assert [o.client_order_id for o in server.account.all_resting()] == ["parked"]


async def test_a_late_reply_comes_after_its_own_frames() -> None:
    async with running() as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["user_orders"])
        await stream.until("subscribed")
        arm(server, "reply_late", method="POST", delay_ms=300)
        task = asyncio.create_task(place(server, client, "slow"))
        assert (await stream.until("user_order"))["msg"]["client_order_id"] == "slow"
        assert not task.done() and (await task)[0] == 201


@pytest.mark.parametrize("how", ["empty", "cut", "html"])
async def test_a_success_may_have_a_broken_body(how: str) -> None:
    async with running() as (server, client):
        arm(server, "reply_broken", how=how)
        headers = client.headers("GET", "/trade-api/v2" + BALANCE)
        async with client.http.get(client.endpoint.rest_url + BALANCE, headers=headers) as reply:
            text = await reply.text()
        assert reply.status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)


async def test_fields_go_missing_batches_are_mangled_replies_grow() -> None:
    async with running() as (server, client):
        arm(server, "field_missing", field="balance")
        assert "balance" not in (await client.raw("GET", BALANCE))[1]
        server.faults.disarm()
        arm(server, "batch_mangled")
        rows = [{**ORDER, "ticker": first(server), "client_order_id": f"b{n}"} for n in range(3)]
        _status, body = await client.raw("POST", V2 + "/batched", data=json.dumps({"orders": rows}).encode())
        assert [row["client_order_id"] for row in body["orders"]] == ["b2", "b1"]
        server.faults.disarm()
        arm(server, "reply_huge", bytes=2_000_000)
        assert len((await client.raw("GET", BALANCE))[1]["x"]) == 2_000_000
        server.faults.disarm()
        arm(server, "connection_closed")
        assert (await client.raw("GET", BALANCE))[0] == 200


async def test_a_cursor_that_loops_shows_the_first_page_again() -> None:
    async with running() as (server, client):
        arm(server, "cursor_loops", path="/markets")
        one = (await client.raw("GET", "/markets?limit=5"))[1]
        again = (await client.raw("GET", f"/markets?limit=5&cursor={one['cursor']}"))[1]
        assert [m["ticker"] for m in one["markets"]] == [m["ticker"] for m in again["markets"]]


async def test_post_only_orders_cross_and_others_do_not() -> None:
    async with running() as (server, client):
        arm(server, "post_only_crosses")
        assert (await place(server, client, "p", post_only=True))[1]["error"]["details"] == "post only cross"
        assert (await place(server, client, "q"))[0] == 201


@pytest.mark.parametrize(("part", "status"), [(100, 404), (40, 200)])
async def test_an_order_fills_just_before_its_cancel(part: int, status: int) -> None:
    async with running() as (server, client):
        order_id = (await place(server, client, "race", count="5.00"))[1]["order_id"]
        arm(server, "cancel_raced", part=part)
        assert (await client.raw("DELETE", f"{V2}/{order_id}"))[0] == status
        assert server.account.orders[order_id].filled == 5 * part


# what the exchange believes


async def test_stale_reads_show_the_account_as_it_was() -> None:
    async with running() as (server, client):
        arm(server, "stale_reads", lag_ms=400)
        await asyncio.sleep(0.1)
        assert (await place(server, client, "late"))[0] == 201
        assert (await client.raw("GET", "/portfolio/orders"))[1]["orders"] == []
        assert (await client.raw("GET", BALANCE))[1]["balance"] == 100_000
        await asyncio.sleep(0.6)
        assert len((await client.raw("GET", "/portfolio/orders"))[1]["orders"]) == 1
        assert (await client.raw("GET", BALANCE))[1]["balance"] == 99_998


async def test_a_skewed_clock_refuses_signatures_and_says_its_date() -> None:
    async with running() as (server, client):
        arm(server, "clock_skew", skew_ms=3_600_000)
        assert (await client.raw("GET", BALANCE))[1]["error"]["code"] == "header_timestamp_expired"
        headers = client.headers("GET", "/trade-api/v2" + BALANCE, skew_ms=3_600_000)
        assert (await client.raw("GET", BALANCE, headers=headers))[0] == 200


async def test_both_readings_of_a_repeated_client_id() -> None:
    async with running() as (server, client):
        order_id = (await place(server, client, "twice"))[1]["order_id"]
        await client.cancel(order_id)
        assert (await place(server, client, "twice"))[0] == 409
        arm(server, "client_ids_free")
        await asyncio.sleep(0.05)
        assert (await place(server, client, "twice"))[0] == 201
        assert (await place(server, client, "twice"))[0] == 409, "while it rests, the id is taken in both readings"


async def test_a_refused_port_opens_again_where_it_was() -> None:
    async with running() as (server, client):
        arm(server, "connect_refused")
        await asyncio.sleep(0.1)
        async with aiohttp.ClientSession() as other:
            with pytest.raises(aiohttp.ClientConnectorError):
                await other.get(client.endpoint.rest_url + "/exchange/status")
            server.faults.disarm("connect_refused")
            await asyncio.sleep(0.1)
            async with other.get(client.endpoint.rest_url + "/exchange/status") as reply:
                assert reply.status == 200


# the stream


async def books(server: Any, stream: Stream) -> None:
    await stream.send("subscribe", channels=["orderbook_delta"], market_tickers=[first(server)])
    await stream.until("orderbook_snapshot")


def move(server: Any, count: int) -> None:
    """So many changes of one book."""
    for number in range(count):
        server.venue.place(server._racer, wish(first(server), BookSide.BID, 100, 100 + number), server.venue.now_ns)
    server._publish()


async def seqs(server: Any, stream: Stream, count: int) -> list[int]:
    """Sequence numbers of what a client sees while one order after the other comes to the book."""
    move(server, count)
    return [(await stream.until("orderbook_delta"))["seq"] for _ in range(count)]


async def test_a_lost_frame_leaves_a_gap_and_a_doubled_one_comes_twice() -> None:
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "frame_lost", channel="orderbook_delta", times=1, skip=2)
        arm(server, "frame_doubled", channel="orderbook_delta", times=1, skip=4)
        assert await seqs(server, stream, 6) == [2, 3, 5, 6, 7, 7]
        assert server.faults.counts == {"frame_lost": 1, "frame_doubled": 1}


async def test_swapped_frames_change_places() -> None:
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "frame_swapped", channel="orderbook_delta", times=1, skip=1)
        assert await seqs(server, stream, 5) == [2, 4, 3, 5, 6]


async def test_late_frames_stay_in_order_and_an_overtaken_one_does_not() -> None:
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "frame_late", delay_ms=100, times=1)
        assert await seqs(server, stream, 5) == [2, 3, 4, 5, 6]
        arm(server, "frame_overtaken", channel="orderbook_delta", delay_ms=150, times=1, skip=1)
        assert await seqs(server, stream, 5) == [7, 9, 10, 11, 8]


async def test_a_stall_holds_data_while_pings_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.sim import connection

    monkeypatch.setattr(connection, "PING_EVERY_S", 0.05)
    async with running(alive=0) as (server, client), client.stream() as stream:
        await books(server, stream)
        arm(server, "stream_stalled")
        move(server, 6)
        kinds = {(await asyncio.wait_for(stream.socket.receive(), 2)).type for _ in range(3)}
        assert kinds == {aiohttp.WSMsgType.PING} and server.faults.counts["stream_stalled"] == 6
        server.faults.disarm()
        assert [(await stream.until("orderbook_delta"))["seq"] for _ in range(6)] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("how", ["cut", "utf8", "binary", "huge"])
async def test_broken_frames_reach_the_client_as_they_are(how: str) -> None:
    async with running() as (server, client):
        headers = client.headers("GET", "/trade-api/ws/v2")
        async with client.http.ws_connect(client.endpoint.ws_url, headers=headers, max_msg_size=0) as socket:
            arm(server, "frame_broken", how=how, channel="ticker")
            await socket.send_json({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"]}})
            assert json.loads((await socket.receive()).data)["type"] == "subscribed"
            message = await socket.receive()
            if how == "utf8":
                # The client's library refuses it: the line ends, nothing is guessed.
                assert message.type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
            elif how == "binary":
                assert message.data == bytes(range(256))
            elif how == "huge":
                assert len(message.data) > 1_000_000
            else:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(message.data)


async def test_a_fill_comes_again_with_the_same_id_and_another_count() -> None:
    async with running() as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["fill"])
        await stream.until("subscribed")
        arm(server, "fill_changed", times=1)
        await place(server, client, "f", price="0.9900", time_in_force="immediate_or_cancel")
        one, two = (await stream.until("fill"))["msg"], (await stream.until("fill"))["msg"]
        assert one["trade_id"] == two["trade_id"] and (one["count_fp"], two["count_fp"]) == ("1.00", "2.00")


@pytest.mark.parametrize("name", ["stream_closed", "stream_reset"])
async def test_open_streams_end_and_new_ones_are_let_in(name: str) -> None:
    async with running() as (server, client):
        async with client.stream() as stream:
            arm(server, name)
            message = await asyncio.wait_for(stream.socket.receive(), 3)
            assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        async with client.stream() as stream:
            await stream.send("list_subscriptions")
            assert (await stream.next())["msg"] == []
        assert server.faults.counts[name] == 1 and not server.faults.armed


async def test_streams_are_refused_rejected_and_subscriptions_fail() -> None:
    async with running() as (server, client):
        arm(server, "stream_refused", status=503)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with client.stream():
                pass
        assert caught.value.status == 503
        server.faults.disarm()
        arm(server, "stream_rejected", times=1)
        async with client.stream() as stream:
            assert (await stream.socket.receive()).type is aiohttp.WSMsgType.CLOSE
        arm(server, "subscribe_failed", channel="fill", code=27)
        async with client.stream() as stream:
            await stream.send("subscribe", channels=["fill", "ticker"])
            assert (await stream.next())["msg"]["code"] == 27
            assert (await stream.next())["msg"]["channel"] == "ticker"


async def test_without_faults_nothing_of_them_is_left() -> None:
    async with running() as (server, client):
        for name in FAULTS:
            server.faults.arm(name)
        server.faults.disarm()
        await asyncio.sleep(0.1)
        order = await client.order(first(server), "bid", "0.0200", "1.00")
        with pytest.raises(ApiError):
            await client.order(first(server), "bid", "0.0200", "1.00", client_order_id="x" * 65)
        await client.cancel(order["order_id"])
        assert not server.faults.counts
