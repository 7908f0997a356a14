"""Learning: evolution strategies in numpy alone. Noise around the weights, played out, weighs the next step.

Every generation tries pairs of opposite noise on the same seeds, so that a pair's difference is the noise's doing and
not the market's; ranks stand in for results, so that one lucky run does not lead. Chance of a generation hangs on seed
and number only: a run that was interrupted and resumed learns what it would have learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadInput
from core.lab.arena import Terms
from core.lab.backtest import Estimate, estimate, run_once
from core.mind.learned import Learned
from core.mind.network import MOST_BYTES, from_flat, read_arrays, weights_count
from core.mind.observation import spec_digest
from core.strategies import make_strategy

Floats = NDArray[np.float32]
TRAINING_SEEDS = (1_000_000, 2_000_000)  # backtests begin at 1: what is learned on is not what is judged on
CHECKPOINT_BYTES = 8 * MOST_BYTES  # three rows of numbers twice as long
BETAS, TINY = (0.9, 0.999), 1e-8


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a trained policy hangs on; it stands on the model's card."""

    seed: int = 1
    generations: int = 150
    pairs: int = 16
    episodes: int = 2
    seconds: int = 60
    markets: int = 1
    scenario: str = "calm"
    hidden: int = 16
    noise: float = 0.1
    step: float = 0.05
    decay: float = 0.001
    light: bool = False


@dataclass(slots=True)
class Progress:
    """Where learning stands: weights and the moments of the step (Adam), after so many generations."""

    recipe: Recipe
    weights: Floats
    first: Floats
    second: Floats
    generation: int = 0


def begin(recipe: Recipe) -> Progress:
    """Untrained: small random weights."""
    size = weights_count(recipe.hidden)
    weights = np.random.default_rng([recipe.seed, 0]).standard_normal(size).astype(np.float32) * np.float32(0.1)
    return Progress(recipe, weights, np.zeros(size, np.float32), np.zeros(size, np.float32))


def episode(task: tuple[Floats, Recipe, int]) -> float:
    """What weights earn on one seed, in dollars after fees."""
    weights, recipe, seed = task
    policy = Learned(network=from_flat(weights, recipe.hidden))
    terms = Terms(seed=seed, scenario=recipe.scenario, markets=recipe.markets, light=recipe.light)
    return run_once(policy, terms, recipe.seconds).pnl


def generation(progress: Progress, play: Callable[[list[tuple[Floats, Recipe, int]]], Iterable[float]]) -> float:
    """One generation; returns the mean result of all that was tried."""
    recipe = progress.recipe
    chance = np.random.default_rng([recipe.seed, progress.generation + 1])
    noise = chance.standard_normal((recipe.pairs, progress.weights.size)).astype(np.float32)
    seeds = chance.integers(*TRAINING_SEEDS, size=(recipe.pairs, recipe.episodes)).tolist()
    tasks = [
        (progress.weights + np.float32(sign * recipe.noise) * noise[pair], recipe, seed)
        for pair in range(recipe.pairs)
        for sign in (1, -1)
        for seed in seeds[pair]
    ]
    results = np.array(list(play(tasks))).reshape(recipe.pairs, 2, recipe.episodes).mean(axis=2)
    ahead = results[:, 0] - results[:, 1]
    ranks = np.sign(ahead) * (np.argsort(np.argsort(np.abs(ahead))) + 1) / recipe.pairs
    slope = (ranks.astype(np.float32) @ noise) / np.float32(recipe.pairs * recipe.noise)
    _climb(progress, slope - np.float32(recipe.decay) * progress.weights)
    return float(results.mean())


def _climb(progress: Progress, slope: Floats) -> None:
    """One step uphill (Adam)."""
    progress.generation += 1
    n, (b1, b2) = progress.generation, BETAS
    progress.first = (b1 * progress.first + (1 - b1) * slope).astype(np.float32)
    progress.second = (b2 * progress.second + (1 - b2) * slope * slope).astype(np.float32)
    step = progress.recipe.step * (progress.first / (1 - b1**n)) / (np.sqrt(progress.second / (1 - b2**n)) + TINY)
    progress.weights = (progress.weights + step).astype(np.float32)


def keep(progress: Progress, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as out:
        np.savez(
            out, weights=progress.weights, first=progress.first, second=progress.second,
            generation=np.int64(progress.generation), spec=np.str_(spec_digest()),
            recipe=np.str_(msgspec.json.encode(progress.recipe).decode()),
        )  # fmt: skip
    beside.replace(path)


def resume(path: Path, recipe: Recipe) -> Progress:
    """Go on from a checkpoint of the same recipe, perhaps with more generations; BadInput where it is another's."""
    try:
        found = read_arrays(path, CHECKPOINT_BYTES)
        kept = msgspec.json.decode(str(found["recipe"]), type=Recipe)
        progress = Progress(recipe, found["weights"], found["first"], found["second"], int(found["generation"]))
        spec = str(found["spec"])
        if len({found[name].shape for name in ("weights", "first", "second")} | {(weights_count(kept.hidden),)}) > 1:
            raise ValueError("its arrays do not fit the recipe")
    except (OSError, ValueError, KeyError, TypeError, RecursionError, msgspec.DecodeError) as error:
        raise BadInput(f"checkpoint {path}: cannot be gone on from ({error}); remove it to begin anew") from None
    if msgspec.structs.replace(kept, generations=recipe.generations) != recipe or spec != spec_digest():
        raise BadInput(f"checkpoint {path}: belongs to another recipe; remove it or name another model file")
    return progress


def judge(progress: Progress, seeds: Iterable[int], executor: Executor) -> dict[str, Estimate]:
    """What the policy earns on seeds it never saw, and its difference to hold, random, maker and its untrained self,
    seed by seed; always among the whole crowd.
    """
    recipe, seeds = msgspec.structs.replace(progress.recipe, light=False), list(seeds)
    own = list(executor.map(episode, [(progress.weights, recipe, seed) for seed in seeds], chunksize=4))
    untrained = begin(recipe).weights
    others: dict[str, list[float]] = {
        "untrained": list(executor.map(episode, [(untrained, recipe, seed) for seed in seeds], chunksize=4)),
        "hold": [0.0] * len(seeds),
    }
    for name in ("random", "maker"):
        others[name] = list(executor.map(baseline, [(name, recipe, seed) for seed in seeds], chunksize=4))
    found = {"own": estimate(own)}
    for name, base in others.items():
        found[name] = estimate([a - b for a, b in zip(own, base, strict=True)])
    return found


def baseline(task: tuple[str, Recipe, int]) -> float:
    """What a named strategy earns on one seed."""
    name, recipe, seed = task
    terms = Terms(seed=seed, scenario=recipe.scenario, markets=recipe.markets, light=recipe.light)
    return run_once(make_strategy(name, {}), terms, recipe.seconds).pnl


def card(progress: Progress, judged: dict[str, Estimate], seeds: range) -> dict[str, Any]:
    """What a model says of itself."""
    return {
        "method": "evolution strategies, antithetic pairs, ranks, Adam; numpy",
        "recipe": msgspec.to_builtins(progress.recipe),
        "generations_done": progress.generation,
        "trained_on": f"simulated exchange, scenario {progress.recipe.scenario}, seeds {TRAINING_SEEDS[0]} and up",
        "judged_on": f"seeds {seeds[0]}-{seeds[-1]}, never trained on",
        "result_dollars": {
            name: {"mean": e.mean, "low": e.low, "high": e.high, "verdict": e.word} for name, e in judged.items()
        },
    }
