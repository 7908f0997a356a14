"""The observation: the same bits live, in a replay and in training; what is wrong with it makes a policy hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Settings
from core.domain.amounts import Count, Money, Price, contracts, dollars
from core.domain.enums import BookSide
from core.domain.errors import BadInput
from core.domain.events import BookChanged, BookReplaced, TradePrinted
from core.domain.ids import Ticker
from core.lab import learning
from core.lab.arena import Arena, Terms
from core.lab.eye import Eye
from core.lab.story import Scene, play
from core.market.view import Markets
from core.mind.learned import SHIPPED, Learned
from core.mind.network import from_flat, load, save, weights_count
from core.mind.observation import FEATURES, HISTORY, NAMES, SIZE, WIDTH, LiveObservationAdapter, Window, spec_digest
from core.sim.events import Traded
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.strategy.maker import MarketMaker
from core.strategy.view import market_view
from tests.core.builders import Bench
from tests.core.builders import T as TICKER
from tests.faults.support import key
from tests.strategy.test_policies import view

ADAPTER = LiveObservationAdapter()


def network(seed: int = 1, hidden: int = 8) -> Any:
    flat = np.random.default_rng(seed).standard_normal(weights_count(hidden)).astype(np.float32)
    return from_flat(flat, hidden, {"seed": seed})


class Watcher(Strategy):
    """The maker, with every view it saw and the vector made of it."""

    name = "watcher"

    def __init__(self) -> None:
        super().__init__()
        self.maker = MarketMaker()
        self.seen: list[tuple[MarketView, bytes]] = []
        self.clock: Callable[[], int] = int
        self.when: list[int] = []

    def begin(self, ticker: Ticker) -> Any:
        return (Window(), self.maker.begin(ticker))

    def decide(self, view: MarketView, memory: Any) -> Decision:
        observation, window = ADAPTER.observe(view, memory[0])
        self.seen.append((view, observation.vector.tobytes()))
        self.when.append(self.clock())
        decision = self.maker.decide(view, memory[1])
        return Decision(quotes=decision.quotes, said="watching", memory=(window, decision.memory))


def test_the_spec_is_documented_has_ranges_and_a_digest_that_is_its_own() -> None:
    assert len(set(NAMES)) == WIDTH
    assert SIZE == HISTORY * WIDTH
    assert all(feature.text and feature.low < feature.high for feature in FEATURES)
    assert spec_digest() == "9c63a98eea142038", "another meaning of a vector needs another VERSION, and models anew"


def test_live_replay_and_training_make_the_same_bits() -> None:
    """A live session's facts, stepped again by a fresh engine, and seen by the training side's own eye."""
    live = Watcher()
    facts: list[tuple[Any, int]] = []
    live.clock = lambda: len(facts)

    def prepare(scene: Scene) -> None:
        def watch(trader: Any = scene.trader) -> None:
            engine = trader.engine
            engine.actor.strategy = live
            step = engine.step

            def stepping(item: Any, now_ns: int) -> Any:
                facts.append((item, now_ns))
                return step(item, now_ns)

            engine.step = stepping

        assemble = scene.trader._assemble

        async def assembled() -> Any:
            coordinator = await assemble()
            watch()
            return coordinator

        scene.trader._assemble = assembled  # type: ignore[method-assign]

    settings = Settings(simulated_markets=4, quote_markets=2)
    played = play(settings, (), seconds=8, key_pem=key(), seed=3, prepare=prepare)
    assert not played.violations
    assert len(live.seen) > 20
    assert len({vector for _view, vector in live.seen}) > 20, "vectors that never change prove nothing"
    assert any(view.position for view, _vector in live.seen)

    replayed = Watcher()
    _replay(played.scene, facts, replayed)
    assert [vector for _view, vector in replayed.seen] == [vector for _view, vector in live.seen]

    again = _training_side(facts, [view for view, _vector in live.seen], live.when)
    assert again == [vector for _view, vector in live.seen]


def _replay(scene: Scene, facts: list[tuple[Any, int]], strategy: Watcher) -> None:
    """A fresh desk and engine, the same settings, the same inputs at the same times."""
    from core.engine.engine import Engine
    from core.strategy.actor import ActorService
    from core.trading.desk import Desk

    desk = Desk(scene.desk.settings, frozenset(), 0)
    engine = Engine(desk, ActorService(strategy))
    desk.now_ns, desk.wall_ns = facts[0][1], scene.desk.settings.started_at
    engine.assembled()
    for item, now_ns in facts:
        engine.step(item, now_ns)


def _training_side(facts: list[tuple[Any, int]], views: list[MarketView], when: list[int]) -> list[bytes]:
    """Vectors from markets that training keeps itself; own state and time are what an arena would hand in."""
    from core.domain.events import Beat, MarketsRead
    from core.strategy.view import market_view

    markets, windows, found, left = Markets(), {}, [], list(when)
    for n, (item, now_ns) in enumerate(facts, 1):
        if isinstance(item, MarketsRead):
            markets.learn(item.markets)
        if isinstance(item, BookChanged):
            markets.change(item.ticker, item.side, item.price, item.delta, item.seq, now_ns)
        if isinstance(item, BookReplaced | TradePrinted):
            markets.apply(item, now_ns)
        if type(item).__name__ in ("TickerChanged", "MarketChanged"):
            markets.apply(item, now_ns)
        if not isinstance(item, Beat):
            continue
        while left and left[0] == n:
            left.pop(0)
            live = views[len(found)]
            market = markets.get(live.ticker)
            assert market is not None
            made = market_view(
                market, now_ns=now_ns, at_ms=live.at_ms, resting=live.resting, position=live.position, cost=live.cost,
                cash=live.cash, portfolio=live.portfolio,
                own=[(q.side, q.price, q.count) for q in live.resting],
            )  # fmt: skip
            observation, windows[live.ticker] = ADAPTER.observe(made, windows.get(live.ticker, Window()))
            found.append(observation.vector.tobytes())
    return found


def test_what_training_sees_of_a_venue_is_what_a_live_session_on_it_saw_bit_for_bit() -> None:
    """Over the wire, and by training's own eye on the same venue's events: the same views, and the same vectors."""
    live, happened, eyes = Watcher(), [], {}
    live.clock = lambda: len(happened)

    def prepare(scene: Scene) -> None:
        assemble = scene.trader._assemble

        async def assembled() -> Any:
            coordinator = await assemble()
            scene.trader.engine.actor.strategy = live  # type: ignore[union-attr]
            venue = scene.trader.server.venue  # type: ignore[union-attr]
            known, take = len(venue._out), venue.take_events
            eyes.update({m.ticker: Eye((m,), scene.clock.wall_ns()) for m in venue.markets.values() if m.alive})

            def taking() -> Any:
                nonlocal known
                events = take()
                happened.extend(events[known:])
                known = 0
                return events

            venue.take_events = taking
            return coordinator

        scene.trader._assemble = assembled  # type: ignore[method-assign]

    played = play(Settings(simulated_markets=4, quote_markets=2), (), seconds=8, key_pem=key(), seed=3, prepare=prepare)
    assert not played.violations
    heard = {print.trade_id for view, _ in live.seen for print in view.prints}
    at, windows, compared = dict.fromkeys(eyes, 0), {}, 0
    for (seen, vector), until in zip(live.seen, live.when, strict=True):
        eye, own = eyes[seen.ticker], [(q.side, q.price, q.count) for q in seen.resting]
        while True:
            market = eye.markets.get(seen.ticker)
            made = market_view(
                market, now_ns=0, at_ms=seen.at_ms, own=own, resting=seen.resting, position=seen.position,
                cost=seen.cost, cash=seen.cash, portfolio=seen.portfolio,
            )  # fmt: skip
            if (made.bids, made.asks, made.prints) == (seen.bids, seen.asks, seen.prints):
                break
            assert at[seen.ticker] < until, "training never saw what was seen live"
            event = happened[at[seen.ticker]]
            at[seen.ticker] += 1
            if not isinstance(event, Traded) or event.trade.trade_id in heard:  # none before it listened
                eye.look((event,))
        assert made.grid.bands == seen.grid.bands
        told = msgspec.structs.replace(made, grid=seen.grid, book_age_s=seen.book_age_s)
        assert told == seen
        observation, windows[seen.ticker] = ADAPTER.observe(told, windows.get(seen.ticker, Window()))
        assert observation.vector.tobytes() == vector
        compared += 1
    assert compared > 30
    assert any(view.prints for view, _ in live.seen)


def test_the_training_sides_eye_sees_the_venues_books() -> None:
    arena = Arena(Terms(seed=5, markets=3))
    for _ in range(20):
        arena.second(MarketMaker())
        for market in arena.traded:
            seen = arena.eye.markets.get(Ticker(market.ticker))
            assert seen is not None
            for side in BookSide:
                assert list(seen.book.levels(side)) == market.book.side(side).levels()
    assert arena.account.fills
    arena.venue.check_conservation()


def test_many_at_once_are_the_same_bits_as_one_by_one() -> None:
    views = [view(4_000 + 100 * n, 4_300 + 100 * n, ticker=f"KX-{n}", at_ms=1_000 * n) for n in range(5)]
    many = [ADAPTER.observe(one, Window()) for one in views]
    for one, (observation, window) in zip(views, many, strict=True):
        alone, after = ADAPTER.observe(one, Window())
        assert alone.vector.tobytes() == observation.vector.tobytes()
        assert after == window


def test_the_newest_row_is_of_this_moment_and_a_row_lasts_a_second() -> None:
    window = Window()
    for ms, bid in ((0, 4_000), (400, 4_100), (1_000, 4_200), (2_000, 4_300)):
        observation, window = ADAPTER.observe(view(bid, bid + 200, at_ms=1_000_000 + ms), window)
    middles = observation.vector.reshape(HISTORY, WIDTH)[:, NAMES.index("middle")]
    assert np.allclose(middles, [0.42 - 0.01, 0.42, 0.43, 0.44])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"position": contracts(2_000), "cost": dollars(900)}, "out of range: position"),
        ({"cash": dollars(2_000), "portfolio": dollars(1)}, "out of range: cash"),
        ({"book_age_s": 121}, "the book is 121 s old"),
        ({"position": Count(1), "cost": Money(3_000_000)}, "out of range: against_mark"),
    ],
)
def test_what_is_out_of_range_or_stale_makes_the_policy_hold_and_is_named(changes: Any, why: str) -> None:
    resting = (Quote(ticker=TICKER, side=BookSide.BID, price=Price(4_400), count=contracts(1)),)
    decision = Learned(network=network()).decide(view(resting=resting, **changes), Window())
    assert decision.said == f"hold: {why}"
    assert decision.quotes == resting


counts = st.integers(1, 10**9).map(Count)
prices = st.integers(1, 9_999).map(Price)
amounts = st.integers(-(10**12), 10**12)
sides = st.sampled_from(tuple(BookSide))
prints = st.builds(
    TradePrinted, ticker=st.just(TICKER), trade_id=st.just("1"), price=prices, count=counts, taker_side=sides,
    exchange_ms=st.integers(0, 2_000_000),
)  # fmt: skip
levels = st.lists(st.tuples(prices, counts), max_size=8).map(tuple)
windows = st.one_of(
    st.just(Window()),
    st.builds(Window, rows=st.binary(min_size=4 * SIZE, max_size=4 * SIZE), begun_ms=st.integers(0, 2_000_000)),
)


@given(data=st.data(), bids=levels, asks=levels, window=windows)
def test_no_feature_leaves_its_range_untold_whatever_the_view_and_the_remembered_window_hold(
    data: Any, bids: Any, asks: Any, window: Window
) -> None:
    seen = MarketView(
        ticker=TICKER, grid=view().grid, bids=bids, asks=asks, at_ms=data.draw(st.integers(0, 2_000_000)),
        best_bid=bids[0][0] if bids else None, best_ask=asks[0][0] if asks else None,
        position=Count(data.draw(amounts)), cost=Money(data.draw(amounts)), cash=Money(data.draw(amounts)),
        portfolio=Money(data.draw(amounts)), prints=tuple(data.draw(st.lists(prints, max_size=20))),
        last_price=data.draw(st.none() | prices), closes_in_s=data.draw(st.integers(-1, 10**9)),
        resting=tuple(
            data.draw(st.lists(st.builds(Quote, ticker=st.just(TICKER), side=sides, price=prices, count=counts)))
        ),
    )  # fmt: skip
    observation, _ = ADAPTER.observe(seen, window)
    newest = observation.vector.reshape(HISTORY, WIDTH)[-1]
    wrong = [f.name for f, value in zip(FEATURES, newest, strict=True) if not f.low <= value <= f.high]
    if not bids or not asks:
        assert observation.wrong
    else:
        assert observation.wrong == ("out of range: " + ", ".join(wrong) if wrong else "")


def test_a_learned_policy_trades_through_the_engine_and_the_console_shows_what_it_said() -> None:
    bench = Bench(Learned(network=network(3))).up()
    bench.beat(times=30)
    assert not bench.engine.actor.off
    said = [row.said for row in bench.engine.actor.decisions.of(TICKER)]
    assert said
    assert all(words.split()[0] in ("hold", "buy", "sell", "hold:") for words in said)


def test_the_shipped_model_has_a_card_that_says_what_it_is_and_how_it_did() -> None:
    card = load(SHIPPED).card
    assert card["recipe"]["seed"] == 1
    assert set(card["result_dollars"]) == {"own", "untrained", "hold", "random", "maker"}
    low, high = 1, learning.TRAINING_SEEDS[0]
    judged = [int(word) for word in card["judged_on"].split(",")[0].removeprefix("seeds ").split("-")]
    assert low <= judged[0] < judged[1] < high, "judged on what it was trained on"


# ---- model files -------------------------------------------------------------------------------------------------


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    made, path = network(), tmp_path / "m.npz"
    save(made, path)
    found = load(path)
    assert np.array_equal(found.flat(), made.flat())
    assert found.card == {"seed": 1}
    assert not list(tmp_path.glob("*.new"))


def test_models_that_do_not_fit_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    save(network(), path)
    with np.load(path) as file:
        good = dict(file)

    def refused(**changes: Any) -> str:
        np.savez(path, **{k: v for k, v in (good | changes).items() if v is not None})
        with pytest.raises(BadInput) as error:
            load(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    nan = good["w0"].copy()
    nan[3, 3] = np.nan
    assert "w0 holds what is no finite number" in refused(w0=nan)
    assert "w0 has shape (3, 3)" in refused(w0=np.zeros((3, 3), np.float32))
    assert "w1 is float64" in refused(w1=good["w1"].astype(np.float64))
    assert "made for observation 0123" in refused(spec=np.str_("0123"))
    assert "format 9" in refused(format=np.int64(9))
    assert "has no b1" in refused(b1=None)
    assert "its card cannot be read" in refused(card=np.str_("{"))
    assert "b0 has shape" in refused(b0=np.zeros((8, 1), np.float32))
    assert "is no model" in refused(w0=np.array([object()], dtype=object))
    path.write_bytes(Random(1).randbytes(500))
    with pytest.raises(BadInput, match="is no model"):
        load(path)
    with pytest.raises(BadInput, match="No such file"):
        load(tmp_path / "gone.npz")
