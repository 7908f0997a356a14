"""The market browser: every market of the exchange under its event, or in one list by a figure.

Best prices of watched markets come from their books. All others are as the exchange listed them, dim, with the age of
that list; they are never shown as if they were live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.amounts import Count, Price, count_text, price_text
from core.domain.enums import DECIDED, MarketStatus
from core.domain.ids import EventTicker, Ticker
from core.domain.market import MarketInfo, MarketListing
from core.trading.snapshot import BookView
from tui.view_models.ages import SECOND_NS, age_text, book_stale, stream_word, wall_age, wall_now
from tui.view_models.cells import UNKNOWN, Cell, Column, Line, Row, columns_for, fit, number, table_head, table_line
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled

MARKET_FILTERS = ("all", "open", "watched")
MARKET_SORTS = ("event", "volume", "spread", "close", "name")
EVENT = "event:"
HOLD_SECONDS = 2

COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("BOOK", 6, right=False),
    Column("BID", 6),
    Column("ASK", 6),
    Column("SPREAD", 6),
    Column("LAST", 6, room=84),
    Column("VOL 24H", 11),
    Column("OPEN INT", 11, room=100),
    Column("STATUS", 11, right=False, room=72),
    Column("CLOSES", 6, room=92),
    Column("TITLE", 44, right=False, room=150),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is listed, in order: row keys, the markets by ticker, and the markets of each event."""

    keys: tuple[str, ...]
    infos: dict[str, MarketInfo]
    events: dict[EventTicker, tuple[MarketInfo, ...]]


def _spread(info: MarketInfo) -> int:
    """Width of the listed market; one-sided ones are the widest."""
    if info.best_bid is None or info.best_ask is None or info.status is not MarketStatus.ACTIVE:
        return 1 << 30
    return info.best_ask - info.best_bid


def find(markets: Sequence[MarketInfo], look: Look, watched: frozenset[Ticker]) -> Found:
    """Search, filter and order."""
    kept = [info for info in markets if _kept(info, look, watched)]
    events: dict[EventTicker, list[MarketInfo]] = {}
    for info in kept:
        events.setdefault(info.event_ticker, []).append(info)
    if look.sort == "event":
        traded = {event: sum(info.volume_24h for info in infos) for event, infos in events.items()}
        keys: list[str] = []
        for event in sorted(events, key=lambda event: (-traded[event], event)):
            keys.append(EVENT + event)
            keys += [info.ticker for info in sorted(events[event], key=lambda info: info.ticker)]
    else:
        ranks = {
            "volume": lambda info: (-info.volume_24h, info.ticker),
            "spread": lambda info: (_spread(info), info.ticker),
            "close": lambda info: (info.close_ms <= 0, info.close_ms, info.ticker),
        }
        keys = [info.ticker for info in sorted(kept, key=ranks.get(look.sort, lambda info: (info.ticker,)))]
    return Found(
        tuple(keys),
        {info.ticker: info for info in kept},
        {event: tuple(infos) for event, infos in events.items()},
    )


def _kept(info: MarketInfo, look: Look, watched: frozenset[Ticker]) -> bool:
    if look.filter == "open" and info.status is not MarketStatus.ACTIVE:
        return False
    if look.filter == "watched" and info.ticker not in watched:
        return False
    return look.wants(info.ticker, info.title)


class Browser:
    """Finds anew at most every two seconds unless the choice changes, so that rows hold still under the finger."""

    def __init__(self) -> None:
        self._stamp: tuple[object, ...] = ()
        self._found = Found((), {}, {})

    def __call__(self, look: Look) -> Listing:
        listing = look.outside.markets()
        watched = frozenset(book.ticker for book in look.snapshot.books)
        stamp = (
            listing.read_at, len(listing.markets), look.query, look.filter, look.sort, watched,
            look.frame.now_ns // (HOLD_SECONDS * SECOND_NS),
        )  # fmt: skip
        if stamp != self._stamp:
            self._stamp, self._found = stamp, find(listing.markets, look, watched)
        return _listing(look, listing, self._found, len(watched))


def _listing(look: Look, listing: MarketListing, found: Found, watched: int) -> Listing:
    snapshot, now_ns = look.snapshot, look.frame.now_ns
    longest = max((len(ticker) for ticker in found.infos), default=0) + 2
    columns = columns_for(COLUMNS, look.width, longest)
    books = {book.ticker: book for book in snapshot.books}
    age = age_text(wall_age(snapshot, now_ns, listing.read_at))
    indent = "  " if look.sort == "event" else ""

    def row(index: int) -> Row:
        key = found.keys[index]
        if key.startswith(EVENT):
            return _event_row(key, found.events[EventTicker(key.removeprefix(EVENT))], look.width)
        return _market_row(found.infos[key], books.get(Ticker(key)), look, columns, indent)

    def record(key: str) -> tuple[Line, ...]:
        if key.startswith(EVENT):
            infos = found.events[EventTicker(key.removeprefix(EVENT))]
            return record_lines([("event", key.removeprefix(EVENT)), *((i.ticker, i.title) for i in infos)])
        return _record(found.infos[key], books.get(Ticker(key)), look, age)

    if not listing.read_at:
        return Listing(titled("Markets", look, plain="all"), "not read yet", ((("not read yet", "stale"),),))
    shown = len(found.infos)
    nothing: Line = (("no market fits; esc clears the search", "dim"),)
    return Listing(
        title=titled("Markets", look, plain="all"),
        badge=f"{shown} markets, {len(found.events)} events · {watched} watched · listed {age} ago",
        head=(table_head(columns),) if shown else (nothing,),
        keys=found.keys,
        row=row,
        foot=(_foot(listing, age),),
        record=record,
    )


def _foot(listing: MarketListing, age: str) -> Line:
    return ((f"live: watched markets, from their books; all others dim, as listed {age} ago (R reads again)", "dim"),)


def _event_row(key: str, infos: tuple[MarketInfo, ...], width: int) -> Row:
    event = key.removeprefix(EVENT)
    traded = count_text(Count(sum(info.volume_24h for info in infos)))
    words = f"{event}  {len(infos)} market{'s' if len(infos) > 1 else ''}, {traded} traded in 24 h"
    return Row(key, ((fit(words, width), "head"),), words)


def _quote(info: MarketInfo, book: BookView | None) -> tuple[Price | None, Price | None, Price | None]:
    """Bid, ask and last price; a market that is not open has no bid and no ask, whatever stood there last."""
    last = info.last_price if book is None else book.last_price
    if info.status is not MarketStatus.ACTIVE:
        return None, None, last
    if book is None:
        return info.best_bid, info.best_ask, last
    return book.bids[0][0] if book.bids else None, book.asks[0][0] if book.asks else None, last


def status_words(info: MarketInfo) -> str:
    """The status; of a decided market what one YES contract pays, or paid."""
    if info.status not in DECIDED or info.settlement_value is None:
        return info.status.value
    verb = "paid" if info.status is MarketStatus.FINALIZED else "pays"
    return f"{verb} {price_text(info.settlement_value)}"


def _price(price: Price | None) -> str:
    return UNKNOWN if price is None else price_text(price, fine=bool(price % 100))


def _book_cell(info: MarketInfo, book: BookView | None, look: Look) -> Cell:
    """`live` or `quoted`, `quiet` or `STALE` where its road is, or nothing for a market that is not watched."""
    if book is None:
        return ("", "")
    if info.status is not MarketStatus.ACTIVE:
        return ("over", "dim")
    stale = book_stale(book, look.snapshot.feed, look.snapshot, look.frame.now_ns)
    if stale:
        return ("STALE", "stale")
    if stream_word(look.snapshot.feed, look.frame.now_ns):
        return ("quiet", "warn")
    return ("quoted", "own") if book.quoted else ("live", "ok")


def _market_row(
    info: MarketInfo, book: BookView | None, look: Look, columns: Sequence[tuple[int, Column]], indent: str
) -> Row:
    bid, ask, last = _quote(info, book)
    word, word_role = _book_cell(info, book, look)
    role = "dim" if book is None or word == "STALE" else ""
    gap = _price(Price(ask - bid)) if bid is not None and ask is not None else UNKNOWN
    closes = _closes(info, look)
    open_now = info.status is MarketStatus.ACTIVE
    cells: list[Cell] = [
        (indent + info.ticker, "" if open_now else "dim"),
        (word, word_role),
        (_price(bid), role or "bid"),
        (_price(ask), role or "ask"),
        (gap, role),
        (_price(last), role),
        (count_text(info.volume_24h), "dim"),
        (count_text(info.open_interest), "dim"),
        (status_words(info), "" if open_now else "warn"),
        (closes, "dim"),
        (info.title, "dim"),
    ]
    copy = " ".join(f"{column.title}={text}" for column, (text, _) in zip(COLUMNS, cells, strict=True) if text.strip())
    return Row(info.ticker, table_line(columns, cells), copy)


def _closes(info: MarketInfo, look: Look) -> str:
    """Time to the close, or that it is past."""
    if info.close_ms <= 0:
        return UNKNOWN
    left = info.close_ms * 1_000_000 - wall_now(look.snapshot, look.frame.now_ns)
    return "past" if left <= 0 else age_text(left)


def _record(info: MarketInfo, book: BookView | None, look: Look, age: str) -> tuple[Line, ...]:
    bid, ask, last = _quote(info, book)
    source = f"as listed {age} ago"
    if book is not None:
        stale = book_stale(book, look.snapshot.feed, look.snapshot, look.frame.now_ns)
        moved = age_text(look.frame.now_ns - book.updated_ns if book.updated_ns else None)
        source = f"book, {'STALE: ' + stale if stale else 'live'}, last change {moved} ago"
    steps = ", ".join(f"{_price(b.start)} to {_price(b.end)} by {price_text(b.step, fine=True)}" for b in info.bands)
    fees = info.fees
    rates = f"taker {number(str(fees.taker_rate), 1)}, maker {fees.maker_rate} of 10,000" if fees else "not told"
    return record_lines(
        [
            ("market", info.ticker),
            ("title", info.title),
            ("event", info.event_ticker + (" (one of its markets pays)" if info.mutually_exclusive else "")),
            ("series", info.series_ticker),
            ("status", info.status.value),
            ("result", status_words(info) + " a YES contract" if info.settlement_value is not None else "none yet"),
            ("bid / ask / last", f"{_price(bid)} / {_price(ask)} / {_price(last)}"),
            ("prices from", source),
            ("volume 24 h", f"{count_text(info.volume_24h)} contracts, as listed {age} ago"),
            ("open interest", f"{count_text(info.open_interest)} contracts, as listed {age} ago"),
            ("closes in", _closes(info, look)),
            ("price steps", steps),
            ("fee rates", rates),
        ]
    )


markets_listing = Browser()
