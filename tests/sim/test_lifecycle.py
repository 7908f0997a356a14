"""The life of markets and of the exchange: every step, what it does to orders, and that no money is lost on the way."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.domain.enums import BookSide, MarketStatus, OrderStatus
from core.sim.audit import check_conservation
from core.sim.calendar import next_maintenance
from core.sim.errors import Refused
from core.sim.fees import FeeRule
from core.sim.lifecycle import STEPS, IllegalStep
from tests.sim.support import NOW, bare_venue, member, running, wish

BID, ASK = BookSide.BID, BookSide.ASK
S = 10**9
STATUS = MarketStatus


class Life:
    def __init__(self) -> None:
        self.venue = bare_venue()
        self.life = self.venue.life
        self.ticker = next(iter(self.venue.markets))
        self.market = self.venue.markets[self.ticker]
        self.ann, self.bob = member(self.venue), member(self.venue)
        self.now = NOW

    def pair(self, count: int = 1_000, price: int = 4_000) -> None:
        self.venue.place(self.ann, wish(self.ticker, BID, price, count), self.now)
        self.venue.place(self.bob, wish(self.ticker, ASK, price, count), self.now)

    def close(self) -> None:
        self.now = self.market.close_ns
        self.venue.advance(self.now)

    def after(self, seconds: int) -> None:
        self.now += seconds * S
        self.venue.advance(self.now)


@pytest.fixture
def world() -> Any:
    made = Life()
    yield made
    check_conservation(made.venue)


@pytest.mark.parametrize(("result", "value", "yes", "no"), [("yes", None, 10, 0), ("no", None, 0, 10)])
def test_a_yes_contract_pays_one_or_nothing_and_no_the_rest(
    world: Life, result: str, value: Any, yes: int, no: int
) -> None:
    world.pair()
    world.close()
    before = world.ann.cash, world.bob.cash
    world.life.determine(world.ticker, result, world.now, value)
    assert (world.ann.cash, world.bob.cash) == before, "the balance changes at payment, not at determination"
    world.after(world.market.timer_s)
    assert world.market.status is STATUS.FINALIZED
    assert world.ann.cash - before[0] == yes * 1_000_000
    assert world.bob.cash - before[1] == no * 1_000_000
    assert world.ann.settlements[0].quantity == 1_000 and world.bob.settlements[0].quantity == -1_000


def test_a_scalar_payout_is_rounded_down_to_cents_and_the_rest_is_a_fee(world: Life) -> None:
    world.pair(count=150)
    world.close()
    cash = world.ann.cash + world.bob.cash
    fees = world.venue.matcher.fees
    world.life.determine(world.ticker, "scalar", world.now, 3_333)
    world.life.settle(world.ticker, world.now)
    assert [r.paid for r in (*world.ann.settlements, *world.bob.settlements)] == [490_000, 1_000_000]
    assert world.venue.matcher.fees - fees == 1_500_000 - 1_490_000
    assert world.ann.cash + world.bob.cash == cash + 1_490_000


def test_yes_cannot_settle_below_its_floor(world: Life) -> None:
    world.market.floor = 500  # type: ignore[assignment]
    world.pair()
    world.close()
    world.life.determine(world.ticker, "no", world.now)
    assert (world.market.result, world.market.value) == ("scalar", 500)


def test_only_the_net_position_is_paid(world: Life) -> None:
    world.pair()
    world.venue.place(world.ann, wish(world.ticker, ASK, 6_000, 400), world.now)
    world.venue.place(world.bob, wish(world.ticker, BID, 6_000, 400), world.now)
    world.close()
    world.life.determine(world.ticker, "yes", world.now)
    world.after(world.market.timer_s)
    assert world.ann.settlements[0].paid == 6_000_000


def test_a_dispute_stops_the_timer_until_the_outcome_is_amended(world: Life) -> None:
    world.pair()
    world.close()
    world.life.determine(world.ticker, "yes", world.now)
    world.after(60)
    world.life.dispute(world.ticker, world.now)
    world.after(10 * world.market.timer_s)
    assert world.market.status is STATUS.DISPUTED and not world.ann.settlements
    world.life.amend(world.ticker, "no", world.now)
    world.after(world.market.timer_s - 1)
    assert world.market.status is STATUS.AMENDED
    world.after(1)
    assert world.market.status is STATUS.FINALIZED and world.ann.settlements[0].paid == 0


def test_resuming_a_paused_market_cancels_all_its_resting_orders(world: Life) -> None:
    order = world.venue.place(world.ann, wish(world.ticker, BID, 4_000, 100), world.now).order
    world.life.pause(world.ticker, world.now)
    assert order.status is OrderStatus.RESTING
    world.life.resume(world.ticker, world.now)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "HaltCancel")


def test_a_close_moved_into_the_past_closes_and_one_moved_ahead_reopens(world: Life) -> None:
    order = world.venue.place(world.ann, wish(world.ticker, BID, 4_000, 100), world.now).order
    world.life.move_close(world.ticker, world.now - S, world.now)
    assert world.market.status is STATUS.CLOSED
    world.after(1)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "CloseCancel")
    world.life.move_close(world.ticker, world.now + 60 * S, world.now)
    assert world.market.status is STATUS.ACTIVE
    world.after(60)
    assert world.market.status is STATUS.CLOSED


def test_a_later_close_keeps_the_market_open_past_the_first_one(world: Life) -> None:
    first = world.market.close_ns
    world.life.move_close(world.ticker, first + 60 * S, world.now)
    world.venue.advance(first)
    assert world.market.status is STATUS.ACTIVE
    world.venue.advance(first + 60 * S)
    assert world.market.status is STATUS.CLOSED


def test_steps_out_of_order_are_refused_and_change_nothing(world: Life) -> None:
    acts = {
        "pause": lambda: world.life.pause(world.ticker, world.now),
        "resume": lambda: world.life.resume(world.ticker, world.now),
        "determine": lambda: world.life.determine(world.ticker, "yes", world.now),
        "dispute": lambda: world.life.dispute(world.ticker, world.now),
        "amend": lambda: world.life.amend(world.ticker, "no", world.now),
        "settle": lambda: world.life.settle(world.ticker, world.now),
    }
    for status in MarketStatus:
        for step, act in acts.items():
            world.market.status = status
            if status not in STEPS[step][0]:
                with pytest.raises(IllegalStep):
                    act()
                assert world.market.status is status
    world.market.status = STATUS.ACTIVE


def test_a_trading_pause_permits_cancels_and_an_exchange_pause_nothing(world: Life) -> None:
    kept = world.venue.place(world.ann, wish(world.ticker, BID, 4_000, 100), world.now).order
    nervous = world.venue.place(world.ann, wish(world.ticker, BID, 4_000, 100, cancel_on_pause=True), world.now).order
    world.life.pause_trading(world.now)
    assert (kept.status, nervous.reason) == (OrderStatus.RESTING, "HaltCancel")
    world.life.pause_exchange(world.now)
    for act in (
        lambda: world.venue.cancel(world.ann, kept.order_id, world.now),
        lambda: world.venue.cancel_all(world.ann, world.now),
        lambda: world.venue.place(world.ann, wish(world.ticker, BID, 4_000, 100), world.now),
    ):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.body["error"]["code"] == "exchange_is_paused"
    world.life.resume_exchange(world.now)
    world.venue.cancel(world.ann, kept.order_id, world.now)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-07-01T00:00", "2026-07-02T07:00"),  # summer: four hours behind
        ("2026-12-02T00:00", "2026-12-03T08:00"),  # winter: five
        ("2026-12-03T09:59", "2026-12-03T08:00"),  # in the middle of it
        ("2026-12-03T10:00", "2026-12-10T08:00"),
        ("2026-03-06T00:00", "2026-03-12T07:00"),  # the change of clocks is in between
    ],
)
def test_maintenance_is_thursday_from_three_to_five_eastern(now: str, start: str) -> None:
    at = [int(datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp()) * S for t in (now, start)]
    assert next_maintenance(at[0]) == (at[1], at[1] + 2 * 3_600 * S)


def test_maintenance_pauses_trading_every_week(world: Life) -> None:
    world.life.keep_maintenance(world.now)
    for _week in range(2):
        window = world.life.maintenance
        assert window is not None
        world.venue.advance(window[0])
        assert not world.venue.trading_active and world.life.resume_ns == window[1]
        world.venue.advance(window[1])
        assert world.venue.trading_active
        world.now = window[1]


def test_fees_change_at_their_time_by_override_and_by_waiver(world: Life) -> None:
    event = world.market.event
    world.life.override_event_fee(event.ticker, None, 0, world.now + S)
    world.pair()
    paid = world.venue.matcher.fees
    assert paid > 0
    world.after(1)
    world.pair()
    assert world.venue.matcher.fees == paid, "the override is in force"
    world.life.override_event_fee(event.ticker, None, None, world.now)
    world.market.waiver_ns = world.now + 10 * S
    world.pair()
    assert world.venue.matcher.fees == paid, "the market's waiver is in force"
    world.after(10)
    world.life.change_series_fee(event.series.ticker, FeeRule("quadratic", 2_000), world.now)
    world.pair()
    assert world.venue.matcher.fees == 3 * paid


async def test_life_over_the_wire() -> None:
    async with running() as (server, client), client.stream() as stream:
        venue = server.venue
        market = min(venue.markets.values(), key=lambda m: m.activity)
        await client.order(market.ticker, "bid", "0.9900", "2.00", time_in_force="immediate_or_cancel")
        await stream.send("subscribe", channels=["market_lifecycle_v2", "market_positions"])
        await stream.until("subscribed"), await stream.until("subscribed")
        venue.life.move_close(market.ticker, venue.now_ns, venue.now_ns)
        assert (await stream.until("market_lifecycle_v2"))["msg"]["event_type"] == "close_date_updated"
        venue.life.determine(market.ticker, "yes", venue.now_ns)
        told = (await stream.until("market_lifecycle_v2"))["msg"]
        assert (told["event_type"], told["result"], told["settlement_value"]) == ("determined", "yes", "1.0000")
        venue.life.settle(market.ticker, venue.now_ns)
        assert (await stream.until("market_position"))["msg"]["position_fp"] == "0.00"
        assert (await stream.until("market_lifecycle_v2"))["msg"]["event_type"] == "settled"
        row = (await client.call("GET", "/portfolio/settlements"))["settlements"][0]
        assert (row["market_result"], row["revenue"], row["value"], row["yes_count_fp"]) == ("yes", 200, 100, "2.00")
        assert (await client.call("GET", "/portfolio/positions"))["market_positions"] == []
        settled = await client.call("GET", "/portfolio/positions?settlement_status=settled")
        assert [p["ticker"] for p in settled["market_positions"]] == [market.ticker]
        shown = await client.call("GET", f"/markets/{market.ticker}", template="/markets/{ticker}")
        assert (shown["market"]["status"], shown["market"]["result"]) == ("finalized", "yes")
        venue.life.override_event_fee(market.event.ticker, "quadratic", 500, venue.now_ns)
        assert (await stream.until("event_fee_update"))["msg"]["fee_multiplier_override"] == 0.5


async def test_a_new_event_is_announced_with_its_markets() -> None:
    async with running(markets=4) as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["market_lifecycle_v2"])
        await stream.until("subscribed")
        venue = server.venue
        old = next(iter(venue.events.values()))
        for market in old.markets:
            venue.life.move_close(market.ticker, venue.now_ns, venue.now_ns)
        told = (await stream.until("event_lifecycle"))["msg"]
        assert told["series_ticker"] == old.series.ticker and told["event_ticker"] != old.ticker
        made = [(await stream.until("market_lifecycle_v2", event_type="created"))["msg"] for _ in old.markets]
        assert {m["additional_metadata"]["event_ticker"] for m in made} == {told["event_ticker"]}
        shown = await client.call("GET", f"/markets/{made[0]['market_ticker']}", template="/markets/{ticker}")
        assert shown["market"]["status"] == "active"
