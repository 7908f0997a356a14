"""Property: whatever members do, no money is made or lost and nothing rests crossed."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.audit import check_conservation
from core.sim.errors import Refused
from core.sim.model import MAKER, TAKER_AT_CROSS, Amendment
from tests.sim.support import NOW, bare_venue, member, wish

PRICES = st.integers(1, 99).map(lambda cents: cents * 100)
COUNTS = st.one_of(st.integers(1, 50).map(lambda n: n * 100), st.integers(1, 5_000))
SIDES = st.sampled_from(list(BookSide))
PLACE = st.fixed_dictionaries(
    {
        "who": st.integers(0, 2),
        "market": st.integers(0, 5),
        "side": SIDES,
        "price": PRICES,
        "count": COUNTS,
        "time_in_force": st.sampled_from([TimeInForce.GOOD_TILL_CANCELED] * 3 + list(TimeInForce)),
        "self_trade": st.sampled_from([MAKER, TAKER_AT_CROSS]),
        "post_only": st.booleans(),
    }
)
OTHER = st.tuples(
    st.sampled_from(["cancel", "amend", "decrease", "all"]), st.integers(0, 2), st.integers(0, 40), PRICES, COUNTS
)


def _place(venue: Any, members: Any, tickers: Any, step: Any, now: int) -> None:
    more = {k: step[k] for k in ("time_in_force", "self_trade", "post_only")}
    order = wish(tickers[step["market"]], step["side"], step["price"], step["count"], **more)
    venue.place(members[step["who"]], order, now)


def _other(venue: Any, members: Any, step: Any, now: int) -> None:
    kind, who, which, price, count = step
    account = members[who]
    orders = list(account.orders.values())
    if kind == "all" and which % 10 == 0:
        venue.cancel_all(account, now)
    elif orders:
        order = orders[which % len(orders)]
        if kind == "cancel":
            venue.cancel(account, order.order_id, now)
        elif kind == "decrease":
            venue.decrease(account, order.order_id, count, None, now)
        elif kind == "amend":
            change = Amendment(
                ticker=order.market.ticker,
                side=order.side,
                price=price,
                count=order.filled + count,  # type: ignore
            )
            venue.amend(account, order.order_id, change, now)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PLACE, OTHER), max_size=80))
def test_no_money_is_made_or_lost_and_books_never_cross(steps: list[Any]) -> None:
    venue = bare_venue()
    tickers = list(venue.markets)[3:9]
    members = [member(venue, cash) for cash in (20, 50, 1_000)]
    for number, step in enumerate(steps):
        now = NOW + number
        try:
            if isinstance(step, dict):
                _place(venue, members, tickers, step, now)
            else:
                _other(venue, members, step, now)
        except Refused as refused:
            assert refused.status in (400, 404, 409)
        check_conservation(venue)
    for market in venue.markets.values():
        bid, ask = market.book.bids.best, market.book.asks.best
        assert bid is None or ask is None or bid < ask
    for account in members:
        # Collateral is prepaid; only fees of resting orders may eat into what is left, never more than they are.
        assert account.available >= -account.fees
        for order in account.orders.values():
            assert (order.status is OrderStatus.RESTING) == (order.remaining > 0)
            assert order.filled + order.remaining <= order.count
