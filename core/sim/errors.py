"""How the exchange says no: one exception carrying a status and a body in the exchange's own shape.

Four body shapes are on the wire: nested `error` object, flat code and message, bare `msg` for query validation, and the
bare text of 429. Every refusal anywhere in this room is one of these rows.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request the exchange will not carry out; `status` and `body` are what goes on the wire."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


_STATUS = {
    "insufficient_balance": 400,
    "invalid_price": 400,
    "invalid_order": 400,
    "invalid_order_size": 400,
    "order_id_and_client_order_id_mismatch": 400,
    "order_side_mismatch": 400,
    "order_ticker_mismatch": 400,
    "invalid_status_filter": 400,
    "authentication_error": 401,
    "signature_is_missing_from_headers": 401,
    "header_timestamp_expired": 401,
    "forbidden": 403,
    "not_found": 404,
    "order_group_not_found": 404,
    "method_not_allowed": 405,
    "order_already_exists": 409,
    "fill_or_kill_insufficient_resting_volume": 409,
    "exceeded_order_group_risk_limit": 409,
    "market_inactive": 409,
    "trading_is_paused": 409,
    "exchange_is_paused": 409,
    "deprecated_v1_order_endpoint": 410,
    "request_too_large": 413,
}
_MESSAGE = {
    "deprecated_v1_order_endpoint": "Please switch to the V2 endpoints",
    "authentication_error": "authentication_error",
}


def refusal(code: str, details: str | None = None) -> Refused:
    """The nested shape, used for authentication and for everything about orders."""
    error: dict[str, Any] = {"code": code, "message": _MESSAGE.get(code, code.replace("_", " "))}
    if details is not None:
        error["details"] = details
    return Refused(_STATUS[code], {"error": error})


def bad_body(details: str, code: str = "bad_request") -> Refused:
    """The flat shape, used where the body cannot be decoded."""
    return Refused(400, {"code": code, "message": code.replace("_", " "), "details": details})


def bad_query(operation: str, field: str, rule: str) -> Refused:
    """The bare shape, used where a query parameter fails validation."""
    text = (
        f"Parameter validation failed for {operation}: Key: '{operation}Params.{field}' "
        f"Error:Field validation for '{field}' failed on the '{rule}' tag"
    )
    return Refused(400, {"msg": text})


def too_many() -> Refused:
    """429 comes without headers: nothing says when to try again."""
    return Refused(429, {"error": "too many requests"})
