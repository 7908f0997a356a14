"""The drill: no screen, a disk that takes nothing any more, and all of ours has to go, proved by the exchange."""

import json
import resource
import time
from pathlib import Path
from random import Random

import pytest

from core.domain.effects import ReadKind
from core.domain.events import OrdersRead
from core.exchange.network import loopback_endpoints
from core.exchange.signing import load_signer
from core.exchange.trading_client import TradingClientIntegration
from tests.exchange.support import RealClock, read
from tests.whole.support import run, start, wait_for_line


async def resting(line: dict[str, str]) -> int:
    """What rests, in the exchange's own words, asked by a client of our own."""
    endpoints = loopback_endpoints(line["rest_url"], line["ws_url"])
    signer = load_signer(line["key_id"], Path(line["private_key_path"]))
    client = TradingClientIntegration(endpoints, signer, RealClock(), Random(1))
    await client.open()
    fact = await client.perform(read(ReadKind.ORDERS))
    await client.close()
    assert isinstance(fact, OrdersRead)
    return len(fact.orders)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux's")
async def test_panic_ends_every_order_without_a_screen_and_without_a_disk(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = json.loads(exchange.stdout.readline())
        (tmp_path / "ex.json").write_text(json.dumps(line))
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as trader:
            wait_for_line(trader, "→ READY")
            deadline = time.monotonic() + 15
            while not await resting(line):
                assert time.monotonic() < deadline
            resource.prlimit(trader.pid, resource.RLIMIT_FSIZE, (0, 0))
            done = run(tmp_path, "cancel-all")
            assert "verified by a reading" in done.stdout, done.stdout + done.stderr
            assert await resting(line) == 0
            time.sleep(2)
            assert await resting(line) == 0


@pytest.mark.wide
async def test_a_session_that_only_watches_comes_up_stays_and_leaves_without_one_write(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7", "--control") as exchange:
        assert exchange.stdout is not None
        line = json.loads(exchange.stdout.readline())
        (tmp_path / "ex.json").write_text(json.dumps(line))
        words = ("run", "--headless", "--exchange", "ex.json", "--seconds", "5", "--report", "r.json")
        done = run(tmp_path, *words, KALSHI_TRADER_ENABLE_TRADING_CLIENT="false")
        assert done.returncode == 0 and "READY" in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert json.loads((tmp_path / "r.json").read_text())["orders"]["placed"] == 0
        assert await resting(line) == 0
