"""The facade by its known words, and the documented example run as it stands."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.assembly import Trader
from core.config import load
from core.domain.amounts import Price, contracts, dollars
from core.domain.enums import BookSide, OrderState, PauseKind, TraderState
from core.domain.errors import StartRefused
from core.facade import TraderFacade
from tests.whole.road import until
from tests.whole.support import ROOT, environment

DOCUMENT = (ROOT / "docs" / "embedding.md").read_text()


def test_the_documented_example_runs_as_it_stands(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)\n```", DOCUMENT, re.DOTALL)
    assert found
    (tmp_path / "example.py").write_text(found[1])
    done = subprocess.run(
        [sys.executable, "example.py"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "cash $1,000.00" in done.stdout
    assert "denied: Order size exceeds limit: 10000 > 100" in done.stdout
    assert "differs from the exchange: {'cash': 0, 'positions': 0}" in done.stdout
    assert "=== TRADER STATUS ===" in done.stdout
    assert done.stdout.endswith("left with 0 own orders resting\n")


def test_every_word_of_the_document_exists() -> None:
    for word in re.findall(r"`([a-z_]+)(?:\([^`]*\))?`", DOCUMENT.split("## By the words you may know")[1]):
        if word not in {"client_order_id"}:
            assert hasattr(Trader, word) or hasattr(TraderFacade, word), word


async def test_the_known_words_do_the_real_thing(tmp_path: Path) -> None:
    settings = load({"state_dir": tmp_path, "seed": 7, "broadcast": False}, {}).settings
    async with Trader(settings.model_copy(update={"strategy": "hold"})) as trader:
        assert trader.get_state() in (TraderState.READY, TraderState.ACTING)
        book = next(b for b in trader.snapshot.books if b.trusted and b.asks)
        assert trader.engine is not None
        await until(lambda: trader.engine.desk.group.settled)  # until then an order is refused, with that reason
        bought = await trader.place_order(book.ticker, BookSide.BID, book.asks[0][0], contracts(2))
        assert bought.status in ("running", "done"), bought.text
        await until(lambda: trader.get_position(book.ticker) is not None and bool(trader.get_positions()))
        assert trader.get_order(bought.client_order_id) is not None
        rests = await trader.place_order(book.ticker, BookSide.BID, Price(300), contracts(3), post_only=True)
        await until(lambda: [o.state for o in trader.get_open_orders()] == [OrderState.RESTING])
        assert (await trader.cancel_order(rests.client_order_id)).status in ("running", "done")
        await until(lambda: not trader.get_open_orders())
        refused = await trader.place_order(book.ticker, BookSide.BID, Price(300), contracts(10_000))
        assert (refused.status, refused.text) == ("refused", "Order size exceeds limit: 10000 > 100")
        assert (await trader.cancel_order("kt-nobody")).status == "refused"

        cash, pnl = trader.get_cash_status(), trader.calculate_pnl()
        assert cash.threshold == dollars(100)
        assert trader.check_cash_threshold()
        assert not trader.is_cash_recovery_required()
        with pytest.raises(RuntimeError, match="is not below its threshold"):
            await trader.trigger_cash_recovery()
        assert not (await trader.complete_cash_recovery()).deficit
        trader.log_action_result("model step", "chose \x1b[31mhold", 3_000_000)
        trader.log_service_status("Model", "degraded", "slow")
        trader.log_state_transition("TRAINING", "SERVING", "loaded")
        trader.log_calibration_step("weights", "complete", 5)
        await until(lambda: trader.snapshot.activity[-1].kind == "calibration_step")
        told = [(a.kind, a.text, a.status) for a in trader.snapshot.activity[-4:]]
        assert told[:2] == [("model_step", "chose hold", "ok"), ("service", "Model: degraded, slow", "degraded")]
        assert pnl.net == pnl.realized + pnl.unrealized - pnl.fees
        assert trader.estimate_position_liquidation_value(book.ticker) > 0
        assert [s.status for s in await trader.calibrate()] == ["complete"] * len(trader.snapshot.calibration)
        assert await trader.sync_all() == {"cash": 0, "positions": 0}

        assert await trader.bulk_close_all_positions() == ()
        assert trader.snapshot.state.pause is PauseKind.OPERATOR
        assert (await trader.resume()).status == "done"
        for number in range(5):
            trader.record_error(f"mine {number}\x1b[2J")
        await until(lambda: trader.snapshot.breaker.tripped)
        assert "\x1b" not in trader.get_debug_summary()
        assert (await trader.reset_circuit_breaker("")).status == "refused"
        assert (await trader.emergency_stop()).status == "done"
        assert trader.get_status_history(2)[-1].label == "PAUSED (operator)"
    exit_view = trader.snapshot.exit
    assert exit_view is not None
    assert (exit_view.code, exit_view.resting_after_stop) == (0, 0)
    with pytest.raises(RuntimeError):
        await trader.pause()


async def test_a_start_that_is_refused_raises_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trader = Trader(load({"state_dir": tmp_path / "file"}, {}).settings)
    with pytest.raises(StartRefused):
        await trader.start()
    assert [t.get_name() for t in asyncio.all_tasks() if t.get_name() == "trader"] == []
