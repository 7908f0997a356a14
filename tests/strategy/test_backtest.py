"""Backtest: it repeats itself, finds a planted leak, keeps the books, and says chance where it is chance."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.domain.amounts import Price, contracts
from core.domain.enums import BookSide
from core.lab.arena import Arena, Terms
from core.lab.backtest import Run, estimate, looks_ahead, row, run_once, student_975, words
from core.strategies import make_strategy
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.strategy.maker import MarketMaker
from core.strategy.plain import Hold, Randomly
from tui.__main__ import invoke

TERMS = Terms(seed=3, markets=2)


@pytest.mark.parametrize("name", ["maker", "random", "fair-value"])
def test_one_seed_gives_one_result(name: str) -> None:
    first = run_once(make_strategy(name, {}), TERMS, 20)
    assert first == run_once(make_strategy(name, {}), TERMS, 20)
    assert first != run_once(make_strategy(name, {}), Terms(seed=4, markets=2), 20)


def test_doing_nothing_earns_nothing() -> None:
    run = run_once(Hold(), TERMS, 10)
    assert (run.pnl, run.fills, run.fees, run.drawdown) == (0, 0, 0, 0)


def test_money_is_kept_while_a_strategy_trades() -> None:
    arena = Arena(TERMS)
    for _ in range(20):
        arena.second(Randomly())
    assert arena.account.fills
    arena.venue.check_conservation()


def test_a_light_crowd_trades_in_every_second_and_repeats_itself() -> None:
    def tape(light: bool) -> list[tuple[int, int, int]]:
        arena = Arena(Terms(seed=6, markets=1, light=light))
        for _ in range(40):
            before = arena.venue.counters.order
            arena.second(Hold())
            assert not light or arena.venue.counters.order > before
        return [(trade.at_ns, trade.price, trade.count) for trade in arena.venue.trades]

    assert tape(True) == tape(True)
    assert 10 < len(tape(True)) < len(tape(False)) * 3


def test_a_light_crowd_moves_as_far_as_the_whole_one() -> None:
    def moved(light: bool) -> float:
        found = []
        for seed in range(1, 13):
            arena = Arena(Terms(seed=seed, markets=1, light=light))
            pulse = arena.flow.pulses[arena.traded[0].ticker]
            begun = pulse.fair
            arena.pass_ms(60_000)
            found.append(abs(pulse.fair - begun))
        return sum(found) / len(found)

    assert 0.5 < moved(True) / moved(False) < 2


class Peeking(Arena):
    """An arena with a leak: what a strategy is shown is already what will be half a second later."""

    def _asked(self, strategy: Strategy, market: Any) -> Decision | None:
        self.pass_ms(250)
        return super()._asked(strategy, market)


def test_a_planted_leak_is_found_and_an_honest_arena_has_none() -> None:
    assert looks_ahead(MarketMaker, TERMS, seconds=6) is None
    assert looks_ahead(MarketMaker, TERMS, seconds=6, arena=Peeking) == 5


class Once(Strategy):
    """One bid at the best price, once, and then it stays."""

    def begin(self, ticker: Any) -> int:
        return 0

    def decide(self, view: MarketView, memory: Any) -> Decision:
        if memory or view.best_bid is None:
            return Decision(quotes=view.resting, memory=memory)
        quote = Quote(ticker=view.ticker, side=BookSide.BID, price=view.best_bid, count=contracts(1))
        return Decision(quotes=(quote,), memory=1)


def test_an_order_stands_at_the_end_of_its_queue_both_latency_legs_after_the_decision() -> None:
    behind = []
    for seed in range(1, 9):
        arena = Arena(Terms(seed=seed, markets=1))
        (market,) = arena.traded
        view = arena.view(market)
        assert view is not None
        decision = Once().decide(view, 0)
        arena.pass_ms(100)
        there = market.book.bids.size_at(decision.quotes[0].price)
        arena.carry_out(market, decision)
        for order in arena.orders(market):
            assert order.created_ns == arena.now_ns
            ahead = market.book.bids.ahead(order)
            best = market.book.bids.best
            assert ahead >= there
            assert best is not None
            behind.append(ahead)
    assert max(behind) > 0


def test_an_order_whose_market_moved_on_the_way_is_refused_not_filled_at_the_old_price() -> None:
    arena = Arena(Terms(seed=3, markets=1))
    (market,) = arena.traded
    view = arena.view(market)
    assert view is not None
    assert view.best_ask is not None
    bid = Quote(ticker=view.ticker, side=BookSide.BID, price=Price(view.best_ask), count=contracts(1))
    arena.carry_out(market, Decision(quotes=(bid,)))
    assert arena.ledger.refused == 1
    assert not arena.orders(market)


# ---- figures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freedom", "exact"), [(3, 3.182446), (1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (19, 2.093), (199, 1.972)]
)
def test_the_quantiles_are_those_of_the_tables(freedom: int, exact: float) -> None:
    assert student_975(freedom) == pytest.approx(exact, rel=0.0005)


def test_an_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    chance, hits = Random(5), 0
    for _ in range(600):
        found = estimate([chance.gauss(1.0, 3.0) for _ in range(8)])
        hits += found.low <= 1.0 <= found.high
    assert 0.92 <= hits / 600 <= 0.98
    assert math.isinf(estimate([1.0]).high)


def runs(*pnls: float) -> list[Run]:
    return [
        Run(seed=n, pnl=pnl, drawdown=0, fills=1, contracts=1, fees=0, markouts=(None, 0.5), refused=0)
        for n, pnl in enumerate(pnls)
    ]


def test_the_words_are_those_of_the_intervals() -> None:
    other = runs(0.1, -0.2, 0.1, 0.0)
    assert "makes money, better than random" in words(row("a", runs(5, 6, 5, 6), {"random": other}))
    assert "loses money, worse than random" in words(row("a", runs(-5, -6, -5, -6), {"random": other}))
    chance = words(row("a", runs(5, -6, 5, -4), {"random": other}))
    assert chance == "a is indistinguishable from chance, indistinguishable from random"


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    code = invoke(["backtest", "--seeds", "1-2", "--seconds", "10", "--markets", "1", "--json", str(out)])
    assert code == 0
    shown = capsys.readouterr().out
    assert "calm: 2 seeds of 10 s in 1 markets" in shown
    assert "hold never trades" in shown
    report = json.loads(out.read_text())
    assert [line["strategy"] for line in report["scenarios"]["calm"]] == ["hold", "random", "maker"]


def test_one_seed_has_no_interval_and_its_json_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    assert invoke(["backtest", "--seeds", "1-1", "--seconds", "10", "--markets", "1", "--json", str(out)]) == 0
    assert "inf" not in capsys.readouterr().out.replace("info", "")
    line = json.loads(out.read_text(), parse_constant=pytest.fail)["scenarios"]["calm"][1]
    assert (line["low"], line["against"]["hold"]["high"]) == (None, None)


OWN = """
from core.domain.enums import BookSide
from core.strategy.base import Decision, Quote, Strategy


class Own(Strategy):
    name = "own"

    def begin(self, ticker):
        return {begin}

    def decide(self, view, memory):
        price, count = {amounts}
        return Decision(quotes=(Quote(ticker=view.ticker, side=BookSide.BID, price=price, count=count),))
"""


@pytest.mark.parametrize(
    ("begin", "amounts", "why"),
    [
        ("1 / 0", "5_000, 100", "ZeroDivisionError"),
        ("None", "exit(3)", "SystemExit: 3"),
        ("None", "4_500.0, 100", "an amount is float, a plain integer is needed"),
        ("None", "4_500, float('nan')", "an amount is float, a plain integer is needed"),
    ],
)
def test_a_strategy_that_fails_is_named_with_place_and_reason_in_one_line(
    begin: str, amounts: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(OWN.format(begin=begin, amounts=amounts))
    named = f"{tmp_path / 'own.py'}:Own"
    assert invoke(["backtest", named, "--seeds", "3-3", "--seconds", "10", "--markets", "1"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "strategy 'own' fails in" in line
    assert "calm, seed 3, second 0: " in line
    assert why in line


def test_what_never_trades_because_it_is_refused_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN.format(begin="None", amounts="4_501, 100"))
    named = f"{tmp_path / 'own.py'}:Own"
    assert invoke(["backtest", named, "--seeds", "3-3", "--seconds", "10", "--markets", "1"]) == 0
    assert "never trades (10.0 orders a run are refused)" in capsys.readouterr().out


def test_parameters_are_those_given_and_stand_in_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    few = ["--seeds", "1-1", "--seconds", "10", "--markets", "1", "--json", str(out)]
    assert invoke(["backtest", "maker", "--set", "size=1", "--set", "inventory=2", *few]) == 0
    capsys.readouterr()
    own, _hold, _random, usual = json.loads(out.read_text())["scenarios"]["calm"]
    assert (own["strategy"], usual["strategy"]) == ("maker size=1 inventory=2", "maker")
    assert (own["mean"], own["fees"]) != (usual["mean"], usual["fees"])


@pytest.mark.parametrize(
    "wrong",
    [
        ["nobody"], ["--seeds", "2-1"], ["--scenarios", "calm,none"], ["--seconds", "1"], ["maker", "--set", "size"],
        ["maker", "--set", "size=x"], ["maker", "--set", "size=nan"], ["maker", "--set", "sise=2"],
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["backtest", *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
