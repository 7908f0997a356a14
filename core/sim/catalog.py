"""What the simulated exchange lists: series, events and markets, seeded, with dates that follow its clock.

Default: twelve markets in three events. More markets repeat the themes on later dates. Histories from before the start
(volume, open interest) are made up so that a client can rank activity; the busiest market is truly the busiest.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from core.domain.amounts import Price, contracts
from core.sim.fees import FeeRule
from core.sim.model import Event, Market, Series
from core.sim.text import NS

DAY_NS = 86_400 * NS
NO_STRIKE = -1
_NAMES = uuid.UUID("6f1c7a52-2a6b-4a53-9d0e-5b1f6f0c8a11")


class Outcome(msgspec.Struct, frozen=True):
    suffix: str
    text: str
    anchor: int  # ten-thousandths of a dollar
    strike: int = NO_STRIKE


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """One series and the event it repeats."""

    series: str
    name: str
    category: str
    frequency: str
    tag: str
    fee: FeeRule
    structure: str
    title: str  # with {day}
    question: str  # with {outcome} and {day}
    days: int  # until the event closes
    outcomes: tuple[Outcome, ...]
    exclusive: bool = False  # at most one outcome comes true, so that the anchors add up to a dollar


THEMES: tuple[Theme, ...] = (
    Theme(
        series="KXHIGHNY",
        name="Highest temperature in New York City",
        category="Climate and Weather",
        frequency="daily",
        tag="Daily temperature",
        fee=FeeRule("quadratic", 1000),
        structure="linear_cent",
        title="Highest temperature in NYC on {day} 🌡️",
        question="Will the high temperature in NYC be {outcome} on {day}?",
        days=3,
        outcomes=(
            Outcome("T54", "54° or above", 7_400, 54),
            Outcome("T57", "57° or above", 5_200, 57),
            Outcome("T60", "60° or above", 3_300, 60),
            Outcome("T63", "63° or above", 1_500, 63),
        ),
    ),
    Theme(
        series="KXFEDDECISION",
        name="Fed meeting",
        category="Economics",
        frequency="monthly",
        tag="Fed",
        fee=FeeRule("quadratic_with_maker_fees", 1000),
        structure="tapered_deci_cent",
        title="Fed decision by {day}",
        question="Will the Federal Reserve announce {outcome} by {day}?",
        days=21,
        outcomes=(
            Outcome("H0", "no change", 5_900),
            Outcome("C25", "a cut of 25 bps", 3_100),
            Outcome("C26", "a cut of more than 25 bps", 600),
            Outcome("H25", "a hike of 25 bps", 400),
        ),
        exclusive=True,
    ),
    Theme(
        series="KXLALIGAGAME",
        name="La Liga game",
        category="Sports",
        frequency="custom",
        tag="Soccer",
        fee=FeeRule("quadratic_with_maker_fees", 1000),
        structure="linear_cent",
        title="Atlético Madrid vs Málaga CF ⚽ on {day}",
        question="{outcome} on {day}?",
        days=5,
        outcomes=(
            Outcome("ATM", "Atlético Madrid wins", 5_600),
            Outcome("TIE", "The game ends in a tie", 2_500),
            Outcome("MAL", "Málaga CF wins", 1_900),
            Outcome("O25", "More than 2.5 goals are scored", 4_700),
        ),
    ),
    Theme(
        series="KXINX",
        name="S&P 500 close",
        category="Financials",
        frequency="daily",
        tag="S&P",
        fee=FeeRule("quadratic", 500),
        structure="center_whole_edge_half_cent",
        title="S&P 500 close on {day}",
        question="Will the S&P 500 close {outcome} on {day}?",
        days=2,
        outcomes=(
            Outcome("T6700", "above 6,700", 6_600, 6_700),
            Outcome("T6750", "above 6,750", 4_800, 6_750),
            Outcome("T6800", "above 6,800", 2_900, 6_800),
            Outcome("T6850", "above 6,850", 1_200, 6_850),
        ),
    ),
    Theme(
        series="KXCPIYOY",
        name="Inflation, year on year",
        category="Economics",
        frequency="monthly",
        tag="Inflation",
        fee=FeeRule("quadratic_with_maker_fees", 1000),
        structure="deci_cent",
        title="CPI year on year, report of {day}",
        question="Will CPI inflation be {outcome} in the report of {day}?",
        days=16,
        outcomes=(
            Outcome("T27", "above 2.7%", 8_100, 27),
            Outcome("T28", "above 2.8%", 5_900, 28),
            Outcome("T29", "above 2.9%", 3_600, 29),
            Outcome("T30", "above 3.0%", 1_400, 30),
        ),
    ),
    Theme(
        series="KXRAINSEA",
        name="Rain in Seattle",
        category="Climate and Weather",
        frequency="daily",
        tag="Rain",
        fee=FeeRule("quadratic", 1000),
        structure="linear_cent",
        title="Rain in Seattle on {day} 🌧️",
        question="Will it rain {outcome} in Seattle on {day}?",
        days=2,
        outcomes=(
            Outcome("ANY", "at all", 6_300),
            Outcome("H25", "a quarter inch or more", 3_800),
            Outcome("H50", "half an inch or more", 2_100),
            Outcome("H99", "an inch or more", 900),
        ),
    ),
    # Listed texts come from anywhere: control characters, marks of direction, markup and length must be harmless.
    Theme(
        series="KXODDNAMES",
        name="Names \x1b[31mred\x1b[0m [bold]not bold[/bold] \u202etfel ot thgir\u202c",
        category="Entertainment",
        frequency="custom",
        tag="Odd\u200b names",
        fee=FeeRule("quadratic", 0),
        structure="center_half_edge_deci_cent",
        title="\x1b]0;owned\x07Best \"title\" \\ of {day}\r\n<b>&amp;</b> 'x' -- \x00\x9b2J",
        question="Will {outcome} win on {day}?",
        days=4,
        outcomes=(
            Outcome("A1", "[link=http://example.invalid]Zoë 👩‍👩‍👧‍👦[/link]", 6_200),
            Outcome("B2", "\u202eesrever\u202c\u2066\u2069", 4_400),
            Outcome("C3", "long " * 200, 2_300),
            Outcome("D4", "\x1b[2J\x1b[H\u0085\u2028line", 1_100),
        ),
    ),
)


class Catalog(msgspec.Struct):
    """What is listed, and how each theme goes on."""

    series: list[Series]
    events: list[Event]
    turns: dict[str, int]
    chance: Random
    start_ns: int
    listed: int

    def following(self, event: Event, now_ns: int) -> Event | None:
        """The event that takes the place of one that has closed, as lively as it was."""
        theme = next((t for t in THEMES if t.series == event.series.ticker), None)
        if theme is None:
            return None
        self.turns[theme.series] += 1
        made = _event(theme, event.series, self.turns[theme.series], self.start_ns)
        by_suffix = {market.ticker.rpartition("-")[2]: market for market in event.markets}
        for outcome in theme.outcomes:
            before = by_suffix.get(outcome.suffix)
            if before is None:
                continue
            market = _market(theme, made, outcome, self.listed, now_ns, self.chance)
            self.listed += 1
            market.activity, market.alive = before.activity, before.alive
            market.open_ns = market.created_ns = now_ns
            made.markets.append(market)
        return made


def build_catalog(seed: int, markets: int, now_ns: int, alive: int | None = None) -> Catalog:
    """`markets` markets spread over events of at most four, in a fixed order; the `alive` busiest are traded."""
    chance = Random(f"catalog:{seed}")
    series: dict[str, Series] = {}
    turns: dict[str, int] = {}
    events: list[Event] = []
    listed: list[Market] = []
    while len(listed) < markets:
        turn, which = divmod(len(events), len(THEMES))
        theme = THEMES[which]
        turns[theme.series] = turn
        one = series.setdefault(theme.series, _series(theme))
        event = _event(theme, one, turn, now_ns)
        for outcome in theme.outcomes[: markets - len(listed)]:
            market = _market(theme, event, outcome, len(listed), now_ns, chance)
            event.markets.append(market)
            listed.append(market)
        events.append(event)
    _rank(listed, chance)
    for market in listed:
        market.alive = alive is None or market.activity < alive
    return Catalog(list(series.values()), events, turns, chance, now_ns, len(listed))


def _series(theme: Theme) -> Series:
    return Series(
        ticker=theme.series,
        title=theme.name,
        category=theme.category,
        frequency=theme.frequency,
        tags=(theme.tag,),
        fee=theme.fee,
    )


def _event(theme: Theme, series: Series, turn: int, now_ns: int) -> Event:
    start = datetime.fromtimestamp(now_ns // NS, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    close = start + timedelta(days=theme.days * (turn + 1) + 1, hours=4)
    day = close.strftime("%b %-d, %Y")
    return Event(
        ticker=f"{theme.series}-{close.strftime('%y%b%d').upper()}",
        series=series,
        title=theme.title.format(day=day),
        sub_title=day,
        strike_ns=int(close.timestamp()) * NS,
        markets=[],
        mutually_exclusive=theme.exclusive,
    )


def _market(theme: Theme, event: Event, outcome: Outcome, index: int, now_ns: int, chance: Random) -> Market:
    anchor = Price(outcome.anchor)
    ticker = f"{event.ticker}-{outcome.suffix}"
    question = theme.question.format(outcome=outcome.text, day=event.sub_title)
    opened = (now_ns // NS - chance.randint(1, 6) * 86_400 - chance.randint(0, 3_600)) * NS
    return Market(
        index=index,
        ticker=ticker,
        market_id=str(uuid.uuid5(_NAMES, ticker)),
        event=event,
        title=question,
        outcome=outcome.text,
        rules=f"If this comes true, the market resolves to Yes: {question}",
        structure=theme.structure,
        strike=outcome.strike,
        activity=0,
        anchor=anchor,
        created_ns=opened - DAY_NS,
        open_ns=opened,
        close_ns=event.strike_ns,
        updated_ns=now_ns,
        base_volume=contracts(0),
        base_volume_24h=contracts(0),
        base_open_interest=contracts(0),
        previous_price=Price(anchor // 100 * 100 + 100 * chance.randint(-1, 1)),
        last_price=Price(anchor // 100 * 100),
    )


def _rank(listed: list[Market], chance: Random) -> None:
    """Markets near even odds are the busiest; each rank has clearly less behind it than the one before."""
    order = sorted(listed, key=lambda m: abs(m.anchor - 5_000) + chance.randint(0, 900))
    for rank, market in enumerate(order):
        day = 240_000 * 3 // (rank * 2 + 3) + chance.randint(0, 400)
        market.activity = rank
        market.base_volume_24h = contracts(day)
        market.base_volume = contracts(day * chance.randint(2, 5) + chance.randint(0, 500))
        market.base_open_interest = contracts(day // 3 + chance.randint(0, 200))
