"""The screens beside the desk under real keys: the ways between them, what they send, keep and cost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import console_builders as b
import pytest

from core.domain.amounts import Price
from core.domain.commands import CancelOrder, Panic, Pause, ReadMarkets, UnwatchMarket, WatchMarket
from core.domain.enums import MarketStatus, Mode, OrderState
from core.domain.ids import Ticker
from core.domain.market import MarketListing
from tui.actions import ACTIONS, action_on_key
from tui.app import ConsoleOptions, TraderApp
from tui.screen_actions import SCREENS
from tui.screens.record import RecordScreen
from tui.screens.view import SearchInput, ViewScreen
from tui.view_models.cells import Row, plain
from tui.view_models.listing import Listing, listing_lines
from tui.view_models.look import Look, Outside
from tui.view_models.symbols import UNICODE
from tui.view_models.view_state import Frame
from tui.view_models.views import VIEWS
from tui.widgets.lines import LinesView

LETTERS = {name: letter for name, letter, *_ in SCREENS}


@asynccontextmanager
async def running(bridge, size=(120, 40), **options):
    options.setdefault("clock_ns", lambda: bridge.shown.taken_ns)
    options.setdefault("guard_ms", 0)
    options.setdefault("farewell_ms", 50)
    app = TraderApp(bridge, ConsoleOptions(**options))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


async def go(pilot, name):
    await pilot.press("g", LETTERS[name])
    await pilot.pause()


def part(app, name):
    return "\n".join(plain(line) for line in app.screen.query_one(f"#{name}", LinesView).lines)


def listing(app):
    return part(app, "listing")


@pytest.fixture
def bridge(tmp_path):
    fixed = b.FixedBridge(b.snapshot(), tmp_path)
    fixed.listing = b.listing(60)
    return fixed


async def test_g_and_a_letter_reach_every_screen_and_each_keeps_mode_state_and_alarm_in_sight(bridge):
    bridge.put(alarm="something is wrong")
    async with running(bridge) as (app, pilot):
        for name, _, title, _ in SCREENS:
            await go(pilot, name)
            assert app.situation().screen == name
            if name == "desk":
                continue
            assert title in listing(app).splitlines()[0], name
            assert "PAPER" in part(app, "header") and "READY" in part(app, "state"), name
            assert "something is wrong" in part(app, "alarm"), name
            assert "PANIC" in part(app, "footer") and "esc Desk" in part(app, "footer"), name
            assert len(listing(app).splitlines()) == 35, name


async def test_two_keys_typed_at_once_never_end_up_in_two_screens(bridge):
    """As a paste or a fast hand sends them: all keys are there before the first is worked on."""
    async with running(bridge) as (app, pilot):
        await pilot.press("g", "o", "down", "x")
        await pilot.pause()
        assert app.situation().screen == "orders"
        assert [type(sent) for sent in bridge.sent] == [CancelOrder]


async def test_g_shows_the_letters_and_a_wrong_one_sends_nothing(bridge):
    async with running(bridge) as (app, pilot):
        await pilot.press("g")
        await pilot.pause()
        assert all(f" {letter} {title}" in part(app, "footer") for _, letter, title, _ in SCREENS)
        await pilot.press("L")
        await pilot.pause()
        assert "no such screen" in part(app, "notice")
        assert app.screen is app.main and not bridge.sent
        await pilot.press("g", "escape")
        assert not app.main.view.going


async def test_panic_and_pause_work_on_every_screen_also_after_g_and_while_searching(bridge):
    async with running(bridge) as (app, pilot):
        for name in ("markets", "pnl", "lab"):
            await go(pilot, name)
            bridge.sent.clear()
            await pilot.press("p", "g", "ctrl+k", "slash", "f9", "escape")
            assert [type(sent) for sent in bridge.sent] == [Pause, Panic, Panic], name
            assert app.situation().screen == name or name in ("pnl", "risk", "health", "lab")


async def test_every_key_does_one_thing_on_a_screen(bridge):
    for screen, *_ in SCREENS:
        for key in {key for action in ACTIONS for key in action.keys}:
            found = action_on_key(key, screen)
            own = [action for action in ACTIONS if key in action.keys and screen in action.where]
            assert found is not None
            assert not own or found in own


def rows_of(app, word):
    return [line for line in listing(app).splitlines() if word in line]


@pytest.mark.parametrize("watched", [False, True])
async def test_a_market_that_is_over_shows_no_live_price_but_what_became_of_it(bridge, watched):
    ends = [(MarketStatus.CLOSED, None, "closed"), (MarketStatus.DETERMINED, Price(10_000), "pays 1.00"),
            (MarketStatus.FINALIZED, Price(0), "paid 0.00"), (MarketStatus.INACTIVE, None, "inactive")]  # fmt: skip
    over = tuple(
        b.market(number, ticker=Ticker(f"KXOVER-{number}"), title="over", status=status, settlement_value=value)
        for number, (status, value, _) in enumerate(ends)
    )
    bridge.listing = MarketListing(markets=over, read_at=b.ago(9))
    if watched:
        bridge.put(books=tuple(b.book(info.ticker, status=info.status.value) for info in over))
    async with running(bridge) as (app, pilot):
        await go(pilot, "markets")
        for number, (_, _, words) in enumerate(ends):
            (row,) = rows_of(app, f"KXOVER-{number} ")
            assert words in row and "live" not in row and "quoted" not in row, row
            assert "0.40" not in row and "0.50" not in row and "0.54" not in row, row
            await pilot.press("down")
        await pilot.press("home", "down", "enter")
        await pilot.pause()
        told = "\n".join(plain(line) for line in app.screen.query_one("#record", LinesView).lines)
        assert "bid / ask / last" in told and "- / - /" in told and "closed" in told


async def test_the_ladder_of_a_closed_market_says_so_and_is_not_live(bridge):
    bridge.put(books=(b.book(status="closed"),))
    async with running(bridge) as (app, pilot):
        await pilot.pause()
        assert "STALE market closed" in part(app, "ladder")


async def test_a_key_of_the_desk_says_where_it_works(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "risk")
        await pilot.press("z")
        await pilot.pause()
        assert "desk" in part(app, "notice") and not bridge.sent


async def test_nothing_is_selected_before_the_operator_moves(bridge):
    """A row that came under the cursor by itself is not what somebody pressed x for."""
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        await pilot.press("x")
        await pilot.pause()
        assert not bridge.sent and "x Cancel order: " in part(app, "notice")


async def test_the_cursor_follows_the_order_not_the_row(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        await pilot.press("down", "down")
        chosen = app.situation().order.client_order_id
        doubt = b.order(7, state=OrderState.IN_DOUBT)
        bridge.put(orders=(*bridge.shown.orders, doubt))
        await pilot.pause(0.4)
        rows = listing(app).splitlines()
        assert "IN_DOUBT" in rows[2], "in doubt comes first"
        assert app.situation().order.client_order_id == chosen
        await pilot.press("x")
        assert bridge.sent == [CancelOrder(client_order_id=chosen, command_id=1)]


async def test_a_canceled_order_takes_the_selection_with_it_and_not_the_view(bridge):
    """A second x must not hit the order that took the place of the first, nor must the table jump to its end."""
    bridge.put(orders=tuple(b.order(100 - i) for i in range(60)), finished_orders=())
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        await pilot.press("down", "down", "down", "x")
        (sent,) = bridge.sent
        first = listing(app).splitlines()[2]
        gone = next(order for order in bridge.shown.orders if order.client_order_id == sent.client_order_id)
        rest = tuple(order for order in bridge.shown.orders if order is not gone)
        bridge.put(orders=rest, finished_orders=(b.msgspec.structs.replace(gone, state=OrderState.CANCELED),))
        await pilot.pause(0.4)
        assert listing(app).splitlines()[2] == first and app.situation().order is None
        await pilot.press("x")
        assert bridge.sent == [sent]
        await pilot.press("down")
        assert app.situation().order.client_order_id != gone.client_order_id


async def test_orders_are_filtered_and_searched(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        assert "FILLED" in listing(app)
        await pilot.press("f")
        await pilot.pause()
        assert "FILLED " not in "\n".join(listing(app).splitlines()[2:]) and "open" in listing(app).splitlines()[0]
        await pilot.press("slash", *"#", "enter")
        await pilot.pause()
        assert "no order fits" in listing(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "FILLED" in listing(app) and app.situation().screen == "orders"
        await pilot.press("escape")
        await pilot.pause()
        assert app.situation().screen == "desk"


async def test_place_and_filter_are_kept_while_another_screen_is_shown(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "markets")
        await pilot.press("pagedown", "pagedown")
        chosen, before = app.situation().pick, listing(app)
        await go(pilot, "pnl")
        await go(pilot, "desk")
        await go(pilot, "markets")
        assert app.situation().pick == chosen and listing(app) == before


async def test_markets_are_found_watched_and_let_go(bridge):
    async with running(bridge) as (_, pilot):
        await go(pilot, "markets")
        await pilot.press("slash", *"7 b2", "enter", "down", "down", "w")
        await pilot.press("escape", "escape", "slash", *"fed", "enter", "down", "down", "w", "R")
        await pilot.pause()
        assert bridge.sent == [
            WatchMarket(ticker=b.market(37).ticker, command_id=1),
            UnwatchMarket(ticker=b.FED, command_id=2),
            ReadMarkets(command_id=3),
        ]


async def test_only_watched_markets_look_live(bridge):
    bridge.listing = b.listing(30)
    async with running(bridge, size=(200, 60)) as (app, pilot):
        await go(pilot, "markets")
        rows = {line.split()[1]: line for line in listing(app).splitlines() if "│   KX" in line}
        assert "quoted" in rows[b.HIGHNY] and "0.54" in rows[b.HIGHNY], "from its book"
        assert "quoted" not in rows[b.market(9).ticker]
        assert "listed 4m ago" in listing(app)
        bridge.put(feed=b.feed(stream_up=False))
        await pilot.pause(0.4)
        assert "STALE" in next(line for line in listing(app).splitlines() if b.HIGHNY in line)


async def test_the_full_record_opens_and_closes_by_enter(bridge):
    async with running(bridge) as (app, pilot):
        for name, words in (("orders", "client order id"), ("positions", "close now"), ("activity", "unix ns")):
            await go(pilot, name)
            await pilot.press("up" if name == "activity" else "down", "enter")
            await pilot.pause()
            assert isinstance(app.screen, RecordScreen), name
            assert words in part(app, "record")
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, ViewScreen)


async def test_activity_follows_its_end_until_held(bridge):
    rows = tuple(b.ActivityView(at=b.ago(200 - i), kind="fill", text=f"row {i:03d}") for i in range(150))
    bridge.put(activity=rows, errors=())
    async with running(bridge) as (app, pilot):
        await go(pilot, "activity")
        assert "row 149" in listing(app)
        await pilot.press("pageup", "pageup")
        await pilot.pause()
        assert "HELD" in listing(app) and "row 149" not in listing(app)
        held = listing(app).splitlines()[2]
        bridge.put(activity=(*rows, b.ActivityView(at=b.ago(1), kind="fill", text="row new")))
        await pilot.pause(0.4)
        assert listing(app).splitlines()[2] == held
        await pilot.press("end")
        await pilot.pause()
        assert "row new" in listing(app) and "HELD" not in listing(app)


async def test_a_screen_that_fails_says_so_and_the_rest_goes_on(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "positions")
        screen, view = app.screen, app.screen.view
        screen.view = replace(view, listing=lambda look: {}["a fault of ours"])
        bridge.put(alarm="again")
        await pilot.pause(0.4)
        assert "view error" in listing(app) and "READY" in part(app, "state")
        await pilot.press("p")
        assert [type(sent) for sent in bridge.sent] == [Pause]
        await go(pilot, "health")
        assert "positions: " in listing(app), "health tells which view is broken"
        screen.view = view
        await go(pilot, "positions")
        assert "view error" not in listing(app)


async def test_hidden_screens_are_not_presented(bridge, monkeypatch):
    calls = []
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        await go(pilot, "risk")
        orders = app.navigator._views["orders"]
        monkeypatch.setattr(orders, "view", orders.view)
        monkeypatch.setattr(ViewScreen, "draw", lambda self, *rest: calls.append(self.view.name))
        monkeypatch.setattr(type(app.main), "draw", lambda self, *rest: calls.append("desk"))
        for _ in range(3):
            bridge.put(alarm="again")
            await pilot.pause(0.15)
    assert set(calls) == {"risk"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
def test_lines_fill_the_box_exactly_and_numbers_are_never_cut(size):
    shown, width, height = b.snapshot(), size[0], size[1] - 5
    outside = Outside(markets=lambda: b.listing(30))
    for name, view in VIEWS.items():
        frame = Frame(shown, shown.taken_ns, width=width - 4, height=height)
        look = Look(frame, filter=next(iter(view.filters), ""), sort=next(iter(view.sorts), ""), outside=outside)
        lines = [plain(x) for x in listing_lines(view.listing(look), width, height, 0, None, UNICODE, held=False)]
        assert len(lines) == height, name
        assert all(len(line) == width for line in lines), name
        assert "###" not in "\n".join(lines), name


async def test_a_small_terminal_shows_the_plain_status(bridge):
    async with running(bridge, size=(60, 20)) as (app, pilot):
        await go(pilot, "orders")
        assert "PANIC" in part(app, "small") and not app.screen.query_one("#listing").display
        await pilot.resize_terminal(120, 40)
        await pilot.pause(0.3)
        assert "BUY" in listing(app)


async def test_no_lab_outside_of_paper_and_it_says_why(bridge):
    bridge.lab = "live mode trades on Kalshi's exchange; faults are for the simulated one"
    bridge.put(identity=b.identity(mode=Mode.LIVE))
    async with running(bridge) as (app, pilot):
        await go(pilot, "lab")
        assert "no fault lab: live mode trades on Kalshi's exchange" in listing(app)
        await pilot.press("space", "o", "O")
        assert not bridge.sent


async def test_dangerous_keys_rest_for_a_moment_after_a_change_of_screen(bridge):
    async with running(bridge, guard_ms=60_000) as (app, pilot):
        await go(pilot, "positions")
        await pilot.press("L")
        await pilot.pause()
        assert "press again" in part(app, "notice") and len(app.screen_stack) == 2


async def test_a_search_line_takes_plain_text_only(bridge):
    async with running(bridge) as (app, pilot):
        await go(pilot, "activity")
        await pilot.press("slash")
        app.screen.query_one(SearchInput).insert_text_at_cursor("a\x1b]0;x\x07b\u202e")
        await pilot.pause()
        assert app.screen.query_one(SearchInput).value.isprintable()


async def test_an_unread_list_of_markets_is_not_called_empty(bridge):
    bridge.listing = MarketListing()
    async with running(bridge) as (app, pilot):
        await go(pilot, "markets")
        assert "not read yet" in listing(app)


def test_only_rows_in_sight_are_built():
    built = []

    def row(index):
        built.append(index)
        return Row(str(index), ((f"row {index}", ""),))

    shown = Listing(keys=tuple(str(i) for i in range(2_000)), row=row)
    lines = listing_lines(shown, 80, 20, 500, "510", UNICODE, held=False)
    assert built == list(range(500, 518)) and len(lines) == 20
    assert "501-518 of 2000" in plain(lines[0])


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_what_is_put_away_before_it_was_seen_does_not_end_the_screen(bridge, turns):
    """Two keys at once, or the trader's end: a question is popped while it is still being built."""
    async with running(bridge) as (app, pilot):
        await go(pilot, "orders")
        await pilot.press("down")
        for name in ("record", "help", "quit", "breaker"):
            app.action_operate(name)
            for _ in range(turns):
                await asyncio.sleep(0)
            app.pop_screen()
            await pilot.pause()
        assert app.is_running and app.return_code is None
