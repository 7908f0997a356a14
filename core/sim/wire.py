"""What request and reply faults do to one REST exchange: before it is processed, and after.

Pure: the server carries out what is decided here (a reset, a wait, another reply).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from core.sim.errors import Refused, refusal, too_many
from core.sim.faults import Faults
from core.sim.rest import RestReply, RestRequest
from core.sim.routes import PREFIX


class Verdict(msgspec.Struct, kw_only=True):
    """What happens to a request. `reply` stands instead of the exchange's own, which acts only if `processed`."""

    reset: bool = False
    delay_ms: int = 0
    reply: RestReply | None = None
    processed: bool = True
    close: bool = False
    silent: bool = False  # the line closes without a word in the reply
    pieces: int = 0  # bytes of the body in one piece; 0: whole
    endless: bool = False


def _refused(refused: Refused) -> RestReply:
    return RestReply(refused.status, msgspec.json.encode(refused.body))


def _about(request: RestRequest) -> dict[str, str]:
    path = request.raw_target.partition("?")[0].removeprefix(PREFIX)
    return {"method": request.method, "path": path}


def before(faults: Faults, request: RestRequest) -> Verdict:
    """Faults that strike a request on its way in; the first that answers wins."""
    about = _about(request)
    reset = faults.on("request_reset")
    if reset and not reset["early"] and faults.strike("request_reset", **about):
        return Verdict(reset=True, processed=False)
    parked = faults.strike("request_parked", **about)
    verdict = Verdict(delay_ms=parked["delay_ms"] if parked else 0)
    for name, answer in _ANSWERS.items():
        if name == "post_only_crosses" and b'"post_only":true' not in request.body.replace(b" ", b""):
            continue
        params = faults.strike(name, **about)
        if params:
            down = name == "server_error" and about["path"] == "/exchange/status"
            verdict.reply = RestReply(params["status"], _DOWN) if down else answer(params)
            verdict.processed = bool(params.get("processed", False))
            break
    return verdict


# The status of the exchange has its usual shape even where it fails.
_DOWN = msgspec.json.encode({"exchange_active": False, "trading_active": False})


def _server_error(params: dict[str, Any]) -> RestReply:
    status = params["status"]
    return RestReply(status, msgspec.json.encode({"error": {"code": "internal_error", "message": "try again"}}))


def _rejected(params: dict[str, Any]) -> RestReply:
    code = params["code"]
    return RestReply(400, msgspec.json.encode({"error": {"code": code, "message": code.replace("_", " ")}}))


def _unauthorized(params: dict[str, Any]) -> RestReply:
    made = _refused(refusal("authentication_error", "NOT_FOUND"))
    return RestReply(params["status"], made.body)


def _too_many(params: dict[str, Any]) -> RestReply:
    headers = {"Retry-After": params["retry_after"]} if params["retry_after"] else {}
    return RestReply(429, _refused(too_many()).body, headers=headers)


_ANSWERS: dict[str, Callable[[dict[str, Any]], RestReply]] = {
    "unauthorized": _unauthorized,
    "too_many_requests": _too_many,
    "redirected": lambda params: RestReply(307, b"", location=params["to"]),
    "server_error": _server_error,
    "rejected": _rejected,
    "conflict": lambda params: RestReply(409, b'{"error":{"code":"state_conflict","message":"state conflict"}}'),
    "post_only_crosses": lambda params: _refused(refusal("invalid_order", "post only cross")),
}


def after(faults: Faults, request: RestRequest, reply: RestReply) -> Verdict:
    """Faults that strike the reply on its way out."""
    about = _about(request)
    if faults.strike("reply_lost", **about):
        return Verdict(reset=True)
    late = faults.strike("reply_late", **about)
    verdict = Verdict(delay_ms=late["delay_ms"] if late else 0, reply=reply)
    closed = faults.strike("connection_closed", **about)
    if closed:
        verdict.close, verdict.silent = True, closed["silent"]
    sliced = faults.strike("reply_sliced", **about)
    if sliced:
        verdict.pieces = max(1, sliced["bytes"])
    if reply.status < 400:
        huge = faults.strike("reply_huge", **about)
        verdict.endless = huge is not None and huge["how"] == "endless"
        verdict.reply = _huge(reply.status, huge) if huge else _changed(faults, request, about, reply)
    return verdict


def early(faults: Faults, method: str, target: str) -> bool:
    """Whether the line breaks before the whole request is there."""
    params = faults.on("request_reset")
    if params is None or not params["early"]:
        return False
    path = target.partition("?")[0].removeprefix(PREFIX)
    return faults.strike("request_reset", method=method, path=path) is not None


def _huge(status: int, params: dict[str, Any]) -> RestReply:
    body = b'{"x":"' + b"a" * params["bytes"] + b'"}'
    if params["how"] == "gzip":
        return RestReply(status, gzip.compress(body), headers={"Content-Encoding": "gzip"})
    return RestReply(status, body)


def _changed(faults: Faults, request: RestRequest, about: dict[str, str], reply: RestReply) -> RestReply:
    """A success whose body is not what it should be."""
    broken = faults.strike("reply_broken", **about)
    if broken:
        bodies = {"empty": b"", "cut": reply.body[: len(reply.body) // 2], "html": b"<html><body>Bad</body></html>"}
        return RestReply(reply.status, bodies[broken["how"]])
    body = msgspec.json.decode(reply.body) if reply.body else None
    if not isinstance(body, dict):
        return reply
    missing = faults.on("field_missing")
    if missing and missing["field"] in body and faults.strike("field_missing", **about):
        if missing["instead"]:
            body[missing["field"]] = missing["instead"]
        else:
            del body[missing["field"]]
    rows = body.get("orders")
    if about["path"].endswith("/batched") and isinstance(rows, list) and faults.strike("batch_mangled"):
        body["orders"] = rows[:0:-1] if len(rows) > 1 else []
    looped = faults.strike("cursor_loops", path=about["path"]) if body.get("cursor") else None
    if looped:
        _loop(body, request, looped["how"])
    return RestReply(reply.status, msgspec.json.encode(body))


def _loop(body: dict[str, Any], request: RestRequest, how: str) -> None:
    """A list that goes wrong from page to page."""
    if how == "lost":
        body.update({name: [] for name, rows in body.items() if isinstance(rows, list)})
        return
    own = dict(parse_qsl(request.raw_target.partition("?")[2])).get("cursor", "")
    # A cursor that means nothing leads back to the first page.
    body["cursor"] = own if how == "same" and own else "YWdhaW4"
