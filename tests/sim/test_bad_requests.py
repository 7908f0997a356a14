"""Whatever is sent, the answer has one of the exchange's four shapes and is never a 500."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.sim.rest import ROUTES, RestApi, RestRequest
from tests.facts import examples, validate_reply
from tests.sim.support import NOW, bare_venue, member, running

V2 = "/portfolio/events/orders"
VENUE = bare_venue()
TICKER = next(iter(VENUE.markets))
ANN = member(VENUE)
API = RestApi(VENUE, tier=None)
GOOD: dict[str, Any] = {
    "ticker": TICKER,
    "side": "bid",
    "count": "1.00",
    "price": "0.5000",
    "time_in_force": "good_till_canceled",
    "self_trade_prevention_type": "taker_at_cross",
}


def ask(method: str, path: str, body: Any = None, *, raw: bytes | None = None, kind: str = "application/json") -> Any:
    data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
    request = RestRequest(method=method, raw_target="/trade-api/v2" + path, body=data, content_type=kind)
    reply = API.handle(request, lambda: ANN, NOW, NOW)
    answer = json.loads(reply.body) if reply.body else None
    if reply.status >= 400:
        validate_reply(method, path, reply.status, answer)
    return reply.status, answer


def code_of(answer: Any) -> str:
    status, body = answer
    assert 400 <= status < 500
    return str(body["error"]["code"] if isinstance(body.get("error"), dict) else body.get("code", body))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": 1}, "bad_request"),
        ({"price": 0.5}, "bad_request"),
        ({"price": "0.505"}, "invalid_price"),
        ({"price": "0.50000"}, "invalid_price"),
        ({"price": "1.0000"}, "invalid_price"),
        ({"price": "-0.5"}, "invalid_price"),
        ({"price": "NaN"}, "invalid_price"),
        ({"count": "0"}, "invalid_order_size"),
        ({"count": "0.001"}, "invalid_order_size"),
        ({"count": "-1"}, "invalid_order_size"),
        ({"count": "1e2"}, "invalid_order_size"),
        ({"count": "999999999999"}, "insufficient_balance"),
        ({"side": "yes"}, "invalid_order"),
        ({"time_in_force": "GTT"}, "invalid_order"),
        ({"self_trade_prevention_type": "none"}, "invalid_order"),
        ({"ticker": "NOPE"}, "not_found"),
        ({"ticker": ""}, "invalid_order"),
        ({"post_only": "yes"}, "bad_request"),
        ({"post_only": True, "time_in_force": "immediate_or_cancel"}, "invalid_order"),
        ({"expiration_time": 1}, "invalid_order"),
        ({"expiration_time": 0}, "invalid_order"),
        ({"expiration_time": 2**62}, "invalid_order"),
        ({"expiration_time": 2**63}, "bad_request"),
        ({"expiration_time": 1.5}, "bad_request"),
        ({"expiration_time": True}, "bad_request"),
        ({"client_order_id": "x" * 65}, "invalid_order"),
        ({"client_order_id": 7}, "bad_request"),
        ({"subaccount": 3}, "invalid_order"),
        ({"exchange_index": 2}, "invalid_order"),
        ({"order_group_id": "g"}, "order_group_not_found"),
        ({"reduce_only": True}, "invalid_order"),
    ],
)
def test_each_wrong_field_has_its_refusal(change: Any, code: str) -> None:
    assert code_of(ask("POST", V2, {**GOOD, **change})) == code


@pytest.mark.parametrize("field", list(GOOD))
@pytest.mark.parametrize("hole", [None, "absent"])
def test_missing_and_null_fields_are_refused(field: str, hole: Any) -> None:
    body = {k: v for k, v in GOOD.items() if k != field}
    assert code_of(ask("POST", V2, body if hole else {**body, field: None})) == "invalid_order"


def test_a_number_for_a_string_is_answered_as_recorded() -> None:
    recorded = examples()["errors"]["400 numeric instead of string"]
    assert ask("POST", V2, {**GOOD, "count": 4}) == (recorded["status"], recorded["body"])


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":1}}'])
@pytest.mark.parametrize("path", [V2, f"{V2}/batched", f"{V2}/x/amend", f"{V2}/x/decrease"])
def test_bodies_that_are_no_object_are_refused_flat(raw: bytes, path: str) -> None:
    assert code_of(ask("POST", path, raw=raw)) == "bad_request"


def test_a_body_of_another_type_is_refused() -> None:
    assert code_of(ask("POST", V2, GOOD, kind="text/plain")) == "invalid_content_type"


@pytest.mark.parametrize(
    "query",
    [
        "limit=1001", "limit=-1", "limit=ten", "limit=1.5", "limit=٣", "status=active",
        "status=open,closed",
        "min_close_ts=soon", "min_close_ts=-1",
        "mve_filter=some", "min_created_ts=1&status=settled", "limit=" + "9" * 30,
    ],
)  # fmt: skip
def test_bad_queries_are_refused(query: str) -> None:
    status, body = ask("GET", f"/markets?{query}")
    assert status == 400
    assert "msg" in body or body["error"]["code"] == "invalid_status_filter"


def test_too_large_a_limit_is_answered_as_recorded() -> None:
    recorded = examples()["errors"]["400 parameter validation"]["body"]["msg"]
    assert ask("GET", "/markets?limit=1001") == (400, {"msg": recorded})


@pytest.mark.parametrize("path", ["/nope", "/markets/a/b/c", "/portfolio", "/markets/%2e%2e", "/markets/A%00B", "/%ff"])
def test_unknown_paths_are_not_found(path: str) -> None:
    assert ask("GET", path)[0] == 404


def test_a_wrong_method_is_said_so() -> None:
    assert ask("PATCH", "/markets")[0] == 405
    assert ask("POST", "/markets")[0] == 405


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from([*GOOD.values(), "reduce_by", "0.01", "ask", "maker", "fill_or_kill"])
BODIES = st.fixed_dictionaries(
    {}, optional={k: st.one_of(st.just(v), WORDS, JSON) for k, v in GOOD.items()}
    | dict.fromkeys(("client_order_id", "expiration_time", "post_only", "reduce_only", "orders", "reduce_to"), JSON),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(ROUTES), BODIES, st.text(max_size=20), st.text(max_size=30))
@pytest.mark.wide
def test_no_input_raises_anything_but_a_refusal(route: Any, body: Any, word: str, query: str) -> None:
    path = "/".join(word.replace("/", "") or "x" if "{" in part else part for part in route.template.split("/"))
    status, _answer = ask(route.method, f"{path}?{query}&limit={word}&cursor={word}", body)
    assert status < 500


async def test_oversized_and_malformed_requests_get_an_answer_over_the_socket() -> None:
    async with running() as (_server, client):
        status, body = await client.raw("POST", V2, data=io.BytesIO(b"x" * 2_000_000))
        assert (status, body["error"]["code"]) == (413, "request_too_large")
        status, _body = await client.raw("GET", "/markets/%zz%", headers={})
        assert status == 404
        assert (await client.raw("GET", "/exchange/status"))[0] == 200
