"""This machine: the lock, private files, the command socket. Real files, sockets and processes."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.domain.errors import StartRefused
from core.local.endpoint import Answer, LocalEndpoint, Request, ask, socket_path
from core.local.folder import AccountLock, account_folder, lock_holder, make_private, write_private


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
