"""Options several commands share, and the loading of settings behind them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.config import Loaded

ModeOption = Annotated[str | None, typer.Option("--mode", help="paper (default), demo or live.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML).")]
StateDirOption = Annotated[Path | None, typer.Option("--state-dir", help="Where journal and status lie.")]
SessionOption = Annotated[str | None, typer.Option("--session", help="A session by its folder's name.")]
KeyIdOption = Annotated[str | None, typer.Option("--key-id", help="API key id (demo, live).")]


def load_settings(config: Path | None, **flags: Any) -> Loaded:
    """Effective settings: flags over environment over file over defaults. BadInput for what cannot be used."""
    from core.config import load

    return load(flags, os.environ, config)
