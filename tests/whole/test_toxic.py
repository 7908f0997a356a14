"""The real program over an ill line: late, sliced, narrow, reset and half-open TCP under its HTTP and WebSocket.

After each illness it trades again by itself, and at the end the exchange's own books say that nothing was doubled,
lost or left behind. The exchange is a process of its own; the line is healthy for whoever judges.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.domain.records import OrderIntended
from core.journal.journal import read_journal
from core.sim.pytest_plugin import SimulatedExchange
from tests.whole.news_run import judged
from tests.whole.support import run, start, wait_for_line
from tests.whole.toxic import HEALTHY, Toxic, ToxicLine

# Name: the illness, and how long it has to last to be felt.
ILLNESSES: dict[str, tuple[Toxic, float]] = {
    "latency": (Toxic(latency_s=0.4), 8),
    "slices": (Toxic(slice_bytes=7), 6),
    "bandwidth": (Toxic(bytes_s=6_000), 8),
    "reset": (HEALTHY, 4),
    "half-open": (Toxic(swallows=True), 20),
}
TRADES_AGAIN_S = 45


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[ToxicLine, dict[str, str], SimulatedExchange]]:
    exchange = SimulatedExchange(seed=7)
    port = int(exchange.rest_url.split(":")[2].split("/")[0])
    toxic = ToxicLine(port)
    where = {"rest_url": exchange.rest_url, "key_id": exchange.key_id, "private_key_path": exchange.private_key_path}
    ill = {
        **where, "exchange_id": exchange.exchange_id,
        "rest_url": exchange.rest_url.replace(f":{port}", f":{toxic.port}"),
        "ws_url": exchange.ws_url.replace(f":{port}", f":{toxic.port}"),
    }  # fmt: skip
    (tmp_path / "ex.json").write_text(json.dumps(ill))
    try:
        yield toxic, where, exchange
    finally:
        toxic.close()
        exchange.stop()


def picture(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return found


def until(true: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)
    return true()


def trades(folder: Path, placed: int) -> bool:
    """It is in a state of trading and has placed more orders than before. A breaker that tripped over the illness is
    reset, as the person would who reads why.
    """
    now = picture(folder)
    if now["breaker"]["tripped"]:
        run(folder.parents[1], "reset-breaker", "--reason", "the line was ill")
    return now["state"]["state"] in ("READY", "ACTING") and now["counters"]["placed"] > placed


def suffer(toxic: ToxicLine, name: str, seconds: float | None = None) -> None:
    """One illness from its beginning to its end."""
    illness, lasts = ILLNESSES[name]
    end = time.monotonic() + (lasts if seconds is None else seconds)
    toxic.toxic = illness
    while time.monotonic() < end:
        if name == "reset":
            toxic.reset()
        time.sleep(0.8)
    toxic.toxic = HEALTHY


def over(tmp_path: Path, line: tuple[ToxicLine, dict[str, str], SimulatedExchange], names: list[str]) -> None:
    toxic, where, exchange = line
    arguments = ("run", "--headless", "--exchange", "ex.json", "--seed", "7", "--report", "r.json")
    with start(tmp_path, *arguments) as trader:
        wait_for_line(trader, "→ READY")
        (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
        assert until(lambda: trades(folder, 0), TRADES_AGAIN_S)
        for name in names:
            begun, connections = picture(folder)["counters"], toxic.connections
            suffer(toxic, name)
            ill = picture(folder)
            assert until(lambda: trades(folder, ill["counters"]["placed"]), TRADES_AGAIN_S), (  # noqa: B023
                name, picture(folder)["state"], picture(folder)["breaker"],
            )  # fmt: skip
            if name in ("reset", "half-open"):
                assert toxic.connections > connections, name
                assert picture(folder)["counters"]["reconnects"] > begun["reconnects"], name
        os.kill(trader.pid, 15)
        _, said = trader.communicate(timeout=60)
    assert trader.returncode == 0, said[-2_000:]
    report = json.loads((tmp_path / "r.json").read_text())
    intended = Counter(
        r.client_order_id for r in read_journal(folder / "journal").records if isinstance(r, OrderIntended)
    )
    wrong = set(judged(report, where, intended, exchange.check())) - {"too little happened"}
    assert not wrong, (wrong, report)


@pytest.mark.wide
@pytest.mark.timeout(300)
def test_over_every_illness_in_turn_nothing_is_doubled_lost_or_left_behind(tmp_path: Path, line: Any) -> None:
    over(tmp_path, line, list(ILLNESSES))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ILLNESSES)
def test_over_one_illness_again_and_again(tmp_path: Path, line: Any, name: str) -> None:
    over(tmp_path, line, [name] * 6)
