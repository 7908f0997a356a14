"""The depth ladder: one static row per price of the market's own grid, own orders on their rows.

The window over the grid stays where it is until the middle of the market leaves its central half, and while a price is
pointed at it stays whatever the market does: no row moves under the finger. A market without a usable grid gets whole
cents.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from core.domain.amounts import COUNT_SCALE, Count, Price, count_text, price_text
from core.domain.enums import FINAL_ORDER_STATES, BookSide, OrderState, Ownership
from core.domain.ids import Ticker
from core.domain.market import PriceBand
from core.trading.snapshot import BookView
from tui.view_models.ages import age_text, book_stale, stream_word
from tui.view_models.cells import UNKNOWN, Block, Cell, Line, Row, cut, first_fitting, fit, number, packed
from tui.view_models.ticket import ticket_line
from tui.view_models.view_state import Frame, chosen_book

CENT = 100


@lru_cache(maxsize=64)
def grid(bands: tuple[PriceBand, ...]) -> tuple[Price, ...]:
    """Every price of the grid between 0 and 1 dollar, ascending and without repeats."""
    prices: set[int] = set()
    for band in bands:
        if band.step > 0:
            prices.update(range(band.start, min(band.end, 10_000) + 1, band.step))
    prices -= {0, 10_000}
    return tuple(Price(price) for price in sorted(prices)) or tuple(Price(p) for p in range(CENT, 10_000, CENT))


def is_fine(bands: tuple[PriceBand, ...]) -> bool:
    return any(band.step % CENT for band in bands)


def middle(book: BookView) -> Price | None:
    """The price the ladder is centred on: the mid, else the one best price, else the last trade."""
    if book.bids and book.asks:
        return Price((book.bids[0][0] + book.asks[0][0]) // 2)
    if book.bids or book.asks:
        return (book.bids or book.asks)[0][0]
    return book.last_price


def place_window(book: BookView, rows: int, top: int | None, *, recentre: bool = False) -> int:
    """Index (from the highest price) of the first row shown; the old one is kept while the middle is well inside."""
    prices = grid(book.bands)
    last = max(len(prices) - rows, 0)
    centre = middle(book)
    if centre is None:
        return min(top, last) if top is not None else last // 2
    index = len(prices) - 1 - min(bisect_left(prices, centre), len(prices) - 1)
    if top is not None and not recentre and top + rows // 4 <= index < top + rows - rows // 4 and top <= last:
        return top
    return min(max(index - rows // 2, 0), last)


@dataclass(frozen=True, slots=True)
class Own:
    """What of ours may still fill at a price, and the most that can stand before the last of it (None: not known)."""

    count: Count
    ahead: Count | None
    moving: bool = False
    doubt: bool = False


def own_at(frame: Frame, ticker: Ticker) -> dict[tuple[BookSide, Price], Own]:
    """Own open orders by side and price. Foreign orders are not ours to show here."""
    found: dict[tuple[BookSide, Price], Own] = {}
    moving = frame.view.ticket.moving
    for order in frame.snapshot.orders:
        if order.ticker != ticker or order.ownership is Ownership.FOREIGN:
            continue
        if order.state in FINAL_ORDER_STATES or order.remaining <= 0:
            continue
        old = found.get((order.side, order.price))
        aheads = [order.ahead, *([old.ahead] if old else [])]
        known = [ahead for ahead in aheads if ahead is not None]
        found[order.side, order.price] = Own(
            Count(order.remaining + (old.count if old else 0)),
            max(known) if len(known) == len(aheads) else None,
            order.client_order_id == moving or (old is not None and old.moving),
            order.state is OrderState.IN_DOUBT or (old is not None and old.doubt),
        )
    return found


def short_count(count: int, width: int, *, up: bool = False) -> str:
    """Contracts in at most `width` cells: whole digits where they fit, else thousands with `k`. What is cut away is
    rounded down, with `up` up: then the text is a bound from above.
    """

    def of(unit: int) -> int:
        return -(-count // unit) if up else count // unit

    for text in (count_text(Count(count)), f"{of(COUNT_SCALE)}"):
        if len(text) <= width:
            return text
    tenths, thousand = of(COUNT_SCALE * 100), COUNT_SCALE * 1_000
    for text in (f"{tenths // 10}.{tenths % 10}k", f"{of(thousand)}k", f"{of(thousand * 1_000)}M"):
        if len(text) <= width:
            return text
    return "#" * width


def own_text(own: Own | None, width: int, *, most: str = "≤") -> str:
    """`5≤87`: five of ours with at most 87 before them; `5?` while their fate is not known."""
    if own is None:
        return ""
    mine = short_count(own.count, width) + ("?" if own.doubt else "")
    room = width - len(mine) - len(most)
    if own.ahead is None or room < 1:
        return mine
    ahead = short_count(own.ahead, room, up=True)
    return mine if "#" in ahead else f"{mine}{most}{ahead}"


def ladder_block(frame: Frame, top: int, *, held: bool = False) -> Block:
    """The ladder of the chosen market from grid row `top`, `frame.rows` price rows; `held`: it does not follow."""
    snapshot, symbols = frame.snapshot, frame.symbols
    book = chosen_book(snapshot, frame.view.market)
    if book is None:
        return Block(title=(("1 Book", ""),), head=((("no market watched yet; / finds one", "dim"),),))
    stale = book_stale(book, snapshot.feed, snapshot, frame.now_ns)
    wide = frame.width >= 46
    own = own_at(frame, book.ticker)
    prices = grid(book.bands)
    shown = [prices[len(prices) - 1 - i] for i in range(top, min(top + frame.rows, len(prices)))]
    rows = tuple(_row(price, book, own, frame, stale=bool(stale), wide=wide) for price in shown)
    hidden = _hidden(own, shown, symbols.up, symbols.down)
    parts = [_where(book, shown, frame)] if held else []
    parts += [_position(frame, book)] if len(snapshot.books) > 1 and (wide or not held) else []
    return Block(
        title=(("1 ", ""), (book.ticker, "")),
        badge=" · ".join(part for part in parts if part),
        head=(_head(frame.width, wide, symbols.total),),
        rows=rows,
        foot=_foot(frame, book, stale, hidden),
    )


def _where(book: BookView, shown: list[Price], frame: Frame) -> str:
    """Where the market is when the window does not show it; it never moves by itself while a price is pointed at."""
    centre = middle(book)
    if centre is None or not shown:
        return "held"
    if centre > shown[0]:
        return f"{frame.symbols.up} market"
    return f"{frame.symbols.down} market" if centre < shown[-1] else "held"


def foot_lines(height: int) -> int:
    """Lines under the ladder by the height of its box."""
    return 3 if height < 16 else 5


def _position(frame: Frame, book: BookView) -> str:
    tickers = sorted(item.ticker for item in frame.snapshot.books)
    return f"[{tickers.index(book.ticker) + 1}/{len(tickers)}]"


def _widths(width: int, wide: bool) -> tuple[int, int, int, int]:
    """Cells for own, total, size and price; the rest is shared by the sizes."""
    price = 7
    own = 6 if width < 34 else 8 if wide else 7
    if not wide:
        return own, 0, (width - price - 2 * own - 4) // 2, price
    total = (width - price - 2 * own - 6) // 4
    return own, total, (width - price - 2 * own - 2 * total - 6) // 2, price


def _head(width: int, wide: bool, total_word: str) -> Line:
    own, total, size, price = _widths(width, wide)
    left = f"{'mine':>{own}} " + (f"{total_word:>{total}} " if wide else "") + f"{'bid':>{size}} "
    right = f" {'ask':>{size}}" + (f" {total_word:>{total}}" if wide else "") + f" {'mine':>{own}}"
    return ((left, "head"), (f"{'YES':>{price}}", "head"), (right, "head"))


def _total(levels: tuple[tuple[Price, Count], ...], price: Price, *, bids: bool) -> int:
    return sum(count for level, count in levels if (level >= price if bids else level <= price))


def _row(
    price: Price, book: BookView, own: dict[tuple[BookSide, Price], Own], frame: Frame, *, stale: bool, wide: bool
) -> Row:
    own_w, total_w, size_w, price_w = _widths(frame.width, wide)
    bid = next((count for level, count in book.bids if level == price), Count(0))
    ask = next((count for level, count in book.asks if level == price), Count(0))
    best_bid = book.bids[0][0] if book.bids else None
    best_ask = book.asks[0][0] if book.asks else None
    inside = best_bid is not None and best_ask is not None and best_bid < price < best_ask
    bid_role, ask_role = ("dim", "dim") if stale else ("bid", "ask")
    price_role = "dim" if stale or not (bid or ask) else "best" if price in (best_bid, best_ask) else ""
    cells: list[Cell] = [_own_cell(own.get((BookSide.BID, price)), own_w, frame.symbols.most)]
    gap = frame.symbols.middle if inside else ""
    if wide:
        total = _total(book.bids, price, bids=True) if bid else 0
        cells.append((" " + number(short_count(total, total_w) if total else "", total_w), "dim"))
    cells.append((" " + number(short_count(bid, size_w) if bid else gap, size_w), bid_role if bid else "dim"))
    shown = price_text(price, fine=is_fine(book.bands))
    pointed = frame.view.ticket.at(book.ticker) == price
    mark = frame.symbols.then if pointed else ""
    cells.append((" " + fit(mark + shown, price_w, right=True), "key" if pointed else price_role))
    cells.append((" " + number(short_count(ask, size_w) if ask else gap, size_w), ask_role if ask else "dim"))
    if wide:
        total = _total(book.asks, price, bids=False) if ask else 0
        cells.append((" " + number(short_count(total, total_w) if total else "", total_w), "dim"))
    text, role = _own_cell(own.get((BookSide.ASK, price)), own_w, frame.symbols.most)
    cells.append((" " + text, role))
    return Row(key=str(price), line=tuple(cells))


def _own_cell(own: Own | None, width: int, most: str) -> Cell:
    text = own_text(own, width, most=most)
    role = "" if own is None else "alarm" if own.doubt else "warn" if own.moving else "own"
    return fit(text, width, right=True), role


def _hidden(own: dict[tuple[BookSide, Price], Own], shown: list[Price], up: str, down: str) -> str:
    """Own prices outside the window, as `own ▲1 ▼2`."""
    if not shown:
        return ""
    above = sum(1 for _, price in own if price > shown[0])
    below = sum(1 for _, price in own if price < shown[-1])
    parts = ([f"{up}{above}"] if above else []) + ([f"{down}{below}"] if below else [])
    return "own " + " ".join(parts) if parts else ""


def _foot(frame: Frame, book: BookView, stale: str, hidden: str) -> tuple[Line, ...]:
    fine = is_fine(book.bands)
    dim = "dim" if stale else ""
    bid = price_text(book.bids[0][0], fine=fine) if book.bids else UNKNOWN
    ask = price_text(book.asks[0][0], fine=fine) if book.asks else UNKNOWN
    gap = UNKNOWN
    if book.bids and book.asks:
        gap = price_text(Price(book.asks[0][0] - book.bids[0][0]), fine=fine)
    best: Line = ((f"bid {bid}", dim or "bid"), ("  ", ""), (f"ask {ask}", dim or "ask"), (f"  spread {gap}", dim))
    short: Line = ((bid, dim or "bid"), ("/", "dim"), (ask, dim or "ask"), (f" spread {gap}", dim))
    last = UNKNOWN
    if book.last_price is not None:
        sign = {BookSide.BID: frame.symbols.up, BookSide.ASK: frame.symbols.down, None: ""}[book.last_side]
        last = f"{sign}{price_text(book.last_price, fine=fine)}"
        if book.last_count is not None:
            last += f"{frame.symbols.times}{count_text(book.last_count)}"
    age = age_text(frame.now_ns - book.updated_ns) if book.updated_ns > 0 else UNKNOWN
    quiet = _quiet(frame)
    status = f"STALE {stale}" if stale else quiet or book.status
    role = "stale" if stale else "warn" if quiet else "dim"
    age_line = cut(((f"age {age} ", "stale" if stale else "dim"), (status, role)), frame.width)
    own_line: Line = ((hidden, "own"),) if hidden else ()
    whole, oi = book.volume // COUNT_SCALE, book.open_interest // COUNT_SCALE
    volume: Line = ((f"vol {whole:,}", "dim"),)
    interest: Line = ((f"OI {oi:,}", "dim"),)
    traded: Line = ((f"last {last}", dim),)
    entry = ticket_line(frame.view.ticket, book.ticker, frame.width, fine=fine)
    if foot_lines(frame.height) == 3:
        first = packed((short, traded), frame.width, (" ", "")) or short
        rest = (age_line, own_line) if stale or quiet else (own_line, volume, interest, age_line[:1])
        return (first, packed(rest, frame.width), entry)
    return (
        first_fitting((best, short), frame.width),
        packed((traded, volume, interest), frame.width),
        packed((_imbalance(frame, book, stale), own_line), frame.width),
        packed((age_line, ((f"seq {book.seq}", "dim"),), ((book.title, "dim"),)), frame.width),
        entry,
    )


def _quiet(frame: Frame) -> str:
    """`stream quiet 6.2s` while nothing at all has come for longer than is normal."""
    feed = frame.snapshot.feed
    if stream_word(feed, frame.now_ns) != "quiet" or feed.last_message_ns is None:
        return ""
    return f"stream quiet {age_text(frame.now_ns - feed.last_message_ns)}"


def _imbalance(frame: Frame, book: BookView, stale: str) -> Line:
    """Share of the bid side in the five best levels."""
    bids = sum(count for _, count in book.bids[:5])
    asks = sum(count for _, count in book.asks[:5])
    if not bids + asks:
        return (("imbalance " + UNKNOWN, "dim"),)
    percent = 100 * bids // (bids + asks)
    filled = percent // 10
    bar = frame.symbols.full * filled
    rest = frame.symbols.empty * (10 - filled)
    return ((f"bid side {percent}% ", "dim" if stale else ""), (bar, "dim" if stale else "bid"), (rest, "dim"))
