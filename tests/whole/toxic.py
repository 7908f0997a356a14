"""A TCP line that can be made ill: between the program and the exchange, on real sockets, below HTTP and WebSocket.

Latency, bandwidth and slicing hold for both directions; `reset` ends every connection by a reset; while `swallows` is
true nothing that is sent arrives and nobody is told, the connections of that time stay dead for ever (half open).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass

CHUNK = 65_536
REQUESTS = (b"GET ", b"POST ", b"PUT ", b"DELETE ")
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no waiting, a reset and not an end


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """How ill the line is. `latency_s` in each direction, `slice_bytes` at a time (0: as they come), `bytes_s` at most
    (0: as many as come).
    """

    latency_s: float = 0.0
    slice_bytes: int = 0
    bytes_s: int = 0
    swallows: bool = False


HEALTHY = Toxic()


class ToxicLine:
    """Listens on a port of its own and carries to `port`; runs in a thread until `close`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.toxic = HEALTHY
        self.connections = 0
        self.resets = 0
        self.heard: list[tuple[float, str]] = []  # when a request passed towards the exchange, and its first line
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="toxic-line")
        self._thread.start()
        assert self._ready.wait(10)

    def reset(self) -> None:
        """Reset every connection, at both ends."""
        self._loop.call_soon_threadsafe(self._reset)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0, limit=CHUNK))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.05))  # transports that were aborted close on the next turn
        self._loop.close()

    def _reset(self) -> None:
        for writer in self._open:
            self.resets += 1
            line: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=CHUNK)
        except OSError:
            writer.close()
            return
        pair = {writer, back}
        self._open |= pair
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, back, asks=True))
                both.create_task(self._pump(there, writer))
        except* OSError:
            pass
        except* asyncio.CancelledError:
            pass  # the line is closed; the stream's own callback could not bear to hear of it
        finally:
            self._open -= pair
            for one in pair:
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asks: bool = False) -> None:
        """One direction. What was read is carried in order, late, in slices, slowly."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        carrier = asyncio.create_task(self._deliver(waiting, writer))
        dead = False
        try:
            while data := await reader.read(CHUNK):
                dead = dead or self.toxic.swallows
                if asks and data.startswith(REQUESTS):
                    self.heard.append((time.monotonic(), data.split(b"\r\n", 1)[0].decode("ascii", "replace")))
                if not dead:
                    waiting.put_nowait((self._loop.time() + self.toxic.latency_s, data))
            if not dead:
                waiting.put_nowait((self._loop.time() + self.toxic.latency_s, b""))
            await carrier
        finally:
            carrier.cancel()

    async def _deliver(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            while data:
                toxic = self.toxic
                size = toxic.slice_bytes or (max(1, toxic.bytes_s // 20) if toxic.bytes_s else CHUNK)
                writer.write(data[:size])
                await writer.drain()
                await asyncio.sleep(min(len(data), size) / toxic.bytes_s if toxic.bytes_s else 0)
                data = data[size:]
