"""This machine: the lock, private files, the command socket. Real files, sockets and processes."""

import asyncio
import fcntl
import logging
import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from core.config import Settings
from core.domain.errors import StartRefused
from core.environment import Account, Quarters
from core.exchange.network import loopback_endpoints
from core.exchange.signing import signer_from_pem
from core.local.endpoint import Answer, LocalEndpoint, Request, ask, socket_path
from core.local.folder import AccountLock, account_folder, lock_holder, machine_folder, make_private, write_private
from core.local.logs import PrivateLog
from core.sim.auth import generate_private_key


def test_a_second_lock_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from core.local.folder import AccountLock;"
        "AccountLock(Path(sys.argv[1])).take(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert lock_holder(tmp_path) == str(other.pid)
        with pytest.raises(StartRefused, match=str(other.pid)):
            AccountLock(tmp_path).take()
        other.kill()
        other.wait()
    AccountLock(tmp_path).take()


def test_nobody_holds_a_lock_that_was_released(tmp_path: Path) -> None:
    assert lock_holder(tmp_path) is None
    lock = AccountLock(tmp_path)
    lock.take()
    lock.release()
    assert lock_holder(tmp_path) is None


def test_the_folder_of_the_machine_is_the_same_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_folder()
    for name in ("TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, "/nowhere")
    assert machine_folder() == before
    assert stat.S_IMODE(before.stat().st_mode) == 0o700


def test_a_folder_of_the_machine_that_is_a_link_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("core.local.folder.TEMPORARY", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"kalshi-trader-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartRefused, match="not ours"):
        machine_folder()


def test_a_lock_whose_file_was_taken_away_meanwhile_is_taken_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = AccountLock(tmp_path, "a.lock")
    flock, opened = fcntl.flock, []

    def lose_the_file_once(handle: int, how: int) -> None:
        flock(handle, how)
        if not opened:
            lock.path.unlink()
        opened.append(handle)

    monkeypatch.setattr(fcntl, "flock", lose_the_file_once)
    lock.take()
    assert len(opened) == 2
    with pytest.raises(StartRefused):
        AccountLock(tmp_path, "a.lock").take()
    lock.release(remove=True)
    assert not lock.path.exists()
    AccountLock(tmp_path, "a.lock").take()


def standing(name: str = "one") -> Account:
    key = key_of()
    return Account(
        endpoints=loopback_endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"),
        signer=signer_from_pem("the-key", key),
        key_id="the-key",
        exchange=name,
    )


@cache
def key_of() -> bytes:
    return generate_private_key()


def test_one_account_is_traded_from_one_state_folder_at_a_time(tmp_path: Path) -> None:
    def settings(name: str) -> Settings:
        return Settings.model_validate({"state_dir": tmp_path / name})

    first = Quarters(settings("a"), standing())
    with pytest.raises(StartRefused, match=rf"runs already \(pid {os.getpid()}\)"):
        Quarters(settings("b"), standing())
    elsewhere = Quarters(settings("b"), standing("another exchange"))
    elsewhere.leave()
    first.leave()
    Quarters(settings("b"), standing()).leave()


def test_private_files_and_folders_are_for_the_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = make_private(tmp_path / "a" / "b")
        write_private(folder / "status.json", b"{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "status.json").stat().st_mode) == 0o600


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "status.json").symlink_to(victim)
    write_private(tmp_path / "status.json", b"new")
    assert victim.read_text() == "mine"
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        AccountLock(tmp_path).take()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match="cannot use the folder"):
        make_private(tmp_path / "file" / "state")


def test_the_key_id_is_in_no_path(tmp_path: Path) -> None:
    folder = account_folder(tmp_path, "demo", "a-secret-key-id")
    assert folder.name.startswith("demo-")
    assert "secret" not in str(folder)


async def answer(request: Request) -> Answer:
    return Answer(ok=request.command == "pause", text=f"{request.command} {request.argument}".strip())


async def test_the_socket_carries_a_wish_and_its_answer(tmp_path: Path) -> None:
    endpoint = LocalEndpoint(tmp_path / "s", answer)
    await endpoint.start()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    reply = await asyncio.to_thread(ask, tmp_path / "s", Request("pause", "why\x1b[31m"))
    assert (reply.ok, reply.text) == (True, "pause why")
    await endpoint.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"{}\n", b'{"command": 5}\n', b'{"command":"x","more":1}\n', b"\xff\n"]
)
async def test_what_is_no_request_is_answered_in_words(tmp_path: Path, line: bytes) -> None:
    endpoint = LocalEndpoint(tmp_path / "s", answer)
    await endpoint.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(line)
    assert b'"ok":false' in await reader.readline()
    writer.close()
    await endpoint.close()


async def test_a_flood_without_a_line_is_cut_and_the_next_one_is_served(tmp_path: Path) -> None:
    endpoint = LocalEndpoint(tmp_path / "s", answer)
    await endpoint.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(b"x" * 100_000)
    assert await reader.read() == b""
    writer.close()
    reply = await asyncio.to_thread(ask, tmp_path / "s", Request("pause"))
    assert reply.ok
    await endpoint.close()


async def test_a_folder_too_deep_for_a_socket_gets_a_short_private_path(tmp_path: Path) -> None:
    deep = make_private(tmp_path / ("d" * 60) / ("e" * 60))
    path = socket_path(deep)
    assert len(str(path)) <= 100
    assert socket_path(deep) == path != socket_path(tmp_path / ("d" * 60))
    endpoint = LocalEndpoint(path, answer)
    await endpoint.start()
    assert (await asyncio.to_thread(ask, socket_path(deep), Request("pause"))).ok
    await endpoint.close()


def test_every_file_of_the_rotated_log_is_for_the_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    log = PrivateLog(tmp_path / "trader.log", limit=200, kept=3)
    try:
        for number in range(40):
            log.emit(logging.LogRecord("trader", logging.INFO, "", 0, "line %s \ud800", (number,), None))
    finally:
        os.umask(before)
        log.close()
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["trader.log", "trader.log.1", "trader.log.2", "trader.log.3"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "trader.log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        PrivateLog(tmp_path / "trader.log")
