"""Where each part of the main screen lies at every size: a plain function from size to boxes.

Under 80x24 there is one column of text. From there one table switches; from 110x30 all panels are shown; from 180
columns risk and log get columns of their own. Header, state, notices and keys are never dropped.
"""

from __future__ import annotations

from typing import NamedTuple

SMALL = (80, 24)
MID = (110, 30)
WIDE = 180
STACK_ROWS = 36

TABLES = ("positions", "orders", "log")


class Box(NamedTuple):
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


def layout_name(width: int, height: int) -> str:
    """`small`, `narrow`, `mid` or `wide`."""
    if width < SMALL[0] or height < SMALL[1]:
        return "small"
    if width < MID[0] or height < MID[1]:
        return "narrow"
    return "mid" if width < WIDE else "wide"


def arrange(
    width: int, height: int, *, slot: str = "positions", zoom: str | None = None, notice: int = 1
) -> dict[str, Box]:
    """Boxes of all parts that are shown; they cover the screen and do not overlap. Lines of the notice beyond the
    first are taken from the parts at the bottom.
    """
    name = layout_name(width, height)
    if name == "small":
        return {"small": Box(0, 0, width, height)}
    state = 2 if name == "narrow" else 5
    boxes = {
        "header": Box(0, 0, width, 1),
        "state": Box(0, 1, width, state),
        "notice": Box(0, height - 2 - notice, width, notice),
        "alarm": Box(0, height - 2, width, 1),
        "footer": Box(0, height - 1, width, 1),
    }
    body = Box(0, 1 + state, width, height - 4 - state)
    if zoom is not None:
        return {**boxes, **_shortened({zoom: body}, notice - 1)}
    arranged = {"narrow": _narrow, "mid": _mid, "wide": _wide}[name]
    return {**boxes, **_shortened(arranged(body, slot if slot in TABLES else "positions"), notice - 1)}


def _shortened(boxes: dict[str, Box], rows: int) -> dict[str, Box]:
    """The boxes that reach the bottom, `rows` lower."""
    bottom = max(box.y + box.height for box in boxes.values())
    return {
        name: box._replace(height=box.height - rows) if box.y + box.height == bottom else box
        for name, box in boxes.items()
    }


def _narrow(body: Box, slot: str) -> dict[str, Box]:
    left = max(38, min(46, body.width * 45 // 100))
    stacked = body.height >= STACK_ROWS
    upper = max(body.height - 6, 12) if body.height < 22 else body.height // 2
    boxes = {
        "ladder": Box(0, body.y, left, upper),
        "money": Box(left, body.y, body.width - left, upper),
    }
    y, rest = body.y + upper, body.height - upper
    if not stacked:
        return {**boxes, slot: Box(0, y, body.width, rest)}
    third = rest // 3
    for name, rows in (("positions", third), ("orders", third), ("log", rest - 2 * third)):
        boxes[name] = Box(0, y, body.width, rows)
        y += rows
    return boxes


def _mid(body: Box, slot: str) -> dict[str, Box]:
    left = 40 if body.width < 150 else 46
    lower = min(max(body.height * 2 // 5, 8), 16)
    upper = body.height - lower
    half = upper // 2
    split = body.width // 2
    return {
        "ladder": Box(0, body.y, left, upper),
        "positions": Box(left, body.y, body.width - left, half),
        "orders": Box(left, body.y + half, body.width - left, upper - half),
        "money": Box(0, body.y + upper, split, lower),
        "log": Box(split, body.y + upper, body.width - split, lower),
    }


def _wide(body: Box, slot: str) -> dict[str, Box]:
    left = 56
    right = max(58, body.width * 30 // 100)
    middle = body.width - left - right
    lower = min(max(body.height // 3, 10), 18)
    upper = body.height - lower
    half = upper // 2
    return {
        "ladder": Box(0, body.y, left, upper),
        "positions": Box(left, body.y, middle, half),
        "orders": Box(left, body.y + half, middle, upper - half),
        "log": Box(left + middle, body.y, right, upper),
        "money": Box(0, body.y + upper, left + middle, lower),
        "risk": Box(left + middle, body.y + upper, right, lower),
    }
