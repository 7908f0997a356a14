"""The inbox: what has arrived is stepped before the line is read on, so that it never grows on its own."""

from __future__ import annotations

from typing import Any

from core.domain.amounts import Price
from core.domain.enums import BookSide, Mode
from core.domain.events import BookChanged
from core.engine.bus import EventBus
from core.engine.coordinator import TraderCoordinator
from core.engine.picture import PictureMaker
from core.journal.journal import MemoryJournal
from core.trading.snapshot import IdentityView
from tests.core.builders import Bench, T

# As many changes as one reading of 256 KiB may bring; a change with all its words is some 270 bytes.
ONE_READING = 1_000
NOBODY: Any = None
IDENTITY = IdentityView(
    product="",
    version="",
    mode=Mode.PAPER,
    account="",
    exchange="",
    strategy="",
    seed=None,
    pid=1,
    started_at=0,
    folder="",
)


class Still:
    """A clock that stands."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None: ...


async def test_all_that_one_reading_of_the_line_brings_is_taken_in_one_go() -> None:
    bench = Bench().up()
    coordinator = TraderCoordinator(
        bench.engine, PictureMaker(IDENTITY), clock=Still(bench.engine.desk.now_ns), journal=MemoryJournal(),
        client=NOBODY, stream=NOBODY, bus=EventBus(),
    )  # fmt: skip
    for _ in range(ONE_READING):
        coordinator.submit(BookChanged(ticker=T, side=BookSide.BID, price=Price(4_400), delta=100, seq=2))
    coordinator._drain()
    assert not coordinator._inbox
    market = bench.engine.desk.markets.get(T)
    assert market is not None and market.book.size(BookSide.BID, Price(4_400)) == 100 * ONE_READING
