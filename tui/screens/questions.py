"""The dialogs as specifications: what is asked, which choice has the focus, when it closes by itself."""

from __future__ import annotations

from core.domain.enums import Mode
from core.trading.snapshot import TraderSnapshot
from tui.action import Situation
from tui.actions import BY_NAME
from tui.screens.dialog import Choice, DialogSpec, Field
from tui.view_models.questions import (
    arm_lines,
    breaker_lines,
    liquidation_changed,
    liquidation_lines,
    liquidation_watch,
    quit_lines,
    stopping_lines,
)
from tui.view_models.view_state import ViewState

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
