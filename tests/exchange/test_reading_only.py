"""A session that only watches: whoever asks for a write, no byte of it leaves, and nothing is signed for it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from core.config import Settings
from core.domain.effects import GroupAct, ReadKind, SendCancels, SendGroup
from core.domain.events import OrderNotSent
from core.environment import standing_account
from core.exchange.emergency import EmergencyStop
from core.exchange.trading_client import TradingClientIntegration

from .support import KEY_ID, RealClock, ed_key, pem, read, scripted, send_cancel, send_order, signer


async def test_no_write_leaves_whatever_asks_for_it() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"balance": 1})

    async with scripted(answer) as server:
        client = TradingClientIntegration(server.endpoints, signer().for_reading(), RealClock(), Random(1))
        await client.open()
        fact = await client.perform(send_order())
        assert isinstance(fact, OrderNotSent) and "only watches" in fact.reason
        for effect in (
            send_cancel(),
            SendCancels(cancels=(send_cancel(), send_cancel())),
            SendGroup(act=GroupAct.TRIGGER, group_id="g"),
        ):
            await client.perform(effect)
        assert not server.seen
        with pytest.raises(AssertionError, match="PUT"):
            EmergencyStop(server.endpoints, signer().for_reading(), RealClock()).trigger("g")
        assert not server.seen
        await client.perform(read(ReadKind.BALANCE))
        assert len(server.seen) == 1
        await client.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "post", "HEAD", ""])
def test_a_signer_for_reading_signs_no_other_method(method: str) -> None:
    with pytest.raises(AssertionError, match="for reading"):
        signer().for_reading().headers(method, "/x", 1)
    assert signer().for_reading().headers("get", "/x", 1) and signer().headers(method, "/x", 1)


@pytest.mark.parametrize(
    ("settings", "only"),
    [
        ({"mode": "live"}, True),
        ({"mode": "live", "enable_trading_client": True}, False),
        ({"mode": "demo"}, False),
        ({"mode": "demo", "enable_trading_client": False}, True),
    ],
)
def test_a_key_signs_writes_only_where_trading_is_switched_on(
    tmp_path: Path, settings: dict[str, Any], only: bool
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(ed_key()))
    path.chmod(0o600)
    made = Settings.model_validate({"key_id": KEY_ID, "private_key_path": path, **settings})
    account = standing_account(made, None)
    assert account is not None and account.signer.reading_only is only
