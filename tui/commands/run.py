"""`run`: the trader with its console, or without a screen."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.domain.enums import Mode
from core.domain.errors import BadInput, StartRefused
from tui.commands.options import ConfigOption, KeyIdOption, ModeOption, StateDirOption, load_settings
from tui.commands.passphrase import passphrase_from

if TYPE_CHECKING:
    from core.config import Settings

EXAMPLES = """Examples:  kalshi-trader   |   kalshi-trader run --headless --seconds 30 --seed 7 --report r.json   |
kalshi-trader run --record day.tape   |   kalshi-trader run --mode replay --tape day.tape --headless   |
kalshi-trader run --mode demo --key-id ID --private-key-path ~/kalshi.pem --arm"""


def register(app: typer.Typer) -> None:
    app.command("run", help="Trade: with the console, or --headless without.", epilog=EXAMPLES)(run)


def run(
    mode: ModeOption = None,
    config: ConfigOption = None,
    headless: Annotated[bool, typer.Option("--headless", help="No screen.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so many seconds.", min=0.0)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated exchange.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a JSON report at the end.")] = None,
    arm: Annotated[bool, typer.Option("--arm", help="Demo, live: allow risk from the start.")] = False,
    live: Annotated[bool, typer.Option("--live", help="First consent to live mode; the second is typed.")] = False,
    confirm_key_id: Annotated[
        str | None, typer.Option(help="Second consent to live mode without a screen: the key id again.")
    ] = None,
    key_id: KeyIdOption = None,
    private_key_path: Annotated[Path | None, typer.Option(help="Private key file, mode 0600.")] = None,
    passphrase_fd: Annotated[
        int | None, typer.Option(help="Inherited descriptor with the key's passphrase; else it is asked.", min=0)
    ] = None,
    exchange: Annotated[
        Path | None, typer.Option(help="Trade on a standing kalshi-trader exchange: file with its JSON line.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Strategy by name or import path (see strategy list).")] = None,
    scenario: Annotated[str | None, typer.Option(help="Scenario of the simulated exchange, or a TOML file.")] = None,
    ascii_symbols: Annotated[bool, typer.Option("--ascii", help="Plain ASCII symbols.")] = False,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
    theme: Annotated[str | None, typer.Option(help="Colour theme of the console (see t there).")] = None,
    record: Annotated[Path | None, typer.Option(help="Write a tape of the session, for --mode replay.")] = None,
    tape: Annotated[Path | None, typer.Option(help="With --mode replay: the tape to play.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="With --mode replay: pace; 1 with a screen, as fast as it goes without.", min=0.01),
    ] = None,
    state_dir: StateDirOption = None,
) -> int:
    replays = _replays(mode, tape, speed)
    settings = load_settings(
        config,
        mode=None if replays else mode,
        seed=seed,
        key_id=key_id,
        private_key_path=private_key_path,
        strategy=strategy,
        scenario=scenario,
        ascii=True if ascii_symbols else None,
        mouse=False if no_mouse else None,
        theme=theme,
        state_dir=state_dir,
    ).settings
    _check(settings, exchange, report, headless=headless)
    if replays:
        return _replay(settings, tape, speed, headless=headless)
    if settings.mode is Mode.LIVE:
        _ask_live_consent(settings.key_id, live, confirm_key_id, headless=headless)
    from tui.commands.session import run_console, run_headless

    session = run_headless if headless else run_console
    armed = arm or settings.mode is Mode.PAPER
    result, code = session(settings, exchange, armed, seconds, passphrase_from(passphrase_fd), record)
    if result is not None:
        _hand_over(result, report, headless=headless)
    return code


def _replays(mode: str | None, tape: Path | None, speed: float | None) -> bool:
    if mode != Mode.REPLAY and (tape is not None or speed is not None):
        raise BadInput("--tape and --speed belong to --mode replay")
    return mode == Mode.REPLAY


def _check(settings: Settings, exchange: Path | None, report: Path | None, *, headless: bool) -> None:
    """What can be refused before anything is started."""
    if settings.theme:
        from tui.themes import check_theme

        check_theme(settings.theme)
    if exchange is not None and settings.mode is not Mode.PAPER:
        raise BadInput(f"--exchange names a simulated exchange; leave out --mode {settings.mode.value}")
    if report is not None:
        _check_report(report)
    if not headless:
        _check_terminal()


def _hand_over(result: dict[str, Any], report: Path | None, *, headless: bool) -> None:
    if report is not None:
        _write_report(report, result)
    elif headless:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")


def _replay(settings: Settings, tape: Path | None, speed: float | None, *, headless: bool) -> int:
    """A tape instead of an exchange: nothing is traded."""
    from tui.commands.replay import replay_console, replay_headless, tape_of

    path = tape_of(tape)
    if headless:
        return replay_headless(path, speed, settings.strategy)
    folder = settings.state_dir.expanduser()
    theme, mouse, named = settings.theme, settings.mouse, settings.strategy
    return replay_console(path, speed or 1, folder, strategy=named, ascii_only=settings.ascii, mouse=mouse, theme=theme)


def _check_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("no terminal: the console needs one; use --headless to run without a screen")
    # The terminal's own word, not COLUMNS and LINES; 0x0 is a terminal that does not tell.
    width, height = os.get_terminal_size(sys.stdout.fileno())
    if (width or 80) < 40 or (height or 24) < 10:
        raise BadInput(f"the terminal is {width}x{height}: make it at least 40x10, or use --headless")


def _check_report(path: Path) -> None:
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise BadInput(f"--report {path}: not a file that can be written; name one in an existing folder")


def _write_report(path: Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise BadInput(f"--report {path}: {error.strerror}; the session itself ended in order") from None


def _ask_live_consent(key_id: str, live: bool, confirmed: str | None, *, headless: bool) -> None:
    """Two consents, and nothing in a file can stand for either: the flag, and the key id given again."""
    if not key_id:
        raise BadInput("mode live needs key_id: set it in the configuration file or by --key-id")
    if not live:
        raise StartRefused("live trading needs your consent: add --live to trade real money")
    if headless:
        if confirmed != key_id:
            raise StartRefused("live trading without a screen needs --confirm-key-id with the key id")
        return
    typed = typer.prompt("Live: real money. Type the key id to go on", default="", show_default=False)
    if typed.strip() != key_id:
        raise StartRefused("the key id typed is not the one configured; nothing was started")
