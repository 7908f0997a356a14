"""Themes and style sheets from the `styles` package."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from rich.console import Console
from textual.theme import Theme

from core.domain.errors import BadInput

SHEETS = ("base.tcss", "main.tcss", "views.tcss", "dialogs.tcss")
DEFAULT_THEME = "kalshi-dark"
SIXTEEN_THEME = "kalshi-16"


def style_sheet() -> str:
    """All sheets as one text."""
    folder = files("styles")
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in SHEETS)


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("styles") / "themes.toml").read_text(encoding="utf-8"))


def tokens(name: str = DEFAULT_THEME) -> dict[str, str]:
    """The style variables of a theme."""
    return dict(_table()[name]["tokens"])


def fitting_theme() -> str:
    """The theme for the terminal on standard output when none is chosen."""
    return SIXTEEN_THEME if Console().color_system == "standard" else DEFAULT_THEME


def themes() -> list[Theme]:
    """All themes, the default first."""
    built = []
    for name, entry in _table().items():
        colours = {key: value for key, value in entry.items() if key not in ("tokens", "dark")}
        built.append(
            Theme(
                name=name,
                dark=entry["dark"],
                secondary=entry["tokens"]["ask"],
                warning=entry["tokens"]["warn"],
                error=entry["tokens"]["alarm"],
                success=entry["tokens"]["ok"],
                accent=entry["tokens"]["own"],
                variables=dict(entry["tokens"]),
                **colours,
            )
        )
    return built


def check_theme(name: str) -> None:
    """BadInput for a theme that is not there; empty is the one that fits."""
    known = [theme.name for theme in themes()]
    if name and name not in known:
        raise BadInput(f"theme {name}: unknown; one of {', '.join(known)}")
