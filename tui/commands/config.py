"""`config path|check|show`: where the configuration is, whether it is right, and what is in force and why."""

from __future__ import annotations

import os

import typer

from tui.commands.options import ConfigOption, ModeOption, load_settings
from tui.commands.passphrase import passphrase_from


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The configuration.", rich_markup_mode=None, no_args_is_help=True)
    for word, text, command in (
        ("path", "Print the path of the configuration file.", path),
        ("check", "Check the configuration file and the environment.", check),
        ("show", "Print every value in force and where it came from.", show),
    ):
        group.command(word, help=text, epilog=f"Example:  kalshi-trader config {word}")(command)
    app.add_typer(group, name="config", epilog="Example:  kalshi-trader config show")


def path(config: ConfigOption = None) -> int:
    from core.config import config_path

    typer.echo(str(config_path(os.environ, config)))
    return 0


def check(config: ConfigOption = None, mode: ModeOption = None) -> int:
    from core.environment import standing_account

    loaded = load_settings(config, mode=mode)
    # A mode that needs a key is in order only with one that can be read: BadInput says what is missing.
    standing_account(loaded.settings, None, passphrase_from(None))
    there = "" if loaded.file.exists() else " (there is no such file: defaults are used)"
    typer.echo(f"{loaded.file}: in order{there}")
    return 0


def show(config: ConfigOption = None, mode: ModeOption = None) -> int:
    loaded = load_settings(config, mode=mode)
    width = max(map(len, loaded.origins))
    for name, origin in loaded.origins.items():
        value = getattr(loaded.settings, name)
        shown = f"…{value[-3:]}" if name == "key_id" and value else value
        if name == "enable_trading_client" and value is None:
            shown, origin = loaded.settings.client_enabled, f"default of mode {loaded.settings.mode.value}"
        typer.echo(f"{name:<{width}}  {'-' if shown in (None, '') else shown!s:<24}  {origin}")
    return 0
