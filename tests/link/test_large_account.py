"""The account of `large-account`: 180 positions, 100 orders: calibrated in little more than its slowest read takes."""

from __future__ import annotations

from core.config import Settings
from core.domain.commands import Recalibrate
from core.domain.enums import TraderState
from core.domain.records import Record, StateMoved
from core.lab.story import Scene, play
from core.sim.auth import generate_private_key
from core.trading.snapshot import StepView

ROUND_TRIP_MS = 100


def test_calibration_takes_no_longer_than_its_slowest_chain_of_round_trips() -> None:
    """Every reply takes the same while, so that only what waits for what counts. The first comparison takes a base;
    the one asked for by hand compares, and finds nothing.
    """
    taken: list[tuple[StepView, ...]] = []

    def slow_when_connecting(scene: Scene) -> None:
        def hear(record: Record) -> None:
            if isinstance(record, StateMoved) and record.target is TraderState.TRADING_CLIENT_CONNECT:
                scene.arm("reply_late", method="GET", delay_ms=ROUND_TRIP_MS)

        scene.trader.subscribe(hear)

    def recalibrate(scene: Scene) -> None:
        taken.append(scene.trader.snapshot.calibration)
        scene.trader.submit(Recalibrate())

    settings = Settings.model_validate({"scenario": "large-account"})
    played = play(
        settings, [(2, recalibrate)], seconds=2.3, key_pem=generate_private_key(), prepare=slow_when_connecting
    )
    taken.append(played.picture.calibration)
    assert played.picture.state.state in (TraderState.READY, TraderState.ACTING)
    assert (len(played.picture.positions), played.scene.server.faults.counts["reply_late"] >= 10) == (180, True)
    (reads,) = [row for row in played.picture.feed.gauges.latency if row.call == "read"]
    # Each list is one page of up to 1,000: one chain is one round trip, the slowest as slow as the slowest read.
    for steps in taken:
        assert all(step.status == "complete" and step.elapsed_ns is not None for step in steps)
        whole_us = max(step.elapsed_ns or 0 for step in steps) // 1_000
        assert whole_us >= ROUND_TRIP_MS * 1_000, "the replies were late"
        assert whole_us <= reads.p99_us * 1.2, f"{whole_us / reads.p99_us:.2f} of its slowest read"
