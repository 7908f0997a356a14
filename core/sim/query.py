"""Reading what clients send: query parameters and JSON bodies, each with the exchange's own way of refusing.

A query that fails validation is answered in the bare `msg` shape, a body that cannot be decoded in the flat shape, a
body that decodes and makes no sense in the nested shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from core.sim.errors import bad_body, bad_query, refusal
from core.sim.text import INT64, read_cursor

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class Query:
    """The parameters of one request; names are the API's own."""

    def __init__(self, operation: str, raw: str) -> None:
        self.operation = operation
        self._pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=1_000)
        self._first: dict[str, str] = {}
        for name, value in self._pairs:
            self._first.setdefault(name, value)

    def text(self, name: str) -> str:
        """The value, or an empty text where it is absent."""
        return self._first.get(name, "")

    def words(self, name: str, most: int = 1_000) -> list[str]:
        """A comma list, or the same parameter repeated."""
        found = [word for key, value in self._pairs if key == name for word in value.split(",") if word]
        if len(found) > most:
            raise bad_query(self.operation, _camel(name), "max")
        return found

    def number(self, name: str, low: int, high: int) -> int | None:
        raw = self._first.get(name, "")
        if not raw:
            return None
        digits = raw[1:] if raw.startswith("-") else raw
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise bad_query(self.operation, _camel(name), "numeric")
        value = int(raw)
        if value < low:
            raise bad_query(self.operation, _camel(name), "gte")
        if value > high:
            raise bad_query(self.operation, _camel(name), "lte")
        return value

    def limit(self, default: int, high: int, low: int = 1) -> int:
        """The page size; where 0 is allowed at all it means the default."""
        return self.number("limit", low, high) or default

    def seconds(self, name: str) -> int | None:
        return self.number(name, 0, INT64 // 1_000_000_000 - 1)

    def flag(self, name: str) -> bool:
        raw = self._first.get(name, "")
        if not raw:
            return False
        if raw.lower() not in _FLAGS:
            raise bad_query(self.operation, _camel(name), "boolean")
        return _FLAGS[raw.lower()]

    def choice(self, name: str, choices: Mapping[str, Any] | tuple[str, ...]) -> str:
        raw = self._first.get(name, "")
        if raw and raw not in choices:
            raise bad_query(self.operation, _camel(name), "oneof")
        return raw

    def cursor(self) -> int | None:
        """Where the page starts; a garbage cursor is silently ignored."""
        return read_cursor(self.text("cursor"))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class Body:
    """One decoded JSON object; `struct` is the name refusals call it by. Null counts as absent."""

    def __init__(self, struct: str, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise bad_body(f"json: cannot unmarshal {_kind(fields)} into Go value of type {struct}")
        self._struct = struct
        self._fields: dict[str, Any] = fields

    @classmethod
    def decode(cls, struct: str, raw: bytes, content_type: str) -> Body:
        """Bytes to object; refused where they are not JSON or not said to be."""
        if content_type and "json" not in content_type.lower():
            raise bad_body("Content-Type must be application/json", "invalid_content_type")
        if not raw:
            raise bad_body("EOF")
        try:
            return cls(struct, msgspec.json.decode(raw))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise bad_body(f"invalid JSON: {str(error)[:80]}") from None

    def _get(self, name: str, kind: type, go_kind: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise bad_body(
                f"json: cannot unmarshal {_kind(value)} into Go struct field {self._struct}.{name} of type {go_kind}"
            )
        return value

    def text(self, name: str) -> str:
        return self._get(name, str, "string") or ""

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise refusal("invalid_order", f"{name} is required")
        return value

    def number(self, name: str) -> int | None:
        value: int | None = self._get(name, int, "int64")
        if value is not None and not -INT64 <= value < INT64:
            raise bad_body(f"json: cannot unmarshal number into Go struct field {self._struct}.{name} of type int64")
        return value

    def flag(self, name: str) -> bool:
        return bool(self._get(name, bool, "bool"))

    def primary_only(self) -> None:
        """One subaccount and one shard are served here."""
        if self.number("subaccount") not in (None, 0):
            raise refusal("invalid_order", "unknown subaccount")
        if self.number("exchange_index") not in (None, -1, 0):
            raise refusal("invalid_order", "unknown exchange_index")

    def rows(self, name: str, struct: str) -> list[Body]:
        value = self._get(name, list, f"[]{struct}")
        return [Body(struct, row) for row in value or []]


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
