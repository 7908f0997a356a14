"""View models are functions from a snapshot to lines; what they say is checked here without a terminal."""

from __future__ import annotations

from dataclasses import replace

import console_builders as b
import msgspec
import pytest

from core.domain.amounts import Money, Price, contracts
from core.domain.enums import BookSide, Mode, OrderState, PauseKind, Permission, TraderState
from core.trading.snapshot import ActivityView, ErrorView, LimitView, ProgressView
from tui.action import Situation
from tui.actions import ACTIONS, BY_NAME, action_table_markdown
from tui.screen_actions import TITLES
from tui.themes import themes, tokens
from tui.view_models.ages import age_text, clock_text, span_text
from tui.view_models.box import Scroll, boxed, scrolled
from tui.view_models.cells import Block, Row, cut, fit, number, plain, width_of
from tui.view_models.chart import braille, stars
from tui.view_models.footer import action_at, footer_line, footer_spans
from tui.view_models.geometry import arrange, layout_name
from tui.view_models.header import alarm_line, header_line, notice_line, small_lines
from tui.view_models.help import help_block
from tui.view_models.ladder import grid, ladder_block, place_window
from tui.view_models.log import log_block
from tui.view_models.money import meter, money_block, risk_block
from tui.view_models.questions import certificate_lines, liquidation_lines, stopping_lines
from tui.view_models.state import is_acting, shown_label, state_block, state_lines, time_in_state
from tui.view_models.symbols import ASCII, UNICODE
from tui.view_models.tables import orders_block, positions_block
from tui.view_models.view_state import Frame, Notice, ViewState, neighbour_market


def frame(snapshot=None, width=116, height=20, **changes) -> Frame:
    return Frame(snapshot or b.snapshot(), changes.pop("now_ns", b.TAKEN_NS), width=width, height=height, **changes)


def text(block: Block) -> str:
    lines = [*block.head, *(row.line for row in block.rows), *block.foot]
    return "\n".join([plain(block.title) + " " + block.badge, *(plain(line) for line in lines)])


@pytest.mark.parametrize(
    ("age", "words"),
    [(None, "-"), (0, "0.0s"), (240_000_000, "0.2s"), (12 * b.SECOND, "12s"), (240 * b.SECOND, "4m"),
     (3 * 3600 * b.SECOND, "3h"), (3 * 86400 * b.SECOND, "3d")],
)  # fmt: skip
def test_ages_are_short(age, words):
    assert age_text(age) == words


def test_times_in_a_state_tick_in_seconds():
    assert [span_text(s * b.SECOND) for s in (0, 41, 723, 11_500, 90_000)] == [
        "0:00", "0:41", "12:03", "3:11:40", "1d 01:00",
    ]  # fmt: skip
    assert clock_text(0) == "-"


def test_a_number_that_does_not_fit_is_never_cut():
    assert number("1234567", 6) == "######"
    assert fit("KXHIGHNY-26JAN04-B40", 10) == "KXHIGHNY-…"
    assert width_of(cut((("abcdef", "x"), ("ghi", "y")), 7)) == 7


def test_every_size_is_covered_without_overlap():
    for width in (*range(1, 82), 109, 110, 150, 179, 180, 200, 250):
        for height in (*range(1, 34), 36, 40, 50, 60, 90):
            for slot, zoom in (("positions", None), ("log", None), ("orders", "ladder")):
                cells: set[tuple[int, int]] = set()
                total = 0
                for box in arrange(width, height, slot=slot, zoom=zoom).values():
                    assert box.x >= 0 and box.y >= 0 and box.width > 0 and box.height > 0
                    assert box.x + box.width <= width and box.y + box.height <= height
                    total += box.width * box.height
                    if width in (80, 110, 200) and height in (24, 30, 60):
                        cells.update((x, y) for x in range(box.x, box.x + box.width)
                                     for y in range(box.y, box.y + box.height))  # fmt: skip
                        assert len(cells) == total
                assert total == width * height


def test_wider_screens_show_more_panels():
    assert layout_name(79, 60) == "small"
    assert "log" not in arrange(80, 24)
    assert {"ladder", "positions", "orders", "money", "log"} <= set(arrange(120, 40))
    assert "risk" in arrange(200, 60)


def test_ready_and_acting_are_shown_as_one_state_counted_from_the_last_other_move():
    acting = b.snapshot(state=b.state(state=TraderState.ACTING, label="ACTING", entered_ns=b.TAKEN_NS - 1_000_000))
    ready = b.snapshot(state=b.state(entered_ns=b.TAKEN_NS - 2_000_000))
    for snapshot in (acting, ready):
        assert shown_label(snapshot) == "READY"
        assert time_in_state(snapshot, b.TAKEN_NS) == 41 * b.SECOND
    assert is_acting(acting, b.TAKEN_NS)
    assert time_in_state(ready, b.TAKEN_NS + b.SECOND) == 42 * b.SECOND


def test_a_liquidation_is_shown_as_acting():
    state = b.state(state=TraderState.ACTING, label="ACTING (operator_liquidate)", procedure="liquidation")
    snapshot = b.snapshot(state=state)
    assert "ACTING (operator_liquidate)" in text(state_block(frame(snapshot)))


def test_the_mark_of_acting_stays_a_moment_and_then_goes():
    moves = (*b.transitions()[:4], b.move(0.1, TraderState.ACTING, TraderState.READY, folded=7))
    snapshot = b.snapshot(transitions=moves, state=b.state(entered_ns=b.TAKEN_NS - 100_000_000))
    assert is_acting(snapshot, b.TAKEN_NS)
    assert not is_acting(snapshot, b.TAKEN_NS + 3 * b.SECOND)


def test_calibration_is_a_live_checklist():
    steps = b.steps("complete", "complete", "running", "waiting", "waiting", "waiting", "waiting")
    snapshot = b.snapshot(state=b.state(state=TraderState.CALIBRATING, label="CALIBRATING"), calibration=steps)
    assert "✓ exchange_status 0.2s" in text(state_block(frame(snapshot, width=196)))
    shown = text(state_block(frame(snapshot)))
    assert "✓ exchange_status" in shown
    assert "◐ sync_orders" in shown
    assert "○ cash_check" in shown
    assert "✓ exchange_status" in plain(state_lines(frame(snapshot, width=80))[1])


def test_a_pause_says_whose_and_how_it_ends():
    state = b.state(
        state=TraderState.PAUSED, label="PAUSED (feed)", pause=PauseKind.FEED, permission=Permission.REDUCE_ONLY
    )
    shown = text(state_block(frame(b.snapshot(state=state))))
    assert "PAUSED (feed)" in shown
    assert "resumes by itself" in shown


@pytest.mark.parametrize("mode", list(Mode))
def test_the_mode_is_a_word_on_every_size(mode):
    snapshot = b.snapshot(identity=b.identity(mode=mode))
    assert mode.value.upper() in plain(header_line(frame(snapshot, width=80)))
    assert mode.value.upper() in "\n".join(plain(line) for line in small_lines(frame(snapshot, width=40)))


def test_paper_says_that_the_account_is_fresh_and_simulated():
    assert "fresh simulated account" in plain(header_line(frame(width=120)))
    assert "PAPER  fresh" in plain(header_line(frame(width=80)))


def test_a_picture_that_stops_changing_is_called_stale():
    late = frame(width=120, now_ns=b.TAKEN_NS + 5 * b.SECOND)
    assert "SCREEN STALE 5.0s" in plain(header_line(late))
    assert "STALE" in text(positions_block(late))
    assert "STALE" in text(money_block(late))
    assert "STALE" not in plain(header_line(frame(width=120)))


def test_a_lost_stream_is_called_down_and_its_data_stale():
    snapshot = b.stale()
    assert "ws ✗ DOWN" in plain(header_line(frame(snapshot, width=120)))
    shown = text(ladder_block(replace(frame(snapshot, width=40), rows=10), 40))
    assert "age 14s STALE stream lost" in shown


def test_ladder_rows_are_prices_and_own_orders_lie_on_them():
    block = ladder_block(replace(frame(width=36), rows=9), 41)
    rows = {int(row.key): plain(row.line) for row in block.rows}
    assert rows[5_400].split() == ["20", "95", "0.54"]
    assert rows[5_700].split() == ["0.57", "120", "20"]
    assert rows[5_500].split() == ["·", "0.55", "·"]


def test_own_orders_out_of_sight_are_counted():
    block = ladder_block(replace(frame(width=36), rows=3), 0)
    assert "own ▼2" in text(block)


def test_the_window_stays_until_the_middle_leaves_its_zone():
    top = place_window(b.book(mid=55), 20, None)
    assert place_window(b.book(mid=57), 20, top) == top
    moved = place_window(b.book(mid=70), 20, top)
    assert moved != top
    assert place_window(b.book(mid=57), 20, top, recentre=True) != top


def test_the_window_holds_when_the_book_is_empty():
    book = b.book(bids=(), asks=(), last_price=None)
    assert place_window(book, 10, 33) == 33
    assert "bid -" in text(ladder_block(replace(frame(b.snapshot(books=(book,)), width=36), rows=5), 33))


def test_the_grid_is_the_markets_own():
    fine = grid(b.FINE)
    assert fine[:3] == (10, 20, 30)
    assert 4_500 in fine and 4_510 not in fine
    book = b.book(mid=5, bands=b.FINE, bids=((Price(410), contracts(7)),), asks=((Price(430), contracts(9)),))
    block = ladder_block(replace(frame(b.snapshot(books=(book,)), width=36), rows=9), place_window(book, 9, None))
    assert "0.0410" in text(block) and "0.0420" in text(block)


def test_a_market_without_a_grid_gets_cents():
    assert len(grid(())) == 99


def test_a_no_position_is_shown_in_no_prices():
    shown = text(positions_block(frame(width=78)))
    line = next(line for line in shown.splitlines() if "KXFED" in line)
    assert line.split()[1:5] == ["NO", "40", "0.31", "0.28"]


def test_an_unknown_mark_is_a_dash_and_not_zero():
    snapshot = b.snapshot(positions=(b.position(mark=None),))
    line = text(positions_block(frame(snapshot, width=78))).splitlines()[2]
    assert line.split()[4:7] == ["-", "none", "-"]


def test_before_the_first_reading_no_amount_is_known():
    empty = frame(b.empty(), width=56)
    for block in (money_block(empty), positions_block(empty), orders_block(empty)):
        assert "0" not in text(block).replace("not read", "").replace("100", "")[2:]
    assert "not read yet" in text(positions_block(empty)) and "not read yet" in text(money_block(empty))
    assert "day -" in plain(state_lines(frame(b.empty(), width=120))[0])


def test_subcent_prices_keep_all_digits_in_a_whole_column():
    orders = (b.order(1, price=5_410), b.order(2, price=5_400))
    shown = text(orders_block(frame(b.snapshot(orders=orders, finished_orders=()))))
    assert "0.5410" in shown and "0.5400" in shown


def test_an_order_in_doubt_is_an_alarm_in_words():
    block = orders_block(frame(b.snapshot(orders=(b.order(state=OrderState.IN_DOUBT),))))
    assert "1 IN DOUBT" in block.badge
    assert any(role == "alarm" for _, role in block.rows[0].line)


def test_pnl_carries_sign_and_arrow():
    assert "▲ +$8.98" in text(money_block(frame(width=56)))
    down = b.snapshot(money=b.money(day=Money(-2_000_000)))
    assert "▼ -$2.00" in text(money_block(frame(down, width=56)))
    assert "fees                -$0.62" in text(money_block(frame(width=56, height=20)))


def test_a_book_of_hundreds_of_levels_costs_little_to_show():
    bids = tuple((Price(5_400 - i), contracts(1)) for i in range(2_000))
    bands = (b.CENTS[0].__class__(start=Price(0), end=Price(10_000), step=Price(1)),)
    book = b.book(bids=bids, bands=bands)
    assert text(ladder_block(replace(frame(b.snapshot(books=(book,)), width=50), rows=20), 4_590))


def test_braille_and_stars_fill_their_space():
    values = [0, 5, -3, 9]
    for draw in (braille, stars):
        lines = draw(values, 20, 4, -3, 9)
        assert len(lines) == 4 and {len(line) for line in lines} == {20}
    assert all(line.isascii() for line in stars(values, 20, 4, -3, 9))
    assert braille([], 4, 2, 0, 1) == ["    ", "    "]


def test_the_log_mixes_errors_and_activity_by_time_and_filters():
    block = log_block(frame())
    assert [plain(row.line)[:8] for row in block.rows] == sorted(plain(row.line)[:8] for row in block.rows)
    assert "-> resynced in 0.2s" in text(block)
    only = log_block(frame(view=ViewState(log_level="warnings")))
    assert len(only.rows) == 1


def test_a_result_stays_until_dismissed_or_followed():
    snapshot = b.snapshot(actions=(b.action(4, "pause", "refused", "not in ERROR"), b.action(5, "panic", "pending")))
    assert "panic PENDING" in plain(notice_line(frame(snapshot)))
    assert "panic PENDING" in plain(notice_line(frame(snapshot, view=ViewState(dismissed=frozenset({5})))))
    done = b.snapshot(actions=(b.action(4, "pause", "refused", "not in ERROR"),))
    assert "pause REFUSED not in ERROR" in plain(notice_line(frame(done)))
    assert "REFUSED" not in plain(notice_line(frame(done, view=ViewState(dismissed=frozenset({4})))))


def test_a_word_of_the_console_gives_way_to_a_newer_result():
    view = ViewState(notice=Notice("copied", at=b.action(4).at))
    assert "copied" in plain(notice_line(frame(b.snapshot(actions=(b.action(4),)), view=view)))
    assert "copied" not in plain(notice_line(frame(b.snapshot(actions=(b.action(5, at=0.5),)), view=view)))


def test_the_alarm_line_shows_the_alarm_or_the_newest_error():
    assert "ALARM" in plain(alarm_line(frame(b.stale())))
    assert "stream_gap" in plain(alarm_line(frame()))
    assert "no alarm" in plain(alarm_line(frame(b.empty())))


def test_a_small_screen_has_state_pnl_mode_and_panic():
    shown = "\n".join(plain(line) for line in small_lines(frame(width=40, height=10))[:10])
    for word in ("PAPER", "READY", "+$8.98", "^k", "PANIC", "breaker"):
        assert word in shown


def test_the_plan_shows_each_position_and_totals():
    shown = "\n".join(plain(line) for line in liquidation_lines(frame(width=96)))
    for word in ("YES 120", "100", "0.5350", "+$53.50", "$1.75", "$0.50", "20", "total +$64.70", "+$62.38"):
        assert word in shown


def test_the_certificate_never_claims_what_is_not_verified():
    clean = "\n".join(plain(line) for line in certificate_lines(b.certificate(), 70))
    assert "nothing of ours rests" in clean
    unsure = b.certificate(resting_after_stop=None, unverified=("2 cancels unanswered",), code=4)
    shown = "\n".join(plain(line) for line in certificate_lines(unsure, 70))
    assert "NOT everything is verified" in shown and "not verified: 2 cancels unanswered" in shown
    assert "own orders resting      -" in shown


def test_stopping_lists_what_is_being_canceled():
    snapshot = b.snapshot(orders=(b.order(1, state=OrderState.CANCELING),))
    assert "CANCELING" in "\n".join(plain(line) for line in stopping_lines(frame(snapshot)))


def test_footer_follows_the_state_and_says_what_a_pause_does():
    running = Situation(b.snapshot(), ViewState())
    assert "Pause (cancels 2 orders)" in plain(footer_line(running, 160, ascii_only=False))
    paused = b.state(state=TraderState.PAUSED, pause=PauseKind.OPERATOR, label="PAUSED (operator)")
    assert "Resume" in plain(footer_line(Situation(b.snapshot(state=paused), ViewState()), 160, ascii_only=False))
    for width in (80, 120, 200):
        assert width_of(footer_line(running, width, ascii_only=False)) <= width
    names = [action.name for action, *_ in footer_spans(running, 80)]
    assert names[:2] == ["panic", "pause"] and {"quit", "help"} <= set(names)
    assert action_at(running, 80, 2) is BY_NAME["panic"]


def test_failing_writes_are_on_the_line_to_the_exchange():
    failing = b.snapshot(feed=b.feed(failed_writes=3, failed_write_ns=b.TAKEN_NS - 4 * b.SECOND))
    for width in (80, 120, 200):
        line = plain(header_line(frame(failing, width=width)))
        assert "rest " in line and "3 writes failed 4.0s" in line
    for width in (30, 40, 79):
        assert "3 writes failed 4.0s" in "\n".join(plain(line) for line in small_lines(frame(failing, width=width)))
    one = b.snapshot(feed=b.feed(failed_writes=1, failed_write_ns=b.TAKEN_NS))
    assert "1 write failed 0.0s" in plain(header_line(frame(one, width=80)))
    assert "failed" not in plain(header_line(frame(width=200)))


@pytest.mark.parametrize(
    ("seconds", "header", "ladder"),
    [(0, "ws 0.2s", "active"), (2, "ws 2.2s", "active"), (6, "ws quiet 6.2s", "stream quiet 6.2s"),
     (15, "ws STALE 15s", "STALE stream silent")],
)  # fmt: skip
def test_a_silent_stream_is_told_before_it_is_stale(seconds, header, ladder):
    late = frame(width=100, now_ns=b.TAKEN_NS + seconds * b.SECOND)
    late = replace(late, snapshot=b.snapshot(taken_ns=late.now_ns))
    assert header in plain(header_line(late))
    assert ladder in text(ladder_block(replace(late, width=38, height=20, rows=10), 40))
    assert ladder.removesuffix(" 6.2s") in text(ladder_block(replace(late, width=36, height=12, rows=5), 40)) or (
        ladder == "active"
    )


def liquidating(seconds: int, **changes):
    told = ProgressView(
        phase="closing positions", began_ns=b.TAKEN_NS - seconds * b.SECOND, orders_left=4, positions_left=3,
        positions=5, contracts_done=contracts(120), contracts=contracts(340),
    )  # fmt: skip
    acting = b.state(
        state=TraderState.ACTING, label="ACTING (operator_liquidate)", procedure="liquidation",
        entered_ns=b.TAKEN_NS - seconds * b.SECOND, limit_ns=60 * b.SECOND,
    )  # fmt: skip
    return b.snapshot(state=acting, progress=msgspec.structs.replace(told, **changes))


@pytest.mark.parametrize("width", [76, 116])
def test_a_position_in_a_determined_market_is_marked_by_its_result(width):
    held = b.snapshot(positions=(b.position(mark=10_000, mark_basis="result"),))
    row = plain(positions_block(frame(held, width=width)).rows[0].line)
    assert "1.00 result" in row


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_liquidation_shows_how_far_it_is(width):
    told = frame(liquidating(41), width=width)
    boxes = [list(state_block(replace(told, width=width - 4)).head)] if width >= 110 else []
    for lines in (state_lines(told), *boxes):
        words = "\n".join(plain(line) for line in lines)
        assert "0:41 / 1:00" in words and "OVER" not in words
        assert "closing positions: 120 of 340 contracts done, 3 of 5 positions, 4 orders left" in words
        assert all(width_of(line) <= width for line in lines)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_limit_that_is_overrun_says_so(width):
    words = "\n".join(plain(line) for line in state_lines(frame(liquidating(75), width=width)))
    assert "1:15 / 1:00 OVER by 0:15" in words
    assert "OVER" in "\n".join(plain(line) for line in small_lines(frame(liquidating(75), width=40)))


def test_the_smallest_screen_shows_a_liquidation_too():
    words = " ".join(plain(line) for line in small_lines(frame(liquidating(41), width=40)))
    assert "120 of 340 contracts done" in words and "4 orders left" in words


@pytest.mark.parametrize(("used", "word"), [(79, ""), (80, " near"), (100, " FULL"), (101, " OVER"), (1_000, " OVER")])
def test_a_limit_that_is_passed_is_not_called_full(used, word):
    limit = LimitView(name="open orders", used=used, limit=100, used_text=str(used), limit_text="100")
    told = plain(meter(frame(width=60), limit, 60))
    assert f"{used}%{word}  {used} of 100" in told


def test_the_same_warning_again_and_again_leaves_room_for_others():
    lost = [ErrorView(at=b.ago(9 - n), severity="warning", error="cancel failed: HTTP 503", context=f"order {n}")
            for n in range(5)]  # fmt: skip
    other = ErrorView(at=b.ago(3), severity="error", error="drift", context="cash")
    block = log_block(frame(b.snapshot(errors=(*lost, other, lost[0]), activity=())))
    assert len(block.rows) == 3
    assert "×5 order 4" in text(block) and "6 W 1 E" in text(block)


def test_of_things_that_happened_at_once_the_last_told_is_the_newest():
    same = tuple(ActivityView(at=b.ago(1), kind="state", text=text) for text in ("first", "last"))
    assert "last" in plain(notice_line(frame(b.snapshot(activity=same))))


@pytest.mark.parametrize("width", [36, 56, 76, 96])
def test_a_liquidation_plan_says_what_stays_open_at_every_width(width):
    lines = liquidation_lines(frame(width=width))
    told = "\n".join(plain(cut(line, width)) for line in lines)
    for words in ("total +$64.70", "stays open 20", "after estimated fees +$62.38"):
        assert words in told


@pytest.mark.parametrize("height", [12, 20])
def test_a_long_reason_never_crowds_out_that_a_book_is_stale(height):
    lost = b.snapshot(books=(b.book(trusted=False, untrusted_reason="levels contradict each other " * 4),))
    assert "STALE levels contradict" in text(ladder_block(frame(lost, width=36, height=height, rows=5), 40))


@pytest.mark.parametrize("state", list(TraderState))
def test_the_footer_offers_no_key_that_does_not_work_now(state):
    """In text only as well: what is merely dim looks offered without colour."""
    situation = Situation(b.snapshot(state=b.state(state=state, label=state.value)), ViewState())
    offered = {action.name: action for action, *_ in footer_spans(situation, 200)}
    assert "panic" in offered
    assert not [name for name, action in offered.items() if action.why_not(situation)]


def test_the_first_try_again_is_told_without_a_doubled_word():
    waiting = b.snapshot(state=b.state(state=TraderState.ERROR, label="ERROR", waiting_for="try 3 in 4 s"))
    assert "next try 3 in 4 s" in "\n".join(plain(line) for line in state_lines(frame(waiting, width=80)))


def test_a_tape_is_not_asked_what_only_a_trader_knows():
    replay = Situation(b.snapshot(identity=b.identity(mode=Mode.REPLAY)), ViewState(), market=b.HIGHNY)
    for name in ("explain", "bundle"):
        assert BY_NAME[name].why_not(replay) == "a tape cannot be asked"
        assert not BY_NAME[name].why_not(replace(replay, snapshot=b.snapshot()))


def test_every_blocked_action_says_why():
    situation = Situation(b.empty(), ViewState())
    for name in ("pause", "liquidate", "cancel", "arm", "recalibrate", "watch", "copy_row", "next_market"):
        assert BY_NAME[name].blocked(situation)
    foreign = Situation(b.snapshot(), ViewState(), order=b.order(ownership=b.Ownership.FOREIGN))
    assert "foreign" in BY_NAME["cancel"].blocked(foreign)


def test_keys_are_used_once_and_all_are_in_the_table_and_the_help():
    for screen in TITLES:
        keys = [key for action in ACTIONS if not action.where or screen in action.where for key in action.keys]
        own = [key for action in ACTIONS if screen in action.where for key in action.keys]
        assert len(own) == len(set(own))
        everywhere = [key for action in ACTIONS if not action.where for key in action.keys]
        assert len(everywhere) == len(set(everywhere))
        # A screen's own key may take the place of `s` and `esc`, never of one that guards money.
        assert {key for key in keys if keys.count(key) > 1} <= {"s", "escape", "w"}
    table = action_table_markdown()
    rows = " ".join(plain(row.line) for row in help_block(Situation(b.snapshot(), ViewState()), 74).rows)
    rows = " ".join(rows.split())
    for action in ACTIONS:
        assert action.words in table and action.words in rows


def test_markets_are_walked_in_a_fixed_order():
    snapshot = b.snapshot()
    assert neighbour_market(snapshot, None, 1) == b.FED
    assert neighbour_market(snapshot, b.FED, 1) == b.HIGHNY
    assert neighbour_market(b.empty(), None, 1) is None


def test_ascii_has_no_other_sign():
    snapshot = b.snapshot()
    for block in (money_block, orders_block, positions_block, state_block, risk_block, log_block):
        assert text(block(frame(snapshot, symbols=ASCII))).replace("·", "").isascii()


def test_a_box_is_always_of_its_size():
    rows = tuple(Row(key=str(i), line=((f"row {i}", "bid"),)) for i in range(30))
    block = Block(title=(("title" * 20, ""),), badge="badge", head=((("head", ""),),), rows=rows)
    for width in (4, 10, 40, 80):
        for height in (2, 3, 10):
            lines = boxed(block, width, height, Scroll(3, "4", True), UNICODE)
            assert len(lines) == height
            if width > 10:
                assert {width_of(line) for line in lines} == {width}


def test_scrolling_keeps_the_selected_row_in_sight():
    rows = tuple(Row(key=str(i), line=()) for i in range(30))
    assert scrolled(rows, 0, 10, 15, follow=False) == 6
    assert scrolled(rows, 20, 10, 15, follow=False) == 15
    assert scrolled(rows, 0, 10, None, follow=True) == 20


def test_hostile_text_leaves_every_view_without_control_characters():
    snapshot = b.hostile()
    hostile = frame(snapshot)
    blocks = [positions_block(hostile), orders_block(hostile), log_block(hostile), money_block(hostile),
              risk_block(hostile), state_block(hostile), ladder_block(hostile, 40)]  # fmt: skip
    for block in blocks:
        for line in boxed(block, 116, 20, Scroll(), UNICODE):
            assert width_of(line) <= 116 * 2


def _luminance(colour: str) -> float:
    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_colours_are_readable_in_every_theme():
    for theme in themes():
        token = tokens(theme.name)
        for name in ("bid", "ask", "warn", "ok", "own", "dim-text", "head"):
            assert _contrast(token[name], theme.background) >= 4.5, (theme.name, name)
        assert _contrast(token["alarm-text"], token["alarm-ground"]) >= 4.5
        for ground in ("live-ground", "demo-ground", "paper-ground", "replay-ground"):
            assert _contrast("#ffffff", token[ground]) >= 4.5


def test_a_fill_on_the_ask_side_is_named_sell():
    block = orders_block(frame(b.snapshot(orders=(b.order(1, BookSide.ASK),), finished_orders=())))
    assert "SELL" in plain(block.rows[0].line)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("state", ["READY", "PAUSED", "ORDERBOOK_CONNECT"])
def test_a_tripped_breaker_is_on_the_screen_in_every_state_at_every_width(width, state):
    changes = {"state": TraderState(state), "label": state, "reason": "a long reason for where it is just now"}
    if state == "PAUSED":
        changes |= {"pause": PauseKind.OPERATOR, "label": "PAUSED (operator)"}
    trip = b.breaker(
        tripped=True, reason="5 errors in 60 s, last: outcome not known: timed out", value="5", limit="5", errors=5
    )
    snapshot = b.snapshot(state=b.state(**changes), breaker=trip)
    lines = (
        state_block(frame(snapshot, width=width - 4)).head
        if width >= 100
        else state_lines(frame(snapshot, width=width))
    )
    assert "BREAKER TRIPPED" in "".join(plain(line) for line in lines)
