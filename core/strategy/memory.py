"""What a strategy remembers of its markets, as bytes that outlive the process: whose they are, and when they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.domain.ids import Ticker
from core.strategy.base import Strategy

FORMAT = 1
NS = 1_000_000_000


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Memories by ticker; `at` is wall time in ns."""

    format: int = FORMAT
    strategy: str
    version: str
    at: int
    memory: dict[str, msgspec.Raw]


def _named(strategy: Strategy) -> str:
    return f"{type(strategy).__module__}:{type(strategy).__qualname__}"


def pack(strategy: Strategy, memory: Mapping[Ticker, Any], at: int) -> bytes:
    """One of `decisions.NOT_PLAIN` where a memory is no plain data."""
    rows = {str(ticker): msgspec.Raw(msgspec.msgpack.encode(one)) for ticker, one in memory.items()}
    version = strategy.memory_version
    return msgspec.msgpack.encode(Kept(strategy=_named(strategy), version=version, at=at, memory=rows))


def unpack(strategy: Strategy, data: bytes, at: int) -> dict[Ticker, Any]:
    """The memories, read as the types the strategy begins with; ValueError says why they are not its own."""
    try:
        kept = msgspec.msgpack.decode(data, type=Kept)
        if kept.format != FORMAT:
            raise ValueError(f"of format {kept.format}, this program reads {FORMAT}")
        if kept.strategy != _named(strategy):
            raise ValueError(f"of another strategy, {kept.strategy[:80]}")
        if kept.version != strategy.memory_version:
            raise ValueError(f"of version {kept.version[:40]}, the strategy is {strategy.memory_version}")
        age_s = (at - kept.at) // NS
        if not 0 <= age_s <= strategy.memory_lasts_s:
            raise ValueError(f"{age_s} s old, this strategy's last {strategy.memory_lasts_s} s")
        return {
            Ticker(ticker): msgspec.msgpack.decode(raw, type=type(strategy.begin(Ticker(ticker))))
            for ticker, raw in kept.memory.items()
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not readable ({error})") from None
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001  `begin` is somebody else's code
        raise ValueError(f"not taken by its begin ({type(error).__name__}: {error})") from None
