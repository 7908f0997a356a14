"""The dialogs as specifications: what is asked, which choice has the focus, when it closes by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.domain.enums import Mode
from core.domain.ids import Ticker
from core.trading.inquiry import Explanation, ParameterView, Piece
from core.trading.snapshot import TraderSnapshot
from tui.action import Situation
from tui.actions import BY_NAME
from tui.screens.dialog import Choice, DialogSpec, Field
from tui.view_models.cells import Line, wrapped
from tui.view_models.explain import explanation_lines
from tui.view_models.questions import (
    arm_lines,
    breaker_lines,
    bundle_lines,
    liquidation_changed,
    liquidation_lines,
    liquidation_watch,
    quit_lines,
    stopping_lines,
)
from tui.view_models.strategy import bounds_text
from tui.view_models.view_state import Frame, ViewState

RESET_REASON = "reviewed by the operator"


def liquidate_dialog(snapshot: TraderSnapshot) -> DialogSpec:
    """In live mode the word must be typed."""
    opened = liquidation_watch(snapshot)
    live = snapshot.identity.mode is Mode.LIVE

    def closes(now: TraderSnapshot) -> str:
        changed = liquidation_changed(opened, now)
        blocked = BY_NAME["liquidate"].blocked(Situation(now, ViewState()))
        return changed or (f"liquidation not asked further: {blocked}" if blocked else "")

    return DialogSpec(
        name="liquidate",
        title="Liquidate: close all positions",
        lines=liquidation_lines,
        choices=(Choice("no", "No"), Choice("yes", "Liquidate", "" if live else "y", danger=True)),
        focus="no",
        back="no",
        closes=closes,
        word="LIQUIDATE" if live else "",
        wide=True,
        pinned=3,
    )


def breaker_dialog(snapshot: TraderSnapshot) -> DialogSpec:
    """Explains; offers the reset only when it is tripped."""
    tripped, live = snapshot.breaker.tripped, snapshot.identity.mode is Mode.LIVE

    def closes(now: TraderSnapshot) -> str:
        if now.breaker.tripped == tripped:
            return ""
        return (
            "the breaker has tripped meanwhile: press b" if now.breaker.tripped else "the breaker was reset meanwhile"
        )

    if not tripped:
        return DialogSpec("breaker", "Circuit breaker", breaker_lines, (Choice("no", "Close"),), "no", "no", closes)
    return DialogSpec(
        name="breaker",
        title="Circuit breaker",
        lines=breaker_lines,
        choices=(Choice("no", "No"), Choice("yes", "Reset", "" if live else "y", danger=True)),
        focus="no",
        back="no",
        closes=closes,
        fields=(Field("reason", RESET_REASON),),
        word="RESET" if live else "",
        wide=True,
    )


def arm_dialog(snapshot: TraderSnapshot) -> DialogSpec:
    state = snapshot.state.state

    def closes(now: TraderSnapshot) -> str:
        if now.state.armed:
            return "armed meanwhile"
        return "" if now.state.state is state else f"not armed: the state became {now.state.label}"

    return DialogSpec(
        name="arm",
        title="Arm trading",
        lines=arm_lines,
        choices=(Choice("no", "No"), Choice("yes", "Arm", "y", danger=True)),
        focus="no",
        back="no",
        closes=closes,
    )


def quit_dialog() -> DialogSpec:
    return DialogSpec(
        name="quit",
        title="Quit",
        lines=quit_lines,
        choices=(Choice("stop", "Stop and cancel"), Choice("stay", "Stay")),
        focus="stop",
        back="stay",
    )


def stopping_dialog() -> DialogSpec:
    """Progress and certificate; it has no way back, because a stop is never taken back."""
    return DialogSpec(
        name="stopping",
        title="Stopping",
        lines=stopping_lines,
        choices=(Choice("now", "Do not wait", danger=True),),
        focus="now",
        back="",
    )


def explain_dialog(market: Ticker, ask: Callable[[Ticker], Explanation | None]) -> DialogSpec:
    """Asked anew with every picture."""

    def lines(frame: Frame) -> list[Line]:
        told = ask(market)
        if told is None:
            return [(("the trader is not assembled yet", "warn"),)]
        return explanation_lines(told, frame.width, frame.signs, frame.height)

    return DialogSpec(
        name="explain",
        title="Why the bot trades this market, or not",
        lines=lines,
        choices=(Choice("no", "Close"),),
        focus="no",
        back="no",
        wide=True,
    )


def bundle_dialog(pieces: tuple[Piece, ...], folder: Path) -> DialogSpec:
    """Every part with its size, before anything is written."""
    return DialogSpec(
        name="bundle",
        title="Bug bundle: what would be written",
        lines=lambda frame: bundle_lines(pieces, folder, frame.width),
        choices=(Choice("no", "No"), Choice("yes", "Write", "y")),
        focus="yes",
        back="no",
        wide=True,
    )


def parameter_dialog(parameter: ParameterView, check: Callable[[str, str], str]) -> DialogSpec:
    """A new value for one parameter of the strategy; what would be refused is said while it is typed."""

    def refusal(frame: Frame) -> str:
        return check(parameter.name, frame.values["value"])

    def lines(frame: Frame) -> list[Line]:
        said = refusal(frame)
        verdict = wrapped(said, frame.width, "alarm") if said else [(("within its bounds", "ok"),)]
        return [
            *wrapped(parameter.text, frame.width, ""),
            (("is      ", "dim"), (f"{parameter.value} {parameter.unit}", "strong")),
            (("bounds  ", "dim"), (bounds_text(parameter), "")),
            *verdict,
        ]

    return DialogSpec(
        name="parameter",
        title=f"Strategy: {parameter.name}",
        lines=lines,
        choices=(Choice("no", "Back"), Choice("set", "Set", danger=True)),
        focus="set",
        back="no",
        locked=refusal,
        fields=(Field("value", parameter.value),),
        first="value",
    )


def filter_dialog(table: str, words: str) -> DialogSpec:
    return DialogSpec(
        name="filter",
        title=f"Filter {table}",
        lines=lambda frame: [(("Only rows with all these words, in any column; empty shows all.", "dim"),)],
        choices=(Choice("no", "Back"), Choice("clear", "Show all"), Choice("apply", "Apply")),
        focus="apply",
        back="no",
        fields=(Field("words", words),),
        first="words",
    )
