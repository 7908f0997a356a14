"""What one stream connection may ask for. The exchange publishes 500,000 market subscriptions a session and 10,000
commands a second; a member starts with 200 connections."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CONNECTIONS = 200
MOST_STREAM_MARKETS = 500_000
MOST_STREAM_COMMANDS = 10_000


@dataclass(slots=True)
class StreamLimits:
    """May be changed while the exchange runs. Over `markets` is error 26, over `commands` a second error 27; one more
    of a member's `connections` than these is turned away with 429 (None: no limit)."""

    markets: int = MOST_STREAM_MARKETS
    commands: int = MOST_STREAM_COMMANDS
    connections: int | None = None
