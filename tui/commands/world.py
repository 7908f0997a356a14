"""`world`: play whole worlds under seeds and faults, judged by an auditor; one seed, or thousands with a report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.domain.errors import BadInput

if TYPE_CHECKING:
    from core.lab.worlds import Tally

EXAMPLES = """Examples:  kalshi-trader world --seed 7   |   kalshi-trader world --seed 7 --faults C2-reset@60+2
kalshi-trader world --seeds 1-1000 --jobs 2 --progress worlds.jsonl   |   kalshi-trader world --list"""
MOST_MINUTES = 24 * 60
MOST_SEED = 2**63 - 1
OPEN = 1


def register(app: typer.Typer) -> None:
    app.command("world", help="Play whole worlds under seeds and faults, judged by an auditor.", epilog=EXAMPLES)(world)


def world(
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="The seed of one world; 1.")] = None,
    seeds: Annotated[str, typer.Option(help="Many worlds: A-B, both included.")] = "",
    scenario: Annotated[str, typer.Option(help="How the markets behave; a scenario's name or a TOML file.")] = "slow",
    faults: Annotated[str, typer.Option(help="NAME[@second[+seconds]], by commas; none; empty: the seed's own.")] = "",
    minutes: Annotated[float, typer.Option(min=0.5, max=MOST_MINUTES, help="Virtual minutes of each world.")] = 5,
    trace: Annotated[Path | None, typer.Option(help="Write what happened, a line each.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    progress: Annotated[Path | None, typer.Option(help="Keep each world's line here and go on from it.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the table of faults with their hits.")] = None,
    first: Annotated[bool, typer.Option("--first", help="Stop at the first open seed.")] = False,
    same_as: Annotated[Path | None, typer.Option(help="Another run's progress file: digests must be equal.")] = None,
    no_shrink: Annotated[bool, typer.Option("--no-shrink", help="Do not look for the fewest faults.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Name the faults and leave.")] = False,
) -> int:
    """Ends with 1 when a seed is open, with 2 for what cannot be played."""
    from core.sim.scenarios import BadScenario, scenario_of

    try:
        scenario_of(scenario)
    except BadScenario as error:
        raise BadInput(f"--scenario: {error}") from None
    if show:
        return _list()
    seconds = round(minutes * 60)
    _fit(
        seeds,
        {"--seed": seed is not None, "--faults": faults, "--trace": trace},
        {"--progress": progress, "--table": table, "--same-as": same_as},
    )
    if seeds:
        many = seed_range(seeds)
        return _many(many, scenario, seconds, jobs, progress, table, first=first, same_as=same_as, least=not no_shrink)
    return _one(1 if seed is None else seed, scenario, seconds, faults, trace, shrink=not no_shrink)


def _fit(seeds: str, for_one: dict[str, Any], for_many: dict[str, Any]) -> None:
    """BadInput for an option that would be passed over in silence."""
    wrong, mend = (for_one, "one world: leave out --seeds") if seeds else (for_many, "many worlds: add --seeds A-B")
    for name, value in wrong.items():
        if value:
            raise BadInput(f"{name} is for {mend}")


def seed_range(text: str, option: str = "--seeds") -> range:
    """`A-B`, both included; BadInput."""
    match = re.fullmatch(r"(\d{1,15})-(\d{1,15})", text)
    if match is None or int(match[1]) > int(match[2]):
        raise BadInput(f"{option}: {text!r} is no range; write A-B, such as 1-1000")
    return range(int(match[1]), int(match[2]) + 1)


def _list() -> int:
    from core.lab.named import NAMED

    for name, kind in NAMED.items():
        typer.echo(f"{name:<26} {kind.row:<4} {kind.keeps:<14} {kind.about}")
    return 0


def _one(seed: int, scenario: str, seconds: int, faults: str, trace: Path | None, *, shrink: bool) -> int:
    from core.lab.plan import Plan, draw, read_faults
    from core.lab.worlds import play_watched, repeat_command, shrunk

    plan = draw(seed, scenario, seconds)
    if faults:
        plan = Plan(seed, scenario, seconds, read_faults(faults, seconds))
    lines: list[str] = []
    if trace is not None:
        _write(trace, "")  # a file that cannot be written is told before the world is played
    found = play_watched(plan, lines.append if trace else None)
    if trace is not None:
        _write(trace, "\n".join(lines) + "\n")
    size = "counts" if found.counts else "too small to count"
    typer.echo(
        f"seed {seed}, {found.seconds / 60:g} virtual minutes ({size}): {found.markets} markets, "
        f"{found.book_changes} book changes, {found.orders} own orders, {found.fills} fills, exit {found.exit_code}"
    )
    typer.echo(f"digest {found.digest}")
    for fault in plan.faults:
        typer.echo(f"  {fault!s:<44} struck {found.hits.get(fault.name, 0)}")
    if not found.violations:
        typer.echo("nothing was violated")
        return 0
    for key, text in found.violations.items():
        typer.echo(f"VIOLATED {key}: {text}")
    typer.echo(f"again:  {repeat_command(plan)}")
    if shrink and plan.faults:
        typer.echo(f"least:  {repeat_command(shrunk(plan, found.violations))}")
    return OPEN


def _write(trace: Path, text: str) -> None:
    try:
        trace.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--trace {trace}: cannot be written ({error.strerror}); name another file") from None


def _many(
    seeds: range,
    scenario: str,
    seconds: int,
    jobs: int,
    progress: Path | None,
    table: Path | None,
    *,
    first: bool,
    same_as: Path | None,
    least: bool,
) -> int:
    from core.lab.hits import write_table
    from core.lab.plan import draw
    from core.lab.worlds import SHRUNK_MOST, alike, play_many, read_progress, repeat_command, shrunk, summary

    if same_as is not None and not any(read_progress(same_as)):
        why = "it holds no world" if same_as.is_file() else "no such file"
        raise BadInput(f"--same-as {same_as}: {why}; write one by --progress in another run")

    def told(row: dict[str, Any]) -> bool:
        if row["violations"]:
            typer.echo(f"OPEN seed {row['seed']}: {json.dumps(row['violations'])}\n  {row['repeat']}")
        return not (first and row["violations"])

    try:
        tally: Tally = play_many(seeds, scenario=scenario, seconds=seconds, jobs=jobs, progress=progress, told=told)
        for line in summary(tally):
            typer.echo(line)
        if table is not None:
            write_table(table, tally)
    except OSError as error:
        raise BadInput(f"{error.filename}: cannot be written ({error.strerror}); name another file") from None
    for seed in sorted(tally.open)[: SHRUNK_MOST if least else 0]:
        typer.echo(f"least: {repeat_command(shrunk(draw(seed, scenario, seconds), tally.violations[seed]))}")
    differing: list[int] = []
    if same_as is not None:
        differing, words = alike(tally, {row["seed"]: (row["digest"], row["hashes"]) for row in read_progress(same_as)})
        for seed in differing:
            typer.echo(f"DIFFERENT: {repeat_command(draw(seed, scenario, seconds))}")
        typer.echo(words)
    return OPEN if tally.open or differing else 0
