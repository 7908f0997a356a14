"""`doctor`: what this installation, terminal and configuration can do, one line a thing, nothing is traded."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable

import typer

from core.domain.errors import TraderError
from tui.commands.options import ConfigOption, ModeOption, StateDirOption, load_settings
from tui.commands.passphrase import passphrase_from


def register(app: typer.Typer) -> None:
    app.command("doctor", help="Check this installation, its paths and its terminal.", epilog=EXAMPLE)(doctor)


EXAMPLE = "Example:  kalshi-trader doctor --mode demo"


def doctor(mode: ModeOption = None, config: ConfigOption = None, state_dir: StateDirOption = None) -> int:
    from core.environment import standing_account
    from core.local.folder import make_private
    from core.version import VERSION

    loaded = load_settings(config, mode=mode, state_dir=state_dir)
    settings = loaded.settings
    bad = 0
    rows = [
        ("version", f"kalshi-trader {VERSION}, Python {platform.python_version()}, {platform.system()}"),
        ("packages", ", ".join(f"{n} {_version(n)}" for n in ("textual", "aiohttp", "websockets", "cryptography"))),
        ("config file", f"{loaded.file}{'' if loaded.file.exists() else ' (none, defaults)'}"),
        ("mode", settings.mode.value),
        ("terminal", _terminal()),
        ("clipboard", _clipboard()),
        ("colour", "NO_COLOR is set" if os.environ.get("NO_COLOR") else os.environ.get("COLORTERM") or "256 or fewer"),
    ]
    probes: tuple[tuple[str, Callable[[], str]], ...] = (
        ("state folder", lambda: str(make_private(settings.state_dir.expanduser()))),
        ("account", lambda: _account(standing_account(settings, None, passphrase_from(None)))),
    )
    for name, probe in probes:
        try:
            rows.append((name, probe()))
        except TraderError as error:
            bad += 1
            rows.append((name, f"NOT IN ORDER: {error}"))
    rows.append(("loopback", _loopback()))
    for name, text in rows:
        typer.echo(f"{name:<13} {text}")
    return 2 if bad else 0


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _terminal() -> str:
    if not sys.stdout.isatty():
        return "none (use --headless)"
    size = shutil.get_terminal_size()
    return f"{os.environ.get('TERM', '?')} {size.columns}x{size.lines}{' in tmux' if os.environ.get('TMUX') else ''}"


def _clipboard() -> str:
    if os.environ.get("TMUX") and shutil.which("tmux"):
        return "tmux load-buffer, and a file"
    return "OSC 52, and a file"


def _account(account: object | None) -> str:
    from core.environment import Account

    if isinstance(account, Account):
        return f"key …{account.suffix}, key file in order"
    return "paper: the embedded exchange makes one at each start; a standing one is named by run --exchange"


def _loopback() -> str:
    import socket

    try:
        with socket.create_server(("127.0.0.1", 0)):
            return "in order"
    except OSError as error:
        return f"NOT IN ORDER: {error}"
