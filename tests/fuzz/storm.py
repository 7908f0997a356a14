"""Storms: mutated inputs thrown at one target, in chunks that can each be played again alone.

A target answers with a value or with one of the refusals it declares; anything else is an escaped exception. An input
over `SLOW_NS` of the processor's time is thrown again with all before it, before it is blamed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from tests.fuzz.mutate import Example, Mutator

CHUNK = 500
CHEAP = 20  # microseconds
SLOW_NS = 50_000_000
SHOWN = 600
MOST_FOUND = 3

Taker = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`make` gives a fresh taker for each chunk; `cost` is what an input takes, in microseconds, in round figures."""

    name: str
    what: str
    examples: Callable[[], Iterable[bytes]]
    make: Callable[[], Taker]
    refusals: tuple[type[BaseException], ...] = ()
    cost: int = 15

    def inputs(self, wanted: int, seconds: int) -> int:
        """So many are thrown: all that are wanted at a cheap target, at a dear one what fits into the seconds."""
        return wanted if self.cost <= CHEAP else min(wanted, seconds * 1_000_000 // self.cost // CHUNK * CHUNK)


@dataclass(slots=True)
class Storm:
    """What came of it. `found` says for each failure which chunk and input it was."""

    inputs: int = 0
    taken: int = 0
    slowest_ns: int = 0
    found: list[str] = field(default_factory=list)


def play(target: Target, inputs: int, first_chunk: int = 0) -> Storm:
    """At least `inputs` inputs; ends early with `MOST_FOUND` failures."""
    storm = Storm()
    examples = [Example(data) for data in target.examples()]
    chunk = first_chunk
    while storm.inputs < inputs and len(storm.found) < MOST_FOUND:
        _chunk(target, examples, chunk, storm)
        chunk += 1
    return storm


def _chunk(target: Target, examples: list[Example], chunk: int, storm: Storm) -> None:
    taker, refusals, clock = target.make(), target.refusals, time.thread_time_ns
    for number, data in enumerate(_inputs(target, examples, chunk)):
        began = clock()
        try:
            taker(data)
            storm.taken += 1
        except refusals:
            pass
        except Exception as error:
            _found(storm, target, chunk, number, f"{type(error).__name__}: {str(error)[:200]}", data)
        took = clock() - began
        if took > SLOW_NS:
            took = min(took, _again(target, examples, chunk, number))
            if took > SLOW_NS:
                _found(storm, target, chunk, number, f"{took / 1e6:.0f} ms", data)
        storm.slowest_ns = max(storm.slowest_ns, took)
        storm.inputs += 1
        if len(storm.found) >= MOST_FOUND:
            break


def _inputs(target: Target, examples: list[Example], chunk: int) -> Iterable[bytes]:
    return islice(Mutator(examples, f"{target.name}:{chunk}"), CHUNK)


def _found(storm: Storm, target: Target, chunk: int, number: int, what: str, data: bytes) -> None:
    storm.found.append(f"{target.name}, chunk {chunk}, input {number}: {what}\n  {data[:SHOWN]!r}")


def _again(target: Target, examples: list[Example], chunk: int, number: int) -> int:
    """How long the input takes when all before it in its chunk are thrown once more: nothing of it may hang on
    what else the process had to do.
    """
    taker, took = target.make(), 0
    for data in islice(_inputs(target, examples, chunk), number + 1):
        began = time.thread_time_ns()
        with contextlib.suppress(Exception):
            taker(data)
        took = time.thread_time_ns() - began
    return took
