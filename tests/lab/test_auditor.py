"""The auditor catches a broken run of every invariant, and says nothing of a sound one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.lab.audit import rules
from core.lab.audit.ledger import Order
from core.lab.audit.rules import INVARIANTS, NS
from core.lab.audit.wire import Change, told
from core.lab.garble import Garble, setting
from core.lab.plan import Plan
from core.lab.runner import play
from core.sim.unruly import texts_on_the_wire

from .run import REST, Run, T

AUDIT = Path(rules.__file__).parent
Break = Callable[[Run], None]


def sound(run: Run) -> None:
    run.order("kt-1")
    run.look(20)
    run.exists("kt-1", filled=100)
    run.fill("t-1", "kt-1")
    run.booked("t-1", "kt-1")
    run.look(20)
    run.call("DELETE", "/portfolio/events/orders/kt-1", status=200, reply={})
    run.exists("kt-1", status="canceled", filled=100)
    run.state("kt-1", "CANCELED", 100)
    run.look(5)
    run.end()


def sent_before_the_disk(run: Run) -> None:
    run.intend("kt-1", synced=False)
    run.send("kt-1")


def never_intended(run: Run) -> None:
    run.exists("kt-9")


def changed_before_the_disk(run: Run) -> None:
    run.order("kt-1")
    run.call("POST", "/portfolio/events/orders/kt-1/amend", {}, status=200)


def two_orders_of_one_intent(run: Run) -> None:
    run.order("kt-1")
    run.exists("kt-1", order_id="other")


def intended_twice(run: Run) -> None:
    run.order("kt-1")
    run.intend("kt-1")


def too_many_orders(run: Run) -> None:
    for number in range(11):
        run.order(f"kt-{number}", count=100)
        run.pass_by(0.5)


def too_large(run: Run) -> None:
    run.intend("kt-1", count=20_000)
    run.exists("kt-1", count=20_000)


def too_much_position(run: Run) -> None:
    for number in range(3):
        run.intend(f"kt-{number}", count=5_000)
        run.exists(f"kt-{number}", count=5_000)


def position_differs(run: Run) -> None:
    run.look(10, positions={T: 100})


def order_forgotten(run: Run) -> None:
    run.order("kt-1")
    run.look(10, orders={})


def order_before_comparing(run: Run) -> None:
    run.pass_by(1)
    run.auditor.requests.streamed()
    run.pass_by(1)
    run.intend("kt-1")


def cash_differs(run: Run) -> None:
    run.look(run.auditor.rules.compare_s + 10, cash=1)


def cash_is_no_integer(run: Run) -> None:
    run.end(cash=1e9)


def money_was_made(run: Run) -> None:
    run.end(conservation="a cent too much")


def fill_twice(run: Run) -> None:
    run.order("kt-1")
    run.fill("t-1", "kt-1")
    run.booked("t-1", "kt-1")
    run.booked("t-1", "kt-1")


def fill_never_made(run: Run) -> None:
    run.order("kt-1")
    run.booked("t-1", "kt-1")


def fill_never_booked(run: Run) -> None:
    run.order("kt-1")
    run.fill("t-1", "kt-1")
    run.exists("kt-1", status="executed", filled=500)
    run.end()


def no_such_way(run: Run) -> None:
    run.move("READY", "INITIALIZING")


def opened_again_in_silence(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "CANCELED")
    run.state("kt-1", "RESTING")
    run.look(1)


def filled_more_than_its_size(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "FILLED", 600)


def decided_on_a_hole(run: Run) -> None:
    run.book(skip=1, delta="1.00")
    run.pass_by(1)
    run.intend("kt-1")


def decided_on_a_cross(run: Run) -> None:
    run.book(bid="0.4800", delta="1.00")
    run.pass_by(1)
    run.intend("kt-1")


def test_a_book_crossed_for_a_moment_in_the_middle_of_a_match_is_sound() -> None:
    run = Run()
    run.book(bid="0.4800", delta="1.00")
    book = run.auditor.streams.books[T]
    assert book.bad.startswith("crossed")
    run.book(bid="0.4800", delta="-1.00")
    assert book.bad == ""
    run.book(bid="0.4800", delta="1.00")
    run.pass_by(1)
    run.book(bid="0.4800", delta="-1.00")
    assert book.bad.startswith("crossed")


def decided_on_a_negative_size(run: Run) -> None:
    run.book(delta="-99.00")
    run.pass_by(1)
    run.intend("kt-1")


def decided_on_a_dead_line(run: Run) -> None:
    run.pass_by(30)
    run.intend("kt-1")


def shown_otherwise(run: Run) -> None:
    run.look(2, books={T: (True, 4_400, 4_700)})


def cancel_blocked(run: Run) -> None:
    run.order("kt-1")
    run.auditor.commanded("CancelAll")
    run.look(6)


def breaker_never_trips(run: Run) -> None:
    for number in range(6):
        run.intend(f"kt-{number}")
        run.send(f"kt-{number}", status=400)
        run.pass_by(1)
    run.look(3)


def risk_while_tripped(run: Run) -> None:
    run.breaker(True)
    run.intend("kt-1")


def reset_by_itself(run: Run) -> None:
    run.breaker(True)
    run.breaker(False)


def rests_after_the_end(run: Run) -> None:
    run.order("kt-1")
    run.end()


def no_lease(run: Run) -> None:
    run.intend("kt-1")
    run.send("kt-1", lease_s=86_400)


def escaped(run: Run) -> None:
    run.look(1, internal=("internal error: KeyError",))


def trades_where_nobody_does(run: Run) -> None:
    for number in range(3):
        run.intend(f"kt-{number}")
        run.call("POST", "/portfolio/events/orders", {"client_order_id": f"kt-{number}", "ticker": T}, status=409,
                 reply={"error": {"code": "market_inactive"}})  # fmt: skip


def silent_and_idle(run: Run) -> None:
    run.look(120, orders={})


def halted_without_a_word(run: Run) -> None:
    run.look(1, state="ERROR", reason="")


def hangs_in_flight(run: Run) -> None:
    run.order("kt-1")
    run.look(70, orders={"kt-1": ("CANCELING", "own", 500)})


def a_line_that_could_be_had_is_not_looked_for(run: Run) -> None:
    run.look(70, permission=1, permission_reason="not connected", rest_up=False)


def signed_by_another_clock(run: Run) -> None:
    run.sent(2, "GET", "/trade-api/v2/exchange/status", stamp_ms=3_600_000)


def stands_still(run: Run) -> None:
    taken = run.now_ns
    run.look(5, taken_ns=taken)


def too_many_requests(run: Run) -> None:
    for _ in range(60):
        run.call("GET", "/markets", status=200, reply={})


def connects_without_end(run: Run) -> None:
    for number in range(300):
        run.auditor.opened(10 + number)
        run.pass_by(0.1)


def journal_damaged(run: Run) -> None:
    run.auditor.journaled(b"\x05\x00\x00\x00" + b"\x00" * 12 + b"hello")


def replays_differ(run: Run) -> None:
    run.end(replayed=("a", "b"))


def exit_that_grows(run: Run) -> None:
    run.intend("kt-1", origin="procedure")


def exit_under_its_floor(run: Run) -> None:
    run.order("kt-1")
    run.fill("t-1", "kt-1", 500)
    run.booked("t-1", "kt-1", count=500, position=500)
    run.intend("kt-2", side="ask", price=1_000, count=500, origin="procedure")


def exit_that_may_open(run: Run) -> None:
    run.order("kt-1")
    run.fill("t-1", "kt-1", 500)
    run.booked("t-1", "kt-1", count=500, position=500)
    run.intend("kt-2", side="ask", price=4_400, count=500, origin="procedure")
    run.send("kt-2")


def touches_others(run: Run) -> None:
    run.exists("", order_id="web-1")
    run.call("DELETE", "/portfolio/events/orders/web-1", status=200)


def does_not_tell_of_others(run: Run) -> None:
    run.exists("", order_id="web-1")
    run.order("kt-1")
    run.look(10, foreign=0)


def too_much_at_risk(run: Run) -> None:
    run.auditor.rules = replace(run.auditor.rules, exposure=1_000_000)
    run.order("kt-1")


def position_differs_at_the_end(run: Run) -> None:
    run.end(positions={T: 100})


def cash_differs_at_the_end(run: Run) -> None:
    run.end(cash=1)


def money_nobody_told_of(run: Run) -> None:
    run.end(exchange_cash=1)


def ended_in_two_ways(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "CANCELED")
    run.state("kt-1", "REJECTED")


def opened_again_as_another_state(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "CANCELED")
    run.state("kt-1", "CANCELING")


def moved_without_a_reason(run: Run) -> None:
    run.move("READY", "PAUSED", reason="")


def trusts_a_book_with_a_hole(run: Run) -> None:
    run.book(skip=1, delta="1.00")
    run.look(5)


def refused_cancel_not_asked_again(run: Run) -> None:
    run.order("kt-1")
    run.auditor.commanded("CancelAll")
    run.call("DELETE", "/portfolio/events/orders/kt-1", status=503)
    run.look(15)


def lands_after_everything_was_to_end(run: Run) -> None:
    run.intend("kt-1")
    run.sent(REST, "POST", "/trade-api/v2/portfolio/events/orders", {"client_order_id": "kt-1"})
    run.auditor.commanded("CancelAll")
    run.exists("kt-1")
    run.received(REST, 201, {"order_id": "kt-1"})
    run.state("kt-1", "RESTING")
    run.look(6)


def keeps_its_quotes_while_tripped(run: Run) -> None:
    run.order("kt-1")
    run.breaker(True)
    run.look(6, tripped=True)


def keeps_its_quotes_while_paused(run: Run) -> None:
    run.order("kt-1")
    run.move("READY", "PAUSED")
    run.look(6, state="PAUSED")


def size_differs(run: Run) -> None:
    run.order("kt-1")
    run.look(10, orders={"kt-1": ("RESTING", "own", 400)})


def too_many_orders_at_once(run: Run) -> None:
    for number in range(6):
        run.intend(f"kt-{number}", count=100)


def risk_beside_an_order_in_doubt(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "IN_DOUBT")
    run.intend("kt-2")


def given_up_while_it_rests(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "VOID")


def given_up_too_early(run: Run) -> None:
    run.intend("kt-1")
    run.state("kt-1", "VOID")
    run.pass_by(5)
    run.exists("kt-1")


def in_doubt_for_ever(run: Run) -> None:
    run.order("kt-1")
    run.look(70, orders={"kt-1": ("IN_DOUBT", "own", 500)})


def trades_without_a_disk(run: Run) -> None:
    run.auditor.told.wish("disk", run.now_ns)
    run.look(5)


def ends_with_an_error(run: Run) -> None:
    run.end(code=3)


def leaves_without_reading(run: Run) -> None:
    run.order("kt-1")
    run.exists("kt-1", status="canceled")
    run.auditor.requests.read_ok["/portfolio/orders"] = 0
    run.pass_by(1)
    run.end(read=False)


def tries_without_end(run: Run) -> None:
    run.auditor.rules = replace(run.auditor.rules, tries=2)
    for number in range(3):
        run.intend(f"kt-{number}", origin="procedure")


def cancels_the_whole_account(run: Run) -> None:
    run.call("DELETE", "/portfolio/events/orders", status=200)


def held_for_refused(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "REJECTED")


def held_for_ended(run: Run) -> None:
    run.order("kt-1")
    run.state("kt-1", "CANCELED")


def never_looks_up(run: Run) -> None:
    run.intend("kt-1")
    run.state("kt-1", "IN_DOUBT")
    run.look(20, orders={"kt-1": ("IN_DOUBT", "own", 500)})


def keeps_a_line_that_is_silent(run: Run) -> None:
    for _ in range(25):
        run.pass_by(1)
        run.auditor.claims.look(run.claim())


def keeps_the_line_it_slept_on(run: Run) -> None:
    run.pass_by(20)
    run.auditor.faults.stood(run.now_ns, 20 * NS, 17 * NS)
    run.look(5)


def never_asks_for_a_book(run: Run) -> None:
    run.book(skip=1, delta="1.00")
    run.look(5, books={T: (False, None, None)})


def cannot_say_that_nothing_rests(run: Run) -> None:
    run.end(code=4, resting=1)


def pauses_and_forgets_what_is_under_way(run: Run) -> None:
    run.intend("kt-1")
    run.wished("Pause")
    run.send("kt-1")
    run.exists("kt-1")
    run.state("kt-1", "RESTING")
    run.look(6)


def forgets_to_cancel_the_one(run: Run) -> None:
    run.order("kt-1")
    run.wished("CancelOrder", "client_order_id=kt-1")
    run.look(6)


def closes_twice_while_tripped(run: Run) -> None:
    run.booked("t-1", "kt-0", count=500, position=500)
    run.breaker(True)
    run.intend("kt-1", side="ask")
    run.intend("kt-2", side="ask", count=100)


BROKEN: dict[Break, str] = {
    sent_before_the_disk: "I1 order",
    never_intended: "I1 unknown",
    changed_before_the_disk: "I1 change",
    two_orders_of_one_intent: "I2 twice",
    intended_twice: "I2 intent",
    too_many_orders: "I3 open orders",
    too_large: "I3 size",
    too_much_position: "I3 position",
    position_differs: "I4 positions",
    order_forgotten: "I4 orders",
    order_before_comparing: "I4 before",
    cash_differs: "I5 cash",
    cash_is_no_integer: "I5 integers",
    money_was_made: "I5 conservation",
    fill_twice: "I6 times",
    fill_never_made: "I6 never made",
    fill_never_booked: "I6 at the end",
    no_such_way: "I7 state",
    opened_again_in_silence: "I7 silently",
    filled_more_than_its_size: "I7 filled",
    decided_on_a_hole: "I8 book",
    decided_on_a_cross: "I8 book",
    decided_on_a_negative_size: "I8 book",
    decided_on_a_dead_line: "I8 line",
    shown_otherwise: "I8 shown",
    cancel_blocked: "I9 cancel",
    breaker_never_trips: "I10 trip",
    risk_while_tripped: "I10 risk",
    reset_by_itself: "I10 reset",
    rests_after_the_end: "I11 rests",
    no_lease: "I11 lease",
    escaped: "I13 escaped",
    silent_and_idle: "I16 idle",
    trades_where_nobody_does: "I16 unlearned",
    halted_without_a_word: "I16 reason",
    hangs_in_flight: "I16 hang",
    a_line_that_could_be_had_is_not_looked_for: "I16 hang",
    signed_by_another_clock: "I18 signature",
    stands_still: "I18 beat",
    too_many_requests: "I19 budget",
    connects_without_end: "I19 connections",
    journal_damaged: "I20 frames",
    replays_differ: "I20 replay",
    exit_that_grows: "I21 grows",
    exit_under_its_floor: "I21 floor",
    exit_that_may_open: "I21 reduce only",
    touches_others: "I22 touched",
    does_not_tell_of_others: "I22 told",
    too_much_at_risk: "I3 exposure",
    position_differs_at_the_end: "I4 at the end",
    cash_differs_at_the_end: "I5 at the end",
    money_nobody_told_of: "I5 ledger",
    ended_in_two_ways: "I7 ended twice",
    opened_again_as_another_state: "I7 reopened",
    moved_without_a_reason: "I7 reason",
    trusts_a_book_with_a_hole: "I8 trusted",
    refused_cancel_not_asked_again: "I9 cancel",
    lands_after_everything_was_to_end: "I9 cancel",
    keeps_its_quotes_while_tripped: "I9 cancel",
    keeps_its_quotes_while_paused: "I9 cancel",
    risk_beside_an_order_in_doubt: "I3 doubt",
    given_up_while_it_rests: "I2 given up",
    given_up_too_early: "I2 too early",
    in_doubt_for_ever: "I16 hang",
    trades_without_a_disk: "I1 disk",
    size_differs: "I4 sizes",
    too_many_orders_at_once: "I19 rate",
    ends_with_an_error: "I11 code",
    leaves_without_reading: "I11 unread",
    tries_without_end: "I21 tries",
    cancels_the_whole_account: "I22 all",
    held_for_refused: "I2 refused",
    held_for_ended: "I4 ended",
    never_looks_up: "I9 looked up",
    keeps_a_line_that_is_silent: "I8 silence",
    keeps_the_line_it_slept_on: "I8 slept",
    never_asks_for_a_book: "I8 asked",
    cannot_say_that_nothing_rests: "I11 unverified",
    pauses_and_forgets_what_is_under_way: "I9 cancel",
    forgets_to_cancel_the_one: "I9 cancel",
    closes_twice_while_tripped: "I10 risk",
}


def test_a_sound_run_is_without_a_word() -> None:
    run = Run()
    sound(run)
    assert run.auditor.violations == {}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_run_is_caught(broken: Break) -> None:
    run = Run()
    broken(run)
    assert BROKEN[broken] in run.auditor.violations


def test_one_exit_while_tripped_and_a_book_that_is_asked_for_are_none() -> None:
    run = Run()
    run.fill("t-1", "kt-0", count=500)
    run.booked("t-1", "kt-0", count=500, position=500)
    run.breaker(True)
    run.intend("kt-1", side="ask")
    run.book(skip=1, delta="1.00")
    run.asks(T)
    run.auditor.claims.look(run.claim(tripped=True, books={T: (False, None, None)}))
    run.pass_by(3)
    run.auditor.requests.check_line()
    assert run.auditor.violations == {}


def test_every_invariant_and_every_word_of_the_auditor_has_a_broken_run() -> None:
    words = {" ".join(found) for path in AUDIT.glob("*.py")
             for found in re.findall(r"""["(]?"(I\d+)", "([a-z ]+)\"""", path.read_text(encoding="utf-8"))}  # fmt: skip
    assert len(words) > 50
    assert set(BROKEN.values()) == words
    assert {key.split()[0] for key in words} == INVARIANTS.keys()


def test_a_difference_that_is_mended_in_time_is_none() -> None:
    run = Run()
    run.order("kt-1")
    run.look(2, positions={T: 100})
    run.look(10)
    assert run.auditor.violations == {}


def test_what_is_held_covers_the_orders_that_would_fill_first() -> None:
    ledger = Run().auditor.ledger
    ledger.positions[T] = -500
    for name, price, count in (("kt-1", 6_000, 500), ("kt-2", 5_800, 600), ("kt-3", 1_000, 300)):
        ledger.order(Order(name, name, T, "bid", price, count, count, 0, "resting", 0))
    assert ledger.reserved() == 600 * 5_800 + 300 * 1_000


def test_while_a_fault_is_on_books_may_differ_and_afterwards_they_may_not() -> None:
    run = Run()
    run.order("kt-1")
    run.auditor.faults.begin("x", run.now_ns, line=True)
    run.look(20, positions={T: 100})
    assert run.auditor.violations == {}
    run.auditor.faults.end("x", run.now_ns)
    run.look(run.auditor.rules.compare_s + 10, positions={T: 100})
    assert run.found == {"I4"}


def test_the_reading_of_bytes_is_alike_for_every_split() -> None:
    def told(size: int) -> tuple[int, dict[str, str]]:
        run = Run()
        lines = run.auditor.lines
        whole = bytearray()
        run.auditor.received = lambda _number, data: whole.extend(data)  # type: ignore[method-assign, misc]
        for _ in range(3):
            run.book(delta="1.00")
        del run.auditor.received  # type: ignore[attr-defined]
        for start in range(0, len(whole), size):
            run.auditor.received(1, bytes(whole[start : start + size]))
        assert lines[1].stream
        return run.auditor.streams.deltas, run.auditor.violations

    assert {told(size)[0] for size in (1, 2, 3, 7, 50, 10_000)} == {3}


def test_a_minute_is_a_minute() -> None:
    run = Run()
    assert run.auditor.rules.owed_s * NS == 60 * NS


def test_a_change_is_read_alike_in_the_usual_writing_and_in_any_other() -> None:
    def ladders(*, usual: bool) -> object:
        run = Run()
        for number, (price, delta, side) in enumerate(
            (
                ("0.4400", "7.00", "yes"),
                ("0.5200", "12.50", "no"),
                ("0.4500", "-10.00", "yes"),
                ("0.4600", "0.01", "yes"),
            )
        ):
            frame = {
                "type": "orderbook_delta", "sid": 3, "seq": 2 + number, "sending_ts_ms": 5, "msg": {
                    "market_ticker": T, "market_id": "1b-2c", "clock": 9, "price_dollars": price, "delta_fp": delta,
                    "side": side, "ts": "2026-01-05T15:00:00.5Z", "ts_ms": 5,
                },
            }  # fmt: skip
            text = json.dumps(frame, separators=(",", ":") if usual else None).encode()
            assert (type(told(text)) is Change) is usual
            run.frame(text)
        book = run.auditor.streams.books[T]
        return book.sides, book.bad, run.auditor.streams.last, run.auditor.streams.deltas

    assert ladders(usual=True) == ladders(usual=False)


def test_changes_of_a_world_come_in_the_usual_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly: list[bytes] = []

    def parsed(text: bytes) -> object:
        slowly.append(text)
        return json.loads(text)

    monkeypatch.setattr("core.lab.audit.wire.parsed", parsed)
    world = play(Plan(1, "slow", 30, ()))
    assert world.deltas > 100 and not [
        text for text in slowly if b'"orderbook_delta"' in text and b"price_dollars" in text
    ]


def test_one_frame_of_many_is_garbled_and_the_others_are_as_they_were() -> None:
    garble = Garble()
    garble.begin("D4", "trade", setting(count="x"), 1)
    texts = [b'{"type":"ticker","msg":{}}', b'{"type":"trade","msg":{}}', b'{"type":"trade","msg":{"a":1}}']
    whole = texts_on_the_wire(texts)
    changed = texts_on_the_wire([texts[0], b'{"type": "trade", "msg": {"count": "x"}}', texts[2]])
    assert garble(whole + b"\x89\x00") == changed + b"\x89\x00"
    assert garble.counts["D4"] == 1 and garble(whole) == whole
