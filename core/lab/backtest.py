"""Backtest: strategies over scenarios and seeds, beside hold, random and the maker, in words that do not flatter.

Every strategy meets the same seeds, so strategies are compared seed by seed. Intervals are of the mean over seeds, at
95 %, by Student's t. Where one holds zero, the report says that the result cannot be told from chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from core.domain.amounts import MONEY_SCALE, PRICE_SCALE
from core.lab.arena import NS, Arena, Terms, first_difference
from core.strategy.base import Strategy

BASELINES = ("hold", "random", "maker")
MARKOUT_S = (5, 30)
NORMAL_975 = 1.959964
FEW_975 = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One strategy in one arena. Money in dollars, markouts in cents a contract (positive: the price went our way)."""

    seed: int
    pnl: float
    drawdown: float
    fills: int
    contracts: float
    fees: float
    markouts: tuple[float | None, ...]
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """`gain`, `loss`, or `chance` where the interval holds zero."""
        return "gain" if self.low > 0 else "loss" if self.high < 0 else "chance"


def run_once(strategy: Strategy, terms: Terms, seconds: int) -> Run:
    """Play one arena to its end."""
    arena = Arena(terms)
    begun = arena.worth()
    for _ in range(seconds):
        arena.second(strategy)
    highest, drawdown = begun, 0
    for worth in arena.ledger.equity:
        highest = max(highest, worth)
        drawdown = max(drawdown, highest - worth)
    fills = arena.account.fills
    return Run(
        seed=terms.seed,
        pnl=(arena.worth() - begun) / MONEY_SCALE,
        drawdown=drawdown / MONEY_SCALE,
        fills=len(fills),
        contracts=sum(fill.trade.count for fill in fills) / 100,
        fees=int(arena.account.fees) / MONEY_SCALE,
        markouts=tuple(_markout(arena, after) for after in MARKOUT_S),
        refused=arena.ledger.refused,
    )


def _markout(arena: Arena, after_s: int) -> float | None:
    """How far the middle was on our side of the fill price so much later, a contract, in cents."""
    total = weight = 0.0
    for fill in arena.account.fills:
        trade = fill.trade
        begun_ns = arena.now_ns - len(arena.ledger.equity) * NS
        at = (trade.at_ns - begun_ns) // NS + after_s
        middles = arena.ledger.middles[trade.market.ticker]
        if 0 <= at < len(middles):
            total += (middles[at] - trade.price) * fill.order.side.sign * trade.count
            weight += trade.count
    return total / weight / (PRICE_SCALE / 100) if weight else None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval by Student's t; without an interval (infinite) below two values."""
    mean = fmean(values)
    if len(values) < 2:
        return Estimate(mean=mean, low=-math.inf, high=math.inf)
    half = student_975(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean=mean, low=mean - half, high=mean + half)


def student_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t: few degrees of freedom by table, else Cornish and Fisher's expansion."""
    if freedom <= len(FEW_975):
        return FEW_975[freedom - 1]
    z, n = NORMAL_975, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def row(name: str, runs: Sequence[Run], others: dict[str, Sequence[Run]]) -> dict[str, Any]:
    """One line of the report; `against` holds the difference to each other strategy, seed by seed."""
    own = estimate([run.pnl for run in runs])
    against = {
        other: estimate([run.pnl - base.pnl for run, base in zip(runs, bases, strict=True)])
        for other, bases in others.items()
        if other != name
    }
    marks = []
    for n in range(len(MARKOUT_S)):
        known = [m for run in runs if (m := run.markouts[n]) is not None]
        marks.append(fmean(known) if known else None)
    return {
        "strategy": name,
        "mean": own.mean,
        "low": _bound(own.low),
        "high": _bound(own.high),
        "verdict": own.word,
        "drawdown": fmean(run.drawdown for run in runs),
        "fills": fmean(run.fills for run in runs),
        "contracts": fmean(run.contracts for run in runs),
        "fees": fmean(run.fees for run in runs),
        "markouts": dict(zip((f"{s}s" for s in MARKOUT_S), marks, strict=True)),
        "refused": fmean(run.refused for run in runs),
        "against": {k: _plain(e) for k, e in against.items()},
    }


def _bound(value: float) -> float | None:
    """A bound of an interval as JSON can say it: None where it is infinite."""
    return value if math.isfinite(value) else None


def _plain(e: Estimate) -> dict[str, Any]:
    return {"mean": e.mean, "low": _bound(e.low), "high": _bound(e.high), "verdict": e.word}


def words(line: dict[str, Any]) -> str:
    """A row's results in plain words."""
    kinds = {"gain": "makes money", "loss": "loses money", "chance": "is indistinguishable from chance"}
    refused = f" ({line['refused']:.1f} orders a run are refused)" if line["refused"] else ""
    told = [kinds[line["verdict"]] if line["fills"] else f"never trades{refused}"]
    kinds = {"gain": "better than", "loss": "worse than", "chance": "indistinguishable from"}
    told += [f"{kinds[found['verdict']]} {other}" for other, found in line["against"].items()]
    return f"{line['strategy']} {', '.join(told)}"


def looks_ahead(
    make: Callable[[], Strategy], terms: Terms, seconds: int = 20, arena: type[Arena] = Arena
) -> int | None:
    """The second in which a strategy, or the arena itself, acts on what cannot be known yet; None when that never is.

    Two runs of one seed. In the second one, news that nobody announced moves every market one nanosecond after the last
    decisions were made: until then both runs must be alike, view by view and wish by wish.
    """
    traces = []
    for disturbed in (False, True):
        found, strategy = arena(terms), make()
        found.ledger.trace = []
        if disturbed:
            found.venue.at(found.now_ns + (seconds - 1) * NS + 1, found.disturb)
        for _ in range(seconds):
            found.second(strategy)
        traces.append(found.ledger.trace)
    differs = first_difference(*traces)
    return None if differs is None else differs // len(found.traded)


def play(
    strategies: dict[str, Callable[[], Strategy]],
    scenarios: Iterable[str],
    seeds: Iterable[int],
    seconds: int,
    markets: int,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Every strategy in every scenario over every seed; the report as plain data."""
    seeds = list(seeds)
    report: dict[str, Any] = {"seconds": seconds, "markets": markets, "seeds": seeds, "scenarios": {}}
    for scenario in scenarios:
        found: dict[str, list[Run]] = {}
        for name, make in strategies.items():
            found[name] = []
            for seed in seeds:
                found[name].append(run_once(make(), Terms(seed=seed, scenario=scenario, markets=markets), seconds))
                done()
        report["scenarios"][scenario] = [
            row(name, runs, {b: found[b] for b in BASELINES if b in found}) for name, runs in found.items()
        ]
    return report
