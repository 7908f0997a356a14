"""The regular comparison comes to a judgement whatever the trader does meanwhile."""

from __future__ import annotations

import pytest

from core.domain.amounts import dollars
from core.domain.enums import OrderStatus, TraderState
from core.domain.events import OrderReported
from tests.core.builders import NS, Bench, report

S = TraderState


def busy(bench: Bench, seconds: int) -> None:
    """An order of ours comes and goes in every second; none rests when a reading is answered."""
    for number in range(seconds):
        bench.beat(seconds=1)
        if bench.state not in (S.READY, S.ACTING):
            continue
        sent, order = bench.place(), f"o{bench.now}-{number}"
        bench.accept(sent, order)
        bench.step(OrderReported(report=report(sent.client_order_id, order, status=OrderStatus.CANCELED)))


@pytest.mark.parametrize(("interval_s", "within_s"), [(20, 80), (60, 160)])
def test_a_maker_without_a_pause_does_not_hide_a_difference(interval_s: int, within_s: int) -> None:
    bench = Bench(sync_ns=interval_s * NS).up()
    bench.balance = dollars(1234)
    busy(bench, within_s)
    assert bench.desk.positions.cash == dollars(1234)
    assert [t.reason for t in bench.desk.machine.history].count("never_quiet") == 1


def test_a_maker_without_a_pause_is_compared_again_and_again() -> None:
    bench = Bench(sync_ns=20 * NS).up()
    compared = set()
    for _ in range(10):
        busy(bench, 30)
        compared.add(bench.desk.synced_at)
    assert len(compared) >= 4
