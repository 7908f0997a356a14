"""Order groups: the rolling window, triggering, resetting, and what they do to orders and strangers."""

from typing import Any

import pytest

from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.audit import check_conservation
from core.sim.errors import Refused
from core.sim.groups import OrderGroup
from tests.sim.support import NOW, ApiError, bare_venue, member, running, wish

BID, ASK = BookSide.BID, BookSide.ASK
S = 10**9


class Room:
    """Ann has a group of ten contracts; Bob trades against it."""

    def __init__(self) -> None:
        self.venue = bare_venue()
        self.ticker = next(iter(self.venue.markets))
        self.ann, self.bob = member(self.venue), member(self.venue)
        self.group: OrderGroup = self.venue.groups.create(self.ann, 1_000, NOW)  # type: ignore[arg-type]

    def bid(self, price: int, count: int, at: int = NOW, **more: Any) -> Any:
        order = wish(self.ticker, BID, price, count, group_id=self.group.group_id, **more)
        return self.venue.place(self.ann, order, at).order

    def hit(self, count: int, at: int = NOW, **more: Any) -> Any:
        return self.venue.place(self.bob, wish(self.ticker, ASK, 100, count, **more), at)


@pytest.fixture
def room() -> Any:
    made = Room()
    yield made
    check_conservation(made.venue)


def test_exceeding_the_limit_cancels_every_resting_member(room: Room) -> None:
    first, second = room.bid(5_000, 1_000), room.bid(4_000, 1_000)
    room.hit(1_000)
    assert (first.status, second.status) == (OrderStatus.EXECUTED, OrderStatus.RESTING)
    third = room.bid(4_500, 200)
    room.hit(100)
    assert room.group.triggered and not room.group.members
    assert (second.status, third.status, third.filled) == (OrderStatus.CANCELED, OrderStatus.CANCELED, 100)


def test_the_window_rolls_over_fifteen_seconds(room: Room) -> None:
    room.bid(5_000, 3_000)
    room.hit(800)
    room.hit(800, at=NOW + 15 * S)
    assert not room.group.triggered
    room.hit(300, at=NOW + 29 * S)
    assert room.group.triggered


def test_a_taker_stops_where_its_own_fills_trigger_the_group(room: Room) -> None:
    for price in (6_000, 6_100, 6_200):
        room.venue.place(room.bob, wish(room.ticker, ASK, price, 600), NOW)
    taker = room.bid(7_000, 1_800)
    assert (taker.filled, taker.remaining, taker.status) == (1_200, 0, OrderStatus.CANCELED)


def test_a_fill_or_kill_is_whole_even_where_it_triggers_a_group(room: Room) -> None:
    room.bid(5_000, 800), room.bid(4_900, 800), room.bid(4_800, 800)
    done = room.hit(2_000, time_in_force=TimeInForce.FILL_OR_KILL)
    assert done.filled == 2_000 and room.group.triggered and not room.group.members


def test_new_members_are_rejected_until_reset(room: Room) -> None:
    room.venue.groups.trigger(room.ann, room.group.group_id, NOW)
    with pytest.raises(Refused) as caught:
        room.bid(5_000, 100)
    assert (caught.value.status, caught.value.body["error"]["code"]) == (409, "exceeded_order_group_risk_limit")
    room.venue.groups.reset(room.ann, room.group.group_id, NOW)
    assert room.bid(5_000, 100).status is OrderStatus.RESTING


def test_lowering_the_limit_below_the_sum_triggers(room: Room) -> None:
    rest = room.bid(5_000, 900)
    room.hit(500)
    room.venue.groups.set_limit(room.ann, room.group.group_id, 500, NOW)  # type: ignore[arg-type]
    assert not room.group.triggered
    room.venue.groups.set_limit(room.ann, room.group.group_id, 400, NOW)  # type: ignore[arg-type]
    assert room.group.triggered and rest.status is OrderStatus.CANCELED


def test_deleting_a_group_cancels_its_members_only(room: Room) -> None:
    inside = room.bid(5_000, 100)
    outside = room.venue.place(room.ann, wish(room.ticker, BID, 5_000, 100), NOW).order
    room.venue.groups.delete(room.ann, room.group.group_id, NOW)
    assert (inside.status, outside.status) == (OrderStatus.CANCELED, OrderStatus.RESTING)
    with pytest.raises(Refused) as caught:
        room.bid(5_000, 100)
    assert (caught.value.status, caught.value.body["error"]["code"]) == (404, "order_group_not_found")


async def test_groups_over_the_wire_with_their_channel() -> None:
    async with running() as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["order_group_updates", "user_orders"])
        await stream.until("subscribed"), await stream.until("subscribed")
        made = await client.call("POST", "/portfolio/order_groups/create", {"contracts_limit": 10})
        group_id, root = made["order_group_id"], "/portfolio/order_groups/{order_group_id}"
        path = root.format(order_group_id=group_id)
        created = await stream.until("order_group_updates")
        assert (created["msg"]["event_type"], created["msg"]["contracts_limit_fp"]) == ("created", "10.00")
        ticker = next(iter(server.venue.markets))
        order = await client.order(ticker, "bid", "0.0200", "3.00", order_group_id=group_id)
        shown = await client.call("GET", path, template=root)
        assert (shown["orders"], shown["contracts_limit_fp"]) == ([order["order_id"]], "10.00")
        assert (await stream.until("user_order"))["msg"]["order_group_id"] == group_id
        await client.call("PUT", path + "/limit", {"contracts_limit_fp": "12.00"}, template=root + "/limit")
        await client.call("PUT", path + "/trigger", template=root + "/trigger")
        assert (await stream.until("user_order"))["msg"]["status"] == "canceled"
        assert (await stream.until("order_group_updates", event_type="triggered"))["msg"]["order_group_id"] == group_id
        await client.call("PUT", path + "/reset", {}, template=root + "/reset")
        assert [g["id"] for g in (await client.call("GET", "/portfolio/order_groups"))["order_groups"]] == [group_id]
        await client.call("DELETE", path, template=root)
        assert (await stream.until("order_group_updates", event_type="deleted"))["seq"] > created["seq"]
        with pytest.raises(ApiError) as caught:
            await client.call("GET", path, template=root)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contracts_limit": 0},
        {"contracts_limit": 1_000_001},
        {"contracts_limit": "5"},
        {"contracts_limit_fp": "x"},
        {"contracts_limit": 5, "contracts_limit_fp": "6.00"},
        {"contracts_limit": 5, "subaccount": 1},
    ],
)
async def test_a_group_needs_one_limit_between_one_and_a_million(body: Any) -> None:
    async with running() as (_server, client):
        with pytest.raises(ApiError) as caught:
            await client.call("POST", "/portfolio/order_groups/create", body)
        assert caught.value.status == 400
