"""REST, order groups: create, read, reset, trigger, change the limit, delete. Served on subaccount 0 and shard 0."""

from __future__ import annotations

from typing import Any

from core.domain.amounts import Count, contracts
from core.sim.errors import bad_body, refusal
from core.sim.groups import LEAST, MOST, OrderGroup
from core.sim.limits import WRITE
from core.sim.query import Body
from core.sim.routes import Answer, Call, Route, on_primary
from core.sim.text import count_text, read_count
from core.sim.views import SHARD, Json

_ROOT = "/portfolio/order_groups"


def _limit(body: Body) -> Count:
    """`contracts_limit` or `contracts_limit_fp`; where both are given they must say the same."""
    whole, fixed = body.number("contracts_limit"), body.text("contracts_limit_fp")
    if whole is None and not fixed:
        raise refusal("invalid_order", "contracts_limit or contracts_limit_fp is required")
    given = read_count(fixed) if fixed else contracts(whole or 0)
    if given is None:
        raise refusal("invalid_order_size", "contracts_limit_fp")
    if whole is not None and fixed and given != contracts(whole):
        raise refusal("invalid_order", "contracts_limit and contracts_limit_fp must match")
    if not contracts(LEAST) <= given <= contracts(MOST):
        raise refusal("invalid_order", f"contracts_limit must be between {LEAST} and {MOST}")
    return Count(given)


def _view(group: OrderGroup) -> Json:
    return {
        "is_auto_cancel_enabled": True,  # no group here is without it
        "contracts_limit_fp": count_text(group.limit),
        "exchange_index": SHARD,
    }


def _own(call: Call) -> str:
    """The group a request names; on any other subaccount or shard there is none."""
    if not on_primary(call.query):
        raise refusal("not_found")
    return call.path["order_group_id"]


def list_groups(call: Call) -> Answer:
    groups = call.account.groups.values() if on_primary(call.query) else ()
    return Answer(200, {"order_groups": [{"id": g.group_id, **_view(g)} for g in groups]})


def create_group(call: Call) -> Answer:
    body = call.body("CreateOrderGroupRequest")
    body.primary_only()
    group = call.venue.groups.create(call.account, _limit(body), call.now_ns)
    return Answer(201, {"order_group_id": group.group_id, "subaccount": 0, "exchange_index": SHARD})


def get_group(call: Call) -> Answer:
    group = call.venue.groups.find(call.account, _own(call))
    return Answer(200, {**_view(group), "orders": list(group.members)})


def delete_group(call: Call) -> Answer:
    call.venue.groups.delete(call.account, _own(call), call.now_ns)
    return Answer(200, {})


def reset_group(call: Call) -> Answer:
    call.venue.groups.reset(call.account, _own(call), call.now_ns)
    return Answer(200, {})


def trigger_group(call: Call) -> Answer:
    call.venue.groups.trigger(call.account, _own(call), call.now_ns)
    return Answer(200, {})


def limit_group(call: Call) -> Answer:
    if not call.raw_body:
        raise bad_body("EOF")
    limit = _limit(call.body("UpdateOrderGroupLimitRequest"))
    call.venue.groups.set_limit(call.account, _own(call), limit, call.now_ns)
    return Answer(200, {})


def _route(method: str, template: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, template=_ROOT + template, operation=operation, handler=handler, **more)


ROUTES: tuple[Route, ...] = (
    _route("GET", "", "GetOrderGroups", list_groups),
    _route("POST", "/create", "CreateOrderGroup", create_group, bucket=WRITE),
    _route("GET", "/{order_group_id}", "GetOrderGroup", get_group),
    _route("DELETE", "/{order_group_id}", "DeleteOrderGroup", delete_group, bucket=WRITE),
    _route("PUT", "/{order_group_id}/reset", "ResetOrderGroup", reset_group, bucket=WRITE),
    _route("PUT", "/{order_group_id}/trigger", "TriggerOrderGroup", trigger_group, bucket=WRITE),
    _route("PUT", "/{order_group_id}/limit", "UpdateOrderGroupLimit", limit_group, bucket=WRITE),
)
