"""`status`: the status of the running or last session in its forms, from its status file, history and lock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.domain.errors import BadInput
from tui.commands.options import ConfigOption, ModeOption, SessionOption, StateDirOption, load_settings

if TYPE_CHECKING:
    from core.trading.snapshot import TraderSnapshot

EXAMPLES = (
    "Examples:  kalshi-trader status   |   kalshi-trader status --summary   |   kalshi-trader status --history 20   |"
    "   kalshi-trader status --json"
)
STALE_NS = 5_000_000_000
AsciiOption = Annotated[bool, typer.Option("--ascii", help="Plain ASCII symbols.")]


def register(app: typer.Typer) -> None:
    app.command("status", help="Print the status of the running or last session.", epilog=EXAMPLES)(status)


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole picture as JSON; with --history its rows.")
    ] = False,
    summary: Annotated[bool, typer.Option("--summary", help="The short form for a chat or bug report.")] = False,
    history: Annotated[
        int | None, typer.Option("--history", metavar="N", min=1, help="The last N rows of the status history.")
    ] = None,
    mode: ModeOption = None,
    ascii_symbols: AsciiOption = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    session: SessionOption = None,
) -> int:
    folder = newest_session(config, state_dir, mode, session)
    if history is not None:
        _print_history(folder, history, as_json=as_json)
    elif as_json:
        _print_json(_whole(folder))
    else:
        _print_text(folder, "summary" if summary else "whole", ascii_only=ascii_symbols)
    return 0


def _print_text(folder: Path, form: str, *, ascii_only: bool) -> None:
    from core.local.folder import lock_holder
    from core.trading.panel import status_text
    from core.trading.timetext import time_text

    snapshot, now = read_picture(folder), time.time_ns()
    pid = lock_holder(folder)
    if pid is not None:
        typer.echo(_running_text(pid, now - snapshot.taken_at))
    elif snapshot.exit is not None:
        typer.echo(f"ended {time_text(snapshot.exit.at)}, exit {snapshot.exit.code}")
    else:
        typer.echo(f"ended without an orderly stop; last picture {time_text(snapshot.taken_at)}")
    typer.echo(status_text(snapshot, now, form, ascii_only=ascii_only), nl=False)


def _running_text(pid: str, age_ns: int) -> str:
    """A picture is written each second: one much older is of a process that stands still."""
    from core.trading.timetext import age_text

    if age_ns <= STALE_NS:
        return f"running, pid {pid}, {age_text(age_ns)} old"
    return (
        f"running, pid {pid}, STALE: last picture {age_text(age_ns)} old; the process stands still, "
        "nothing below is of now"
    )


def _print_history(folder: Path, limit: int, *, as_json: bool) -> None:
    from core.environment import read_history
    from core.trading.document import history_document
    from core.trading.summary import history_lines

    entries = read_history(folder)[-limit:]
    if as_json:
        _print_json(history_document(entries))
    else:
        typer.echo("\n".join(history_lines(entries)))


def _whole(folder: Path) -> dict[str, Any]:
    """Whether it runs, the status in its known parts, and the whole picture."""
    from core.local.folder import lock_holder
    from core.trading.document import status_document

    snapshot = read_picture(folder)
    pid = lock_holder(folder)
    head = {"running": pid is not None, "pid": pid, "folder": str(folder)}
    return head | status_document(snapshot) | {"snapshot": snapshot}


def _print_json(document: object) -> None:
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(document)
    typer.echo(msgspec.json.format(encoded, indent=2).decode())


def read_picture(folder: Path) -> TraderSnapshot:
    """The last picture of a session. BadInput when it is not one of this version."""
    import msgspec

    from core.trading.snapshot import TraderSnapshot

    path = folder / "status.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=TraderSnapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not a status file of this version: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def newest_session(config: Path | None, state_dir: Path | None, mode: str | None, session: str | None = None) -> Path:
    """The folder of the running session, else of the last one. BadInput when there is none, or several run at once."""
    from core.local.folder import lock_holder

    base = load_settings(config, state_dir=state_dir).settings.state_dir.expanduser()
    pattern = session or f"{mode or '*'}-????????"
    if "/" in pattern:
        raise BadInput(f"--session {pattern}: give the folder's name only")
    found = sorted(base.glob(f"{pattern}/status.json"), key=lambda f: f.stat().st_mtime, reverse=True)
    if not found:
        raise BadInput(f"no session in {base}: start one with kalshi-trader run")
    running = [f.parent for f in found if lock_holder(f.parent) is not None]
    if len(running) > 1:
        names = ", ".join(f"{f.name} (pid {lock_holder(f)})" for f in running)
        raise BadInput(f"several traders are running: {names}; name one by --session")
    return (running or [found[0].parent])[0]
