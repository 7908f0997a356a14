"""The screen as pictures at three sizes; a changed picture must be looked at before it is accepted."""

from __future__ import annotations

import console_builders as b
import pytest

from core.domain.enums import Mode
from tui.app import ConsoleOptions, TraderApp
from tui.picture import draw

SIZES = ((80, 24), (120, 40), (200, 60))
SCENES = {
    "normal": (b.snapshot, ()),
    "stale": (b.stale, ()),
    "breaker": (lambda: b.snapshot(breaker=b.tripped(), alarm="circuit breaker tripped: order errors"), ("b",)),
    "confirm": (lambda: b.snapshot(identity=b.identity(mode=Mode.LIVE)), ("L",)),
    "empty": (b.empty, ()),
    "hostile": (b.hostile, ()),
}


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
