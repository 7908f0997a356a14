"""The status in every form: history, panel, summary, document. Widths, bounds, nothing left out, nothing secret."""

from typing import Any

import msgspec
import pytest

from core.domain.amounts import Count, Price
from core.domain.commands import Pause
from core.domain.enums import OrderState, Permission, TraderState
from core.domain.events import OrderOutcomeUnknown, StreamLost
from core.domain.ids import ClientOrderId, Ticker
from core.engine.picture import PictureMaker
from core.trading.document import history_document, status_document
from core.trading.panel import render_panel, status_text
from core.trading.snapshot import ActionView, GaugesView, LatencyView, ScreenGauges, StepView, TraderSnapshot
from core.trading.status import HISTORY_KEPT, StatusLogger
from core.trading.summary import history_lines, render_summary, short_age
from tests.core.builders import NS, WALL, Bench
from tests.tui.console_builders import HOSTILE, identity, order, position, snapshot
from tests.tui.console_builders import book as a_book

FORMS = ("panel", "whole", "summary")


def picture(bench: Bench) -> TraderSnapshot:
    return PictureMaker(identity()).take(bench.engine)


def many(count: int) -> TraderSnapshot:
    tickers = [Ticker(f"KXMANY-26DEC01-T{n}") for n in range(count)]
    return snapshot(
        positions=tuple(position(t) for t in tickers),
        orders=tuple(order(client_order_id=ClientOrderId(f"kt-s-{n:06d}"), ticker=t) for n, t in enumerate(tickers)),
        books=tuple(a_book(t) for t in tickers),
    )


def test_every_change_of_state_and_every_interval_is_a_row_and_a_flip_is_none() -> None:
    bench = Bench(status_interval_ns=30 * NS).up()
    rows = bench.desk.status.history
    states = [r.state for r in rows]
    assert states == list(dict.fromkeys(states)), "a state once each on the way up"
    assert states[-1] is TraderState.READY
    assert rows[-1].portfolio == bench.balance
    assert rows[-1].health == "healthy"
    before = len(rows)
    bench.beat(1, times=95)
    assert len(rows) == before + 3
    assert [r.seconds_in_state for r in list(rows)[-3:]] == sorted(r.seconds_in_state for r in list(rows)[-3:])
    bench.step(Pause())
    bench.beat()
    assert rows[-1].label == "PAUSED (operator)"


def test_a_row_tells_the_health_of_its_own_moment() -> None:
    bench = Bench().up()
    bench.step(StreamLost(epoch=1, reason="gone", retry_ms=100))
    bench.beat()
    last = bench.desk.status.history[-1]
    assert (last.state, last.reason, last.health) == (TraderState.ERROR, "stream_lost", "error")


def test_the_interval_goes_on_in_states_that_do_not_trade() -> None:
    bench = Bench(status_interval_ns=10 * NS).up()
    bench.step(Pause())
    bench.beat()
    before = len(bench.desk.status.history)
    bench.beat(1, times=31)
    assert len(bench.desk.status.history) == before + 3


def test_the_history_keeps_a_hundred_rows_and_gives_the_last_ones() -> None:
    bench = Bench(status_interval_ns=NS).up()
    bench.beat(1, times=150)
    status = bench.desk.status
    assert len(status.history) == HISTORY_KEPT == 100
    assert status.get_status_history(3) == tuple(status.history)[-3:]
    assert len(status.get_status_history()) == 20
    assert status.get_status_history(0) == ()
    again = StatusLogger()
    again.recall_history(status.get_status_history(100))
    assert again.get_status_history(100) == status.get_status_history(100)


def test_health_is_checked_on_its_timetable_and_a_change_is_told_once() -> None:
    bench = Bench(health_check_ns=5 * NS).up()
    before = bench.engine.rounds.checks
    bench.beat(1, times=20)
    assert bench.engine.rounds.checks == before + 4
    bench.step(StreamLost(epoch=1, reason="gone", retry_ms=100))
    bench.beat(1, times=12)
    told = [a.text for a in bench.desk.status.activity if a.kind == "service" and "Orderbook" in a.text]
    assert len([t for t in told if "→ error" in t]) == 1


def test_a_calibration_step_that_failed_is_told() -> None:
    logger = StatusLogger()
    for _ in range(3):
        logger.log_calibration_step(
            WALL, StepView(step="sync_orders", status="failed", elapsed_ns=NS, detail="no reply")
        )
    assert [(a.kind, a.text, a.status) for a in logger.activity] == [
        ("calibration_step", "sync_orders: no reply", "failed")
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_form_is_wider_than_eighty_columns_and_ascii_is_ascii(form: str, ascii_only: bool) -> None:
    for shown in (many(60), snapshot(errors=(), components=()), picture(Bench()), picture(Bench().up())):
        text = status_text(shown, shown.taken_at, form, ascii_only=ascii_only)
        assert max(len(line) for line in text.splitlines()) <= 80
        assert text.isascii() or not ascii_only
        assert "None" not in text.replace("Last Error: None", "")


def test_the_clipboard_form_stops_at_forty_rows_and_says_so_and_the_whole_form_does_not() -> None:
    panel, whole = (status_text(many(60), 0, form) for form in ("panel", "whole"))
    assert panel.count("… 20 more") == 3, "markets, positions, orders"
    assert "more" not in whole.partition("POSITIONS")[2].partition("Recent")[0]
    assert all(f"KXMANY-26DEC01-T{n}:" in whole for n in range(60))


def test_the_panel_names_what_a_report_needs() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(OrderOutcomeUnknown(client_order_id=sent.client_order_id, reason="timeout", elapsed_ns=NS))
    bench.beat(1, times=3)
    seen = picture(bench)
    gauges = GaugesView(
        loop_lag_p50_us=900, latency=(LatencyView(call="order", replies=9, p50_us=1_500, p99_us=9_000),), limited=2,
        retries=3, last_error="429 too_many_requests", clock_offset_ms=-4_000,
        screen=ScreenGauges(rate_hz=2, left_out=7, backlog=1),
    )  # fmt: skip
    pending = ActionView(command_id=9, name="Liquidate", status="pending", text="", at=seen.taken_at - NS)
    full = msgspec.structs.replace(
        seen,
        identity=identity(config_hash="0a1b2c3d", log_file="/state/log/trader.log", python="3.11.7", screen="8.2.8"),
        feed=msgspec.structs.replace(seen.feed, gauges=gauges, loop_lag_p99_us=4_200),
        actions=(pending,),
    )
    text = render_panel(full, full.taken_at)
    joined = " ".join(line.strip("║ ") for line in text.splitlines())
    for words in (
        "Config 0a1b2c3d", "/state/log/trader.log", "Python 3.11.7", "Textual 8.2.8", "-4 s",
        "Screen: 2 pictures a second, 7 left out, 1 frames not taken yet",
        "order 1.5 ms / 9.0 ms", "limited 2, retries 3", "Last REST error: 429 too_many_requests",
        "Loop lag p50 / p99: 0.9 ms / 4.2 ms", "gaps 0, resyncs 0", "pending actions: Liquidate (1.0 s)",
        "IN DOUBT (1)", f"{sent.client_order_id}, ", "CALIBRATING (", "→ READY (calibration_complete)",
        "Today (UTC): realized $0.00, fees $0.00, 0 fills, 1 orders placed",
    ):  # fmt: skip
        assert words in joined, words


def test_the_summary_has_the_known_shape() -> None:
    bench = Bench().up()
    bench.place()
    lines = render_summary(picture(bench), WALL).splitlines()
    assert lines[0] == "=== TRADER STATUS ==="
    assert lines[-1] == "================"
    assert lines[1].startswith("State: READY (")
    assert lines[1].endswith("s) | Last: CALIBRATING → READY (calibration_complete)")
    assert "✅ OrderService: 1 pending, 1 placed today" in lines
    assert "✅ StateSync: synced 0s ago, drift: $0.00" in lines or any(
        line.startswith("✅ StateSync: synced ") and line.endswith("drift: $0.00") for line in lines
    )
    assert "Portfolio: $1,000.00 | Positions: 0 markets | Orders: 1 open" in lines
    assert "Last Error: None" in lines
    assert "Recent Activity:" in lines


def test_before_calibration_the_summary_says_what_is_not_known() -> None:
    text = render_summary(picture(Bench()), WALL)
    assert "Portfolio: not known before calibration" in text


def test_the_document_has_the_known_parts() -> None:
    bench = Bench().up()
    document: dict[str, Any] = status_document(picture(bench))
    assert set(document) == {"state_machine", "services", "recent_activities", "error_history"}
    assert document["state_machine"]["current_state"] == "READY"
    assert document["state_machine"]["transition_reason"] == "calibration_complete"
    assert document["services"]["StateSync"]["sync_drift"] == {"cash": "0.000000", "positions": 0}
    assert document["services"]["OrderService"]["orders_pending"] == 0
    assert document["recent_activities"][0]["timestamp"].endswith("Z")
    (last,) = history_document(bench.desk.status.get_status_history(1))
    assert (last["state"], last["portfolio"]) == ("READY", "1000.000000")


def test_history_rows_are_ascii_and_at_most_eighty_columns() -> None:
    bench = Bench(armed=False).up()
    lines = history_lines(bench.desk.status.history)
    assert len(lines) == 1 + len(bench.desk.status.history)
    assert max(map(len, lines)) <= 80
    assert "\n".join(lines).isascii()
    assert "READY (not armed)" in lines[-1]


def test_ages_are_told_in_their_largest_unit() -> None:
    ages = [short_age(s * NS) for s in (-1, 0, 59, 60, 3_599, 3_600, 86_400)]
    assert ages == ["0s", "0s", "59s", "1m", "59m", "1h", "1d"]


def test_doubt_is_first_and_shown_with_its_price() -> None:
    doubtful = order(state=OrderState.IN_DOUBT, price=Price(3_300), count=Count(700), reason="timeout")
    assert "IN DOUBT (1), by client id:" in render_panel(snapshot(orders=(doubtful,)), 0)


def test_permission_words_of_the_history_are_those_of_the_table() -> None:
    bench = Bench().up()
    assert {r.permission for r in bench.desk.status.history} <= {p.name.lower() for p in Permission}
    assert HOSTILE not in render_panel(snapshot(), 0)


def test_everything_that_is_told_goes_to_the_log_once_with_its_duration_and_its_weight() -> None:
    logger = StatusLogger()
    logger.log_action_result(WALL, "order_placed", "T BUY 5@0.45", 800_000_000)
    logger.log_action_result(WALL, "order_rejected", "T", status="rejected")
    logger.log_error(WALL, "stream: reset", "next try in 5 ms")
    logger.log_error(WALL, "book untrusted", "T", severity="warning")
    logger.log_recovery("whole again")
    assert logger.take_untold() == [
        ("info", "order_placed: T BUY 5@0.45 (0.800s)"),
        ("info", "order_rejected: T [rejected]"),
        ("error", "stream: reset (next try in 5 ms)"),
        ("warning", "book untrusted (T)"),
        ("info", "recovered: stream: reset: whole again"),
        ("info", "recovered: book untrusted: whole again"),
    ]
    assert logger.take_untold() == []


def test_what_nobody_takes_for_the_log_is_bounded() -> None:
    logger = StatusLogger()
    for number in range(5_000):
        logger.log_action_result(WALL, "fill", str(number))
    assert len(logger.take_untold()) == 1_000


def test_routine_does_not_wash_out_what_went_wrong() -> None:
    status = StatusLogger()
    status.log_action_result(1, "order_rejected", "the one that matters", status="rejected")
    status.log_error(1, "the error that matters", "")
    for number in range(1_000):
        status.log_action_result(number, "order_placed", f"order {number}")
        status.log_error(number, f"warning {number}", "", severity="warning")
    assert status.activity[0].text == "the one that matters"
    assert status.errors[0].error == "the error that matters"
    assert (len(status.activity), len(status.errors)) == (300, 100)
    for number in range(1_000):
        status.log_action_result(number, "order_rejected", f"order {number}", status="rejected")
    assert sum(row.is_plain for row in status.activity) in (149, 150)


def test_the_alarm_is_the_newest_error_that_nothing_has_recovered() -> None:
    logger = StatusLogger()
    logger.log_error(WALL, "stream: reset", "next try in 5 ms")
    logger.log_error(WALL + 1, "outcome not known: timeout", "T BUY 5@0.45")
    logger.log_error(WALL + 2, "book untrusted", "T", severity="warning")
    assert logger.alarm(WALL + 3) == "outcome not known: timeout (T BUY 5@0.45)"
    logger.log_recovery("looked up: filled", "outcome not known", "T BUY 5@0.45")
    assert logger.alarm(WALL + 3) == "stream: reset (next try in 5 ms)"
    assert [bool(row.recovery) for row in logger.errors] == [False, True, False]
    logger.log_recovery("stream connected again", "stream")
    assert logger.alarm(WALL + 3) == ""


def test_what_only_a_person_ends_is_not_recovered_by_a_comparison_and_old_errors_are_no_alarm() -> None:
    logger = StatusLogger()
    logger.log_error(WALL, "strategy maker switched off: raised", "0 of its orders canceled")
    logger.log_error(WALL + 1, "order rejected: invalid_price", "T")
    logger.log_recovery("calibrated again")
    assert logger.alarm(WALL + 2).startswith("strategy maker switched off")
    assert logger.alarm(WALL + 3_600 * 10**9) == ""
