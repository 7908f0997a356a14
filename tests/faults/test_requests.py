"""Section A on the whole trader: what can happen to a request, and what the trader knows afterwards."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from core.domain.amounts import contracts
from core.domain.commands import Pause, Resume
from core.domain.enums import BookSide, OrderState, TimeInForce, TraderState
from core.lab.story import Action, Scene
from core.sim.link import LinkedLoop, MemoryTransport
from core.sim.rest import RestReply

from .support import (
    ONE_ORDER,
    ORDERS,
    Proof,
    Tamper,
    arm,
    both,
    calm,
    errors,
    placed_after,
    reasons,
    sound,
    story,
    struck,
    wish,
)

row = pytest.mark.row


def cut(scene: Scene) -> None:
    scene.cut()


@row("A1")
def test_a_port_that_refuses_is_known_as_not_sent_and_trading_comes_back(proof: Proof) -> None:
    played = story((8, both(arm("connect_refused"), cut)), (14, calm))
    proof(struck(played, "connect_refused"))
    sound(played)
    assert TraderState.ERROR in played.scene.states and played.scene.in_doubt == 0


@row("A2")
@pytest.mark.wide
def test_a_name_that_is_not_found_for_minutes_feeds_no_breaker(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    connect = LinkedLoop.create_unix_connection

    async def lookup_fails(loop: LinkedLoop, *args: Any, **options: Any) -> Any:
        if 1_008 < loop.time() < 1_128:
            tries.append(loop.time())
            raise socket.gaierror(socket.EAI_NONAME, "name not known")
        return await connect(loop, *args, **options)

    monkeypatch.setattr(LinkedLoop, "create_unix_connection", lookup_fails)
    played = story((8.5, cut), seconds=170)
    proof(len(tries))
    sound(played)
    assert len(tries) < 120
    assert not [r for r in reasons(played) if "never existed" in r]


@row("A4")
def test_an_order_that_waited_too_long_is_not_sent_and_a_cancel_passes_it(proof: Proof) -> None:
    played = story(
        (8, arm("request_parked", method="POST", path=ORDERS, delay_ms=6_000, times=8)),
        quote_markets=6, simulated_markets=12,
    )  # fmt: skip
    proof(struck(played, "request_parked") and errors(played).count("waited too long"))
    sound(played)
    late = {
        order.created_ns for order in played.scene.oracle.own_orders()
        if order.created_ns - played.scene.oracle.intents[order.client_order_id].at > 2_000_000_000
    }  # fmt: skip
    assert len(late) <= 8, "what waited behind parked requests was sent with an old price"


@row("A5")
def test_a_line_that_breaks_inside_a_request_leaves_the_order_in_doubt(
    proof: Proof, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn: list[int] = []
    write = MemoryTransport.write

    def tear(line: MemoryTransport, data: bytes) -> None:
        if (
            b"POST /trade-api/v2/portfolio/events/orders " in bytes(data)[:60]
            and line._loop.time() > 1_010
            and not torn
        ):
            torn.append(len(data))
            write(line, bytes(data)[: len(data) // 2])
            line.peer.reset()
            line.reset()
            return
        write(line, data)

    monkeypatch.setattr(MemoryTransport, "write", tear)
    played = story(seconds=40)
    proof(len(torn))
    sound(played)
    assert played.scene.in_doubt == 1 and "outcome not known" in errors(played)


@row("A6")
def test_an_order_never_processed_is_void_after_look_ups_and_is_sent_once(proof: Proof) -> None:
    played = story((8, arm("request_reset", method="POST", path=ORDERS, times=2)), seconds=45)
    proof(struck(played, "request_reset"))
    sound(played)
    assert played.scene.in_doubt >= 1
    void = [o for o in played.scene.desk.orders.finished if o.state is OrderState.VOID]
    assert len(void) == 2
    there = {order.client_order_id for order in played.scene.oracle.own_orders()}
    assert not there & {order.client_order_id for order in void}


@row("A7")
@pytest.mark.parametrize("reading", ["ids burn", "ids are free again"])
def test_an_order_whose_reply_is_lost_is_found_and_is_one_order(proof: Proof, reading: str) -> None:
    free = [(7.0, arm("client_ids_free"))] if reading == "ids are free again" else []
    played = story(*free, (8, arm("reply_lost", method="POST", path=ORDERS, times=3)))
    proof(struck(played, "reply_lost"))
    sound(played)


@row("A7")
def test_an_order_whose_reply_and_news_are_lost_is_found_by_look_up(proof: Proof) -> None:
    played = story(
        (8, both(arm("reply_lost", method="POST", path=ORDERS, times=1), arm("frame_lost", channel="user_orders"))),
        (20, calm), seconds=45,
    )  # fmt: skip
    proof(struck(played, "reply_lost") and struck(played, "frame_lost"))
    sound(played)
    assert played.scene.in_doubt == 1


@row("A8")
def test_an_order_filled_at_once_with_its_reply_lost_is_settled_by_its_fill(proof: Proof) -> None:
    lost = both(
        arm("reply_lost", method="POST", path=ORDERS, times=1),
        arm("frame_lost", channel="user_orders", times=4),
        wish(price=9_000, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL),
    )
    played = story((9.97, lost), seconds=45)
    proof(struck(played, "reply_lost"))
    sound(played)


@row("A9")
def test_an_order_processed_after_we_gave_up_is_held_and_is_one_order(proof: Proof) -> None:
    played = story((8, arm("request_parked", method="POST", path=ORDERS, delay_ms=12_000, times=2)), seconds=50)
    proof(struck(played, "request_parked"))
    sound(played)
    assert played.scene.in_doubt >= 1
    doubtful = {o.client_order_id for o in played.scene.desk.orders.finished if o.created_at and o.state != "VOID"}
    assert doubtful


@row("A10")
def test_an_order_processed_after_its_own_expiry_leaves_nothing_resting(proof: Proof) -> None:
    played = story(
        (8, arm("request_parked", method="POST", path=ORDERS, delay_ms=14_000, times=2)), seconds=50, order_lease=10
    )
    proof(struck(played, "request_parked"))
    sound(played)
    assert played.scene.in_doubt >= 1


@row("A11")
def test_a_success_told_too_late_changes_nothing(proof: Proof) -> None:
    played = story((8, arm("reply_late", method="POST", path=ORDERS, delay_ms=12_000, times=2)), seconds=40)
    proof(struck(played, "reply_late"))
    sound(played)


@row("A12")
@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.wide
def test_trouble_of_the_server_leaves_a_write_unknown(proof: Proof, processed: bool) -> None:
    script = [
        (8 + 3 * n, arm("server_error", method="POST", path=ORDERS, times=1, status=status, processed=processed))
        for n, status in enumerate((500, 502, 503, 504, 408))
    ]
    played = story(*script, seconds=60, circuit_breaker_threshold=10)
    proof(struck(played, "server_error"))
    sound(played)
    assert "outcome not known: HTTP 5" in errors(played)


@row("A13")
def test_a_definite_no_is_an_error_and_is_not_sent_again(proof: Proof) -> None:
    played = story((8, arm("rejected", method="POST", path=ORDERS, times=3)))
    proof(struck(played, "rejected"))
    sound(played)
    assert played.picture.counters.rejected == 3
    assert errors(played).count("order rejected: invalid_order") == 3


@row("A13")
def test_the_breaker_trips_when_everything_is_refused(proof: Proof) -> None:
    played = story((8, arm("rejected", method="POST", path=ORDERS)), (20, calm), seconds=40)
    proof(struck(played, "rejected"))
    sound(played, trading=False, tripped=True)
    assert struck(played, "rejected") <= 8


@row("A14")
@pytest.mark.wide
def test_signatures_out_of_time_halt_the_trader_with_the_reason(proof: Proof) -> None:
    played = story((8, arm("clock_skew", skew_ms=120_000)), (40, calm), seconds=110)
    refused = errors(played).count("header_timestamp_expired")
    proof(refused)
    sound(played)
    halts = [reason for reason in reasons(played) if "our key is refused (header_timestamp_expired" in reason]
    off = re.search(r"the exchange's clock is \+(\d+) ms from ours", halts[0])
    assert off is not None and 119_000 < int(off[1]) < 121_000


@row("A15")
@pytest.mark.parametrize("status", [401, 403])
def test_a_revoked_key_halts_at_once_and_says_that_cancels_may_fail(proof: Proof, status: int) -> None:
    played = story((8, arm("unauthorized", status=status)), seconds=150)
    proof(struck(played, "unauthorized"))
    assert played.picture.state.state is TraderState.ERROR
    assert "our key is refused" in errors(played) and "leases end orders" in errors(played)
    assert played.exit.code == 4 and played.exit.unverified
    revoked_ns = next(t.at for t in played.scene.desk.machine.history if "key is refused" in t.reason)
    assert placed_after(played, revoked_ns + 1) == 0
    assert not played.scene.oracle.own_resting(), "the leases have ended them"
    assert struck(played, "unauthorized") < 500


@row("A16")
def test_a_duplicate_id_is_proof_that_the_order_landed(proof: Proof, tamper: Tamper) -> None:
    body = b'{"error":{"code":"order_already_exists","message":"order already exists"}}'
    said = tamper.replies("POST", ORDERS, lambda _body: RestReply(409, body), times=2)
    played = story((8, both(said, arm("frame_lost", channel="user_orders", times=2))), seconds=45)
    proof(tamper.count)
    sound(played)
    assert "knows this client id already" in "".join(
        r.reason for r in played.scene.oracle.records if hasattr(r, "reason")
    )


@row("A17")
def test_a_conflict_that_is_no_duplicate_is_taken_by_its_code(proof: Proof) -> None:
    played = story(
        (8, arm("conflict", method="POST", path=ORDERS, times=2)), (14, arm("conflict", method="DELETE", times=3))
    )
    proof(struck(played, "conflict"))
    sound(played)
    assert played.picture.counters.rejected == 2 and "cancel failed, will be sent again" in errors(played)


@row("A18")
def test_one_429_holds_new_orders_back_and_is_no_error(proof: Proof) -> None:
    played = story((8, arm("too_many_requests", method="POST", path=ORDERS, times=1)))
    proof(struck(played, "too_many_requests"))
    sound(played)
    assert not [line for line in errors(played).splitlines() if line.startswith("error") and "429" in line]


@row("A18", "A20")
@pytest.mark.parametrize(
    ("word", "waits"),
    [("5", True), ("0", False), ("-3", False), ("nan", False), ("1e400", False), ("9" * 400, False),
     ("Wed, 21 Oct 2015 07:28:00 GMT", False), ("\x7f☃", False)],
)  # fmt: skip
def test_a_retry_after_is_honoured_when_it_is_a_number_of_seconds(proof: Proof, word: str, waits: bool) -> None:
    word = word.encode("ascii", "ignore").decode().replace("\x7f", "x")
    played = story((8, arm("too_many_requests", method="POST", path=ORDERS, times=1, retry_after=word)), seconds=48)
    proof(struck(played, "too_many_requests"), "A18")
    proof(struck(played, "too_many_requests"), "A20")
    sound(played)
    refused = next(o for o in played.scene.desk.orders.finished if o.state is OrderState.REJECTED)
    later = [o.created_ns for o in played.scene.oracle.own_orders() if o.created_ns > refused.created_at]
    waited = (min(later) - refused.created_at) / 1e9
    assert waited >= 5 if waits else waited < 35


@row("A19")
@pytest.mark.wide
def test_a_storm_of_429_stops_orders_and_ends_by_itself(proof: Proof) -> None:
    played = story((8, arm("too_many_requests")), (130, calm), seconds=190)
    proof(struck(played, "too_many_requests"))
    sound(played)
    during = [i for i in played.scene.oracle.intents.values() if 10 < (i.at - started(played)) / 1e9 < 130]
    assert len(during) < 20, "orders go on in a storm"


def started(played: Any) -> int:
    return int(played.picture.identity.started_at)


@row("A21")
@pytest.mark.parametrize("how", ["empty", "cut", "html"])
def test_a_success_that_cannot_be_read_is_unknown(proof: Proof, how: str) -> None:
    played = story(
        (8, arm("reply_broken", method="POST", path=ORDERS, times=2, how=how)),
        (14, arm("reply_broken", method="DELETE", times=2, how=how)),
        (18, arm("reply_broken", method="GET", times=6, how=how)),
        seconds=45,
    )
    proof(struck(played, "reply_broken"))
    sound(played)
    assert "outcome not known: HTTP 201" in errors(played)


@row("A22")
@pytest.mark.parametrize("field", ["order_id", "fill_count", "remaining_count"])
def test_a_success_with_a_field_missing_is_looked_up(proof: Proof, field: str) -> None:
    played = story((8, arm("field_missing", method="POST", path=ORDERS, times=2, field=field)), seconds=40)
    proof(struck(played, "field_missing"))
    sound(played)


@row("A23")
def test_a_redirect_is_not_followed(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: asked.append("out"))
    played = story(
        (8, arm("redirected", method="POST", path=ORDERS, times=1)), (12, arm("redirected", method="GET", times=3)),
        (16, arm("redirected", method="DELETE", times=2)), seconds=45,
    )  # fmt: skip
    proof(struck(played, "redirected"))
    sound(played)
    assert not asked


@row("A24")
def test_a_reply_without_end_is_cut_off(proof: Proof) -> None:
    played = story((8, arm("reply_huge", bytes=9_000_000, times=4)), seconds=40)
    proof(struck(played, "reply_huge"))
    sound(played)
    assert "8 MiB" in errors(played) or "reply over" in errors(played)


@row("A25")
def test_a_kept_connection_that_closes_brings_no_second_sending(proof: Proof) -> None:
    played = story((8, arm("connection_closed")))
    proof(struck(played, "connection_closed"))
    sound(played)


def ask(command: Pause | Resume) -> Action:
    return lambda scene: scene.trader.submit(command)


MISSING = "the reply to a batch does not tell of it"


@row("A26")
def test_what_a_mangled_reply_to_a_batch_leaves_out_is_in_doubt_and_found(proof: Proof) -> None:
    # A pause cancels every quote in one request, a resume quotes anew in one.
    mangle = arm("batch_mangled", times=1)
    played = story(
        (8, both(mangle, ask(Pause()))), (11, mangle), (12, ask(Resume())),
        seconds=45, quote_markets=6, simulated_markets=12,
    )  # fmt: skip
    proof(struck(played, "batch_mangled") // 2)
    sound(played)
    assert errors(played).count(f"outcome not known: {MISSING}") == 1, "what stood elsewhere in it was found"
    assert errors(played).count(f"cancel failed, will be sent again: {MISSING}") == 1


@row("A26")
def test_a_lost_reply_to_a_batch_leaves_each_order_in_doubt_and_sends_none_twice(proof: Proof) -> None:
    played = story(
        (8, ask(Pause())), (11, arm("reply_lost", path=f"{ORDERS}/batched", times=1)), (12, ask(Resume())),
        seconds=45, quote_markets=6, simulated_markets=12,
    )  # fmt: skip
    proof(struck(played, "reply_lost"))
    sound(played)
    assert errors(played).count("outcome not known: connection broke") >= 3
    assert played.scene.desk.breaker.errors(played.scene.desk.now_ns) <= 1, "one thing happened"


@row("A27")
def test_a_cursor_that_runs_in_a_circle_believes_nothing_absent(proof: Proof, tamper: Tamper) -> None:
    circle = tamper.replies("GET", "/portfolio/orders", lambda body: {**body, "orders": [], "cursor": "again"}, 6)
    played = story((14, circle), seconds=50)
    proof(tamper.count)
    sound(played)
    assert "cursor came back" in errors(played)
    gone = [o for o in played.scene.desk.orders.finished if "no such order" in o.reason]
    assert not gone


@row("A28")
@pytest.mark.parametrize("lag_ms", [1_000, 4_000])
def test_lists_that_lag_the_writes_end_no_order_and_make_no_drift(proof: Proof, lag_ms: int) -> None:
    played = story((4, arm("stale_reads", lag_ms=lag_ms)), (9, cut), (44, calm), seconds=60)
    proof(struck(played, "stale_reads"))
    sound(played)
    assert "corrected" not in errors(played)


@row("A29")
def test_an_old_balance_raises_no_alarm(proof: Proof) -> None:
    played = story((4, arm("stale_reads", lag_ms=3_000, path="/portfolio/balance")), (44, calm), seconds=60)
    proof(struck(played, "stale_reads"))
    sound(played)
    assert "cash corrected" not in errors(played)


@row("A11")
def test_a_cancel_told_too_late_changes_nothing(proof: Proof) -> None:
    late = arm("reply_late", method="DELETE", path=ONE_ORDER, delay_ms=12_000, times=3)
    played = story((8, late), (9, wish(side=BookSide.ASK, price=9_500)), seconds=40)
    proof(struck(played, "reply_late"))
    sound(played)
    assert contracts(3) > 0
