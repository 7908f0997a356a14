"""Faults on command: a seeded switchboard of everything an exchange or the wire can do wrong.

Each fault is a row: where it strikes, which entries of the fault catalogue it plays, and its parameters with their
defaults. Faults are armed and disarmed by name at run time; each strike is drawn from the seed and counted. What a
strike does is in `wire` (requests and replies) and `unruly` (stream); here is only whether it happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

REQUEST, REPLY, FRAME, STREAM, STATE = "request", "reply", "frame", "stream", "state"


class FaultError(ValueError):
    """A fault that cannot be armed so; `key` is what is wrong with it."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class FaultKind(msgspec.Struct, frozen=True):
    place: str
    ids: str  # entries of the fault catalogue
    about: str
    params: Mapping[str, int | str | bool] = {}


_WRITES = {"method": "", "path": ""}
_FRAMES = {"channel": ""}
FAULTS: dict[str, FaultKind] = {
    # requests, before the exchange has looked at them
    "connect_refused": FaultKind(STATE, "A1 C11", "the port does not listen; open connections go on"),
    "request_reset": FaultKind(
        REQUEST,
        "A5 A6",
        "the connection is reset, nothing is processed; with `early` while the body is still coming",
        {**_WRITES, "early": False},
    ),
    "request_parked": FaultKind(
        REQUEST, "A9 A10 A11", "the request waits in the gateway and is processed late", {**_WRITES, "delay_ms": 2_000}
    ),
    "server_error": FaultKind(
        REQUEST,
        "A12",
        "500, 502, 503, 504 or 408; with `processed` the request took effect all the same",
        {**_WRITES, "status": 503, "processed": False},
    ),
    "rejected": FaultKind(REQUEST, "A13", "400 with a code", {**_WRITES, "code": "invalid_order"}),
    "unauthorized": FaultKind(REQUEST, "A14 A15", "401 or 403, as if the key were revoked", {**_WRITES, "status": 401}),
    "conflict": FaultKind(REQUEST, "A17", "409 for a reason that is no duplicate", _WRITES),
    "too_many_requests": FaultKind(
        REQUEST,
        "A18 A19 A20",
        "429; `retry_after` adds that header, as absurd as wanted",
        {**_WRITES, "retry_after": ""},
    ),
    "redirected": FaultKind(REQUEST, "A23", "a redirect to another host", {**_WRITES, "to": "http://127.0.0.1:9/"}),
    "post_only_crosses": FaultKind(REQUEST, "B16", "every post-only order is said to cross"),
    "cancel_raced": FaultKind(
        REQUEST, "B6 B7", "the order fills, by `part` percent, just before its cancel", {"part": 100}
    ),
    # replies, after the exchange has done its work
    "reply_lost": FaultKind(REPLY, "A7 A8 B8 B10", "processed, then reset before the reply", _WRITES),
    "reply_late": FaultKind(REPLY, "A11 B1 B2", "processed at once, answered late", {**_WRITES, "delay_ms": 2_000}),
    "reply_broken": FaultKind(REPLY, "A21", "success with an empty, cut or HTML body", {**_WRITES, "how": "cut"}),
    "field_missing": FaultKind(
        REPLY,
        "A22",
        "a field is missing from the reply, or is `instead`",
        {**_WRITES, "field": "order_id", "instead": ""},
    ),
    "reply_huge": FaultKind(
        REPLY,
        "A24",
        "a reply of many bytes, packed into few, or without end",
        {**_WRITES, "bytes": 8_000_000, "how": "plain"},
    ),
    "reply_sliced": FaultKind(REPLY, "C9", "the body comes in pieces of so many bytes", {**_WRITES, "bytes": 1}),
    "connection_closed": FaultKind(
        REPLY,
        "A25",
        "the kept-alive connection closes after the reply; `silent` does not say so in the reply",
        {**_WRITES, "silent": False},
    ),
    "batch_mangled": FaultKind(REPLY, "A26", "a batch reply in another order, with an item missing"),
    "cursor_loops": FaultKind(
        REPLY,
        "A27",
        "a list's cursor leads back to the first page, to the same one, or a page is lost",
        {"path": "", "how": "first"},
    ),
    # what the exchange believes
    "stale_reads": FaultKind(STATE, "A28 A29", "private reads lag the truth", {"lag_ms": 1_000, "path": ""}),
    "clock_skew": FaultKind(STATE, "A14", "the exchange's own clock is off", {"skew_ms": 120_000}),
    "cancel_all_reaches": FaultKind(
        STATE,
        "B14",
        "a cancel-all also catches what the account places in the `seconds` after it",
        {"seconds": 60, "delay_ms": 200},
    ),
    "client_ids_free": FaultKind(STATE, "A16", "a final order's client id may be used again"),
    # frames and the stream
    "frame_lost": FaultKind(FRAME, "C6 B12", "a frame never arrives", _FRAMES),
    "frame_doubled": FaultKind(FRAME, "C7 B3", "a frame arrives twice", _FRAMES),
    "frame_swapped": FaultKind(FRAME, "C8 B5", "a frame changes places with the next", _FRAMES),
    "frame_late": FaultKind(
        FRAME,
        "C5 B9",
        "a frame and all after it arrive late, each one struck by `grows_ms` more",
        {**_FRAMES, "delay_ms": 1_000, "grows_ms": 0},
    ),
    "frame_overtaken": FaultKind(FRAME, "B1 B9", "a frame alone arrives late", {**_FRAMES, "delay_ms": 500}),
    "frame_broken": FaultKind(
        FRAME,
        "C17 C18",
        "a frame that is no JSON, no UTF-8, binary, enormous, or has reserved bits set",
        {**_FRAMES, "how": "cut"},
    ),
    "frame_sliced": FaultKind(
        FRAME,
        "C9",
        "a frame comes in `fragments`, written `bytes` at a time (0: at once)",
        {**_FRAMES, "fragments": 3, "bytes": 1},
    ),
    "fill_changed": FaultKind(FRAME, "B4", "a fill comes again with the same id and another count"),
    "stream_stalled": FaultKind(
        STREAM,
        "C3 C4 C13 C14",
        "nothing comes, what was held comes when it ends; `pings` go on; `old` lines only: those open when it came on",
        {**_FRAMES, "pings": True, "old": False},
    ),
    "stream_closed": FaultKind(STREAM, "C1", "every stream connection is closed"),
    "stream_reset": FaultKind(STREAM, "C2", "every stream connection is reset"),
    "stream_refused": FaultKind(STREAM, "C10 C11", "no new stream connection is let in", {"status": 503}),
    "stream_rejected": FaultKind(STREAM, "C10", "a new stream connection is closed right after it opened"),
    "subscribe_failed": FaultKind(STREAM, "C12", "a subscription is answered with an error", {**_FRAMES, "code": 10}),
}
# Every fault also knows how often it strikes: percent of the chances, how many strikes, after how many chances.
COMMON: dict[str, int | str | bool] = {"rate": 100, "times": 0, "skip": 0}
CHOICES: dict[tuple[str, str], tuple[Any, ...]] = {
    ("server_error", "status"): (500, 502, 503, 504, 408),
    ("unauthorized", "status"): (401, 403),
    ("reply_broken", "how"): ("empty", "cut", "html"),
    ("reply_huge", "how"): ("plain", "gzip", "endless"),
    ("cursor_loops", "how"): ("first", "same", "lost"),
    ("frame_broken", "how"): ("cut", "utf8", "binary", "huge", "reserved"),
    ("stream_refused", "status"): (401, 403, 429, 500, 502, 503, 504),
}


def check_fault(name: str, params: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a fault, defaults filled in; `FaultError` for an unknown name, parameter or value."""
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FaultError("name", f"unknown fault {name!r}; one of {', '.join(FAULTS)}")
    known = {**COMMON, **kind.params}
    for key, value in params.items():
        if key not in known:
            raise FaultError(key, f"{name} has no {key!r}; it has {', '.join(known)}")
        if type(value) is not type(known[key]):
            raise FaultError(key, f"{key} of {name} is like {known[key]!r}, not {value!r}")
        if (name, key) in CHOICES and value not in CHOICES[name, key]:
            raise FaultError(key, f"{key} of {name} is one of {', '.join(map(str, CHOICES[name, key]))}")
        if isinstance(value, int) and key != "skew_ms" and value < 0:
            raise FaultError(key, f"{key} of {name} cannot be negative")
    return {**known, **params}


class Armed:
    """One fault that is on."""

    def __init__(self, name: str, params: dict[str, Any], serial: int) -> None:
        self.name = name
        self.params = params
        self.serial = serial
        self.seen = 0
        self.strikes = 0

    def concerns(self, **about: str) -> bool:
        """Whether the filters let it through: method and channel as they are, path by its beginning."""
        for key, value in about.items():
            wanted = self.params.get(key, "")
            if wanted and not (value.startswith(wanted) if key == "path" else value == wanted):
                return False
        return True


class Faults:
    """The switchboard. `counts` says how often each fault has struck since the start."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(f"faults:{seed}")
        self._armed: dict[str, Armed] = {}
        self.counts: Counter[str] = Counter()
        self.changed = 0  # goes up with every switch, for those who must act on a change
        self.heard: Callable[[], None] = lambda: None  # called at every switch, by whoever switches

    def arm(self, name: str, **params: Any) -> None:
        """Switch a fault on, anew if it is on already; `FaultError` where that makes no sense."""
        params = check_fault(name, params)
        self.changed += 1
        self._armed[name] = Armed(name, params, self.changed)
        self.heard()

    def disarm(self, name: str | None = None) -> None:
        """Switch a fault off, or all of them. What is off already stays off."""
        if name is None:
            self._armed.clear()
        else:
            if name not in FAULTS:
                raise FaultError("name", f"unknown fault {name!r}")
            self._armed.pop(name, None)
        self.changed += 1
        self.heard()

    @property
    def armed(self) -> dict[str, dict[str, Any]]:
        """What is on, with its parameters."""
        return {name: dict(one.params) for name, one in self._armed.items()}

    def __bool__(self) -> bool:
        return bool(self._armed)

    def on(self, name: str) -> dict[str, Any] | None:
        """The parameters of a lasting state that is on; not counted, `strike` does that."""
        one = self._armed.get(name)
        return None if one is None else one.params

    def since(self, name: str) -> int:
        """The value of `changed` when a fault came on; 0 where it is off."""
        one = self._armed.get(name)
        return 0 if one is None else one.serial

    def strike(self, name: str, **about: str) -> dict[str, Any] | None:
        """Whether a fault strikes here and now: its parameters, or None."""
        one = self._armed.get(name)
        if one is None or not one.concerns(**about):
            return None
        one.seen += 1
        if one.seen <= one.params["skip"] or (one.params["times"] and one.strikes >= one.params["times"]):
            return None
        if one.params["rate"] < 100 and self._chance.randrange(100) >= one.params["rate"]:
            return None
        one.strikes += 1
        self.counts[name] += 1
        return one.params
