"""A focusable box that shows a block and lets its rows be walked through; the selection follows the row's key."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.view_models.box import Scroll, boxed, rows_room, scrolled
from tui.view_models.cells import Block, Row, row_keys
from tui.view_models.symbols import UNICODE, Symbols
from tui.widgets.lines import LinesView


class Panel(LinesView, can_focus=True):
    """`selectable` panels have a cursor; `follows` ones stay at their end until the operator moves up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    class Selected(Message):
        """The selection has moved."""

    def __init__(self, *, id: str, selectable: bool = True, follows: bool = False) -> None:
        super().__init__(id=id)
        self.selectable = selectable
        self.follows = follows
        self.symbols: Symbols = UNICODE
        self.block = Block()
        self._top = 0
        self._cursor: str | None = None
        self._index = 0
        self._held = False
        self._gone = False

    @property
    def selected(self) -> Row | None:
        keys = row_keys(self.block.rows)
        return self.block.rows[keys.index(self._cursor)] if self._cursor in keys else None

    def show(self, block: Block) -> None:
        """Take a new block; the selected key stays selected. One that is gone leaves nothing selected: the row that
        took its place is another thing, and no key may act on it unasked.
        """
        self.block = block
        self._settle()

    def _settle(self) -> None:
        rows = self.block.rows
        room = rows_room(self.block, self.size.height)
        following = self.follows and not self._held
        index = None
        if self.selectable and rows and not following:
            keys = row_keys(rows)
            if self._cursor in keys:
                self._index = keys.index(self._cursor)
            elif self._cursor is None and not self._gone:
                self._cursor = keys[0]
            elif self._cursor is not None:
                self._cursor, self._gone = None, True
            self._index = min(max(self._index, 0), len(rows) - 1)
            index = self._index if self._cursor is not None else None
        elif following and rows:
            self._index, self._cursor = len(rows) - 1, None
        self._top = scrolled(rows, self._top, room, index, follow=following)
        self._compose_lines()

    def _compose_lines(self) -> None:
        scroll = Scroll(self._top, self._cursor if self.selectable else None, self.has_focus)
        block = self.block
        if self._held and self.follows:
            block = Block(block.title, f"HELD, End follows · {block.badge}", block.head, block.rows, block.foot)
        self.set_lines(boxed(block, self.size.width, self.size.height, scroll, self.symbols))

    def _go(self, index: int) -> None:
        rows = self.block.rows
        if not self.selectable:
            return
        if not rows:
            self.post_message(self.Idle("there is no row here"))
            return
        self._index = min(max(index, 0), len(rows) - 1)
        self._held = self.follows and self._index < len(rows) - 1
        self._cursor, self._gone = rows[self._index].key, False
        self._settle()
        self.post_message(self.Selected())

    def _scroll(self, top: int) -> None:
        """Without a cursor the window itself moves."""
        last = max(len(self.block.rows) - rows_room(self.block, self.size.height), 0)
        self._top = min(max(top, 0), last)
        self._compose_lines()

    def action_move(self, step: int) -> None:
        if not self.selectable:
            self._scroll(self._top + step)
            return
        self._go(self._index + (0 if self._gone else step))

    def action_page(self, step: int) -> None:
        page = max(rows_room(self.block, self.size.height) - 1, 1)
        if not self.selectable:
            self._scroll(self._top + step * page)
            return
        self._go(self._index + step * page)

    def action_edge(self, side: int) -> None:
        if not self.selectable:
            self._scroll(0 if side < 0 else len(self.block.rows))
            return
        self._go(0 if side < 0 else len(self.block.rows) - 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(1)

    def on_click(self, event: events.Click) -> None:
        row = event.y - 1 - len(self.block.head)
        if 0 <= row < rows_room(self.block, self.size.height) and self._top + row < len(self.block.rows):
            self._go(self._top + row)

    def on_focus(self) -> None:
        self._compose_lines()

    def on_blur(self) -> None:
        self._compose_lines()

    def on_resize(self) -> None:
        super().on_resize()
        self._settle()
