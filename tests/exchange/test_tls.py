"""The lines out: TLS that is always checked and never old, and no proxy that the environment names."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiohttp import web

from core.domain.effects import ReadKind
from core.domain.events import ReadFailed
from core.exchange.emergency import EmergencyStop
from core.exchange.network import Endpoints, tls_context
from core.exchange.stream_transport import StreamDown, StreamTransport

from .support import RealClock, client_of, read, scripted, self_signed, signer

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "SOCKS_PROXY")


class Server(Thread):
    """Speaks TLS up to a version, keeps what it heard after the handshake, and answers every request with 404."""

    def __init__(self, certificate: Path, highest: ssl.TLSVersion) -> None:
        super().__init__(daemon=True)
        self.heard: list[bytes] = []
        self.versions: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        # Both floors of the library are lowered here, so that it is ours that refuses.
        self._context.minimum_version = ssl.TLSVersion.TLSv1
        self._context.set_ciphers("ALL:@SECLEVEL=0")
        self._context.maximum_version = highest
        self.socket = socket.create_server(("127.0.0.1", 0))

    def run(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with closing(line):
                try:
                    line.settimeout(5)
                    with self._context.wrap_socket(line, server_side=True) as secure:
                        self.versions.append(secure.version())
                        self.heard.append(secure.recv(4096))
                        secure.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                        while secure.recv(4096):  # a close with something unread would reset the line
                            pass
                except OSError:
                    continue

    @property
    def endpoints(self) -> Endpoints:
        port = self.socket.getsockname()[1]
        return Endpoints(rest_origin=f"https://127.0.0.1:{port}", ws_url=f"wss://127.0.0.1:{port}/trade-api/ws/v2")


@contextmanager
def serving(folder: Path, highest: ssl.TLSVersion) -> Iterator[Server]:
    certificate = folder / "server.pem"
    certificate.write_bytes(self_signed())
    server = Server(certificate, highest)
    server.start()
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        server.join(10)


async def by_rest(endpoints: Endpoints) -> str:
    async with client_of(endpoints) as client:
        fact = await client.perform(read(ReadKind.BALANCE))
    assert isinstance(fact, ReadFailed)
    return fact.reason


async def by_stream(endpoints: Endpoints) -> str:
    with pytest.raises(StreamDown) as down:
        await StreamTransport.connect(endpoints.ws_url, signer().headers("GET", "/trade-api/ws/v2", 1))
    return down.value.reason


async def by_emergency(endpoints: Endpoints) -> str:
    return await asyncio.to_thread(EmergencyStop(endpoints, signer(), RealClock()).trigger, "group")


ROADS = pytest.mark.parametrize("road", [by_rest, by_stream, by_emergency])


@ROADS
async def test_a_server_nobody_vouches_for_hears_nothing(road: Any, tmp_path: Path) -> None:
    with serving(tmp_path, ssl.TLSVersion.TLSv1_3) as server:
        await road(server.endpoints)
    assert not any(server.heard)


@ROADS
@pytest.mark.parametrize(("highest", "spoken"), [("TLSv1_1", []), ("TLSv1_2", ["TLSv1.2"]), ("TLSv1_3", ["TLSv1.3"])])
async def test_tls_older_than_1_2_is_not_spoken_even_with_a_trusted_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, road: Any, highest: str, spoken: list[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with serving(tmp_path, ssl.TLSVersion[highest]) as server:
        words = await road(server.endpoints)
    assert server.versions[:1] == spoken
    assert bool(server.heard) is bool(spoken) is ("404" in words), words


@ROADS
async def test_a_trusted_server_of_another_name_hears_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, road: Any
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with serving(tmp_path, ssl.TLSVersion.TLSv1_3) as server:
        named = [getattr(server.endpoints, at).replace("127.0.0.1", "localhost") for at in ("rest_origin", "ws_url")]
        await road(Endpoints(rest_origin=named[0], ws_url=named[1]))
    assert not any(server.heard)


def test_session_keys_are_not_written_down_for_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_context()
    assert not context.keylog_filename and context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED


@ROADS
async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, road: Any) -> None:
    async def nothing_here(_request: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=404)

    async with scripted(nothing_here) as proxy, scripted(nothing_here) as server:
        for name in VARIABLES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert "404" in await road(server.endpoints)
        assert server.seen and not proxy.seen
