"""What the venue checks before it takes an order or an amendment: plain functions that pass or raise `Refused`.

Nothing is changed here. The order of the checks is the order in which a client sees its mistakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.amounts import ONE_DOLLAR
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim.accounts import Account, closable
from core.sim.errors import refusal
from core.sim.fees import trade_fee
from core.sim.grid import VALID
from core.sim.model import Amendment, Market, NewOrder, Order

if TYPE_CHECKING:
    from core.sim.venue import Venue

BID = BookSide.BID
GOOD_TILL_CANCELED, ACTIVE = TimeInForce.GOOD_TILL_CANCELED, MarketStatus.ACTIVE
CLIENT_ID_LENGTH = 64
MOST_RESTING = 200_000  # open orders per user


def trading(venue: Venue, ticker: str) -> Market:
    """The market, if orders may be placed or amended in it now."""
    market = venue.markets.get(ticker)
    if market is None:
        raise refusal("not_found", "market not found")
    if not venue.exchange_active:
        raise refusal("exchange_is_paused")
    if not venue.trading_active:
        raise refusal("trading_is_paused")
    if market.status is not ACTIVE or venue.now_ns >= market.close_ns:
        raise refusal("market_inactive")
    return market


def cancelable(venue: Venue, market: Market) -> None:
    """During a trading pause cancels work; during an exchange pause and after the close nothing does."""
    if not venue.exchange_active:
        raise refusal("exchange_is_paused")
    if market.status not in (MarketStatus.ACTIVE, MarketStatus.INACTIVE) or venue.now_ns >= market.close_ns:
        raise refusal("market_inactive")


def live_order(account: Account, order_id: str) -> Order:
    """Cancel of an order already canceled, executed or unknown: 404."""
    order = account.orders.get(order_id)
    if order is None or order.status is not OrderStatus.RESTING:
        raise refusal("not_found")
    return order


def wish(venue: Venue, account: Account, market: Market, wanted: NewOrder) -> None:
    if wanted.price not in VALID[market.structure]:
        raise refusal("invalid_price")
    if wanted.count <= 0:
        raise refusal("invalid_order_size")
    if account.house:
        return
    tif = wanted.time_in_force
    if wanted.expiration_ns and wanted.expiration_ns <= venue.now_ns:
        raise refusal("invalid_order", "Expiration timestamp must be in the future")
    if wanted.expiration_ns and tif is not GOOD_TILL_CANCELED:
        raise refusal("invalid_order", f"Cannot specify both {tif.value} and expiration_ts")
    if wanted.post_only and tif is not GOOD_TILL_CANCELED:
        raise refusal("invalid_order", f"Cannot specify both {tif.value} and post_only")
    if wanted.reduce_only and tif is not TimeInForce.IMMEDIATE_OR_CANCEL:
        raise refusal("invalid_order", "reduce_only requires immediate_or_cancel")
    if wanted.client_order_id:
        if len(wanted.client_order_id) > CLIENT_ID_LENGTH:
            raise refusal("invalid_order", "client_order_id is too long")
        if wanted.client_order_id in account.client_ids and not venue.repeats(account, wanted.client_order_id):
            raise refusal("order_already_exists")
    if account.collateral.orders >= MOST_RESTING:
        raise refusal("invalid_order", "too many open orders")


def funds(venue: Venue, order: Order, instead_of: Order | None = None) -> None:
    """The worst this order could cost must be there: collateral beyond what it closes, and its fee."""
    account, market = order.account, order.market
    if account.house:
        return
    rule = market.fee(venue.now_ns)
    unit = order.price if order.side is BID else ONE_DOLLAR - order.price
    if account.can_surely_pay(unit * order.remaining, rule.multiplier):
        return
    back = 0
    if order.time_in_force is not GOOD_TILL_CANCELED:
        back = (ONE_DOLLAR - unit) * closable(account.quantity(market.ticker), order.side, order.remaining)
    takes = market.book.against(order.side).within(order.price)
    fee = trade_fee(rule, is_taker=takes, price=order.price, count=order.remaining)
    if not account.can_pay(order, back, fee, instead_of):
        raise refusal("insufficient_balance")


def amendment(venue: Venue, account: Account, order: Order, wanted: Amendment) -> None:
    if wanted.ticker != order.market.ticker:
        raise refusal("order_ticker_mismatch")
    if wanted.side is not order.side:
        raise refusal("order_side_mismatch")
    if wanted.client_order_id and wanted.client_order_id != order.client_order_id:
        raise refusal("order_id_and_client_order_id_mismatch")
    if not order.market.takes(wanted.price):
        raise refusal("invalid_price")
    if wanted.count <= 0 or wanted.count < order.filled:
        raise refusal("invalid_order_size", "INVALID_AMEND_QTY_FOR_ORDER")
    if wanted.expiration_ns and wanted.expiration_ns <= venue.now_ns:
        raise refusal("invalid_order", "Expiration timestamp must be in the future")
    if len(wanted.updated_client_order_id) > CLIENT_ID_LENGTH:
        raise refusal("invalid_order", "updated_client_order_id is too long")
    renamed = wanted.updated_client_order_id
    if renamed and renamed != order.client_order_id and renamed in account.client_ids:
        raise refusal("order_already_exists")


def amended_cross(order: Order, price: int) -> None:
    """An amend may take liquidity, but neither as post-only nor against an order of the same account."""
    for other in order.market.book.against(order.side).crossing(price):
        if order.post_only:
            raise refusal("invalid_order", "post only cross")
        if other.account is order.account:
            raise refusal("invalid_order", "SELF_CROSS_ATTEMPT")
