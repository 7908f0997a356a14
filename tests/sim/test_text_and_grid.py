"""The exchange's text forms and price grids, against recorded values."""

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sim.grid import GRID, STRUCTURES, VALID, at_or_above, at_or_below, on_grid, tick_above, tick_below
from core.sim.text import (
    Ids,
    balance_text,
    count_text,
    cursor_text,
    money_text,
    price_text,
    read_count,
    read_cursor,
    read_price,
    time_text,
)
from tests.facts import examples


@pytest.mark.parametrize(
    ("text", "price"), [("0.5600", 5600), ("0.56", 5600), ("0.5", 5000), ("1", 10_000), ("0.0001", 1)]
)
def test_prices_take_up_to_four_decimals(text: str, price: int) -> None:
    assert read_price(text) == price


@pytest.mark.parametrize(
    "text", ["", ".5", "-0.5", "+0.5", "0.56000", "0,5", "5e-1", "NaN", " 0.5", "0.5 ", "٠.٥", "0x1"]
)
def test_anything_else_is_no_price(text: str) -> None:
    assert read_price(text) is None


@pytest.mark.parametrize("text", ["", "1.001", "-1", "1e3", "1_0", "inf", "9" * 40])
def test_counts_take_up_to_two_decimals(text: str) -> None:
    assert read_count(text) is None


@given(st.integers(0, 10**12))
def test_texts_read_back_what_they_wrote(value: int) -> None:
    assert read_count(count_text(value)) == value
    assert read_price(price_text(value % 10**9)) == value % 10**9


def test_texts_look_like_the_recorded_ones() -> None:
    assert count_text(-313) == "-3.13"
    assert money_text(-1_410_000) == "-1.410000"
    assert balance_text(96_356_500) == "96.3565"
    assert time_text(1_796_137_201_104_220_000) == "2026-12-01T15:00:01.104220Z"
    assert time_text(1_796_140_800 * 10**9) == "2026-12-01T16:00:00Z"


@pytest.mark.parametrize("text", ["", "garbage", "CgYIsKDtygYSEUtYU0lNVEVNUA", "💥", "YWZ0ZXI6", "YWZ0ZXI6LTE"])
def test_garbage_cursors_are_ignored(text: str) -> None:
    assert read_cursor(text) is None


@given(st.integers(0, 10**15))
def test_cursors_read_back(key: int) -> None:
    assert read_cursor(cursor_text(key)) == key


@pytest.mark.parametrize("name", STRUCTURES)
def test_whole_cents_are_valid_in_every_structure(name: str) -> None:
    assert all(on_grid(STRUCTURES[name], cents * 100) for cents in range(1, 100))


@pytest.mark.parametrize("name", STRUCTURES)
def test_zero_and_a_dollar_are_never_order_prices(name: str) -> None:
    assert not any(on_grid(STRUCTURES[name], price) for price in (-100, 0, 10_000, 10_100))


def test_bands_step_as_documented() -> None:
    tapered = STRUCTURES["tapered_deci_cent"]
    assert on_grid(tapered, 510) and on_grid(tapered, 9_990) and on_grid(tapered, 1_000)
    assert not on_grid(tapered, 1_010) and not on_grid(tapered, 515)
    deep = STRUCTURES["center_deci_edge_centi_cent"]
    assert on_grid(deep, 99) and on_grid(deep, 110) and not on_grid(deep, 105)


@pytest.mark.parametrize("name", STRUCTURES)
def test_ticks_are_the_nearest_valid_prices(name: str) -> None:
    bands = STRUCTURES[name]
    valid = [price for price in range(1, 10_000) if on_grid(bands, price)]
    for price in range(0, 10_001, 7):
        assert tick_above(bands, price) == next((v for v in valid if v > price), None)
        assert tick_below(bands, price) == next((v for v in reversed(valid) if v < price), None)
    for price in valid:
        assert at_or_below(bands, price) == price == at_or_above(bands, price)


def test_the_recorded_subpenny_market_has_our_bands() -> None:
    recorded = examples()["rest"]["GET /markets/{ticker} (subpenny)"]["body"]["market"]
    bands = STRUCTURES[recorded["price_level_structure"]]
    shown = [{"start": price_text(b.start), "end": price_text(b.end), "step": price_text(b.step)} for b in bands]
    assert shown == recorded["price_ranges"]


def test_the_prices_of_a_structure_are_those_of_its_bands() -> None:
    for name, bands in STRUCTURES.items():
        assert {price for price in range(-5, 10_006) if on_grid(bands, price)} == VALID[name]


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_neighbours_on_the_grid_are_one_tick_apart(name: str) -> None:
    bands, grid = STRUCTURES[name], GRID[name]
    assert [tick_above(bands, price) for price in grid] == [*grid[1:], None]
    assert [tick_below(bands, price) for price in grid] == [None, *grid[:-1]]


@given(st.integers(0, 2**32), st.sets(st.integers(1, 2**60), min_size=2, max_size=50))
def test_ids_of_numbers_are_random_looking_uuids_of_which_no_two_are_alike(seed: int, numbers: set[int]) -> None:
    ids, again = Ids(Random(seed)), Ids(Random(seed))
    made = [ids.of(number) for number in sorted(numbers)]
    assert len(set(made)) == len(made) and made == [again.of(number) for number in sorted(numbers)]
    for text in made:
        read = uuid.UUID(text)
        assert (read.version, read.variant, str(read)) == (4, uuid.RFC_4122, text)


def test_ids_of_neighbours_have_little_in_common() -> None:
    made = [Ids(Random(1)).of(number) for number in range(1, 257)]
    for place in (0, 7, 24, 35):
        assert len({text[place] for text in made}) > 10, "digits of all kinds appear at the ends"
