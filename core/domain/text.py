"""Cleaning of text from outside, applied once at the border: what passes is inert on a terminal and in a log line.

Removed: escape sequences, control characters (C0, C1, DEL), bidirectional and zero-width controls, surrogates,
unassigned and private code points. White space folds to one space. Length is capped.
"""

from __future__ import annotations

import re
import unicodedata

TEXT_LIMIT = 200

# CSI, OSC (ended by BEL or ST), other string sequences, then any two-byte escape. Linear: no nested repeats.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b."
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x90\x98\x9d\x9e\x9f][^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)?",
    re.DOTALL,
)
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` without anything that a terminal could obey, on one line, at most `limit` characters."""
    raw = text[: 4 * limit]
    if raw.isascii() and raw.isprintable():
        plain = raw
    else:
        plain = "".join(
            " " if ch.isspace() else ch
            for ch in _ESCAPES.sub("", raw)
            if ch.isspace() or unicodedata.category(ch) not in _DROPPED
        )
    folded = " ".join(plain.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
