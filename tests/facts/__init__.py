"""The exchange's documented shapes as data, and checks against them; nothing here comes from our own code.

`openapi.json` and `asyncapi.json` hold field schemas, `examples.json` one valid payload for each reply, error and
frame. OpenAPI 3.0's `nullable` is turned into JSON Schema before anything is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_HERE = Path(__file__).parent
_TEXT = {"type": "string"}
_CODED = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": _TEXT, "message": _TEXT, "details": _TEXT},
    "additionalProperties": False,
}
# The four bodies in which the exchange says no.
ERROR_SHAPES: dict[str, Any] = {
    "oneOf": [
        {"type": "object", "required": ["error"], "properties": {"error": _CODED}, "additionalProperties": False},
        _CODED,
        {"type": "object", "required": ["msg"], "properties": {"msg": _TEXT}, "additionalProperties": False},
        {"type": "object", "required": ["error"], "properties": {"error": _TEXT}, "additionalProperties": False},
    ]
}
_COMMANDS = {
    "subscribe": "subscribeCommandPayload",
    "unsubscribe": "unsubscribeCommandPayload",
    "update_subscription": "updateSubscriptionCommandPayload",
    "list_subscriptions": "listSubscriptionsCommandPayload",
}
_FRAMES = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "ok": "okResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "fill": "fillPayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "event_lifecycle": "eventLifecyclePayload",
    "event_fee_update": "eventFeeUpdatePayload",
    "market_position": "marketPositionPayload",
    "order_group_updates": "orderGroupUpdatesPayload",
    "user_order": "userOrderPayload",
}


def _load(name: str) -> Any:
    return json.loads((_HERE / name).read_text(encoding="utf-8"))


def _translate(node: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: `nullable` becomes a choice with null."""
    if isinstance(node, list):
        return [_translate(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _translate(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [out, {"type": "null"}]}
    return out


@cache
def openapi() -> Any:
    return _translate(_load("openapi.json"))


@cache
def asyncapi() -> Any:
    return _load("asyncapi.json")


@cache
def examples() -> Any:
    """Valid payloads: `rest`, `rest_requests`, `errors`, `ws` with commands, responses and messages."""
    return _load("examples.json")


@cache
def _validator(document: str, pointer: str) -> Draft202012Validator:
    components = {"components": (openapi() if document == "rest" else asyncapi())["components"]}
    schema = {"$ref": pointer, **components} if pointer.startswith("#") else {**json.loads(pointer), **components}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _check(document: str, pointer: str, value: Any, what: str) -> None:
    errors = sorted(_validator(document, pointer).iter_errors(value), key=lambda e: list(map(str, e.path)))
    if errors:
        lines = [f"{'/'.join(map(str, e.path)) or '.'}: {e.message[:300]}" for e in errors[:8]]
        raise AssertionError(f"{what} does not fit the schema:\n  " + "\n  ".join(lines))


def _operation(method: str, path_template: str) -> Any:
    path = path_template.removeprefix("/trade-api/v2")
    operation = openapi()["paths"].get(path, {}).get(method.lower())
    assert operation is not None, f"{method} {path} is not in the documented API"
    return operation


def validate_reply(method: str, path_template: str, status: int, body: Any) -> None:
    """AssertionError unless the status is documented and the body has its shape; a refusal has one of four."""
    if status >= 400:
        _check("rest", json.dumps(ERROR_SHAPES), body, f"{method} {path_template} -> {status}")
        return
    responses = _operation(method, path_template)["responses"]
    assert str(status) in responses, f"{method} {path_template} never answers {status}"
    content = responses[str(status)].get("content")
    if content is None:
        assert body in (None, "", b""), f"{method} {path_template} -> {status} has no body"
        return
    schema = content["application/json"]["schema"]
    _check("rest", json.dumps(schema), body, f"{method} {path_template} -> {status}")


def validate_request(method: str, path_template: str, body: Any) -> None:
    """AssertionError unless the body is a documented request of this endpoint, with no undocumented field."""
    wanted = _operation(method, path_template).get("requestBody")
    if wanted is None:
        assert body is None, f"{method} {path_template} takes no body"
        return
    if body is None:
        assert not wanted.get("required"), f"{method} {path_template} needs a body"
        return
    schema = wanted["content"]["application/json"]["schema"]
    _check("rest", json.dumps(schema), body, f"{method} {path_template} request")
    _no_strangers(schema, body, f"{method} {path_template}")


def _no_strangers(schema: Any, value: Any, where: str) -> None:
    strangers = sorted(set(_strangers(schema, value, where)))
    assert not strangers, f"undocumented fields: {strangers}"


def _strangers(schema: Any, value: Any, where: str) -> Iterator[str]:
    """Paths of fields no schema speaks of; validation alone lets them pass."""
    while "$ref" in schema or "anyOf" in schema or "allOf" in schema:
        first = schema if "$ref" in schema else (schema.get("anyOf") or schema["allOf"])[0]
        schema = openapi()["components"]["schemas"][first["$ref"].rsplit("/", 1)[1]] if "$ref" in first else first
    if isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            known = schema["properties"].get(name)
            if known is None:
                yield f"{where}.{name}"
            else:
                yield from _strangers(known, item, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from _strangers(schema["items"], item, f"{where}[]")


def undocumented_fields(method: str, path_template: str, status: int, body: Any) -> set[str]:
    """Fields of a reply that the documents do not know."""
    content = _operation(method, path_template)["responses"][str(status)].get("content")
    return set(_strangers(content["application/json"]["schema"], body, "")) if content else set()


def validate_frame(frame: Any) -> None:
    """AssertionError unless a server frame has the shape documented for its type."""
    kind = frame.get("type") if isinstance(frame, dict) else None
    assert kind in _FRAMES, f"undocumented frame type {kind!r}"
    name = _FRAMES[kind]
    if kind == "ok" and isinstance(frame.get("msg"), list):
        name = "listSubscriptionsResponsePayload"
    if kind == "market_lifecycle_v2" and frame.get("msg", {}).get("event_type") == "metadata_updated":
        name = "marketMetadataUpdatedPayload"
    _check("ws", f"#/components/schemas/{name}", frame, f"frame {kind}")


def validate_command(command: Any) -> None:
    """AssertionError unless a client command has the shape documented for it."""
    name = command.get("cmd") if isinstance(command, dict) else None
    assert name in _COMMANDS, f"undocumented command {name!r}"
    _check("ws", f"#/components/schemas/{_COMMANDS[name]}", command, f"command {name}")
