"""What resting orders reserve: worked out when asked for, beside the same sum worked out from nothing each time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Money, dollars
from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.accounts import Account
from core.sim.errors import Refused
from core.sim.fees import TAKER_RATE, FeeRule, trade_fee
from core.sim.model import MAKER, Amendment, Order
from tests.sim.support import NOW, bare_venue, member, wish

SIDES = list(BookSide)


@pytest.mark.parametrize("cash", [4, 12, 100_000])
def test_what_is_reserved_is_what_the_orders_need_after_every_command(cash: int) -> None:
    """Poor members are refused by the exact sum, rich ones by none; either way the proof of all money holds."""
    chance, venue = Random(cash), bare_venue(3)
    accounts = [member(venue, cash) for _ in range(3)]
    tickers, orders, refused = list(venue.markets)[:2], [], 0
    for number in range(600):
        now = NOW + number
        try:
            resting = [o for o in orders if o.status is OrderStatus.RESTING]
            if resting and chance.random() < 0.35:
                _change(venue, chance, chance.choice(resting), now)
            else:
                orders.append(_new(venue, chance, chance.choice(accounts), chance.choice(tickers), now))
        except Refused as refusal:
            refused += "insufficient_balance" in str(refusal)
        if chance.random() < 0.5:
            venue.check_conservation()
    venue.check_conservation()
    assert all(account.available >= 0 for account in accounts)
    assert bool(refused) == (cash < 100) and sum(o.filled > 0 for o in orders) > 20


def _new(venue: object, chance: Random, account: object, ticker: str, now: int) -> Order:
    more = {"self_trade": MAKER} if chance.random() < 0.7 else {}
    if chance.random() < 0.2:
        more["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
    wanted = wish(ticker, chance.choice(SIDES), chance.randrange(44, 57) * 100, chance.randint(1, 900), **more)
    return venue.place(account, wanted, now).order  # type: ignore[attr-defined,no-any-return]


def _change(venue: object, chance: Random, order: Order, now: int) -> None:
    kind = chance.randrange(3)
    if kind == 0:
        venue.cancel(order.account, order.order_id, now)  # type: ignore[attr-defined]
    elif kind == 1:
        venue.decrease(order.account, order.order_id, chance.randint(1, order.remaining), None, now)  # type: ignore[attr-defined]
    else:
        price, count = chance.randrange(44, 57) * 100, order.filled + chance.randint(1, 900)
        wanted = Amendment(ticker=order.market.ticker, side=order.side, price=price, count=count)  # type: ignore[arg-type]
        venue.amend(order.account, order.order_id, wanted, now)  # type: ignore[attr-defined]


@given(
    kind=st.sampled_from(sorted(TAKER_RATE)),
    multiplier=st.integers(0, 100_000),
    price=st.integers(1, 9_999),
    count=st.integers(1, 10**7),
    side=st.sampled_from(SIDES),
    taker=st.booleans(),
)
def test_the_quick_yes_is_never_wrong_about_the_fee(
    kind: str, multiplier: int, price: int, count: int, side: BookSide, taker: bool
) -> None:
    full = (price if side is BookSide.BID else 10_000 - price) * count
    fee = trade_fee(FeeRule(kind, multiplier), is_taker=taker, price=price, count=count)
    assert not Account("short of one", Money(full + fee - 1)).can_surely_pay(full, multiplier)
    assert Account("rich", dollars(10**9)).can_surely_pay(full, multiplier)


def test_a_member_without_a_spare_cent_may_still_close_and_replace() -> None:
    """The quick answer is only ever yes: where money is short the exact sum decides."""
    venue = bare_venue(1)
    ann, bob = member(venue, 10), venue.open_account(dollars(1000), house=True)
    ticker = next(iter(venue.markets))
    venue.place(bob, wish(ticker, BookSide.ASK, 4_900, 2_000), NOW)
    venue.place(ann, wish(ticker, BookSide.BID, 4_900, 1_900), NOW)
    rest = venue.place(ann, wish(ticker, BookSide.ASK, 6_000, 1_900), NOW).order
    assert ann.reserved == 0 and ann.available < dollars(1)
    amendment = Amendment(ticker=ticker, side=BookSide.ASK, price=5_900, count=1_900)  # type: ignore[arg-type]
    venue.amend(ann, rest.order_id, amendment, NOW)
    with pytest.raises(Refused, match="insufficient_balance"):
        venue.place(ann, wish(ticker, BookSide.ASK, 6_100, 300), NOW)
    venue.check_conservation()
