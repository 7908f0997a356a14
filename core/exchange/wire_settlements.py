"""REST bodies of settlements: what markets paid to this account. Pure."""

from __future__ import annotations

import msgspec

from core.domain.amounts import Count, Money
from core.domain.errors import RefusedInput
from core.domain.ids import Ticker
from core.domain.reports import SettlementReport
from core.exchange import wire
from core.exchange.wire_rest import Page, Wire, cursor

CENT = 10_000
_MOST_CENTS = 10**12


class SettlementsPage(Page, frozen=True):
    rows: list[SettlementReport]


class _Settlement(Wire, frozen=True):
    ticker: str
    yes_count_fp: str
    no_count_fp: str
    settled_time: str
    revenue: int


class _Settlements(Wire, frozen=True):
    settlements: list[_Settlement]
    cursor: str | None = None


_SETTLEMENTS = msgspec.json.Decoder(_Settlements)


def settlements(body: bytes) -> SettlementsPage:
    page = wire.decode(_SETTLEMENTS, body, "settlements")
    return SettlementsPage(cursor=cursor(page.cursor), rows=[_settlement(row) for row in page.settlements])


def _settlement(row: _Settlement) -> SettlementReport:
    """`revenue` is the payout in cents: "rounded down to whole cents", so it is exact, which `value` is not."""
    if not 0 <= row.revenue <= _MOST_CENTS:
        raise RefusedInput("revenue: out of range")
    return SettlementReport(
        ticker=Ticker(wire.identifier(row.ticker, "ticker")),
        position=Count(wire.count(row.yes_count_fp, "yes_count_fp") - wire.count(row.no_count_fp, "no_count_fp")),
        paid=Money(row.revenue * CENT),
        settled_ms=wire.time_ms(row.settled_time, "settled_time"),
    )
