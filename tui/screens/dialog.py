"""One dialog for everything that asks: lines that stay current, choices, focus on the harmless one.

A dialog closes by itself, with a reason, when what it asks about has changed. A dangerous choice is ignored for a
moment after opening, so that a repeated key does not confirm. Where a word must be typed, the choice waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from core.trading.snapshot import TraderSnapshot
from tui.view_models.cells import Line, cut
from tui.view_models.view_state import Frame
from tui.widgets.lines import LinesView


@dataclass(frozen=True, slots=True)
class Choice:
    """A button; `key` chooses it directly. The one called `stay` or `no` changes nothing."""

    name: str
    label: str
    key: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class DialogSpec:
    """What a dialog says and asks. `focus` names the choice under Enter, `back` the one under esc (""
    where there is no way back).

    `word` must be typed before a dangerous choice works; `text` offers an input with that default instead.
    """

    name: str
    title: str
    lines: Callable[[Frame], list[Line]]
    choices: tuple[Choice, ...]
    focus: str
    back: str
    closes: Callable[[TraderSnapshot], str] = field(default=lambda snapshot: "")
    word: str = ""
    text: str | None = None
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was chosen (`closed` when the dialog closed itself) and what was typed or why it closed."""

    choice: str
    text: str = ""


class Dialog(ModalScreen[Answer]):
    """Shows a `DialogSpec`."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
    ]

    def __init__(self, spec: DialogSpec, frame: Frame, *, guard_ms: int, ascii_only: bool) -> None:
        super().__init__(id=f"dialog-{spec.name}", classes="-wide-dialog" if spec.wide else "")
        self.spec = spec
        self.frame = frame
        self._ascii = ascii_only
        self._armed_at = time.monotonic() + guard_ms / 1000
        self._answered = False

    def compose(self) -> ComposeResult:
        spec = self.spec
        with Vertical(id="dialog") as box:
            box.border_title = Content(f" {spec.title} ")
            body = LinesView(id="body")
            body.ascii_only = self._ascii
            yield body
            if spec.word or spec.text is not None:
                field_ = Input(
                    value=spec.text or "", placeholder=f"type {spec.word}" if spec.word else "reason", id="typed"
                )
                field_.cursor_blink = False
                yield field_
            with Horizontal(id="choices"):
                for choice in spec.choices:
                    label = f"{choice.label} ({choice.key})" if choice.key else choice.label
                    button = Button(
                        Content(label),
                        id=f"choice-{choice.name}",
                        classes="-danger" if choice.danger else "",
                        compact=True,
                    )
                    button.disabled = bool(spec.word and choice.danger)
                    yield button

    def on_mount(self) -> None:
        self.query_one(f"#choice-{self.spec.focus}").focus()
        self._show()

    def on_resize(self) -> None:
        self._show()

    def draw(self, snapshot: TraderSnapshot, now_ns: int) -> None:
        """Show the newest picture, or close when the question no longer fits it."""
        self.frame = replace(self.frame, snapshot=snapshot, now_ns=now_ns)
        reason = self.spec.closes(snapshot)
        if reason:
            self._answer(Answer("closed", reason))
            return
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        width = min(100 if self.spec.wide else 76, self.app.size.width) - 4
        room = max(self.app.size.height - (6 if self.spec.word or self.spec.text is not None else 4), 1)
        lines = [cut(line, width) for line in self.spec.lines(replace(self.frame, width=width, height=room))]
        if len(lines) > room:
            lines = [*lines[: room - 1], ((f"and {len(lines) - room + 1} more lines", "dim"),)]
        body = self.query_one("#body", LinesView)
        if len(lines) != len(body.lines):
            body.styles.height = len(lines)
        body.set_lines(lines)

    def _answer(self, answer: Answer) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(answer)

    def choose(self, name: str) -> None:
        """Take a choice, unless it is dangerous and too early or still locked."""
        choice = next(choice for choice in self.spec.choices if choice.name == name)
        if choice.danger and (time.monotonic() < self._armed_at or self.query_one(f"#choice-{name}", Button).disabled):
            return
        typed = self.query("#typed")
        self._answer(Answer(name, typed.first(Input).value.strip() if typed else ""))

    def action_back(self) -> None:
        if self.spec.back:
            self.choose(self.spec.back)

    def action_step(self, step: int) -> None:
        if step > 0:
            self.focus_next(Button)
        else:
            self.focus_previous(Button)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.choose((event.button.id or "").removeprefix("choice-"))

    def on_key(self, event: Key) -> None:
        """A choice's own key; it goes no further, or the app would take the same key for one of its own."""
        if isinstance(self.focused, Input) or not event.character:
            return
        for choice in self.spec.choices:
            if choice.key == event.character:
                event.stop()
                event.prevent_default()
                self.choose(choice.name)
                return

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.spec.word:
            for choice in self.spec.choices:
                if choice.danger:
                    self.query_one(f"#choice-{choice.name}", Button).disabled = event.value.strip() != self.spec.word

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        danger = next((choice for choice in self.spec.choices if choice.danger), None)
        if self.spec.word and danger is not None:
            self.choose(danger.name)
        else:
            self.query_one(f"#choice-{self.spec.focus}").focus()
