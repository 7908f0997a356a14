"""`strategy list|new|set|on|off`: which strategies there are, a template for your own, and the running one's knobs."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Annotated

import typer

from core.domain.errors import BadInput
from tui.commands.control import send
from tui.commands.sessions import on_session

STRATEGY = '''"""{title}: a strategy of your own; docs/strategies.md says what a view holds and a decision may wish."""

from __future__ import annotations

from typing import Annotated, Any

from core.domain.amounts import Count, contracts
from core.domain.enums import BookSide
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.strategy.parameters import Parameters, bounded


class {title}Parameters(Parameters, frozen=True, kw_only=True):
    """Amounts are integers: contracts in hundredths (Count), prices in ten-thousandths of a dollar (Price)."""

    size: Annotated[int, bounded("contracts", 1, contracts(1_000), "contracts a quote")] = contracts(5)
    inventory: Annotated[int, bounded("contracts", 1, contracts(10_000), "position at most")] = contracts(20)


class {title}(Strategy):
    name = "{name}"
    text = "joins the best price on both sides, up to its inventory"
    kind = {title}Parameters
    parameters: {title}Parameters

    def decide(self, view: MarketView, memory: Any) -> Decision:
        """A function of parameters, view and memory, of nothing else: no clock, no chance, no network."""
        quotes = []
        for side, price in ((BookSide.BID, view.best_bid), (BookSide.ASK, view.best_ask)):
            room = self.parameters.inventory - view.position * side.sign
            if price is not None and room > 0:
                count = Count(min(self.parameters.size, room))
                quotes.append(Quote(ticker=view.ticker, side=side, price=price, count=count))
        return Decision(quotes=tuple(quotes), said="joins", memory=memory)
'''

TEST = '''"""Run with pytest in this folder."""

from {module} import {title}

from core.domain.amounts import Count, Price
from core.domain.ids import Ticker
from core.market.grid import PriceGrid
from core.strategy.base import MarketView


def view(position: int = 0) -> MarketView:
    return MarketView(
        ticker=Ticker("KXTEST"), grid=PriceGrid(()), best_bid=Price(4_500), best_ask=Price(4_700),
        position=Count(position),
    )  # fmt: skip


def test_it_joins_both_sides() -> None:
    quotes = {title}().decide(view(), None).quotes
    assert [quote.price for quote in quotes] == [4_500, 4_700]


def test_it_stops_buying_at_its_inventory() -> None:
    quotes = {title}().decide(view(position=2_000), None).quotes
    assert [quote.side.value for quote in quotes] == ["ask"]
'''


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Strategies: list, template, knobs.", rich_markup_mode=None, no_args_is_help=True)
    for word, text, example, command in (
        ("list", "Print every strategy and its parameters.", "list", show),
        ("new", "Write a template and its test into this folder.", "new mine", new),
        ("set", "Change a parameter of the running strategy.", "set size 3", on_session(change)),
        ("on", "Switch the running trader's strategy on again.", "on", on_session(on)),
        ("off", "Switch the running trader's strategy off and cancel its orders.", "off", on_session(off)),
    ):
        group.command(word, help=text, epilog=f"Example:  kalshi-trader strategy {example}")(command)
    app.add_typer(group, name="strategy", epilog="Example:  kalshi-trader strategy list")


def show(
    named: Annotated[str, typer.Argument(help="One by name or import path; empty: all that are here.")] = "",
) -> int:
    from core.strategies import NAMES, strategy_class
    from core.strategy.parameters import fields_of

    for name in (named,) if named else NAMES:
        kind = strategy_class(name)
        typer.echo(f"{name}: {kind.text}")
        for field in fields_of(kind.kind):
            default, low, high = (field.shown(value) for value in (field.default, field.low, field.high))
            typer.echo(f"  {field.name:<12} {default:>8} {field.unit:<10} {low} to {high}: {field.text}")
    return 0


def new(name: Annotated[str, typer.Argument(help="A Python name in small letters, such as mine.")]) -> int:
    """Never writes over a file."""
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or not name.isascii():
        raise BadInput(f"'{name[:60]}' cannot name a module; use small letters, digits and _, such as my_maker")
    title = "".join(part.capitalize() for part in name.split("_")) or "Mine"
    words = {"name": name, "title": title, "module": name}
    texts = {Path(f"{name}.py"): STRATEGY, Path(f"test_{name}.py"): TEST}
    for path in texts:
        if path.exists():
            raise BadInput(f"{path} is there already; choose another name")
    for path, text in texts.items():
        path.write_text(text.format(**words), encoding="utf-8")
    typer.echo(f"wrote {name}.py and test_{name}.py; try: pytest test_{name}.py")
    typer.echo(f"use it: kalshi-trader --strategy {name}.py:{title}, or in the configuration:")
    typer.echo(f'strategy = "{name}.py:{title}"')
    return 0


def change(
    folder: Path,
    name: Annotated[str, typer.Argument(help="The parameter.")],
    value: Annotated[str, typer.Argument(help="Its new value, as `strategy list` writes it.")],
) -> int:
    return send("strategy-set", f"{name}={value}", folder)


def on(folder: Path) -> int:
    return send("strategy-on", "", folder)


def off(folder: Path) -> int:
    return send("strategy-off", "", folder)
