"""Section C on the whole trader: what can happen to the stream's line."""

from __future__ import annotations

from typing import Any

import pytest

from core.assembly import Trader
from core.domain.enums import BookSide, TraderState
from core.domain.events import LoopMeasured, StreamConnected
from core.exchange.session import StreamSession
from core.lab.story import Scene
from core.sim.link import MemoryTransport

from .support import (
    Proof,
    arm,
    both,
    calm,
    errors,
    hit,
    inject,
    placed_after,
    quoted,
    reasons,
    sound,
    story,
    struck,
)

row = pytest.mark.row
S = TraderState


def compared_before_trading(scene: Scene) -> bool:
    """After the line was lost nothing but a calibration leads back to READY."""
    states = [step.target for step in scene.desk.machine.history]
    lost = max(i for i, step in enumerate(scene.desk.machine.history) if step.reason == "stream_lost")
    return S.CALIBRATING in states[lost : states.index(S.READY, lost)]


@row("C1")
@pytest.mark.parametrize("times", [1, 3])
def test_a_closed_stream_is_compared_before_trading_goes_on(proof: Proof, times: int) -> None:
    played = story(*((8 + 6 * n, arm("stream_closed")) for n in range(times)), seconds=40)
    proof(struck(played, "stream_closed"))
    sound(played)
    assert compared_before_trading(played.scene)


@row("C2")
def test_a_reset_stream_is_compared_before_trading_goes_on(proof: Proof) -> None:
    played = story((8, both(hit, arm("stream_reset"), hit)))
    proof(struck(played, "stream_reset"))
    sound(played)
    assert compared_before_trading(played.scene)


@row("C3")
def test_a_dead_line_is_noticed_by_its_silence(proof: Proof) -> None:
    played = story((8, arm("stream_stalled", pings=False)), (35, calm), seconds=60)
    proof(struck(played, "stream_stalled"))
    sound(played)
    assert "silent for 15 s" in errors(played)


@row("C4")
def test_books_of_a_silent_channel_are_asked_for_and_lost_without_an_answer(proof: Proof) -> None:
    untrusted: list[bool] = []
    played = story(
        (8, arm("stream_stalled", channel="orderbook_delta")),
        (33, lambda scene: untrusted.append(bool(scene.desk.markets.untrusted()))),
        (60, calm), seconds=100,
    )  # fmt: skip
    proof(struck(played, "stream_stalled"))
    sound(played)
    assert untrusted == [True] and "no answer when asked for" in errors(played)


@row("C4")
def test_a_silent_account_channel_costs_no_fill(proof: Proof) -> None:
    played = story((8, arm("stream_stalled", channel="fill")), (9, hit), (12, hit), (40, calm), seconds=55)
    proof(struck(played, "stream_stalled"))
    sound(played)


@row("C5")
def test_books_that_come_late_are_not_traded_on(proof: Proof) -> None:
    played = story((8, arm("frame_late", channel="orderbook_delta", delay_ms=6_000)), (40, calm), seconds=75)
    proof(struck(played, "frame_late"))
    sound(played)
    assert "changes arrive" in errors(played) and played.scene.desk.freshness.late
    late = [i for i in played.scene.oracle.intents.values() if 16 < (i.at - began(played)) / 1e9 < 40]
    assert len(late) <= 6


def began(played: Any) -> int:
    return int(played.picture.identity.started_at)


@row("C6")
@pytest.mark.parametrize("channel", ["orderbook_delta", "trade", "user_orders", ""])
def test_lost_frames_leave_no_wrong_book_and_no_wrong_order(proof: Proof, channel: str) -> None:
    agreed: list[bool] = []

    def compare(scene: Scene) -> None:
        agreed.append(scene.oracle.book_agrees(quoted(scene)))

    looks = ((36 + 0.13 * n, compare) for n in range(20))
    played = story((8, arm("frame_lost", channel=channel, rate=5)), (30, calm), *looks, seconds=60)
    proof(struck(played, "frame_lost"))
    sound(played)
    assert any(agreed)


@row("C7")
def test_frames_that_come_twice_change_nothing(proof: Proof) -> None:
    once = story(seconds=30)
    twice = story((4, arm("frame_doubled")), seconds=30)
    proof(struck(twice, "frame_doubled"))
    sound(twice)
    assert twice.picture.counters.fills == once.picture.counters.fills
    assert twice.picture.counters.placed == once.picture.counters.placed


@row("C8")
def test_frames_that_change_places_leave_no_wrong_book(proof: Proof) -> None:
    agreed: list[bool] = []
    looks = ((34 + 0.13 * n, lambda s: agreed.append(s.oracle.book_agrees(quoted(s)))) for n in range(20))
    played = story((8, arm("frame_swapped", rate=10)), (30, calm), *looks, seconds=40)
    proof(struck(played, "frame_swapped"))
    sound(played)
    assert any(agreed)


@row("C9")
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_bytes_in_any_slices_give_exactly_the_same_session(
    proof: Proof, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    heard: list[list[Any]] = []
    emit = Trader._emit

    def hear(trader: Trader, fact: Any) -> None:
        if not isinstance(fact, LoopMeasured):
            heard[-1].append(fact)
        emit(trader, fact)

    def listen() -> None:
        """A trader that only watches: what it hears cannot hang on what it did."""
        heard.append([])
        story(seconds=8, enable_trading_client=False)

    monkeypatch.setattr(Trader, "_emit", hear)
    listen()
    deliver = MemoryTransport._deliver
    slices: list[int] = []

    def sliced(line: MemoryTransport) -> None:
        protocol = line._protocol
        if not line._inbox or len(line._inbox[0][1]) <= size or line._closing or line._loop.frozen:
            deliver(line)
            return
        at, data = line._inbox.popleft()
        for start in range(0, len(data), size):
            slices.append(1)
            protocol.data_received(data[start : start + size])
        line._inbox.appendleft((at, b""))
        line._inbox.popleft()
        line._inbox_size -= len(data)
        line.peer._drained(line._inbox_size)
        line._timer = None
        line._schedule()

    monkeypatch.setattr(MemoryTransport, "_deliver", sliced)
    listen()
    proof(len(slices))
    assert heard[0] == heard[1] and len(heard[0]) > 100
    heard.append([])
    sound(story(seconds=12))


@row("C10")
@pytest.mark.wide
def test_a_line_that_is_closed_right_after_it_opened_makes_no_storm(proof: Proof) -> None:
    played = story((8, both(arm("stream_rejected", times=9), lambda scene: scene.cut())), seconds=130)
    proof(struck(played, "stream_rejected"))
    sound(played)
    assert played.scene.desk.links.stream_epoch < 15


@row("C11")
@pytest.mark.parametrize(("status", "minutes"), [(503, 4), (401, 3), pytest.param(503, 60, marks=pytest.mark.long)])
@pytest.mark.wide
def test_a_stream_refused_for_long_is_tried_seldom_and_comes_back(proof: Proof, status: int, minutes: int) -> None:
    script = ((8, both(arm("stream_refused", status=status), arm("stream_reset"))), (8 + 60 * minutes, calm))
    played = story(*script, seconds=100 + 60 * minutes)
    proof(struck(played, "stream_refused"))
    sound(played)
    assert 2 * minutes < struck(played, "stream_refused") < 10 + 6 * minutes


@row("C12")
@pytest.mark.parametrize("channel", ["fill", "user_orders", "orderbook_delta"])
@pytest.mark.wide
def test_nothing_is_traded_before_every_needed_channel_is_there(proof: Proof, channel: str) -> None:
    script = (8, both(arm("subscribe_failed", channel=channel), arm("stream_reset")))
    played = story(script, (25, calm), seconds=70)
    proof(struck(played, "subscribe_failed"))
    sound(played)
    without = [i for i in played.scene.oracle.intents.values() if 8.5 < (i.at - began(played)) / 1e9 < 25]
    assert not without


@row("C13")
def test_frames_of_the_old_line_are_never_heard_after_the_new_one(
    proof: Proof, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []
    newest: list[int] = [0]
    receive = StreamSession.receive

    def listening(session: StreamSession, text: str | bytes) -> list[Any]:
        newest[0] = max(newest[0], session.epoch)
        heard.append((session.epoch, newest[0]))
        return receive(session, text)

    monkeypatch.setattr(StreamSession, "receive", listening)
    slow = both(arm("frame_late", delay_ms=1_500), hit)
    played = story((8, slow), (9, arm("stream_reset")), (11, calm), (15, arm("stream_reset")))
    proof(struck(played, "stream_reset") and struck(played, "frame_late"))
    sound(played)
    assert newest[0] == 3 and all(epoch == last for epoch, last in heard)


@row("C14")
@pytest.mark.wide
def test_a_line_that_died_unseen_leaves_one_line_and_no_more(proof: Proof) -> None:
    ends: list[int] = []

    def count(scene: Scene) -> None:
        ends.append(len(scene.loop._ends))

    died = [(10 + 40 * n, both(count, arm("stream_stalled", pings=False))) for n in range(2)]
    lives = [(32 + 40 * n, calm) for n in range(2)]
    played = story(*died, *lives, (95, count), seconds=100)
    proof(struck(played, "stream_stalled"))
    sound(played)
    assert played.scene.desk.links.reconnects >= 2
    assert max(ends) - min(ends) <= 8, ends


@row("C15")
def test_our_side_standing_still_loses_no_fill(proof: Proof) -> None:
    stalls: list[float] = []

    def stall(scene: Scene) -> None:
        coordinator: Any = scene.trader._coordinator
        wait = coordinator._wait

        async def still() -> None:
            stalls.append(scene.loop.time())
            coordinator._wait = wait
            await scene.clock.sleep(30)

        coordinator._wait = still

    played = story((8, stall), (9, hit), (20, hit), seconds=70)
    proof(len(stalls))
    sound(played)


@row("C16")
@pytest.mark.parametrize(
    ("bursts", "apart_s"), [(2, 1.0), pytest.param(12, 0.2, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_a_burst_of_changes_is_taken_with_fills_and_cancels_among_them(
    proof: Proof, bursts: int, apart_s: float
) -> None:
    """9,000 changes in one instant, so often: the long one is of more than 100,000 in two seconds and a half."""
    sent: list[int] = []

    def burst(scene: Scene) -> None:
        (connection,) = scene.server._connections
        sub = connection.session._by_channel["orderbook_delta"]
        for n in range(4_500):
            for sign in ("", "-"):
                msg = {
                    "market_ticker": quoted(scene),
                    "price_dollars": "0.0100",
                    "delta_fp": f"{sign}1.00",
                    "side": "yes",
                }
                inject(scene, {"type": "orderbook_delta", "sid": sub.sid, "seq": sub.next_seq(), "msg": msg})
            sent.append(n)
        hit(scene)

    played = story(*((8 + apart_s * n, burst) for n in range(bursts)), seconds=20)
    proof(len(sent))
    sound(played)
    assert len(sent) == 4_500 * bursts
    assert played.scene.desk.links.stream_epoch == 1, "the line held"


@row("C17")
def test_an_enormous_frame_is_cut_and_the_line_made_anew(proof: Proof) -> None:
    def enormous(scene: Scene) -> None:
        inject(scene, b'{"type":"ticker","sid":1,"msg":{"x":"' + b"a" * 5_000_000 + b'"}}')
        proof(1)

    played = story((8, enormous))
    sound(played)
    assert played.scene.desk.links.reconnects == 1
    assert compared_before_trading(played.scene)


@row("C18")
@pytest.mark.parametrize("how", ["utf8", "binary"])
def test_frames_that_are_no_text_end_the_line_which_comes_back(proof: Proof, how: str) -> None:
    played = story((8, arm("frame_broken", how=how, times=1)))
    proof(struck(played, "frame_broken"))
    sound(played)
    assert played.scene.desk.links.reconnects == 1 and "stream:" in errors(played)


@row("C2")
def test_a_line_cut_again_and_again_with_orders_in_flight_ends_sound(proof: Proof) -> None:
    def cut(scene: Scene) -> None:
        hit(scene)
        scene.cut()

    played = story(*((8 + 4.3 * n, cut) for n in range(6)), seconds=60)
    proof(played.scene.cuts)
    sound(played)
    assert StreamConnected is not None and BookSide.BID
    assert placed_after(played, 0) > 10 and "stream_lost" in reasons(played)
