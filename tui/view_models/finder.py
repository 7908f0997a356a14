"""Finding a market by words of its ticker or title: watched ones first, then the most traded."""

from __future__ import annotations

from core.domain.amounts import COUNT_SCALE, price_text
from core.domain.enums import MarketStatus
from core.domain.ids import Ticker
from core.domain.market import MarketInfo, MarketListing
from tui.view_models.cells import UNKNOWN, Column, Line, columns_for, table_head, table_line

COLUMNS = (
    Column("", 2, right=False),
    Column("MARKET", 0, right=False),
    Column("BID", 6),
    Column("ASK", 6),
    Column("VOLUME", 9),
    Column("STATUS", 8, right=False, room=64),
    Column("TITLE", 34, right=False, room=76),
)


def found_markets(listing: MarketListing, watched: frozenset[Ticker], query: str) -> list[MarketInfo]:
    """Markets that have every word of `query`, in upper or lower case."""
    words = query.lower().split()
    hits = [
        info
        for info in listing.markets
        if all(word in info.ticker.lower() or word in info.title.lower() for word in words)
    ]
    return sorted(hits, key=lambda info: (info.ticker not in watched, -info.volume_24h, info.ticker))


def finder_lines(
    found: list[MarketInfo], watched: frozenset[Ticker], chosen: int, width: int, rows: int
) -> tuple[Line, list[Line]]:
    """The head, and at most `rows` lines around the chosen market; prices and volume as they were listed."""
    columns = columns_for(COLUMNS, width, max((len(info.ticker) for info in found), default=0))
    top = min(max(chosen - rows + 1, 0), max(len(found) - rows, 0))
    lines: list[Line] = []
    for index, info in enumerate(found[top : top + rows], start=top):
        is_open = info.status is MarketStatus.ACTIVE
        bid = price_text(info.best_bid) if info.best_bid and is_open else UNKNOWN
        ask = price_text(info.best_ask) if info.best_ask and is_open else UNKNOWN
        line = table_line(
            columns,
            [
                ("▸" if index == chosen else "", "key"),
                (info.ticker, "strong" if info.ticker in watched else ""),
                (bid, "bid"),
                (ask, "ask"),
                (f"{info.volume_24h // COUNT_SCALE:,}", "dim"),
                ("watched" if info.ticker in watched and is_open else info.status.value, "dim" if is_open else "warn"),
                (info.title, "dim"),
            ],
        )
        lines.append(
            tuple((text, f"{role}+cursor" if role else "cursor") for text, role in line) if index == chosen else line
        )
    return table_head(columns), lines
