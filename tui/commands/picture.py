"""`picture`: draw the console as SVG from a paper run on the virtual clock, the way the README shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:  kalshi-trader picture --out docs/pictures"


def register(app: typer.Typer) -> None:
    app.command("picture", help="Draw the README's pictures from a paper run.", epilog=EXAMPLE)(picture)


def picture(
    out: Annotated[Path, typer.Option(help="Folder the SVG files go to.")] = Path("docs/pictures"),
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 7,
    minutes: Annotated[int, typer.Option(help="Virtual minutes before the picture.", min=1)] = 3,
) -> int:
    from tui.commands.gallery import draw_gallery

    for path in draw_gallery(out, seed, minutes):
        typer.echo(str(path))
    return 0
