"""`status`: the status of the running or last session in its forms, from its status file, history and lock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.domain.enums import ExitCode
from core.domain.errors import BadInput
from tui.commands.sessions import on_session, read_picture

if TYPE_CHECKING:
    from core.trading.snapshot import TraderSnapshot

EXAMPLES = (
    "Examples:  kalshi-trader status   |   kalshi-trader status --summary   |   kalshi-trader status --history 20   |"
    "   kalshi-trader status --json"
)
HELP = (
    "Print the status of the running or last session. Ends with 0 while it runs and after a clean end, with 4 when it "
    "ended otherwise or its process stands still."
)
STALE_NS = 5_000_000_000
AsciiOption = Annotated[bool, typer.Option("--ascii", help="Plain ASCII symbols.")]


def register(app: typer.Typer) -> None:
    app.command("status", help=HELP, epilog=EXAMPLES)(on_session(status))


def status(
    folder: Path,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole picture as JSON; with --history its rows.")
    ] = False,
    summary: Annotated[bool, typer.Option("--summary", help="The short form for a chat or bug report.")] = False,
    history: Annotated[
        int | None, typer.Option("--history", metavar="N", min=1, help="The last N rows of the status history.")
    ] = None,
    ascii_symbols: AsciiOption = False,
) -> int:
    if summary and (as_json or history is not None):
        raise BadInput(f"--summary is a form of its own; leave it or --{'json' if as_json else 'history'} out")
    if history is not None:
        _print_history(folder, history, as_json=as_json)
        return int(ExitCode.CLEAN)
    from core.local.folder import lock_holder

    snapshot, now = read_picture(folder), time.time_ns()
    pid = lock_holder(folder)
    words, code = standing(snapshot, pid, now)
    if as_json:
        _print_json(_whole(folder, snapshot, pid))
    else:
        from core.trading.panel import status_text

        typer.echo(words)
        typer.echo(status_text(snapshot, now, "summary" if summary else "whole", ascii_only=ascii_symbols), nl=False)
    return int(code)


def standing(snapshot: TraderSnapshot, pid: str | None, now: int) -> tuple[str, ExitCode]:
    """How the session stands in words, and whether that is well: a picture is written each second, one much older is
    of a process that stands still.
    """
    from core.trading.timetext import age_text, time_text

    age_ns, ended = now - snapshot.taken_at, snapshot.exit
    if pid is not None and age_ns <= STALE_NS:
        return f"running, pid {pid}, {age_text(age_ns)} old", ExitCode.CLEAN
    if pid is not None:
        still = "the process stands still or its disk is full, nothing below is of now"
        return f"running, pid {pid}, STALE: last picture {age_text(age_ns)} old; {still}", ExitCode.UNVERIFIED
    if ended is None:
        words = f"ENDED WITHOUT AN ORDERLY STOP; last picture {time_text(snapshot.taken_at)}, nothing below is of now"
        return words, ExitCode.UNVERIFIED
    code = ExitCode.CLEAN if ended.code == ExitCode.CLEAN else ExitCode.UNVERIFIED
    return f"ended {time_text(ended.at)}, exit {ended.code}", code


def _print_history(folder: Path, limit: int, *, as_json: bool) -> None:
    from core.environment import read_history
    from core.trading.document import history_document
    from core.trading.summary import history_lines

    entries = read_history(folder)[-limit:]
    if as_json:
        _print_json(history_document(entries))
    else:
        typer.echo("\n".join(history_lines(entries)))


def _whole(folder: Path, snapshot: TraderSnapshot, pid: str | None) -> dict[str, Any]:
    """Whether it runs, the status in its known parts, and the whole picture."""
    from core.trading.document import status_document

    head = {"running": pid is not None, "pid": pid, "folder": str(folder)}
    return head | status_document(snapshot) | {"snapshot": snapshot}


def _print_json(document: object) -> None:
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(document)
    typer.echo(msgspec.json.format(encoded, indent=2).decode())
