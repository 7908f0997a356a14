"""`backtest`: strategies over scenarios and seeds beside hold, random and the maker; a table, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.domain.errors import BadInput

if TYPE_CHECKING:
    from core.strategy.base import Strategy

EXAMPLE = "Example:  kalshi-trader backtest maker fair-value --scenarios calm,news-jump --seeds 1-20"
HEADS = ("strategy", "mean $", "95 % interval", "drawdown", "fills", "fees $", "markout 5s/30s ct")


def register(app: typer.Typer) -> None:
    app.command("backtest", help="Play strategies over scenarios and seeds and compare them.", epilog=EXAMPLE)(backtest)


def backtest(
    strategies: Annotated[list[str] | None, typer.Argument(help="By name or import path; none: maker.")] = None,
    scenarios: Annotated[str, typer.Option(help="Scenarios by name or TOML file, by commas.")] = "calm",
    seeds: Annotated[str, typer.Option(help="A-B, both included.")] = "1-20",
    seconds: Annotated[int, typer.Option(min=10, max=86_400, help="Virtual seconds of each run.")] = 120,
    markets: Annotated[int, typer.Option(min=1, max=100, help="How many markets are traded.")] = 4,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a parameter of the strategies named; may be repeated."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON.")] = None,
) -> int:
    from core.lab.arena import Terms
    from core.lab.backtest import BASELINES, looks_ahead, play
    from core.sim.scenarios import BadScenario, scenario_of
    from core.strategies import make_strategy
    from tui.commands.world import seed_range

    given = values_of(parameters or [])
    told = f" {' '.join(parameters)}" if parameters else ""
    makers: dict[str, Callable[[], Strategy]] = {
        f"{name}{told}": partial(make_strategy, name, given) for name in strategies or (["maker"] if given else [])
    }
    makers |= {name: partial(make_strategy, name, {}) for name in BASELINES if name not in makers}
    wanted, over = scenarios.split(","), seed_range(seeds)
    for make in makers.values():
        make()
    try:
        for scenario in wanted:
            scenario_of(scenario)
    except BadScenario as error:
        raise BadInput(f"--scenarios: {error}") from None
    if output is not None and not output.absolute().parent.is_dir():
        raise BadInput(f"--json {output}: there is no such folder")
    for name, make in makers.items():
        second = looks_ahead(make, Terms(seed=over[0], scenario=wanted[0], markets=markets))
        if second is not None:
            raise BadInput(
                f"strategy '{name}' acts in second {second} on what cannot be known then; its result is void"
            )
    total = len(makers) * len(wanted) * len(over)
    with typer.progressbar(length=total, file=sys.stderr, label="runs") as bar:
        report = play(makers, wanted, over, seconds, markets, lambda: bar.update(1))
    for scenario, rows in report["scenarios"].items():
        _print(scenario, rows, len(over), seconds, markets)
    if output is not None:
        output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def values_of(words: list[str]) -> dict[str, Decimal]:
    """`NAME=VALUE` as the configuration's `strategy_parameters` has them; BadInput."""
    found: dict[str, Decimal] = {}
    for word in words:
        name, sign, value = word.partition("=")
        try:
            found[name] = Decimal(value)
        except InvalidOperation:
            sign = ""
        if not name or not sign or not found[name].is_finite():
            raise BadInput(f"--set {word}: write NAME=VALUE with a number, such as size=5")
    return found


def _print(scenario: str, rows: list[dict[str, Any]], seeds: int, seconds: int, markets: int) -> None:
    from core.lab.backtest import words

    typer.echo(f"\n{scenario}: {seeds} seeds of {seconds} s in {markets} markets; money at what leaving would bring")
    table = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(HEADS))]
    for line in table:
        cells = (f"{c:<{w}}" if n == 0 else f"{c:>{w}}" for n, (c, w) in enumerate(zip(line, widths, strict=True)))
        typer.echo("  ".join(cells).rstrip())
    for row in rows:
        typer.echo(f"  {words(row)}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    marks = "/".join("-" if mark is None else f"{mark:+.2f}" for mark in row["markouts"].values())
    between = "-" if row["low"] is None else f"{row['low']:+.2f} to {row['high']:+.2f}"
    return (
        row["strategy"], f"{row['mean']:+.2f}", between, f"{row['drawdown']:.2f}",
        f"{row['fills']:.1f}", f"{row['fees']:.2f}", marks,
    )  # fmt: skip
