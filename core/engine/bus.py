"""EventBus: typed, ordered, synchronous, outward only: what the engine decided, to whoever listens.

What it carries are the engine's records. A listener that raises is dropped and counted; it never stops trading.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.records import Record

Listener = Callable[[Record], None]


class EventBus:
    """Listeners in the order they subscribed."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.dropped: list[str] = []

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def publish(self, record: Record) -> None:
        for listener in list(self._listeners):
            try:
                listener(record)
            except Exception as error:  # noqa: BLE001  a listener's fault must not reach the trader
                self._listeners.remove(listener)
                self.dropped.append(f"{getattr(listener, '__qualname__', listener)}: {error}")
