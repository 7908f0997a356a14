"""EmergencyStop: ends the session's orders from another thread, by blocking calls, when the loop cannot.

It shares nothing with the loop's client: its own connection, its own signature, short time limits. One request triggers
the session's order group: "every resting member is canceled and new members are rejected until reset".
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from core.domain.text import clean_text
from core.exchange.network import Endpoints, tls_context
from core.exchange.signing import Signer
from core.ports import Clock

TIMEOUT_S = 3.0
TRIES = 2


class EmergencyStop:
    """Blocking; for a thread of its own."""

    def __init__(self, endpoints: Endpoints, signer: Signer, clock: Clock) -> None:
        self._endpoints = endpoints
        self._signer = signer
        self._clock = clock

    def trigger(self, group_id: str) -> str:
        """Trigger the order group; returns in words what came of it, never raises for the network."""
        if not group_id:
            return "no order group: the orders end by their leases"
        said = ""
        for _ in range(TRIES):
            try:
                status = self._put(f"{self._endpoints.api_prefix}/portfolio/order_groups/{group_id}/trigger")
            except (OSError, http.client.HTTPException) as error:
                said = clean_text(f"{type(error).__name__}: {error}", 80)
                continue
            if 200 <= status < 300:
                return "the watchdog triggered the order group: its orders are canceled"
            said = f"status {status}"
        return f"the order group could not be triggered ({said}): the orders end by their leases"

    def _put(self, path: str) -> int:
        connection = self._connection()
        try:
            headers = self._signer.headers("PUT", path, self._clock.wall_ns() // 1_000_000)
            connection.request("PUT", path, body=b"{}", headers={**headers, "Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        # Never a proxy of the environment: http.client knows of none.
        parts = urlsplit(self._endpoints.rest_origin)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=tls_context())
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
