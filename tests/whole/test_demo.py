"""Kalshi's demo exchange, with an operator's own key: connect, place, cancel, position and status.

Collected only with `-m demo` and when KALSHI_DEMO_KEY_ID and KALSHI_DEMO_KEY_FILE name a key.
"""

import os
from pathlib import Path

import pytest

from core.config import load
from tests.whole.road import connect_place_cancel

pytestmark = [pytest.mark.demo, pytest.mark.timeout(180)]


async def test_connect_place_cancel_position_and_status(tmp_path: Path) -> None:
    flags = {
        "mode": "demo",
        "key_id": os.environ["KALSHI_DEMO_KEY_ID"],
        "private_key_path": os.environ["KALSHI_DEMO_KEY_FILE"],
        "state_dir": tmp_path,
    }
    assert "DEMO" in await connect_place_cancel(load(flags, {}).settings)
