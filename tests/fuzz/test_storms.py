"""Fuzz: whatever arrives is taken or refused in the declared way, within 50 ms. `docs/fuzz.md` is the table.

`FUZZ_INPUTS` is how many the long lane throws at each target, `FUZZ_PROGRESS` a file of the targets it has done: one
that was stopped goes on with the others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fuzz.storm import Storm, Target, play
from tests.fuzz.table import CI, CI_SECONDS, LONG, LONG_SECONDS, PAGE, TARGETS, page

LONG_FIRST = 10_000  # the chunks of CI are not thrown again


def held(target: Target, inputs: int, first_chunk: int = 0) -> Storm:
    found = play(target, inputs, first_chunk)
    assert not found.found, "\n".join(found.found)
    assert found.taken >= inputs // 100, f"{target.name}: only {found.taken} of {found.inputs} were taken"
    return found


@pytest.mark.wide
@pytest.mark.timeout(0)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_every_mutated_input_is_taken_or_refused(target: Target) -> None:
    held(target, target.inputs(CI, CI_SECONDS))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_every_mutated_input_is_taken_or_refused_long(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Path(os.environ.get("FUZZ_PROGRESS", tmp_path / "fuzz.txt"))
    if progress.is_file() and target.name in progress.read_text(encoding="utf-8").splitlines():
        return
    found = held(target, target.inputs(int(os.environ.get("FUZZ_INPUTS", LONG)), LONG_SECONDS), LONG_FIRST)
    with progress.open("a", encoding="utf-8") as kept, capsys.disabled():
        kept.write(f"{target.name}\n")
        print(f"\n{target.name}: {found.inputs} inputs, {found.taken} taken, slowest {found.slowest_ns / 1e6:.1f} ms")


def test_a_target_that_lets_an_error_out_or_is_slow_is_told_with_its_input() -> None:
    def leaks(data: bytes) -> None:
        if b"null" in data:
            raise KeyError("leak")

    found = play(Target(name="leaks", what="x", examples=lambda: [b'{"a":1,"b":[2]}'], make=lambda: leaks), 5_000)
    assert found.found
    assert "KeyError" in found.found[0] and "null" in found.found[0]

    def slow(data: bytes) -> None:
        for _ in range(4_000_000 if b"null" in data else 0):
            pass

    found = play(Target(name="slow", what="x", examples=lambda: [b'{"a":1,"b":[2]}'], make=lambda: slow), 500)
    assert any(" ms\n" in one for one in found.found)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_most_examples_are_taken_as_they_are(target: Target) -> None:
    taker, refused, examples = target.make(), 0, list(target.examples())
    for data in examples:
        try:
            taker(data)
        except target.refusals:
            refused += 1
    assert refused <= len(examples) // 2


def test_the_table_of_targets_is_as_it_is_documented() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.fuzz.table"
