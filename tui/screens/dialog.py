"""One dialog for everything that asks: lines that stay current, choices, fields, the keys that work in it.

A dialog closes by itself, with a reason, when what it asks about has changed. A dangerous choice is ignored for a
moment after opening and after each key, so that a repeated key does not confirm. Where a word must be typed, or where
what is asked would be refused, the choice is locked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Button, Input, Label

from core.trading.snapshot import TraderSnapshot
from tui.screens.overlay import PANIC, Overlay
from tui.view_models.cells import Line, cut, inert
from tui.view_models.view_state import Frame
from tui.widgets.lines import LinesView

# What the keys of a text field do there and then.
_EDITS = {
    "backspace": "delete_left", "delete": "delete_right", "left": "cursor_left", "right": "cursor_right",
    "home": "home", "end": "end", "ctrl+u": "delete_left_all", "ctrl+w": "delete_left_word",
}  # fmt: skip
log = logging.getLogger("tui")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """A button; `key` chooses it directly. The one called `stay` or `no` changes nothing."""

    name: str
    label: str
    key: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """Something to type: `name` is its key in the answer and its label."""

    name: str
    value: str = ""
    width: int = 0


@dataclass(frozen=True, slots=True)
class DialogSpec:
    """What a dialog says and asks. `focus` names the choice under Enter, `back` the one under esc ("" where there is
    no way back).

    `fields` can be typed into, their values are in the frame that `lines` is given. `word` must be typed before a
    dangerous choice works; `locked` says why it does not work for other reasons. `renamed` gives that choice's label
    anew for what was typed. `first` names the field that has the focus at the beginning. The first `pinned` lines stay
    where more lines than fit are scrolled.
    """

    name: str
    title: str
    lines: Callable[[Frame], list[Line]]
    choices: tuple[Choice, ...]
    focus: str
    back: str
    closes: Callable[[TraderSnapshot], str] = field(default=lambda snapshot: "")
    word: str = ""
    fields: tuple[Field, ...] = ()
    locked: Callable[[Frame], str] = field(default=lambda frame: "")
    renamed: Callable[[Frame], str] = field(default=lambda frame: "")
    wide: bool = False
    first: str = ""
    pinned: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What was chosen (`closed` when the dialog closed itself, with the reason in `text`) and what was typed."""

    choice: str
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


class TypedInput(Input):
    """Takes plain text only, pasted or typed."""

    cursor_blink = False

    async def _on_key(self, event: Key) -> None:
        """Edit at once. Textual would take a letter here and a backspace only after it has gone up to the app and back:
        keys that arrive together, as over a slow line, would be taken in another order than they were typed.
        """
        target = self.screen.focused
        if target is not None and target is not self:
            event.stop()
            event.prevent_default()
            target.post_message(Key(event.key, event.character))
        elif event.key in _EDITS:
            event.stop()
            event.prevent_default()
            getattr(self, f"action_{_EDITS[event.key]}")()
        elif event.key in ("tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            (self.screen.focus_next if event.key == "tab" else self.screen.focus_previous)()
        else:
            await super()._on_key(event)

    def insert_text_at_cursor(self, text: str) -> None:
        super().insert_text_at_cursor(inert(text))


class Dialog(Overlay[Answer]):
    """Shows a `DialogSpec`."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("up", "scroll_lines(-1)", show=False),
        Binding("down", "scroll_lines(1)", show=False),
        Binding("pageup", "scroll_lines(-10)", show=False),
        Binding("pagedown", "scroll_lines(10)", show=False),
        Binding("home", "scroll_lines(-10000)", show=False),
        Binding("end", "scroll_lines(10000)", show=False),
    ]

    def __init__(self, spec: DialogSpec, frame: Frame, *, guard_ms: int, ascii_only: bool) -> None:
        super().__init__(classes="-wide-dialog" if spec.wide else "")
        self.spec = spec
        self.frame = frame
        self._ascii = ascii_only
        self._guard_s = guard_ms / 1000
        self._armed_at = time.monotonic() + self._guard_s
        self._answered = False
        self._broken = False
        self._top = self._last_top = 0

    def compose(self) -> ComposeResult:
        spec = self.spec
        with Vertical(id="dialog") as box:
            box.border_title = Content(f" {spec.title} ")
            body = LinesView(id="body")
            body.ascii_only = self._ascii
            yield body
            if spec.fields:
                with Horizontal(id="fields"):
                    for item in spec.fields:
                        yield Label(Content(f"{item.name} "))
                        typed = TypedInput(value=item.value, id=f"field-{item.name}", classes="-field")
                        if item.width:
                            typed.styles.width = item.width
                        yield typed
            if spec.word:
                yield TypedInput(placeholder=f"type {spec.word}", id="typed")
            with Horizontal(id="choices"):
                for choice in spec.choices:
                    yield self._button(choice)
        keys = LinesView(id="keys")
        keys.ascii_only = self._ascii
        yield keys

    def _button(self, choice: Choice) -> Button:
        label = f"{choice.label} ({choice.key})" if choice.key else choice.label
        button = Button(
            Content(label), id=f"choice-{choice.name}", classes="-danger" if choice.danger else "", compact=True
        )
        button.disabled = bool(choice.danger and self.spec.word)
        return button

    @property
    def gone(self) -> bool:
        """Its parts come and go one by one: without what is asked there is no question."""
        return super().gone or not self.query(f"#choice-{self.spec.focus}")

    def on_mount(self) -> None:
        if self.gone:
            return
        spec = self.spec
        wanted = self.query_one(f"#choice-{spec.focus}", Button)
        if spec.first:
            self.query_one(f"#field-{spec.first}").focus()
        else:
            (self.query_one(f"#choice-{spec.back}") if wanted.disabled and spec.back else wanted).focus()
        self._show()

    def on_resize(self) -> None:
        if not self.gone:
            self._show()

    def draw(self, snapshot: TraderSnapshot, now_ns: int) -> None:
        """Show the newest picture, or close when the question no longer fits it."""
        self.frame = replace(self.frame, snapshot=snapshot, now_ns=now_ns)
        reason = self.spec.closes(snapshot)
        if reason:
            self._answer(Answer("closed", reason))
            return
        if not self.gone:
            self._show()

    def _seen(self) -> Frame:
        """The frame with what is typed now."""
        if self.gone:
            return replace(self.frame, values={item.name: item.value for item in self.spec.fields})
        values = {item.name: self.query_one(f"#field-{item.name}", Input).value for item in self.spec.fields}
        return replace(self.frame, values=values)

    def _show(self) -> None:
        spec = self.spec
        width = min(100 if spec.wide else 76, self.app.size.width) - 4
        taken = 5 + (2 if spec.word else 0) + (2 if spec.fields else 0)
        room = max(self.app.size.height - taken, 1)
        frame = replace(self._seen(), width=width, height=room)
        self._broken = False
        broken: list[Line] = [(("view error, see the log; nothing can be confirmed here", "alarm"),)]
        lines = [cut(line, width) for line in self._asked(spec.lines, frame, broken)]
        lines = self._window(lines, room)
        body = self.query_one("#body", LinesView)
        if len(lines) != len(body.lines):
            body.styles.height = len(lines)
        body.set_lines(lines)
        self._lock(frame)
        self.show_keys()

    def _window(self, lines: list[Line], room: int) -> list[Line]:
        """The lines that fit: the pinned ones, and a part of the others that up and down move."""
        pinned = min(self.spec.pinned, max(room - 2, 0))
        seen = room - pinned - 1
        self._last_top = max(len(lines) - pinned - seen, 0) if len(lines) > room else 0
        self._top = min(self._top, self._last_top)
        if not self._last_top or seen < 1:
            return lines[:room]
        first = pinned + self._top
        told = f"lines {self._top + 1}-{self._top + seen} of {len(lines) - pinned}, up and down show the others"
        return [*lines[:pinned], *lines[first : first + seen], ((told, "warn"),)]

    def action_scroll_lines(self, step: int) -> None:
        """Move the window over lines that do not all fit."""
        if not self._last_top:
            self.refuse("all lines are in sight")
            return
        self._top = min(max(self._top + step, 0), self._last_top)
        self._show()

    def _asked(self, ask: Callable[[Frame], T], frame: Frame, otherwise: T) -> T:
        """What the question says of itself. One that fails is shown as failed and confirms nothing."""
        try:
            return ask(frame)
        except Exception:
            if not self._broken:
                log.exception("the dialog %s failed", self.spec.name)
            self._broken = True
            return otherwise

    def _locked(self, frame: Frame) -> bool:
        return bool(self._asked(self.spec.locked, frame, "view error")) or self._broken

    def _lock(self, frame: Frame) -> None:
        """Dangerous choices work only when nothing stands against them."""
        typed = self.query("#typed")
        word_missing = bool(self.spec.word) and typed.first(Input).value.strip() != self.spec.word
        locked = self._locked(frame)
        renamed = self._asked(self.spec.renamed, frame, "")
        for choice in self.spec.choices:
            if choice.danger:
                button = self.query_one(f"#choice-{choice.name}", Button)
                if button.disabled != word_missing:
                    button.disabled = word_missing
                # Not disabled: the focus would jump to another choice, and Enter with it.
                button.set_class(locked, "-locked")
                if renamed and str(button.label) != renamed:
                    button.label = Content(renamed)

    def keys_line(self) -> Line:
        """The keys that work while this is asked."""
        focused, choices = self.focused, self.spec.choices
        hints: list[tuple[str, str]] = []
        if isinstance(focused, Input):
            hints += [("enter", "take it"), ("tab", "next field")]
        else:
            under = focused.id if focused is not None else ""
            renamed = self._asked(self.spec.renamed, self._seen(), "")
            chosen = [choice for choice in choices if under == f"choice-{choice.name}"]
            hints += [("enter", renamed if choice.danger and renamed else choice.label) for choice in chosen]
            hints += [(choice.key, choice.label) for choice in choices if choice.key]
            hints += [("tab", "type" if self.spec.fields or self.spec.word else "next choice")]
        hints += [("up down", "scroll")] if self._last_top else []
        hints += [("esc", self.way_back)] if self.way_back else []
        cells: Line = PANIC
        for key, label in hints:
            cells = (*cells, (key, "key"), (f" {label}  ", ""))
        return cells

    def on_descendant_focus(self) -> None:
        if not self.gone:
            self.hush()
            self.show_keys()

    def _answer(self, answer: Answer) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(answer)

    def choose(self, name: str) -> None:
        """Take a choice, unless it is dangerous and too early or still locked; then say so."""
        choice = next(choice for choice in self.spec.choices if choice.name == name)
        early = time.monotonic() < self._armed_at
        self._armed_at = max(self._armed_at, time.monotonic() + self._guard_s)
        why = self._why_not(name, early=early) if choice.danger else ""
        if why:
            self.refuse(f"not done: {why}")
            return
        self._answer(Answer(name, values={name: text.strip() for name, text in self._seen().values.items()}))

    def _why_not(self, name: str, *, early: bool) -> str:
        if self.gone:
            return "the question has just changed; press again"
        if self.query_one(f"#choice-{name}", Button).disabled:
            return f"type {self.spec.word} first"
        locked = self._asked(self.spec.locked, self._seen(), "view error, see the log")
        return locked or ("the question has just changed; press again" if early else "")

    @property
    def way_back(self) -> str:
        return next((choice.label for choice in self.spec.choices if choice.name == self.spec.back), "")

    def action_back(self) -> None:
        if self.spec.back:
            self.choose(self.spec.back)
        else:
            self.refuse("no way back from here: a stop is not taken back")

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
        self.hush()
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes on: to the choice that is asked about."""
        event.stop()
        danger = next((choice for choice in self.spec.choices if choice.danger), None)
        if danger is None:
            self.choose(self.spec.focus)
        elif event.input.id == "typed":
            self.choose(danger.name)
        elif not self.query_one(f"#choice-{danger.name}", Button).disabled:
            self.query_one(f"#choice-{danger.name}").focus()
            self._armed_at = time.monotonic() + self._guard_s
        elif self.spec.word:
            self.query_one("#typed").focus()
