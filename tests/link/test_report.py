"""What is said of a session at its end: our own orders counted, other people's listed apart and left alone."""

from __future__ import annotations

from pathlib import Path

from core.config import Settings
from core.domain.amounts import Price, contracts
from core.domain.enums import BookSide, TimeInForce
from core.lab.story import Scene, play
from core.report import session_report
from core.sim.auth import generate_private_key
from core.sim.model import TAKER_AT_CROSS, NewOrder
from tui.commands.session import print_certificate

FAILS = """
from core.strategy.base import Decision, Strategy


class Fails(Strategy):
    def decide(self, view, memory):
        return Decision(quotes=None)
"""


def test_a_strategy_that_was_switched_off_is_in_the_report_and_the_last_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    named = f"{tmp_path / 'fails.py'}:Fails"
    settings = Settings(simulated_markets=2, quote_markets=1, strategy=named)
    played = play(settings, [], seconds=3, key_pem=generate_private_key())
    why = "TypeError: quotes is NoneType, a tuple is needed"
    assert session_report(played.scene.trader, played.exit)["strategy"] == {"name": named, "off": why}
    with (tmp_path / "told").open("w") as stream:
        print_certificate(played.scene.trader.snapshot, played.exit, stream)
    assert f"strategy {named} is off: {why}" in (tmp_path / "told").read_text()


def test_foreign_orders_are_listed_apart_counted_nowhere_and_left_alone() -> None:
    def by_hand(scene: Scene) -> None:
        ticker = next(iter(scene.server.venue.markets))
        wish = NewOrder(
            ticker=ticker, side=BookSide.BID, count=contracts(3), price=Price(100), client_order_id="from the web page",
            time_in_force=TimeInForce.GOOD_TILL_CANCELED, self_trade=TAKER_AT_CROSS,
        )  # fmt: skip
        scene.notes["order"] = scene.server.venue.place(scene.server.account, wish, scene.server.venue.now_ns).order

    settings = Settings(simulated_markets=2, quote_markets=1)
    played = play(settings, [(1, by_hand)], seconds=3, key_pem=generate_private_key())
    assert not played.violations
    order = played.scene.notes["order"]
    report = session_report(played.scene.trader, played.exit)
    assert (report["resting_after_stop"], report["foreign_resting"], report["exit"]["code"]) == (0, 1, 0)
    assert report["foreign_orders"] == [
        {
            "order_id": order.order_id, "ticker": order.market.ticker, "side": "bid", "price": "0.0100",
            "remaining": "3.00",
        }
    ]  # fmt: skip
    own = played.scene.oracle.own_orders()
    assert report["orders"]["accepted"] == len(own) == report["orders"]["placed"]
    assert report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
    shown = [o for o in played.picture.orders if o.ownership == "foreign"]
    assert [o.order_id for o in shown] == [order.order_id]
    assert order.remaining == 300
