"""What listens on this machine while it trades: loopback only, by the kernel's own table."""

import ipaddress
import json
import os
import struct
import sys
import time
from pathlib import Path

import pytest

from tests.whole.support import run, start, wait_for_line

LISTEN = "0A"


def listening(pid: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses that a process listens on, out of /proc."""
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == LISTEN and words[9] in inodes:
                raw = bytes.fromhex(words[1].partition(":")[0])
                whole = b"".join(struct.pack(">I", word) for word in struct.unpack(f"<{len(raw) // 4}I", raw))
                found.append(ipaddress.ip_address(whole))
    return found


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a sealed process shows its sockets to root only"
)
def test_a_session_listens_on_loopback_only(tmp_path: Path) -> None:
    with start(tmp_path, "run", "--headless", "--seed", "7") as trader:
        wait_for_line(trader, "→ READY")
        time.sleep(1)
        found = listening(trader.pid)
        assert len(found) >= 1 and all(address.is_loopback for address in found), found


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_standing_exchange_listens_on_loopback_only_its_control_port_too(tmp_path: Path, host: str) -> None:
    with start(tmp_path, "exchange", "--control", "--host", host) as exchange:
        assert exchange.stdout is not None
        assert host in json.loads(exchange.stdout.readline())["control"]
        found = listening(exchange.pid)
        assert len(found) == 2 and all(address.is_loopback for address in found), found


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", "", "127.0.0.1.example.com"])
def test_no_other_address_is_listened_on(tmp_path: Path, host: str) -> None:
    done = run(tmp_path, "exchange", "--host", host)
    assert done.returncode == 2 and not done.stdout, done.stderr
