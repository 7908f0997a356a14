"""Orders reach only the exchange that was named, and only this machine can be named freely."""

from __future__ import annotations

import pytest

from core.domain.enums import Mode
from core.domain.errors import BadInput
from core.exchange.network import endpoints_for, loopback_endpoints


def test_demo_and_live_are_compiled_in_and_encrypted() -> None:
    for mode, host in ((Mode.DEMO, ".demo.kalshi.co"), (Mode.LIVE, ".kalshi.com")):
        endpoints = endpoints_for(mode)
        assert endpoints.rest_origin.startswith("https://") and endpoints.rest_origin.endswith(host)
        assert endpoints.ws_url.startswith("wss://") and f"{host}/" in endpoints.ws_url
    assert "demo" not in endpoints_for(Mode.LIVE).rest_origin + endpoints_for(Mode.LIVE).ws_url


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.REPLAY])
def test_other_modes_have_no_host(mode: Mode) -> None:
    with pytest.raises(BadInput):
        endpoints_for(mode)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:1", "[::1]:9", "127.9.9.9:5", "localhost"])
def test_loopback_is_taken_with_and_without_the_api_path(host: str) -> None:
    bare = loopback_endpoints(f"http://{host}", f"ws://{host}/")
    full = loopback_endpoints(f"http://{host}/trade-api/v2", f"ws://{host}/trade-api/ws/v2")
    assert bare == full
    assert full.rest_origin == f"http://{host}" and full.ws_url == f"ws://{host}/trade-api/ws/v2"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1:1", "http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
     "https://127.0.0.1:1", "http://user@127.0.0.1:1", "http://127.0.0.1:1/other", "http://127.0.0.1:1?x=1",
     "http://127.0.0.1:1#x", "http://127.0.0.1:99999", "127.0.0.1:1", "http://", "http://[::", "http://0.0.0.0:1",
     "http://2130706433:1"],
)  # fmt: skip
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        loopback_endpoints(url, "ws://127.0.0.1:1")
    with pytest.raises(BadInput):
        loopback_endpoints("http://127.0.0.1:1", url.replace("http", "ws", 1))
