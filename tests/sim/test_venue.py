"""The venue's rules, one by one, without sockets."""

from typing import Any

import pytest

from core.domain.amounts import dollars
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim.audit import check_conservation
from core.sim.errors import Refused
from core.sim.events import BookMoved, Filled, OrderMoved, PositionMoved, TickerMoved, Traded
from core.sim.model import MAKER, Amendment
from core.sim.venue import Venue
from tests.sim.support import NOW, bare_venue, member, wish

BID, ASK = BookSide.BID, BookSide.ASK
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
S = 10**9


class Floor:
    """A venue with two members and one market to trade."""

    def __init__(self) -> None:
        self.venue: Venue = bare_venue()
        self.ticker = next(iter(self.venue.markets))
        self.market = self.venue.markets[self.ticker]
        self.ann, self.bob = member(self.venue), member(self.venue)

    def place(self, who: Any, side: BookSide, price: int, count: int, at: int = NOW, **more: Any) -> Any:
        return self.venue.place(who, wish(self.ticker, side, price, count, **more), at)

    def refused(self, code: str, act: Any) -> Any:
        before = (self.ann.cash, self.ann.reserved, len(self.ann.orders), self.market.book.bids.levels())
        with pytest.raises(Refused) as caught:
            act()
        body = caught.value.body
        assert body["error"]["code"] == code
        assert (self.ann.cash, self.ann.reserved, len(self.ann.orders), self.market.book.bids.levels()) == before
        return caught.value


@pytest.fixture
def floor() -> Any:
    made = Floor()
    yield made
    check_conservation(made.venue)


def test_price_comes_before_time_and_trades_happen_at_the_resting_price(floor: Floor) -> None:
    first = floor.place(floor.ann, BID, 4_000, 500).order
    second = floor.place(floor.ann, BID, 4_000, 500).order
    best = floor.place(floor.ann, BID, 4_500, 500).order
    done = floor.place(floor.bob, ASK, 3_000, 700)
    assert done.filled == 700 and done.fill_value == 4_500 * 500 + 4_000 * 200
    assert (best.status, first.filled, second.filled) == (OrderStatus.EXECUTED, 200, 0)


def test_buying_and_selling_against_each_other_moves_one_signed_position(floor: Floor) -> None:
    floor.place(floor.ann, BID, 4_000, 1_000)
    floor.place(floor.bob, ASK, 4_000, 1_000)
    assert floor.ann.quantity(floor.ticker) == 1_000
    assert floor.bob.quantity(floor.ticker) == -1_000
    assert floor.ann.positions[floor.ticker].cost == 4_000_000
    assert floor.bob.positions[floor.ticker].cost == 6_000_000
    assert floor.market.open_interest == 1_000


def test_closing_returns_the_collateral_of_the_pair_at_once(floor: Floor) -> None:
    floor.place(floor.ann, BID, 4_000, 1_000)
    floor.place(floor.bob, ASK, 4_000, 1_000)
    floor.place(floor.ann, ASK, 5_000, 1_000)
    floor.place(floor.bob, BID, 5_000, 1_000)
    ann, bob = floor.ann.positions[floor.ticker], floor.bob.positions[floor.ticker]
    assert (ann.quantity, ann.cost, ann.realized) == (0, 0, 1_000_000)
    assert (bob.quantity, bob.cost, bob.realized) == (0, 0, -1_000_000)
    assert floor.ann.cash == floor.ann.deposits + ann.realized - ann.fees
    assert floor.market.open_interest == 0


def test_fees_stay_out_of_realized_profit(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 5_200, 100)
    done = floor.place(floor.ann, BID, 5_200, 100)
    held = floor.ann.positions[floor.ticker]
    assert (done.fees, held.fees, held.realized) == (17_500, 17_500, 0)


def test_resting_orders_reserve_their_worst_case_and_give_it_back(floor: Floor) -> None:
    order = floor.place(floor.ann, BID, 4_000, 1_000).order
    assert (floor.ann.reserved, floor.ann.available) == (4_000_000, dollars(1000) - 4_000_000)
    floor.place(floor.ann, ASK, 7_000, 1_000)
    assert floor.ann.reserved == 7_000_000
    floor.venue.cancel(floor.ann, order.order_id, NOW)
    assert floor.ann.reserved == 3_000_000


def test_selling_what_is_held_needs_no_collateral_beyond_it_does(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 4_000, 1_000)
    floor.place(floor.ann, BID, 4_000, 1_000)
    floor.place(floor.ann, ASK, 6_000, 1_000)
    assert floor.ann.reserved == 0
    floor.place(floor.ann, ASK, 7_000, 1_000)
    assert floor.ann.reserved == 3_000_000


def test_an_order_beyond_the_balance_is_refused(floor: Floor) -> None:
    error = floor.refused("insufficient_balance", lambda: floor.place(floor.ann, BID, 5_000, 300_000))
    assert error.status == 400


def test_what_is_reserved_cannot_be_spent_twice(floor: Floor) -> None:
    floor.place(floor.ann, BID, 5_000, 190_000)
    floor.refused("insufficient_balance", lambda: floor.place(floor.ann, BID, 5_000, 20_000))


@pytest.mark.parametrize("price", [5_050, 10_000, 0, 10_100, 1])
def test_off_grid_prices_are_refused(floor: Floor, price: int) -> None:
    floor.refused("invalid_price", lambda: floor.place(floor.ann, BID, price, 100))


def test_post_only_that_would_cross_is_refused(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 5_000, 100)
    error = floor.refused("invalid_order", lambda: floor.place(floor.ann, BID, 5_000, 100, post_only=True))
    assert error.body["error"]["details"] == "post only cross"
    assert floor.place(floor.ann, BID, 4_900, 100, post_only=True).order.status is OrderStatus.RESTING


def test_ioc_takes_what_is_there_and_cancels_the_rest(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 5_000, 300)
    done = floor.place(floor.ann, BID, 5_000, 1_000, time_in_force=IOC)
    assert (done.filled, done.order.remaining, done.order.status) == (300, 0, OrderStatus.CANCELED)


def test_ioc_without_a_match_is_accepted_and_empty(floor: Floor) -> None:
    done = floor.place(floor.ann, BID, 5_000, 1_000, time_in_force=IOC)
    assert (done.filled, done.order.remaining, done.order.status) == (0, 0, OrderStatus.CANCELED)


def test_fok_fills_whole_or_not_at_all_and_burns_its_id(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 5_000, 300)
    killed = {"time_in_force": FOK, "client_order_id": "k"}
    code = "fill_or_kill_insufficient_resting_volume"
    assert floor.refused(code, lambda: floor.place(floor.ann, BID, 5_000, 301, **killed)).status == 409
    floor.refused("order_already_exists", lambda: floor.place(floor.ann, BID, 5_000, 300, client_order_id="k"))
    assert floor.place(floor.ann, BID, 5_000, 300, time_in_force=FOK).filled == 300


def test_a_client_id_is_burnt_for_ever_but_only_for_its_account(floor: Floor) -> None:
    order = floor.place(floor.ann, BID, 4_000, 100, client_order_id="once").order
    floor.venue.cancel(floor.ann, order.order_id, NOW)
    error = floor.refused(
        "order_already_exists", lambda: floor.place(floor.ann, BID, 4_000, 100, client_order_id="once")
    )
    assert error.status == 409
    floor.place(floor.bob, BID, 4_000, 100, client_order_id="once")


def test_taker_at_cross_stops_at_the_first_own_order(floor: Floor) -> None:
    floor.place(floor.bob, ASK, 4_900, 100)
    mine = floor.place(floor.ann, ASK, 5_000, 100).order
    floor.place(floor.bob, ASK, 5_000, 100)
    done = floor.place(floor.ann, BID, 5_000, 300)
    assert (done.filled, done.order.remaining, done.order.reason) == (100, 0, "SelfTradeCancel")
    assert mine.status is OrderStatus.RESTING


def test_maker_policy_cancels_the_own_resting_order_and_goes_on(floor: Floor) -> None:
    mine = floor.place(floor.ann, ASK, 5_000, 100).order
    floor.place(floor.bob, ASK, 5_000, 100)
    done = floor.place(floor.ann, BID, 5_000, 100, self_trade=MAKER)
    assert done.filled == 100
    assert (mine.status, mine.reason) == (OrderStatus.CANCELED, "SelfTradeCancel")


def test_orders_expire_at_their_second(floor: Floor) -> None:
    order = floor.place(floor.ann, BID, 4_000, 100, expiration_ns=NOW + 5 * S).order
    floor.venue.advance(NOW + 5 * S - 1)
    assert order.status is OrderStatus.RESTING
    floor.venue.advance(NOW + 5 * S)
    assert (order.status, order.reason, floor.ann.reserved) == (OrderStatus.CANCELED, "ExpiryCancel", 0)


@pytest.mark.parametrize("more", [{"expiration_ns": NOW}, {"expiration_ns": NOW + S, "time_in_force": IOC}])
def test_expiry_must_be_ahead_and_not_with_ioc(floor: Floor, more: Any) -> None:
    floor.refused("invalid_order", lambda: floor.place(floor.ann, BID, 4_000, 100, **more))


def test_reduce_only_never_opens(floor: Floor) -> None:
    floor.refused("invalid_order", lambda: floor.place(floor.ann, ASK, 4_000, 100, reduce_only=True))
    nothing = floor.place(floor.ann, ASK, 4_000, 100, reduce_only=True, time_in_force=IOC)
    assert (nothing.filled, nothing.order.reason) == (0, "ReduceOnlyCancel")
    floor.place(floor.bob, ASK, 4_000, 200)
    floor.place(floor.ann, BID, 4_000, 200)
    floor.place(floor.bob, BID, 3_900, 1_000)
    done = floor.place(floor.ann, ASK, 3_900, 1_000, reduce_only=True, time_in_force=IOC)
    assert (done.filled, done.order.remaining, floor.ann.quantity(floor.ticker)) == (200, 0, 0)


def test_canceling_a_final_or_foreign_order_is_not_found(floor: Floor) -> None:
    order = floor.place(floor.ann, BID, 4_000, 100).order
    floor.refused("not_found", lambda: floor.venue.cancel(floor.bob, order.order_id, NOW))
    assert floor.venue.cancel(floor.ann, order.order_id, NOW)[1] == 100
    assert floor.refused("not_found", lambda: floor.venue.cancel(floor.ann, order.order_id, NOW)).status == 404


def test_cancel_all_spares_other_accounts(floor: Floor) -> None:
    for price in (3_000, 3_100, 3_200):
        floor.place(floor.ann, BID, price, 100)
    floor.place(floor.bob, BID, 3_000, 100)
    assert floor.venue.cancel_all(floor.ann, NOW) == 3
    assert floor.market.book.bids.levels() == [(3_000, 100)]


def amend(floor: Floor, order: Any, price: int, count: int, **more: Any) -> Any:
    change = Amendment(ticker=floor.ticker, side=order.side, price=price, count=count, **more)
    return floor.venue.amend(floor.ann, order.order_id, change, NOW)


def test_a_smaller_amend_keeps_the_place_in_the_queue_a_larger_loses_it(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    floor.place(floor.bob, BID, 4_000, 500)
    amend(floor, mine, 4_000, 300)
    assert floor.market.book.bids.ahead(mine) == 0
    amend(floor, mine, 4_000, 400)
    assert floor.market.book.bids.ahead(mine) == 500
    assert floor.ann.reserved == 1_600_000


def test_amend_counts_what_is_filled_and_may_cancel_or_take(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    floor.place(floor.bob, ASK, 4_000, 200)
    floor.refused("invalid_order_size", lambda: amend(floor, mine, 4_000, 100))
    floor.place(floor.bob, ASK, 4_500, 100)
    done = amend(floor, mine, 4_500, 500)
    assert (done.filled, mine.filled, mine.remaining, mine.count) == (100, 300, 200, 500)
    amend(floor, mine, 4_500, 300)
    assert (mine.status, mine.remaining) == (OrderStatus.CANCELED, 0)


def test_amend_refuses_mismatches_and_self_crosses(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500, client_order_id="a").order
    floor.place(floor.ann, ASK, 4_500, 100, client_order_id="b")
    floor.refused("invalid_order", lambda: amend(floor, mine, 4_500, 500))
    floor.refused("order_id_and_client_order_id_mismatch", lambda: amend(floor, mine, 4_100, 500, client_order_id="x"))
    floor.refused("order_already_exists", lambda: amend(floor, mine, 4_100, 500, updated_client_order_id="b"))
    floor.refused("insufficient_balance", lambda: amend(floor, mine, 4_000, 300_000))
    wrong = Amendment(ticker=floor.ticker, side=ASK, price=4_000, count=500)  # type: ignore[arg-type]
    floor.refused("order_side_mismatch", lambda: floor.venue.amend(floor.ann, mine.order_id, wrong, NOW))


def test_decrease_reduces_by_or_to(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    assert floor.venue.decrease(floor.ann, mine.order_id, 200, None, NOW).remaining == 300
    assert floor.venue.decrease(floor.ann, mine.order_id, None, 100, NOW).remaining == 100
    floor.refused("invalid_order_size", lambda: floor.venue.decrease(floor.ann, mine.order_id, 101, None, NOW))
    assert floor.venue.decrease(floor.ann, mine.order_id, None, 0, NOW).status is OrderStatus.CANCELED


def test_facts_come_in_the_documented_order(floor: Floor) -> None:
    floor.place(floor.ann, BID, 4_000, 500)
    floor.venue.take_events()
    floor.place(floor.bob, ASK, 4_000, 200)
    kinds = [type(event) for event in floor.venue.take_events()]
    assert kinds == [
        BookMoved, Traded, TickerMoved, Filled, Filled, OrderMoved, OrderMoved, PositionMoved, PositionMoved,
    ]  # fmt: skip


def test_deltas_rebuild_the_book_and_clocks_never_go_back(floor: Floor) -> None:
    sizes: dict[Any, int] = {}
    floor.place(floor.ann, BID, 4_000, 500)
    floor.place(floor.ann, BID, 3_900, 500)
    floor.place(floor.bob, ASK, 3_900, 700)
    floor.place(floor.bob, ASK, 6_000, 700)
    floor.venue.cancel_all(floor.bob, NOW)
    last = 0
    for event in floor.venue.take_events():
        if isinstance(event, BookMoved):
            assert event.clock >= last
            last = event.clock
            key = (event.side, event.price)
            sizes[key] = sizes.get(key, 0) + event.delta
    assert {k: v for k, v in sizes.items() if v} == {(BID, 3_900): 300}
    assert floor.market.clock == last


def test_a_paused_market_keeps_orders_and_resuming_wipes_them(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    nervous = floor.place(floor.ann, BID, 4_100, 500, cancel_on_pause=True).order
    floor.venue.life.pause(floor.ticker, NOW)
    assert (mine.status, nervous.status) == (OrderStatus.RESTING, OrderStatus.CANCELED)
    floor.refused("market_inactive", lambda: floor.place(floor.ann, BID, 4_000, 100))
    floor.venue.life.resume(floor.ticker, NOW)
    assert (mine.status, mine.reason) == (OrderStatus.CANCELED, "HaltCancel")


def test_a_trading_pause_permits_cancels_only(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    floor.venue.life.pause_trading(NOW)
    floor.refused("trading_is_paused", lambda: floor.place(floor.ann, BID, 4_000, 100))
    floor.refused("trading_is_paused", lambda: amend(floor, mine, 4_100, 500))
    floor.venue.cancel(floor.ann, mine.order_id, NOW)


def test_markets_close_at_their_time_and_cancel_what_rests(floor: Floor) -> None:
    mine = floor.place(floor.ann, BID, 4_000, 500).order
    floor.venue.advance(floor.market.close_ns)
    assert (floor.market.status, mine.status) == (MarketStatus.CLOSED, OrderStatus.RESTING)
    floor.refused("market_inactive", lambda: floor.venue.cancel(floor.ann, mine.order_id, floor.market.close_ns))
    floor.venue.advance(floor.market.close_ns + S)
    assert (floor.market.status, mine.reason) == (MarketStatus.CLOSED, "CloseCancel")
    late = floor.market.close_ns
    floor.refused("market_inactive", lambda: floor.place(floor.ann, BID, 4_000, 100, at=late))
