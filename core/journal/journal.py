"""Journal: the append-only record on disk, in segments, written and synced by a thread of its own.

The event loop hands records over and is told by `call_soon_threadsafe` what is on disk; an order waits for that word.
A failed write or sync is final: it is never tried again as if clean, and no later position is ever called synced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import RefusedInput, StartRefused
from core.domain.records import Record
from core.journal.frames import decode_frames, encode_frame

SEGMENT_LIMIT = 8 << 20
SUFFIX = ".journal"


@dataclass(frozen=True, slots=True)
class JournalContents:
    """What the journal held when it was opened."""

    records: tuple[Record, ...]
    position: int
    torn_bytes: int


def read_journal(folder: Path) -> JournalContents:
    """All records of `folder`, oldest first. StartRefused when it is damaged before its end."""
    records: list[Record] = []
    torn = 0
    segments = _segments(folder)
    for index, path in enumerate(segments):
        data = _read(path)
        try:
            prefix = decode_frames(data, len(records) + 1)
        except RefusedInput as damage:
            raise StartRefused(f"journal {path} is {damage}; move the folder away to start anew") from None
        torn = len(data) - prefix.length
        if torn and index + 1 < len(segments):
            raise StartRefused(f"journal {path} is cut short before its last segment; move the folder away") from None
        records.extend(prefix.records)
    return JournalContents(tuple(records), len(records), torn)


def _read(path: Path) -> bytes:
    """StartRefused for what is no file of ours: a folder, a link, a pipe that would never end."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise StartRefused(f"journal {path} is no regular file; move it away to start anew")
        return path.read_bytes()
    except OSError as error:
        raise StartRefused(f"journal {path} cannot be read ({error.strerror}); mend that, or move it away") from None


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


class Journal:
    """The writer. Open it on the loop that will wait for it; `failed` is called once, on that loop."""

    def __init__(self, folder: Path, contents: JournalContents, failed: Callable[[str], None]) -> None:
        self.position = contents.position
        self._folder = folder
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._synced = contents.position
        self._broken = False
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._cut_torn_tail(contents)
        self._segment_first = contents.position + 1
        self._size = 0
        self._file = self._open_segment()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, records: Sequence[Record]) -> None:
        for record in records:
            self.position += 1
            self._queue.put(encode_frame(self.position, record))

    async def synced(self, position: int) -> bool:
        if position <= self._synced:
            return True
        if self._broken:
            return False
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters.append((position, waiter))
        return await waiter

    async def close(self) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, 10)

    # ---- the writer's thread -----------------------------------------------------------------------------------

    def _write(self) -> None:
        written = self._synced
        try:
            while True:
                batch, last = self._next_batch()
                if batch:
                    _write_all(self._file, b"".join(batch))
                    os.fdatasync(self._file)
                    written += len(batch)
                    self._size += sum(map(len, batch))
                    self._tell(self._on_synced, written)
                if last:
                    break
                if self._size > SEGMENT_LIMIT:
                    self._roll(written)
        except OSError as error:
            self._tell(self._on_failed, f"{error.strerror or error}")
        finally:
            os.close(self._file)

    def _next_batch(self) -> tuple[list[bytes], bool]:
        item = self._queue.get()
        batch: list[bytes] = []
        while item is not None:
            batch.append(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _tell(self, what: Callable[..., None], value: object) -> None:
        # The loop may be gone at the very end; then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, value)

    def _roll(self, written: int) -> None:
        os.close(self._file)
        self._segment_first, self._size = written + 1, 0
        self._file = self._open_segment()

    def _open_segment(self) -> int:
        path = self._folder / f"{self._segment_first:012d}{SUFFIX}"
        existing = _segments(self._folder)
        if existing and self._segment_first == self.position + 1 and existing[-1].stat().st_size < SEGMENT_LIMIT:
            path = existing[-1]
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._size = os.fstat(handle).st_size
        directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return handle

    def _cut_torn_tail(self, contents: JournalContents) -> None:
        if contents.torn_bytes:
            last = _segments(self._folder)[-1]
            os.truncate(last, last.stat().st_size - contents.torn_bytes)

    # ---- back on the loop --------------------------------------------------------------------------------------

    def _on_synced(self, position: int) -> None:
        self._synced = position
        ready = [w for w in self._waiters if w[0] <= position]
        self._waiters = [w for w in self._waiters if w[0] > position]
        for _, waiter in ready:
            if not waiter.done():
                waiter.set_result(True)

    def _on_failed(self, reason: str) -> None:
        self._broken = True
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(False)
        self._waiters.clear()
        self._failed(reason)


class MemoryJournal:
    """The same promise without a disk, for worlds on the virtual clock: synced at once."""

    def __init__(self) -> None:
        self.position = 0
        self.records: list[Record] = []

    def append(self, records: Sequence[Record]) -> None:
        self.records.extend(records)
        self.position += len(records)

    async def synced(self, position: int) -> bool:
        return position <= self.position

    async def close(self) -> None:
        return None
