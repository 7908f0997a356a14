"""The running strategy in one answer: switch, parameters with their bounds, memory, the last decisions. Only looks."""

from __future__ import annotations

from core.engine.engine import Engine
from core.strategy.parameters import changed, fields_of
from core.trading.inquiry import ParameterView, StrategyReport


def strategy_report(engine: Engine) -> StrategyReport:
    """Of this moment."""
    actor = engine.actor
    strategy = actor.strategy
    return StrategyReport(
        name=strategy.name,
        text=strategy.text,
        off=actor.off,
        made=actor.decisions.made,
        dropped=actor.decisions.dropped,
        parameters=tuple(
            ParameterView(
                name=f.name, value=f.shown(getattr(strategy.parameters, f.name)), low=f.shown(f.low),
                high=f.shown(f.high), unit=f.unit, text=f.text,
            )
            for f in fields_of(type(strategy.parameters))
        ),
        memory=tuple(actor.memories().items()),
        decisions=actor.decisions.all(),
    )  # fmt: skip


def parameter_refusal(engine: Engine, name: str, value: str) -> str:
    """Why the running strategy would not take this value, by the rule that will judge it; "" when it would."""
    try:
        changed(engine.actor.strategy.parameters, {name: value})
    except ValueError as error:
        return str(error)
    return ""
