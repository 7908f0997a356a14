"""What the console's screens are made of: watched markets, the list of markets, past days, the curve, memory."""

from __future__ import annotations

from itertools import pairwise

from core.domain.amounts import contracts, dollars
from core.domain.commands import ReadMarkets, UnwatchMarket, WatchMarket
from core.domain.effects import WatchMarkets
from core.domain.ids import Ticker
from core.surroundings import memory_kib
from core.trading.day import DAY_NS, DayLedger
from core.trading.equity import CURVE_KEPT, NS, EquityTracker
from tests.core.builders import Bench, market
from tests.core.test_lifecycle import holding, result

OTHER = Ticker("KX-OTHER")


def watching() -> Bench:
    """Quotes one market; another one is known."""
    bench = Bench(quote_markets=1)
    bench.markets = (market(volume_24h=contracts(9)), market(OTHER, volume_24h=contracts(1)))
    return bench.up()


def test_a_market_watched_for_the_eye_can_be_let_go_again() -> None:
    bench = watching()
    bench.step(WatchMarket(ticker=OTHER, command_id=1))
    assert OTHER in bench.desk.markets.watched
    bench.step(UnwatchMarket(ticker=OTHER, command_id=2))
    assert OTHER not in bench.desk.markets.watched
    asked = [effect.tickers for effect in bench.effects if isinstance(effect, WatchMarkets)]
    assert OTHER in asked[-2] and OTHER not in asked[-1], "the stream's subscription follows"


def test_a_market_that_is_needed_is_not_let_go() -> None:
    bench = watching()
    quoted = bench.engine.actor.quoted[0]
    bench.step(UnwatchMarket(ticker=quoted, command_id=1))
    assert result(bench, 1) == f"refused: {quoted} is quoted by the strategy: its book is needed"
    bench.step(UnwatchMarket(ticker=OTHER, command_id=2))
    assert result(bench, 2) == f"refused: {OTHER} is not watched"
    held = holding(500)
    ticker = held.desk.positions.open()[0].ticker
    held.engine.actor.quoted = ()
    held.step(UnwatchMarket(ticker=ticker, command_id=3))
    assert "a position" in result(held, 3)


def test_the_list_of_markets_is_read_again_when_asked_and_has_its_time() -> None:
    bench = watching()
    first = bench.desk.markets.listed_at
    assert first > 0
    bench.beat(seconds=6)
    bench.step(ReadMarkets(command_id=1))
    bench.beat(times=3)
    assert result(bench, 1) == "done: reading the list of markets"
    assert bench.desk.markets.listed_at > first


def test_no_list_is_read_while_not_connected() -> None:
    bench = watching()
    bench.desk.links.client_up = False
    bench.step(ReadMarkets(command_id=1))
    assert result(bench, 1) == "refused: not connected"


def test_past_days_are_kept_with_what_was_booked_on_them() -> None:
    ledger = DayLedger()
    assert ledger.days() == ()
    ledger.fill_booked(DAY_NS + 5, contracts(3), 1_000_000, 20_000)
    ledger.order_placed(DAY_NS + 6)
    ledger.turn(3 * DAY_NS)
    ledger.turn(4 * DAY_NS)
    first, today = ledger.days()
    assert (first.at, first.fills, first.placed, first.realized, first.fees) == (DAY_NS, 1, 1, 1_000_000, 20_000)
    assert (today.at, today.fills) == (4 * DAY_NS, 0), "a day on which nothing happened is not a row"


def test_the_curve_begins_at_the_start_however_long_it_runs() -> None:
    tracker = EquityTracker()
    for second in range(5 * CURVE_KEPT):
        tracker.note(dollars(second), (1_000 + second) * NS)
    times = [at for at, _ in tracker.curve]
    assert times[0] == 1_000 * NS
    assert CURVE_KEPT // 2 < len(times) <= CURVE_KEPT
    assert len({later - sooner for sooner, later in pairwise(times)}) == 1, "at even distances"


def test_memory_of_this_process_is_told() -> None:
    found = memory_kib()
    assert found is None or found > 10_000
