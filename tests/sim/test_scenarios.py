"""Scenarios by name and from files, the director's happenings, and the pace of the exchange's time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.domain.enums import MarketStatus
from core.sim.scenarios import ACTS, SCENARIOS, BadScenario, Happening, read_scenario, scenario_of
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.virtual_clock import VirtualClock, run_virtual
from tests.sim.support import KEY_PEM, NOW, ApiError, FastClock, RealClock, running

S = 10**9


class Played:
    """A server on virtual time, driven by hand: no sockets, no waiting."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FastClock(NOW)
        self.server = ExchangeServer(ExchangeSettings(**settings), self.clock, private_key_pem=KEY_PEM)
        self.venue = self.server.venue
        self.ranked = sorted(self.venue.markets.values(), key=lambda m: m.activity)

    def until(self, seconds: float) -> None:
        while self.clock.wall_ns() < NOW + int(seconds * S):
            self.clock._now += S // 5
            self.server.catch_up()


@pytest.mark.parametrize("name", [n for n in SCENARIOS if not n.endswith("x10")])
def test_every_scenario_plays_two_minutes_without_losing_money(name: str) -> None:
    # Many markets cost much and say no more about money than a few that are traded.
    played = Played(scenario=name, seed=3, alive=12)
    for second in range(0, 125, 25):
        played.until(second)
        played.server.check_conservation()
    assert any(played.venue.market_trades.values())


def test_news_moves_prices_far() -> None:
    calm, news = Played(seed=5), Played(seed=5, scenario="news-jump")
    moves = []
    for played in (calm, news):
        played.until(18)
        before = played.ranked[0].last_price
        played.until(40)
        moves.append(abs(played.ranked[0].last_price - before))
    assert moves[1] > 1_000 > moves[0]


def test_thin_books_are_thin_and_wide() -> None:
    calm, thin = Played(seed=5), Played(seed=5, scenario="thin")
    figures = []
    for played in (calm, thin):
        played.until(20)
        sizes = [m.book.bids.best_size for m in played.ranked]
        spreads = [(m.book.asks.best or 10_000) - (m.book.bids.best or 0) for m in played.ranked]
        figures.append((sum(sizes), sum(spreads)))
    assert figures[1][0] * 3 < figures[0][0] and figures[1][1] > figures[0][1] * 3 // 2


def test_one_sided_markets_have_an_empty_side() -> None:
    played = Played(scenario="one-sided", seed=5)
    played.until(40)
    sides = [(len(m.book.bids), len(m.book.asks)) for m in played.ranked[:4]]
    assert all(min(pair) <= 2 < max(pair) for pair in sides)


def test_a_settlement_day_closes_determines_disputes_pays_and_lists_anew() -> None:
    played = Played(scenario="settlement-day", seed=5, markets=12)
    listed = len(played.venue.markets)
    seen = set()
    for second in range(1, 200):
        played.until(second)
        seen |= {market.status for market in played.ranked}
    assert {
        MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED,
        MarketStatus.FINALIZED,
    } <= seen  # fmt: skip
    played.server.check_conservation()
    for event in played.venue.events.values():
        if event.mutually_exclusive:
            assert sum(m.result == "yes" for m in event.markets) <= 1
    assert len(played.venue.markets) > listed


def test_a_new_event_takes_the_place_of_one_that_closed() -> None:
    played = Played(seed=5, markets=4)
    for market in played.ranked:
        played.venue.life.move_close(market.ticker, NOW + 5 * S, NOW)
    played.until(30)
    fresh = [m for m in played.venue.markets.values() if m not in played.ranked]
    assert len(fresh) == 4 and all(m.status is MarketStatus.ACTIVE for m in fresh)
    assert any(played.venue.market_trades[m.ticker] for m in fresh)
    assert [m.index for m in played.venue.markets.values()] == list(range(8))


def test_maintenance_pauses_trading_and_ends() -> None:
    played = Played(scenario="maintenance", seed=5)
    played.until(35)
    assert not played.venue.trading_active
    played.until(95)
    assert played.venue.trading_active and played.venue.life.maintenance is not None


def test_a_flash_empties_levels_and_prices_come_back() -> None:
    played = Played(scenario="flash", seed=5)
    played.until(29)
    market = played.ranked[0]
    before, count = market.last_price, len(played.venue.market_trades[market.ticker])
    played.until(30.4)
    flash = list(played.venue.market_trades[market.ticker])[count:]
    assert sum(t.count for t in flash) > 10_000
    played.until(60)
    assert abs(market.last_price - before) < 1_000


@pytest.mark.parametrize(("name", "scale"), [("large-account", 1), ("large-account-x10", 10)])
def test_a_large_account_is_furnished_to_the_cent(name: str, scale: int) -> None:
    server = ExchangeServer(ExchangeSettings(scenario=name), FastClock(NOW), private_key_pem=KEY_PEM)
    account = server.account
    assert sum(1 for p in account.positions.values() if p.quantity) == 180 * scale
    resting = account.all_resting()
    assert len(resting) == 100 * scale and all(o.client_order_id.startswith("kt-") for o in resting)
    assert account.available == 5_012_000_000 * scale
    server.check_conservation()


async def test_a_large_account_over_the_wire() -> None:
    async with running(scenario="large-account", alive=8) as (_server, client):
        assert (await client.call("GET", "/portfolio/balance"))["balance_dollars"] == "5012.0000"
        rows, cursor = [], ""
        while True:
            page = await client.call("GET", f"/portfolio/positions?limit=50&cursor={cursor}")
            rows += page["market_positions"]
            cursor = page["cursor"]
            if not cursor:
                break
        assert len(rows) == 180
        assert len((await client.call("GET", "/portfolio/orders?status=resting&limit=1000"))["orders"]) == 100


# files

GOOD = """
base = "thin"
markets = 8
timer = 60

[style]
bias = -20
noise = 5

[account]
balance = 250
positions = 4
orders = 2

[[at]]
after = 10
act = "jump"
rank = 1
by = 1500

[[at]]
after = 20
act = "pause-trading"
lasts = 5

[[fault]]
after = 5
lasts = 10
name = "frame_lost"
rate = 20
channel = "fill"
"""


def test_a_file_builds_on_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    found = scenario_of(str(path))
    assert (found.markets, found.timer, found.style.depth, found.style.bias, found.style.noise) == (8, 60, 8, -20, 5)
    assert [h.act for h in found.happenings] == ["jump", "pause-trading"]
    assert found.faults[0].params == {"rate": 20, "channel": "fill"}
    played = Played(scenario=str(path), markets=8)
    assert played.server.account.available == 250_000_000
    played.until(6)
    assert "frame_lost" in played.server.faults.armed
    played.until(16)
    assert not played.server.faults.armed
    played.until(22)
    assert not played.venue.trading_active


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("markets = 3\nspeeed = 1\n", 2, "speeed"),
        ("base = 'nope'\n", 1, "base"),
        ("\nmarkets = '3'\n", 2, "markets"),
        ("[style]\nnoise = -1\n", 2, "style.noise"),
        ("[style]\nnoise = 1\nwild = 3\n", 3, "style.wild"),
        ("style = 3\n", 1, "style"),
        ("[account]\nbalance = 1.5\n", 2, "account.balance"),
        ("[[at]]\nact = 'jump'\n\n[[at]]\nafter = 3\nact = 'dance'\n", 6, "at.act"),
        ("[[at]]\nafter = -1\nact = 'jump'\n", 2, "at.after"),
        ("[[at]]\nafter = 1\n", 1, "at.act"),
        ("[[at]]\nact = 'determine'\nresult = 'maybe'\n", 3, "at.result"),
        ("[[fault]]\nname = 'frame_lost'\n[[fault]]\nname = 'frame_lots'\n", 4, "fault.name"),
        ("[[fault]]\nname = 'server_error'\nstatus = 200\n", 3, "fault.status"),
        ("rolls = 1\n", 1, "rolls"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_key(text: str, line: int, key: str) -> None:
    with pytest.raises(BadScenario) as caught:
        read_scenario(text, "mine.toml")
    assert str(caught.value).startswith(f"mine.toml, line {line}, {key}: ")


def test_broken_toml_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="line 2"):
        read_scenario("markets = 1\n= 3\n", "mine.toml")
    for name in (str(tmp_path / "none.toml"), str(tmp_path), "quiet"):
        with pytest.raises(ValueError, match=r"cannot be read|unknown scenario"):
            ExchangeSettings(scenario=name)


def test_every_act_can_be_played_at_any_time() -> None:
    played = Played(seed=5)
    played.until(2)
    for act in ACTS:
        for by in (0, 500):
            played.server.play(Happening(after=0, act=act, rank=1, by=by, lasts=1))
        played.until((played.clock.wall_ns() - NOW) / S + 2)
        played.server.check_conservation()


def test_the_owner_trades_elsewhere_and_a_burst_passes() -> None:
    played = Played(seed=5)
    played.until(2)
    played.server.play(Happening(after=0, act="web-order", rank=0))
    played.server.play(Happening(after=0, act="web-order", rank=0, by=1))
    account = played.server.account
    assert [o.client_order_id for o in account.orders.values()] == ["", ""] and len(account.fills) >= 1
    clock = played.venue.clock
    played.server.play(Happening(after=0, act="burst", by=10_000))
    assert played.venue.clock >= clock + 10_000
    clock = played.venue.clock
    played.server.play(Happening(after=0, act="renew"))
    assert played.venue.clock >= clock + 20
    played.server.check_conservation()


# pace


async def test_time_runs_faster_and_by_steps() -> None:
    async with running(speed=60) as (server, client):
        began = server.venue.now_ns
        await asyncio.sleep(0.5)
        assert server.venue.now_ns - began > 20 * S
        server.pace.set_speed(0)
        stopped = server.pace.now_ns()
        await asyncio.sleep(0.1)
        assert server.pace.now_ns() == stopped
        market = min(server.venue.markets.values(), key=lambda m: m.close_ns)
        server.pace.step(market.close_ns - stopped)
        server.catch_up()
        with pytest.raises(ApiError) as caught:
            await client.order(market.ticker, "bid", "0.0200", "1.00")
        assert caught.value.body["error"]["code"] == "market_inactive"


def test_speed_and_size_have_bounds() -> None:
    for settings in ({"speed": -1}, {"speed": 1e9}, {"markets": 10_001}, {"alive": 2_001}):
        with pytest.raises(ValueError):
            ExchangeSettings(**settings)  # type: ignore[arg-type]
    server = ExchangeServer(ExchangeSettings(), RealClock(), private_key_pem=KEY_PEM)
    with pytest.raises(ValueError):
        server.pace.step(-1)


def test_a_day_passes_in_seconds_on_virtual_time() -> None:
    async def day(clock: VirtualClock) -> ExchangeServer:
        server = ExchangeServer(ExchangeSettings(alive=0, markets=24), clock, private_key_pem=KEY_PEM)
        for _hour in range(24 * 8):
            await clock.sleep(3_600)
            server.catch_up()
        return server

    server = run_virtual(day)
    assert {m.status for m in server.venue.markets.values()} >= {MarketStatus.FINALIZED, MarketStatus.ACTIVE}
    server.check_conservation()
