"""Orders reach only the exchange that was named, and only this machine can be named freely."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


PIECES = (
    "http", "https", "ws", "://", ":", "/", "//", "@", "?", "#", "[", "]", "\\", "%", ".", "127.0.0.1", "127.1", "0",
    "::1", "::ffff:10.0.0.1", "localhost", "LOCALHOST", "localhost.", "example.com", "10.0.0.1", "8080", "\t", "\n",
    " ", "\u3002", "/trade-api/v2", "/trade-api/ws/v2", "\x00", "é",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join), st.booleans())
def test_whatever_is_taken_leads_to_this_machine_in_plain_text_on_loopback(text: str, headed: bool) -> None:
    url = f"http://{text}" if headed else text
    try:
        found = loopback_endpoints(url, "ws://127.0.0.1:1")
    except BadInput as refused:
        assert "\n" not in str(refused)
        return
    parts = urlsplit(found.rest_origin)
    assert parts.scheme == "http" and not parts.path and parts.username is None
    assert parts.hostname == "localhost" or parts.hostname == "::1" or str(parts.hostname).startswith("127.")
