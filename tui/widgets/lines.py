"""The base of everything drawn: a widget that is given lines of cells and repaints only those that changed.

Roles become styles through component classes, so colours live in the style sheets. Text goes out as plain segments:
no markup, no control characters.
"""

from __future__ import annotations

import logging
from typing import ClassVar, Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.view_models.cells import ROLES, Line, fit, inert

log = logging.getLogger("tui")

# Signs of the views that are not in `Symbols`; a question mark would say something else ("5?" is an order in doubt).
IN_ASCII = str.maketrans({"…": "~", "≤": "<", "↑": "^", "↓": "v", "←": "<", "→": ">", "¢": "c", "°": " "})


class LinesView(Widget):
    """Shows `lines`; those beyond the height are not seen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in ROLES}
    ALLOW_SELECT = False

    class Idle(Message):
        """A key found nothing to act on here; `why` says so."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._role_styles: dict[str, Style] = {}
        self._rendered: tuple[Region, list[Strip]] | None = None
        self.ascii_only = False

    @property
    def lines(self) -> list[Line]:
        return self._lines

    def set_lines(self, lines: list[Line]) -> None:
        """Take new lines and repaint where they differ."""
        old = self._lines
        if lines == old:
            return
        self._lines = lines
        height = self.size.height
        for y in range(max(len(lines), len(old))):
            if y < len(lines) and y < len(old) and lines[y] == old[y]:
                continue
            self._strips.pop(y, None)
            if y < height:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """As the base does, but kept until a refresh: for one changed line anywhere the toolkit asks every widget of
        the screen for all of its lines.
        """
        if self._rendered is None or self._rendered[0] != crop:
            self._rendered = crop, super().render_lines(crop)
        return self._rendered[1]

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self._rendered = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        self._rendered = None
        self._role_styles.clear()
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        self._rendered = None
        self._strips.clear()

    def role_style(self, role: str) -> Style:
        """The style of a role or of several joined by `+`, over the widget's own."""
        style = self._role_styles.get(role)
        if style is None:
            style = self.rich_style
            for part in role.split("+"):
                if part:
                    style += self.get_component_rich_style(f"role--{part}", partial=True)
            self._role_styles[role] = style
        return style

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            try:
                strip = self._strip(y)
            except Exception:
                log.exception("drawing %s failed", self.id)
                strip = Strip([Segment("view error".ljust(self.size.width)[: self.size.width], self.rich_style)])
            self._strips[y] = strip
        return strip

    def _strip(self, y: int) -> Strip:
        width = self.size.width
        base = self.role_style("")
        if y >= len(self._lines):
            return Strip.blank(width, base)
        segments = [Segment(self._shown(text), self.role_style(role)) for text, role in self._lines[y] if text]
        return Strip(segments).adjust_cell_length(width, base)

    def _shown(self, text: str) -> str:
        if not text.isprintable():
            text = fit(inert(text), cell_len(text))
        if self.ascii_only and not text.isascii():
            text = text.translate(IN_ASCII).encode("ascii", "replace").decode("ascii")
        return text
