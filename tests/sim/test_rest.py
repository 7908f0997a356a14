"""REST over a real loopback socket; every reply is checked against the documented shapes by the client."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from core.sim.server import ExchangeServer, ExchangeSettings
from tests.facts import examples
from tests.sim.support import KEY_PEM, ApiError, Client, RealClock, running

V2 = "/portfolio/events/orders"
ONE = V2 + "/{order_id}"


async def busiest(client: Client) -> Any:
    markets = (await client.call("GET", "/markets"))["markets"]
    return max(markets, key=lambda m: float(m["volume_24h_fp"]))


async def refused(status: int, code: str, call: Any) -> Any:
    with pytest.raises(ApiError) as caught:
        await call
    body = caught.value.body
    assert (caught.value.status, body.get("error", body)["code"]) == (status, code)
    return body


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/exchange/status", None),
        ("/exchange/schedule", None),
        ("/exchange/user_data_timestamp", None),
        ("/markets?limit=3&status=open&mve_filter=exclude", None),
        ("/markets/trades?limit=5", None),
        ("/series?category=Sports", None),
        ("/series/KXHIGHNY", "/series/{series_ticker}"),
        ("/events?with_nested_markets=true&status=open", None),
        ("/portfolio/balance", None),
        ("/portfolio/positions?count_filter=position", None),
        ("/portfolio/fills", None),
        ("/portfolio/settlements", None),
        ("/portfolio/orders?status=resting", None),
        ("/portfolio/orders/queue_positions", None),
        ("/account/limits", None),
        ("/account/endpoint_costs", None),
    ],
)
async def test_reads_have_the_documented_shape(path: str, template: str | None) -> None:
    async with running() as (_server, client):
        await client.call("GET", path, template=template)


async def test_markets_are_paged_by_cursor_and_filtered() -> None:
    async with running(markets=30) as (_server, client):
        seen: list[str] = []
        cursor = ""
        while True:
            page = await client.call("GET", f"/markets?limit=7&cursor={cursor}")
            seen += [m["ticker"] for m in page["markets"]]
            cursor = page["cursor"]
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == 30
        two = ",".join(seen[3:5])
        assert [m["ticker"] for m in (await client.call("GET", f"/markets?tickers={two}"))["markets"]] == seen[3:5]
        event = (await client.call("GET", "/events"))["events"][0]["event_ticker"]
        of_event = (await client.call("GET", f"/markets?event_ticker={event}"))["markets"]
        assert {m["event_ticker"] for m in of_event} == {event}
        assert (await client.call("GET", "/markets?status=settled"))["markets"] == []
        garbage = await client.call("GET", "/markets?cursor=garbage")
        assert len(garbage["markets"]) == 30


async def test_single_objects_nest_as_documented() -> None:
    async with running() as (_server, client):
        market = await busiest(client)
        one = await client.call("GET", f"/markets/{market['ticker']}", template="/markets/{ticker}")
        assert one["market"]["ticker"] == market["ticker"]
        path = f"/events/{market['event_ticker']}"
        assert len((await client.call("GET", path, template="/events/{event_ticker}"))["markets"]) == 4
        nested = await client.call("GET", f"{path}?with_nested_markets=true", template="/events/{event_ticker}")
        assert len(nested["event"]["markets"]) == 4 and nested["markets"] == []


async def test_the_orderbook_is_ascending_and_shows_asks_as_no_bids() -> None:
    async with running() as (_server, client):
        market = await busiest(client)
        path = f"/markets/{market['ticker']}/orderbook"
        book = (await client.call("GET", path, template="/markets/{ticker}/orderbook"))["orderbook_fp"]
        yes, no = ([float(price) for price, _size in book[side]] for side in ("yes_dollars", "no_dollars"))
        assert yes == sorted(yes) and no == sorted(no)
        assert yes[-1] + no[-1] < 1
        shallow = await client.call("GET", f"{path}?depth=1", template="/markets/{ticker}/orderbook")
        assert len(shallow["orderbook_fp"]["yes_dollars"]) == 1
        both = await client.call("GET", f"/markets/orderbooks?tickers={market['ticker']}&tickers=NOPE")
        assert [row["ticker"] for row in both["orderbooks"]] == [market["ticker"]]


async def test_an_order_lives_from_create_to_cancel() -> None:
    async with running() as (_server, client):
        ticker = (await busiest(client))["ticker"]
        made = await client.order(ticker, "bid", "0.0500", "10.00", client_order_id="mine", post_only=True)
        assert (made["fill_count"], made["remaining_count"], made["client_order_id"]) == ("0.00", "10.00", "mine")
        path = f"/portfolio/orders/{made['order_id']}"
        order = (await client.call("GET", path, template="/portfolio/orders/{order_id}"))["order"]
        assert (order["status"], order["yes_price_dollars"], order["book_side"]) == ("resting", "0.0500", "bid")
        balance = await client.call("GET", "/portfolio/balance")
        assert (balance["balance"], balance["balance_dollars"]) == (99_950, "999.5000")
        queue = "/portfolio/orders/{order_id}/queue_position"
        position = await client.call("GET", f"{path}/queue_position", template=queue)
        assert position["queue_position_fp"].endswith(".00") or position["queue_position_fp"]
        changed = {"ticker": ticker, "side": "bid", "price": "0.0600", "count": "8.00", "updated_client_order_id": "x"}
        amended = await client.call("POST", f"{V2}/{made['order_id']}/amend", changed, template=ONE + "/amend")
        assert (amended["remaining_count"], amended["client_order_id"]) == ("8.00", "x")
        less = {"reduce_by": "2.00", "market_ticker": ticker}
        reply = await client.call("POST", f"{V2}/{made['order_id']}/decrease", less, template=ONE + "/decrease")
        assert reply["remaining_count"] == "6.00"
        assert (await client.cancel(made["order_id"]))["reduced_by"] == "6.00"
        await refused(404, "not_found", client.cancel(made["order_id"]))
        assert (await client.call("GET", "/portfolio/balance"))["balance_dollars"] == "1000.0000"
        await refused(409, "order_already_exists", client.order(ticker, "bid", "0.0500", "1.00", client_order_id="x"))


async def test_a_taker_sees_its_fill_everywhere_alike() -> None:
    async with running() as (server, client):
        market = await busiest(client)
        ticker = market["ticker"]
        made = await client.order(ticker, "bid", "0.9900", "5.00", time_in_force="immediate_or_cancel")
        assert (made["fill_count"], made["remaining_count"]) == ("5.00", "0.00")
        fills = (await client.call("GET", f"/portfolio/fills?order_id={made['order_id']}"))["fills"]
        positions = await client.call("GET", f"/portfolio/positions?ticker={ticker}")
        held = positions["market_positions"][0]
        assert sum(float(f["count_fp"]) for f in fills) == float(held["position_fp"]) == 5
        fees = sum(int(f["fee_cost"].replace(".", "")) for f in fills)
        assert fees == int(held["fees_paid_dollars"].replace(".", "")) > 0
        cash = int((await client.call("GET", "/portfolio/balance"))["balance_dollars"].replace(".", "")) * 100
        assert cash == 10**9 - fees - int(held["market_exposure_dollars"].replace(".", ""))
        assert cash == server.account.available
        assert positions["event_positions"][0]["event_ticker"] == market["event_ticker"]


async def test_batches_answer_row_by_row_and_cancel_all_is_empty_204() -> None:
    async with running() as (server, client):
        ticker = (await busiest(client))["ticker"]
        good = {
            "ticker": ticker,
            "side": "bid",
            "count": "1.00",
            "price": "0.0100",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "maker",
        }
        rows = [good, {**good, "price": "0.0150", "client_order_id": "bad"}, {**good, "count": 3}, good]
        made = (await client.call("POST", f"{V2}/batched", {"orders": rows}))["orders"]
        assert [row.get("error", {}).get("code") for row in made] == [None, "invalid_price", "bad_request", None]
        gone = {"orders": [{"order_id": made[0]["order_id"]}, {"order_id": "nope"}]}
        canceled = (await client.call("DELETE", f"{V2}/batched", gone))["orders"]
        assert [row["reduced_by"] for row in canceled] == ["1.00", "0.00"]
        assert canceled[1]["error"]["code"] == "not_found"
        assert await client.call("DELETE", V2) is None
        assert server.account.all_resting() == []


async def test_lists_of_orders_and_fills_are_newest_first_and_paged() -> None:
    async with running() as (_server, client):
        ticker = (await busiest(client))["ticker"]
        made = [(await client.order(ticker, "bid", f"0.0{n}00", "1.00"))["order_id"] for n in range(1, 6)]
        first = await client.call("GET", "/portfolio/orders?limit=3")
        rest = await client.call("GET", f"/portfolio/orders?limit=3&cursor={first['cursor']}")
        assert [o["order_id"] for o in first["orders"] + rest["orders"]] == made[::-1]
        assert rest["cursor"] == ""
        queue = await client.call("GET", f"/portfolio/orders/queue_positions?market_tickers={ticker}")
        assert [row["order_id"] for row in queue["queue_positions"]] == made


async def test_removed_v1_writes_are_gone() -> None:
    recorded = examples()["errors"]["410 legacy order endpoint"]
    async with running() as (_server, client):
        for method, path in [("POST", "/portfolio/orders"), ("DELETE", "/portfolio/orders/abc")]:
            assert await client.raw(method, path) == (recorded["status"], recorded["body"])
        assert (await client.raw("GET", "/exchange/announcements"))[0] == 404


async def test_a_trailing_slash_is_redirected() -> None:
    async with running() as (_server, client):
        url = client.endpoint.rest_url + "/markets/?limit=1"
        async with client.http.get(url, allow_redirects=False) as reply:
            assert (reply.status, reply.headers["Location"]) == (301, "/trade-api/v2/markets")


async def test_paused_trading_is_said_and_enforced() -> None:
    async with running() as (server, client):
        ticker = (await busiest(client))["ticker"]
        server.venue.life.pause_trading(server.venue.now_ns)
        assert (await client.call("GET", "/exchange/status"))["trading_active"] is False
        await refused(409, "trading_is_paused", client.order(ticker, "bid", "0.0100", "1.00"))
        server.venue.life.resume_trading(server.venue.now_ns)
        server.venue.life.pause(ticker, server.venue.now_ns)
        await refused(409, "market_inactive", client.order(ticker, "bid", "0.0100", "1.00"))
        assert [m["ticker"] for m in (await client.call("GET", "/markets?status=paused"))["markets"]] == [ticker]


async def test_buckets_run_dry_with_a_bare_429_and_refill() -> None:
    async with running(tier="basic") as (_server, client):
        ticker = (await busiest(client))["ticker"]
        limits = await client.call("GET", "/account/limits")
        assert (limits["usage_tier"], limits["write"]) == ("basic", {"refill_rate": 100, "bucket_capacity": 100})
        replies = [await client.raw("POST", V2, data=b"{}") for _ in range(15)]
        assert [status for status, _ in replies[:10]] == [400] * 10
        assert (429, {"error": "too many requests"}) in replies[10:]
        await asyncio.sleep(0.3)
        await client.order(ticker, "bid", "0.0100", "1.00")
        rows = json.dumps({"orders": [{}] * 50}).encode()
        assert (await client.raw("POST", f"{V2}/batched", data=rows))[0] == 429
        assert (await client.raw("GET", "/portfolio/balance"))[0] == 200
        assert (await client.raw("GET", "/portfolio/balance"))[0] == 429


async def test_a_taken_port_is_an_oserror() -> None:
    async with running() as (_server, client):
        port = int(client.endpoint.rest_url.split(":")[2].split("/")[0])
        second = ExchangeServer(ExchangeSettings(port=port), RealClock(), private_key_pem=KEY_PEM)
        with pytest.raises(OSError):
            await second.start()
        await second.stop()


@pytest.mark.parametrize(
    "wrong", [{"host": "0.0.0.0"}, {"host": "example.com"}, {"port": 70_000}, {"tier": "gold"}, {"markets": 0}]
)
def test_settings_that_cannot_be_honest_are_refused_in_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError) as caught:
        ExchangeSettings(**wrong)
    assert "\n" not in str(caught.value)


async def test_it_serves_on_a_unix_socket_too(tmp_path: Any) -> None:
    server = ExchangeServer(ExchangeSettings(), RealClock(), private_key_pem=KEY_PEM)
    endpoint = await server.start_unix(tmp_path / "x")
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "x"))) as http:
        assert (await Client(endpoint, http).call("GET", "/portfolio/balance"))["balance"] == 100_000
    await server.stop()
