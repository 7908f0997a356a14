"""Section B on the whole trader: fills, replies and cancels that overtake each other."""

from __future__ import annotations

from collections import Counter

import pytest

from core.domain.amounts import Money, Price, contracts
from core.domain.commands import AmendOrder
from core.domain.enums import BookSide, OrderState, TimeInForce, TraderState
from core.domain.records import BreakerMoved, Corrected, OrderMoved
from core.lab.story import Scene
from core.sim.model import MAKER, NewOrder

from .support import (
    ONE_ORDER,
    ORDERS,
    Proof,
    Tamper,
    arm,
    both,
    calm,
    errors,
    hit,
    placed_after,
    quoted,
    reasons,
    sound,
    story,
    struck,
    wish,
)

row = pytest.mark.row


@row("B1")
def test_a_fill_before_the_reply_is_taken_and_the_reply_merges(proof: Proof) -> None:
    played = story(
        (8, arm("reply_late", method="POST", path=ORDERS, delay_ms=1_500)),
        *((8.5 + n, hit) for n in range(5)), (14, calm),
    )  # fmt: skip
    proof(struck(played, "reply_late"))
    sound(played)


@row("B2")
def test_a_fill_told_by_reply_and_stream_counts_once(proof: Proof) -> None:
    take = wish(price=9_000, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    played = story((8, arm("reply_late", method="POST", path=ORDERS, delay_ms=300)), (10, take), (12, take))
    taken = [f for f in played.scene.server.account.fills if f.is_taker]
    proof(struck(played, "reply_late") and len(taken))
    sound(played)


@row("B3")
def test_a_fill_that_comes_twice_counts_once(proof: Proof) -> None:
    played = story((5, arm("frame_doubled", channel="fill")), (10, hit))
    proof(struck(played, "frame_doubled"))
    sound(played)


@row("B4")
def test_a_fill_that_comes_again_with_other_contents_leads_to_a_comparison(proof: Proof) -> None:
    played = story((8, arm("fill_changed", times=1)), (9, hit))
    proof(struck(played, "fill_changed"))
    sound(played)
    assert "came again with other contents" in errors(played)
    assert "contradicting_fill" in reasons(played)


@row("B5")
def test_fills_out_of_order_give_the_same_books(proof: Proof) -> None:
    played = story((5, arm("frame_swapped", channel="fill")), *((8 + 2 * n, hit) for n in range(5)))
    proof(struck(played, "frame_swapped"))
    sound(played)


@row("B6")
def test_a_part_filled_while_the_cancel_flies_is_kept(proof: Proof) -> None:
    played = story((8, arm("cancel_raced", part=40, times=6)))
    proof(struck(played, "cancel_raced"))
    sound(played)
    parts = [o for o in played.scene.oracle.own_orders() if 0 < o.filled < o.count]
    assert parts


@row("B7")
def test_a_fill_of_all_while_the_cancel_flies_is_no_error(proof: Proof) -> None:
    played = story((8, arm("cancel_raced", times=6)))
    proof(struck(played, "cancel_raced"))
    sound(played)
    assert played.picture.breaker.errors == 0


@row("B8")
def test_a_cancel_whose_reply_is_lost_is_exposure_until_proven(proof: Proof) -> None:
    played = story((8, arm("reply_lost", method="DELETE", path=ONE_ORDER, times=5)))
    proof(struck(played, "reply_lost"))
    sound(played)
    assert "cancel failed, will be sent again" in errors(played)


@row("B9")
def test_a_fill_after_the_cancel_is_booked_to_the_ended_order(proof: Proof) -> None:
    slow = both(arm("frame_overtaken", channel="fill", delay_ms=3_000), arm("cancel_raced", part=50))
    played = story((8, slow), (22, calm))
    proof(struck(played, "frame_overtaken") and struck(played, "cancel_raced"))
    sound(played)


@row("B10")
@pytest.mark.parametrize("fault", ["reply_lost", "request_reset"])
def test_an_amend_that_is_half_known_counts_both_sizes_until_it_is_told(proof: Proof, fault: str) -> None:
    seen: list[int] = []

    def change(scene: Scene) -> None:
        mine = next(o for o in scene.desk.orders.get_open_orders() if o.price == 1_000)
        scene.trader.submit(
            AmendOrder(client_order_id=mine.client_order_id, price=Price(1_100), count=contracts(7), command_id=901)
        )

    def look(scene: Scene) -> None:
        mine = next(o for o in scene.desk.orders.get_open_orders() if o.count in (300, 700))
        if mine.state is OrderState.IN_DOUBT:
            seen.append(mine.remaining)
            assert mine.worst_price == 1_100

    lost = arm(fault, method="POST", path=ONE_ORDER, times=1)
    quiet = arm("frame_lost", channel="user_orders", times=1)
    played = story((6, wish()), (8, both(lost, quiet, change)), (9, look), seconds=45)
    proof(struck(played, fault))
    sound(played)
    assert seen == [700]


def from_the_web(scene: Scene, **more: object) -> NewOrder:
    values = {"ticker": quoted(scene), "side": BookSide.BID, "price": Price(9_900), "count": contracts(2)}
    return NewOrder(**{**values, "client_order_id": "web-1", **more})  # type: ignore[arg-type]


@row("B11")
def test_a_fill_of_an_order_never_seen_is_booked_and_told(proof: Proof) -> None:
    placed: list[int] = []

    def trade(scene: Scene) -> None:
        server = scene.server
        wanted = from_the_web(scene, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
        placed.append(server.venue.place(server.account, wanted, server.venue.now_ns).filled)
        server._publish()

    played = story((8, arm("frame_lost", channel="user_orders")), (9.9, trade), (12, calm))
    proof(len(placed) and struck(played, "frame_lost"))
    sound(played)
    assert "fill of an order we do not know" in errors(played)


@row("B12")
@pytest.mark.parametrize("channels", [("fill",), ("fill", "user_orders")])
def test_a_fill_lost_on_a_healthy_stream_is_found_within_its_bound(proof: Proof, channels: tuple[str, ...]) -> None:
    def lose(scene: Scene) -> None:
        scene.arm("frame_lost", channel=channels[0])

    def lose_more(scene: Scene) -> None:
        scene.arm("frame_lost", channel=channels[-1], times=2)

    played = story(
        (8, lose), (9, hit), (9.5, lose_more if len(channels) > 1 else lose), (11, hit), (14, calm), seconds=60
    )
    proof(struck(played, "frame_lost"))
    sound(played)


@row("B13")
def test_a_trade_that_is_taken_back_is_a_recorded_correction_and_a_person_is_asked(proof: Proof) -> None:
    busted: list[str] = []

    def bust(scene: Scene) -> None:
        server, account = scene.server, scene.server.account
        fill = account.fills[-1]
        market = fill.trade.market
        for one, side in ((account, fill.order.side.opposite), (server._racer, fill.order.side)):
            moved = one.position(market).trade(side, fill.trade.price, fill.trade.count)
            one.cash = Money(one.cash + moved)
        held = (a.quantity(market.ticker) for a in server.venue.accounts.values())
        market.open_interest = sum(q for q in held if q > 0)  # type: ignore[assignment]
        account.refresh(market.ticker)
        busted.append(fill.trade.trade_id)

    played = story((12, bust), seconds=60)
    proof(len(busted))
    sound(played, trading=False, tripped=True)
    corrections = [r for r in played.scene.oracle.records if isinstance(r, Corrected)]
    assert any(r.what.startswith("position") for r in corrections)
    assert "drift of unknown class" in played.picture.breaker.reason


@row("B14")
def test_an_order_ended_by_self_trade_prevention_is_ended_with_a_record(proof: Proof) -> None:
    ended: list[str] = []

    def cross(scene: Scene) -> None:
        server = scene.server
        mine = max((o for o in scene.oracle.own_resting() if o.side is BookSide.ASK), key=lambda o: -o.price)
        name = f"web-{mine.client_order_id}"
        wanted = from_the_web(
            scene,
            self_trade=MAKER,
            price=mine.price,
            client_order_id=name,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        )
        server.venue.place(server.account, wanted, server.venue.now_ns)
        server._publish()
        if mine.status.value == "canceled":
            ended.append(mine.client_order_id)

    played = story(*((8 + 0.7 * n, cross) for n in range(3)), seconds=40)
    proof(len(ended))
    sound(played)
    told = {
        r.client_order_id for r in played.scene.oracle.records if isinstance(r, OrderMoved) and r.state == "CANCELED"
    }
    assert set(ended) <= told


@row("B15")
def test_an_order_group_that_trips_ends_all_members_and_waits_for_a_person(proof: Proof) -> None:
    played = story(*((8 + 1.3 * n, hit) for n in range(6)), order_group_limit=10, seconds=40)
    tripped = [g for g in played.scene.server.account.groups.values() if g.triggered]
    moved = [r for r in played.scene.oracle.records if isinstance(r, BreakerMoved)]
    proof(len(tripped) or len(moved))
    sound(played, trading=False, tripped=True)
    assert "order group" in played.picture.breaker.reason
    assert not placed_after(played, moved[0].at + 1)


@row("B16")
def test_orders_refused_as_crossing_again_and_again_make_the_book_suspect(proof: Proof) -> None:
    played = story((8, arm("post_only_crosses")), (20, calm), seconds=40)
    proof(struck(played, "post_only_crosses"))
    sound(played)
    assert struck(played, "post_only_crosses") <= 12
    assert "book suspect" in errors(played)


@row("B17")
def test_operator_and_strategy_in_the_same_moment_pass_no_limit(proof: Proof) -> None:
    crowd = both(*(wish(price=1_000 + 100 * n, count=9) for n in range(12)))
    played = story(
        *((4 + n, crowd) for n in range(20)), trading_max_orders=5, trading_max_position_size=40, max_exposure=60,
        trading_max_order_size=10,
    )  # fmt: skip
    proof(played.picture.counters.denied)
    sound(played, trading=False)


@row("B18")
def test_the_same_news_twice_makes_no_second_order(proof: Proof) -> None:
    played = story((3, arm("frame_doubled")), (10, hit))
    proof(struck(played, "frame_doubled"))
    sound(played)
    resting = Counter((o.market.ticker, o.side) for o in played.scene.oracle.own_resting())
    assert all(count == 1 for count in resting.values())
    assert TraderState.ERROR not in played.scene.states


@row("B4")
@pytest.mark.parametrize(
    ("told", "words"), [("4.00", "came again with other contents"), ("6.00", "more than its order")]
)
def test_a_fill_told_wrongly_is_put_right_by_the_list(proof: Proof, tamper: Tamper, told: str, words: str) -> None:
    wrong = tamper.frames("fill", lambda frame: {**frame, "msg": {**frame["msg"], "count_fp": told}}, times=2)
    played = story((8, wrong), (9, hit), seconds=50)
    proof(tamper.count)
    sound(played)
    more, other = (
        errors(played).count(said) for said in ("fills more than its order", "came again with other contents")
    )
    assert more + other == 2 and errors(played).count(words)
    taken_back = [r for r in played.scene.oracle.records if isinstance(r, Corrected) and r.what.startswith("fill")]
    assert len(taken_back) == other, "what was never booked need not be taken back"
