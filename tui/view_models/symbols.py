"""The two sets of symbols: Unicode, and plain ASCII for terminals and locales that have nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symbols:
    """Signs by meaning. `braille` says whether charts may use braille dots."""

    done: str
    failed: str
    waiting: str
    running: str
    then: str
    up: str
    down: str
    full: str
    empty: str
    dot: str
    times: str
    total: str
    most: str
    middle: str
    arrow: str
    dash: str
    ellipsis: str
    axis: str
    zero: str
    corners: str
    side: str
    braille: bool


UNICODE = Symbols(
    done="✓", failed="✗", waiting="○", running="◐", then="▸", up="▲", down="▼", full="▮", empty="▯", dot="●",
    times="×", total="Σ", most="≤", middle="·", arrow="→", dash="─", ellipsis="…", axis="│", zero="┈",
    corners="╭╮╰╯", side="│", braille=True,
)  # fmt: skip

ASCII = Symbols(
    done="+", failed="x", waiting=".", running="~", then=">", up="^", down="v", full="#", empty=".", dot="*",
    times="x", total="sum", most="<=", middle="|", arrow="->", dash="-", ellipsis=".", axis="|", zero=".",
    corners="++++", side="|", braille=False,
)  # fmt: skip
