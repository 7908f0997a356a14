from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Count, Money, Price
from core.domain.enums import BookSide
from core.domain.events import PositionReport
from core.trading.fills import FillProcessor, Verdict
from core.trading.positions import PositionTracker
from tests.core.builders import WALL, T, fill

FILLS = st.lists(
    st.tuples(st.sampled_from(BookSide), st.integers(1, 99), st.integers(1, 5_000), st.integers(0, 9_999)), max_size=40
)


def tracker(cash: int = 10**12) -> PositionTracker:
    t = PositionTracker()
    t.set_cash(Money(cash))
    return t


def test_a_fill_larger_than_the_position_closes_it_and_opens_the_rest() -> None:
    t = tracker()
    t.update_from_fill(fill("a", side=BookSide.BID, price=4_000, count=500), WALL)
    t.update_from_fill(fill("b", side=BookSide.ASK, price=6_000, count=800), WALL)
    position = t.get_position(T)
    assert position.count == -300
    assert position.realized == (6_000 - 4_000) * 500
    assert position.cost == 4_000 * 300
    assert position.average_price() == 6_000


def test_buying_back_a_short_position_returns_the_dollar_of_each_pair() -> None:
    t = tracker(0)
    t.update_from_fill(fill("a", side=BookSide.ASK, price=7_000, count=100), WALL)
    assert t.cash == -3_000 * 100
    t.update_from_fill(fill("b", side=BookSide.BID, price=6_000, count=100), WALL)
    assert t.cash == 1_000 * 100
    assert t.get_position(T).realized == 1_000 * 100


def test_fees_are_paid_from_cash_and_never_part_of_realized() -> None:
    t = tracker(0)
    t.update_from_fill(fill("a", count=100, price=5_000, fee=17_500), WALL)
    t.update_from_fill(fill("b", count=100, price=5_000, side=BookSide.ASK, fee=17_500), WALL)
    assert t.realized == 0
    assert t.fees == 35_000
    assert t.cash == -35_000


def test_settlement_pays_the_net_position() -> None:
    t = tracker(0)
    t.update_from_fill(fill("a", side=BookSide.ASK, price=7_000, count=100), WALL)
    t.settle(T, Price(0), WALL)
    assert t.cash == 7_000 * 100
    assert t.get_position(T).count == 0
    assert t.realized == 7_000 * 100


@given(FILLS, st.integers(1, 9_999))
def test_cash_plus_value_equals_deposit_plus_result_after_any_fills(
    trades: list[tuple[BookSide, int, int, int]], mark: int
) -> None:
    t = tracker()
    for index, (side, cents, count, fee) in enumerate(trades):
        t.update_from_fill(fill(f"t{index}", side=side, price=cents * 100, count=count, fee=fee), WALL)
    position = t.get_position(T)
    value = position.value_at(Price(mark)) if position.count else 0
    unrealized = position.unrealized_at(Price(mark))
    assert t.cash + value == 10**12 + t.realized + unrealized - t.fees
    assert position.cost >= 0
    assert (position.cost == 0) == (position.count == 0)


@given(FILLS)
def test_realized_when_flat_is_exactly_what_the_trades_brought(trades: list[tuple[BookSide, int, int, int]]) -> None:
    t = tracker()
    flow = Fraction(0)
    for index, (side, cents, count, _) in enumerate(trades):
        t.update_from_fill(fill(f"t{index}", side=side, price=cents * 100, count=count), WALL)
        flow -= side.sign * cents * 100 * count
    left = t.get_position(T).count
    if left:
        side = BookSide.ASK if left > 0 else BookSide.BID
        t.update_from_fill(fill("end", side=side, price=5_000, count=abs(left)), WALL)
        flow -= side.sign * 5_000 * abs(left)
    assert t.realized == flow


@given(st.permutations(range(6)))
def test_positions_do_not_depend_on_the_order_of_fills(order: list[int]) -> None:
    fills = [
        fill(f"t{i}", side=BookSide.BID if i % 2 else BookSide.ASK, price=4_000 + 100 * i, count=100 * (i + 1), fee=i)
        for i in range(6)
    ]
    t = tracker()
    for index in order:
        t.update_from_fill(fills[index], WALL)
    assert t.get_position(T).count == sum(f.count * f.side.sign for f in fills)
    assert t.fees == 15


def test_a_fill_is_applied_once_whatever_the_source() -> None:
    processor = FillProcessor()
    assert processor.judge(fill("t1")) is Verdict.NEW
    assert processor.judge(fill("t1")) is Verdict.KNOWN
    assert processor.applied == 1
    assert processor.duplicates == 1


def test_the_same_trade_with_other_contents_is_a_contradiction() -> None:
    processor = FillProcessor()
    processor.judge(fill("t1", count=500))
    assert processor.judge(fill("t1", count=600)) is Verdict.CONTRADICTS


def test_the_exchanges_word_replaces_ours_and_says_by_how_much() -> None:
    t = tracker()
    t.update_from_fill(fill("a", count=500), WALL)
    told = PositionReport(ticker=T, position=Count(700), cost=Money(9), realized=Money(0), fees=Money(0))
    assert t.correct(told, WALL) == 200
    assert t.net(T) == 700
