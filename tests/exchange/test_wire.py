"""Values on the wire: exact, bounded, refused by name."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, MarketStatus, OrderStatus
from core.domain.errors import RefusedInput
from core.domain.market import FeeSchedule, PriceBand
from core.exchange import wire, wire_markets, wire_rest

from .support import KEY_ID, event_row, fill_row, market_row, order_row, relaxed


@relaxed
@given(st.integers(0, 10**12 - 1), st.integers(0, 10**6 - 1), st.booleans())
def test_money_is_exact(whole: int, part: int, negative: bool) -> None:
    text = f"{'-' if negative else ''}{whole}.{part:06d}"
    assert wire.money(text, "x", signed=True) == Decimal(text) * 1_000_000


@relaxed
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_price_of_any_spelling_is_exact(value: int, places: int) -> None:
    text = f"{Decimal(value) / 10_000:.{places}f}"
    if Decimal(text) * 10_000 == value:
        assert wire.price(text, "x") == value


@relaxed
@given(st.integers(1, 9_999), st.integers(1, 10**9))
def test_what_is_spelled_is_read_back(price: int, count: int) -> None:
    assert wire.price(wire.price_spelling(Price(price)), "x") == price
    assert wire.count(wire.count_spelling(Count(count)), "x") == count


@relaxed
@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_refusal(text: str) -> None:
    try:
        value = wire.fixed(text, 2, "thing", signed=True)
    except RefusedInput as refused:
        assert str(refused).startswith("thing: ")
    else:
        assert Decimal(text) * 100 == value


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", ".5", "5.", "1e3", "1E3", "NaN", "nan", "Infinity", "-inf", "+1", " 1", "1 ", "1\n", "0x1", "1_000",
     "1,0", "1.0.0", "٣", "１", "9" * 400, "0." + "0" * 400, "1" * 13, "0.1234567", "--1", "1-"],
)  # fmt: skip
def test_hostile_numbers_are_refused(text: str) -> None:
    with pytest.raises(RefusedInput):
        wire.fixed(text, 6, "thing", signed=True)


@pytest.mark.parametrize("text", ["-0.1000", "1.0001", "2", "0.00001", "-0"])
def test_prices_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(RefusedInput):
        wire.price(text, "thing")


def test_memo_of_counts_is_bounded() -> None:
    for value in range(20_000):
        wire.count(f"{value}.00", "x")
    assert len(wire.COUNTS) <= 8_192


def test_times_become_milliseconds() -> None:
    assert wire.time_ms("1970-01-01T00:00:01Z", "x") == 1_000
    assert wire.time_ms("2026-11-20T12:00:00.250999Z", "x") == 1_795_176_000_250
    assert wire.time_ms("2026-11-20T13:00:00+01:00", "x") == 1_795_176_000_000
    for bad in ("2026-13-01T00:00:00Z", "2026-11-20", "yesterday", "2026-11-20T12:00:00", "9" * 50):
        with pytest.raises(RefusedInput):
            wire.time_ms(bad, "x")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"code": "invalid_order", "message": "x", "details": "post only"}}, ("invalid_order", "post only")),
        ({"code": "bad_request", "message": "bad request"}, ("bad_request", "bad request")),
        ({"msg": "Parameter validation failed"}, ("bad_parameter", "Parameter validation failed")),
        ({"error": "too many requests"}, ("too_many_requests", "")),
        ({"error": {"code": "Margin_Thing:tail-9"}}, ("margin_thing", "")),
        ({"error": {"code": 5}}, ("http_418", "no usable error body")),
        ([1], ("http_418", "no usable error body")),
        ({"error": {"code": "x\x1b[31m", "message": "a\u202eb"}}, ("x", "ab")),
    ],
)  # fmt: skip
def test_error_bodies_of_every_shape_are_read(body: object, expected: tuple[str, str]) -> None:
    assert wire.error_body(418, json.dumps(body).encode()) == expected


@relaxed
@given(st.binary(max_size=300))
def test_error_body_never_raises(raw: bytes) -> None:
    code, detail = wire.error_body(500, raw)
    assert isinstance(code, str) and isinstance(detail, str)


# ---- account -----------------------------------------------------------------------------------------------------


def orders(*rows: object, cursor: str = "") -> bytes:
    return json.dumps({"orders": rows, "cursor": cursor}).encode()


def test_order_follows_book_side_not_the_legacy_pair() -> None:
    (report,) = wire_rest.orders(orders(order_row())).rows
    assert (report.side, report.price, report.status) == (BookSide.BID, 4200, OrderStatus.RESTING)
    assert (report.initial, report.filled, report.remaining) == (700, 200, 500)
    assert report.created_ms == 1_795_176_000_250 and report.expiration_ms is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"outcome_side": "no"}, "book_side"),
        ({"book_side": "sideways"}, "book_side"),
        ({"no_price_dollars": "0.4200"}, "no_price_dollars"),
        ({"fill_count_fp": "-1.00"}, "fill_count_fp"),
        ({"order_id": "a b"}, "order_id"),
        ({"ticker": ""}, "ticker"),
        ({"created_time": "soon"}, "created_time"),
    ],
)
def test_one_order_that_is_no_value_refuses_the_page_by_name(changes: dict[str, object], field: str) -> None:
    with pytest.raises(RefusedInput, match=field):
        wire_rest.orders(orders(order_row(), {**order_row("ord-2"), **changes}))


@pytest.mark.parametrize(
    "field", ["order_id", "client_order_id", "ticker", "book_side", "status", "remaining_count_fp"]
)
def test_missing_field_of_an_order_is_refused_by_name(field: str) -> None:
    row = order_row()
    del row[field]
    with pytest.raises(RefusedInput, match=field):
        wire_rest.orders(orders(row))


def test_initial_size_is_never_less_than_filled_and_remaining() -> None:
    (report,) = wire_rest.orders(orders(order_row(initial_count_fp="3.00"))).rows
    assert report.initial == 700


def test_fill_is_read_with_its_total_fee() -> None:
    (fill,) = wire_rest.fills(json.dumps({"fills": [fill_row()]}).encode()).rows
    assert (fill.side, fill.price, fill.count, fill.fee) == (BookSide.ASK, 6100, 350, 14_600)
    assert fill.exchange_ms == 1_795_176_001_500


def test_position_sign_is_kept_and_null_money_of_flat_rows_is_zero() -> None:
    row = {
        "ticker": "KXHAT-26NOV20-RED", "exchange_index": 0, "total_traded_dollars": "2.000000", "position_fp": "-4.50",
        "market_exposure_dollars": None, "realized_pnl_dollars": "-0.250000", "fees_paid_dollars": "0.070000",
        "last_updated_ts": "2026-11-20T12:00:00Z",
    }  # fmt: skip
    body = json.dumps({"market_positions": [row], "event_positions": [], "cursor": ""}).encode()
    (position,) = wire_rest.positions(body).rows
    assert (position.position, position.cost, position.realized, position.fees) == (-450, 0, -250_000, 70_000)


def test_balance_is_the_exact_one() -> None:
    body = json.dumps({"balance": 9801, "balance_dollars": "98.0186", "portfolio_value": 0, "updated_ts": 1}).encode()
    assert wire_rest.balance(body) == 98_018_600


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_absurd_limits_are_refused(rate: int) -> None:
    bucket = {"refill_rate": rate, "bucket_capacity": 100}
    with pytest.raises(RefusedInput):
        wire_rest.limits(json.dumps({"usage_tier": "basic", "read": bucket, "write": bucket}).encode(), 1, 0)


# ---- markets -----------------------------------------------------------------------------------------------------


def events(*rows: object) -> bytes:
    return json.dumps({"events": rows, "cursor": "next", "future_field": KEY_ID}).encode()


def test_market_is_read_with_its_grid_and_its_events_words() -> None:
    page = wire_markets.events(events(event_row([market_row()], fee_multiplier_override=0.5)))
    (listed,) = page.markets
    info = listed.info
    assert (info.series_ticker, info.status, info.mutually_exclusive) == ("KXHAT", MarketStatus.ACTIVE, True)
    assert (info.best_bid, info.best_ask, info.last_price) == (4200, 4500, 4400)
    assert info.bands == (PriceBand(start=Price(0), end=Price(10_000), step=Price(100)),)
    assert info.close_ms == 1_795_230_000_000
    assert page.cursor == "next"
    assert listed.override == wire_markets.FeeTerms(fee_type=None, multiplier=500_000)


def test_empty_sides_are_none_and_unknown_status_is_unknown() -> None:
    row = market_row(yes_bid_dollars="0.0000", yes_ask_dollars="1.0000", last_price_dollars="0.0000", status="odd")
    info = wire_markets.events(events(event_row([row]))).markets[0].info
    assert info.settlement_value is None
    decided = market_row(status="determined", settlement_value_dollars="1.0000")
    assert wire_markets.events(events(event_row([decided]))).markets[0].info.settlement_value == 10_000
    assert (info.best_bid, info.best_ask, info.last_price) == (None, None, None)
    assert info.status is MarketStatus.UNKNOWN


def test_bad_market_is_left_out_and_counted() -> None:
    broken = market_row("KXHAT-26NOV20-BAD")
    del broken["close_time"]
    page = wire_markets.events(events(event_row([broken, market_row(), market_row("X Y")])))
    assert [market.info.ticker for market in page.markets] == ["KXHAT-26NOV20-RED"]
    assert page.refused == 2


def series(fee_type: str, multiplier: str) -> bytes:
    return b'{"series": {"ticker": "KXHAT", "fee_type": "%s", "fee_multiplier": %s}}' % (
        fee_type.encode(),
        multiplier.encode(),
    )


@pytest.mark.parametrize(
    ("fee_type", "multiplier", "expected"),
    [
        ("quadratic", "1", FeeSchedule(taker_rate=700, maker_rate=0)),
        ("quadratic", "0.5", FeeSchedule(taker_rate=350, maker_rate=0)),
        ("quadratic", "0", FeeSchedule(taker_rate=0, maker_rate=0)),
        ("quadratic_with_maker_fees", "1.0", FeeSchedule(taker_rate=700, maker_rate=175)),
        ("quadratic_with_maker_fees", "0.35", FeeSchedule(taker_rate=245, maker_rate=62)),
        ("flat", "1", None),
        ("quadratic", "null", None),
    ],
)
def test_fee_rates_are_exact_after_the_multiplier(fee_type: str, multiplier: str, expected: FeeSchedule | None) -> None:
    terms = wire_markets.series_terms(series(fee_type, multiplier))
    assert wire_markets.fee_schedule(terms, wire_markets.FeeTerms(None, None)) == expected


def test_words_of_the_event_win() -> None:
    terms = wire_markets.series_terms(series("quadratic", "1"))
    override = wire_markets.FeeTerms("quadratic_with_maker_fees", 2_000_000)
    assert wire_markets.fee_schedule(terms, override) == FeeSchedule(taker_rate=1_400, maker_rate=350)
    assert wire_markets.fee_schedule(None, wire_markets.FeeTerms(None, None)) is None


@pytest.mark.parametrize("multiplier", ["1e1", '"NaN"', "-1", "[]", "1" * 40])
def test_hostile_multiplier_is_refused(multiplier: str) -> None:
    with pytest.raises(RefusedInput):
        wire_markets.series_terms(series("quadratic", multiplier))


@relaxed
@given(st.binary(max_size=200))
def test_any_body_is_a_value_or_a_refusal(raw: bytes) -> None:
    for decode in (
        wire_rest.orders, wire_rest.order, wire_rest.positions, wire_rest.fills, wire_rest.balance, wire_rest.canceled,
        wire_rest.amended, wire_markets.events, wire_markets.series_terms,
    ):  # fmt: skip
        with pytest.raises(RefusedInput):
            decode(raw)
