"""TradingEnvironment: one living market as a Gymnasium environment. Needs the extra `learn`.

A step is a virtual second: an action of the action space, both latency legs, the venue's matching, and the very
observation that the live trader makes. The reward is what the step earned in dollars, after fees, with positions at
what leaving would bring. An episode is as long as it was asked for and never ends by itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv

from core.domain.amounts import MONEY_SCALE, contracts
from core.lab.arena import Arena, Terms
from core.mind.observation import FEATURES, HISTORY, SIZE, LiveObservationAdapter, Vector, Window
from core.strategy.actions import ACTIONS, HOLD, act
from core.strategy.base import Decision, MarketView, Strategy

LOW = np.tile(np.array([f.low for f in FEATURES], np.float32), HISTORY)
HIGH = np.tile(np.array([f.high for f in FEATURES], np.float32), HISTORY)


class _Told(Strategy):
    """Does what it was told from outside."""

    action = HOLD
    inventory = contracts(40)

    def decide(self, view: MarketView, memory: Any) -> Decision:
        return act(view, self.action, self.inventory)


class TradingEnvironment(gymnasium.Env[Vector, int]):
    """`info["wrong"]` names what is out of range: then the action is hold, as it is live, and the vector is clipped.

    `light`: among a crowd with fewer turns, for speed.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium's own form
    render_mode = None

    def __init__(self, scenario: str = "calm", seconds: int = 120, *, light: bool = False) -> None:
        self.observation_space = gymnasium.spaces.Box(LOW, HIGH, (SIZE,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(ACTIONS)  # type: ignore[assignment]
        self._terms, self._seconds = Terms(seed=0, scenario=scenario, markets=1, light=light), seconds
        self._adapter, self._told = LiveObservationAdapter(), _Told()
        self._arena: Arena | None = None
        self._window, self._wrong, self._vector = Window(), "", np.zeros(SIZE, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """A fresh venue; the same seed, the same market. Without a seed the next of the environment's own chance."""
        super().reset(seed=seed)
        chosen = int(self.np_random.integers(2**31))
        self._arena = Arena(replace(self._terms, seed=chosen))
        self._window = Window()
        return self._observe(), {"wrong": self._wrong}

    def step(self, action: int) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        arena = self._arena
        assert arena is not None, "reset comes first"
        before = arena.worth()
        self._told.action = HOLD if self._wrong else int(action)
        arena.second(self._told)
        earned = (arena.worth() - before) / MONEY_SCALE
        truncated = len(arena.ledger.equity) >= self._seconds
        info = {"wrong": self._wrong, "fills": len(arena.account.fills), "fees": int(arena.account.fees) / MONEY_SCALE}
        return self._observe(), earned, False, truncated, info

    def _observe(self) -> Vector:
        assert self._arena is not None
        view = self._arena.view(self._arena.traded[0])
        if view is None:
            self._wrong = "the market is not tradable"
            return self._vector
        observation, self._window = self._adapter.observe(view, self._window)
        self._wrong = observation.wrong
        self._vector = np.clip(observation.vector, LOW, HIGH)
        return self._vector


def make_vector(count: int, scenario: str = "calm", seconds: int = 120, *, light: bool = False) -> AsyncVectorEnv:
    """So many environments, each in a process of its own."""
    return AsyncVectorEnv([lambda: TradingEnvironment(scenario, seconds, light=light)] * count)
