"""Learning: it repeats itself, goes on where it stopped, is judged on what it never saw, and its models trade."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import BadInput
from core.lab import learning
from core.mind.network import load
from core.strategies import make_strategy
from tui.__main__ import invoke

RECIPE = learning.Recipe(generations=2, pairs=2, episodes=1, seconds=5, hidden=4)


def learned(generations: int) -> learning.Progress:
    progress = learning.begin(RECIPE)
    for _ in range(generations):
        learning.generation(progress, lambda tasks: map(learning.episode, tasks))
    return progress


def test_what_is_learned_hangs_on_the_seed_alone_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = learned(2)
    assert np.array_equal(whole.weights, learned(2).weights)
    assert not np.array_equal(whole.weights, learning.begin(RECIPE).weights)
    learning.keep(learned(1), tmp_path / "c.npz")
    resumed = learning.resume(tmp_path / "c.npz", RECIPE)
    assert resumed.generation == 1
    learning.generation(resumed, lambda tasks: map(learning.episode, tasks))
    assert np.array_equal(resumed.weights, whole.weights)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    learning.keep(learning.begin(RECIPE), path)
    with pytest.raises(BadInput, match="belongs to another recipe"):
        learning.resume(path, learning.Recipe(hidden=5))
    path.write_bytes(b"no checkpoint")
    with pytest.raises(BadInput, match="cannot be gone on from"):
        learning.resume(path, RECIPE)


def test_it_climbs_where_there_is_something_to_climb() -> None:
    """The same step on a hill whose top is known: the noise is weighed the right way round."""
    progress = learning.begin(learning.Recipe(hidden=1, pairs=24, episodes=1))
    top = np.full_like(progress.weights, 0.5)

    def away(weights: learning.Floats) -> float:
        return float(np.square(weights - top).sum())

    before = away(progress.weights)
    for _ in range(40):
        learning.generation(progress, lambda tasks: [-away(task[0]) for task in tasks])
    assert away(progress.weights) < before / 2


def test_the_judgement_is_seed_by_seed_and_the_untrained_self_is_no_better_than_itself() -> None:
    with ThreadPoolExecutor(1) as executor:
        found = learning.judge(learning.begin(RECIPE), range(1, 4), executor)
    assert set(found) == {"own", "untrained", "hold", "random", "maker"}
    assert (found["untrained"].mean, found["untrained"].word) == (0, "chance")
    assert found["hold"] == found["own"]


@pytest.mark.wide
def test_the_command_writes_a_model_with_its_card_that_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.npz"
    arguments = ["--generations", "1", "--pairs", "2", "--episodes", "1", "--seconds", "5", "--hidden", "4"]
    assert invoke(["train", str(path), *arguments, "--held-out", "1-2"]) == 0
    assert "against untrained" in capsys.readouterr().out
    card = load(path).card
    assert card["recipe"]["seed"] == 1
    assert card["judged_on"] == "seeds 1-2, never trained on"
    assert make_strategy(str(path), {"inventory": 10}).name == "learned"


@pytest.mark.parametrize(
    "wrong",
    [
        ["m.txt"],
        ["no/such/m.npz"],
        ["m.npz", "--scenario", "none"],
        ["m.npz", "--held-out", "1-1000000"],
        ["m.npz", "--held-out", "x"],
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["train", *wrong]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert (wrong[1:] or wrong)[0] in line


@pytest.mark.wide
def test_interrupted_it_ends_at_once_in_one_line_and_the_same_line_goes_on(tmp_path: Path) -> None:
    """As ^C does it: every process of the group gets the signal, also the ones that play; and it is pressed again while
    the first is still ending what plays.
    """
    sizes = ["--pairs", "2", "--episodes", "1", "--seconds", "5", "--hidden", "4", "--held-out", "1-2"]
    line = [sys.executable, "-m", "tui", "train", str(tmp_path / "m.npz"), *sizes, "--generations"]
    environment = os.environ | {"PYTHONPATH": str(Path(learning.__file__).parents[2])}
    kept = tmp_path / "m.checkpoint.npz"
    # A lane begun in the background of a shell ignores ^C, and what it begins would, too.
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        [*line, "4000"], stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment, cwd=tmp_path,
        preexec_fn=hears,
    ) as process:  # fmt: skip
        try:
            until = time.monotonic() + 40
            while not kept.exists():
                assert time.monotonic() < until
                time.sleep(0.05)
            for _ in range(20):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                time.sleep(0.005)
            _, told = process.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert "Traceback" not in told
    assert "the same line goes on" in told.splitlines()[-1]
    with np.load(kept) as file:
        done = int(file["generation"])
    assert done >= 1
    recipe = learning.Recipe(generations=done, pairs=2, episodes=1, seconds=5, hidden=4)
    assert learning.resume(kept, recipe).generation == done
