"""`run --record` and `run --mode replay`: the tape of a whole session, on the command line and on a pseudo-terminal."""

import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.whole.support import Terminal, run, start, wait_for_line


@pytest.mark.wide
def test_a_recorded_session_replays_and_a_restart_s_journal_with_it(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        (tmp_path / "ex.json").write_text(exchange.stdout.readline())
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json", "--record", "killed.tape") as trader:
            wait_for_line(trader, "→ READY")
            time.sleep(3)
            trader.kill()
            trader.wait()
        arguments = ("run", "--headless", "--exchange", "ex.json", "--seconds", "5", "--record", "after.tape")
        assert run(tmp_path, *arguments, timeout=60).returncode == 0
    for name, end in (("killed.tape", "without an orderly stop"), ("after.tape", "as recorded\n")):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        again = run(tmp_path, "run", "--mode", "replay", "--tape", name, "--headless")
        assert (again.returncode, "as recorded" in again.stdout, end in again.stdout) == (0, True, True), again


def test_a_tape_that_cannot_be_played_is_one_line_and_a_code(tmp_path: Path) -> None:
    (tmp_path / "no.tape").write_text("nothing")
    for arguments, words in (
        (("--mode", "replay", "--headless"), "--tape"),
        (("--mode", "replay", "--tape", "none.tape", "--headless"), "none.tape"),
        (("--mode", "replay", "--tape", "no.tape", "--headless"), "not a tape"),
        (("--tape", "no.tape", "--headless"), "--mode replay"),
        (("--record", "no/such/folder/a.tape", "--headless", "--seconds", "1"), "a.tape"),
    ):
        done = run(tmp_path, "run", *arguments, timeout=60)
        assert (done.returncode, words in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr


@pytest.mark.wide
@pytest.mark.pty
def test_the_console_shows_a_replay_takes_no_wishes_and_is_left_by_q(tmp_path: Path) -> None:
    assert run(tmp_path, "run", "--headless", "--seconds", "6", "--seed", "7", "--record", "a.tape").returncode == 0
    with closing(Terminal(tmp_path, "run", "--mode", "replay", "--tape", "a.tape", "--speed", "2")) as screen:
        screen.wait_for("REPLAY", "READY")
        screen.press("p")
        screen.wait_for("a replay takes no wishes")
        screen.wait_for("as recorded")
        screen.press("q")
        assert screen.wait_end() == 0
