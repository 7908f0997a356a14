"""Draws of whole numbers from a seeded source, at a third of what the library's own cost.

The same numbers from the same bits as `Random.randrange`, `randint` and `choice`, which spend most of their time on
checking arguments: participants draw a dozen of them a second and market.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

One = TypeVar("One")


def below(chance: Random, limit: int) -> int:
    """A number from 0 to less than `limit`, which is at least 1."""
    bits = limit.bit_length()
    drawn = chance.getrandbits(bits)
    while drawn >= limit:
        drawn = chance.getrandbits(bits)
    return drawn


def between(chance: Random, low: int, high: int) -> int:
    """A number from `low` to `high`, both included."""
    return low + below(chance, high - low + 1)


def pick(chance: Random, ones: Sequence[One]) -> One:
    """One of them."""
    return ones[below(chance, len(ones))]
