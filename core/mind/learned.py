"""Learned: a policy that was trained. Observation, network, one of 21 actions; the road is every strategy's.

Where the observation says that something is out of range or too old, it holds, and says what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from core.domain.amounts import contracts
from core.domain.ids import Ticker
from core.mind.network import Model, load
from core.mind.observation import LiveObservationAdapter, Window, spec_digest
from core.strategy.actions import HOLD, act
from core.strategy.base import Decision, MarketView, Strategy
from core.strategy.parameters import Parameters, bounded

SHIPPED = Path(__file__).parent / "models" / "calm.npz"


class LearnedParameters(Parameters, frozen=True, kw_only=True):
    inventory: Annotated[int, bounded("contracts", 1, contracts(100_000), "position at most")] = contracts(40)


class Learned(Strategy):
    name = "learned"
    text = "a trained network over the observation of a market; path/to/model.npz or .onnx names another model"
    kind = LearnedParameters
    memory_version = spec_digest()
    memory_lasts_s = 60  # rows of another minute are not what it learned from
    parameters: LearnedParameters

    def __init__(self, parameters: Parameters | None = None, network: Model | None = None) -> None:
        super().__init__(parameters)
        self.network: Model = network or load(SHIPPED)
        self._adapter = LiveObservationAdapter()

    def begin(self, ticker: Ticker) -> Window:
        return Window()

    def decide(self, view: MarketView, memory: Any) -> Decision:
        observation, window = self._adapter.observe(view, memory)
        action = HOLD if observation.wrong else self.network.action(observation.vector)
        found = act(view, action, self.parameters.inventory)
        said = f"hold: {observation.wrong}" if observation.wrong else found.said
        return Decision(
            quotes=found.quotes, said=said, no_bid=said, no_ask=said, wrong=observation.wrong, memory=window
        )
