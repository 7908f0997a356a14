"""REST, order writes (V2): create, cancel, cancel all, amend, decrease, batches; and the dead V1 writes.

Reading a body into a wish happens here; whether the wish is allowed is the venue's decision.
"""

from __future__ import annotations

from typing import Any

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, TimeInForce
from core.sim.errors import Refused, bad_body, refusal
from core.sim.limits import WRITE
from core.sim.model import MAKER, TAKER_AT_CROSS, Amendment, NewOrder
from core.sim.query import Body
from core.sim.routes import Answer, Call, Route, own_order
from core.sim.text import INT64, NS, count_text, read_count, read_price
from core.sim.views import Json, amended_reply, created_reply, reduced_reply, write_reply

_SIDES = {side.value: side for side in BookSide}
_TIMES_IN_FORCE = {tif.value: tif for tif in TimeInForce}
_SELF_TRADE = {TAKER_AT_CROSS: TAKER_AT_CROSS, MAKER: MAKER}
_MOST_SECONDS = INT64 // NS - 1


def _one_of(body: Body, name: str, choices: dict[str, Any]) -> Any:
    value = body.required(name)
    if value not in choices:
        raise refusal("invalid_order", f"invalid {name}")
    return choices[value]


def _price(body: Body) -> Price:
    price = read_price(body.required("price"))
    if price is None:
        raise refusal("invalid_price")
    return Price(price)


def _count(body: Body, name: str = "count") -> Count:
    count = read_count(body.required(name))
    if count is None:
        raise refusal("invalid_order_size")
    return Count(count)


def _expiration_ns(body: Body) -> int | None:
    seconds = body.number("expiration_time")
    if seconds is not None and not 0 <= seconds <= _MOST_SECONDS:
        raise refusal("invalid_order", "Expiration timestamp must be in the future")
    return None if seconds is None else seconds * NS


def _read_order(body: Body) -> NewOrder:
    body.primary_only()
    expiration_ns = _expiration_ns(body)
    if expiration_ns == 0:
        raise refusal("invalid_order", "Expiration timestamp must be in the future")
    return NewOrder(
        ticker=body.required("ticker"),
        side=_one_of(body, "side", _SIDES),
        count=_count(body),
        price=_price(body),
        time_in_force=_one_of(body, "time_in_force", _TIMES_IN_FORCE),
        self_trade=_one_of(body, "self_trade_prevention_type", _SELF_TRADE),
        client_order_id=body.text("client_order_id"),
        expiration_ns=expiration_ns or 0,
        post_only=body.flag("post_only"),
        reduce_only=body.flag("reduce_only"),
        cancel_on_pause=body.flag("cancel_order_on_pause"),
        group_id=body.text("order_group_id"),
    )


def create_order(call: Call) -> Answer:
    wish = _read_order(call.body("CreateOrderV2Request"))
    return Answer(201, created_reply(call.venue.place(call.account, wish, call.now_ns), call.now_ns))


def cancel_order(call: Call) -> Answer:
    order, reduced = call.venue.cancel(call.account, own_order(call), call.now_ns)
    return Answer(200, reduced_reply(order, reduced, call.now_ns))


def cancel_all(call: Call) -> Answer:
    if call.query.number("subaccount", 0, 63) in (None, 0):
        call.venue.cancel_all(call.account, call.now_ns)
    return Answer(204)


def amend_order(call: Call) -> Answer:
    body = call.body("AmendOrderV2Request")
    body.primary_only()
    wish = Amendment(
        ticker=body.required("ticker"),
        side=_one_of(body, "side", _SIDES),
        price=_price(body),
        count=_count(body),
        client_order_id=body.text("client_order_id"),
        updated_client_order_id=body.text("updated_client_order_id"),
        expiration_ns=_expiration_ns(body),
    )
    done = call.venue.amend(call.account, own_order(call), wish, call.now_ns)
    return Answer(200, amended_reply(done, call.now_ns))


def decrease_order(call: Call) -> Answer:
    body = call.body("DecreaseOrderV2Request")
    given = [name for name in ("reduce_by", "reduce_to") if body.text(name)]
    if len(given) != 1:
        raise refusal("invalid_order", "exactly one of reduce_by and reduce_to is required")
    amount = _count(body, given[0])
    by, to = (amount, None) if given[0] == "reduce_by" else (None, amount)
    body.primary_only()
    order = call.venue.decrease(call.account, own_order(call), by, to, call.now_ns)
    return Answer(200, {**write_reply(order, call.now_ns), "remaining_count": count_text(order.remaining)})


def _error_of(refused: Refused) -> Json:
    error: Json = refused.body.get("error", refused.body)
    return error


def batch_create(call: Call) -> Answer:
    """Replies in request order; a failure concerns its own row only."""
    rows = call.body("BatchCreateOrdersV2Request").rows("orders", "CreateOrderV2Request")
    if not rows:
        raise bad_body("orders is required")
    replies: list[Json] = []
    for row in rows:
        try:
            done = call.venue.place(call.account, _read_order(row), call.now_ns)
            replies.append(created_reply(done, call.now_ns))
        except Refused as refused:
            replies.append({**_named(row), "error": _error_of(refused)})
    return Answer(201, {"orders": replies})


def _named(row: Body) -> Json:
    try:
        name = row.text("client_order_id")
    except Refused:
        return {}
    return {"client_order_id": name} if name else {}


def batch_cancel(call: Call) -> Answer:
    rows = call.body("BatchCancelOrdersV2Request").rows("orders", "BatchCancelOrdersV2RequestOrder")
    if not rows:
        raise bad_body("orders is required")
    ids = [row.required("order_id") for row in rows]
    replies: list[Json] = []
    for row, order_id in zip(rows, ids, strict=True):
        try:
            row.primary_only()
            order, reduced = call.venue.cancel(call.account, order_id, call.now_ns)
            replies.append(reduced_reply(order, reduced, call.now_ns))
        except Refused as refused:
            replies.append({"order_id": order_id, "reduced_by": "0.00", "error": _error_of(refused)})
    return Answer(200, {"orders": replies})


def deprecated(call: Call) -> Answer:
    raise refusal("deprecated_v1_order_endpoint")


def _write(method: str, template: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, template=template, operation=operation, handler=handler, bucket=WRITE, **more)


_V2 = "/portfolio/events/orders"
_V1 = "/portfolio/orders"
ROUTES: tuple[Route, ...] = (
    _write("POST", _V2, "CreateOrderV2", create_order),
    _write("DELETE", _V2, "CancelAllOrders", cancel_all, cost=2),
    _write("POST", f"{_V2}/batched", "BatchCreateOrdersV2", batch_create, per_item=True),
    _write("DELETE", f"{_V2}/batched", "BatchCancelOrdersV2", batch_cancel, cost=2, per_item=True),
    _write("DELETE", f"{_V2}/{{order_id}}", "CancelOrderV2", cancel_order, cost=2),
    _write("POST", f"{_V2}/{{order_id}}/amend", "AmendOrderV2", amend_order),
    _write("POST", f"{_V2}/{{order_id}}/decrease", "DecreaseOrderV2", decrease_order),
    _write("POST", _V1, "CreateOrder", deprecated),
    _write("POST", f"{_V1}/batched", "BatchCreateOrders", deprecated),
    _write("DELETE", f"{_V1}/batched", "BatchCancelOrders", deprecated),
    _write("DELETE", f"{_V1}/{{order_id}}", "CancelOrder", deprecated),
    _write("POST", f"{_V1}/{{order_id}}/amend", "AmendOrder", deprecated),
    _write("POST", f"{_V1}/{{order_id}}/decrease", "DecreaseOrder", deprecated),
)
