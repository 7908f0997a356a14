"""`stop`, `cancel-all`, `pause` and their like: wishes to a running trader over its owner-only local socket."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.domain.enums import ExitCode
from core.domain.errors import BadInput
from tui.commands.sessions import on_session, read_picture

if TYPE_CHECKING:
    from core.local.endpoint import Answer

STOP_WITHIN_S = 45

PLAIN = {
    "pause": "Stop new orders and cancel own resting quotes of the running trader.",
    "resume": "Take an operator pause back.",
    "cancel-all": "Panic: cancel every own order and pause.",
    "recalibrate": "Compare orders, positions and cash with the exchange.",
}
LIQUIDATE = "Close every position by reduce-only orders; ends paused. Shows the plan and asks first."


def register(app: typer.Typer) -> None:
    for word, text in PLAIN.items():
        app.command(word, help=text, epilog=f"Example:  kalshi-trader {word}")(on_session(_plain(word)))
    for word, text, example, command in (
        ("liquidate", LIQUIDATE, "--yes", liquidate),
        ("stop", "Stop the running trader in order.", "--now", stop),
        ("reset-breaker", "Close the circuit breaker by hand.", "--reason 'looked into it'", reset_breaker),
    ):
        app.command(word, help=text, epilog=f"Example:  kalshi-trader {word} {example}")(on_session(command))


def _plain(word: str) -> Callable[..., int]:
    def command(folder: Path) -> int:
        return send(word, "", folder)

    return command


def reset_breaker(
    folder: Path, reason: Annotated[str, typer.Option(help="Why it may trade again; kept in the journal.")]
) -> int:
    return send("reset-breaker", reason, folder)


def liquidate(
    folder: Path, yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False
) -> int:
    """The plan as the console shows it; with real money the word must be typed."""
    if not yes and not _agreed(folder):
        typer.echo("nothing was closed")
        return 1
    return send("liquidate", "", folder)


def _agreed(folder: Path) -> bool:
    """Show the plan of the last picture and ask. BadInput where nobody can be asked."""
    from core.domain.enums import Mode
    from tui.view_models.cells import plain
    from tui.view_models.questions import liquidation_lines
    from tui.view_models.symbols import ASCII
    from tui.view_models.view_state import Frame, ViewState

    if not sys.stdin.isatty():
        raise BadInput("liquidate: nobody can be asked here; give --yes")
    snapshot = read_picture(folder)
    for line in liquidation_lines(Frame(snapshot, snapshot.taken_ns, ViewState(), ASCII, width=100)):
        typer.echo(plain(line))
    if snapshot.identity.mode is Mode.LIVE:
        return bool(typer.prompt("Real money. Type LIQUIDATE to close all of it", default="") == "LIQUIDATE")
    return typer.confirm("Close all of it?")


def stop(
    folder: Path,
    now: Annotated[bool, typer.Option("--now", help="Shorten the waits; cancels are still sent.")] = False,
) -> int:
    """0 when the trader's certificate says that nothing of ours rests, else 4."""
    from core.local.folder import lock_holder

    answer = ask_trader("stop-now" if now else "stop", "", folder)
    if not answer.ok:
        typer.echo(answer.text, err=True)
        return 1
    deadline = time.monotonic() + STOP_WITHIN_S
    while lock_holder(folder) is not None:
        if time.monotonic() > deadline:
            typer.echo(f"still stopping after {STOP_WITHIN_S} s; look at kalshi-trader status", err=True)
            return int(ExitCode.UNVERIFIED)
        time.sleep(0.1)
    return certificate(folder)


def certificate(folder: Path) -> int:
    """Print how the session in `folder` ended; 0 when that was clean."""
    snapshot = read_picture(folder)
    if snapshot.exit is None:
        typer.echo("the trader is gone and left no certificate; look at kalshi-trader status", err=True)
        return int(ExitCode.UNVERIFIED)
    resting = snapshot.exit.resting_after_stop
    typer.echo(f"stopped: own orders resting {'unknown' if resting is None else resting}, exit {snapshot.exit.code}")
    return 0 if snapshot.exit.code == ExitCode.CLEAN else int(ExitCode.UNVERIFIED)


def send(word: str, argument: str, folder: Path) -> int:
    """Ask the trader of `folder`; 0 when it did it, 1 when it refused or failed, 4 when the end is not known yet.
    BadInput when none runs.
    """
    answer = ask_trader(word, argument, folder)
    typer.echo(answer.text, err=not answer.ok)
    if answer.unknown:
        return int(ExitCode.UNVERIFIED)
    return 0 if answer.ok else 1


def ask_trader(word: str, argument: str, folder: Path) -> Answer:
    from core.local.endpoint import Request, ask, socket_path

    try:
        return ask(socket_path(folder), Request(command=word, argument=argument))
    except TimeoutError:
        raise BadInput("the trader did not answer in time; look at kalshi-trader status") from None
    except OSError:
        raise BadInput("no trader is running; start one with kalshi-trader run") from None
