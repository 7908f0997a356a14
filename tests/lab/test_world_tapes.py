"""The tape of a world, with all its faults, comes out as recorded."""

from pathlib import Path
from typing import Any

import pytest

from core.lab import runner
from core.lab.plan import draw
from core.lab.stage import WorldTrader
from core.replay import Replay


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.wide), pytest.param(3, marks=pytest.mark.wide)])
def test_the_tape_of_a_world_replays_without_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    path = tmp_path / "world.tape"

    class Recorded(WorldTrader):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more, record=path)

    monkeypatch.setattr(runner, "WorldTrader", Recorded)
    world = runner.play(draw(seed, "slow", 60))
    replay = Replay(path)
    for _ in replay.play():
        pass
    assert replay.divergence is None, replay.divergence.lines()
    assert replay.complete and replay.steps > 300
    assert world.seconds >= 60
