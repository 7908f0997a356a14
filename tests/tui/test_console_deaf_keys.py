"""A key that does nothing says why: under questions, in the finder, on empty panels, when its meaning just turned."""

import console_builders as b
import pytest
from textual.events import Key
from textual.widgets import Button

from core.domain.amounts import contracts
from core.domain.commands import Pause, Resume
from core.domain.enums import Mode, PauseKind, TraderState
from core.trading.inquiry import GateView, OrderPreview
from tests.tui.test_console_app import paused, running, shown
from tests.tui.test_console_screens import part
from tui.screens.dialog import Dialog
from tui.view_models.cells import plain
from tui.view_models.view_state import Notice
from tui.widgets.bars import FooterBar
from tui.widgets.lines import LinesView

LIVE = b.identity(mode=Mode.LIVE)


def keys(app):
    return plain(app.screen.query_one("#keys", LinesView).lines[0])


async def press(pilot, *pressed):
    for key in pressed:
        await pilot.press(key)
        await pilot.pause()


@pytest.fixture
def bridge(tmp_path):
    fixed = b.FixedBridge(b.snapshot(), tmp_path)
    fixed.listing = b.listing(60)
    return fixed


@pytest.mark.parametrize(
    ("opened", "key", "said"),
    [
        (("L",), "p", "p Pause does nothing here: esc (No) first"),
        (("L",), "X", "X Cancel all does nothing here: esc (No) first"),
        (("L",), "Y", "Y Copy row does nothing here: esc (No) first"),
        (("L",), "f5", "F5 does nothing here: esc (No) first"),
        (("b",), "h", "h does nothing here: esc (Close) first"),
        (("question_mark",), "p", "p Pause does nothing here: esc (close) first"),
        (("g", "o", "down", "enter"), "X", "X Cancel all does nothing here: esc (close) first"),
        (("slash",), "f5", "F5 does nothing here: esc (back) first"),
        (("slash", *"nosuch"), "enter", "no market has these words"),
        (("L",), "end", "all lines are in sight"),
    ],
)
async def test_a_key_that_does_nothing_over_the_screen_says_so(bridge, opened, key, said):
    async with running(bridge) as (app, pilot):
        await press(pilot, *opened)
        over = app.screen
        await press(pilot, key)
        assert app.screen is over and said in keys(app) and "^k PANIC" in keys(app)
        assert bridge.sent == []


@pytest.mark.parametrize("opened", ["L", "b", "question_mark", "slash", "q", "e"])
async def test_keys_that_come_in_one_packet_with_the_one_that_opens_a_question_harm_nothing(bridge, opened):
    async with running(bridge) as (app, pilot):
        for key in (opened, "y", "f5", "p", "tab", "up", "enter", "escape", "f5", opened, "f5", "end", "escape", "n"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.3)
        assert app.is_running and app.return_code is None


async def test_the_words_go_with_the_next_key(bridge):
    async with running(bridge) as (app, pilot):
        await press(pilot, "L", "p")
        assert "does nothing" in keys(app)
        await press(pilot, "tab")
        assert "does nothing" not in keys(app) and "Liquidate" in keys(app)


@pytest.mark.parametrize("screen", ["d", "r"])
async def test_a_key_without_a_meaning_says_so_on_every_screen(bridge, screen):
    async with running(bridge) as (app, pilot):
        await press(pilot, "g", screen, "n")
        assert "n does nothing: ? lists the keys" in part(app, "notice")


async def test_a_search_says_what_ends_it(bridge):
    async with running(bridge) as (app, pilot):
        await press(pilot, "g", "o", "slash", "f5")
        assert "F5 does nothing while words are typed: enter keeps them, esc clears" in part(app, "notice")


async def test_enter_on_a_refused_preview_says_the_refusal(bridge):
    refusal = "Order size exceeds limit: 500 > 100"

    def refused(wish):
        gates = (GateView(name="order size", value="500", limit="100", text=refusal),)
        return OrderPreview(act="place", ticker=b.HIGHNY, title="", side=wish.side, price=wish.price,
                            count=contracts(500), gates=gates, refusal=refusal)  # fmt: skip

    bridge.previews = refused
    async with running(bridge) as (app, pilot):
        await press(pilot, "O", "down", "enter")
        assert isinstance(app.screen, Dialog) and app.focused.id == "choice-yes"
        await press(pilot, "enter")
        assert f"not done: {refusal}" in keys(app) and bridge.sent == []


async def test_a_dangerous_choice_taken_too_early_says_so(bridge):
    async with running(bridge, guard_ms=60_000) as (app, pilot):
        await press(pilot, "L", "y")
        assert "not done: the question has just changed; press again" in keys(app) and bridge.sent == []


async def test_a_word_that_is_missing_is_named(bridge):
    bridge.put(identity=LIVE)
    async with running(bridge) as (app, pilot):
        await press(pilot, "L", "tab", *"LIQ", "enter")
        assert "not done: type LIQUIDATE first" in keys(app) and bridge.sent == []
        assert app.screen.query_one("#choice-yes", Button).disabled


async def test_esc_on_the_stop_says_that_there_is_no_way_back(bridge):
    bridge.put(state=b.state(state=TraderState.SHUTDOWN, label="SHUTDOWN"))
    async with running(bridge) as (app, pilot):
        await pilot.pause(0.3)
        await press(pilot, "escape")
        assert "a stop is not taken back" in keys(app)


async def test_home_and_end_scroll_a_question(bridge):
    plan = b.plan() * 12
    bridge.put(liquidation=plan)
    async with running(bridge, size=(80, 24)) as (app, pilot):
        await press(pilot, "L", "end")
        assert "lines 1-" not in plain(app.screen.query_one("#body", LinesView).lines[-1])
        await press(pilot, "home")
        assert "lines 1-" in plain(app.screen.query_one("#body", LinesView).lines[-1])


@pytest.mark.parametrize(
    ("changes", "pressed", "said"),
    [
        ({"books": ()}, ("down",), "no market is watched yet"),
        ({"books": (b.book(bids=()),)}, ("end",), "this book has no bid"),
        ({"books": (b.book(asks=()),)}, ("home",), "this book has no ask"),
        ({"positions": ()}, ("2", "down"), "there is no row here"),
        ({"positions": ()}, ("g", "p", "end"), "there is no row here"),
    ],
)
async def test_a_move_where_there_is_nothing_to_move_in_says_so(bridge, changes, pressed, said):
    bridge.put(**changes)
    async with running(bridge) as (app, pilot):
        await press(pilot, *pressed)
        assert said in part(app, "notice")


# Keys that turn -------------------------------------------------------------------------------------------------------


def later(bridge, ms, **changes):
    bridge.put(taken_ns=bridge.shown.taken_ns + ms * 1_000_000, **changes)


async def test_pause_never_becomes_resume_under_the_finger(bridge):
    liquidating = b.state(state=TraderState.ACTING, label="ACTING (operator_liquidate)", procedure="liquidation")
    bridge.put(state=liquidating)
    async with running(bridge) as (app, pilot):
        assert "p Pause" in shown(app, "footer")
        later(bridge, 400, state=paused())
        await pilot.pause(0.3)
        later(bridge, 300)
        await pilot.pause(0.3)
        await press(pilot, "p")
        assert bridge.sent == []
        assert "p was Pause 0.3s ago and is Resume now: nothing is done, press again" in shown(app, "notice")
        later(bridge, 800)
        await pilot.pause(0.3)
        await press(pilot, "p")
        assert bridge.sent == [Resume(command_id=1)]


async def test_two_pauses_in_one_moment_are_no_resume(bridge):
    async with running(bridge) as (_, pilot):
        await press(pilot, "p")
        later(bridge, 200, state=paused())
        await pilot.pause(0.3)
        await press(pilot, "p")
        assert bridge.sent == [Pause(command_id=1)]


async def test_what_the_operator_turns_by_choosing_is_not_held_back(bridge):
    """`w` is Unwatch on a watched market and Watch on the next row: the hand knows, it moved there."""
    async with running(bridge) as (app, pilot):
        await press(pilot, "g", "m", "slash", *"KX", "enter", "down")
        while not app.situation().watched:
            await press(pilot, "down")
        await press(pilot, "down")
        assert not app.situation().watched
        await press(pilot, "w")
        assert [type(sent).__name__ for sent in bridge.sent] == ["WatchMarket"]


async def test_a_count_in_a_label_is_no_other_meaning(bridge):
    async with running(bridge) as (_, pilot):
        later(bridge, 200, orders=())
        await pilot.pause(0.3)
        await press(pilot, "p")
        assert bridge.sent == [Pause(command_id=1)]


async def test_a_click_is_for_the_key_that_was_under_it(bridge):
    """Another key slides under the mouse when one before it goes away."""
    async with running(bridge) as (app, pilot):
        footer = app.main.query_one("#footer", FooterBar)
        x = shown(app, "footer").index("b Breaker") + 1
        later(bridge, 200, positions=())  # Liquidate is no key any more: what stood behind it moves up
        await pilot.pause(0.3)
        await pilot.click("#footer", offset=(x, 0))
        await pilot.pause()
        assert "the keys have just moved: click again" in shown(app, "notice") and app.screen is app.main
        footer.hold_s = 0
        await pilot.click("#footer", offset=(shown(app, "footer").index("b Breaker") + 1, 0))
        await pilot.pause()
        assert isinstance(app.screen, Dialog)


async def test_panic_is_held_back_by_nothing(bridge):
    async with running(bridge) as (_, pilot):
        later(bridge, 1, state=b.state(state=TraderState.PAUSED, label="PAUSED", pause=PauseKind.FEED))
        await pilot.pause(0.3)
        await press(pilot, "ctrl+k")
        assert [type(sent).__name__ for sent in bridge.sent] == ["Panic"]


# Reasons --------------------------------------------------------------------------------------------------------------

REASON = "its cause lasts: drift of $12.34 is not explained by any fill, settlement or transfer; compare with c"


@pytest.mark.parametrize("size", [(40, 10), (60, 24), (80, 24)], ids=str)
@pytest.mark.parametrize("letter", ["d", "r"])
@pytest.mark.parametrize("kind", ["result", "word", "pending"])
async def test_a_reason_is_read_to_its_end_on_a_narrow_screen(bridge, size, letter, kind):
    status = {"result": "refused", "pending": "running"}.get(kind)
    if status:
        bridge.put(actions=(b.action(1, "reset-breaker", status, REASON),))
    async with running(bridge, size=size) as (app, pilot):
        if kind == "word":
            app.main.choose(notice=Notice(REASON))
        await press(pilot, "g", letter)
        await pilot.pause(0.2)
        small = size[0] < 80
        told = " ".join(part(app, "small" if small else "notice").split())
        assert REASON in told, told
