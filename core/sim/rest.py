"""The REST side as one synchronous function: a request in, a status and bytes out. Never raises for a bad request.

Order of things: route, signature, rate limit, then the handler, as the real exchange does it. Literal paths win over
parameters. Anything refused is answered in the exchange's own shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from core.sim import rest_account, rest_groups, rest_history, rest_orders, rest_portfolio, rest_public
from core.sim.accounts import Account
from core.sim.errors import Refused, refusal, too_many
from core.sim.limits import DEFAULT_COST, Limits
from core.sim.routes import PREFIX, Answer, Call, Route
from core.sim.venue import Venue


class RestRequest(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """`raw_target` as received: path still encoded, query included."""

    method: str
    raw_target: str
    body: bytes = b""
    content_type: str = ""


class RestReply(msgspec.Struct, frozen=True, eq=False):
    status: int
    body: bytes
    location: str = ""
    headers: dict[str, str] = {}


Authenticate = Callable[[], Account]
_Table = dict[str, dict[int, list[tuple[tuple[str, ...], Route]]]]


def endpoint_costs(call: Call) -> Answer:
    """Only what differs from the default cost is listed."""
    rows = [
        {"method": r.method, "path": PREFIX + r.template.replace("{", ":").replace("}", ""), "cost": r.cost}
        for r in ROUTES
        if r.cost != DEFAULT_COST
    ]
    return Answer(200, {"default_cost": DEFAULT_COST, "endpoint_costs": rows})


ROUTES: tuple[Route, ...] = (
    *rest_public.ROUTES,
    *rest_portfolio.ROUTES,
    *rest_orders.ROUTES,
    *rest_groups.ROUTES,
    *rest_account.ROUTES,
    *rest_history.ROUTES,
    Route(
        method="GET",
        template="/account/endpoint_costs",
        operation="GetAccountEndpointCosts",
        handler=endpoint_costs,
        public=True,
    ),
)


class RestApi:
    """Routes, buckets and the venue behind them."""

    def __init__(self, venue: Venue, *, tier: str | None) -> None:
        self._venue = venue
        self._tier = tier
        self._limits: dict[tuple[str, str], Limits] = {}
        self._table: _Table = {}
        for route in ROUTES:
            parts = tuple(route.template.split("/")[1:])
            self._table.setdefault(route.method, {}).setdefault(len(parts), []).append((parts, route))
        for by_length in self._table.values():
            for routes in by_length.values():
                routes.sort(key=lambda row: sum(part.startswith("{") for part in row[0]))

    def handle(self, request: RestRequest, authenticate: Authenticate, now_ns: int, tick_ns: int) -> RestReply:
        """Answer one request. `now_ns` is the venue's time, `tick_ns` a monotonic one for the buckets."""
        path, _, query = request.raw_target.partition("?")
        if len(path) > 1 and path.endswith("/"):
            # A trailing slash is redirected to the path without it.
            return RestReply(301, b"", path.rstrip("/") or "/")
        try:
            answer = self._answer(request, path, query, authenticate, now_ns, tick_ns)
        except Refused as refused:
            answer = Answer(refused.status, refused.body)
        return RestReply(answer.status, b"" if answer.body is None else self.encode(answer.body))

    @staticmethod
    def encode(body: Any) -> bytes:
        """A body as it goes on the wire."""
        return msgspec.json.encode(body)

    def _answer(
        self, request: RestRequest, path: str, query: str, authenticate: Authenticate, now_ns: int, tick_ns: int
    ) -> Answer:
        route, values = self._find(request.method, path)
        member = None if route.public else authenticate()
        if member is not None:
            self._charge(route, member, request, tick_ns)
        call = Call(
            venue=self._venue,
            now_ns=now_ns,
            operation=route.operation,
            path=values,
            raw_query=query,
            raw_body=request.body,
            content_type=request.content_type,
            member=member,
            tier=self._tier_of(member),
        )
        return route.handler(call)

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        if not path.startswith(PREFIX + "/"):
            raise refusal("not_found", "unknown path")
        parts = [unquote(part) for part in path[len(PREFIX) + 1 :].split("/")]
        found = self._match(method, parts)
        if found is None:
            others = any(self._match(other, parts) for other in self._table if other != method)
            raise refusal("method_not_allowed" if others else "not_found", "unknown path")
        return found

    def _match(self, method: str, parts: list[str]) -> tuple[Route, dict[str, str]] | None:
        for template, route in self._table.get(method, {}).get(len(parts), []):
            if all(want.startswith("{") or want == got for want, got in zip(template, parts, strict=True)):
                named = zip(template, parts, strict=True)
                return route, {want[1:-1]: got for want, got in named if want.startswith("{")}
        return None

    def _tier_of(self, member: Account | None) -> str | None:
        return self._tier if self._tier is None or member is None else member.tier or self._tier

    def _charge(self, route: Route, member: Account, request: RestRequest, tick_ns: int) -> None:
        tier = self._tier_of(member)
        if tier is None:
            return
        limits = self._limits.get((member.user_id, tier))
        if limits is None:
            limits = self._limits[member.user_id, tier] = Limits(tier, tick_ns)
        cost = route.cost * (_items(request.body) if route.per_item else 1)
        if not limits.take(route.bucket, cost, tick_ns):
            raise too_many()


def _items(body: bytes) -> int:
    """How many rows a batch asks to be charged for; a body that cannot be read is charged as one."""
    try:
        rows = msgspec.json.decode(body)["orders"]
        return max(1, len(rows))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, KeyError, TypeError):
        return 1
