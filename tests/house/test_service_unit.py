"""The service unit of the documents: an ordinary user, nothing but its own folder to write, and the orderly way out."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from core.domain.enums import ExitCode
from tui.__main__ import app

from .test_house_rules import ROOT

UNIT = ROOT / "docs" / "kalshi-trader.service"
NEEDED = {
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "RestrictSUIDSGID": "yes",
    "LimitCORE": "0",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
    "KillSignal": "SIGTERM",
}


def service() -> dict[str, str]:
    found: dict[str, str] = {}
    section = ""
    for line in filter(None, (line.strip() for line in UNIT.read_text().splitlines())):
        if line.startswith("#"):
            continue
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            key, _, value = line.partition("=")
            assert key not in found, key
            found[key] = value
    return found


def test_the_unit_shuts_out_what_a_trader_has_no_need_of() -> None:
    found = service()
    assert {key: found.get(key) for key in NEEDED} == NEEDED
    assert found["User"] not in ("", "root", "0") and found["Group"] == found["User"]
    # Nothing beside its own folder is writable, and no capability comes back in by another door.
    assert not [key for key in found if key.startswith(("ReadWrite", "BindPaths", "PermissionsStartOnly"))]


def test_the_unit_gives_the_stop_its_time_and_starts_nothing_again_that_waits_for_a_person() -> None:
    found = service()
    assert int(found["TimeoutStopSec"]) >= 45
    kept_down = {int(code) for code in found["RestartPreventExitStatus"].split()}
    assert kept_down == {ExitCode.BAD_INPUT, ExitCode.REFUSED_START, ExitCode.UNVERIFIED}


def test_the_command_of_the_unit_is_one_and_holds_no_secret() -> None:
    words = shlex.split(service()["ExecStart"])
    assert Path(words[0]).name == "kalshi-trader" and words[1] == "run" and "--headless" in words
    command = typer.main.get_command(app)
    run = command.commands["run"]  # type: ignore[attr-defined]
    run.make_context("run", words[2:], resilient_parsing=False)
    assert not {"--live", "--confirm-key-id", "--key-id"} & set(words)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_systems_own_check_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/kalshi-trader/bin/kalshi-trader run", "/bin/true run"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line and "Unknown" in line]
    assert not ours
