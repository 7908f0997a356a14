"""What goes out on terminals of few colours, and of none: meaning is never in the colour alone."""

from __future__ import annotations

import re
import time

import console_builders as b
import pytest
from test_console_pty import Terminal

from core.domain.enums import Mode
from tui.app import ConsoleOptions, TraderApp
from tui.themes import DEFAULT_THEME, SIXTEEN_THEME, themes, tokens

SIXTEEN = {
    f"#{part}"
    for part in (
        "000000", "aa0000", "00aa00", "aa5500", "0000aa", "aa00aa", "00aaaa", "aaaaaa",
        "555555", "ff5555", "55ff55", "ffff55", "5555ff", "ff55ff", "55ffff", "ffffff",
    )
}  # fmt: skip
TRUE_COLOUR = re.compile(r"[34]8;2;(\d+);(\d+);(\d+)")


@pytest.fixture
def output(tmp_path):
    """What the console sends for a second on a terminal of such an environment."""

    def run(**environment: str) -> tuple[str, str]:
        t = Terminal(tmp_path, env=environment)
        try:
            t.wait_ready()
            time.sleep(1)
            t.press(b"\x03\x03")
            assert t.end() == 0
            return t.output.decode("utf-8", "replace"), t.screen()
        finally:
            t.close()

    return run


@pytest.mark.pty
@pytest.mark.wide
def test_no_color_sends_greys_only_and_says_everything_in_words(output):
    sent, _ = output(NO_COLOR="1")
    found = TRUE_COLOUR.findall(sent)
    assert found and all(red == green == blue for red, green, blue in found)
    assert not re.search(r"\x1b\[[0-9;]*\b(3[1-6]|4[1-6]|9[1-6])m", TRUE_COLOUR.sub("", sent))


@pytest.mark.pty
@pytest.mark.wide
def test_a_terminal_of_sixteen_colours_gets_no_others(output):
    sent, _ = output(TERM="xterm", COLORTERM="")
    assert "38;2;" not in sent and "38;5;" not in sent and "48;5;" not in sent
    assert re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])", sent), "no colour at all"


@pytest.mark.pty
@pytest.mark.wide
def test_a_terminal_of_256_colours_gets_no_true_colour(output):
    sent, _ = output(TERM="xterm-256color", COLORTERM="")
    assert "38;5;" in sent and "38;2;" not in sent


def test_the_theme_for_sixteen_colours_names_only_those():
    (theme,) = (t for t in themes() if t.name == SIXTEEN_THEME)
    named = set(tokens(SIXTEEN_THEME).values()) | {theme.background, theme.surface, theme.panel, theme.foreground}
    assert named <= SIXTEEN


def test_there_are_five_themes_and_the_default_tells_bid_from_ask_for_colour_blind_eyes():
    assert len(themes()) == 5 and themes()[0].name == DEFAULT_THEME
    # Blue against orange: both lack what the common deficiencies lack, and one is much of blue, the other of none.
    bid, ask = tokens()["bid"], tokens()["ask"]
    assert int(bid[5:], 16) - int(ask[5:], 16) > 150


@pytest.mark.parametrize("mode", list(Mode))
async def test_mode_side_and_alarm_are_words(mode):
    shown = b.snapshot(
        identity=b.identity(mode=mode), alarm="circuit breaker tripped: order errors", breaker=b.tripped()
    )
    app = TraderApp(b.FixedBridge(shown), ConsoleOptions(clock_ns=lambda: shown.taken_ns))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = re.sub(r"<[^>]+>", " ", app.export_screenshot()).replace("&#160;", " ")
    assert mode.value.upper() in text and "BUY" in text and "SELL" in text and "TRIPPED" in text.upper()


async def test_the_theme_key_goes_round_all_five():
    shown = b.snapshot()
    app = TraderApp(b.FixedBridge(shown), ConsoleOptions(clock_ns=lambda: shown.taken_ns, guard_ms=0))
    async with app.run_test(size=(80, 24)) as pilot:
        seen = [app.theme]
        for _ in themes():
            await pilot.press("t")
            await pilot.pause()
            seen.append(app.theme)
    assert len(set(seen)) == 5 and seen[0] == seen[-1] == DEFAULT_THEME
