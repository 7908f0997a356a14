"""Worlds in the quick lane: some seeds, repetition to the byte, shrinking, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import BadInput
from core.lab.named import NAMED, Named
from core.lab.plan import Plan, Planned, draw, read_faults
from core.lab.runner import World, play
from core.lab.shrink import shrink
from core.lab.stage import Stage
from core.lab.worlds import play_many, play_watched, repeat_command
from core.sim.faults import FAULTS
from tui.__main__ import invoke

ROOT = Path(__file__).resolve().parents[2]


# What worlds have found: a name for the fault, and the least that shows it: seed, seconds, faults, whether a person
# wishes things too.
FOUND = {
    "a quote that reduced passed the limit of open orders, and then everything was canceled": (
        5, 125, "B18-twice@91.9+1.6", False,
    ),
    "a change that could not be read left its book trusted until the next one came": (
        117, 95, "D4-field-missing@88.8+3", False,
    ),
    "after standing still a dead line was believed for what had come before": (
        168, 130, "E10-withdrawal@39.1+1.8,F1-wall-back@61.9+6.9,F4-suspended@73.3+2,A18-limited@105.6+7.5,"
                  "C13-old-line@109.8+18.9", False,
    ),
    "an order that was in doubt and is seen again could not be canceled before its look-up was due": (
        2, 125, "A22-field-missing@20+40,H7-panic@30+1", True,
    ),
    "every gap asked for all books once more, which grew into a storm of asking": (
        1, 60, "C8-swapped@25+12", True,
    ),
    "money that came after a failed cash recovery was never seen": (
        53, 300, "J10-no-cash@142.1+25.6", True,
    ),
    "the reply to a change that a failed cancel had overtaken ended the trader": (
        82, 300, "F7-server-time@30.7+11.7", True,
    ),
    "an order group that was triggered while the stream was down refused order after order": (
        161, 130, "C13-old-line@47.1+18.4,B15-group-trips@62.6+2", True,
    ),
    "a market that closed while the stream was down was traded on, order by order refused": (
        7, 200, "C10-closed-at-once@42.5+11.5,E6-disputed@51.5+2.9", True,
    ),
    "a trade that was taken back passed a limit that nobody could know to be passed": (
        166, 300, "F8-timer-storm@68.7+1.1,J3-exit-rejected@86.5+5.7,A7-reply-lost@124.2+5.3,E8-fraction@168.3+2.8,"
                  "B13-bust@179+1.3,D7-twice@206.4+8.5", True,
    ),
    "a client lost in a pause was not looked for any more once the operator had resumed": (
        20157, 300, "A21-empty@133.5+7.6", True,
    ),
    "a liquidation beside another's order closed nothing, and left what a person had placed meanwhile": (
        873, 300, "D14-empty@80.2+2,J2-bid-collapses@201.3+4.1", True,
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
    seed, seconds, faults, person = FOUND[name]
    checked(play(Plan(seed, "slow", seconds, read_faults(faults, seconds)), person=person))


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
    fine = read_faults("F3-leap@60.1234567+1.25", 300)
    assert read_faults(Plan(9, "slow", 300, fine).text, 300) == fine
    assert read_faults("F3-leap", 300) == (Planned("F3-leap", 100, NAMED["F3-leap"].high_s),)


@pytest.mark.parametrize("words", ["nonsense", "F3-leap@", "F3-leap@-1", "F3-leap@1+", ",", "F3-leap@1e9"])
def test_a_fault_that_is_none_is_refused_in_one_line(words: str) -> None:
    with pytest.raises(BadInput, match="--faults: "):
        read_faults(words, 300)


BAD = {
    "--seeds 9-1": "no range",
    "--seeds x": "no range",
    "--seed -1": "'--seed'",
    "--scenario nowhere": "nowhere",
    "--minutes 0": "'--minutes'",
    "--minutes nan": "'--minutes'",
    "--minutes soon": "'--minutes'",
    "--faults F3-leap@400": "after the end",
    "--seed 9223372036854775808": "9223372036854775807",
    "--faults F3-leap@soon": "'F3-leap@soon' has no time",
    "--faults F3-leap@1+9e9": "has no time",
    "--faults F3-leap@1+99999999999": "longer than any world",
    "--seed 1 --seeds 1-2": "--seed is for one world",
    "--seeds 1-2 --same-as /dev/null": "no such file",
    "--seeds 1-2 --faults F3-leap": "one world",
    "--seeds 1-2 --trace t": "one world",
    "--seed 1 --table t": "many worlds",
    "--seeds 1-2 --same-as nowhere.jsonl": "no such file",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_words_are_refused_in_a_line_that_says_why(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["world", *words.split()]) == 2
    told = capsys.readouterr().err
    assert BAD[words] in told and "Traceback" not in told


def test_the_command_that_repeats_a_world_names_a_scenario_s_file_as_a_shell_takes_it() -> None:
    assert "--scenario 'my day.toml' --minutes" in repeat_command(Plan(1, "my day.toml", 30, ()))


def test_a_same_as_that_holds_no_world_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.jsonl").write_text("# nothing\n")
    assert invoke(["world", "--seeds", "1-2", "--same-as", str(tmp_path / "no.jsonl")]) == 2
    assert "holds no world" in capsys.readouterr().err


def test_a_trace_is_a_line_for_each_thing_that_happened(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert invoke(["world", "--minutes", "0.5", "--faults", "F3-leap@21+1", "--trace", str(trace)]) == 0
    lines = trace.read_text().splitlines()
    seconds = [float(line.split()[0]) for line in lines]
    assert seconds == sorted(seconds)
    for word in ("fault F3-leap@21+1 begins", "state READY", "sent ", "received "):
        assert any(word in line for line in lines), word


def test_a_world_that_spins_without_an_await_is_stopped_and_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(stage: Stage) -> None:
        while True:
            pass

    monkeypatch.setitem(NAMED, "Z1-planted", Named(row="Z1", about="round", keeps="I16", begin=(spin,)))
    world = play_watched(Plan(3, "slow", 30, (Planned("Z1-planted", 5, 1),)), seconds=3)
    assert world.violations == {"I16 hang": "no end after 3 s of the machine's time"}


def test_the_same_worlds_in_other_processes_are_compared_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    many = ["world", "--seeds", "1-2", "--minutes", "0.5"]
    assert invoke([*many, "--progress", str(first)]) == 0
    words = [sys.executable, "-m", "tui", *many, "--progress", str(again), "--same-as", str(first)]
    run = partial(subprocess.run, words, cwd=ROOT, capture_output=True, text=True, check=False)
    done = run(env=os.environ | {"PYTHONHASHSEED": "77"})
    assert done.stdout.splitlines()[-1] == "played alike: 2 of 2, 2 of them under another hash seed", done.stderr
    rows = [json.loads(line) for line in first.read_text().splitlines()]
    first.write_text(json.dumps(rows[0] | {"digest": "other"}) + "\n")
    capsys.readouterr()
    # What was played before is compared too, and a world the other run does not hold is no equal one.
    assert invoke([*many, "--progress", str(again), "--same-as", str(first)]) == 1
    assert "played alike: 0 of 2" in capsys.readouterr().out


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
