"""The strategy's own state outlives the process; what is not its own is told and not taken."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.local.presence import StatusFile
from core.memories import MOST_BYTES, NAME, StrategyMemory
from core.mind.learned import Learned
from core.strategy.base import Strategy
from core.strategy.maker import MarketMaker
from core.strategy.plain import Hold, Randomly
from core.strategy.taker import FairValueTaker
from tests.core.builders import Bench, T

NS = 1_000_000_000


def kept_by(strategy: Strategy, folder: Path) -> Bench:
    """A trader whose strategy has decided, with its memory on disk."""
    bench = Bench(strategy).up()
    bench.beat(times=20)
    StatusFile(folder, StrategyMemory(folder, bench.engine, 0).contents).write()
    return bench


def restarted(strategy: Strategy, folder: Path, bench: Bench, after_s: int = 5) -> Bench:
    """A fresh trader in the same folder so much later, before it has decided anything."""
    fresh = Bench(strategy)
    StrategyMemory(folder, fresh.engine, bench.desk.wall_ns + after_s * NS)
    return fresh


@pytest.mark.parametrize("kind", [MarketMaker, Randomly, Learned, FairValueTaker])
def test_a_memory_comes_back_as_it_was_in_a_file_of_the_owner(kind: type[Strategy], tmp_path: Path) -> None:
    bench = kept_by(kind(), tmp_path)
    memory = bench.engine.actor.memory(T)
    assert memory != kind().begin(T), "a memory that was never written proves nothing"
    fresh = restarted(kind(), tmp_path, bench)
    assert fresh.engine.actor.memory(T) == memory
    assert type(fresh.engine.actor.memory(T)) is type(memory)
    assert not fresh.desk.status.errors
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("strategy", "after_s", "why"),
    [
        (Randomly(), 5, "of another strategy, core.strategy.maker:MarketMaker"),
        (MarketMaker(), 86_401 + 60, "s old, this strategy's last 86400 s"),
        (MarketMaker(), -60, "s old"),
    ],
)
def test_what_is_not_its_own_is_told_and_it_begins_as_new(
    strategy: Strategy, after_s: int, why: str, tmp_path: Path
) -> None:
    bench = kept_by(MarketMaker(), tmp_path)
    fresh = restarted(strategy, tmp_path, bench, after_s)
    assert fresh.engine.actor.memory(T) == strategy.begin(T)
    (told,) = fresh.desk.status.errors
    assert told.severity == "warning"
    assert why in told.error
    assert told.context == "it begins as new"


def test_a_memory_of_another_version_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = kept_by(MarketMaker(), tmp_path)
    monkeypatch.setattr(MarketMaker, "memory_version", "2")
    fresh = restarted(MarketMaker(), tmp_path, bench)
    assert fresh.engine.actor.memory(T) == MarketMaker().begin(T)
    assert "of version 1, the strategy is 2" in fresh.desk.status.errors[0].error


@pytest.mark.parametrize("raw", [b"", b"\xff" * 40, b"\x81", bytes(MOST_BYTES + 1)])
def test_a_file_that_cannot_be_read_is_told(raw: bytes, tmp_path: Path) -> None:
    bench = kept_by(MarketMaker(), tmp_path)
    (tmp_path / NAME).write_bytes(raw)
    fresh = restarted(MarketMaker(), tmp_path, bench)
    assert fresh.engine.actor.memory(T) == MarketMaker().begin(T)
    assert len(fresh.desk.status.errors) == 1


def test_nothing_is_written_where_nothing_was_decided_and_nothing_is_told_where_nothing_was_kept(
    tmp_path: Path,
) -> None:
    bench = Bench(Hold())
    memory = StrategyMemory(tmp_path, bench.engine, 0)
    assert not bench.desk.status.errors
    StatusFile(tmp_path, memory.contents).write()
    assert not list(tmp_path.iterdir())


def circle() -> list[object]:
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize("memory", [circle(), 1 << 70, "\ud800", object()])
def test_a_memory_that_cannot_be_written_ends_neither_the_status_file_nor_the_screen(
    memory: object, tmp_path: Path
) -> None:
    bench = kept_by(MarketMaker(), tmp_path)
    contents = StrategyMemory(tmp_path, bench.engine, bench.desk.wall_ns).contents
    bench.engine.actor._memory[T] = memory
    assert contents[NAME]() is None
    assert bench.engine.actor.memories()[T] == 0


def test_a_memory_whose_strategy_no_longer_begins_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = kept_by(MarketMaker(), tmp_path)
    monkeypatch.setattr(MarketMaker, "begin", lambda self, ticker: {}["gone"])
    fresh = restarted(MarketMaker(), tmp_path, bench)
    assert "not taken by its begin (KeyError" in fresh.desk.status.errors[0].error
