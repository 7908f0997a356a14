"""Answers to questions of a person: what an order would do and which gates it meets, and why a market is traded or not.

Plain values for the console, like the snapshot, but made only when asked for. Nothing here changes anything.
"""

from __future__ import annotations

from core.domain.amounts import NO_MONEY, Count, Money, Price
from core.domain.enums import BookSide, Origin
from core.domain.ids import ClientOrderId, Ticker
from core.trading.snapshot import Part


class Piece(Part, frozen=True, kw_only=True):
    """A part of a bug bundle: its file name, what it is in words, its bytes."""

    name: str
    words: str
    data: bytes


class GateView(Part, frozen=True, kw_only=True):
    """One check: what it looks at (`value`) beside what it allows (`limit`); `text` is its no, "" when it passes."""

    name: str
    value: str
    limit: str
    text: str = ""

    @property
    def passed(self) -> bool:
        return not self.text


class OrderPreview(Part, frozen=True, kw_only=True):
    """What an order (or a change, or the end of one) would do at this moment.

    `takes` contracts trade at once against others at `takes_average` on average, `rests` wait at `price` behind at
    most `ahead` contracts. `holds` is the collateral it needs beyond what is held already, fees are estimates:
    `taker_fee` of what trades at once, `maker_fee` should all the rest fill as maker. `worst_loss` is what this order
    alone can lose after both fees. `refusal` is the first gate's no in words, "" when it would be sent now; `notes`
    are warnings that refuse nothing. Positions are signed, YES above zero.
    """

    act: str
    ticker: Ticker
    title: str
    side: BookSide
    price: Price
    count: Count
    takes: Count = Count(0)
    takes_average: Price | None = None
    rests: Count = Count(0)
    ahead: Count = Count(0)
    holds: Money = NO_MONEY
    taker_fee: Money = NO_MONEY
    maker_fee: Money = NO_MONEY
    worst_loss: Money = NO_MONEY
    position: Count = Count(0)
    position_after: Count = Count(0)
    lease_s: int = 0
    client_order_id: ClientOrderId | None = None
    notes: tuple[str, ...] = ()
    gates: tuple[GateView, ...] = ()
    refusal: str = ""


class QuoteView(Part, frozen=True, kw_only=True):
    """What the strategy would like to have resting on one side now, and what of its own rests there."""

    side: BookSide
    wished: Price | None
    count: Count
    resting: tuple[str, ...] = ()
    gates: tuple[GateView, ...] = ()


class DecisionView(Part, frozen=True, kw_only=True):
    """One decision of the strategy at wall time `at`, also when it wished nothing. `digest` stands for everything it
    was made from, `said` is the policy's word, `gate` what changed or held it ("": nothing), `result` what came.
    `wrong` names the features the policy held for: out of their range, or of a book too old.
    """

    ticker: Ticker
    at: int
    digest: str
    said: str
    wishes: tuple[str, ...] = ()
    gate: str = ""
    result: str = ""
    took_us: int = 0
    wrong: str = ""


class Explanation(Part, frozen=True, kw_only=True):
    """Why this market is or is not traded at this moment, gate by gate. `verdict` is the whole in one sentence."""

    ticker: Ticker
    title: str
    verdict: str
    gates: tuple[GateView, ...]
    quotes: tuple[QuoteView, ...] = ()
    own_orders: tuple[tuple[str, Origin], ...] = ()
    decisions: tuple[DecisionView, ...] = ()


class ParameterView(Part, frozen=True, kw_only=True):
    """One parameter of the running strategy, amounts as people write them."""

    name: str
    value: str
    low: str
    high: str
    unit: str
    text: str


class StrategyReport(Part, frozen=True, kw_only=True):
    """The strategy at this moment. `off` says why it is not asked ("": it is); `memory` has the bytes it keeps of each
    market, `decisions` the last ones of all markets, newest first.
    """

    name: str
    text: str = ""
    off: str = ""
    made: int = 0
    dropped: int = 0
    parameters: tuple[ParameterView, ...] = ()
    memory: tuple[tuple[Ticker, int], ...] = ()
    decisions: tuple[DecisionView, ...] = ()
