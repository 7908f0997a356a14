"""Worlds in the quick lane: some seeds, repetition to the byte, shrinking, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import BadInput
from core.lab.named import NAMED, Named
from core.lab.plan import Plan, Planned, draw, read_faults
from core.lab.runner import World, play
from core.lab.shrink import shrink
from core.lab.stage import Stage
from core.lab.worlds import play_many, repeat_command
from core.sim.faults import FAULTS
from tui.__main__ import invoke

ROOT = Path(__file__).resolve().parents[2]


# What worlds have found: a name for the fault, and the least that shows it. (seed, seconds, faults)
FOUND = {
    "a quote that reduced passed the limit of open orders, and then everything was canceled": (
        5, 125, "B18-twice@91.9+1.6",
    ),
    "a change that could not be read left its book trusted until the next one came": (
        117, 95, "D4-field-missing@88.8+3",
    ),
    "after standing still a dead line was believed for what had come before": (
        168, 130, "E10-withdrawal@39.1+1.8,F1-wall-back@61.9+6.9,F4-suspended@73.3+2,A18-limited@105.6+7.5,"
                  "C13-old-line@109.8+18.9",
    ),
}  # fmt: skip


def checked(world: World) -> World:
    assert not world.violations, f"{world.violations}\nagain: {repeat_command(world.plan)}"
    return world


@pytest.mark.parametrize("seed", [16, pytest.param(2, marks=pytest.mark.long)])
def test_a_world_holds(seed: int) -> None:
    world = checked(play(draw(seed, "slow", 300)))
    assert world.counts, world


@pytest.mark.parametrize("name", FOUND)
def test_what_a_world_found_stays_mended(name: str) -> None:
    seed, seconds, faults = FOUND[name]
    checked(play(Plan(seed, "slow", seconds, read_faults(faults, seconds)), person=False))


def test_the_same_seed_is_the_same_world_in_another_process_under_another_hash_seed() -> None:
    digests = {play(draw(5, "slow", 150)).digest}
    for hash_seed in ("77",):
        words = [sys.executable, "-m", "tui", "world", "--seed", "5", "--minutes", "2.5"]
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": hash_seed}, check=True
        )
        digests.add(done.stdout.split("digest ")[1].split()[0])
    assert len(digests) == 1


def test_another_seed_is_another_world() -> None:
    assert play(Plan(1, "slow", 20, ())).digest != play(Plan(2, "slow", 20, ())).digest


def test_a_failing_world_is_told_with_its_command_and_its_fewest_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lie(stage: Stage) -> None:
        stage.auditor.say("I1", "planted", "a lie")

    culprit = Named(row="Z1", about="a lie", keeps="I1", begin=(lie,), low_s=1, high_s=2)
    monkeypatch.setitem(NAMED, "Z1-planted", culprit)
    words = "F3-leap@9+1,Z1-planted@10+1"
    assert invoke(["world", "--seed", "3", "--minutes", "0.5", "--faults", words]) == 1
    told = capsys.readouterr().out
    assert "VIOLATED I1 planted: a lie" in told
    assert "again:  kalshi-trader world --seed 3 --scenario slow --minutes 0.5 --faults F3-leap@9+1," in told
    assert told.splitlines()[-1].endswith("--faults Z1-planted@10+1")


def test_shrinking_keeps_just_what_is_needed() -> None:
    tried: list[tuple[int, ...]] = []

    def fails(items: tuple[int, ...]) -> bool:
        tried.append(items)
        return {3, 7} <= set(items)

    assert shrink(range(10), fails) == (3, 7)
    assert len(tried) < 60
    assert shrink(range(10), lambda items: True) == ()


def test_a_plan_is_read_back_from_its_text() -> None:
    plan = draw(9, "slow", 300)
    assert read_faults(plan.text, 300) == plan.faults
    assert read_faults("none", 300) == ()
    assert read_faults("F3-leap", 300) == (Planned("F3-leap", 100, NAMED["F3-leap"].high_s),)


@pytest.mark.parametrize("words", ["nonsense", "F3-leap@", "F3-leap@-1", "F3-leap@1+", ",", "F3-leap@1e9"])
def test_a_fault_that_is_none_is_refused_in_one_line(words: str) -> None:
    with pytest.raises(BadInput, match="--faults: "):
        read_faults(words, 300)


@pytest.mark.parametrize("words", [["--seeds", "9-1"], ["--seeds", "x"], ["--scenario", "nowhere"]])
def test_bad_words_are_refused(words: list[str]) -> None:
    assert invoke(["world", *words]) == 2


def test_faults_stop_in_time_for_the_quiet_at_the_end() -> None:
    for seed in range(300):
        plan = draw(seed, "slow", 300)
        assert all(fault.at_s >= 20 and fault.end_s <= 215 for fault in plan.faults)
        assert len({fault.name for fault in plan.faults}) == len(plan.faults)
    assert {fault.name for seed in range(300) for fault in draw(seed, "slow", 300).faults} == NAMED.keys()


def test_every_fault_of_the_table_can_be_armed_and_counted() -> None:
    for name, kind in NAMED.items():
        assert name.split("-")[0] == kind.row or kind.row in name or name.startswith(kind.row[0]), name
        assert kind.hit.partition(":")[0] in ("", "fault", "seen", "garble")
        if kind.hit.startswith("fault:"):
            assert kind.hit.removeprefix("fault:") in FAULTS, name


def test_many_worlds_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    progress = tmp_path / "worlds.jsonl"
    rows: list[dict[str, Any]] = []

    def told(row: dict[str, Any]) -> bool:
        rows.append(row)
        return True

    play_many(range(1, 3), scenario="slow", seconds=20, jobs=1, progress=progress, told=told)
    progress.write_text(progress.read_text() + '{"seed": 3, "cut')
    tally = play_many(range(1, 4), scenario="slow", seconds=20, jobs=1, progress=progress, told=told)
    assert [row["seed"] for row in rows] == [1, 2, 3]
    assert (tally.worlds, tally.small) == (3, 3)
    assert len([row for row in map(_row, progress.read_text().splitlines()) if row]) >= 2


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
