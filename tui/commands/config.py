"""`config path|check|show`: where the configuration is, whether it is right, and what is in force and why."""

from __future__ import annotations

import os

import typer

from core.domain.errors import BadInput
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
    from core.environment import embedded_settings, standing_account
    from core.strategies import configured
    from tui.themes import check_theme

    loaded = load_settings(config, mode=mode)
    settings = loaded.settings
    wrong: list[str] = []
    # What only names something is in order when that is there: each says what is missing.
    for probe in (
        lambda: check_theme(settings.theme),
        lambda: configured(settings),
        lambda: embedded_settings(settings, 0),
        lambda: standing_account(settings, None, passphrase_from(None)),
    ):
        try:
            probe()
        except BadInput as error:
            wrong.append(str(error))
    if wrong:
        raise BadInput(f"{loaded.file}: {'; '.join(wrong)}")
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
