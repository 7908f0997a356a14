"""How fast observing, deciding and an environment's step are, beside their floors, and what limits them.

`pytest -m long -n 0 -s tests/strategy/bench_minds.py`. Figures are told; only ratios within one run are judged.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable

import numpy as np
import pytest

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.domain.events import TradePrinted
from core.domain.ids import Ticker, TradeId
from core.lab.arena import Arena, Terms
from core.market.view import Markets
from core.mind.learned import Learned
from core.mind.network import from_flat, weights_count
from core.mind.observation import SIZE, LiveObservationAdapter, Window
from core.strategy.plain import Randomly
from core.strategy.view import market_view
from tests.core.builders import book, market

pytestmark = pytest.mark.long
MARKETS, HIDDEN = 50, 16


def best_us(act: Callable[[], object], times: int = 200) -> float:
    """The least time of many: what the machine's other work adds is not ours."""
    least = float("inf")
    for _ in range(times):
        begun = time.perf_counter_ns()
        act()
        least = min(least, time.perf_counter_ns() - begun)
    return least / 1_000


def lively() -> Markets:
    """Fifty markets of ten levels a side and twenty prints within the minute."""
    markets = Markets()
    tickers = [f"KX-{n}" for n in range(MARKETS)]
    markets.learn(tuple(market(ticker) for ticker in tickers))
    for ticker in tickers:
        bids = [(4_500 - 100 * k, 1_000 + k) for k in range(10)]
        asks = [(4_700 + 100 * k, 1_000 + k) for k in range(10)]
        markets.apply(book(ticker, bids=bids, asks=asks), 1)
        for k in range(20):
            markets.apply(
                TradePrinted(ticker=Ticker(ticker), trade_id=TradeId(str(k)), price=Price(4_500), count=Count(100),
                             taker_side=BookSide.BID, exchange_ms=960_000 + k * 2_000), 1,
            )  # fmt: skip
    return markets


def test_fifty_markets_are_observed_and_one_decided() -> None:
    markets, adapter = lively(), LiveObservationAdapter()
    tickers = [Ticker(f"KX-{n}") for n in range(MARKETS)]
    network = from_flat(np.zeros(weights_count(HIDDEN), np.float32), HIDDEN)
    windows = [Window()] * MARKETS
    clock = [1_000_000]

    def views() -> list[object]:
        clock[0] += 300
        return [market_view(markets.get(t), now_ns=2, at_ms=clock[0]) for t in tickers]  # type: ignore[arg-type]

    def whole() -> None:
        nonlocal windows
        found = adapter.observe_many(views(), windows)  # type: ignore[arg-type]
        windows = [window for _observation, window in found]
        network.action(found[0][0].vector)

    def floor() -> object:
        return np.array([[0.5] * (SIZE // 4)] * MARKETS, dtype=np.float32)

    all_us, views_us, floor_us = best_us(whole), best_us(views), best_us(floor)
    policy = Learned(network=network)
    one = market_view(markets.get(tickers[0]), now_ns=2, at_ms=1)  # type: ignore[arg-type]
    one_us = best_us(lambda: policy.decide(one, Window()))
    print(
        f"\n50 markets observed, one decided: {all_us:.0f} us (views {views_us:.0f}, floor of the array {floor_us:.0f})"
    )
    print(f"one market observed and decided: {one_us:.0f} us")
    assert one_us * MARKETS > all_us * 0.5, "observing at once must not cost more than one by one"


def test_steps_of_the_environment_and_what_limits_them() -> None:
    arena, policy = Arena(Terms(seed=3, markets=1)), Randomly()
    for _ in range(50):
        arena.second(policy)
    begun = time.process_time_ns()
    for _ in range(500):
        arena.second(policy)
    step_us = (time.process_time_ns() - begun) / 500 / 1_000
    begun = time.process_time_ns()
    for _ in range(500):
        arena.pass_ms(1_000)
    venue_us = (time.process_time_ns() - begun) / 500 / 1_000
    print(f"\na step: {step_us:.0f} us, {1e6 / step_us:.0f} steps/s a core; of it the venue alone {venue_us:.0f} us")
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(300):
        arena.second(policy)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(14)
    assert step_us < venue_us * 3, "seeing, deciding and acting must not outweigh the venue twice over"
