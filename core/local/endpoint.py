"""The local command socket: an owner-only Unix socket by which `pause`, `stop` and the like reach a running trader.

One JSON line in, one JSON line out. The peer's user must be ours. What may be asked is the caller's table; this file
only carries words.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from core.domain.text import clean_text
from core.local.folder import machine_folder

LINE_LIMIT = 4096
SOCKET_NAME = "control.sock"
PATH_LIMIT = 100
ANSWER_WITHIN_S = 40.0
FAREWELL_S = 1.0


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """A wish by name; `argument` is free text where the wish takes one."""

    command: str
    argument: str = ""


class Answer(msgspec.Struct):
    ok: bool
    text: str
    unknown: bool = False  # granted, and its end did not come in time


def socket_path(folder: Path) -> Path:
    """Where the command socket of `folder` is. A Unix socket's path holds about 100 bytes at most; for a longer one
    the private folder of this machine takes its place. StartRefused when somebody else owns that.
    """
    wanted = folder / SOCKET_NAME
    if len(os.fsencode(wanted)) <= PATH_LIMIT:
        return wanted
    return machine_folder() / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}.sock"


Handler = Callable[[Request], Awaitable[Answer]]


class LocalEndpoint:
    """Serves requests until closed."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """OSError when the socket cannot be made (a path too long, a folder not writable)."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path=str(self._path), limit=LINE_LIMIT)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Take no more requests; those under way still get their answer, if it comes soon."""
        if self._server is not None:
            self._server.close()
            if self._busy:
                await asyncio.wait(self._busy, timeout=FAREWELL_S)
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            if not _same_user(writer):
                return
            async with asyncio.timeout(ANSWER_WITHIN_S):
                line = await reader.readline()
                answer = await self._answer(line)
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass
        finally:
            self._busy.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(ok=False, text=f"not a request: {clean_text(str(error))}")
        return await self._handler(Request(clean_text(request.command), clean_text(request.argument)))


def _same_user(writer: asyncio.StreamWriter) -> bool:
    peer = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(uid == os.getuid())


def ask(path: Path, request: Request, timeout_s: float = ANSWER_WITHIN_S) -> Answer:
    """Send one request from another process and wait for its answer. OSError when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout_s)
        peer.connect(str(path))
        peer.sendall(msgspec.json.encode(request) + b"\n")
        data = b""
        while not data.endswith(b"\n") and len(data) < LINE_LIMIT:
            chunk = peer.recv(LINE_LIMIT)
            if not chunk:
                break
            data += chunk
    try:
        return msgspec.json.decode(data, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Answer(ok=False, text="the trader closed the line without an answer")
