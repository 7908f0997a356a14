"""Shrinking: the fewest faults of a plan with which it still goes wrong, by leaving parts out (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool], most: int = 60) -> tuple[T, ...]:
    """A part of `items` that still fails and of which nothing single can be left out, within `most` tries."""
    kept = tuple(items)
    parts = 2
    tries = 0
    if kept and fails(()):
        return ()
    while len(kept) >= 2 and tries < most:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            left = kept[:start] + kept[start + size :]
            tries += 1
            if left and fails(left):
                kept, parts = left, max(2, parts - 1)
                break
        else:
            if size == 1:
                return kept
            parts = min(len(kept), parts * 2)
    return kept
