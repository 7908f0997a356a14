"""What a REST route is: method, path template, who may ask, what it costs, and the handler that answers.

Handlers are plain functions of a `Call`. They may raise `Refused`; they never see a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from core.sim.accounts import Account
from core.sim.errors import refusal
from core.sim.limits import DEFAULT_COST, READ
from core.sim.query import Body, Query
from core.sim.text import cursor_text
from core.sim.venue import Venue

PREFIX = "/trade-api/v2"
Row = TypeVar("Row")


class Call(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """One request as a handler sees it. `path` holds the values of the template's parameters."""

    venue: Venue
    now_ns: int
    operation: str
    path: dict[str, str]
    raw_query: str
    raw_body: bytes
    content_type: str
    member: Account | None
    tier: str | None

    @property
    def query(self) -> Query:
        return Query(self.operation, self.raw_query)

    @property
    def account(self) -> Account:
        assert self.member is not None, "a private route was reached without an account"
        return self.member

    def body(self, struct: str) -> Body:
        return Body.decode(struct, self.raw_body, self.content_type)


class Answer(msgspec.Struct, frozen=True, eq=False):
    """What goes back: a status and a JSON body, or no body at all."""

    status: int
    body: Any = None


class Route(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    method: str
    template: str
    operation: str
    handler: Callable[[Call], Answer]
    public: bool = False
    bucket: str = READ
    cost: int = DEFAULT_COST
    per_item: bool = False  # a batch costs its size


def page_of(rows: Iterable[Row], limit: int, key: Callable[[Row], int]) -> tuple[list[Row], str]:
    """The first `limit` rows and the cursor that goes on after them; keys only go up, so pages never shift."""
    page: list[Row] = []
    for row in rows:
        if len(page) == limit:
            return page, cursor_text(key(page[-1]))
        page.append(row)
    return page, ""


def on_primary(query: Query) -> bool:
    """Everything is on the primary subaccount and on shard 0; any other is empty."""
    sub = query.number("subaccount", 0, 63)
    shard = query.number("exchange_index", 0, 1_000)
    return sub in (None, 0) and shard in (None, 0)


def own_order(call: Call) -> str:
    """The order a write names; on any other subaccount or shard there is none. -1 leaves the shard to the exchange."""
    query = call.query
    sub, shard = query.number("subaccount", 0, 63), query.number("exchange_index", -1, 1_000)
    if sub not in (None, 0) or shard not in (None, -1, 0):
        raise refusal("not_found")
    return call.path["order_id"]
