"""The console under real keys: what it submits, where the focus is, what it says when a key does not work."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import console_builders as b
import msgspec
import pytest
from textual.widget import Widget
from textual.widgets import Button, Input

from core.domain.amounts import contracts
from core.domain.commands import (
    Arm,
    CancelOrder,
    Liquidate,
    Panic,
    Pause,
    Recalibrate,
    ResetBreaker,
    Resume,
    Start,
    Stop,
    WatchMarket,
)
from core.domain.enums import Mode, OrderState, PauseKind, TraderState
from core.domain.ids import Ticker
from tui.app import ConsoleOptions, TraderApp
from tui.screens.dialog import Dialog
from tui.view_models.cells import plain
from tui.widgets.lines import LinesView


@asynccontextmanager
async def running(bridge, size=(120, 40), **options):
    options.setdefault("clock_ns", lambda: bridge.shown.taken_ns)
    options.setdefault("guard_ms", 0)
    options.setdefault("farewell_ms", 50)
    app = TraderApp(bridge, ConsoleOptions(**options))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


def shown(app, name):
    return "\n".join(plain(line) for line in app.main.query_one(f"#{name}", LinesView).lines)


def everything(app):
    lines = []
    for strip in app.screen._compositor.render_strips():
        lines.append("".join(segment.text for segment in strip))
    return "\n".join(lines)


def paused(**changes):
    return b.state(state=TraderState.PAUSED, label="PAUSED (operator)", pause=PauseKind.OPERATOR, **changes)


async def test_the_first_frame_is_announced_and_shows_the_picture(bridge):
    async with running(bridge) as (app, _):
        await asyncio.wait_for(app.first_frame.wait(), 2)
        assert "READY 0:41" in everything(app)
        assert "PAPER" in everything(app)


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("p",), Pause), (("ctrl+k",), Panic), (("f9",), Panic), (("c",), Recalibrate),
        (("3", "x"), CancelOrder), (("2", "w"), WatchMarket), (("L", "y"), Liquidate),
        (("q", "enter"), Stop), (("ctrl+c", "enter"), Stop), (("ctrl+q", "enter"), Stop),
    ],
)  # fmt: skip
async def test_a_key_sends_its_command_with_a_new_id(bridge, keys, command):
    async with running(bridge) as (_, pilot):
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        assert [type(sent) for sent in bridge.sent] == [command]
        assert bridge.sent[0].command_id == 1


async def test_the_selected_order_is_the_one_canceled(bridge):
    async with running(bridge) as (_, pilot):
        await pilot.press("3", "down", "x")
        assert bridge.sent == [CancelOrder(client_order_id=bridge.shown.orders[0].client_order_id, command_id=1)]


async def test_the_selection_stays_on_its_order_when_rows_come_and_go(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("3", "down")
        chosen = app.main.situation().order.client_order_id
        bridge.put(orders=(b.order(7, created_at=b.ago(90)), *bridge.shown.orders))
        await pilot.pause(0.4)
        assert app.main.situation().order.client_order_id == chosen


async def test_pause_becomes_resume(bridge):
    bridge.put(state=paused())
    async with running(bridge) as (app, pilot):
        assert "p Resume" in shown(app, "footer")
        await pilot.press("p")
        assert bridge.sent == [Resume(command_id=1)]


async def test_an_idle_trader_is_started_by_key(bridge):
    bridge.put(state=b.state(state=TraderState.IDLE, label="IDLE"))
    async with running(bridge) as (app, pilot):
        assert "S Start" in shown(app, "footer")
        await pilot.press("S")
        assert bridge.sent == [Start(command_id=1)]


@pytest.mark.parametrize(
    ("changes", "key", "why"),
    [
        ({"positions": ()}, "L", "no open position"),
        ({"state": b.state(state=TraderState.CALIBRATING)}, "L", "not possible in CALIBRATING"),
        ({"state": b.state(state=TraderState.SHUTDOWN)}, "c", "not possible in SHUTDOWN"),
        ({"state": b.state(state=TraderState.PAUSED, pause=PauseKind.FEED)}, "p", "resumes by itself"),
        ({}, "x", "point at an own order first"),
        ({}, "A", "paper mode needs no arming"),
        ({}, "S", "already started"),
        ({"books": ()}, "right_square_bracket", "no other market"),
    ],
)
async def test_a_key_that_does_not_work_says_why_and_sends_nothing(bridge, changes, key, why):
    bridge.put(**changes)
    bridge.knock.clear()
    async with running(bridge) as (app, pilot):
        if bridge.shown.state.state is TraderState.SHUTDOWN:
            app.action_operate("recalibrate")
        else:
            await pilot.press(key)
        await pilot.pause()
        assert why in shown(app, "notice")
        assert bridge.sent == []


async def test_panic_works_over_dialogs_and_inputs(bridge):
    bridge.put(identity=b.identity(mode=Mode.LIVE))
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        app.screen.query_one(Input).focus()
        await pilot.pause()
        await pilot.press("ctrl+k")
        assert bridge.sent == [Panic(command_id=1)]


async def test_the_liquidation_asks_with_focus_on_no(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        assert app.focused.id == "choice-no"
        assert "+$64.70" in everything(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is app.main and bridge.sent == []


async def test_a_long_liquidation_plan_scrolls_and_its_total_stays(bridge):
    plan = tuple(
        msgspec.structs.replace(bridge.shown.liquidation[0], ticker=Ticker(f"KXMANY-{n:02d}")) for n in range(40)
    )
    bridge.shown = msgspec.structs.replace(bridge.shown, liquidation=plan)
    async with running(bridge, size=(80, 24)) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        assert "total" in everything(app) and "KXMANY-00" in everything(app)
        assert "KXMANY-39" not in everything(app)
        await pilot.press(*["pagedown"] * 12)
        await pilot.pause()
        assert "total" in everything(app) and "KXMANY-39" in everything(app)
        await pilot.press("up", "down", "pageup")
        await pilot.pause()
        assert "KXMANY-39" not in everything(app) and app.focused.id == "choice-no"
        await pilot.press("y")
        await pilot.pause()
        assert [type(command) for command in bridge.sent] == [Liquidate]


async def test_esc_is_no(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L", "escape")
        await pilot.pause()
        assert app.screen is app.main and bridge.sent == []


async def test_live_liquidation_needs_the_word(bridge):
    bridge.put(identity=b.identity(mode=Mode.LIVE))
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        assert app.focused.id == "choice-no"
        await pilot.press("y")
        await pilot.pause()
        assert bridge.sent == [] and app.screen.query_one("#choice-yes", Button).disabled
        app.screen.query_one(Input).focus()
        await pilot.pause()
        await pilot.press(*"LIQUIDAT", "enter")
        await pilot.pause()
        assert bridge.sent == []
        await pilot.press("E", "enter")
        await pilot.pause()
        assert bridge.sent == [Liquidate(command_id=1)]


async def test_the_liquidation_closes_with_a_reason_when_the_state_changes(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        bridge.put(state=b.state(state=TraderState.ERROR, label="ERROR (stream_lost)"))
        await pilot.pause(0.2)
        assert app.screen is app.main
        assert "the state became ERROR (stream_lost)" in shown(app, "notice")


async def test_the_liquidation_stays_open_over_ready_and_acting(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        bridge.put(state=b.state(state=TraderState.ACTING, label="ACTING"))
        await pilot.pause(0.2)
        assert isinstance(app.screen, Dialog)


async def test_the_liquidation_plan_follows_fills_and_closes_when_nothing_is_left(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        bridge.put(positions=(b.position(),))
        await pilot.pause(0.2)
        assert app.screen is not app.main
        bridge.put(positions=())
        await pilot.pause(0.2)
        assert app.screen is app.main and "every position is flat" in shown(app, "notice")


async def test_a_closed_breaker_says_so_and_offers_no_reset(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("b")
        await pilot.pause()
        assert "The breaker is closed" in everything(app)
        await pilot.press("y", "enter")
        await pilot.pause()
        assert bridge.sent == [] and app.screen is app.main


async def test_a_tripped_breaker_explains_and_resets_with_a_reason(bridge):
    bridge.put(breaker=b.tripped())
    async with running(bridge) as (app, pilot):
        await pilot.press("b")
        await pilot.pause()
        assert app.focused.id == "choice-no"
        for word in ("order errors", "5 errors in 60 s"):
            assert word in everything(app)
        await pilot.press("y")
        await pilot.pause()
        assert bridge.sent == [ResetBreaker(reason="reviewed by the operator", command_id=1)]


async def test_the_reason_of_a_reset_can_be_typed(bridge):
    bridge.put(breaker=b.tripped())
    async with running(bridge) as (app, pilot):
        await pilot.press("b")
        await pilot.pause()
        typed = app.screen.query_one(Input)
        typed.focus()
        typed.value = "limits were too tight"
        await pilot.press("enter")
        await pilot.pause()
        assert app.focused.id == "choice-yes" and bridge.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert bridge.sent == [ResetBreaker(reason="limits were too tight", command_id=1)]


async def test_arming_asks_in_demo(bridge):
    bridge.put(identity=b.identity(mode=Mode.DEMO), state=b.state(armed=False, label="READY (not armed)"))
    async with running(bridge) as (app, pilot):
        await pilot.press("A")
        await pilot.pause()
        assert app.focused.id == "choice-no"
        await pilot.press("y")
        await pilot.pause()
        assert bridge.sent == [Arm(command_id=1)]


async def test_dangerous_choices_are_ignored_right_after_opening(bridge):
    async with running(bridge, guard_ms=60_000) as (app, pilot):
        await pilot.press("L", "y")
        await pilot.pause()
        assert isinstance(app.screen, Dialog) and bridge.sent == []
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("L")
        await pilot.pause()
        assert app.screen is app.main and "press again" in shown(app, "notice")


async def test_panic_is_never_guarded(bridge):
    async with running(bridge, guard_ms=60_000) as (_, pilot):
        await pilot.press("b", "ctrl+k")
        assert bridge.sent == [Panic(command_id=1)]


async def test_quit_asks_and_staying_sends_nothing(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert app.focused.id == "choice-stop"
        await pilot.press("right", "enter")
        await pilot.pause()
        assert bridge.sent == [] and app.screen is app.main


async def test_ctrl_c_twice_stops_at_once(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("ctrl+c", "ctrl+c")
        await pilot.pause()
        assert bridge.sent == [Stop(now=True, command_id=1)]
        assert app.asking("stopping")


async def test_the_stop_shows_progress_then_the_certificate_and_leaves(bridge):
    async with running(bridge, farewell_ms=400) as (app, pilot):
        await pilot.press("q", "enter")
        await pilot.pause()
        bridge.put(
            state=b.state(state=TraderState.SHUTDOWN, label="SHUTDOWN", waiting_for="2 cancels"),
            orders=(b.order(1, state=OrderState.CANCELING),),
        )
        await pilot.pause(0.1)
        assert "CANCELING" in everything(app) and "2 cancels" in everything(app)
        bridge.put(exit=b.certificate(), orders=())
        await pilot.pause(0.15)
        assert "nothing of ours rests" in everything(app)
        await pilot.pause(0.6)
        assert not app.is_running
    assert app.return_code in (None, 0)


async def test_a_stop_from_elsewhere_is_shown_too(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("L")
        await pilot.pause()
        bridge.put(state=b.state(state=TraderState.SHUTDOWN, label="SHUTDOWN"))
        await pilot.pause(0.2)
        assert app.asking("stopping") and not app.asking("liquidate")
        await pilot.press("escape")
        await pilot.pause()
        assert app.asking("stopping") and bridge.sent == []
        await pilot.press("ctrl+c")
        assert bridge.sent == [Stop(now=True, command_id=1)]


async def test_a_repeated_enter_does_not_shorten_the_stop(bridge):
    async with running(bridge, guard_ms=60_000) as (_, pilot):
        await pilot.press("q", "enter", "enter", "enter")
        await pilot.pause()
        assert bridge.sent == [Stop(command_id=1)]


async def test_results_are_drawn_at_once_and_stay_until_esc(bridge):
    async with running(bridge) as (app, pilot):
        bridge.put(actions=(b.action(3, "pause", "refused", "not in this state"),))
        await pilot.pause(0.1)
        assert "pause REFUSED not in this state" in shown(app, "notice")
        await pilot.press("escape")
        assert "REFUSED" not in shown(app, "notice")


async def test_panels_by_digit_tab_and_zoom(bridge):
    async with running(bridge, size=(80, 24)) as (app, pilot):
        for key, name in (("2", "positions"), ("3", "orders"), ("4", "money"), ("5", "log"), ("1", "ladder")):
            await pilot.press(key)
            await pilot.pause()
            assert app.focused.id == name
            assert app.focused.size.height > 0
        await pilot.press("tab")
        await pilot.pause()
        assert app.focused.id == "positions"
        await pilot.press("z")
        await pilot.pause()
        assert app.focused.id == "positions" and app.focused.size.height == 18
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused.size.height < 10


async def test_markets_and_recentring(bridge):
    async with running(bridge) as (app, pilot):
        assert b.HIGHNY in shown(app, "ladder").splitlines()[0]
        await pilot.press("right_square_bracket")
        assert b.FED in shown(app, "ladder").splitlines()[0]
        await pilot.press("1", "pageup", "pageup", "pageup")
        await pilot.pause()
        assert "market" in shown(app, "ladder") and "0.71" not in shown(app, "ladder").split("bid 0.70")[0]
        await pilot.press("r")
        assert "0.71" in shown(app, "ladder").split("bid 0.70")[0]


async def test_the_log_follows_until_one_moves_up(bridge):
    rows = tuple(b.ActivityView(at=b.ago(900 - i), kind="sync", text=f"row {i}") for i in range(60))
    bridge.put(activity=rows)
    async with running(bridge) as (app, pilot):
        assert "row 59" in shown(app, "log")
        await pilot.press("5", "up", "home")
        await pilot.pause()
        assert "HELD" in shown(app, "log") and "row 0" in shown(app, "log")
        bridge.put(activity=(*rows, b.ActivityView(at=b.ago(0), kind="sync", text="row 60")))
        await pilot.pause(0.2)
        assert "row 60" not in shown(app, "log")
        await pilot.press("end")
        await pilot.pause()
        assert "row 60" in shown(app, "log") and "HELD" not in shown(app, "log")


async def test_the_log_filter(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("f")
        assert "positions synced" not in shown(app, "log") and "stream_gap" in shown(app, "log")


async def test_help_and_palette_list_the_actions(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert "Cancel every own order and pause" in everything(app)
        await pilot.press("escape")
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"recal")
        await pilot.pause(0.6)
        assert "recalibrate" in everything(app)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert bridge.sent == [Recalibrate(command_id=1)]


async def test_the_status_is_kept_in_an_owner_only_file(bridge, monkeypatch):
    monkeypatch.delenv("TMUX", raising=False)
    async with running(bridge) as (app, pilot):
        await pilot.press("y")
        await pilot.pause(0.3)
        files = list(bridge.folder.glob("status-*Z.txt"))
        assert len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600
        assert "TRADER STATUS" in files[0].read_text()
        assert "sent by OSC 52" in shown(app, "notice") and files[0].name in shown(app, "notice")
        assert app.clipboard == bridge.status_text()


async def test_a_status_that_cannot_be_kept_is_said(bridge, monkeypatch):
    monkeypatch.delenv("TMUX", raising=False)
    bridge.folder = bridge.folder / "gone"
    async with running(bridge) as (app, pilot):
        await pilot.press("y")
        await pilot.pause(0.3)
        assert "NOT kept" in shown(app, "notice")


async def test_the_selected_row_is_copied(bridge, monkeypatch):
    monkeypatch.delenv("TMUX", raising=False)
    async with running(bridge) as (app, pilot):
        await pilot.press("2", "down", "Y")
        await pilot.pause(0.2)
        assert "MARKET=KXHIGHNY" in app.clipboard


async def test_resizing_never_ends_the_program_and_keeps_the_focus(bridge):
    async with running(bridge, size=(200, 60)) as (app, pilot):
        await pilot.press("3", "down")
        chosen = app.main.situation().order
        for size in ((40, 10), (20, 5), (80, 24), (1, 1), (120, 40), (109, 29), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.is_running
            if size[0] >= 80:
                assert app.focused is not None and app.focused.id == "orders"
        assert app.main.situation().order == chosen


async def test_keys_work_on_a_tiny_screen(bridge):
    async with running(bridge, size=(40, 10)) as (app, pilot):
        assert "PANIC" in everything(app) and "+$8.98" in everything(app)
        await pilot.press("ctrl+k")
        await pilot.press("p")
        assert [type(sent) for sent in bridge.sent] == [Panic, Pause]
        await pilot.press("q")
        await pilot.pause()
        assert "Stop and cancel" in everything(app)


async def test_dialogs_fit_every_size(bridge):
    for size in ((80, 24), (60, 12), (200, 60)):
        async with running(bridge, size=size) as (app, pilot):
            await pilot.press("L")
            await pilot.pause()
            buttons = [button.region for button in app.screen.query(Button)]
            assert all(region.bottom <= size[1] and region.right <= size[0] for region in buttons)


async def test_a_broken_view_says_so_and_the_rest_goes_on(bridge, caplog):
    bridge.put(money=b.money(day=None))
    async with running(bridge) as (app, pilot):
        assert "view error" in shown(app, "money")
        assert "KXFED" in shown(app, "positions")
        bridge.put(money=b.money())
        await pilot.pause(0.4)
        assert "view error" not in shown(app, "money")
    assert sum("view money failed" in record.message for record in caplog.records) == 1


async def test_an_unchanged_picture_is_not_drawn_again(bridge):
    async with running(bridge) as (app, pilot):
        calls = []
        original = app.main.draw
        app.main.draw = lambda *args: (calls.append(args), original(*args))
        await pilot.pause(0.8)
        assert calls == []
        bridge.put(money=b.money())
        await pilot.pause(0.4)
        assert len(calls) == 1


async def test_unchanged_parts_are_not_presented_again(bridge):
    async with running(bridge) as (app, pilot):
        presented = []
        original = app.main._present
        app.main._present = lambda name, frame: (presented.append(name), original(name, frame))
        bridge.put(equity=b.equity(30))
        await pilot.pause(0.4)
        assert "money" in presented
        assert not {"ladder", "positions", "orders", "log"} & set(presented)


async def test_a_line_that_changes_asks_no_other_part_for_its_lines(bridge, monkeypatch):
    async with running(bridge) as (app, pilot):
        asked = []
        original = Widget.render_lines
        monkeypatch.setattr(Widget, "render_lines", lambda self, crop: asked.append(self.id) or original(self, crop))
        app.main.query_one("#alarm", LinesView).set_lines([(("changed", ""),)])
        await pilot.pause(0.2)
        assert "alarm" in asked
        assert not {"header", "ladder", "positions", "orders", "money", "log", "footer"} & set(asked)
        assert "changed" in everything(app)


@pytest.mark.wide
async def test_hostile_text_reaches_no_cell(bridge):
    hostile = b.FixedBridge(b.hostile(), bridge.folder)
    for size in ((80, 24), (120, 40), (200, 60), (40, 12)):
        async with running(hostile, size=size) as (app, pilot):
            for keys in (
                (),
                ("L",),
                ("escape", "b"),
                ("escape", "3", "z"),
                ("5",),
                ("question_mark",),
                ("escape", "q"),
            ):
                await pilot.press(*keys)
                await pilot.pause()
                screen = everything(app)
                assert not [ch for ch in screen if not ch.isprintable() and ch != "\n"]
                assert app.is_running
    assert hostile.sent == []


async def test_ascii_mode_draws_only_ascii(bridge):
    for size in ((80, 24), (200, 60)):
        async with running(bridge, size=size, ascii=True) as (app, pilot):
            for keys in ((), ("L",), ("escape", "question_mark")):
                await pilot.press(*keys)
                await pilot.pause()
                assert everything(app).isascii()


async def test_the_mouse_selects_rows_and_presses_keys(bridge):
    async with running(bridge) as (app, pilot):
        region = app.main.query_one("#orders").region
        await pilot.click(offset=(region.x + 5, region.y + 3))
        await pilot.pause()
        assert app.focused.id == "orders"
        assert app.main.situation().order.client_order_id == bridge.shown.orders[0].client_order_id
        await pilot.click(offset=(2, 39))
        await pilot.pause()
        assert bridge.sent == [Panic(command_id=1)]


async def test_the_terminal_gone_asks_for_an_orderly_stop(bridge):
    async with running(bridge) as (app, _):
        app._terminal_lost()
        assert bridge.sent == [Stop(reason="signal", detail="terminal lost", command_id=1)]


async def test_themes_change_by_key_and_unknown_ones_are_ignored(bridge):
    async with running(bridge, theme="no-such-theme") as (app, pilot):
        assert app.theme == "kalshi-dark"
        await pilot.press("t")
        assert app.theme == "kalshi-light"


async def test_the_position_table_of_two_hundred_rows_is_quick(bridge):
    positions = tuple(b.position(f"KXMANY-{i:03d}", 1 + i) for i in range(200))
    bridge.put(positions=positions)
    async with running(bridge, size=(200, 60)) as (app, _):
        started = time.perf_counter()
        for i in range(20):
            bridge.shown = b.msgspec.structs.replace(
                bridge.shown, version=bridge.shown.version + 1,
                positions=(*positions[:199], b.position("KXMANY-199", contracts(i + 1))),
            )  # fmt: skip
            app.main.draw(bridge.shown, b.TAKEN_NS)
        assert (time.perf_counter() - started) / 20 < 0.1
