"""Where the exchange is: the hosts of demo and live are compiled in, everything else must be this machine.

No setting, file or variable can send an order to another host. Plain text transport exists on loopback only.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.domain.enums import Mode
from core.domain.errors import BadInput

API_PREFIX = "/trade-api/v2"
WS_PATH = "/trade-api/ws/v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """One exchange. `rest_origin` is scheme and host; signed paths start at the host's root."""

    rest_origin: str
    ws_url: str
    api_prefix: str = API_PREFIX
    ws_path: str = WS_PATH


_COMPILED_IN = {
    Mode.DEMO: Endpoints(
        rest_origin="https://external-api.demo.kalshi.co",
        ws_url=f"wss://external-api-ws.demo.kalshi.co{WS_PATH}",
    ),
    Mode.LIVE: Endpoints(
        rest_origin="https://external-api.kalshi.com",
        ws_url=f"wss://external-api-ws.kalshi.com{WS_PATH}",
    ),
}


def endpoints_for(mode: Mode) -> Endpoints:
    """The compiled-in exchange of `mode`; raises BadInput for modes that have none."""
    endpoints = _COMPILED_IN.get(mode)
    if endpoints is None:
        raise BadInput(f"mode {mode}: has no exchange of its own on the network")
    return endpoints


def tls_context() -> ssl.SSLContext:
    """TLS as every connection here makes it: certificate and name checked against this machine's store, 1.2 at least.
    There is no switch. Session keys are never written down, whatever the environment asks for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context


def loopback_endpoints(rest_url: str, ws_url: str) -> Endpoints:
    """An exchange on this machine, as `http://127.0.0.1:PORT` and `ws://127.0.0.1:PORT` (the API paths may follow)."""
    rest = _loopback(rest_url, "http", API_PREFIX)
    stream = _loopback(ws_url, "ws", WS_PATH)
    return Endpoints(rest_origin=f"http://{rest}", ws_url=f"ws://{stream}{WS_PATH}")


def _loopback(url: str, scheme: str, path: str) -> str:
    """Host and port of `url` if it is `scheme` to a loopback address with no path but `path`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadInput(f"exchange address: not a URL; use {scheme}://127.0.0.1:PORT") from None
    plain = parts.scheme == scheme and not parts.username and not parts.query and not parts.fragment
    if not plain or host is None or parts.path.rstrip("/") not in ("", path):
        raise BadInput(f"exchange address: only {scheme}://127.0.0.1:PORT{path} is taken")
    if host != "localhost":
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise BadInput("exchange address: only this machine (127.0.0.1, ::1, localhost) may be named")
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
