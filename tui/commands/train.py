"""`train`: learn a policy by evolution strategies, with checkpoints, and judge it on seeds it never saw."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.domain.enums import ExitCode
from core.domain.errors import BadInput

EXAMPLE = "Example:  kalshi-trader train mine.npz --generations 150 --jobs 2   then   kalshi-trader --strategy mine.npz"


def register(app: typer.Typer) -> None:
    app.command("train", help="Train a policy on the simulated exchange.", epilog=EXAMPLE)(train)


def _deaf() -> None:
    """For one that is begun later, in place of another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def players(jobs: int) -> ProcessPoolExecutor:
    """Processes that play. ^C is for this one alone: they never hear it, or one would die in the middle of a message
    and leave everybody waiting.
    """
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is ignored stays so in the processes begun now
    try:
        executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _deaf)
        for _ in range(jobs):
            executor.submit(int)  # each begins one, as long as none is idle
    finally:
        signal.signal(signal.SIGINT, heard)
    return executor


@contextmanager
def heard_once() -> Iterator[None]:
    """^C interrupts once: a second one, into the end of the first, would leave a process that waits for ever."""

    def ring(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def train(
    model: Annotated[Path, typer.Argument(help="The model file to write, .npz; its checkpoint lies beside it.")],
    generations: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many steps to learn.")] = 150,
    pairs: Annotated[int, typer.Option(min=2, max=10_000, help="Pairs of opposite noise tried a generation.")] = 16,
    episodes: Annotated[int, typer.Option(min=1, max=1_000, help="Seeds each of a pair is tried on.")] = 2,
    seconds: Annotated[int, typer.Option(min=5, max=86_400, help="Virtual seconds of an episode.")] = 60,
    markets: Annotated[int, typer.Option(min=1, max=100, help="Markets traded in an episode.")] = 1,
    scenario: Annotated[str, typer.Option(help="Scenario of the simulated exchange, or a TOML file.")] = "calm",
    hidden: Annotated[int, typer.Option(min=1, max=1_024, help="Hidden units.")] = 16,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Everything that chance decides.")] = 1,
    light: Annotated[
        bool, typer.Option(help="Among a crowd with fewer turns: faster; judged among the whole.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    held_out: Annotated[str, typer.Option(help="Seeds to judge on, A-B.")] = "1-200",
) -> int:
    from core.lab import learning
    from core.mind.network import from_flat, save
    from core.sim.scenarios import BadScenario, scenario_of
    from tui.commands.world import seed_range

    if model.suffix != ".npz" or not model.absolute().parent.is_dir():
        raise BadInput(f"{model}: name an .npz file in an existing folder")
    try:
        scenario_of(scenario)
    except BadScenario as error:
        raise BadInput(f"--scenario: {error}") from None
    judged_on = seed_range(held_out, "--held-out")
    if judged_on[-1] >= learning.TRAINING_SEEDS[0]:
        raise BadInput(f"--held-out: seeds from {learning.TRAINING_SEEDS[0]} on are trained on; judge on smaller ones")
    recipe = learning.Recipe(
        seed=seed, generations=generations, pairs=pairs, episodes=episodes, seconds=seconds, markets=markets,
        scenario=scenario, hidden=hidden, light=light,
    )  # fmt: skip
    checkpoint = model.with_suffix(".checkpoint.npz")
    progress = learning.resume(checkpoint, recipe) if checkpoint.exists() else learning.begin(recipe)
    with heard_once(), players(jobs) as executor:
        try:
            with typer.progressbar(length=generations, file=sys.stderr, label="generations") as bar:
                bar.update(progress.generation)
                while progress.generation < generations:
                    learning.generation(progress, lambda tasks: executor.map(learning.episode, tasks, chunksize=4))
                    learning.keep(progress, checkpoint)
                    bar.update(1)
            typer.echo(f"judging on seeds {held_out}, which it never saw", err=True)
            judged = learning.judge(progress, judged_on, executor)
        except KeyboardInterrupt:
            executor.shutdown(cancel_futures=True)
            typer.echo(f"\nstopped; {checkpoint.name} has every whole generation: the same line goes on", err=True)
            return int(ExitCode.INTERNAL)
    save(from_flat(progress.weights, hidden, learning.card(progress, judged, judged_on)), model)
    typer.echo(f"wrote {model}")
    for name, found in judged.items():
        against = "earned" if name == "own" else f"against {name}"
        word = {"gain": "better", "loss": "worse", "chance": "indistinguishable from chance"}[found.word]
        typer.echo(f"  {against:<18} {found.mean:+.3f} $ a run ({found.low:+.3f} to {found.high:+.3f}): {word}")
    return 0
