"""The command line: help with examples everywhere, and bad input as one clear line with its exit code."""

import socket
from pathlib import Path

import pytest

from tests.whole.support import run

COMMANDS = (
    (), ("run",), ("exchange",), ("status",), ("stop",), ("cancel-all",), ("pause",), ("resume",), ("doctor",),
    ("config",), ("config", "path"), ("config", "check"), ("config", "show"), ("recalibrate",), ("liquidate",),
    ("reset-breaker",), ("picture",),
)  # fmt: skip


def refused(done: object, code: int) -> str:
    """One line on standard error, the code, and no traceback."""
    text = getattr(done, "stderr", "")
    assert getattr(done, "returncode", None) == code, text
    assert "Traceback" not in text + getattr(done, "stdout", "")
    assert len(text.strip().splitlines()) == 1, text
    return str(text)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = run(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert "Usage: kalshi-trader" in done.stdout


@pytest.mark.smoke
def test_the_version_is_printed(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert done.stdout.startswith("kalshi-trader ")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("bogus",), 2, "bogus"),
        (("run", "--nope"), 2, "--nope"),
        (("--headless", "--seconds", "soon"), 2, "--seconds"),
        (("run",), 2, "--headless"),
        (("run", "--headless", "--mode", "prod"), 2, "mode"),
        (("run", "--headless", "--mode", "demo"), 2, "key_id"),
        (("run", "--headless", "--mode", "demo", "--key-id", "k"), 2, "private_key_path"),
        (("run", "--headless", "--mode", "prod"), 2, "paper, demo, live"),
        (("run", "--headless", "--mode", "replay"), 2, "--tape"),
        (("run", "--headless", "--mode", "live"), 2, "key_id"),
        (("run", "--headless", "--mode", "live", "--key-id", "k"), 3, "--live"),
        (("run", "--headless", "--mode", "live", "--key-id", "k", "--live"), 3, "--confirm-key-id"),
        (("run", "--headless", "--config", "nope.toml"), 2, "nope.toml"),
        (("run", "--headless", "--exchange", "nope.json"), 2, "nope.json"),
        (("run", "--headless", "--report", "no/such/folder/r.json"), 2, "--report"),
        (("run", "--headless", "--seed", "-1"), 2, "seed"),
        (("exchange", "--host", "0.0.0.0"), 2, "0.0.0.0"),
        (("exchange", "--host", "192.168.1.1"), 2, "192.168.1.1"),
        (("exchange", "--port", "70000"), 2, "port"),
        (("exchange", "--markets", "0"), 2, "0"),
        (("status",), 2, "no session"),
        (("stop",), 2, "no session"),
        (("config", "check", "--config", "nope.toml"), 2, "nope.toml"),
        (("config", "check", "--mode", "live"), 2, "key_id"),
    ],
)
def test_bad_input_is_one_line_that_names_the_thing(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in refused(run(tmp_path, *arguments), code)


def test_a_taken_port_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in refused(run(tmp_path, "exchange", "--port", str(port)), 3)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [("not a key", 0o600, "key"), ("not a key", 0o644, "600"), ("", 0o600, "key")],
)
def test_a_key_file_that_is_wrong_or_too_open_is_refused_by_name(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    path = tmp_path / "mine.pem"
    path.write_text(content)
    path.chmod(mode)
    line = refused(
        run(tmp_path, "run", "--headless", "--mode", "demo", "--key-id", "k", "--private-key-path", str(path)), 2
    )
    assert "mine.pem" in line
    assert words in line


def test_a_key_file_that_is_a_folder_or_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link", "missing"):
        done = run(
            tmp_path, "run", "--headless", "--mode", "demo", "--key-id", "k", "--private-key-path", str(tmp_path / name)
        )
        assert name in refused(done, 2)


def test_an_unknown_setting_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("mode = 'paper'\nmax_exposur = 3\n")
    assert "c.toml:2" in refused(run(tmp_path, "run", "--headless", "--config", str(path)), 2)


def test_config_show_names_the_origin_of_every_value_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("key_id = 'abcdef-123456'\ntrading_max_orders = 4\n")
    done = run(tmp_path, "config", "show", "--config", str(path), KALSHI_TRADER_QUOTE_MARKETS="2")
    assert f"{path}:2" in done.stdout
    assert "environment KALSHI_TRADER_QUOTE_MARKETS" in done.stdout
    assert "abcdef-123456" not in done.stdout


def test_doctor_checks_and_trades_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    assert "state folder" in done.stdout
    bad = run(tmp_path, "doctor", "--mode", "demo")
    assert bad.returncode == 2
    assert "NOT IN ORDER" in bad.stdout


def test_a_state_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path, "run", "--headless", "--seconds", "1", "--state-dir", str(tmp_path / "file"))
    assert "file" in refused(done, 3)


def test_a_foreign_package_that_shadows_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "__init__.py").write_text("")
    from tests.whole.support import ROOT

    done = run(tmp_path, "--version", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert "different places" in refused(done, 3)


@pytest.mark.parametrize(
    "text",
    ["price_band_low = 0.99\nprice_band_high = 0.01\n", "quote_size = 500\n", "state_dir = ''\n", "mode = 'replay'\n"],
)
def test_settings_that_cannot_work_together_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    assert "c.toml" in refused(run(tmp_path, "config", "check", "--config", str(path)), 2)


def test_the_check_of_a_configuration_names_everything_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("theme = 'nope'\nstrategy = 'nix'\nscenario = 'nada'\n")
    said = refused(run(tmp_path, "config", "check", "--config", str(path)), 2)
    assert all(word in said for word in ("nope", "nix", "nada"))


@pytest.mark.parametrize("arguments", ["--version", "doctor", "config show"])
def test_an_output_that_cannot_be_written_is_one_line_and_a_code(tmp_path: Path, arguments: str) -> None:
    import subprocess

    from tests.whole.support import PROGRAM, environment

    shell = " ".join([*PROGRAM, arguments])
    full = subprocess.run(
        f"{shell} > /dev/full", shell=True, capture_output=True, text=True, env=environment(tmp_path), cwd=tmp_path
    )
    assert "cannot write" in refused(full, 1)
    closed = subprocess.run(
        f"{shell} >&-", shell=True, capture_output=True, text=True, env=environment(tmp_path), cwd=tmp_path
    )
    assert closed.returncode == 0
    assert closed.stderr == ""


def test_without_a_report_file_the_report_is_what_standard_output_holds(tmp_path: Path) -> None:
    import json

    done = run(tmp_path, "run", "--headless", "--seconds", "2", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["exit"] == {"reason": "time", "code": 0}
    assert "→ READY" in done.stderr


@pytest.mark.wide
def test_an_exchange_that_was_never_reached_is_not_certified(tmp_path: Path) -> None:
    import json

    exchange = {"rest_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9", "key_id": "k"}
    key = tmp_path / "key.pem"
    from core.sim.auth import generate_private_key

    key.write_bytes(generate_private_key())
    key.chmod(0o600)
    (tmp_path / "ex.json").write_text(json.dumps(exchange | {"private_key_path": str(key)}))
    done = run(tmp_path, "run", "--headless", "--exchange", "ex.json", "--seconds", "2", "--report", "r.json")
    assert done.returncode == 4, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["resting_after_stop"] is None
    assert report["foreign_resting"] is None
    assert report["cash"] is None
    assert report["drift"] == {"orders": None, "positions": None, "cash": None}
    assert report["exit"] == {"reason": "unverified", "code": 4}


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    import json

    from core.local.folder import account_folder
    from core.sim.auth import generate_private_key

    key = tmp_path / "key.pem"
    key.write_bytes(generate_private_key())
    key.chmod(0o600)
    where = {"rest_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9", "key_id": "k"}
    (tmp_path / "ex.json").write_text(json.dumps(where | {"private_key_path": str(key)}))
    lock = account_folder(tmp_path / "kalshi-trader", "paper", "k") / "lock"
    lock.mkdir(parents=True)
    assert str(lock) in refused(run(tmp_path, "run", "--headless", "--exchange", "ex.json", "--seconds", "1"), 1)


@pytest.mark.wide
def test_two_running_traders_are_never_confused(tmp_path: Path) -> None:
    from tests.whole.support import start, wait_for_line

    with start(tmp_path, "run", "--headless", "--seed", "1") as one, start(tmp_path, "run", "--headless") as two:
        wait_for_line(one, "→ READY")
        wait_for_line(two, "→ READY")
        line = refused(run(tmp_path, "pause"), 2)
        assert str(one.pid) in line
        assert str(two.pid) in line
        import re

        names = re.findall(r"paper-[0-9a-f]{8}", line)
        assert run(tmp_path, "stop", "--session", names[0]).returncode == 0
        assert run(tmp_path, "stop").returncode == 0
