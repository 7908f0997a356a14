"""Conservation: proof that the exchange neither makes nor loses money, from its own truth, at any moment.

Every deposited dollar is a balance, a reservation, collateral of an open pair or a fee; positions of each market sum to
zero; each account's cash follows from its deposits, costs, results and fees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.amounts import ONE_DOLLAR, Money
from core.domain.enums import BookSide
from core.sim.accounts import Account

if TYPE_CHECKING:
    from core.sim.venue import Venue


@dataclass(frozen=True, kw_only=True)
class Conservation:
    """Where all money is. `collateral` is the dollar behind each open pair of YES and NO."""

    deposits: Money
    balances: Money
    reserved: Money
    collateral: Money
    fees: Money


def check_conservation(venue: Venue) -> Conservation:
    """Totals of the whole exchange; AssertionError naming the rule that does not hold."""
    accounts = list(venue.accounts.values())
    found = Conservation(
        deposits=Money(sum(a.deposits for a in accounts)),
        balances=Money(sum(a.available for a in accounts)),
        reserved=Money(sum(a.reserved for a in accounts)),
        collateral=Money(sum(_pairs(venue).values()) * ONE_DOLLAR),
        fees=Money(venue.matcher.fees),
    )
    held = found.balances + found.reserved + found.collateral + found.fees
    assert found.deposits == held, f"deposits {found.deposits} are not what is held {held}: {found}"
    assert found.fees == sum(a.fees for a in accounts), "fees taken are not fees paid"
    for account in accounts:
        _check_account(account)
    return found


def _pairs(venue: Venue) -> dict[str, int]:
    """Open contracts per market; as many NO as YES."""
    pairs: dict[str, int] = {}
    for ticker, market in venue.markets.items():
        quantities = [a.positions[ticker].quantity for a in venue.accounts.values() if ticker in a.positions]
        assert sum(quantities) == 0, f"{ticker}: positions sum to {sum(quantities)}"
        pairs[ticker] = sum(q for q in quantities if q > 0)
        assert pairs[ticker] == market.open_interest, f"{ticker}: open interest is wrong"
    return pairs


def _check_account(account: Account) -> None:
    costs = sum(p.cost for p in account.positions.values())
    results = sum(p.realized for p in account.positions.values())
    fees = sum(p.fees for p in account.positions.values())
    assert account.fees == fees, f"{account.user_id}: fees of positions are not the account's"
    expected = account.deposits - costs + results - fees
    assert account.cash == expected, f"{account.user_id}: cash {account.cash}, expected {expected}"
    for position in account.positions.values():
        assert position.quantity or not position.cost, "a flat position has no cost"
        assert position.cost >= 0, "a position cost less than nothing"
    if not account.house:
        reserves = sum(
            account.reserve_for(t, side, [(o.price, o.unit_cost, int(o.remaining)) for o in account.resting(t, side)])
            for t in {o.market.ticker for o in account.all_resting()}
            for side in BookSide
        )
        assert reserves == account.reserved, f"{account.user_id}: reserved {account.reserved}, needs {reserves}"
