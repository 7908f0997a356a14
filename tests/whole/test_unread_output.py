"""Words on a pipe that nobody reads are left out: the trading loop never waits for a reader."""

import fcntl
import os
import threading

import pytest

from core.domain.enums import TraderState
from core.domain.records import StateMoved
from tui.commands import session

MOVED = StateMoved(at=1, source=TraderState.READY, target=TraderState.PAUSED, reason="operator")


def test_a_state_is_told_where_somebody_reads_and_left_out_where_nobody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        teller = threading.Thread(target=lambda: [session._print_state(MOVED) for _ in range(3000)], daemon=True)
        teller.start()
        teller.join(10)
        stuck = teller.is_alive()
        told = os.read(reading, 65536)
        os.set_blocking(reading, False)
        while stuck and teller.is_alive():  # let it end, so that only the assertion fails
            teller.join(0.01)
            try:
                os.read(reading, 65536)
            except BlockingIOError:
                continue
        session._print_state(MOVED)
        again = os.read(reading, 65536)
        monkeypatch.undo()
    os.close(reading)
    assert not stuck and told and b"PAUSED" in again
