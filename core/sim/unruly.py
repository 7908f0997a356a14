"""What stream faults do to the frames of one connection. Sans-IO: frames in, frames to be sent and when out."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

import msgspec

from core.sim.faults import Faults

HUGE = 4_000_000
MOST_PIECES = 2_000
FIN, TEXT, RESERVED = 0x80, 0x01, 0x40
_IN_TWO = Struct(">BBH").pack  # a head whose length takes two bytes


class Parcel(msgspec.Struct, frozen=True, eq=False):
    """A frame on its way: `due_ns` is when it may leave. Where there are `pieces` these bytes go out one by one."""

    data: bytes
    due_ns: int = 0
    binary: bool = False
    pieces: tuple[bytes, ...] = ()

    @property
    def plain(self) -> bool:
        """Nothing but a text to be sent now."""
        return not (self.due_ns or self.binary or self.pieces)


class Unruly:
    """One connection's frames under the faults that are on now. Without any, everything passes as it is."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._swapped: Parcel | None = None
        self._late_ns = 0
        self._lag_ms = 0

    @property
    def calm(self) -> bool:
        """Everything passes as it is."""
        return not self._faults and self._swapped is None

    def pass_on(self, channel: str, frame: bytes, now_ns: int) -> Iterator[Parcel]:
        """The parcels that leave instead of one frame; an empty channel means an answer to a command."""
        faults = self._faults
        if self.calm:
            yield Parcel(frame)
            return
        if faults.strike("frame_lost", channel=channel):
            return
        late = faults.strike("frame_late", channel=channel)
        if late:
            self._late_ns = max(self._late_ns, now_ns + (late["delay_ms"] + self._lag_ms) * 1_000_000)
            self._lag_ms += late["grows_ms"]
        due_ns = self._late_ns if self._late_ns > now_ns else 0
        alone = faults.strike("frame_overtaken", channel=channel)
        if alone:
            due_ns = -(now_ns + alone["delay_ms"] * 1_000_000)  # negative: it waits alone, outside the queue
        parcels = [Parcel(frame, due_ns)]
        broken = faults.strike("frame_broken", channel=channel)
        if broken:
            parcels = [_broken(frame, broken["how"])]
        sliced = faults.strike("frame_sliced", channel=channel)
        if sliced:
            parcels = [Parcel(frame, due_ns, pieces=slices(fragments(frame, sliced["fragments"]), sliced["bytes"]))]
        if channel == "fill" and faults.strike("fill_changed"):
            parcels.append(Parcel(_other_count(frame)))
        if faults.strike("frame_doubled", channel=channel):
            parcels.append(Parcel(frame, due_ns))
        if self._swapped is not None:
            parcels.append(self._swapped)
            self._swapped = None
        elif faults.strike("frame_swapped", channel=channel):
            self._swapped = parcels.pop(0)
        yield from parcels


def _broken(frame: bytes, how: str) -> Parcel:
    if how == "utf8":
        return Parcel(frame[: len(frame) // 2] + b"\xff\xfe" + frame[len(frame) // 2 :])
    if how == "binary":
        return Parcel(bytes(range(256)), binary=True)
    if how == "reserved":
        whole = fragments(frame, 1)
        return Parcel(frame, pieces=(bytes([whole[0] | RESERVED]) + whole[1:],))
    if how == "huge":
        return Parcel(b'{"type":"ticker","sid":1,"msg":{"x":"' + b"a" * HUGE + b'"}}')
    return Parcel(frame[: len(frame) // 2])


def texts_on_the_wire(texts: list[bytes]) -> bytes:
    """Text messages as a server writes them, one whole frame each."""
    parts: list[bytes] = []
    for text in texts:
        size = len(text)
        parts.append(_IN_TWO(FIN | TEXT, 126, size) if 126 <= size < 65_536 else _head(FIN | TEXT, size))
        parts.append(text)
    return b"".join(parts)


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    return _IN_TWO(first, 126, size) if size < 65_536 else bytes((first, 127)) + size.to_bytes(8, "big")


def fragments(payload: bytes, count: int) -> bytes:
    """A text message as a server writes it on the wire, in so many WebSocket frames; some may be empty."""
    count = max(1, count)
    cuts = [len(payload) * n // count for n in range(count + 1)]
    out = bytearray()
    for n in range(count):
        part = payload[cuts[n] : cuts[n + 1]]
        out += _head((TEXT if n == 0 else 0) | (FIN if n == count - 1 else 0), len(part)) + part
    return bytes(out)


def slices(data: bytes, size: int) -> tuple[bytes, ...]:
    """Pieces of so many bytes, or of more where there would be too many; 0: all at once."""
    step = max(size, -(-len(data) // MOST_PIECES)) if size else max(1, len(data))
    return tuple(data[at : at + step] for at in range(0, len(data), step))


def _other_count(frame: bytes) -> bytes:
    """The same fill id with a contract more."""
    found = msgspec.json.decode(frame)
    whole, _, part = found["msg"]["count_fp"].partition(".")
    found["msg"]["count_fp"] = f"{int(whole) + 1}.{part}"
    return msgspec.json.encode(found)
