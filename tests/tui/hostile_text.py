"""Ten thousand strings nobody would write and somebody may send: control bytes, terminal commands, markup, bidi marks,
wide and combining characters, enormous ones. Seeded; and snapshots in which every text is one of them.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

import console_builders as b
import msgspec

from core.domain.amounts import contracts
from core.domain.enums import MarketStatus, OrderState
from core.domain.ids import ClientOrderId, EventTicker, OrderId, SeriesTicker, Ticker
from core.domain.market import MarketListing
from core.trading.snapshot import ActivityView, ComponentView, ErrorView, LatencyView, TraderSnapshot

COUNT = 10_000
PIECES = (
    "\x1b[31m", "\x1b[2J", "\x1b[?1049l", "\x1b]0;own\x07", "\x1b]52;c;ZXZpbA==\x07", "\x1b]8;;http://x\x1b\\",
    "\x1bP+q\x1b\\", "\x1bc", "\x1b", "\x9b31m", "\x9d0;x\x9c", "\x90q\x9c", "\x85", "\x00", "\x07", "\x08",
    "\r", "\n", "\t", "\x0b", "\x7f",
    "\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u2028", "\u00ad", "\ue000", "\U000e0041", "\ud800", "\uffff",
    "[red]", "[/b]", "[@click=app.quit]x[/]", "[", "]", "\\[", "%s", "{0}", "$(id)",
    "漢字", "한", "\U0001f9e8", "\U0001f469\u200d\U0001f467", "a\u0301\u0302\u0303", "ﷺ", "\U0001242b", "Ω",
    "0.55", "KXHIGHNY-26JAN04-B40", "  ", "YES",
)  # fmt: skip
# What a terminal could obey or be misled by.
FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def strings(count: int = COUNT, seed: int = 1) -> Iterator[str]:
    """Short and long ones, each of several pieces; one in five hundred is enormous."""
    chance = random.Random(seed)
    for number in range(count):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 6)))
        yield (text * 200)[:20_000] if number % 500 == 0 else text


def harmful(text: str) -> str:
    """The first character of `text` that must not reach a terminal, as its code; "" when there is none."""
    if text.isprintable():  # the same question, asked quickly
        return ""
    return next((f"U+{ord(ch):04X}" for ch in text if unicodedata.category(ch) in FORBIDDEN), "")


def pictures(texts: Iterator[str], rows: int = 100) -> Iterator[tuple[TraderSnapshot, MarketListing]]:
    """Snapshots and lists of markets that use up the strings, `rows` to every table."""
    base = b.snapshot()
    while True:
        batch = [text for _, text in zip(range(rows), texts, strict=False)]
        if not batch:
            return
        yield _picture(base, batch), _listing(batch)


def _picture(base: TraderSnapshot, batch: list[str]) -> TraderSnapshot:
    first, count = batch[0], len(batch)
    latency = tuple(LatencyView(call=text, replies=1, p50_us=1, p99_us=2) for text in batch[:20])
    gauges = msgspec.structs.replace(base.feed.gauges, latency=latency, last_error=first)
    return msgspec.structs.replace(
        base,
        identity=b.identity(account=first, exchange=first, strategy=first, log_file=first, host=first),
        state=b.state(label=first, reason=first, waiting_for=first, permission_reason=first, procedure=first),
        breaker=b.breaker(tripped=True, reason=first, value=first, limit=first, tripped_at=b.ago(9),
                          events=tuple((b.ago(i), text) for i, text in enumerate(batch))),
        limits=tuple(b.LimitView(name=t, used=1, limit=2, used_text=t, limit_text=t) for t in batch[:5]),
        books=tuple(b.book(Ticker(t), title=t, untrusted_reason=t, status=t, trusted=False) for t in batch[:2]),
        positions=tuple(b.position(Ticker(t), 3 - i % 7, mark_basis=t) for i, t in enumerate(batch)),
        orders=tuple(
            b.order(i, ticker=Ticker(t), reason=t, order_id=OrderId(t), client_order_id=ClientOrderId(t),
                    state=OrderState.IN_DOUBT) for i, t in enumerate(batch)
        ),
        finished_orders=(),
        activity=tuple(ActivityView(at=b.ago(count - i), kind=t, text=t, status=t) for i, t in enumerate(batch)),
        errors=tuple(ErrorView(at=b.ago(i), severity="error", error=t, context=t, recovery=t)
                     for i, t in enumerate(batch[:40])),
        components=tuple(ComponentView(name=t, status=t, detail=t, last_ns=None) for t in batch[:20]),
        actions=(b.action(1, first, "failed", first),),
        alarm=first,
        liquidation=tuple(msgspec.structs.replace(b.plan()[0], ticker=Ticker(t), note=t) for t in batch),
        feed=b.feed(gauges=gauges),
    )  # fmt: skip


def _listing(batch: list[str]) -> MarketListing:
    return MarketListing(
        markets=tuple(
            b.market(i, ticker=Ticker(t), event_ticker=EventTicker(t), series_ticker=SeriesTicker(t), title=t,
                     status=MarketStatus.ACTIVE, volume_24h=contracts(i)) for i, t in enumerate(batch)
        ),
        read_at=b.ago(5),
    )  # fmt: skip


# What the console itself sends: styles, cursor, modes, queries, its own pointer shape. Nothing else may be there.
_OURS = re.compile(r"\x1b\[[0-9;?<>=$]*[mHJKhlupcntq]|\x1b\]22;\w*\x07|\x1bP=[12]s\x1b\\")


def left_over(output: str) -> str:
    """The first thing in a terminal's output that is neither a sequence of ours nor plain text; "" when all is."""
    rest = _OURS.sub("", output).replace("\r", "").replace("\n", "")
    at = next((i for i, ch in enumerate(rest) if unicodedata.category(ch) in FORBIDDEN), None)
    return "" if at is None else ascii(rest[max(at - 30, 0) : at + 30])
