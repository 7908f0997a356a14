"""Section D on the whole trader: what can be wrong with what the exchange says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.domain.events import BookChanged
from core.domain.ids import Ticker
from core.lab.story import Scene
from core.sim.events import MarketMoved

from .support import (
    Json,
    Proof,
    Tamper,
    arm,
    calm,
    errors,
    hit,
    inject,
    quoted,
    sound,
    story,
    struck,
)

row = pytest.mark.row
DELTA, FILL, ORDER, TICKER, TRADE = "orderbook_delta", "fill", "user_order", "ticker", "trade"


def message(**changes: Any) -> Callable[[Json], Json]:
    return lambda frame: {**frame, "msg": {**frame["msg"], **changes}}


def without(field: str) -> Callable[[Json], Json]:
    return lambda frame: {**frame, "msg": {k: v for k, v in frame["msg"].items() if k != field}}


def raw(field: str, text: str) -> Callable[[Json], bytes]:
    """The field's value as these very characters."""

    def change(frame: Json) -> bytes:
        made = msgspec.json.encode(message(**{field: "@@"})(frame))
        return made.replace(b'"@@"', text.encode())

    return change


def agree(scene: Scene, found: list[bool]) -> None:
    found.append(scene.oracle.book_agrees(quoted(scene)))


def looks(found: list[bool], at: float = 25) -> list[tuple[float, Callable[[Scene], None]]]:
    return [(at + 0.13 * n, lambda scene: agree(scene, found)) for n in range(25)]


@row("D1")
def test_a_frame_that_is_no_json_is_refused_and_counted(proof: Proof) -> None:
    found: list[bool] = []
    played = story((8, arm("frame_broken", how="cut", times=3)), *looks(found))
    proof(struck(played, "frame_broken"))
    sound(played)
    assert played.picture.counters.refused_frames >= 3 and any(found)


@row("D1")
def test_a_stream_full_of_nonsense_trips_the_breaker(proof: Proof) -> None:
    played = story((8, arm("frame_broken", how="cut", channel="ticker")), (40, calm), seconds=60)
    proof(struck(played, "frame_broken"))
    sound(played, trading=False, tripped=True)
    assert "unreadable frames" in played.picture.breaker.reason


@row("D2")
def test_a_frame_of_unknown_type_is_passed_over_and_told_once(proof: Proof) -> None:
    def strange(scene: Scene) -> None:
        inject(scene, *({"type": "weather", "sid": 1, "msg": {}} for _ in range(50)))
        proof(50)

    played = story((8, strange))
    sound(played)
    assert errors(played).count("unknown frame type weather") == 1


@row("D3")
def test_a_status_nobody_knows_changes_no_order(proof: Proof, tamper: Tamper) -> None:
    played = story((8, tamper.frames(ORDER, message(status="dreaming"), times=5)))
    proof(tamper.count)
    sound(played)


@row("D3")
def test_a_market_of_unknown_status_is_not_traded(proof: Proof, tamper: Tamper) -> None:
    def sideways(body: Json) -> Json:
        for event in body["events"]:
            for market in event["markets"]:
                market["status"] = "sideways"
        return body

    played = story(prepare=tamper.replies("GET", "/events", sideways, times=3), seconds=25)
    proof(tamper.count)
    assert "no open market" in errors(played)
    first = min((i.at for i in played.scene.oracle.intents.values()), default=None)
    assert first is None or tamper.count == 3


@row("D3")
def test_a_step_of_a_market_nobody_knows_reads_the_market_anew(proof: Proof) -> None:
    def step(scene: Scene) -> None:
        venue = scene.server.venue
        venue.life._tell(venue.begin(), venue.markets[quoted(scene)], "levitated")
        scene.server._publish()
        proof(1)

    sound(story((8, step)))


@row("D4")
@pytest.mark.parametrize("kind", [DELTA, FILL, ORDER, TICKER, TRADE])
@pytest.mark.parametrize("how", ["missing", "null", "more", "retyped"])
def test_fields_missing_null_more_or_retyped_cost_no_fill_and_no_book(
    proof: Proof, tamper: Tamper, kind: str, how: str
) -> None:
    found: list[bool] = []
    field = {DELTA: "delta_fp", FILL: "trade_id", ORDER: "order_id", TICKER: "ts_ms", TRADE: "count_fp"}[kind]
    change = {
        "missing": without(field), "null": message(**{field: None}), "more": message(surprise={"a": [1]}),
        "retyped": message(**{field: {"x": 1}}),
    }[how]  # fmt: skip
    played = story((8, tamper.frames(kind, change, times=2)), (9, hit), *looks(found, 20), seconds=26)
    proof(tamper.count)
    sound(played)
    assert any(found)
    assert (played.picture.counters.refused_frames == 0) is (how == "more")


NUMBERS = ['"1e400"', '"NaN"', '"Infinity"', '"-0.0000"', '"' + "9" * 400 + '"', "1e400", "NaN", "0.1e999999999", '""']


@row("D5")
@pytest.mark.parametrize("kind", [DELTA, FILL])
def test_absurd_numbers_are_refused_by_their_text(proof: Proof, tamper: Tamper, kind: str) -> None:
    found: list[bool] = []
    field = "price_dollars" if kind == DELTA else "yes_price_dollars"
    script = [(8 + n, tamper.frames(kind, raw(field, text))) for n, text in enumerate(NUMBERS)]
    hits = [(8.05 + n, hit) for n in range(len(NUMBERS))]
    played = story(*script, *hits, *looks(found, 27), seconds=40, order_group_limit=0)
    proof(tamper.count)
    sound(played)
    assert played.picture.counters.refused_frames >= tamper.count >= 5 and any(found)


@row("D6")
@pytest.mark.parametrize("price", ["0.0000", "1.0000", "1.2000", "-0.1000", "0.12345"])
def test_prices_that_cannot_be_are_refused(proof: Proof, tamper: Tamper, price: str) -> None:
    found: list[bool] = []
    change = tamper.frames(DELTA, message(price_dollars=price), times=2)
    played = story((8, change), (9, tamper.frames(FILL, message(yes_price_dollars=price))), (10, hit), *looks(found))
    proof(tamper.count)
    sound(played)
    assert played.picture.counters.refused_frames >= 2 and any(found)


@row("D7")
def test_a_field_told_twice_and_endless_nesting_are_refused(proof: Proof, tamper: Tamper) -> None:
    def twin(frame: Json) -> bytes:
        return msgspec.json.encode(frame).replace(b'"count_fp":', b'"count_fp":"9.00","count_fp":', 1)

    def nested(scene: Scene) -> None:
        inject(scene, b'{"type":"ticker","sid":1,"msg":' + b"[" * 100_000 + b"}", b"[" * 50_000)

    played = story((8, tamper.frames(FILL, twin)), (8.5, hit), (10, nested))
    proof(tamper.count)
    sound(played)
    assert played.picture.counters.refused_frames == 3


@row("D8")
def test_a_hole_in_the_sequence_closes_the_market_until_its_book_came(proof: Proof) -> None:
    found: list[bool] = []
    played = story((8, arm("frame_lost", channel=DELTA, times=2)), *looks(found))
    proof(struck(played, "frame_lost"))
    sound(played)
    assert "frames missing" in errors(played) and played.picture.counters.resyncs and any(found)


@row("D9")
def test_old_numbers_are_dropped_and_a_sequence_that_began_anew_ends_the_line(proof: Proof, tamper: Tamper) -> None:
    found: list[bool] = []
    old = tamper.frames(DELTA, lambda frame: [frame, {**frame, "seq": 1}], times=3)
    anew = tamper.frames(DELTA, lambda frame: {**frame, "seq": 1}, times=80)
    played = story((8, old), (12, anew), *looks(found, 45), seconds=55)
    proof(tamper.count)
    sound(played)
    assert any(found)


@row("D10")
def test_changes_before_the_whole_book_are_not_told_and_it_is_asked_for(proof: Proof, tamper: Tamper) -> None:
    played = story(prepare=tamper.frames("orderbook_snapshot", lambda _frame: None, times=2))
    proof(tamper.count)
    sound(played)


@row("D11")
def test_a_size_made_negative_loses_the_book(proof: Proof, tamper: Tamper) -> None:
    found: list[bool] = []
    played = story((8, tamper.frames(DELTA, message(delta_fp="-999999.00"))), *looks(found))
    proof(tamper.count)
    sound(played)
    assert "a change made a size negative" in errors(played) and any(found)


@row("D12")
def test_a_change_that_crosses_the_book_loses_it(proof: Proof, tamper: Tamper) -> None:
    found: list[bool] = []
    played = story(
        (8, tamper.frames(DELTA, message(side="yes", price_dollars="0.9900", delta_fp="5.00"))), *looks(found)
    )
    proof(tamper.count)
    sound(played)
    assert "crossed after a batch" in errors(played) and any(found)


@row("D13")
@pytest.mark.wide
def test_a_book_that_went_wrong_unnoticed_is_put_right_by_the_next_whole_one_with_a_row(proof: Proof) -> None:
    wrong: list[bool] = []
    right: list[bool] = []

    def spoil(scene: Scene) -> None:
        """A change nobody made, at a price far from everything that is traded."""
        ticker = Ticker(quoted(scene))
        scene.trader.submit(BookChanged(ticker=ticker, side=BookSide.ASK, price=Price(9_900), delta=7_700, seq=0))
        proof(1)

    played = story((8, spoil), *looks(wrong, 12), *looks(right, 140), seconds=150)
    sound(played)
    assert not any(wrong) and any(right)
    (row,) = [e for e in played.picture.errors if "nothing said so" in e.error]
    assert row.error == "book was wrong at 1 prices and nothing said so: the whole one wins"


@row("D14")
@pytest.mark.parametrize("by", [1, -1, 0])
def test_no_price_is_invented_for_an_empty_side(proof: Proof, by: int) -> None:
    def empty(scene: Scene) -> None:
        if by:
            scene.act("one-sided", by=by)
        for rank in range(2):
            scene.act("empty", rank=rank)
        book = scene.server.venue.markets[quoted(scene)].book
        house = [order for side in (book.bids, book.asks) for order in side.orders() if order.account.house]
        proof(not house)

    played = story((8, empty), seconds=20)
    sound(played, trading=False)


@row("D15")
def test_frames_of_markets_never_asked_for_are_refused(proof: Proof) -> None:
    def strangers(scene: Scene) -> None:
        (connection,) = scene.server._connections
        subs = connection.session._by_channel
        other = next(t for t in scene.server.venue.markets if t not in scene.desk.markets.watched)
        delta = {"market_ticker": other, "price_dollars": "0.5000", "delta_fp": "5.00", "side": "yes"}
        shown = {
            "market_ticker": other,
            "price_dollars": "0.5000",
            "volume_fp": "1",
            "open_interest_fp": "1",
            "ts_ms": 1,
        }
        sub = subs[DELTA]
        inject(scene, {"type": DELTA, "sid": sub.sid, "seq": sub.next_seq(), "msg": delta})
        inject(scene, {"type": DELTA, "sid": 4_711, "seq": 1, "msg": delta})
        inject(scene, {"type": TICKER, "sid": subs[TICKER].sid, "msg": shown})
        proof(3)

    played = story((8, strangers))
    sound(played)
    assert played.picture.counters.refused_frames == 3 and "not subscribed" in errors(played)


HOSTILE = "\x1b[2J\x9b31m\u202eEvil\u200b\ud7ff[bold]\n\r\t" + "x" * 100_000


@row("D16")
def test_hostile_text_is_clean_wherever_it_is_shown(proof: Proof, tamper: Tamper) -> None:
    def titles(body: Json) -> Json:
        for event in body["events"]:
            event["title"] = HOSTILE
            for market in event["markets"]:
                market["title"] = market["yes_sub_title"] = HOSTILE
        return body

    error = {"error": {"code": HOSTILE, "message": HOSTILE}}
    refuse = tamper.replies("POST", "/portfolio/events/orders", lambda _body: refused(error), times=2)
    played = story(
        (8, refuse), (10, tamper.frames(ORDER, message(reason=HOSTILE, last_update_reason=HOSTILE), times=3)),
        (12, lambda scene: inject(scene, {"type": HOSTILE}, {"type": "error", "msg": {"code": 1, "msg": HOSTILE}})),
        prepare=tamper.replies("GET", "/events", titles, times=5),
    )  # fmt: skip
    proof(tamper.count)
    shown = msgspec.json.decode(msgspec.json.encode(played.picture))
    texts = list(strings(shown))
    assert len(texts) > 100 and max(map(len, texts)) < 2_000
    bad = [t for t in texts if any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c in "\u202e\u200b" for c in t)]
    assert not bad
    assert not played.violations and played.exit.code == 0


def refused(error: Json) -> Any:
    from core.sim.rest import RestReply

    return RestReply(400, msgspec.json.encode(error))


def strings(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@row("D17")
def test_new_price_steps_are_read_and_no_order_is_left_off_the_grid(proof: Proof) -> None:
    off: list[str] = []

    def coarser(scene: Scene) -> None:
        venue = scene.server.venue
        market = venue.markets[quoted(scene)]
        market.structure = "linear_cent" if market.structure != "linear_cent" else "tapered_deci_cent"
        batch = venue.begin()
        batch.steps.append(
            MarketMoved(market, "price_level_structure_updated", {"price_level_structure": market.structure})
        )
        venue.publish(batch)
        scene.server._publish()
        proof(1)

    def compare(scene: Scene) -> None:
        theirs = scene.server.venue.markets[quoted(scene)].bands
        ours = scene.desk.markets.get(quoted(scene))
        assert ours is not None
        off.append(f"{len(theirs)} {len(ours.info.bands)}")

    played = story((8, coarser), (15, compare))
    sound(played)
    assert off and off[0].split()[0] == off[0].split()[1]
    assert "terms of" in " ".join(a.text for a in played.scene.desk.status.activity)


@row("D17")
def test_new_fees_are_read_while_trading(proof: Proof) -> None:
    before: list[Any] = []

    def note(scene: Scene) -> None:
        market = scene.desk.markets.get(quoted(scene))
        assert market is not None
        before.append(market.info.fees)

    def free(scene: Scene) -> None:
        note(scene)
        scene.act("free-fees")
        scene.act("free-fees", rank=1)
        proof(1)

    played = story((8, free), (15, note))
    sound(played)
    assert before[0] != before[1]
    assert Count(0) == 0
