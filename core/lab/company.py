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
from core.lab.truth import Truth

CHANGES, ORDERS = 2_080, 66  # of a world, a little more than counts
ORDERS_BY = 0.5  # of its time: what stops trading for good comes after it
RENEWALS, WISHES = 4, 4  # at one look
SIDES = tuple(BookSide)
BARGAINS = {BookSide.BID: Price(300), BookSide.ASK: Price(9_700)}
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
        """A person takes a contract, tries for one at the best price, or for a bargain; nothing of it stays."""
        stage, side = self._stage, SIDES[turn % 2]
        rule = (PriceRule.CROSS, PriceRule.JOIN, None)[turn % 3]
        wish = PlaceOrder(
            ticker=stage.quoted(),
            side=side,
            count=contracts(1),
            price=NO_PRICE if rule else BARGAINS[side],
            rule=rule,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            command_id=stage.number(),
        )
        stage.submit(wish)
