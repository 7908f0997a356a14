"""The two policies everything is measured against: hold, which does nothing, and random, which does anything."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any

from core.domain.amounts import contracts
from core.domain.ids import Ticker
from core.strategy.actions import ACTIONS, HOLD, act
from core.strategy.base import Decision, MarketView, Strategy
from core.strategy.parameters import Parameters, bounded

MASK = (1 << 64) - 1
MS_PER_S = 1_000


class Hold(Strategy):
    """Wishes nothing, ever."""

    name = "hold"
    text = "wishes nothing: what doing nothing earns"

    def decide(self, view: MarketView, memory: Any) -> Decision:
        return Decision(said="hold", no_bid="hold wishes nothing", no_ask="hold wishes nothing", memory=memory)


class RandomParameters(Parameters, frozen=True, kw_only=True):
    inventory: Annotated[int, bounded("contracts", 1, contracts(100_000), "position at most")] = contracts(40)
    every: Annotated[int, bounded("seconds", 1, 3_600, "seconds between actions")] = 1
    seed: Annotated[int, bounded("whole", 0, 1 << 32, "another seed, other actions")] = 1


class Randomly(Strategy):
    """Picks any action of the action space; its chance is part of its memory, so that it repeats."""

    name = "random"
    text = "any action of the learned policy's action space: what chance earns"
    kind = RandomParameters
    parameters: RandomParameters

    def begin(self, ticker: Ticker) -> list[int]:
        seed = blake2b(f"{self.parameters.seed}:{ticker}".encode(), digest_size=8).digest()
        return [int.from_bytes(seed), 0]

    def decide(self, view: MarketView, memory: Any) -> Decision:
        chance, acted_ms = memory
        if view.at_ms - acted_ms < self.parameters.every * MS_PER_S:
            held = act(view, HOLD, self.parameters.inventory)
            return Decision(quotes=held.quotes, said=held.said, memory=memory)
        chance, drawn = _next(chance)
        found = act(view, drawn % ACTIONS, self.parameters.inventory)
        return Decision(quotes=found.quotes, said=found.said, memory=[chance, view.at_ms])


def _next(state: int) -> tuple[int, int]:
    """SplitMix64: the next state and number."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return state, z ^ (z >> 31)
