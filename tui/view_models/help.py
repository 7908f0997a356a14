"""Help as rows: every action with its keys, its words and, where it does not work now, the reason."""

from __future__ import annotations

from tui.action import Situation
from tui.actions import ACTIONS, key_text
from tui.view_models.cells import Block, Line, Row, wrapped
from tui.view_models.symbols import UNICODE, Symbols

MOVES = (
    ("up down j k", "Move in a table; in the ladder, along the prices"),
    ("pgup pgdn", "Move by a page"),
    ("home end g g G", "First and last row; End follows the log again"),
)

KEY_WIDTH = 16


def help_block(situation: Situation, width: int, symbols: Symbols = UNICODE) -> Block:
    rows: list[Row] = []

    def add(line: Line) -> None:
        rows.append(Row(key=str(len(rows)), line=line))

    for group in dict.fromkeys(action.group for action in ACTIONS):
        add(((group, "head"),))
        for action in ACTIONS:
            if action.group != group:
                continue
            keys = " ".join(key_text(key) for key in action.keys)
            room = width - KEY_WIDTH
            blocked = action.why_not(situation)
            told = wrapped(action.words, room)
            told += wrapped(f"not now: {blocked}", room, "dim") if blocked else []
            for number, line in enumerate(told):
                add(((f"{'' if number else keys:<{KEY_WIDTH}}", "key"), *line))
    add((("Tables", "head"),))
    for keys, words in MOVES:
        add(((f"{keys:<{KEY_WIDTH}}", "key"), (words, "")))
    add((("Screen", "head"),))
    for text in (
        "YES prices everywhere but in a NO position, which is shown in NO prices.",
        f"mine 5{symbols.most}87: five of ours rest there, at most 87 of others before them.",
        f"AHEAD {symbols.most}87: a bound, from the books seen since the order rests.",
        "5? in mine: the fate of an own order there is not known yet.",
        "STALE marks what must not be taken for live, with its age.",
        "Esc closes this help; nothing here stops the trader.",
    ):
        add(((text, "dim"),))
    return Block(title=(("Help", ""),), badge="esc closes", rows=tuple(rows))
