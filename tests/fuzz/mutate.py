"""The mutation engine: valid examples in, inputs that are almost valid out. Seeded; knows tokens, not meanings.

An example is cut once into atoms (strings, numbers, words), units (members, elements, lines) and keys; a mutation is
then a splice at one of those places, so that most inputs still get past the first brace. Some are cut, flipped and
spliced byte by byte on top. No input grows over `MOST_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

MOST_BYTES = 1 << 16
Span = tuple[int, int]

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[\[\]{}:,=\n]|[^\s\[\]{}:,="]+')

# What stands where a value should: wrong kinds, edges of numbers, text that terminals obey, text that is none.
ODD: tuple[bytes, ...] = (
    b"null", b"true", b"false", b"{}", b"[]", b"[[]]", b'""', b'"x"', b"0", b"-0", b"1", b"-1", b"0.5", b"1e3",
    b"1e999", b"-1e-999", b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"1e99999999999999999999",
    b"0x10", b"1_000", b"+1",
    b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616",
    b"253402300799999", b"253402300800000", b"1" * 400, b"0." + b"3" * 300, b'"0.5000"', b'"1.0000"',
    b'"0.0000"', b'"-0.5"', b'"1e2"', b'"NaN"', b'"Infinity"', b'"0.50005"', b'"999999999999.99"', b'"1234567890123"',
    '"٠.٥"'.encode(), '"１"'.encode(), b'" 1"', b'"1 "', b'"1\\n"', b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"',
    b'"\\u001b[2J"', b'"\\u202e"', b'"\\u200b\\ufeff"', b'"\xed\xa0\x80"', b'"\xff"', b'"\x00"', b'"\x1b]0;x\x07"',
    '"é🙂"'.encode(), b'"' + b"a" * 200 + b'"', b"[" * 100 + b"]" * 100, b'{"a":1,"a":2}', b"<html>", b"'",
    b'"', b"\\", b"/*", b"#",
    b'"2026-02-30T25:61:61Z"', b'"0000-00-00T00:00:00Z"', b'"9999-12-31T23:59:59.999999999+23:59"', b'"yes"', b'"no"',
    b'"../../x"', b'"%s%n{0}"', b"--help", b"--", b"-", b"=", b"..", b"/", b"\xef\xbb\xbf", b"\r\n", b"\t", b" " * 300,
)  # fmt: skip
# What a parser may choke on; rare, for each costs as much as a hundred others.
HEAVY: tuple[bytes, ...] = (
    b"1" * 5_000, b"0." + b"7" * 5_000, b'"' + b"a" * 5_000 + b'"', b'"' + b"\\u00e9" * 2_000 + b'"', b"[" * 3_000,
    b'{"a":' * 3_000, b"[" * 1_200 + b"]" * 1_200, b'{"a":' * 1_200 + b"1" + b"}" * 1_200, b"\x1b]" * 2_000,
    b"\n" * 4_000, b"," * 4_000, b"a=" * 2_000,
)  # fmt: skip
RARELY = 0.02
_BYTES = tuple(bytes((n,)) for n in range(256))


class Example:
    """One valid input and the places where it can be taken apart."""

    __slots__ = ("atoms", "data", "keys", "units")

    def __init__(self, data: bytes) -> None:
        self.data = data
        atoms: list[Span] = []
        self.keys: list[Span] = []
        self.units: list[Span] = []
        begun: list[int] = [0]
        for token in _TOKEN.finditer(data):
            start, end = token.span()
            word = data[start:end]
            if word in (b"{", b"["):
                begun.append(end)
            elif word in (b"}", b"]", b",", b"\n"):
                if start > begun[-1]:
                    self.units.append((begun[-1], start))
                if word in (b"}", b"]") and len(begun) > 1:
                    begun.pop()
                else:
                    begun[-1] = end
            elif word in (b":", b"="):
                if atoms:
                    self.keys.append(atoms.pop())
            else:
                atoms.append((start, end))
        if len(data) > begun[-1]:
            self.units.append((begun[-1], len(data)))
        self.atoms = atoms or [(0, len(data))]
        self.keys = self.keys or self.atoms
        self.units = self.units or [(0, len(data))]


Change = Callable[["Mutator", Example], bytes]


class Mutator:
    """Inputs without end out of `examples`, the same for the same seed."""

    def __init__(self, examples: Sequence[Example], seed: str) -> None:
        self._examples = examples
        self._chance = Random(seed).random

    def pick(self, below: int) -> int:
        return int(self._chance() * below)

    def __iter__(self) -> Iterator[bytes]:
        chance, examples, many = self._chance, self._examples, len(self._examples)
        changes, most = CHANGES, len(CHANGES)
        while True:
            made = changes[int(chance() * most)](self, examples[int(chance() * many)])
            while chance() < 0.2:
                made = BYTEWISE[int(chance() * len(BYTEWISE))](self, made)
            yield made[:MOST_BYTES]

    def odd(self) -> bytes:
        return ODD[self.pick(len(ODD))] if self._chance() > RARELY else HEAVY[self.pick(len(HEAVY))]

    # ---- by structure --------------------------------------------------------------------------------------------

    def odd_value(self, example: Example) -> bytes:
        start, end = example.atoms[self.pick(len(example.atoms))]
        return example.data[:start] + self.odd() + example.data[end:]

    def odd_inside(self, example: Example) -> bytes:
        """Something odd within a string or a number, which keeps its kind."""
        start, end = example.atoms[self.pick(len(example.atoms))]
        at = start + 1 + self.pick(max(1, end - start - 1))
        return example.data[:at] + self.odd().strip(b'"') + example.data[at:]

    def other_value(self, example: Example) -> bytes:
        """A value from elsewhere, of this or of another example."""
        start, end = example.atoms[self.pick(len(example.atoms))]
        other = self._examples[self.pick(len(self._examples))]
        first, last = other.atoms[self.pick(len(other.atoms))]
        return example.data[:start] + other.data[first:last] + example.data[end:]

    def without(self, example: Example) -> bytes:
        start, end = example.units[self.pick(len(example.units))]
        data = example.data
        if data[end : end + 1] in (b",", b"\n"):
            end += 1
        elif data[start - 1 : start] == b",":
            start -= 1
        return data[:start] + data[end:]

    def twice(self, example: Example) -> bytes:
        start, end = example.units[self.pick(len(example.units))]
        data = example.data
        joint = b"\n" if data[end : end + 1] == b"\n" else b","
        return data[:end] + (joint + data[start:end]) * (1 if self._chance() > RARELY else 60) + data[end:]

    def other_unit(self, example: Example) -> bytes:
        start, end = example.units[self.pick(len(example.units))]
        other = self._examples[self.pick(len(self._examples))]
        first, last = other.units[self.pick(len(other.units))]
        return example.data[:start] + other.data[first:last] + example.data[end:]

    def stranger(self, example: Example) -> bytes:
        """A field nobody knows, or one more of a name that is there."""
        start, _ = example.units[self.pick(len(example.units))]
        first, last = example.keys[self.pick(len(example.keys))]
        name = example.data[first:last] if self._chance() < 0.5 else b'"zz"'
        sign = b"=" if b"=" in example.data and b":" not in example.data else b":"
        joint = b"," if sign == b":" else b"\n"
        return example.data[:start] + name + sign + self.odd() + joint + example.data[start:]

    def renamed(self, example: Example) -> bytes:
        start, end = example.keys[self.pick(len(example.keys))]
        return example.data[:start] + self.odd() + example.data[end:]

    def nested(self, example: Example) -> bytes:
        start, end = example.units[self.pick(len(example.units))]
        deep = 1 + self.pick(3) if self._chance() > RARELY else 1_500
        return example.data[:start] + b"[" * deep + example.data[start:end] + b"]" * deep + example.data[end:]

    def unchanged(self, example: Example) -> bytes:
        """For the byte-wise changes alone, and for what state does to a valid input."""
        return example.data

    # ---- byte by byte --------------------------------------------------------------------------------------------

    def flipped(self, data: bytes) -> bytes:
        at = self.pick(len(data))
        return data[:at] + _BYTES[(data[at] ^ 1 << self.pick(8)) if data else 0] + data[at + 1 :] if data else b"\x00"

    def replaced(self, data: bytes) -> bytes:
        at = self.pick(len(data) + 1)
        return data[:at] + _BYTES[self.pick(256)] + data[at + 1 :]

    def cut(self, data: bytes) -> bytes:
        return data[: self.pick(len(data) + 1)]

    def hole(self, data: bytes) -> bytes:
        at = self.pick(len(data) + 1)
        return data[:at] + data[at + 1 + self.pick(16) :]

    def inserted(self, data: bytes) -> bytes:
        at = self.pick(len(data) + 1)
        return data[:at] + self.odd() + data[at:]

    def spliced(self, data: bytes) -> bytes:
        other = self._examples[self.pick(len(self._examples))].data
        return data[: self.pick(len(data) + 1)] + other[self.pick(len(other) + 1) :]

    def repeated(self, data: bytes) -> bytes:
        at = self.pick(len(data) + 1)
        return data[:at] + data[at : at + 1 + self.pick(40)] * (1 + self.pick(30)) + data[at:]


CHANGES: tuple[Change, ...] = (
    Mutator.odd_value, Mutator.odd_value, Mutator.odd_value, Mutator.odd_inside, Mutator.odd_inside,
    Mutator.other_value, Mutator.other_value, Mutator.without, Mutator.twice, Mutator.other_unit, Mutator.stranger,
    Mutator.renamed, Mutator.nested, Mutator.unchanged,
)  # fmt: skip
BYTEWISE: tuple[Callable[[Mutator, bytes], bytes], ...] = (
    Mutator.flipped, Mutator.replaced, Mutator.cut, Mutator.hole, Mutator.inserted, Mutator.spliced, Mutator.repeated,
)  # fmt: skip
