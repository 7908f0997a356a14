"""Parameters of a strategy: typed, bounded, described, and editable while it runs.

A strategy's parameters are one frozen struct. Each field says its unit and its bounds in its type, so that the
configuration, the command line and a running trader refuse the same values with the same words.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

# What people write, and with how many decimals: a step is a Count, a Price, or one.
UNITS = {"contracts": 2, "dollars": 4, "percent": 0, "seconds": 0, "whole": 0}


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Base: a strategy without parameters. Fields are integers; `bounded` gives their type its unit and bounds."""


P = TypeVar("P", bound=Parameters)


def bounded(unit: str, low: int, high: int, text: str) -> msgspec.Meta:
    """The annotation of a parameter: `unit` of UNITS, bounds in integer steps, what it does in words."""
    assert unit in UNITS
    return msgspec.Meta(ge=low, le=high, description=text, extra={"unit": unit})


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter as declared; amounts in integer steps of its unit."""

    name: str
    unit: str
    default: int
    low: int
    high: int
    text: str

    def shown(self, value: int) -> str:
        """The value as people write it."""
        return f"{Decimal(value).scaleb(-UNITS[self.unit]).normalize():f}"


@cache
def fields_of(kind: type[Parameters]) -> tuple[Field, ...]:
    """Every parameter of a strategy, in the order it declares them."""
    found = []
    for field in msgspec.structs.fields(kind):
        meta = msgspec.inspect.type_info(field.type)
        extra, inner = {}, meta
        if isinstance(meta, msgspec.inspect.Metadata):
            extra, inner = meta.extra or {}, meta.type
        assert isinstance(inner, msgspec.inspect.IntType), f"{kind.__name__}.{field.name} is no bounded integer"
        assert inner.ge is not None
        assert inner.le is not None
        found.append(
            Field(
                name=field.name, unit=extra.get("unit", "whole"), default=int(field.default), low=int(inner.ge),
                high=int(inner.le), text=(meta.extra_json_schema or {}).get("description", "")
                if isinstance(meta, msgspec.inspect.Metadata) else "",
            )
        )  # fmt: skip
    return tuple(found)


def changed(parameters: P, values: dict[str, Any]) -> P:
    """The parameters with some values, as people write them, in place of the old; ValueError naming the first that is
    unknown, no number of its unit, or out of its bounds.
    """
    known = {field.name: field for field in fields_of(type(parameters))}
    steps: dict[str, int] = {}
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            have = ", ".join(known) or "it has none"
            raise ValueError(f"unknown parameter '{name}'; {have}")
        steps[name] = _steps(field, value)
    return msgspec.structs.replace(parameters, **steps)


def _steps(field: Field, value: Any) -> int:
    bounds = f"{field.shown(field.low)} to {field.shown(field.high)} {field.unit}"
    try:
        exact = Decimal("nan" if isinstance(value, bool) else str(value).strip()).scaleb(UNITS[field.unit])
    except ArithmeticError:
        exact = Decimal("nan")
    if not exact.is_finite():
        raise ValueError(f"{field.name}: {str(value)[:40]!r} is no number; {bounds}")
    if not field.low <= exact <= field.high:
        raise ValueError(f"{field.name}: {str(value)[:40]} is not within {bounds}")
    if exact != int(exact):
        raise ValueError(f"{field.name}: {str(value)[:40]} is finer than its unit allows; {bounds}")
    return int(exact)
