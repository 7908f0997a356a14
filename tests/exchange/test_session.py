"""The stream's session: subscriptions, sequence numbers, books in YES terms, refusals. Frames in, facts out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, MarketStatus, OrderStatus
from core.domain.events import (
    BookChanged,
    BookLost,
    BookReplaced,
    Event,
    FillReported,
    FrameRefused,
    MarketChanged,
    OrderReported,
    PositionReported,
    StreamRefused,
    StreamSubscribed,
    TickerChanged,
    TradePrinted,
)
from core.exchange.session import ACCOUNT_CHANNELS, BOOKS, MARKET_CHANNELS, OLD_IN_A_ROW_MAX, StreamSession

from .support import MARKET, OTHER, relaxed

SIDS = {name: sid for sid, name in enumerate((*ACCOUNT_CHANNELS, *MARKET_CHANNELS), start=1)}


def commands(session: StreamSession) -> list[dict[str, Any]]:
    return [json.loads(text) for text in session.take_commands()]


def send(session: StreamSession, frame: dict[str, Any]) -> list[Event]:
    return session.receive(json.dumps(frame))


def opened(*tickers: str) -> StreamSession:
    """A session whose every subscription is confirmed."""
    session = StreamSession(epoch=3)
    session.watch(tickers)  # type: ignore[arg-type]
    session.open()
    for command in commands(session):
        name = command["params"]["channels"][0]
        send(session, {"type": "subscribed", "id": command["id"], "msg": {"channel": name, "sid": SIDS[name]}})
    session.take_commands()
    return session


def snapshot(seq: int, ticker: str = MARKET, yes: object = None, no: object = None, **more: object) -> dict[str, Any]:
    msg: dict[str, object] = {"market_ticker": ticker, "market_id": "m"}
    if yes is not None:
        msg["yes_dollars_fp"] = yes
    if no is not None:
        msg["no_dollars_fp"] = no
    return {"type": "orderbook_snapshot", "sid": SIDS[BOOKS], "seq": seq, "msg": {**msg, **more}}


def delta(
    seq: int, ticker: str = MARKET, price: str = "0.4200", size: str = "5.00", side: str = "yes", **more: object
) -> dict[str, Any]:
    msg = {"market_ticker": ticker, "market_id": "m", "price_dollars": price, "delta_fp": size, "side": side}
    return {"type": "orderbook_delta", "sid": SIDS[BOOKS], "seq": seq, "msg": {**msg, **more}}


# ---- subscribing -------------------------------------------------------------------------------------------------


def test_opening_subscribes_account_channels_and_those_of_watched_markets() -> None:
    session = StreamSession(epoch=1)
    session.watch([OTHER, MARKET])
    session.open()
    asked = commands(session)
    assert [command["id"] for command in asked] == list(range(1, 9))
    assert [command["params"]["channels"][0] for command in asked] == [*ACCOUNT_CHANNELS, *MARKET_CHANNELS]
    assert [command["params"].get("market_tickers") for command in asked] == [None] * len(ACCOUNT_CHANNELS) + [
        [OTHER, MARKET]
    ] * 3
    assert "use_yes_price" not in asked[len(ACCOUNT_CHANNELS)]["params"]
    assert session.unconfirmed() == ("fill", "user_orders", BOOKS)


def test_confirmation_is_told_and_required_channels_become_confirmed() -> None:
    session = StreamSession(epoch=9)
    session.open()
    for command in commands(session):
        name = command["params"]["channels"][0]
        frame = {"type": "subscribed", "id": command["id"], "msg": {"channel": name, "sid": SIDS[name]}}
        assert send(session, frame) == [StreamSubscribed(epoch=9, channel=name)]
    assert session.unconfirmed() == ()


def test_no_market_channel_is_asked_without_markets() -> None:
    session = StreamSession(epoch=1)
    session.open()
    assert len(commands(session)) == len(ACCOUNT_CHANNELS)
    session.watch([MARKET])
    assert [command["params"]["channels"] for command in commands(session)] == [[name] for name in MARKET_CHANNELS]


def test_ok_instead_of_subscribed_confirms_with_the_sid_already_there() -> None:
    session = StreamSession(epoch=1)
    session.watch([MARKET])
    session.open()
    book = next(command for command in commands(session) if command["params"]["channels"] == [BOOKS])
    events = send(
        session, {"type": "ok", "id": book["id"], "sid": SIDS[BOOKS], "seq": 4, "msg": {"market_tickers": [MARKET]}}
    )
    assert events == [StreamSubscribed(epoch=1, channel=BOOKS)]
    assert [type(event) for event in send(session, snapshot(5))] == [BookReplaced]


def test_changed_watch_adds_and_deletes_markets_on_the_live_subscription() -> None:
    session = opened(MARKET)
    session.watch([OTHER])
    asked = commands(session)
    assert [(c["params"]["action"], c["params"]["sids"], c["params"]["market_tickers"]) for c in asked] == [
        (action, [SIDS[name]], [ticker])
        for name in MARKET_CHANNELS
        for action, ticker in (("delete_markets", MARKET), ("add_markets", OTHER))
    ]
    # Still on its way for the market just left: counted, dropped, no refusal. The new one waits for its book.
    assert send(session, delta(1)) == []
    assert send(session, {"type": "ok", "id": 1, "sid": SIDS[BOOKS], "seq": 2, "msg": {}}) == []
    assert [type(event) for event in send(session, snapshot(3, OTHER))] == [BookReplaced]


def test_watch_during_a_pending_subscribe_follows_after_its_confirmation() -> None:
    session = StreamSession(epoch=1)
    session.watch([MARKET])
    session.open()
    asked = commands(session)
    session.watch([MARKET, OTHER])
    assert commands(session) == []
    book = next(command for command in asked if command["params"]["channels"] == [BOOKS])
    send(session, {"type": "subscribed", "id": book["id"], "msg": {"channel": BOOKS, "sid": 5}})
    (added,) = commands(session)
    assert added["params"] == {"sids": [5], "action": "add_markets", "market_tickers": [OTHER]}


def test_watching_nothing_unsubscribes_and_watching_again_subscribes() -> None:
    session = opened(MARKET)
    session.watch([])
    asked = commands(session)
    assert [command["cmd"] for command in asked] == ["unsubscribe"] * 3
    session.watch([MARKET])
    assert commands(session) == []
    for command in asked:
        (sid,) = command["params"]["sids"]
        send(session, {"type": "unsubscribed", "id": command["id"], "sid": sid, "seq": 9})
    assert [command["cmd"] for command in commands(session)] == ["subscribe"] * 3


# ---- books -------------------------------------------------------------------------------------------------------


def test_no_ladder_becomes_yes_asks_and_both_sides_start_at_their_best() -> None:
    session = opened(MARKET)
    (book,) = send(
        session,
        snapshot(
            1, yes=[["0.4100", "3.00"], ["0.4200", "12.00"]], no=[["0.5300", "4.00"], ["0.5500", "9.50"]], clock=70
        ),
    )
    assert isinstance(book, BookReplaced)
    assert book.bids == ((4200, 1200), (4100, 300))
    assert book.asks == ((4500, 950), (4700, 400))


def test_order_of_levels_on_the_wire_does_not_matter_and_empty_sides_may_be_absent() -> None:
    session = opened(MARKET)
    (book,) = send(session, snapshot(1, yes=[["0.42", "1.00"], ["0.4100", "2"], ["0.4300", "0.00"]]))
    assert isinstance(book, BookReplaced)
    assert book.bids == ((4200, 100), (4100, 200))
    assert book.asks == ()
    (empty,) = send(session, snapshot(2))
    assert isinstance(empty, BookReplaced) and (empty.bids, empty.asks) == ((), ())


def test_delta_is_told_in_yes_terms_with_its_sign() -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    (bid,) = send(session, delta(2, price="0.4200", size="5.50", ts_ms=1_767_000_000_000))
    (ask,) = send(session, delta(3, price="0.5300", size="-3.13", side="no"))
    assert bid == BookChanged(
        ticker=MARKET, side=BookSide.BID, price=Price(4200), delta=550, seq=2, exchange_ms=1_767_000_000_000
    )
    assert ask == BookChanged(ticker=MARKET, side=BookSide.ASK, price=Price(4700), delta=-313, seq=3)


def test_delta_before_its_snapshot_is_not_told() -> None:
    session = opened(MARKET, OTHER)
    assert send(session, delta(1)) == []
    send(session, snapshot(2))
    assert len(send(session, delta(3))) == 1
    assert send(session, delta(4, OTHER)) == []


def test_sequence_counts_over_all_markets_and_replies_of_the_subscription() -> None:
    session = opened(MARKET, OTHER)
    send(session, snapshot(1))
    send(session, snapshot(2, OTHER))
    assert send(session, {"type": "ok", "id": 77, "sid": SIDS[BOOKS], "seq": 3}) == []
    assert [type(e) for f in (delta(4), delta(5, OTHER), delta(6)) for e in send(session, f)] == [BookChanged] * 3
    assert commands(session) == []


def test_gap_loses_every_book_of_the_subscription_and_asks_for_them_whole() -> None:
    session = opened(MARKET, OTHER)
    send(session, snapshot(1))
    send(session, snapshot(2, OTHER))
    (lost,) = send(session, delta(5))
    assert lost == BookLost(tickers=(OTHER, MARKET), reason="gap: 2 frames missing")
    (command,) = commands(session)
    assert command["params"] == {"sids": [SIDS[BOOKS]], "action": "get_snapshot", "market_tickers": [OTHER, MARKET]}
    assert send(session, delta(6, OTHER)) == []
    assert [type(event) for event in send(session, snapshot(7, OTHER))] == [BookReplaced]
    assert [type(event) for event in send(session, delta(8, OTHER))] == [BookChanged]
    assert send(session, delta(9)) == []


def test_another_gap_asks_only_for_books_that_had_come_so_that_no_storm_of_asking_grows() -> None:
    session = opened(MARKET, OTHER)
    send(session, snapshot(1))
    send(session, snapshot(2, OTHER))
    send(session, delta(5))
    commands(session)
    assert [type(event) for event in send(session, delta(9))] == [BookLost]
    assert commands(session) == []
    send(session, snapshot(10, OTHER))
    send(session, delta(15))
    (command,) = commands(session)
    assert command["params"] == {"sids": [SIDS[BOOKS]], "action": "get_snapshot", "market_tickers": [OTHER]}


def test_snapshot_after_a_gap_is_taken_at_once() -> None:
    session = opened(MARKET)
    assert [type(event) for event in send(session, snapshot(4))] == [BookLost, BookReplaced]
    assert [type(event) for event in send(session, delta(5))] == [BookChanged]


def test_frames_already_passed_are_dropped_and_a_restarted_sequence_ends_the_connection() -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    send(session, delta(2))
    assert send(session, delta(2)) == [] and send(session, delta(1)) == []
    assert session.frames_old == 2 and session.wants_reconnect is None
    for _ in range(OLD_IN_A_ROW_MAX):
        send(session, delta(1))
    assert session.wants_reconnect is not None


def test_delta_the_snapshot_already_holds_by_its_clock_is_skipped() -> None:
    session = opened(MARKET)
    send(session, snapshot(1, clock=100))
    assert send(session, delta(2, clock=99)) == []
    assert send(session, delta(3, clock=100)) == []
    assert len(send(session, delta(4, clock=101))) == 1
    assert len(send(session, delta(5, clock=101))) == 1
    assert len(send(session, delta(6))) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"price": "0.0000"}, {"price": "1.0000"}, {"price": "NaN"}, {"price": "4e-1"}, {"price": "-0.4200"},
        {"price": "0." + "4" * 400}, {"size": "Infinity"}, {"size": "1.005"}, {"size": "1" * 30}, {"side": "maybe"},
    ],
)  # fmt: skip
def test_unreadable_delta_loses_its_book_only(bad: dict[str, str]) -> None:
    session = opened(MARKET, OTHER)
    send(session, snapshot(1))
    send(session, snapshot(2, OTHER))
    refused, lost = send(session, delta(3, **bad))  # type: ignore[arg-type]
    assert isinstance(refused, FrameRefused)
    assert isinstance(lost, BookLost) and lost.tickers == (MARKET,)
    assert [c["params"]["action"] for c in commands(session)] == ["get_snapshot"]
    assert len(send(session, delta(4, OTHER))) == 1


@pytest.mark.parametrize("cut", [60, -9])
def test_a_change_that_is_no_value_loses_every_book_of_its_subscription(cut: int) -> None:
    session = opened(MARKET, OTHER)
    send(session, snapshot(1))
    send(session, snapshot(2, OTHER))
    refused, lost = session.receive(json.dumps(delta(3))[:cut])
    assert isinstance(refused, FrameRefused)
    assert isinstance(lost, BookLost) and set(lost.tickers) == {MARKET, OTHER}
    assert [c["params"]["action"] for c in commands(session)] == ["get_snapshot"]


@pytest.mark.parametrize(
    "yes",
    [[["0.4200", "1.00"], ["0.42", "2.00"]], [["0.4200", "-1.00"]], [["1.0000", "1.00"]], [["0.4200", "1e2"]]],
)
def test_contradicting_snapshot_is_refused_and_its_book_waits(yes: object) -> None:
    session = opened(MARKET)
    (refused,) = send(session, snapshot(1, yes=yes))
    assert isinstance(refused, FrameRefused)
    assert send(session, delta(2)) == []
    session.ask_again()
    assert [c["params"]["market_tickers"] for c in commands(session)] == [[MARKET]]


def test_refresh_holds_changes_back_until_the_book_came() -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    session.refresh([MARKET, OTHER])
    assert [c["params"]["market_tickers"] for c in commands(session)] == [[MARKET]]
    assert send(session, delta(2)) == []
    assert [type(e) for f in (snapshot(3), delta(4)) for e in send(session, f)] == [BookReplaced, BookChanged]


def test_a_check_asks_for_the_book_and_goes_on_telling_its_changes() -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    session.check([MARKET, OTHER])
    assert [c["params"]["market_tickers"] for c in commands(session)] == [[MARKET]]
    told = [type(e) for f in (delta(2), snapshot(3), delta(4)) for e in send(session, f)]
    assert told == [BookChanged, BookReplaced, BookChanged]


def test_frames_of_strangers_are_refused() -> None:
    session = opened(MARKET)
    assert [type(event) for event in send(session, snapshot(1, "KXNOT-OURS"))] == [FrameRefused]
    stranger = {**delta(1), "sid": 99}
    assert [type(event) for event in send(session, stranger)] == [FrameRefused]


# ---- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [10, 25])
def test_dead_subscription_is_subscribed_again_and_its_books_are_lost(code: int) -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    frame = {"type": "error", "sid": SIDS[BOOKS], "seq": 2, "msg": {"code": code, "msg": "dead"}}
    refused, lost = send(session, frame)
    assert refused == StreamRefused(epoch=3, code=code, text="dead")
    assert isinstance(lost, BookLost) and lost.tickers == (MARKET,)
    (again,) = commands(session)
    assert again["cmd"] == "subscribe" and again["params"]["channels"] == [BOOKS]
    send(session, {"type": "subscribed", "id": again["id"], "msg": {"channel": BOOKS, "sid": 40}})
    fresh = {**snapshot(1), "sid": 40}
    assert [type(event) for event in send(session, fresh)] == [BookReplaced]


def test_subscription_that_dies_again_and_again_ends_the_connection() -> None:
    session = opened(MARKET)
    sid = SIDS[BOOKS]
    for turn in range(10):
        send(session, {"type": "error", "sid": sid, "msg": {"code": 25, "msg": "overflow"}})
        if session.wants_reconnect:
            break
        (again,) = commands(session)
        sid = 50 + turn
        send(session, {"type": "subscribed", "id": again["id"], "msg": {"channel": BOOKS, "sid": sid}})
    assert session.wants_reconnect is not None


def test_refused_required_channel_ends_the_connection_and_an_optional_one_does_not() -> None:
    session = StreamSession(epoch=1)
    session.open()
    asked = {command["params"]["channels"][0]: command["id"] for command in commands(session)}
    send(session, {"type": "error", "id": asked["market_lifecycle_v2"], "msg": {"code": 8, "msg": "Unknown channel"}})
    assert session.wants_reconnect is None
    send(session, {"type": "error", "id": asked["fill"], "msg": {"code": 9, "msg": "Authentication required"}})
    assert session.wants_reconnect is not None


def test_refused_market_is_left_out_and_the_others_are_carried() -> None:
    session = StreamSession(epoch=1)
    session.watch([MARKET, OTHER])
    session.open()
    book = next(command for command in commands(session) if command["params"]["channels"] == [BOOKS])
    send(session, {"type": "error", "id": book["id"], "msg": {"code": 11, "msg": "no", "market_ticker": OTHER}})
    (again,) = commands(session)
    assert again["params"]["market_tickers"] == [MARKET]
    assert session.wants_reconnect is None


def test_gap_of_lifecycle_ends_the_connection_as_a_missed_step_is_never_told_again() -> None:
    session = opened()
    frame = {"type": "market_lifecycle_v2", "sid": SIDS["market_lifecycle_v2"], "seq": 3}
    send(session, {**frame, "msg": {"event_type": "deactivated", "market_ticker": MARKET, "is_deactivated": True}})
    assert session.wants_reconnect == "gap in market_lifecycle_v2"


def test_unknown_type_is_told_once_and_counted_always() -> None:
    session = opened()
    assert [type(event) for event in send(session, {"type": "novelty", "msg": {}})] == [FrameRefused]
    assert send(session, {"type": "novelty", "msg": {}}) == []
    assert session.frames_unknown == 2


# ---- facts of our account ----------------------------------------------------------------------------------------

FILL = {
    "trade_id": "tr-1", "order_id": "ord-1", "client_order_id": "kt-1", "market_ticker": "KXELSE-1",
    "is_taker": True, "side": "yes", "yes_price_dollars": "0.6100", "count_fp": "3.50", "fee_cost": "0.014600",
    "action": "buy", "ts": 1, "ts_ms": 1_767_000_000_123, "post_position_fp": "-3.50", "purchased_side": "yes",
    "outcome_side": "no", "book_side": "ask",
}  # fmt: skip
ORDER = {
    "order_id": "ord-1", "user_id": "u", "ticker": MARKET, "exchange_index": 0, "status": "canceled", "side": "no",
    "is_yes": False, "outcome_side": "yes", "book_side": "bid", "yes_price_dollars": "0.4200", "fill_count_fp": "2.00",
    "remaining_count_fp": "0.00", "initial_count_fp": "7.00", "client_order_id": "kt-1", "created_time": None,
    "created_ts_ms": 1_767_000_000_000, "expiration_ts_ms": 1_767_000_900_000, "last_update_reason": "CloseCancel",
}  # fmt: skip


def test_fill_is_told_whatever_is_watched_and_follows_book_side_alone() -> None:
    (fill,) = send(opened(), {"type": "fill", "sid": 99, "msg": FILL})
    assert isinstance(fill, FillReported)
    assert (fill.side, fill.price, fill.count, fill.fee) == (BookSide.ASK, 6100, 350, 14_600)
    assert (fill.is_taker, fill.client_order_id, fill.exchange_ms) == (True, "kt-1", 1_767_000_000_123)


def test_fill_whose_directions_contradict_is_refused() -> None:
    (refused,) = send(opened(), {"type": "fill", "sid": 1, "msg": {**FILL, "outcome_side": "yes"}})
    assert isinstance(refused, FrameRefused) and "book_side" in refused.reason


def test_fact_of_our_account_that_names_a_field_twice_is_refused() -> None:
    text = json.dumps({"type": "fill", "sid": 1, "msg": FILL}).replace('"count_fp"', '"count_fp": "9.00", "count_fp"')
    (refused,) = opened().receive(text)
    assert isinstance(refused, FrameRefused)


def test_order_and_position_are_told() -> None:
    session = opened()
    (order,) = send(session, {"type": "user_order", "sid": 2, "msg": ORDER})
    assert isinstance(order, OrderReported)
    report = order.report
    assert (report.side, report.status, report.reason) == (BookSide.BID, OrderStatus.CANCELED, "CloseCancel")
    assert (report.initial, report.filled, report.remaining) == (700, 200, 0)
    assert (report.created_ms, report.expiration_ms) == (1_767_000_000_000, 1_767_000_900_000)
    (position,) = send(
        session,
        {
            "type": "market_position",
            "sid": 3,
            "msg": {
                "user_id": "u", "market_ticker": MARKET, "position_fp": "-3.50", "position_cost_dollars": "1.3650",
                "realized_pnl_dollars": "-0.2000", "fees_paid_dollars": "0.0146", "position_fee_cost_dollars": "0",
                "volume_fp": "3.50",
            },
        },
    )  # fmt: skip
    assert isinstance(position, PositionReported)
    assert (position.report.position, position.report.cost) == (-350, 1_365_000)
    assert (position.report.realized, position.report.fees) == (-200_000, 14_600)


def test_unknown_order_status_is_typed_unknown() -> None:
    (order,) = send(opened(), {"type": "user_order", "sid": 2, "msg": {**ORDER, "status": "levitating"}})
    assert isinstance(order, OrderReported) and order.report.status is OrderStatus.UNKNOWN


def test_hostile_text_is_cleaned() -> None:
    (order,) = send(
        opened(), {"type": "user_order", "sid": 2, "msg": {**ORDER, "last_update_reason": "\x1b[2Ja\u202eb\n[red]"}}
    )
    assert isinstance(order, OrderReported) and order.report.reason == "ab [red]"


# ---- markets -----------------------------------------------------------------------------------------------------


def test_prints_and_summaries_of_watched_markets_are_told() -> None:
    session = opened(MARKET)
    trade = {
        "trade_id": "tr-5", "market_ticker": MARKET, "yes_price_dollars": "0.4400", "no_price_dollars": "0.5600",
        "count_fp": "2.00", "taker_side": "yes", "taker_outcome_side": "no", "taker_book_side": "ask",
        "is_block_trade": False, "ts": 1, "ts_ms": 1_767_000_000_000,
    }  # fmt: skip
    (printed,) = send(session, {"type": "trade", "sid": SIDS["trade"], "seq": 1, "msg": trade})
    assert isinstance(printed, TradePrinted)
    assert (printed.price, printed.count, printed.taker_side) == (4400, 200, BookSide.ASK)
    summary = {
        "market_id": "m", "market_ticker": MARKET, "price_dollars": "0.0000", "yes_bid_dollars": "0.4200",
        "yes_ask_dollars": "0.4500", "volume_fp": "102.00", "open_interest_fp": "35.00", "dollar_volume": 44,
        "dollar_open_interest": 15, "yes_bid_size_fp": "1.00", "yes_ask_size_fp": "1.00", "last_trade_size_fp": "2.00",
        "ts": 1, "ts_ms": 1_767_000_000_000, "time": "x",
    }  # fmt: skip
    (changed,) = send(session, {"type": "ticker", "sid": SIDS["ticker"], "msg": summary})
    assert isinstance(changed, TickerChanged)
    assert (changed.last_price, changed.volume, changed.open_interest) == (None, 10_200, 3_500)


@pytest.mark.parametrize(
    ("msg", "fact"),
    [
        ({"event_type": "activated", "is_deactivated": False}, {"status": MarketStatus.ACTIVE}),
        ({"event_type": "deactivated", "is_deactivated": True}, {"status": MarketStatus.INACTIVE}),
        ({"event_type": "close_date_updated", "close_ts": 1_767_000_000}, {"close_ms": 1_767_000_000_000}),
        (
            {"event_type": "determined", "result": "yes", "settlement_value": "1.0000"},
            {"status": MarketStatus.DETERMINED, "settlement_value": Price(10_000)},
        ),
        ({"event_type": "settled", "settled_ts": 5}, {"status": MarketStatus.FINALIZED}),
        ({"event_type": "metadata_updated", "floor_strike": 54.99}, {}),
    ],
)
def test_steps_of_a_markets_life_are_told(msg: dict[str, object], fact: dict[str, Any]) -> None:
    session = opened()
    frame = {"type": "market_lifecycle_v2", "sid": SIDS["market_lifecycle_v2"], "seq": 1}
    events = send(session, {**frame, "msg": {**msg, "market_ticker": MARKET}})
    assert events == [MarketChanged(ticker=MARKET, **fact)]


# ---- whatever comes ----------------------------------------------------------------------------------------------


def test_amounts_as_json_numbers_are_read_from_their_own_text() -> None:
    session = opened(MARKET)
    send(session, snapshot(1))
    frame = json.dumps(delta(2)).replace('"0.4200"', "0.42").replace('"5.00"', "-3.13")
    (changed,) = session.receive(frame)
    assert isinstance(changed, BookChanged) and (changed.price, changed.delta) == (4200, -313)
    hostile = json.dumps(delta(3)).replace('"5.00"', "1e400")
    assert {type(event) for event in session.receive(hostile)} <= {FrameRefused, BookLost}


@relaxed
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_become_facts_or_a_refusal(raw: bytes) -> None:
    events = opened(MARKET).receive(raw)
    assert all(isinstance(event, FrameRefused) for event in events)


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 200_000, '{"type":"fill","msg":' * 50_000, '{"type":"fill","x":' + "[" * 100_000):
        assert [type(event) for event in opened().receive(text)] == [FrameRefused]


junk = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=2)
)


@relaxed
@given(
    frame=st.sampled_from(
        [
            snapshot(1, yes=[["0.42", "1"]], clock=3),
            delta(1, clock=3, ts_ms=4),
            {"type": "fill", "sid": 1, "msg": FILL},
            {"type": "user_order", "sid": 2, "msg": ORDER},
            {"type": "subscribed", "id": 1, "msg": {"channel": "fill", "sid": 1}},
            {"type": "ok", "id": 1, "sid": 5, "seq": 1},
            {"type": "error", "id": 1, "sid": 5, "seq": 1, "msg": {"code": 25, "msg": "x"}},
        ]
    ),
    data=st.data(),
)
def test_any_field_missing_or_retyped_never_raises(frame: dict[str, Any], data: st.DataObject) -> None:
    session = opened(MARKET)
    mutant = json.loads(json.dumps(frame))
    target = mutant["msg"] if "msg" in mutant and data.draw(st.booleans()) else mutant
    key = data.draw(st.sampled_from(sorted(target)))
    if data.draw(st.booleans()):
        del target[key]
    else:
        target[key] = data.draw(junk)
    assert isinstance(session.receive(json.dumps(mutant)), list)


class Reference:
    """A book kept the plain way from what the session tells; None while it is not to be trusted."""

    def __init__(self) -> None:
        self.levels: dict[tuple[BookSide, int], int] | None = None

    def apply(self, event: Event) -> None:
        if isinstance(event, BookReplaced):
            self.levels = {(BookSide.BID, p): c for p, c in event.bids} | {(BookSide.ASK, p): c for p, c in event.asks}
        elif isinstance(event, BookLost):
            self.levels = None
        elif isinstance(event, BookChanged):
            assert self.levels is not None, "a change was told for a book that is not whole"
            key = (event.side, event.price)
            size = self.levels.get(key, 0) + event.delta
            self.levels[key] = size
            if not size:
                del self.levels[key]


@relaxed
@given(
    changes=st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.integers(1, 99), st.integers(1, 50)), max_size=40),
    faults=st.lists(st.sampled_from(["pass", "pass", "pass", "drop", "twice", "late"]), min_size=40, max_size=40),
)
def test_book_told_is_always_the_true_one_whatever_is_lost_doubled_or_swapped(
    changes: list[tuple[str, int, int]], faults: list[str]
) -> None:
    session, seen, late = opened(MARKET), Reference(), None
    truth: dict[tuple[str, int], int] = {}
    seq = 1

    def whole() -> dict[str, Any]:
        sides = {
            side: [[f"0.{price:02d}00", f"{size}.00"] for (s, price), size in sorted(truth.items()) if s == side]
            for side in ("yes", "no")
        }
        return snapshot(seq, yes=sides["yes"], no=sides["no"])

    def deliver(frame: dict[str, Any]) -> None:
        for event in send(session, frame):
            seen.apply(event)

    deliver(whole())
    for (side, price, size), fault in zip(changes, faults, strict=False):
        seq += 1
        truth[side, price] = truth.get((side, price), 0) + size
        frame = delta(seq, price=f"0.{price:02d}00", size=f"{size}.00", side=side)
        if fault != "drop" and fault != "late":
            deliver(frame)
        if fault == "twice":
            deliver(frame)
        if late is not None:
            deliver(late)
        late = frame if fault == "late" else None
        for command in commands(session):
            assert command["params"]["action"] == "get_snapshot"
            seq += 1
            deliver(whole())
        if seen.levels is not None and fault in ("pass", "twice"):
            expected = {
                (
                    BookSide.BID if s == "yes" else BookSide.ASK,
                    Price(p * 100 if s == "yes" else 10_000 - p * 100),
                ): Count(c * 100)
                for (s, p), c in truth.items()
            }
            assert seen.levels == expected
