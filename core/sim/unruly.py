"""What stream faults do to the frames of one connection. Sans-IO: frames in, frames to be sent and when out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from core.sim.faults import Faults

FRAME_FAULTS = ("frame_late", "frame_overtaken", "frame_lost", "frame_doubled", "frame_swapped", "frame_broken")
HUGE = 4_000_000


class Parcel(msgspec.Struct, frozen=True, eq=False):
    """A frame on its way: `due_ns` is when it may leave, `binary` and raw bytes are for broken ones."""

    data: bytes
    due_ns: int = 0
    binary: bool = False


class Unruly:
    """One connection's frames under the faults that are on now. Without any, everything passes as it is."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._swapped: Parcel | None = None
        self._late_ns = 0

    def pass_on(self, channel: str, frame: bytes, now_ns: int) -> Iterator[Parcel]:
        """The parcels that leave instead of one frame; an empty channel means an answer to a command."""
        faults = self._faults
        if not faults and self._swapped is None:
            yield Parcel(frame)
            return
        if faults.strike("frame_lost", channel=channel):
            return
        late = faults.strike("frame_late", channel=channel)
        if late:
            self._late_ns = max(self._late_ns, now_ns + late["delay_ms"] * 1_000_000)
        due_ns = self._late_ns if self._late_ns > now_ns else 0
        alone = faults.strike("frame_overtaken", channel=channel)
        if alone:
            due_ns = -(now_ns + alone["delay_ms"] * 1_000_000)  # negative: it waits alone, outside the queue
        parcels = [Parcel(frame, due_ns)]
        broken = faults.strike("frame_broken", channel=channel)
        if broken:
            parcels = [_broken(frame, broken["how"])]
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
    if how == "huge":
        return Parcel(b'{"type":"ticker","sid":1,"msg":{"x":"' + b"a" * HUGE + b'"}}')
    return Parcel(frame[: len(frame) // 2])


def _other_count(frame: bytes) -> bytes:
    """The same fill id with a contract more."""
    found = msgspec.json.decode(frame)
    whole, _, part = found["msg"]["count_fp"].partition(".")
    found["msg"]["count_fp"] = f"{int(whole) + 1}.{part}"
    return msgspec.json.encode(found)
