"""`kalshi-trader status` in its forms, on the files of a real session."""

import json
import stat
import time
from pathlib import Path

import msgspec
import pytest

from core.domain.enums import ExitReason
from core.domain.errors import BadInput
from core.trading.snapshot import ExitView
from core.trading.startup import startup_snapshot
from tests.core.test_status import identity
from tests.whole.support import run, start, status, wait_for_line
from tui.commands.status import standing
from tui.commands.status import status as status_command


@pytest.mark.wide
def test_every_form_tells_the_running_session_and_the_ended_one(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("status_interval = 1\nhealth_check_interval = 1\n")
    with start(tmp_path, "run", "--headless", "--seed", "7", "--config", "c.toml") as trader:
        wait_for_line(trader, "→ READY")
        time.sleep(4)
        lines = run(tmp_path, "status", "--summary").stdout.splitlines()
        assert lines[0].startswith(f"running, pid {trader.pid}")
        assert lines[1] == "=== TRADER STATUS ==="
        assert any(line.startswith("Portfolio: $") and " | Positions: " in line for line in lines)
        assert max(map(len, lines)) <= 80
        assert run(tmp_path, "status", "--summary", "--ascii").stdout.isascii()
        assert run(tmp_path, "stop").returncode == 0
    whole = run(tmp_path, "status").stdout
    assert "log/trader.log" in whole.replace("\n", "")
    assert max(map(len, whole.splitlines())) <= 80
    found = status(tmp_path)
    assert found["state_machine"]["current_state"] == "SHUTDOWN"
    assert set(found["services"]) >= {"OrderService", "PositionTracker", "StateSync"}
    assert found["recent_activities"]
    assert found["error_history"] == []
    assert found["snapshot"]["identity"]["config_hash"]


@pytest.mark.wide
def test_the_history_is_kept_on_disk_bounded_private_and_read_back(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("status_interval = 1\n")
    done = run(tmp_path, "run", "--headless", "--seed", "7", "--seconds", "6", "--config", "c.toml")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "kalshi-trader").glob("paper-*/history.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = json.loads(run(tmp_path, "status", "--history", "100", "--json").stdout)
    states = [r["state"] for r in rows]
    assert states[0] == "IDLE"
    assert states[-1] == "SHUTDOWN"
    assert len([r for r in rows if r["time_in_state"] or r["state"] in ("READY", "ACTING")]) >= 4, "a row each second"
    assert rows == sorted(rows, key=lambda r: r["timestamp"])
    table = run(tmp_path, "status", "--history", "3").stdout.splitlines()
    assert len(table) == 4
    assert table[0].startswith("TIME (UTC)")
    assert "SHUTDOWN" in table[-1]
    assert run(tmp_path, "status", "--history", "0").returncode == 2


@pytest.mark.wide
def test_no_form_shows_key_or_token(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        (tmp_path / "ex.json").write_text(line := exchange.stdout.readline())
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as trader:
            wait_for_line(trader, "→ READY")
            time.sleep(1.5)
            (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
            token = json.loads((folder / "broadcast.json").read_text())["token"]
            key = json.loads(line)["key_id"]
            for form in ((), ("--summary",), ("--json",), ("--history", "5"), ("--history", "5", "--json")):
                text = run(tmp_path, "status", *form).stdout
                assert text
                assert key not in text
                assert token not in text
            assert run(tmp_path, "stop").returncode == 0


def test_the_exit_code_says_whether_the_session_is_well():
    then = startup_snapshot(identity(), 0, 1_795_000_000_000_000_000)
    at = then.taken_at
    assert standing(then, "7", at + 900_000_000) == ("running, pid 7, 0.9 s old", 0)
    words, code = standing(then, "7", at + 9_000_000_000)
    assert "STALE" in words and "nothing below is of now" in words and code == 4
    words, code = standing(then, None, at)
    assert words.startswith("ENDED WITHOUT AN ORDERLY STOP; last picture") and code == 4
    for ended, wanted in ((0, 0), (4, 4), (1, 4)):
        left = ExitView(reason=ExitReason.QUIT, code=ended, detail="", resting_after_stop=0, foreign_resting=0,
                        unverified=(), at=at)  # fmt: skip
        words, code = standing(msgspec.structs.replace(then, exit=left), None, at)
        assert words.endswith(f"exit {ended}") and code == wanted


@pytest.mark.parametrize("form", [{"history": 3}, {"as_json": True}])
def test_forms_that_exclude_each_other_are_refused(tmp_path: Path, form: dict[str, int]) -> None:
    with pytest.raises(BadInput, match=r"--summary is a form of its own; leave it or --(history|json) out"):
        status_command(tmp_path, summary=True, **form)
