"""`status`: the status panel of the running or last session, from its status file and lock."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.domain.errors import BadInput
from tui.commands.options import ConfigOption, ModeOption, StateDirOption, load_settings

if TYPE_CHECKING:
    from core.trading.snapshot import TraderSnapshot

EXAMPLES = "Examples:  kalshi-trader status   |   kalshi-trader status --json   |   kalshi-trader status --mode demo"
AsciiOption = Annotated[bool, typer.Option("--ascii", help="Plain ASCII symbols.")]


def register(app: typer.Typer) -> None:
    app.command("status", help="Print the status of the running or last session.", epilog=EXAMPLES)(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="The whole picture as JSON.")] = False,
    mode: ModeOption = None,
    ascii_symbols: AsciiOption = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> int:
    from core.local.folder import lock_holder
    from core.trading.panel import render_panel
    from core.trading.timetext import age_text, time_text

    folder = newest_session(config, state_dir, mode)
    snapshot = read_picture(folder)
    pid = lock_holder(folder)
    now = time.time_ns()
    if as_json:
        picture = json.loads((folder / "status.json").read_bytes())
        document = {"running": pid is not None, "pid": pid, "folder": str(folder), "snapshot": picture}
        typer.echo(json.dumps(document, indent=2))
        return 0
    if pid is not None:
        typer.echo(f"running, pid {pid}, {age_text(now - snapshot.taken_at)} old")
    elif snapshot.exit is not None:
        typer.echo(f"ended {time_text(snapshot.exit.at)}, exit {snapshot.exit.code}")
    else:
        typer.echo(f"ended without an orderly stop; last picture {time_text(snapshot.taken_at)}")
    typer.echo(render_panel(snapshot, now, ascii_only=ascii_symbols, rows=None), nl=False)
    return 0


def read_picture(folder: Path) -> TraderSnapshot:
    """The last picture of a session. BadInput when it is not one of this version."""
    import msgspec

    from core.trading.snapshot import TraderSnapshot

    path = folder / "status.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=TraderSnapshot)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a status file of this version: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def newest_session(config: Path | None, state_dir: Path | None, mode: str | None) -> Path:
    """The folder of the running session, else of the last one. BadInput when there is none."""
    from core.local.folder import lock_holder

    base = load_settings(config, state_dir=state_dir).settings.state_dir.expanduser()
    found = sorted(
        (f for f in base.glob(f"{mode or '*'}-????????/status.json")), key=lambda f: f.stat().st_mtime, reverse=True
    )
    if not found:
        raise BadInput(f"no session in {base}: start one with kalshi-trader run")
    running = [f for f in found if lock_holder(f.parent) is not None]
    return (running or found)[0].parent
