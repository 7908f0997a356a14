"""The screen as pictures at three sizes; a changed picture must be looked at before it is accepted."""

from __future__ import annotations

import console_builders as b
import pytest

from core.domain.enums import BookSide, Mode, OrderState
from core.domain.ids import Ticker
from tui.app import ConsoleOptions, TraderApp
from tui.picture import draw

DOUBT, RESTING = OrderState.IN_DOUBT, OrderState.RESTING
SIZES = ((80, 24), (120, 40), (200, 60))
SCENES = {
    "normal": (b.snapshot, ()),
    "stale": (b.stale, ()),
    "breaker": (lambda: b.snapshot(breaker=b.tripped(), alarm="circuit breaker tripped: order errors"), ("b",)),
    "confirm": (lambda: b.snapshot(identity=b.identity(mode=Mode.LIVE)), ("L",)),
    "empty": (b.empty, ()),
    "hostile": (b.hostile, ()),
    "tenfold": (lambda: tenfold(), ("2", "end")),
    "ticket": (lambda: b.snapshot(), ("O", "down", "down", "enter")),
}
# Screens beside the desk, by the letter after `g`.
VIEWS = ("m", "o", "p", "l", "a", "r", "s", "h", "f")


def tenfold() -> b.TraderSnapshot:
    """Ten times what an account is expected to hold."""
    positions = tuple(
        b.position(Ticker(f"KXTEN-26DEC01-P{n:04d}"), 1 + n % 90, updated_at=b.ago(n % 600)) for n in range(2_000)
    )
    sides = (BookSide.BID, BookSide.ASK)
    orders = tuple(
        b.order(n, sides[n % 2], 4_000 + 100 * (n % 20), ticker=positions[n].ticker, state=DOUBT if n == 7 else RESTING)
        for n in range(1_000)
    )
    return b.snapshot(positions=positions, orders=orders)


def app_for(shown: b.TraderSnapshot, **options) -> TraderApp:
    return TraderApp(b.FixedBridge(shown), ConsoleOptions(clock_ns=lambda: shown.taken_ns, guard_ms=0, **options))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES)
def test_scene(snap_compare, scene, size):
    build, keys = SCENES[scene]
    assert snap_compare(app_for(build()), terminal_size=size, press=keys)


def test_ascii(snap_compare):
    assert snap_compare(app_for(b.snapshot(), ascii=True), terminal_size=(80, 24))


def test_light(snap_compare):
    assert snap_compare(app_for(b.snapshot(), theme="kalshi-light"), terminal_size=(120, 40))


@pytest.mark.parametrize("scene", ["normal", "breaker"])
def test_no_colour(snap_compare, monkeypatch, scene):
    monkeypatch.setenv("NO_COLOR", "1")
    build, keys = SCENES[scene]
    assert snap_compare(app_for(build()), terminal_size=(120, 40), press=keys)


@pytest.mark.wide
@pytest.mark.parametrize("letter", VIEWS)
def test_view(snap_compare, letter):
    assert snap_compare(app_for(b.snapshot()), terminal_size=(120, 40), press=("g", letter))


def test_tiny(snap_compare):
    assert snap_compare(app_for(b.snapshot()), terminal_size=(40, 10))


def test_calibrating(snap_compare):
    state = b.state(state=b.TraderState.CALIBRATING, label="CALIBRATING", reason="connected", waiting_for="three reads")
    steps = b.steps("complete", "complete", "running", "running", "waiting", "waiting", "waiting")
    assert snap_compare(app_for(b.snapshot(state=state, calibration=steps)), terminal_size=(120, 40))


def test_help(snap_compare):
    assert snap_compare(app_for(b.snapshot()), terminal_size=(120, 40), press=("question_mark",))


async def test_a_picture_is_the_same_every_time():
    first = await draw(b.FixedBridge(b.snapshot()), size=(80, 24), keys=("3",))
    second = await draw(b.FixedBridge(b.snapshot()), size=(80, 24), keys=("3",))
    assert first == second and "PAPER" in first
