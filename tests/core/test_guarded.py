"""What guards this process and its files beyond their modes: dumps, debuggers, the log's lines, the peer's user."""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import Settings
from core.domain.enums import Mode
from core.domain.errors import StartRefused
from core.domain.records import JOURNAL_VERSION, SessionStarted
from core.environment import Account, Quarters
from core.exchange.network import loopback_endpoints
from core.exchange.signing import signer_from_pem
from core.journal.journal import Journal, read_journal
from core.local.endpoint import Answer, LocalEndpoint, Request, ask
from core.local.logs import PrivateLog
from tests.exchange.support import ed_key, pem

SEALED = """
import ctypes, resource
from core.local.process import seal_process
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
prctl = ctypes.CDLL(None).prctl
before = prctl(3, 0, 0, 0, 0)
seal_process()
print(before, prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_sealed_process_leaves_no_dump_and_lets_no_debugger_in() -> None:
    done = subprocess.run([sys.executable, "-c", SEALED], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0", "0", "0"], done.stderr


def test_nothing_said_in_a_line_of_the_log_begins_another(tmp_path: Path) -> None:
    forged = "2026-01-01 00:00:00,000 CRITICAL trader all is lost"
    log = PrivateLog(tmp_path / "trader.log")
    for end in ("\n", "\r\n", "\x85", "\u2028", "\x0b", "\x1b[2K\r", "\u202e", "\x00"):
        text = f"title{end}{forged}"
        log.emit(logging.LogRecord("trader", logging.INFO, "", 0, "said %s", (text,), None))
        try:
            raise ValueError(text)
        except ValueError:
            log.emit(logging.LogRecord("trader", logging.ERROR, "", 0, "failed", (), sys.exc_info()))
    log.close()
    text = (tmp_path / "trader.log").read_text()
    lines = text.splitlines()
    assert not [line for line in lines if line.startswith(forged[:10])]
    assert all(line.isprintable() for line in lines) and len(text.split("\n")) == len(lines) + 1
    assert sum("| ValueError:" in line for line in lines) == 8


def test_a_log_that_cannot_be_written_says_nothing_where_somebody_might_not_read(
    capfd: pytest.CaptureFixture[str],
) -> None:
    log = PrivateLog(Path("/dev/full"))
    for _ in range(100):
        log.emit(logging.LogRecord("trader", logging.INFO, "", 0, "x" * 1000, (), None))
    with contextlib.suppress(OSError):
        log.close()
    assert capfd.readouterr().err == ""


async def test_the_command_socket_hears_nobody_but_its_own_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heard: list[Request] = []

    async def answer(request: Request) -> Answer:
        heard.append(request)
        return Answer(ok=True, text="done")

    endpoint = LocalEndpoint(tmp_path / "s", answer)
    await endpoint.start()
    ours = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)  # seen from there the peer is another
    with contextlib.suppress(OSError):  # the line may be cut before all is said
        assert not (await asyncio.to_thread(ask, tmp_path / "s", Request("panic"))).ok
    assert not heard
    monkeypatch.undo()
    assert (await asyncio.to_thread(ask, tmp_path / "s", Request("panic"))).ok and heard
    await endpoint.close()


def account(key_id: str, exchange: str) -> Account:
    return Account(
        endpoints=loopback_endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"),
        signer=signer_from_pem(key_id, pem(ed_key())),
        key_id=key_id,
        exchange=exchange,
    )


async def test_a_journal_serves_only_the_mode_key_and_exchange_it_was_begun_for(tmp_path: Path) -> None:
    begun = [("demo", "key-a", "demo"), ("live", "key-b", "live"), ("demo", "key-c", "other")]
    for mode, key_id, exchange in begun:
        quarters = Quarters(Settings.model_validate({"mode": mode, "state_dir": tmp_path}), account(key_id, exchange))
        journal = Journal(quarters.journal_folder, read_journal(quarters.journal_folder), pytest.fail)
        digest = account(key_id, exchange).digest
        journal.append(
            [
                SessionStarted(
                    at=1, version=JOURNAL_VERSION, mode=mode, key_digest=digest, exchange=exchange, session="s"
                )
            ]
        )
        assert await journal.synced(1)
        await journal.close()
        quarters.leave()
    for kept in begun:
        folder = _quarters(tmp_path, *kept).folder
        for mode, key_id, exchange in begun:
            # Each folder put in the place of every other, as a mistaken copy would.
            other = tmp_path / f"{'-'.join((*kept, mode, key_id, exchange))}"
            wanted = _quarters(other, mode, key_id, exchange).folder
            wanted.joinpath("journal").rmdir()
            wanted.joinpath("journal").symlink_to(folder / "journal")
            if (mode, key_id, exchange) == kept:
                _quarters(other, mode, key_id, exchange)
                continue
            with pytest.raises(StartRefused, match="belongs to another exchange"):
                _quarters(other, mode, key_id, exchange)


def _quarters(base: Path, mode: str, key_id: str, exchange: str) -> Quarters:
    settings = Settings.model_validate({"mode": Mode(mode), "state_dir": base})
    quarters = Quarters(settings, account(key_id, exchange))
    quarters.leave()
    return quarters
