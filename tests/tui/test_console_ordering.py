"""Order entry from the ladder by real keys: what is sent, what is refused in the preview, and what no key can do."""

from contextlib import asynccontextmanager
from dataclasses import replace

import console_builders as b
import msgspec
import pytest
from textual.events import Key
from textual.widgets import OptionList

from core.domain.amounts import Count, Money, Price, contracts
from core.domain.commands import AmendOrder, CancelAll, CancelOrder, Panic, PlaceOrder, ResetBreaker, WatchMarket
from core.domain.enums import BookSide, Mode, OrderState, Origin
from core.domain.market import MarketListing
from core.trading.inquiry import Explanation, GateView, OrderPreview, Piece
from tests.tui.test_console_app import running, shown
from tui.screens.dialog import Dialog
from tui.screens.finder import FinderScreen
from tui.view_models.cells import plain
from tui.view_models.ladder import Own, own_at, own_text, short_count
from tui.view_models.ticket import NotANumber, gate_words, preview_lines, typed_price, typed_size
from tui.view_models.view_state import Frame

SIGNS = ("+", "x")


def preview(wish, **changes):
    """What the trader would say: sizes over 100 and prices off the cent are refused."""
    act = {PlaceOrder: "place", AmendOrder: "amend", CancelOrder: "cancel"}[type(wish)]
    price, count = getattr(wish, "price", Price(5_400)), getattr(wish, "count", contracts(1))
    refusal = ""
    if getattr(wish, "ticker", b.HIGHNY) not in (b.HIGHNY, b.FED):
        refusal = f"Unknown market: {wish.ticker}"
    elif price % 100:
        refusal = "Price off the market's grid"
    elif count > contracts(100):
        refusal = "Order size exceeds limit: 500 > 100"
    gates = (GateView(name="size", value="5", limit="100", text=refusal),)
    return OrderPreview(
        act=act, ticker=b.HIGHNY, title="High", side=getattr(wish, "side", BookSide.BID), price=price, count=count,
        rests=count, ahead=contracts(87), holds=Money(540_000), worst_loss=Money(540_000), lease_s=120, gates=gates,
        refusal=refusal, **changes,
    )  # fmt: skip


@pytest.fixture
def trader(bridge):
    bridge.previews = preview
    return bridge


@asynccontextmanager
async def on_ladder(trader, *keys, size=(120, 40)):
    async with running(trader, size=size) as (app, pilot):
        for key in ("1", *keys):
            await pilot.press(key)
            await pilot.pause()
        yield app, pilot


def dialog_text(app):
    return "\n".join(plain(line) for line in app.screen.query_one("#body").lines)


async def test_while_entry_is_locked_no_key_of_the_ladder_comes_near_an_order(trader):
    async with on_ladder(trader, "down", "left", "right", "plus", "enter", "m", "enter") as (app, _):
        assert trader.sent == [] and not isinstance(app.screen, Dialog)
        assert "order entry is locked: O opens it" in shown(app, "notice")
        assert "order entry: locked" in shown(app, "ladder")


async def test_keys_that_arrive_together_are_taken_in_the_order_they_were_typed(trader):
    async with on_ladder(trader, "O", "down", "enter") as (app, pilot):
        app.screen.query_one("#field-price").focus()
        await pilot.pause()
        typed = ["end", *["backspace"] * 7, *"0.63", "tab", "end", *["backspace"] * 4, *"12"]
        for key in typed:  # as one packet of a slow line: nothing is waited for in between
            app.post_message(Key({".": "full_stop"}.get(key, key), key if len(key) == 1 else None))
        await pilot.pause()
        await pilot.pause()
        values = [app.screen.query_one(f"#field-{name}").value for name in ("price", "size")]
        assert values == ["0.63", "12"]


async def test_enter_previews_and_a_second_enter_places(trader):
    async with on_ladder(trader, "O", "down", "plus", "plus", "right", "enter") as (app, pilot):
        price = app.main.view.ticket.cursor
        assert isinstance(app.screen, Dialog) and trader.sent == []
        text = dialog_text(app)
        assert "SELL YES" in text and "worst loss" in text and "every gate passes" in text
        assert "enter Place SELL 3" in plain(app.screen.query_one("#keys").lines[0])
        await pilot.press("enter")
        await pilot.pause()
        assert trader.sent == [
            PlaceOrder(ticker=b.HIGHNY, side=BookSide.ASK, count=contracts(3), price=price, command_id=1)
        ]


async def test_a_held_enter_never_places(bridge):
    bridge.previews = preview
    async with running(bridge, guard_ms=60_000) as (app, pilot):
        for key in ("1", "O", "down", "enter", "enter", "enter", "enter"):
            await pilot.press(key)
            await pilot.pause()
        assert isinstance(app.screen, Dialog) and bridge.sent == []


async def test_what_is_typed_wrong_is_refused_in_the_preview_with_the_reason(trader):
    async with on_ladder(trader, "O", "down", "enter") as (app, pilot):
        for name, value, reason in (
            ("price", "0.555", "Price off the market's grid"),
            ("price", "abc", "price abc: write it like 0.56"),
            ("size", "500", "Order size exceeds limit: 500 > 100"),
            ("size", "", "size is empty"),
            ("market", "KXNONE", "Unknown market: KXNONE"),
        ):
            typed = app.screen.query_one(f"#field-{name}")
            good, typed.value = typed.value, value
            typed.focus()
            await pilot.pause()
            assert reason in dialog_text(app), name
            await pilot.press("enter", "enter")
            assert trader.sent == [] and app.screen.query_one("#choice-yes").has_class("-locked")
            typed.value = good


async def test_a_preview_that_is_refused_meanwhile_locks_the_button(trader):
    async with on_ladder(trader, "O", "down", "enter") as (app, pilot):
        trader.previews = lambda wish: msgspec.structs.replace(preview(wish), refusal="Only cancels: not connected")
        trader.put()
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        assert "REFUSED: Only cancels: not connected" in dialog_text(app)
        assert trader.sent == []


async def test_a_preview_that_fails_says_so_and_confirms_nothing(trader):
    async with on_ladder(trader, "O", "down", "enter") as (app, pilot):
        trader.previews = lambda wish: {}["broken"]
        trader.put()
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        assert "view error" in dialog_text(app) and trader.sent == []


async def test_the_window_never_moves_while_a_price_is_pointed_at(trader):
    async with on_ladder(trader, "down") as (app, pilot):
        pointed = app.main.view.ticket.cursor
        before = [row.key for row in app.main.query_one("#ladder").block.rows]
        trader.put(books=(b.book(mid=80), b.book(b.FED, 71)))
        await pilot.pause(0.3)
        assert [row.key for row in app.main.query_one("#ladder").block.rows] == before
        assert app.main.view.ticket.cursor == pointed and "▲ market" in shown(app, "ladder")
        await pilot.press("r")
        await pilot.pause()
        assert "0.80" in shown(app, "ladder") and app.main.view.ticket.cursor is None


async def test_an_own_order_is_moved_by_keys(trader):
    own = b.order(1, price=5_400, count=30, origin=Origin.OPERATOR)
    trader.put(orders=(own,))
    async with on_ladder(trader, "O") as (app, pilot):
        app.main.choose(ticket=replace(app.main.view.ticket, market=b.HIGHNY, cursor=Price(5_400)))
        await pilot.press("m")
        assert app.main.view.ticket.moving == own.client_order_id
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "MOVE" in dialog_text(app)
        await pilot.press("enter")
        await pilot.pause()
        (sent,) = trader.sent
        assert sent == AmendOrder(
            client_order_id=own.client_order_id, price=Price(5_300), count=contracts(30), command_id=1
        )
        assert app.main.view.ticket.moving is None


async def test_the_order_pointed_at_is_canceled_after_its_preview(trader):
    own = b.order(1, price=5_400, count=30)
    trader.put(orders=(own,))
    async with on_ladder(trader) as (app, pilot):
        app.main.choose(ticket=replace(app.main.view.ticket, market=b.HIGHNY, cursor=Price(5_400)))
        await pilot.press("x")
        await pilot.pause()
        assert "CANCEL" in dialog_text(app) and trader.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert trader.sent == [CancelOrder(client_order_id=own.client_order_id, command_id=1)]


@pytest.mark.wide
async def test_a_question_about_an_order_closes_when_the_order_ends(trader):
    own = b.order(1, price=5_400, count=30)
    trader.put(orders=(own,))
    async with on_ladder(trader) as (app, pilot):
        app.main.choose(ticket=replace(app.main.view.ticket, market=b.HIGHNY, cursor=Price(5_400)))
        await pilot.press("x")
        trader.put(orders=(), finished_orders=(msgspec.structs.replace(own, state=OrderState.FILLED),))
        await pilot.pause(0.3)
        assert not isinstance(app.screen, Dialog) and trader.sent == []
        assert "the order is FILLED" in shown(app, "notice")


async def test_panic_works_over_the_preview_and_inside_its_fields_and_locks_order_entry(trader):
    async with on_ladder(trader, "O", "down", "enter", "tab", "ctrl+k") as (app, pilot):
        await pilot.pause()
        assert [type(wish) for wish in trader.sent] == [Panic]
        assert not app.main.view.ticket.unlocked


async def test_x_never_takes_another_order_than_the_one_that_was_selected(trader):
    first, second = b.order(1), b.order(2, BookSide.ASK, 5_700)
    trader.put(orders=(first, second), finished_orders=())
    async with running(trader, size=(120, 40)) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        selected = app.main.situation().order
        rest = tuple(order for order in (first, second) if order is not selected)
        trader.put(orders=rest)
        await pilot.pause(0.3)
        await pilot.press("x")
        assert trader.sent == [] and "select an open order first" in shown(app, "notice")
        await pilot.press("down", "x")
        assert trader.sent == [CancelOrder(client_order_id=rest[0].client_order_id, command_id=1)]


async def test_cancel_all_says_that_nothing_rests_or_sends_one_wish(trader):
    async with running(trader) as (app, pilot):
        await pilot.press("X")
        assert trader.sent == [CancelAll(command_id=1)]
        trader.put(orders=())
        await pilot.pause(0.3)
        await pilot.press("X")
        assert len(trader.sent) == 1 and "no own order is open" in shown(app, "notice")


async def test_a_market_is_found_by_words_and_watched(trader):
    trader.listing = MarketListing(markets=(b.market(7, ticker="KXRAIN-1", title="Rain in Oslo"), b.market(8)))
    async with on_ladder(trader, "slash") as (app, pilot):
        assert isinstance(app.screen, FinderScreen)
        await pilot.press(*"oslo", "enter")
        await pilot.pause()
        assert trader.sent == [WatchMarket(ticker="KXRAIN-1", command_id=1)]
        assert app.main.view.market == "KXRAIN-1"


@pytest.mark.parametrize(
    "title", ["Rain [/b] today", "Rain [@click=app.quit]here[/]", "Rain [red]", "Rain [", "[/]Rain"]
)
async def test_a_title_in_the_palette_is_shown_as_it_is(trader, title):
    trader.listing = MarketListing(markets=(b.market(7, ticker="KXRAIN-1", title=title),))
    async with running(trader) as (app, pilot):
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"rain")
        await pilot.pause(0.6)
        prompts = [str(command.prompt) for command in app.screen.query_one(OptionList).options]
        assert [prompt for prompt in prompts if prompt.endswith(title)], prompts


@pytest.mark.wide
async def test_tables_are_filtered_and_sorted_and_say_so(trader):
    async with running(trader, size=(120, 40)) as (app, pilot):
        await pilot.press("2", "slash")
        await pilot.pause()
        await pilot.press(*"fed", "enter")
        await pilot.pause()
        assert "/fed hides 1" in shown(app, "positions") and b.HIGHNY not in shown(app, "positions")
        await pilot.press("escape")
        assert b.HIGHNY in shown(app, "positions")
        await pilot.press("3", "s", "s")
        assert "by price ↑" in shown(app, "orders")


@pytest.mark.wide
async def test_the_explanation_is_of_the_market_that_is_shown(trader):
    gate = GateView(name="permission", value="cancel_only", limit="trade", text="not connected")
    trader.explanation = Explanation(ticker=b.HIGHNY, title="High", verdict="Not traded now: x.", gates=(gate,))
    async with on_ladder(trader, "e") as (app, _):
        assert "Not traded now" in dialog_text(app) and "permission" in dialog_text(app)


async def test_the_bundle_is_listed_before_it_is_written(trader, tmp_path):
    trader.folder = tmp_path / "session"
    trader.pieces = (Piece(name="status.txt", words="the status", data=b"x" * 3_000),)
    async with running(trader) as (app, pilot):
        await pilot.press("B")
        await pilot.pause(0.1)
        assert "status.txt" in dialog_text(app) and "3 KiB" in dialog_text(app) and not trader.folder.exists()
        await pilot.press("y")
        await pilot.pause(0.2)
        assert (trader.folder / "bug-1.zip").exists()
        assert "bug-1.zip" in shown(app, "notice").replace("\n", "")


async def test_a_reset_in_live_needs_the_word(trader):
    trader.put(breaker=b.tripped(), identity=b.identity(mode=Mode.LIVE))
    async with running(trader) as (app, pilot):
        await pilot.press("b")
        await pilot.pause()
        await pilot.press("y")
        assert trader.sent == [] and app.screen.query_one("#choice-yes").disabled
        app.screen.query_one("#typed").focus()
        await pilot.press(*"RESET", "enter")
        await pilot.pause()
        assert [type(wish) for wish in trader.sent] == [ResetBreaker]


async def test_without_unicode_what_stands_before_an_order_is_no_question_mark(trader):
    trader.put(orders=(b.order(1, price=5_400, count=30, ahead=contracts(87)),))
    async with running(trader, ascii=True) as (app, _):
        drawn = "".join(s.text for y in range(20) for s in app.main.query_one("#ladder").render_line(y))
        assert "30<=87" in drawn and drawn.isascii()


async def test_help_scrolls_by_page(trader):
    async with running(trader, size=(80, 24)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        before = [plain(line) for line in app.screen.query_one("#help").lines]
        await pilot.press("pagedown")
        assert [plain(line) for line in app.screen.query_one("#help").lines] != before


@pytest.mark.wide
async def test_a_long_result_gets_its_lines_and_the_ladder_stays(trader):
    async with running(trader, size=(80, 24)) as (app, pilot):
        before = app.main.query_one("#ladder").region
        app.main.say("written to /a/very/long/path/" + "x" * 90 + "/end.zip", "ok")
        await pilot.pause(0.2)
        assert "/end.zip" in shown(app, "notice") and app.main.query_one("#ladder").region == before


# Words and numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "price"), [("0.56", 5_600), (".5650", 5_650), ("56c", 5_600), ("56.5¢", 5_650), (" 1 ", 10_000)]
)
def test_prices_are_read_as_people_write_them(text, price):
    assert typed_price(text) == price


@pytest.mark.parametrize("text", ["", ".", "-1", "1e3", "0.56001", "five", "1,5", "9" * 12, "\u0665"])
def test_what_is_no_price_is_never_guessed(text):
    with pytest.raises(NotANumber):
        typed_price(text)


def test_sizes_may_have_hundredths():
    assert typed_size("2.25") == 225
    with pytest.raises(NotANumber):
        typed_size("2.255")


def test_own_orders_show_what_is_before_them():
    assert own_text(Own(Count(500), Count(8_700)), 7) == "5≤87"
    assert own_text(Own(Count(500), Count(8_700)), 7, most="<=") == "5<=87"
    assert own_text(Own(Count(500), Count(0)), 7) == "5≤0"
    assert own_text(Own(Count(500), None, doubt=True), 7) == "5?"
    assert own_text(None, 7) == ""


def test_a_bound_is_never_told_smaller_than_it_is():
    for count in (8_701, 12_345_600, 99_999_901, 100_000_000_001):
        told = own_text(Own(Count(500), Count(count)), 8).removeprefix("5≤")
        unit = {"k": 100_000, "M": 100_000_000}.get(told[-1], 100)
        assert float(told.rstrip("kM")) * unit >= count, told


def test_several_own_orders_at_a_price_are_told_with_what_is_before_the_last_of_them():
    two = (b.order(1, count=5, ahead=contracts(10)), b.order(2, count=5, ahead=contracts(87)))
    own = own_at(Frame(b.snapshot(orders=two), b.TAKEN_NS), b.HIGHNY)[BookSide.BID, 5_400]
    assert (own.count, own.ahead) == (contracts(10), contracts(87))
    unknown = (two[0], b.order(2, count=5, ahead=None))
    assert own_at(Frame(b.snapshot(orders=unknown), b.TAKEN_NS), b.HIGHNY)[BookSide.BID, 5_400].ahead is None


def test_a_size_that_does_not_fit_is_told_in_thousands_never_cut():
    assert [short_count(n, 5) for n in (3_887, 1_234_567, 123_456_700, 99_999_999_900)] == [
        "38.87", "12345", "1234k", "999M",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "limit", "refusal", "words"),
    [
        ("1", "100", "", "gate: 1 of 100"),
        ("$5.00", "$9.00", "over", "gate: $5.00 of $9.00"),
        ("0.53", "0.02-0.98", "", "gate: 0.53 in 0.02-0.98"),
        ("0.53", "on the grid", "", "gate: 0.53"),
        ("reduce_only", "trade", "no", "gate: reduce_only, needs trade"),
        ("0", "> 0", "no", "gate: 0, needs > 0"),
    ],
)
def test_a_gate_is_said_in_words_that_make_sense(value, limit, refusal, words):
    assert gate_words(GateView(name="gate", value=value, limit=limit, text=refusal)) == words


def test_the_preview_has_room_for_every_gate_on_a_small_screen():
    gates = tuple(GateView(name=f"gate {n}", value="1", limit="2") for n in range(13))
    wish = PlaceOrder(ticker=b.HIGHNY, side=BookSide.BID, count=contracts(1))
    told = msgspec.structs.replace(preview(wish), gates=gates)
    lines = [plain(line) for line in preview_lines(told, 74, SIGNS, 17)]
    assert len(lines) <= 17 and all(any(f"gate {n}:" in line for line in lines) for n in range(13))
