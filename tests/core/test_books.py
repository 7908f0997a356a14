import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Price
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.domain.market import PriceBand
from core.market.book import OrderBook
from core.market.grid import PriceGrid
from core.market.view import Markets
from tests.core.builders import T, book, market

TAPERED = (
    PriceBand(start=Price(0), end=Price(1_000), step=Price(10)),
    PriceBand(start=Price(1_000), end=Price(9_000), step=Price(100)),
    PriceBand(start=Price(9_000), end=Price(10_000), step=Price(10)),
)


def change(price: int, delta: int, side: BookSide = BookSide.BID, seq: int = 2) -> tuple[BookSide, Price, int, int]:
    return side, Price(price), delta, seq


def test_a_book_is_not_trusted_before_a_whole_one_came() -> None:
    fresh = OrderBook(T)
    assert not fresh.trusted
    fresh.change(*change(4_500, 100), 1)
    assert fresh.best_bid is None


def test_a_change_that_makes_a_size_negative_ends_the_trust() -> None:
    b = OrderBook(T)
    b.replace(book(), 1)
    assert not b.change(*change(4_500, -1_001), 2)
    assert not b.trusted
    assert "negative" in b.reason


@pytest.mark.parametrize("size", [1, 99, 100, 101, 50_000])
@pytest.mark.parametrize("side", BookSide)
def test_a_price_whose_last_contracts_go_is_gone_however_few_they_were(side: BookSide, size: int) -> None:
    b = OrderBook(T)
    b.replace(book(bids=((4_500, size), (4_400, 700)), asks=((4_700, size), (4_800, 700))), 1)
    price, behind = (4_500, 4_400) if side is BookSide.BID else (4_700, 4_800)
    assert b.change(*change(price, -size, side), 2)
    assert b.levels(side) == ((behind, 700),) and b.size(side, Price(price)) == 0


@pytest.mark.parametrize("price", [4_700, 4_800])  # equal prices would have traded
def test_a_book_found_crossed_at_the_end_of_a_batch_is_not_trusted(price: int) -> None:
    b = OrderBook(T)
    b.replace(book(), 1)
    assert b.change(*change(price, 100), 2)
    assert b.trusted
    assert not b.check_uncrossed()
    assert not b.trusted


def test_a_new_whole_book_brings_the_trust_back() -> None:
    b = OrderBook(T)
    b.replace(book(), 1)
    b.lose("gap")
    b.replace(book(seq=9), 3)
    assert b.trusted
    assert b.seq == 9


def test_an_empty_side_is_a_valid_book_without_a_best_price() -> None:
    b = OrderBook(T)
    b.replace(book(bids=()), 1)
    assert b.trusted
    assert b.best_bid is None
    assert b.best_ask == 4_700


@given(st.lists(st.tuples(st.sampled_from(BookSide), st.integers(1, 30), st.integers(-50, 50)), max_size=80))
def test_the_book_equals_a_naive_one_after_any_changes(changes: list[tuple[BookSide, int, int]]) -> None:
    b = OrderBook(T)
    b.replace(book(bids=(), asks=()), 1)
    naive: dict[BookSide, dict[int, int]] = {BookSide.BID: {}, BookSide.ASK: {}}
    for side, price, delta in changes:
        size = naive[side].get(price, 0) + delta
        if size < 0:
            assert not b.change(*change(price, delta, side), 2)
            return
        b.change(*change(price, delta, side), 2)
        naive[side].pop(price, None)
        if size:
            naive[side][price] = size
    assert b.levels(BookSide.BID) == tuple(sorted(naive[BookSide.BID].items(), reverse=True))
    assert b.levels(BookSide.ASK) == tuple(sorted(naive[BookSide.ASK].items()))
    assert b.best_bid == max(naive[BookSide.BID], default=None)
    assert b.best_ask == min(naive[BookSide.ASK], default=None)


def test_zero_and_one_dollar_are_never_order_prices() -> None:
    grid = PriceGrid(TAPERED)
    assert not grid.is_valid(Price(0))
    assert not grid.is_valid(Price(10_000))
    assert grid.is_valid(Price(10))
    assert grid.is_valid(Price(9_990))


def test_steps_change_where_bands_meet() -> None:
    grid = PriceGrid(TAPERED)
    assert grid.up(Price(990)) == 1_000
    assert grid.up(Price(1_000)) == 1_100
    assert grid.down(Price(1_000)) == 990
    assert grid.up(Price(9_000)) == 9_010
    assert grid.up(Price(9_990)) is None
    assert grid.down(Price(10)) is None


@given(st.integers(-100, 10_100))
def test_rounding_gives_the_nearest_valid_price_on_the_named_side(price: int) -> None:
    grid = PriceGrid(TAPERED)
    valid = [p for p in range(1, 10_000) if grid.is_valid(Price(p))]
    assert grid.floor(price) == max((p for p in valid if p <= price), default=None)
    assert grid.ceil(price) == min((p for p in valid if p >= price), default=None)


def test_a_whole_book_tells_at_how_many_prices_the_trusted_one_was_wrong() -> None:
    held = OrderBook(T)
    assert held.replace(book(bids=((4_500, 100), (4_400, 100)), asks=((4_700, 100),)), 1) == 0
    assert held.replace(book(bids=((4_500, 100), (4_400, 100)), asks=((4_700, 100),)), 2) == 0
    assert held.replace(book(bids=((4_500, 90), (4_300, 100)), asks=((4_700, 100),)), 3) == 3
    held.lose("gap")
    assert held.replace(book(), 4) == 0, "nobody believed in it any more"


def test_the_list_of_untrusted_books_follows_books_watch_and_list() -> None:
    markets, other = Markets(), Ticker("KXTEST-26DEC01-B")
    markets.learn((market(),), 1)
    markets.watched = (T, other)
    assert markets.untrusted() == (T,)
    markets.apply(book(), 1)
    assert markets.untrusted() == ()
    markets.learn((market(), market(other)), 2)
    assert markets.untrusted() == (other,)
    markets.watched = (T,)
    assert markets.untrusted() == ()
    markets.lose_all("gone")
    assert markets.untrusted() == (T,)
