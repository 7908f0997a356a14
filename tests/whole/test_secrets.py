"""Secrets stay where they are: no part of key, passphrase, key id or signature is in anything a session writes."""

import base64
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.whole.support import Terminal, environment, run, start

PASSPHRASE = "canary-passphrase-2f9d41"
TELLTALE = Path(__file__).with_name("telltale.py")


class Standing:
    """An exchange with its key encrypted in a file apart from the state folder; `canaries` must not be seen again."""

    def __init__(self, folder: Path, line: dict[str, str]) -> None:
        key = load_pem_private_key(Path(line["private_key_path"]).read_bytes(), password=None)
        self.key = folder / "canary.pem"
        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
        self.key.write_bytes(locked)
        self.key.chmod(0o600)
        self.file = folder / "ex.json"
        self.file.write_text(json.dumps(line | {"private_key_path": str(self.key)}))
        self.noted = folder / "signatures"
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        open_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        parts = [PASSPHRASE, line["key_id"], str(self.key)]
        parts += [text for pem in (open_pem, locked.decode()) for text in pem.splitlines() if len(text) == 64]
        self._parts = [part.encode() for part in parts] + [der[i : i + 24] for i in range(0, len(der) - 24, 24)]

    def canaries(self) -> list[bytes]:
        signatures = self.noted.read_bytes().split()
        assert len(signatures) >= 45  # those that were made to fail are among them
        return self._parts + signatures + [base64.b64decode(signature)[:24] for signature in signatures]


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    apart = tmp_path / "apart"
    apart.mkdir()
    with start(apart, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        yield Standing(apart, json.loads(exchange.stdout.readline()))


def everything(state: Path) -> dict[str, bytes]:
    """All that lies in the session's folders, the parts of the bundle one by one."""
    found = {str(path): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    for path in state.rglob("*.zip"):
        with zipfile.ZipFile(path) as bundle:
            found |= {f"{path}/{name}": bundle.read(name) for name in bundle.namelist()}
    return found


def outside(pid: int) -> dict[str, bytes]:
    """What other processes can read of one: its arguments and its environment."""
    return {name: Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm")}


def leaks(found: dict[str, bytes], canaries: list[bytes]) -> list[str]:
    return [f"{name}: {canary[:12]!r}" for name, data in found.items() for canary in canaries if canary in data]


@pytest.mark.pty
def test_no_secret_is_in_anything_a_console_session_writes_or_shows(standing: Standing, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    words = ("run", "--exchange", str(standing.file), "--report", str(state / "report.json"))
    words += ("--record", str(state / "session.tape"))
    terminal = Terminal(state, *words, size=(120, 40), program=[sys.executable, str(TELLTALE), str(standing.noted)])
    try:
        terminal.wait_for("Passphrase of key file")
        assert b"\x1b[?1049h" not in terminal.raw  # the plain terminal still
        said = len(terminal.raw)
        terminal.press(f"{PASSPHRASE}\r")
        terminal.wait_for("READY")
        seen = outside(terminal.pid)
        deadline = time.monotonic() + 40
        while len(standing.noted.read_bytes().split()) < 45:
            terminal.read(0.5)
            assert time.monotonic() < deadline, terminal.text
        terminal.press("B")
        terminal.wait_for("Bug bundle")
        terminal.press("y")
        terminal.wait_for("bug bundle written")
        seen["status"] = run(state, "status", "--json").stdout.encode() + run(state, "status").stdout.encode()
        terminal.press("\x03")
        terminal.wait_for("Stop and cancel")
        terminal.press("\x03")
        assert terminal.wait_end() in (0, 1, 4)
    finally:
        terminal.close()
    found = everything(state) | seen | {"terminal": terminal.raw[said:]}
    names = " ".join(found)
    files = ("report.json", "session.tape", "trader.log", ".journal", "status.json", ".zip/log.txt")
    assert all(name in names for name in files)
    told = b"".join(found.values())
    assert b"RuntimeError" in told and b"DEBUG" in told  # the failures and the lowest level did reach the log
    canaries = standing.canaries()
    assert leaks(found, canaries) == []
    assert (
        len(leaks({"exchange": standing.file.read_bytes(), "signatures": standing.noted.read_bytes()}, canaries)) > 45
    )


@pytest.mark.wide
def test_a_passphrase_from_a_descriptor_opens_the_key_and_is_seen_nowhere(standing: Standing, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    reading, writing = os.pipe()
    os.write(writing, f"{PASSPHRASE}\n".encode())
    command = [
        sys.executable,
        str(TELLTALE),
        str(standing.noted),
        "run",
        "--headless",
        "--exchange",
        str(standing.file),
    ]
    with subprocess.Popen(
        [*command, "--passphrase-fd", str(reading), "--seconds", "12"], env=environment(state), cwd=state,
        pass_fds=[reading], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(reading)
        os.close(writing)
        time.sleep(5)
        seen = outside(process.pid)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        said = process.communicate(timeout=60)
    assert process.returncode in (0, 1, 4), said
    assert b"READY" in said[1]
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    found = everything(state) | seen | {"stdout": said[0], "stderr": said[1]}
    assert leaks(found, standing.canaries()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--passphrase-fd"),
        (("--passphrase-fd", "77"), "--passphrase-fd 77"),
        (("--passphrase-fd", "0"), "does not open it"),
    ],
)
def test_an_encrypted_key_without_its_passphrase_is_refused_in_one_line(
    standing: Standing, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run(tmp_path, "run", "--headless", "--exchange", str(standing.file), "--seconds", "1", *arguments)
    assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_the_session_of_the_real_program_is_sealed(tmp_path: Path) -> None:
    script = (
        "import atexit, ctypes, sys, tui.__main__ as m\n"
        "atexit.register(lambda: print('dumpable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), file=sys.stderr))\n"
        "sys.exit(m.invoke(['run', '--headless', '--seconds', '0.5']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "dumpable 0" in done.stderr, done.stderr
