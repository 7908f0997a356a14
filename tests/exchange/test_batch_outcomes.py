"""What is known of every order after a batch: an outcome each, matched by id, whatever the reply looks like."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from core.domain.effects import SendCancels, SendOrders
from core.domain.errors import RefusedInput
from core.domain.events import (
    AmendConfirmed,
    AmendOutcomeUnknown,
    AmendRejected,
    BatchAnswered,
    CancelConfirmed,
    CancelFailed,
    CancelNotFound,
    OrderAccepted,
    OrderNotSent,
    OrderOutcomeUnknown,
    OrderRejected,
)
from core.exchange import wire_batch

from .support import (
    Handler,
    client_of,
    raw_server,
    read_request,
    relaxed,
    reply,
    scripted,
    send_cancel,
    send_decrease,
    send_order,
)

NAMES = ["kt-1", "kt-2", "kt-3"]
ORDERS = SendOrders(orders=tuple(send_order(name) for name in NAMES))
CANCELS = SendCancels(cancels=tuple(send_cancel(f"ord-{n}", f"kt-{n}") for n in (1, 2, 3)))
DENIED = {"error": {"code": "insufficient_balance", "message": "insufficient balance"}}


def made(number: int, **more: object) -> dict[str, object]:
    return {
        "order_id": f"ord-{number}", "client_order_id": f"kt-{number}", "fill_count": "0.00",
        "remaining_count": "7.00", "ts_ms": 1, **more,
    }  # fmt: skip


def gone(number: int, **more: object) -> dict[str, object]:
    return {"order_id": f"ord-{number}", "reduced_by": "5.00", "ts_ms": 1, **more}


async def ask(effect: SendOrders | SendCancels, answer: Handler) -> tuple[BatchAnswered, list[tuple[str, str, bytes]]]:
    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(effect)
    assert isinstance(fact, BatchAnswered)
    return fact, [(method, path, body) for method, path, body, _ in server.seen]


async def test_a_batch_of_orders_is_one_request_with_an_outcome_each() -> None:
    rows = [made(1, fill_count="2.00", remaining_count="5.00"), {"client_order_id": "kt-2", **DENIED}, made(3)]
    fact, seen = await ask(ORDERS, reply({"orders": rows}, 201))
    first, second, third = fact.outcomes
    assert isinstance(first, OrderAccepted) and (first.order_id, first.filled, first.remaining) == ("ord-1", 200, 500)
    assert isinstance(second, OrderRejected) and (second.code, second.duplicate) == ("insufficient_balance", False)
    assert isinstance(third, OrderAccepted) and third.client_order_id == "kt-3"
    ((method, path, body),) = seen
    assert (method, path) == ("POST", "/trade-api/v2/portfolio/events/orders/batched")
    sent = json.loads(body)["orders"]
    assert [row["client_order_id"] for row in sent] == NAMES
    assert sent[0]["time_in_force"] == "good_till_canceled"


async def test_a_batch_of_cancels_is_one_request_that_names_the_markets() -> None:
    rows = [
        gone(1),
        gone(2, reduced_by="0.00", error={"code": "not_found", "message": "not found"}),
        gone(3, reduced_by="0.00", error={"code": "market_inactive"}),
    ]
    fact, seen = await ask(CANCELS, reply({"orders": rows}))
    first, second, third = fact.outcomes
    assert isinstance(first, CancelConfirmed) and first.reduced_by == 500
    assert isinstance(second, CancelNotFound) and second.order_id == "ord-2"
    assert isinstance(third, CancelFailed) and "market_inactive" in third.reason
    ((method, path, body),) = seen
    assert (method, path) == ("DELETE", "/trade-api/v2/portfolio/events/orders/batched")
    assert json.loads(body)["orders"][0] == {"order_id": "ord-1", "market_ticker": CANCELS.cancels[0].ticker}


async def test_items_out_of_order_are_matched_by_id_and_a_missing_one_is_not_known() -> None:
    fact, _ = await ask(ORDERS, reply({"orders": [made(3), made(1)]}, 201))
    assert [type(o) for o in fact.outcomes] == [OrderAccepted, OrderOutcomeUnknown, OrderAccepted]
    assert [o.client_order_id for o in fact.outcomes] == NAMES
    fact, _ = await ask(CANCELS, reply({"orders": [gone(3), gone(1)]}))
    assert [type(o) for o in fact.outcomes] == [CancelConfirmed, CancelFailed, CancelConfirmed]


async def test_an_item_without_a_name_counts_by_its_place_only_in_a_whole_reply() -> None:
    fact, _ = await ask(ORDERS, reply({"orders": [made(1), DENIED, made(3)]}, 201))
    assert [type(o) for o in fact.outcomes] == [OrderAccepted, OrderRejected, OrderAccepted]
    for rows in ([made(1), DENIED], [made(3), DENIED, made(1)]):
        fact, _ = await ask(ORDERS, reply({"orders": rows}, 201))
        assert OrderRejected not in [type(o) for o in fact.outcomes]
        assert OrderOutcomeUnknown in [type(o) for o in fact.outcomes]


async def test_an_order_that_two_items_claim_is_not_known() -> None:
    fact, _ = await ask(ORDERS, reply({"orders": [made(1), made(1, order_id="ord-9"), made(3)]}, 201))
    assert [type(o) for o in fact.outcomes] == [OrderOutcomeUnknown, OrderOutcomeUnknown, OrderAccepted]


async def test_a_duplicate_in_a_batch_is_proof_that_it_landed() -> None:
    twice = {"client_order_id": "kt-2", "error": {"code": "order_already_exists"}}
    fact, _ = await ask(ORDERS, reply({"orders": [made(1), twice, made(3)]}, 201))
    second = fact.outcomes[1]
    assert isinstance(second, OrderRejected) and second.duplicate


@pytest.mark.parametrize("bad", [{"fill_count": "many"}, {"fill_count": None}, {"order_id": "with space"}])
async def test_an_item_that_is_no_value_is_not_known_and_counted(bad: dict[str, object]) -> None:
    answer = reply({"orders": [made(1), made(2, **bad), made(3)]}, 201)
    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(ORDERS)
        refused = client.stats().refused_bodies
    assert isinstance(fact, BatchAnswered)
    assert [type(o) for o in fact.outcomes] == [OrderAccepted, OrderOutcomeUnknown, OrderAccepted]
    assert refused == (0 if bad.get("fill_count", "") is None else 1)


@pytest.mark.parametrize("status", [500, 503, 408, 307])
async def test_trouble_of_the_server_leaves_every_order_unknown_and_every_cancel_to_be_sent_again(status: int) -> None:
    fact, seen = await ask(ORDERS, reply({}, status))
    assert [type(o) for o in fact.outcomes] == [OrderOutcomeUnknown] * 3 and len(seen) == 1
    fact, seen = await ask(CANCELS, reply({}, status))
    assert [type(o) for o in fact.outcomes] == [CancelFailed] * 3 and len(seen) == 1


async def test_a_refused_batch_rejects_every_order() -> None:
    fact, _ = await ask(ORDERS, reply({"error": {"code": "too_many_requests"}}, 429))
    assert {(type(o), o.status) for o in fact.outcomes if isinstance(o, OrderRejected)} == {(OrderRejected, 429)}
    assert len(fact.outcomes) == 3


async def test_a_lost_reply_to_a_batch_is_not_sent_again() -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _count: int) -> None:
        requests.append(await read_request(reader))

    async with raw_server(serve) as endpoints, client_of(endpoints) as client:
        orders, cancels = await client.perform(ORDERS), await client.perform(CANCELS)
    assert isinstance(orders, BatchAnswered) and isinstance(cancels, BatchAnswered)
    assert [type(o) for o in orders.outcomes] == [OrderOutcomeUnknown] * 3
    assert [type(o) for o in cancels.outcomes] == [CancelFailed] * 3
    assert len(requests) == 2


async def test_a_batch_that_cannot_be_spelled_is_not_sent() -> None:
    bad = SendOrders(orders=(*ORDERS.orders[:2], send_order("kt-3", count=0)))
    fact, seen = await ask(bad, reply({}))
    assert [type(o) for o in fact.outcomes] == [OrderNotSent] * 3 and not seen


NAMES_IN_USE = ["orders", "order_id", "client_order_id", "fill_count", "remaining_count", "reduced_by", "error", "code"]
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["kt-1", "ord-1", "1.00", "x"])
REPLIES = st.recursive(
    LEAVES,
    lambda leaf: st.lists(leaf, max_size=4) | st.dictionaries(st.sampled_from(NAMES_IN_USE), leaf, max_size=5),
    max_leaves=20,
)


@relaxed
@given(REPLIES)
def test_whatever_a_reply_holds_there_is_an_outcome_for_each_or_a_refusal(value: object) -> None:
    body = json.dumps({"orders": value} if isinstance(value, list) else value).encode()
    refused: list[str] = []
    for read in (
        lambda: wire_batch.created(ORDERS, body, 1, refused.append),
        lambda: wire_batch.canceled(CANCELS, body, 1, refused.append),
    ):
        try:
            fact = read()
        except RefusedInput:
            continue
        assert [o.client_order_id for o in fact.outcomes] == NAMES


# ---- decrease ----------------------------------------------------------------------------------------------------


async def test_a_decrease_names_market_and_amount_and_nothing_else() -> None:
    async with (
        scripted(reply({"order_id": "ord-1", "remaining_count": "3.00", "ts_ms": 1})) as server,
        client_of(server.endpoints) as client,
    ):
        fact = await client.perform(send_decrease())
    assert isinstance(fact, AmendConfirmed) and (fact.price, fact.count, fact.remaining) == (4100, 500, 300)
    method, path, body, _ = server.seen[0]
    assert (method, path) == ("POST", "/trade-api/v2/portfolio/events/orders/ord-1/decrease")
    assert json.loads(body) == {"reduce_by": "2.00", "market_ticker": send_decrease().ticker}


async def test_outcomes_of_a_decrease_are_those_of_an_amend() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(send_decrease()), AmendOutcomeUnknown)
        server.answer = reply({"error": {"code": "invalid_order_size"}}, 400)
        rejected = await client.perform(send_decrease())
    assert isinstance(rejected, AmendRejected) and rejected.code == "invalid_order_size"
