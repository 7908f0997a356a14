"""Identifiers: opaque strings with their own types, never parsed, never compared across kinds."""

from __future__ import annotations

from typing import NewType

Ticker = NewType("Ticker", str)
EventTicker = NewType("EventTicker", str)
SeriesTicker = NewType("SeriesTicker", str)
OrderId = NewType("OrderId", str)
ClientOrderId = NewType("ClientOrderId", str)
TradeId = NewType("TradeId", str)
