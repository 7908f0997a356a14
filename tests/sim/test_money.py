"""Fees and money: every fee type, waivers and overrides, the rounding of both kinds of member, collateral, netting."""

from typing import Any

import pytest

from core.domain.amounts import dollars
from core.domain.enums import BookSide
from core.sim.audit import check_conservation
from core.sim.fees import CENT_PRECISION, DIRECT_PRECISION, FeeRule, trade_fee
from tests.sim.support import NOW, bare_venue, member, wish

BID, ASK = BookSide.BID, BookSide.ASK


@pytest.mark.parametrize(
    ("fee_type", "multiplier", "taker", "maker"),
    [
        ("quadratic", 1_000, 1_750_000, 0),
        ("quadratic_with_maker_fees", 1_000, 1_750_000, 437_500),
        ("quadratic_with_combo_maker_fees", 1_000, 1_750_000, 875_000),
        ("quadratic", 500, 875_000, 0),
        ("quadratic", 0, 0, 0),
        ("flat", 1_000, 0, 0),
    ],
)
def test_a_hundred_contracts_at_even_odds(fee_type: str, multiplier: int, taker: int, maker: int) -> None:
    rule = FeeRule(fee_type, multiplier)
    assert trade_fee(rule, is_taker=True, price=5_000, count=10_000) == taker
    assert trade_fee(rule, is_taker=False, price=5_000, count=10_000) == maker


@pytest.mark.parametrize(("price", "fee"), [(5_200, 17_500), (9_900, 700)])
def test_a_direct_member_pays_what_was_recorded(price: int, fee: int) -> None:
    assert trade_fee(FeeRule(), is_taker=True, price=price, count=100) == fee


def test_a_cent_members_balance_stays_in_whole_cents() -> None:
    venue = bare_venue()
    market = next(m for m in venue.markets.values() if m.structure == "tapered_deci_cent")
    cent = venue.open_account(dollars(100), precision=CENT_PRECISION)
    direct = member(venue)
    for price, count in ((550, 100), (550, 300), (5_500, 137), (9_450, 71), (770, 250)):
        venue.place(direct, wish(market.ticker, ASK, price, count), NOW)
        venue.place(cent, wish(market.ticker, BID, price, count), NOW)
        assert cent.cash % CENT_PRECISION == 0
        assert direct.cash % DIRECT_PRECISION == 0
    check_conservation(venue)


def test_yes_and_no_of_a_market_net() -> None:
    venue = bare_venue()
    ann, bob = member(venue), member(venue)
    ticker = next(iter(venue.markets))
    venue.place(bob, wish(ticker, ASK, 4_000, 1_000), NOW)
    venue.place(ann, wish(ticker, BID, 4_000, 1_000), NOW)
    cash = ann.cash
    venue.place(bob, wish(ticker, BID, 4_000, 400), NOW)
    venue.place(ann, wish(ticker, ASK, 4_000, 400), NOW)
    assert ann.quantity(ticker) == 600
    assert ann.cash == cash + 4_000 * 400 - ann.fees + _first_fee(ann), "the pair's dollar comes back at once"
    check_conservation(venue)


def _first_fee(account: Any) -> int:
    return int(account.fills[0].fee)


def test_two_buyers_mint_and_two_sellers_redeem() -> None:
    venue = bare_venue()
    ann, bob = member(venue), member(venue)
    market = next(iter(venue.markets.values()))
    venue.place(ann, wish(market.ticker, BID, 6_000, 500), NOW)
    venue.place(bob, wish(market.ticker, ASK, 6_000, 500), NOW)
    assert market.open_interest == 500
    carl = member(venue)
    venue.place(carl, wish(market.ticker, BID, 6_000, 500), NOW)
    venue.place(ann, wish(market.ticker, ASK, 6_000, 500), NOW)
    assert market.open_interest == 500, "a transfer makes no contracts"
    venue.place(carl, wish(market.ticker, ASK, 5_000, 500), NOW)
    venue.place(bob, wish(market.ticker, BID, 5_000, 500), NOW)
    assert market.open_interest == 0
    check_conservation(venue)


def test_collateral_covers_the_best_priced_orders_first() -> None:
    venue = bare_venue()
    ann, bob = member(venue), member(venue)
    ticker = next(iter(venue.markets))
    venue.place(bob, wish(ticker, ASK, 4_000, 1_000), NOW)
    venue.place(ann, wish(ticker, BID, 4_000, 1_000), NOW)
    orders = [venue.place(ann, wish(ticker, ASK, price, 600), NOW).order for price in (8_000, 6_000, 7_000)]
    # 600 at 0.60 and 400 of those at 0.70 are covered by the position.
    assert ann.reserved == 200 * 3_000 + 600 * 2_000
    venue.cancel(ann, orders[1].order_id, NOW)
    assert ann.reserved == 200 * 2_000
    venue.decrease(ann, orders[0].order_id, 200, None, NOW)
    assert ann.reserved == 0
    check_conservation(venue)


def test_money_from_outside_is_part_of_the_sum() -> None:
    venue = bare_venue()
    ann = member(venue)
    venue.transfer(ann, dollars(50), NOW)
    assert (ann.cash, ann.deposits) == (dollars(1_050), dollars(1_050))
    venue.place(ann, wish(next(iter(venue.markets)), BID, 5_000, 200_000), NOW)
    with pytest.raises(Exception, match="insufficient_balance"):
        venue.transfer(ann, dollars(-51), NOW)
    check_conservation(venue)
