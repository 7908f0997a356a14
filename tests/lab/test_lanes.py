"""Lanes of many worlds: the same seeds in other processes under other hash seeds, none open; and as many as are wanted.

`WORLDS` is how many the long lane plays, `WORLDS_PROGRESS` a file from which a stopped one goes on.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.lab.worlds import Tally, alike, play_many, summary

JOBS = 2
# In the wide lane: as many of these as five minutes hold, which other tests share, and so many at the least.
SHORT, SHORT_S, LEAST = 1_000, 300, 100
COUNTED = 0.98  # of the worlds at least; the rest are sound and too small to count


def played(worlds: int, progress: Path | None = None, until: float = float("inf")) -> Tally:
    """So many worlds; after the monotonic time `until` no more than the least."""
    played = 0

    def goes_on(_row: object) -> bool:
        nonlocal played
        played += 1
        return played < LEAST or time.monotonic() < until

    return play_many(range(1, worlds + 1), scenario="slow", seconds=300, jobs=JOBS, progress=progress, told=goes_on)


def told(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("", *summary(tally), sep="\n")


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "worlds", [pytest.param(30, marks=pytest.mark.wide), pytest.param(200, marks=pytest.mark.long)]
)
def test_worlds_hold_and_are_the_same_in_other_processes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, worlds: int
) -> None:
    tallies = []
    for hash_seed in ("1", "77"):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        tallies.append(played(worlds))
    first, again = tallies
    told(first, capsys)
    assert not first.open and not again.open, [*first.open.values(), *again.open.values()]
    assert first.worlds - first.small >= COUNTED * first.worlds
    words = f"played alike: {worlds} of {worlds}, {worlds} of them under another hash seed"
    assert alike(again, first.digests) == ([], words)


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "worlds", [pytest.param(SHORT, marks=pytest.mark.wide), pytest.param(0, marks=pytest.mark.long)]
)
def test_as_many_worlds_as_are_wanted_hold(capsys: pytest.CaptureFixture[str], tmp_path: Path, worlds: int) -> None:
    progress = None if worlds else Path(os.environ.get("WORLDS_PROGRESS", tmp_path / "worlds.jsonl"))
    until = time.monotonic() + SHORT_S if worlds else float("inf")
    tally = played(worlds or int(os.environ.get("WORLDS", "20000")), progress, until)
    told(tally, capsys)
    assert tally.worlds >= LEAST or not worlds
    assert not tally.open, list(tally.open.values())
    assert tally.worlds - tally.small >= COUNTED * tally.worlds
