"""Company: what keeps a world of the size that counts: makers who renew their ladders, a person who trades.

Participants and strategy make most of it by themselves, but how much hangs on the seed and on what its faults stop.
Where they fall behind an even pace they are joined, so that no world is too small and none is much larger than it must
be. It looks at the exchange's own counts and takes the roads that anybody takes.
"""

from __future__ import annotations

from core.domain.amounts import NO_PRICE, Price, contracts
from core.domain.commands import PlaceOrder
from core.domain.enums import BookSide, PriceRule, TimeInForce
from core.lab.stage import Stage
from core.lab.steps import rest
from core.lab.truth import Truth

CHANGES, ORDERS = 2_100, 64  # of a world, a little more than counts
ORDERS_BY = 0.6  # of its time: faults that stop trading for good come after it
RENEWALS, WISHES = 4, 3  # at one look
SIDES = tuple(BookSide)
BARGAINS = {BookSide.BID: Price(100), BookSide.ASK: Price(9_900)}
LADDER = 30  # changes that a renewal brings, about


class Company:
    """Looked at every few seconds of a world that lasts `seconds`."""

    def __init__(self, stage: Stage, truth: Truth, seconds: int) -> None:
        self._stage = stage
        self._truth = truth
        self._seconds = seconds
        self._turn = 0

    def look(self, at_s: float) -> None:
        """Join in where there is less than there should be by now."""
        part = at_s / self._seconds
        behind = round(CHANGES * part) - self._truth.book_changes
        for _ in range(min(RENEWALS, -(-behind // LADDER))):
            self._turn += 1
            self._stage.act("renew", rank=self._turn % len(self._stage.server.venue.markets))
        lacking = round(ORDERS * min(1, part / ORDERS_BY)) - self._stage.auditor.seen["orders"]
        for _ in range(min(WISHES, lacking)):
            self._turn += 1
            self._trade(self._turn)

    def _trade(self, turn: int) -> None:
        """A person tries for a contract, at the best price or at a bargain, and now and then lets an order rest."""
        stage, side = self._stage, SIDES[turn % 2]
        if turn % 5 == 0:
            rest(stage)
            return
        bargain = turn % 3 == 0
        wish = PlaceOrder(
            ticker=stage.quoted(),
            side=side,
            count=contracts(1),
            price=BARGAINS[side] if bargain else NO_PRICE,
            rule=None if bargain else PriceRule.JOIN,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            command_id=stage.number(),
        )
        stage.submit(wish)
