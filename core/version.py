"""The product's version: read from the installed package, so that it is written in one place only."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("kalshi-trader")
except PackageNotFoundError:
    VERSION = "0+unknown"
