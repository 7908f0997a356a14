"""The fault table, rows A to C, seen from the exchange: what plays each row, or why no exchange can cause it.

A name in `FAULTS` is switched on by control port, scenario file or program; one in `ACTS` is done by the same three.
`ITSELF` rows need no fault: the exchange answers so in its ordinary life, proved by the test that is named.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Played:
    """`faults` and `acts` play the row; `itself` names a test; `never` says why it is nothing an exchange can do."""

    faults: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    itself: str = ""
    never: str = ""


def _f(*names: str) -> Played:
    return Played(faults=names)


ROWS: dict[str, Played] = {
    "A1": _f("connect_refused"),
    "A2": Played(never="names are resolved on the client's machine; the exchange listens on an address"),
    "A3": Played(never="the exchange is on loopback and speaks plain HTTP; certificates are the client's to judge"),
    "A4": Played(never="the client's own queue"),
    "A5": _f("request_reset"),
    "A6": _f("request_reset"),
    "A7": _f("reply_lost"),
    "A8": _f("reply_lost"),
    "A9": _f("request_parked"),
    "A10": _f("request_parked"),
    "A11": _f("request_parked", "reply_late"),
    "A12": _f("server_error"),
    "A13": _f("rejected"),
    "A14": _f("unauthorized", "clock_skew"),
    "A15": _f("unauthorized"),
    "A16": Played(
        faults=("client_ids_free",),
        itself="test_venue.test_a_client_id_is_burnt_for_ever_but_only_for_its_account",
    ),
    "A17": _f("conflict"),
    "A18": Played(faults=("too_many_requests",), itself="test_rest.test_buckets_run_dry_with_a_bare_429_and_refill"),
    "A19": _f("too_many_requests"),
    "A20": _f("too_many_requests"),
    "A21": _f("reply_broken"),
    "A22": _f("field_missing"),
    "A23": _f("redirected"),
    "A24": _f("reply_huge"),
    "A25": _f("connection_closed"),
    "A26": _f("batch_mangled"),
    "A27": _f("cursor_loops"),
    "A28": _f("stale_reads"),
    "A29": _f("stale_reads"),
    "B1": _f("reply_late", "frame_overtaken"),
    "B2": _f("reply_late"),
    "B3": _f("frame_doubled"),
    "B4": _f("fill_changed"),
    "B5": _f("frame_swapped"),
    "B6": _f("cancel_raced"),
    "B7": _f("cancel_raced"),
    "B8": _f("reply_lost"),
    "B9": _f("frame_late", "frame_overtaken"),
    "B10": _f("reply_lost"),
    "B11": Played(acts=("web-order",)),
    "B12": _f("frame_lost"),
    "B13": Played(acts=("bust",)),
    "B14": Played(faults=("cancel_all_reaches",), acts=("self-trade",)),
    "B15": Played(acts=("hit",)),
    "B16": _f("post_only_crosses"),
    "B17": Played(never="two wishes at once inside the client"),
    "B18": Played(never="the client's own events; what the wire doubles is B3 and C7"),
    "C1": _f("stream_closed"),
    "C2": _f("stream_reset"),
    "C3": _f("stream_stalled"),
    "C4": _f("stream_stalled"),
    "C5": _f("frame_late"),
    "C6": _f("frame_lost"),
    "C7": _f("frame_doubled"),
    "C8": _f("frame_swapped"),
    "C9": _f("frame_sliced", "reply_sliced"),
    "C10": _f("stream_refused", "stream_rejected"),
    "C11": _f("connect_refused", "stream_refused"),
    "C12": Played(
        faults=("subscribe_failed",),
        itself="test_stream_limits.test_more_markets_than_a_connection_may_have_are_error_26",
    ),
    "C13": _f("stream_stalled"),
    "C14": _f("stream_stalled"),
    "C15": Played(itself="test_stream.test_a_reader_that_never_reads_loses_its_subscription_and_hurts_nobody"),
    "C16": Played(acts=("burst",)),
    "C17": _f("frame_broken"),
    "C18": _f("frame_broken"),
}
