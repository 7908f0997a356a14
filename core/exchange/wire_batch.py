"""REST bodies of batches: wishes to requests, and a reply to one outcome for each of them. Pure.

"Batch reply: some items ok, some failed, order changed, item missing": items are matched by their id. One that names
none is matched by its place, but only in a reply that is whole and in order; what cannot be matched is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from core.domain.amounts import Count
from core.domain.effects import SendCancels, SendOrder, SendOrders
from core.domain.errors import RefusedInput
from core.domain.events import (
    BatchAnswered,
    CancelConfirmed,
    CancelNotFound,
    CancelOutcome,
    CreateOutcome,
    OrderAccepted,
    OrderOutcomeUnknown,
    OrderRejected,
)
from core.domain.ids import OrderId
from core.domain.outcomes import cancel_failed
from core.exchange import wire
from core.exchange.wire_rest import CreateBody, Wire, new_order

# "409: duplicate client_order_id, even of a canceled order": proof that an earlier attempt landed.
DUPLICATE = "order_already_exists"
_MISSING = "the reply to a batch does not tell of it"
# Failures are items of a success: they have a code and no status of their own.
_BAD_REQUEST, _CONFLICT = 400, 409

Refused = Callable[[str], None]


class _CreateBatch(Wire, frozen=True):
    orders: list[CreateBody]


class _CancelBody(Wire, frozen=True):
    order_id: str
    market_ticker: str


class _CancelBatch(Wire, frozen=True):
    orders: list[_CancelBody]


class _Rows(Wire, frozen=True):
    orders: list[msgspec.Raw]


class _Row(Wire, frozen=True):
    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: str | None = None
    remaining_count: str | None = None
    reduced_by: str | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


_ENCODER = msgspec.json.Encoder()
_ROWS = msgspec.json.Decoder(_Rows)
_ROW = msgspec.json.Decoder(_Row)
_ItemT = TypeVar("_ItemT")


def create_body(effect: SendOrders) -> bytes:
    """The body of a batch of new orders; RefusedInput for amounts that cannot be ordered."""
    return _ENCODER.encode(_CreateBatch(orders=[new_order(order) for order in effect.orders]))


def cancel_body(effect: SendCancels) -> bytes:
    """The body of a batch of cancels."""
    return _ENCODER.encode(
        _CancelBatch(orders=[_CancelBody(order_id=c.order_id, market_ticker=c.ticker) for c in effect.cancels])
    )


def created(effect: SendOrders, body: bytes, elapsed_ns: int, refused: Refused) -> BatchAnswered:
    """An outcome for each order; RefusedInput when the reply as a whole is no value. `refused` counts bad items."""
    names = [order.client_order_id for order in effect.orders]
    found = _matched(names, _rows(body, refused), lambda row: row.client_order_id)
    return BatchAnswered(
        outcomes=tuple(_created(o, found.get(o.client_order_id), elapsed_ns, refused) for o in effect.orders)
    )


def canceled(effect: SendCancels, body: bytes, elapsed_ns: int, refused: Refused) -> BatchAnswered:
    """An outcome for each cancel; RefusedInput when the reply as a whole is no value."""
    names = [cancel.order_id for cancel in effect.cancels]
    found = _matched(names, _rows(body, refused), lambda row: row.order_id)
    outcomes: list[CancelOutcome] = []
    for cancel in effect.cancels:
        row = found.get(cancel.order_id)
        code, detail = _error(row)
        if row is None:
            outcomes.append(cancel_failed(cancel, _MISSING, elapsed_ns))
        elif code == "not_found":
            outcomes.append(
                CancelNotFound(client_order_id=cancel.client_order_id, order_id=cancel.order_id, elapsed_ns=elapsed_ns)
            )
        elif code:
            outcomes.append(cancel_failed(cancel, f"{code} {detail}".strip(), elapsed_ns, _BAD_REQUEST))
        else:
            count = _count(row.reduced_by, "reduced_by", refused)
            outcomes.append(
                cancel_failed(cancel, _MISSING, elapsed_ns)
                if count is None
                else CancelConfirmed(
                    client_order_id=cancel.client_order_id,
                    order_id=cancel.order_id,
                    reduced_by=count,
                    elapsed_ns=elapsed_ns,
                )
            )
    return BatchAnswered(outcomes=tuple(outcomes))


def all_rejected(effect: SendOrders, status: int, code: str, detail: str, elapsed_ns: int) -> BatchAnswered:
    """The batch was refused as a whole: none of its orders exists."""
    return BatchAnswered(
        outcomes=tuple(
            OrderRejected(
                client_order_id=order.client_order_id, status=status, code=code, detail=detail, elapsed_ns=elapsed_ns
            )
            for order in effect.orders
        )
    )


def _created(order: SendOrder, row: _Row | None, elapsed_ns: int, refused: Refused) -> CreateOutcome:
    name = order.client_order_id
    if row is None:
        return OrderOutcomeUnknown(client_order_id=name, reason=_MISSING, elapsed_ns=elapsed_ns)
    code, detail = _error(row)
    if code:
        twice = code == DUPLICATE
        return OrderRejected(
            client_order_id=name,
            status=_CONFLICT if twice else _BAD_REQUEST,
            code=code,
            detail=detail,
            duplicate=twice,
            elapsed_ns=elapsed_ns,
        )
    filled = _count(row.fill_count, "fill_count", refused)
    remaining = _count(row.remaining_count, "remaining_count", refused)
    order_id = row.order_id
    if order_id is None or filled is None or remaining is None:
        return OrderOutcomeUnknown(client_order_id=name, reason=_MISSING, elapsed_ns=elapsed_ns)
    return OrderAccepted(
        client_order_id=name,
        order_id=OrderId(order_id),
        filled=filled,
        remaining=remaining,
        elapsed_ns=elapsed_ns,
    )


def _rows(body: bytes, refused: Refused) -> list[_Row | None]:
    """Every item of the reply; None where one is no value, which is counted."""
    wire.refuse_twins(body, "batch reply")
    rows: list[_Row | None] = []
    for raw in wire.decode(_ROWS, body, "batch reply").orders:
        try:
            row = wire.decode(_ROW, bytes(raw), "batch reply")
            if row.order_id is not None:
                wire.identifier(row.order_id, "order_id")
            rows.append(row)
        except RefusedInput as error:
            refused(str(error))
            rows.append(None)
    return rows


def _matched(asked: Sequence[str], rows: list[_Row | None], name_of: Callable[[_Row], str | None]) -> dict[str, _Row]:
    """Items by what they were asked for; one that two items claim, or none, is left out."""
    found: dict[str, _Row] = {}
    twice: set[str] = set()
    in_place = len(rows) == len(asked)
    for index, row in enumerate(rows):
        name = name_of(row) if row is not None else None
        if row is None or not name:
            continue
        in_place = in_place and asked[index] == name
        if name in found:
            twice.add(name)
        if name in asked:
            found[name] = row
    if in_place:
        for name, row in zip(asked, rows, strict=True):
            if row is not None and not name_of(row):
                found[name] = row
    return {name: row for name, row in found.items() if name not in twice}


def _error(row: _Row | None) -> tuple[str, str]:
    """(code, detail) of a failed item, ("", "") of one that is none."""
    if row is None or bytes(row.error) == b"null":
        return "", ""
    return wire.error_body(_BAD_REQUEST, b'{"error":' + bytes(row.error) + b"}")


def _count(text: str | None, field: str, refused: Refused) -> Count | None:
    try:
        return None if text is None else wire.count(text, field)
    except RefusedInput as error:
        refused(str(error))
        return None
