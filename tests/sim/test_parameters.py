"""Every query parameter of every served read: its bounds, choices and types as the API's own description has them."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sim.support import ApiError, running
from tests.sim.test_faults import first, place
from tests.sim.test_fuzz import OPERATIONS, SERVED, Exchange, _resolved, _resolved_parameter

READS = [(path, op) for path, method, op in OPERATIONS if method == "GET" and (path, method) in SERVED]


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    made = Exchange(1)
    body = (
        b'{"ticker":"%s","side":"bid","price":"0.0200","count":"1","time_in_force":"good_till_canceled",'
        b'"self_trade_prevention_type":"maker"}'
    )
    ticker = next(iter(made.server.venue.markets)).encode()
    assert made.send("POST", "/trade-api/v2/portfolio/events/orders", body % ticker, "application/json")[0] == 201
    return made


def _tries(schema: Any) -> list[tuple[object, bool]]:
    """Values, and whether they are allowed."""
    low, high = schema.get("minimum"), schema.get("maximum")
    tries: list[tuple[object, bool]] = []
    tries += [(low, True), (low - 1, False)] if low is not None else []
    tries += [(high, True), (high + 1, False)] if high is not None else []
    tries += [(word, True) for word in schema.get("enum", ()) if word not in (None, "")]
    if "enum" in schema:
        tries.append(("zzz", False))
    elif schema.get("type") == "boolean":
        tries += [("true", True), ("false", True), ("maybe", False)]
    elif schema.get("type") == "integer":
        tries.append(("abc", False))
    return tries


@pytest.mark.parametrize(("path", "operation"), READS, ids=[path for path, _op in READS])
def test_bounds_choices_and_types_are_kept(exchange: Exchange, path: str, operation: Any) -> None:
    venue = exchange.server.venue
    market = next(iter(venue.markets.values()))
    order_id = next(iter(exchange.server.account.orders))
    known = {"ticker": market.ticker, "event_ticker": market.event.ticker, "order_id": order_id}
    known["series_ticker"] = market.event.series.ticker
    if "/events/{ticker}" in path:
        known["ticker"] = market.event.ticker
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    window = {"start_ts": "1796130000", "end_ts": "1796140000", "period_interval": "60"}
    needed = {**window, "market_tickers": market.ticker, "tickers": market.ticker}
    parameters = [_resolved_parameter(row) for row in operation.get("parameters", ())]
    parameters = [row for row in parameters if row["in"] == "query"]
    base = {row["name"]: needed[row["name"]] for row in parameters if row.get("required")}
    usual = exchange.send("GET", f"/trade-api/v2{path}?{urlencode(base)}", b"", "")[0]
    for row in parameters:
        for value, allowed in _tries(_resolved(row["schema"])):
            query = urlencode({**base, row["name"]: str(value)})
            status, body = exchange.send("GET", f"/trade-api/v2{path}?{query}", b"", "")
            # What does not exist may be told first, whatever else is asked about it.
            assert status == usual or (not allowed and status == 400), (query, body)
            assert allowed or status >= 400, (query, body)


UPDATED = [
    ("min_updated_ts=1", 200),
    ("min_updated_ts=1&mve_filter=exclude", 200),
    ("min_updated_ts=1&mve_filter=exclude&series_ticker=KX", 200),
    ("min_updated_ts=1&series_ticker=KX", 400),
    ("min_updated_ts=1&mve_filter=only", 400),
    ("min_updated_ts=1&event_ticker=KX", 400),
    ("min_updated_ts=1&tickers=KX", 400),
    ("min_updated_ts=1&status=open", 400),
    ("min_updated_ts=1&min_created_ts=1", 400),
    ("min_close_ts=1&status=closed", 200),
    ("min_close_ts=1&status=open", 400),
    ("min_settled_ts=1&status=settled", 200),
    ("max_settled_ts=1&status=closed", 400),
    ("max_created_ts=1&status=unopened", 200),
    ("max_created_ts=1&status=settled", 400),
    ("status=open,closed", 400),
    ("status=active", 400),
]


@pytest.mark.parametrize(("query", "status"), UPDATED)
def test_market_filters_go_together_as_documented(exchange: Exchange, query: str, status: int) -> None:
    assert exchange.send("GET", f"/trade-api/v2/markets?{query}", b"", "")[0] == status


async def test_an_order_is_found_on_its_own_subaccount_and_shard_only() -> None:
    async with running(alive=0) as (server, client):
        order_id = (await place(server, client, "here"))[1]["order_id"]
        path = f"/portfolio/events/orders/{order_id}"
        for query in ("?subaccount=1", "?exchange_index=2"):
            assert (await client.raw("DELETE", path + query))[0] == 404
        amended = {"ticker": first(server), "side": "bid", "price": "0.0200", "count": "2.00"}
        template = "/portfolio/events/orders/{order_id}"
        for step, body in (("amend", amended), ("decrease", {"reduce_to": "0.50"})):
            with pytest.raises(ApiError) as elsewhere:
                await client.call("POST", f"{path}/{step}?subaccount=1", body, template=f"{template}/{step}")
            assert elsewhere.value.status == 404
            with pytest.raises(ApiError):
                more = {**body, "exchange_index": 2}
                await client.call("POST", f"{path}/{step}", more, template=f"{template}/{step}")
        rows = [{"order_id": order_id, "subaccount": 1}, {"order_id": order_id, "exchange_index": 2}]
        batch = await client.call("DELETE", "/portfolio/events/orders/batched", {"orders": rows})
        assert [row["reduced_by"] for row in batch["orders"]] == ["0.00", "0.00"]
        assert len(server.account.all_resting()) == 1
        assert (await client.raw("DELETE", path + "?subaccount=0&exchange_index=-1"))[0] == 200


async def test_reads_say_how_fresh_they_are() -> None:
    async with running(alive=0) as (server, client):
        server.faults.arm("stale_reads", lag_ms=60_000)
        await server._apply_faults()
        stale = (await client.raw("GET", "/exchange/user_data_timestamp"))[1]["as_of_time"]
        server.faults.disarm()
        await server._apply_faults()
        assert stale < (await client.raw("GET", "/exchange/user_data_timestamp"))[1]["as_of_time"][:17]
