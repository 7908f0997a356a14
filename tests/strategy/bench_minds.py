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
        found = [adapter.observe(view, window) for view, window in zip(views(), windows, strict=True)]  # type: ignore[arg-type]
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
    assert all_us < 30 * floor_us, "the aim is 1 ms where the floor is 0.05"


def least_us(act: Callable[[], object], times: int = 100, blocks: int = 20) -> float:
    """The processor's time of one call, over the best block of many calls that all differ."""
    least = float("inf")
    for _ in range(blocks):
        begun = time.process_time_ns()
        for _ in range(times):
            act()
        least = min(least, (time.process_time_ns() - begun) / times)
    return least / 1_000


@pytest.mark.parametrize("light", [False, True], ids=["whole crowd", "light crowd"])
def test_steps_of_the_environment_and_what_limits_them(light: bool) -> None:
    """A step: a virtual second with a venue order, an observation and the shipped network's decision of one market."""
    arena, policy = Arena(Terms(seed=3, markets=1, light=light)), Learned()
    orders, without = arena.venue.counters, 0
    for _ in range(200):
        before = orders.order
        arena.second(policy)
        without += orders.order == before
    assert not light or not without, "somebody trades in every second"
    step_us = least_us(lambda: arena.second(policy))
    venue_us = least_us(lambda: arena.pass_ms(1_000))
    print(
        f"\na step: {step_us:.0f} us, {1e6 / step_us:.0f} steps/s a core; of it the venue alone {venue_us:.0f} us; "
        f"{without} of 200 steps without an order"
    )
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(300):
        arena.second(policy)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(14)
    assert step_us < venue_us * 3, "seeing, deciding and acting must not outweigh the venue twice over"
