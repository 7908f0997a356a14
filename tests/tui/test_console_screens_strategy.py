"""The strategy's screen under real keys: parameters edited within bounds, the switch, the decisions."""

from __future__ import annotations

import console_builders as b
import pytest
from test_console_screens import go, listing, part, running

from core.domain.commands import SetParameter, SwitchStrategy
from core.trading.snapshot import StrategyView
from tui.screens.dialog import Dialog, TypedInput
from tui.screens.record import RecordScreen
from tui.view_models.cells import plain
from tui.widgets.lines import LinesView


def body(app):
    return "\n".join(plain(line) for line in app.screen.query_one("#body", LinesView).lines)


async def typed(pilot, text):
    await pilot.press("ctrl+u", *("full_stop" if letter == "." else letter for letter in text))
    await pilot.pause()


async def test_it_shows_switch_counts_memory_parameters_with_bounds_and_decisions(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        shown = listing(app)
    for words in (
        "maker on", "1,204 made, 3 dropped", "79 bytes of 2 markets", "size", "0.01 to 100000 contracts",
        "contracts a quote", "0123456789abcdef", "value 0.456, half spread 0.012", "buy 5 @ 0.44 (rest)",
        "out of range: position", "1 of the last 2",
    ):  # fmt: skip
        assert words in shown, words


async def test_enter_edits_the_selected_parameter_and_sends_the_value_as_it_was_typed(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        assert "0.01 to 100000 contracts" in body(app) and "contracts a quote" in body(app)
        assert app.screen.query_one(TypedInput).value == "5"
        await typed(pilot, "2.5")
        assert "within its bounds" in body(app)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert app.situation().screen == "strategy"
    assert bridge.sent == [SetParameter(name="size", value="2.5", command_id=bridge.sent[0].command_id)]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("0", "size: 0 is not within 0.01 to 100000 contracts"),
        ("x", "is no number; 0.01 to 100000 contracts"),
        ("0.001", "size: 0.001 is not within"),
        ("1.001", "finer than its unit allows"),
        ("", "is no number"),
    ],
)
async def test_a_bad_value_is_refused_with_the_reason_and_not_sent(bridge, value, why):
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        await pilot.press("down", "enter")
        await pilot.pause()
        await typed(pilot, value)
        assert why in body(app)
        await pilot.press("enter", "enter", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Dialog), "it stays open"
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, Dialog)
    assert not bridge.sent


async def test_space_switches_the_strategy_off_and_on_again(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        assert "space Switch off" in part(app, "footer")
        await pilot.press("space")
        bridge.put(strategy=StrategyView(name="maker", off="by hand"))
        bridge.strategy = b.strategy(off="by hand")
        app._draw()
        await pilot.pause()
        assert "maker OFF" in listing(app) and "by hand" in listing(app)
        assert "space Switch on" in part(app, "footer")
        bridge.put(taken_ns=bridge.shown.taken_ns + 2 * b.SECOND)
        app._draw()
        await pilot.press("space")
    assert [(type(sent), sent.on) for sent in bridge.sent] == [(SwitchStrategy, False), (SwitchStrategy, True)]


async def test_space_works_on_its_own_screen_only(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "risk")
        await pilot.press("space")
        await pilot.pause()
        assert not bridge.sent
        assert app.situation().screen == "risk"


async def test_enter_on_a_decision_opens_all_of_it(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        await pilot.press("end", "enter")
        await pilot.pause()
        assert isinstance(app.screen, RecordScreen)
        shown = "\n".join(plain(line) for line in app.screen.query_one("#record").lines)
        for words in (
            b.FED,
            "fedcba9876543210",
            "hold: out of range: position",
            "passed",
            "nothing to change",
            "55 us",
        ):
            assert words in shown
    assert not bridge.sent


async def test_without_a_trader_and_without_parameters_it_says_so(bridge):
    bridge.strategy = None
    async with running(bridge) as (app, pilot):
        await go(pilot, "strategy")
        assert "not assembled yet" in listing(app)
        bridge.strategy = b.StrategyReport(name="hold")
        app._draw()
        bridge.put()
        app._draw()
        await pilot.pause()
        assert "NO DECISION YET" in listing(app)
