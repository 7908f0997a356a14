"""Faults of worlds on the wire: requests, races, the line. Rows A to C."""

from __future__ import annotations

from core.domain.enums import BookSide
from core.lab.steps import (
    ONE_ORDER,
    POST,
    Named,
    act,
    armed,
    bust,
    cancel_all,
    change,
    cross,
    cut,
    hit,
    other_order,
    signal_order,
    trip_group,
)

ON_THE_WIRE: dict[str, Named] = {
    # A. requests
    "A1-refused": armed("A1", "the port refuses", "I1 I16 I19", "connect_refused", cut),
    "A4-way-out-full": armed("A4", "the way out is full", "I1 I9", "reply_late", **POST, delay_ms=6_000, line=False),
    "A5-A6-reset": armed("A6", "reset before it is processed", "I2", "request_reset", **POST, times=2, line=False),
    "A7-reply-lost": armed("A7", "done, the reply is lost", "I2 I3 I6", "reply_lost", **POST, times=2, line=False),
    "A8-filled-unheard": armed(
        "A8",
        "filled at once, the reply is lost",
        "I2 I5",
        "reply_lost",
        cross(),
        **POST,
        times=1,
        line=False,
        hit="seen:order unanswered, filled",
    ),
    "A9-parked": armed(
        "A9",
        "processed after we gave up",
        "I2 I3",
        "request_parked",
        **POST,
        times=1,
        delay_ms=12_000,
        line=False,
        low_s=14,
        high_s=16,
    ),
    "A10-parked-beyond-expiry": armed(
        "A10",
        "processed after its own expiry",
        "I3",
        "request_parked",
        **POST,
        times=1,
        delay_ms=45_000,
        line=False,
        low_s=46,
        high_s=48,
    ),
    "A11-reply-late": armed(
        "A11",
        "success told after patience ended",
        "I2 I7",
        "reply_late",
        **POST,
        times=1,
        delay_ms=11_000,
        line=False,
        low_s=12,
        high_s=14,
    ),
    "A12-server-error": armed("A12", "503, nothing done", "I2", "server_error", times=3, status=503),
    "A12-done-and-error": armed(
        "A12", "500, and it was done", "I2", "server_error", **POST, times=2, status=500, processed=True, line=False
    ),
    "A13-rejected": armed("A13", "400 with a code", "I7 I10", "rejected", **POST, times=3, line=False),
    "A13-rejected-often": armed("A13", "400 again and again", "I10", "rejected", **POST, line=False, high_s=20),
    "A14-skew": armed("A14", "signatures out of time", "I18", "clock_skew", skew_ms=120_000, hit="seen:key refused"),
    "A15-revoked": armed("A15", "the key is revoked", "I10 I16", "unauthorized", status=401),
    "A17-conflict": armed("A17", "409 for another reason", "I7", "conflict", **POST, times=2, line=False),
    "A18-limited": armed("A18", "one 429", "I19 I9", "too_many_requests", **POST, times=1, line=False),
    "A19-limited-long": armed(
        "A19", "429 for long", "I10 I16 I19", "too_many_requests", **POST, line=False, low_s=15, high_s=25
    ),
    "A20-retry-after": armed(
        "A20",
        "a retry-after that is nonsense",
        "I13 I16",
        "too_many_requests",
        **POST,
        times=2,
        retry_after="-99999999999999999999",
        line=False,
    ),
    "A21-empty": armed("A21", "success without a body", "I13 I2", "reply_broken", times=3, how="empty"),
    "A21-html": armed("A21", "success with a page of HTML", "I13 I2", "reply_broken", times=3, how="html"),
    "A22-field-missing": armed(
        "A22", "success with a field missing", "I13 I2", "field_missing", **POST, times=2, line=False
    ),
    "A23-redirected": armed("A23", "a redirect elsewhere", "I14 I15", "redirected", times=2),
    "A24-huge": armed("A24", "an endless reply", "I12 I13", "reply_huge", times=1),
    "A25-closed": armed("A25", "a kept connection closes", "I2", "connection_closed", rate=60),
    "A26-batch": armed("A26", "a batch reply with holes", "I2 I7", "batch_mangled", line=False, high_s=40),
    "A28-stale": armed(
        "A28", "lists lag the writes", "I4 I2", "stale_reads", lag_ms=3_000, line=False, hit="seen:account read"
    ),
    "A29-stale-balance": armed(
        "A29",
        "an old balance is served",
        "I5",
        "stale_reads",
        lag_ms=5_000,
        path="/portfolio/balance",
        line=False,
        hit="seen:account read",
        low_s=10,
        high_s=40,
    ),
    # B. races
    "B1-fill-first": armed(
        "B1",
        "the fill comes before the reply",
        "I6 I7",
        "reply_late",
        cross(),
        **POST,
        times=1,
        delay_ms=1_500,
        line=False,
        hit="seen:fill before reply",
    ),
    "B2-fill-twice-told": Named(
        row="B2",
        about="the fill comes in the reply and on the stream",
        keeps="I6",
        begin=(cross(BookSide.ASK),),
        hit="seen:fill in reply and stream",
        line=False,
        low_s=1,
        high_s=2,
    ),
    "B3-fill-doubled": armed("B3", "a fill comes twice", "I6", "frame_doubled", hit, channel="fill", line=False),
    "B4-fill-changed": armed("B4", "a fill comes again with other contents", "I6 I5", "fill_changed", hit, times=1),
    "B5-fills-swapped": armed("B5", "fills out of order", "I6 I5", "frame_swapped", hit, hit, channel="fill"),
    "B6-cancel-part": armed(
        "B6", "a part fills while the cancel flies", "I7 I3", "cancel_raced", part=50, line=False, high_s=25
    ),
    "B7-cancel-all": armed(
        "B7", "all fills while the cancel flies", "I7", "cancel_raced", times=4, line=False, high_s=25
    ),
    "B8-cancel-lost": armed(
        "B8", "the cancel's reply is lost", "I7 I9", "reply_lost", cancel_all, method="DELETE", times=3
    ),
    "B9-late-fill": armed(
        "B9",
        "the fill comes after the cancel",
        "I6 I7",
        "frame_overtaken",
        hit,
        cancel_all,
        channel="fill",
        delay_ms=1_500,
        line=False,
    ),
    "B10-change-lost": armed(
        "B10",
        "the change's reply is lost",
        "I3",
        "reply_lost",
        change,
        method="POST",
        path=ONE_ORDER,
        times=1,
        line=False,
    ),
    "B11-foreign-fill": Named(
        row="B11",
        about="a fill of an order never seen",
        keeps="I22 I4",
        begin=(act("web-order", by=1),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "B12-fill-lost": armed(
        "B12", "a fill is lost on a healthy stream", "I4 I6", "frame_lost", hit, channel="fill", line=False
    ),
    "B15-group-trips": Named(
        row="B15", about="our order group trips", keeps="I10 I7", begin=(trip_group,), line=False, low_s=1, high_s=2
    ),
    "B16-post-only": armed(
        "B16", "post-only is refused again and again", "I10 I19", "post_only_crosses", times=6, line=False
    ),
    "B17-same-moment": Named(
        row="B17",
        about="operator and strategy wish at one moment",
        keeps="I3",
        begin=(signal_order,),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "B18-twice": Named(
        row="B18", about="the same wish twice", keeps="I2", begin=(other_order,), line=False, low_s=1, high_s=2
    ),
    # C. the line
    "C1-closed": armed("C1", "the stream closes", "I4 I8 I16", "stream_closed", low_s=1, high_s=2),
    "C2-reset": armed("C2", "the stream is reset", "I4 I8", "stream_reset", low_s=1, high_s=2),
    "C3-half-open": armed(
        "C3", "the line is dead and says nothing", "I8 I16", "stream_stalled", pings=False, low_s=16, high_s=22
    ),
    "C4-channel-silent": armed(
        "C4", "one channel is silent", "I8", "stream_stalled", channel="orderbook_delta", low_s=5, high_s=20, line=False
    ),
    "C5-lag": armed(
        "C5", "frames lag", "I8 I17", "frame_late", channel="orderbook_delta", delay_ms=3_000, rate=30, line=False
    ),
    "C6-frame-lost": armed("C6", "a frame is lost", "I8 I6", "frame_lost", rate=20, line=False),
    "C7-doubled": armed("C7", "frames come twice", "I8 I6", "frame_doubled", rate=50, line=False),
    "C8-swapped": armed("C8", "frames change places", "I8", "frame_swapped", rate=30, line=False),
    "C10-closed-at-once": armed("C10", "closed right after it opened", "I16 I19", "stream_rejected", cut),
    "C11-no-stream": armed("C11", "no connection for long", "I16 I19", "stream_refused", cut, low_s=10, high_s=30),
    "C12-half-subscribed": armed(
        "C12", "a subscription fails", "I8 I16", "subscribe_failed", cut, channel="fill", times=1
    ),
    "C16-burst": Named(
        row="C16",
        about="a burst of changes",
        keeps="I12 I9",
        begin=(act("burst", by=600),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "C17-enormous": armed("C17", "an enormous frame", "I12 I13", "frame_broken", how="huge", times=1),
    "C18-no-text": armed("C18", "no UTF-8", "I13", "frame_broken", how="utf8", times=2),
    "C18-binary": armed("C18", "a binary frame", "I13", "frame_broken", how="binary", times=2),
    "A5-cut-in-body": armed(
        "A5", "reset while the body comes", "I2 I3", "request_reset", **POST, times=2, early=True, line=False
    ),
    "A24-endless": armed("A24", "a reply without end", "I12 I13", "reply_huge", times=1, how="endless"),
    "A24-packed": armed("A24", "a reply packed into few bytes", "I12 I13", "reply_huge", times=1, how="gzip"),
    "A25-closed-silently": armed(
        "A25", "a kept connection closes without a word", "I2", "connection_closed", rate=40, silent=True
    ),
    "B13-bust": Named(
        row="B13",
        about="a trade is taken back",
        keeps="I5 I7",
        begin=(hit, bust),
        line=False,
        low_s=1,
        high_s=2,
        late=True,
    ),
    "B14-self-trade": Named(
        row="B14",
        about="self-trade prevention ends our order",
        keeps="I7",
        begin=(act("self-trade"),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "C9-sliced": armed("C9", "frames come in slices", "I13", "frame_sliced", rate=50, line=False),
    "C9-reply-sliced": armed("C9", "replies come in slices", "I13", "reply_sliced", line=False, bytes=3),
    "C13-old-line": armed(
        "C13", "the old line's late frames", "I6 I8", "stream_stalled", old=True, pings=False, low_s=16, high_s=20
    ),
    "C18-reserved": armed("C18", "a frame with reserved bits", "I13", "frame_broken", how="reserved", times=1),
}
