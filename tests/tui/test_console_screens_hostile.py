"""Text from outside does nothing: ten thousand hostile strings through border, views and onto a terminal."""

from __future__ import annotations

import time

import console_builders as b
import hostile_text
import pytest
from test_console_pty import terminal  # noqa: F401  a fixture

from core.domain.text import clean_text
from tui.action import Situation
from tui.screens.questions import arm_dialog, breaker_dialog, liquidate_dialog, quit_dialog, stopping_dialog
from tui.view_models.box import Scroll, boxed
from tui.view_models.cells import Line
from tui.view_models.footer import footer_line
from tui.view_models.header import alarm_line, header_line, small_lines
from tui.view_models.help import help_block
from tui.view_models.ladder import ladder_block
from tui.view_models.log import log_block
from tui.view_models.look import Look, Outside
from tui.view_models.money import money_block, risk_block
from tui.view_models.state import state_block, state_lines
from tui.view_models.symbols import UNICODE
from tui.view_models.tables import orders_block, positions_block
from tui.view_models.view_state import Frame, ViewState
from tui.view_models.views import VIEWS
from tui.widgets.lines import LinesView


def test_the_border_lets_nothing_through_that_a_terminal_obeys():
    for text in hostile_text.strings():
        cleaned = clean_text(text)
        assert not hostile_text.harmful(cleaned), ascii(text)
        assert len(cleaned) <= 200


def _desk(frame: Frame) -> list[Line]:
    """Every part of the desk and what the dialogs say."""
    shown = frame.snapshot
    blocks = (
        positions_block(frame), orders_block(frame), log_block(frame), money_block(frame), risk_block(frame),
        state_block(frame), ladder_block(frame, 40),
    )  # fmt: skip
    lines = [line for block in blocks for line in boxed(block, 116, 120, Scroll(), UNICODE)]
    situation = Situation(shown, ViewState(), row="x")
    lines += [row.line for row in help_block(situation, 74).rows]
    lines += [header_line(frame), alarm_line(frame), footer_line(situation, 200, ascii_only=False)]
    lines += [*small_lines(frame), *state_lines(frame)]
    for spec in (liquidate_dialog(shown), breaker_dialog(shown), arm_dialog(shown), quit_dialog(), stopping_dialog()):
        lines += spec.lines(frame)
    return lines


def _screens(frame: Frame, outside: Outside) -> list[Line]:
    """Every row of every screen, and the record of some."""
    lines: list[Line] = []
    for view in VIEWS.values():
        sort = "name" if "name" in view.sorts else next(iter(view.sorts), "")
        shown = view.listing(Look(frame, filter=next(iter(view.filters), ""), sort=sort, outside=outside))
        lines += [shown.title, ((shown.badge, ""),), *shown.head, *shown.foot]
        lines += [shown.row(index).line for index in range(len(shown.keys))]
        for key in shown.keys[::25]:
            lines += shown.record(key)
    return lines


@pytest.mark.wide
def test_ten_thousand_hostile_strings_leave_every_view_inert():
    """All rows of all views, not only those in sight; the text as the widgets hand it to the terminal."""
    widget = LinesView()
    fed = 0
    for shown, listing in hostile_text.pictures(hostile_text.strings(), rows=500):
        fed += len(listing.markets)
        frame = Frame(shown, shown.taken_ns, ViewState(), UNICODE, width=196, height=50, rows=600)
        outside = Outside(markets=lambda listing=listing: listing)
        parts = _screens(frame, outside)
        if fed <= 2_000:
            parts += _desk(frame)
        text = "".join(widget._shown(cell) for line in parts for cell, _ in line)
        assert not hostile_text.harmful(text)
    assert fed == hostile_text.COUNT


@pytest.mark.pty
@pytest.mark.wide
def test_the_bytes_that_leave_are_only_ours(terminal):  # noqa: F811
    """On a terminal: every screen while its texts change ten times a second."""
    t = terminal("--hostile", size=(200, 60))
    t.wait_ready()
    for key in (b"go", b"gp", b"gm", b"ga", b"gr", b"gh", b"gl", b"gf", b"gd", b"L", b"\x1b", b"b", b"\x1b", b"?"):
        t.press(key)
        time.sleep(0.25)
    t.press(b"\x03\x03")
    code = t.end()
    output = t.output.decode("utf-8", "surrogateescape")
    assert code == 0, output[output.rfind("The console failed") :][:1_500]
    assert "漢" in output, "the strings were on the screen"
    assert not hostile_text.left_over(output)
    assert t.record()["fed"] > 3_000
    assert b.HOSTILE not in output
