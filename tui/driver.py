"""The border to Textual's insides: a terminal driver that never blocks the loop, and an app that dies politely.

Textual hands bytes to a writer thread through a short blocking queue: a terminal that stops reading would freeze the
trader, one that vanishes would hang it for ever. Here the hand-over never waits. When the terminal does not keep up,
what is not yet written is dropped whole and the screen is repainted once it drains. Every private name of Textual that
the console touches is touched in this file.
"""

from __future__ import annotations

import logging
import os
import select
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections import deque
from contextlib import suppress
from typing import IO, Any, Generic, TypeVar

from rich.segment import Segment, Segments
from rich.style import Style
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from core.domain.text import clean_text

log = logging.getLogger("tui")

# Mouse, paste, focus and kitty keys off, line wrap on, the normal screen, the cursor.
LEAVE_SEQUENCES = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?2048l\x1b[<u\x1b[?7h\x1b[?1049l\x1b[?25h"
)
BACKLOG_LIMIT = 64
CLOSE_SECONDS = 0.5
KEYS_BYTES = 4_096
KEYS_AWAKE_MS, KEYS_ASLEEP_MS, KEYS_AWAKE = 50, 400, 10

ResultT = TypeVar("ResultT")


class SafeWriter(threading.Thread):
    """Writes pieces to a file descriptor in its own thread. `write` never waits: when too much is queued it refuses.

    A write error ends the thread and sets `lost`; nothing is written after it.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__(daemon=True, name="console-output")
        self._fd = file.fileno()
        self._pieces: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._stopping = False
        self.lost = False
        self.since: float | None = None

    @property
    def backlog(self) -> int:
        """Pieces waiting or being written."""
        return len(self._pieces)

    def write(self, text: str) -> bool:
        """Queue `text`; False when it was refused."""
        with self._ready:
            if self.lost or len(self._pieces) >= BACKLOG_LIMIT:
                return False
            self._pieces.append(text.encode("utf-8", "replace"))
            self._ready.notify()
        return True

    def run(self) -> None:
        while True:
            with self._ready:
                while not self._pieces and not self._stopping:
                    self._ready.wait()
                if not self._pieces:
                    return
                piece = self._pieces[0]
            try:
                self._write_all(piece)
            except OSError:
                self.lost = True
                with self._ready:
                    self._pieces.clear()
                return
            with self._ready:
                if self._pieces:
                    self._pieces.popleft()

    def _write_all(self, piece: bytes) -> None:
        self.since = time.monotonic()
        while piece:
            try:
                written = os.write(self._fd, piece)
            except BlockingIOError:
                select.select([], [self._fd], [], 0.5)
                continue
            piece = piece[written:]
        self.since = None

    def flush(self) -> None:
        """Nothing is buffered."""

    def stop(self) -> None:
        """Let what is queued be written, but wait only a moment for it."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        if self.is_alive():
            self.join(CLOSE_SECONDS)


class SafeDriver(LinuxDriver):
    """Textual's driver with a writer that cannot block, and an eye on whether the terminal is still there."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        self._safe_writer: SafeWriter | None = None
        self.behind = False
        self.dropped = 0
        super().__init__(app, **options)
        # A terminal that does not tell its size is 80x25 to one part of Textual and 80x24 to another, and the two
        # resize each other for ever: let this one word hold for all.
        self._size = self._size or self._get_terminal_size()

    @property  # type: ignore[override]
    def _writer_thread(self) -> SafeWriter | None:
        return self._safe_writer

    @_writer_thread.setter
    def _writer_thread(self, thread: object) -> None:
        # Textual assigns its own writer here just before starting it; ours takes its place.
        self._safe_writer = None if thread is None or self._file is None else SafeWriter(self._file)

    @property
    def backlog(self) -> int:
        return self._safe_writer.backlog if self._safe_writer else 0

    @property
    def lost(self) -> bool:
        """The terminal has gone away for good."""
        return self._safe_writer is not None and self._safe_writer.lost

    @property
    def stuck(self) -> bool:
        """A write has not come back yet; a daemon thread may still hang in it at the end of the process."""
        return self._safe_writer is not None and self._safe_writer.backlog > 0

    def write(self, data: str) -> None:
        """Hand `data` over, or drop it: after the first refusal everything, until the queue is empty again."""
        writer = self._safe_writer
        if writer is None:
            return
        if self.behind and writer.backlog:
            self.dropped += 1
            return
        if not writer.write(data):
            self.behind = True
            self.dropped += 1

    def caught_up(self) -> bool:
        """True once after a time of dropping, when everything queued is written: repaint now."""
        if self.behind and not self.backlog and not self.lost:
            self.behind = False
            return True
        return False

    def check_terminal(self) -> bool:
        """False when the terminal has hung up. Ends the input thread then: reading a dead terminal would spin."""
        gone = self.lost
        if not gone and self.input_tty:
            poller = select.poll()
            with suppress(OSError, ValueError):
                poller.register(self.fileno, 0)
                gone = any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poller.poll(0))
        if gone:
            if self._safe_writer is not None:
                self._safe_writer.lost = True
            self.exit_event.set()
        return not gone

    def abandon(self) -> None:
        """Give the terminal back from another thread, when the loop can no longer do it; never waits."""
        with suppress(OSError, ValueError, termios.error):
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            if self._file is not None and select.select([], [self._file.fileno()], [], 0.2)[1]:
                os.write(self._file.fileno(), LEAVE_SEQUENCES)

    def run_input_thread(self) -> None:
        """Read keys until asked to leave. Textual looks ten times a second whether it should; here that often only for
        a moment after a key, when the rest of a sequence may still come, and seldom while nobody types.
        """
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        poller = select.poll()
        poller.register(self.fileno, select.POLLIN)
        awake = 0
        while True:
            leaving = self.exit_event.is_set()
            if poller.poll(KEYS_AWAKE_MS if awake or leaving else KEYS_ASLEEP_MS):
                data = os.read(self.fileno, KEYS_BYTES)
                if not data:
                    return  # the end of a piped input
                awake = KEYS_AWAKE
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            else:
                awake = max(awake - 1, 0)
            for message in parser.tick():
                self.process_message(message)
            if leaving:
                return

    def _run_input_thread(self) -> None:
        # A read error means a vanished terminal; the watch on the terminal reports it, the app goes on without.
        with suppress(OSError, ValueError):
            self.run_input_thread()

    def disable_input(self) -> None:
        thread = self._key_thread
        if thread is not None and not thread.is_alive():
            self._key_thread = None
        super().disable_input()


class SafeApp(App[ResultT], Generic[ResultT]):
    """An app whose crash report shows where, never the values of variables, and that knows its terminal."""

    crash_text = ""

    @property
    def terminal(self) -> SafeDriver | None:
        """The driver when there is a real terminal."""
        return self._driver if isinstance(self._driver, SafeDriver) else None

    @property
    def terminal_stuck(self) -> bool:
        """After the end: some bytes could not be written; leave the process without waiting for threads."""
        return self.terminal is not None and self.terminal.stuck

    def abandon_terminal(self) -> None:
        """Give the terminal back from another thread; nothing to do without one."""
        if self.terminal is not None:
            self.terminal.abandon()

    def fail(self, error: Exception) -> None:
        """End the screen for an error outside of Textual's own handlers."""
        self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        self.crash_text = crash_report(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._exit_renderables.append(Segments([Segment(self.crash_text + "\n", Style())]))
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        # On a terminal that is stuck or gone, printing would block or fail; the log has the report.
        if self._exit_renderables and self.crash_text:
            log.error("%s", self.crash_text)
        if self.terminal is not None and (self.terminal.lost or self.terminal.stuck):
            self._exit_renderables.clear()
            return
        with suppress(OSError):
            super()._print_error_renderables()

    def panic(self, *renderables: Any) -> None:
        """End with an error; what Textual would print is replaced where it could show values."""
        if not self._return_code:
            self._return_code = 1
        text = self.crash_text or "The console failed."
        self._exit_renderables.append(Segments([Segment(text + "\n", Style())]))
        self._close_messages_no_wait()


def crash_report(error: BaseException) -> str:
    """Type, cleaned message and the innermost places, without source lines and without values."""
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"  {'/'.join(code.co_filename.split('/')[-2:])}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    head = f"The console failed: {type(error).__name__}: {clean_text(str(error))}"
    return "\n".join([head, *places[-8:]])
