"""What the trader is expected to do under each fault of the simulated exchange; shown beside what it then did."""

from __future__ import annotations

_REPEATED_READ = "reads are repeated, cancels sent again; an order hit is in doubt, looked up, never sent twice"
_DOUBT = "the order is in doubt and counts at its worst until a look-up tells"

EXPECTED: dict[str, str] = {
    "connect_refused": "open connections go on; new ones fail: reads repeated, then ERROR, calibrates once back",
    "request_reset": _REPEATED_READ,
    "request_parked": "the call waits or times out; an order hit is in doubt until its reply or a look-up",
    "server_error": _REPEATED_READ,
    "rejected": "the order is REJECTED with the code; rejections in a row trip the breaker",
    "unauthorized": "the key is refused: trading halts and says so; heals when the key is taken again",
    "conflict": "an order is rejected and told; ids are never sent twice, so it is no duplicate of ours",
    "too_many_requests": "new orders are held back, longer each time; cancels keep their own tokens; no error counted",
    "redirected": "not followed: the call fails",
    "post_only_crosses": "refused quotes count as nothing at first; three in a row: the book is read whole again",
    "cancel_raced": "the fill counts, the order ends FILLED, the cancel finds nothing",
    "reply_lost": _DOUBT,
    "reply_late": "waits; past the time-out " + _DOUBT,
    "reply_broken": _DOUBT + "; a broken read is repeated",
    "field_missing": _DOUBT + "; a read without a field it needs is repeated",
    "reply_huge": "cut off at the limit of size; the call counts as failed",
    "reply_sliced": "nothing: a reply is read whole however it comes",
    "connection_closed": "nothing: the next call opens a new connection",
    "batch_mangled": "orders without an answer of their own are in doubt and looked up",
    "cursor_loops": "the reading stops at the second sight of a page and counts as failed (c makes it read)",
    "stale_reads": "a difference counts only when read twice; one old page corrects nothing (c makes it read)",
    "clock_skew": "signatures are refused: ERROR until our clock is set by the exchange's, then READY",
    "cancel_all_reaches": "an order placed right after a cancel of all may end too; it is not thought resting",
    "client_ids_free": "nothing: ids are never used twice by us",
    "frame_lost": "the gap in the sequence is seen, that book is not traded on and read whole again",
    "frame_doubled": "nothing: a fill counts once, a change whose number is known already is dropped",
    "frame_swapped": "a number out of turn is a gap and the book is read whole again; other frames need no order",
    "frame_late": "the book is old until it comes; a silent stream is not trusted for long",
    "frame_overtaken": "reply and stream in either order give the same books",
    "frame_sliced": "nothing: a frame is read whole however it comes",
    "frame_broken": "the frame is refused and counted; a gap follows; twenty in a minute trip the breaker",
    "fill_changed": "the same fill again with another size is refused and told; the books are compared",
    "stream_stalled": "the silence is noticed: quotes pulled, the stream connected anew",
    "stream_closed": "ERROR (stream lost); connects, calibrates, READY",
    "stream_reset": "ERROR (stream lost); connects, calibrates, READY",
    "stream_refused": "nothing while connected; after a loss the tries go on with a growing back-off",
    "stream_rejected": "nothing while connected; after a loss the tries go on with a growing back-off",
    "subscribe_failed": "the subscription is tried again; without the books there is no trading",
}
