"""`stop`, `cancel-all`, `pause` and their like: wishes to a running trader over its owner-only local socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from core.domain.enums import ExitCode
from core.domain.errors import BadInput
from tui.commands.options import ConfigOption, ModeOption, StateDirOption
from tui.commands.status import newest_session

STOP_WITHIN_S = 45

PLAIN = {
    "pause": "Stop new orders and cancel own resting quotes of the running trader.",
    "resume": "Take an operator pause back.",
    "cancel-all": "Panic: cancel every own order and pause.",
    "recalibrate": "Compare orders, positions and cash with the exchange.",
    "liquidate": "Close every position by reduce-only orders; ends paused.",
}


def register(app: typer.Typer) -> None:
    for word, text in PLAIN.items():
        app.command(word, help=text, epilog=f"Example:  kalshi-trader {word}")(_plain(word))
    app.command("stop", help="Stop the running trader in order.", epilog="Example:  kalshi-trader stop --now")(stop)
    app.command(
        "reset-breaker",
        help="Close the circuit breaker by hand.",
        epilog="Example:  kalshi-trader reset-breaker --reason 'looked into it'",
    )(reset_breaker)


def _plain(word: str) -> Callable[..., int]:
    def command(mode: ModeOption = None, config: ConfigOption = None, state_dir: StateDirOption = None) -> int:
        return send(word, "", config, state_dir, mode)

    return command


def reset_breaker(
    reason: Annotated[str, typer.Option(help="Why it may trade again; kept in the journal.")],
    mode: ModeOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> int:
    return send("reset-breaker", reason, config, state_dir, mode)


def stop(
    now: Annotated[bool, typer.Option("--now", help="Shorten the waits; cancels are still sent.")] = False,
    mode: ModeOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> int:
    from core.local.folder import lock_holder

    folder = newest_session(config, state_dir, mode)
    code = send("stop-now" if now else "stop", "", config, state_dir, mode)
    deadline = time.monotonic() + STOP_WITHIN_S
    while lock_holder(folder) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    if lock_holder(folder) is not None:
        typer.echo(f"still stopping after {STOP_WITHIN_S} s; look at kalshi-trader status", err=True)
        return int(ExitCode.UNVERIFIED)
    return code


def send(word: str, argument: str, config: Path | None, state_dir: Path | None, mode: str | None) -> int:
    """Ask the running trader; 0 when it granted the wish, 1 when it refused. BadInput when none runs."""
    from core.local.endpoint import SOCKET_NAME, Request, ask

    folder = newest_session(config, state_dir, mode)
    try:
        answer = ask(folder / SOCKET_NAME, Request(command=word, argument=argument))
    except TimeoutError:
        raise BadInput("the trader did not answer in time; look at kalshi-trader status") from None
    except OSError:
        raise BadInput("no trader is running; start one with kalshi-trader run") from None
    typer.echo(answer.text, err=not answer.ok)
    return 0 if answer.ok else 1
