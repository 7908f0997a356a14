"""Watchdog: whose fault it is that no beat came."""

import time
from pathlib import Path

import pytest

from core.local.clock import SystemClock
from core.local.watchdog import HELD_UP_NS, NS, Watchdog


class HandClock:
    def __init__(self) -> None:
        self.now = 5 * NS

    def monotonic_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def watchdog(clock, folder: Path, said: list[str], **more) -> Watchdog:
    return Watchdog(
        clock,
        stacks=lambda: folder / "stacks.txt",
        froze=lambda: said.append("froze"),
        end_orders=lambda: said.append("end") or "ended",
        leave=said.append,
        **more,
    )


def test_a_process_that_was_stopped_as_a_whole_is_no_frozen_loop(tmp_path: Path) -> None:
    clock = HandClock()
    dog = watchdog(clock, tmp_path, [])
    clock.now += 60 * NS  # neither the thread nor the loop ran
    assert dog._age_ns() == 0
    for _ in range(8):
        clock.now += HELD_UP_NS // 2  # the thread runs, the loop does not
    assert dog._age_ns() == 0, "one look after a long time proves nothing"
    for _ in range(8):
        clock.now += HELD_UP_NS // 2
        age = dog._age_ns()
    assert age == 4 * NS


def test_it_acts_once_for_a_freeze_and_watches_on_when_the_loop_is_back(tmp_path: Path) -> None:
    said: list[str] = []
    dog = watchdog(SystemClock(), tmp_path, said, limit_ns=NS // 2, grace_ns=60 * NS)
    dog.start()
    deadline = time.monotonic() + 20
    while "end" not in said and time.monotonic() < deadline:
        time.sleep(0.05)
    while dog.freezes < 2 and time.monotonic() < deadline:
        dog.beat()  # back, and frozen again
        time.sleep(1.5)
    dog.close()
    dog.join(5)
    assert dog.freezes >= 2 and said[:4] == ["froze", "end", "froze", "end"]
    assert (tmp_path / "stacks.txt").stat().st_mode & 0o077 == 0


@pytest.mark.wide
def test_it_leaves_when_the_loop_does_not_come_back_even_without_a_disk(tmp_path: Path) -> None:
    said: list[str] = []
    dog = watchdog(SystemClock(), tmp_path / "no such folder", said, limit_ns=NS // 2, grace_ns=NS // 2)
    dog.start()
    dog.join(20)
    assert said[:2] == ["froze", "end"] and "not written" in said[2] and "ended" in said[2]
