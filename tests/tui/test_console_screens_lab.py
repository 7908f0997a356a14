"""The fault lab against a real exchange's control port: switches, counts, and the stopwatch."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import console_builders as b
import pytest

from core.domain.enums import TraderState
from core.local.clock import SystemClock
from core.sim.faults import FAULTS
from core.sim.server import ExchangeServer
from core.sim.settings import ExchangeSettings
from tui.app import ConsoleOptions, TraderApp
from tui.bridge import LabDoor
from tui.view_models.cells import plain
from tui.view_models.expectations import EXPECTED
from tui.view_models.signs import healthy, news
from tui.widgets.listing import ListingView


@asynccontextmanager
async def lab(bridge):
    """The console on its fault lab, and the exchange it rules."""
    server = ExchangeServer(ExchangeSettings(markets=2, alive=0, control=True), SystemClock())
    endpoint = await server.start()
    host, _, port = endpoint.control.rpartition(":")
    bridge.lab = LabDoor(host=host, port=int(port), token=endpoint.control_token)
    app = TraderApp(bridge, ConsoleOptions(clock_ns=SystemClock().monotonic_ns, guard_ms=0))
    try:
        async with app.run_test(size=(200, 60)) as pilot:
            await pilot.press("g", "f")
            await until(lambda: app.navigator.lab.view().rows)
            yield app, pilot, server.faults
    finally:
        await server.stop()


async def until(true, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


def row(app, name):
    return next(row for row in app.navigator.lab.view().rows if row.name == name)


def test_every_fault_of_the_exchange_has_its_expected_reaction():
    assert set(EXPECTED) == set(FAULTS)


async def test_keys_switch_faults_of_the_exchange_on_once_and_off(bridge):
    async with lab(bridge) as (app, pilot, faults):
        names = list(FAULTS)
        shown = "\n".join(plain(line) for line in app.screen.query_one(ListingView).lines)
        assert all(name in shown for name in names)
        await pilot.press("space")
        assert not faults.armed, "nothing is selected yet"
        await pilot.press("down", "down", "space")
        await until(lambda: names[1] in faults.armed)
        await until(lambda: row(app, names[1]).on)
        await pilot.press("down", "o")
        await until(lambda: names[2] in faults.armed)
        assert faults.armed[names[2]]["times"] == 1
        await pilot.press("O")
        await until(lambda: not faults.armed)
        await until(lambda: not row(app, names[1]).on)
        assert not bridge.sent, "the trader is not told"


async def test_the_stopwatch_counts_from_strike_to_detection_and_from_the_end_to_recovery(bridge):
    async with lab(bridge) as (app, _, faults):
        watch = app.navigator.lab
        watch.switch("frame_lost", once=False)
        await until(lambda: "frame_lost" in faults.armed)
        assert row(app, "frame_lost").trial.detected_ns is None
        faults.strike("frame_lost", channel="x")
        await until(lambda: row(app, "frame_lost").trial.struck_ns)
        counters = b.msgspec.structs.replace(bridge.shown.counters, gaps=9)
        ill = b.state(state=TraderState.ERROR, label="ERROR")
        bridge.put(counters=counters, state=ill, taken_ns=SystemClock().monotonic_ns())
        await until(lambda: row(app, "frame_lost").trial.detected_ns)
        trial = row(app, "frame_lost").trial
        assert trial.signs[0] == "state ERROR" and "gap in the stream" in trial.signs
        watch.switch("frame_lost", once=False)
        await until(lambda: row(app, "frame_lost").trial.cleared_ns)
        await asyncio.sleep(0.3)
        assert row(app, "frame_lost").trial.recovered_ns is None, "not well while in ERROR"
        bridge.put(state=b.state(), taken_ns=SystemClock().monotonic_ns())
        await until(lambda: row(app, "frame_lost").trial.recovered_ns)
        trial = row(app, "frame_lost").trial
        assert trial.recovered_ns - trial.cleared_ns >= 250_000_000


async def test_a_lost_control_port_is_told_and_the_console_goes_on(bridge):
    async with lab(bridge) as (app, pilot, _):
        door = bridge.lab
        app.navigator.lab.close()
        bridge.lab = LabDoor(host=door.host, port=door.port, token="wrong")
        await asyncio.sleep(0.1)
        await pilot.press("g", "d", "g", "f")
        await until(lambda: app.navigator.lab.view().trouble)
        await until(lambda: "refused" in plain(app.screen.query_one(ListingView).lines[1]))


@pytest.mark.parametrize(
    ("changes", "sign"),
    [
        ({"state": b.state(state=TraderState.ERROR, label="ERROR (stream_lost)")}, "state ERROR (stream_lost)"),
        ({"breaker": b.tripped()}, "breaker tripped"),
        ({"feed": b.feed(stream_up=False)}, "stream down"),
        (
            {"errors": (b.ErrorView(at=b.ago(0), severity="error", error="stream lost", context=""),)},
            "told: stream lost",
        ),
    ],
)
def test_signs_are_named(changes, sign):
    before, now = b.snapshot(), b.snapshot(**changes)
    assert sign in news(before, now)
    assert news(before, before) == ()


def test_as_before_is_well_and_less_is_not():
    assert healthy(b.snapshot(), b.snapshot())
    for changes in (
        {"breaker": b.tripped()},
        {"feed": b.feed(rest_up=False)},
        {"books": (b.book(trusted=False),)},
        {"state": b.state(state=TraderState.ERROR)},
    ):
        assert not healthy(b.snapshot(), b.snapshot(**changes))
    assert not healthy(b.stale(), b.stale()), "what began ill is not well for having stayed so"
