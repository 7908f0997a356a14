"""The border to Textual's insides: every private name the console relies on, and a writer that never waits."""

from __future__ import annotations

import inspect
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from tui.driver import BACKLOG_LIMIT, SafeApp, SafeDriver, SafeWriter, crash_report


@pytest.mark.parametrize("name", ["_writer_thread", "_file", "_key_thread", "exit_event", "input_tty", "fileno"])
def test_the_driver_still_has_what_we_use(name):
    assert f"self.{name}" in inspect.getsource(LinuxDriver)


def test_the_driver_still_assigns_its_writer_before_starting_it():
    source = inspect.getsource(LinuxDriver.start_application_mode)
    assert source.index("self._writer_thread = WriterThread(self._file)") < source.index("self._writer_thread.start()")
    assert "self._writer_thread.stop()" in inspect.getsource(LinuxDriver.close)
    assert "WriterThread" in vars(linux_driver)


@pytest.mark.parametrize("name", ["_run_input_thread", "run_input_thread", "disable_input", "write", "close"])
def test_the_driver_still_has_the_methods_we_replace(name):
    assert callable(getattr(LinuxDriver, name))


@pytest.mark.parametrize(
    "name", ["_handle_exception", "_fatal_error", "_close_messages_no_wait", "_print_error_renderables", "panic"]
)
def test_the_app_still_has_the_methods_we_use(name):
    assert callable(getattr(App, name))


def test_the_app_still_ends_by_the_functions_we_replace():
    app = App()
    assert app._exit_renderables == [] and app._return_code is None and app._driver is None
    assert "self._fatal_error()" in inspect.getsource(App._handle_exception)
    assert "_print_error_renderables" in inspect.getsource(App._shutdown)


def test_a_request_for_layout_by_a_child_still_clears_its_parents_places():
    from textual.widget import Widget

    assert "_clear_arrangement_cache" in inspect.getsource(Widget._check_refresh)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    file = os.fdopen(write, "w")
    yield read, file
    os.close(read)
    file.close()


def test_the_writer_refuses_instead_of_waiting(pipe):
    read, file = pipe
    writer = SafeWriter(file)
    writer.start()
    piece = "x" * 20_000
    started = time.monotonic()
    taken = sum(writer.write(piece) for _ in range(BACKLOG_LIMIT * 3))
    assert time.monotonic() - started < 1
    assert BACKLOG_LIMIT <= taken < BACKLOG_LIMIT * 2
    started = time.monotonic()
    writer.stop()
    assert time.monotonic() - started < 2
    # The thread must be gone before the descriptor is: its number is given to somebody else.
    while writer.is_alive():
        if writer.backlog:
            os.read(read, 1 << 20)
        writer.join(0.01)


def test_the_writer_keeps_the_order_and_ends(pipe):
    read, file = pipe
    writer = SafeWriter(file)
    writer.start()
    for i in range(20):
        assert writer.write(f"{i},")
    writer.stop()
    writer.join(10)  # `stop` itself waits only a moment; the machine may be busy
    assert os.read(read, 4096).decode() == "".join(f"{i}," for i in range(20))
    assert not writer.is_alive() and writer.backlog == 0


def test_a_vanished_terminal_is_noticed_and_not_written_to():
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        os.close(read)
        writer = SafeWriter(file)
        writer.start()
        writer.write("x")
        writer.join(2)
        assert writer.lost and not writer.write("y") and writer.backlog == 0


def test_the_driver_drops_everything_until_the_queue_is_empty():
    driver = SafeDriver.__new__(SafeDriver)
    driver.behind, driver.dropped = False, 0

    class Slow:
        backlog, lost, full = 3, False, True

        def write(self, text: str) -> bool:
            return not self.full

    slow = Slow()
    driver._safe_writer = slow
    driver.write("a")
    assert driver.behind and driver.dropped == 1
    slow.full = False
    driver.write("b")
    assert driver.dropped == 2 and not driver.caught_up()
    slow.backlog = 0
    assert driver.caught_up() and not driver.behind and not driver.caught_up()


@pytest.fixture
def keys():
    """A driver that reads from a pipe in its input thread; yields the pipe's other end, what came, the thread."""
    read, write = os.pipe()
    driver = SafeDriver.__new__(SafeDriver)
    driver.fileno, driver._debug, driver.exit_event = read, False, threading.Event()
    came = []
    driver.process_message = came.append
    thread = threading.Thread(target=driver.run_input_thread, daemon=True)
    thread.start()
    yield write, came, thread
    driver.exit_event.set()
    thread.join(5)
    assert not thread.is_alive()
    os.close(read)
    with suppress(OSError):
        os.close(write)


def eventually(true) -> bool:
    until = time.monotonic() + 5
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def test_an_escape_alone_is_told_apart_from_a_sequence_also_after_a_long_silence(keys):
    write, came, _ = keys
    for pieces, key in (((b"\x1b",), "escape"), ((b"\x1b", b"[A"), "up"), ((b"\xc3", b"\xa4"), "ä")):
        came.clear()
        for piece in pieces:
            os.write(write, piece)
        assert eventually(lambda: came), key
        assert [getattr(event, "character", None) if key == "ä" else event.key for event in came] == [key]
        time.sleep(0.7)


def test_a_silent_terminal_wakes_the_input_thread_seldom(keys):
    _, _, thread = keys
    status = Path(f"/proc/self/task/{thread.native_id}/status")

    def slept() -> int:
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)[1])

    before = slept()
    time.sleep(2)
    assert slept() - before <= 8  # ten a second in the toolkit


def test_the_end_of_piped_keys_ends_the_thread(keys):
    write, _, thread = keys
    os.close(write)
    thread.join(5)
    assert not thread.is_alive()


def test_the_crash_report_shows_places_and_no_values():
    def deep() -> None:
        api_key = "SECRET"
        raise ValueError(f"bad \x1b]0;x\x07 length {len(api_key)}")

    try:
        deep()
    except ValueError as error:
        report = crash_report(error)
    assert "ValueError: bad length 6" in report and "test_console_driver.py" in report
    assert "SECRET" not in report and "\x1b" not in report


def test_the_console_uses_the_safe_driver():
    assert issubclass(SafeDriver, LinuxDriver) and issubclass(SafeApp, App)
