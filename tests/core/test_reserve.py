"""What open orders reserve: never less than the exchange may take, and the very same where all is known."""

from __future__ import annotations

from random import Random

import pytest

from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.commands import AmendOrder
from core.domain.enums import BookSide
from core.trading.risk import RiskLimits
from tests.core.builders import Bench, fill

WIDE = RiskLimits(exposure=dollars(100_000), position=contracts(10_000), open_orders=50, orders_per_second=50)


@pytest.mark.parametrize(
    ("side", "price", "moved", "worst"),
    [(BookSide.BID, 4_400, 4_600, 4_600), (BookSide.BID, 4_600, 4_400, 4_600),
     (BookSide.ASK, 4_800, 4_600, 5_400), (BookSide.ASK, 4_600, 4_800, 5_400)],
)  # fmt: skip
def test_a_change_of_price_on_its_way_is_counted_at_the_worse_of_both(
    side: BookSide, price: int, moved: int, worst: int
) -> None:
    bench = Bench(limits=WIDE).up()
    sent = bench.place(side, price, 500)
    bench.accept(sent)
    bench.step(AmendOrder(client_order_id=sent.client_order_id, price=Price(moved), count=Count(500), command_id=9))
    assert bench.desk.risk.reserved() == bench.desk.risk.exposure() == worst * 500


@pytest.mark.parametrize("seed", range(20))
def test_a_position_covers_the_exits_that_fill_first(seed: int) -> None:
    """Contract by contract: the cheapest asks and the dearest bids are covered, the rest costs its full price."""
    chance = Random(seed)
    side = chance.choice(list(BookSide))
    bench = Bench(limits=WIDE).up()
    held = chance.randrange(100, 1_000, 100)
    opened = bench.place(side.opposite, 4_600, held)
    bench.accept(opened, "o0")
    bench.step(fill(order="o0", side=side.opposite, price=4_600, count=held))
    exits = [(chance.randrange(4_600, 9_000, 100), chance.randrange(100, 600, 100)) for _ in range(4)]
    if side is BookSide.BID:
        exits = [(10_000 - price, count) for price, count in exits]
    for number, (price, count) in enumerate(exits, 1):
        bench.accept(bench.place(side, price, count), f"o{number}")
    one_by_one = [price for price, count in exits for _ in range(count)]
    one_by_one.sort(reverse=side is BookSide.BID)
    open_risk = one_by_one[held:]
    costs = sum(price if side is BookSide.BID else 10_000 - price for price in open_risk)
    assert bench.desk.risk.reserved() == costs
