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
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a picture is not current.")] = False,
) -> int:
    from tui.commands.gallery import gallery

    drawn = gallery(seed, minutes)
    if check:
        old = [name for name, svg in drawn.items() if not (out / name).is_file() or (out / name).read_text() != svg]
        for name in old:
            typer.echo(f"{out / name}: not current; draw it by kalshi-trader picture", err=True)
        return int(bool(old))
    out.mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        (out / name).write_text(svg)
        typer.echo(str(out / name))
    return 0
