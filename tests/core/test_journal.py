"""The journal: order of things, damage, torn tails, failing disks. Real files."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bundle import disk_pieces
from core.domain.errors import RefusedInput, StartRefused
from core.domain.records import BreakerMoved, CommandTaken, Record
from core.journal.frames import decode_frames, encode_frame
from core.journal.journal import Journal, read_journal


def record(number: int) -> Record:
    return CommandTaken(at=number, name="Pause", origin="operator", detail=f"number {number} " + "x" * (number % 40))


def written(count: int) -> bytes:
    return b"".join(encode_frame(i, record(i)) for i in range(1, count + 1))


async def keep(folder: Path, records: list[Record]) -> None:
    failures: list[str] = []
    journal = Journal(folder, read_journal(folder), failures.append)
    journal.append(records)
    assert await journal.synced(journal.position)
    await journal.close()
    assert not failures


async def test_what_was_synced_is_read_back_in_order(tmp_path: Path) -> None:
    await keep(tmp_path, [record(i) for i in range(1, 101)])
    await keep(tmp_path, [record(i) for i in range(101, 151)])
    contents = read_journal(tmp_path)
    assert contents.records == tuple(record(i) for i in range(1, 151))
    assert contents.position == 150


async def test_a_position_is_called_synced_only_when_it_is_in_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path, read_journal(tmp_path), lambda _: None)
    for number in range(1, 30):
        journal.append([record(number)])
        assert await journal.synced(number)
        assert len(read_journal(tmp_path).records) >= number
    await journal.close()


async def test_journal_files_are_for_the_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await keep(tmp_path, [record(1)])
    finally:
        os.umask(before)
    (file,) = tmp_path.glob("*.journal")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_cut_of_the_last_record_leaves_a_valid_prefix() -> None:
    data = written(5)
    whole = len(written(4))
    for cut in range(whole, len(data)):
        prefix = decode_frames(data[:cut], 1)
        assert prefix.records == tuple(record(i) for i in range(1, 5))
        assert prefix.length == whole


def test_every_flipped_bit_of_the_last_record_is_noticed() -> None:
    data = bytearray(written(3))
    start = len(written(2))
    for bit in range(start * 8, len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        assert decode_frames(bytes(data), 1).records == (record(1), record(2))
        data[bit // 8] ^= 1 << bit % 8


def test_damage_before_the_end_is_refused_with_its_offset_and_never_skipped() -> None:
    data = bytearray(written(5))
    offset = len(written(2))
    data[offset + 20] ^= 0xFF
    with pytest.raises(RefusedInput, match=f"byte {offset}"):
        decode_frames(bytes(data), 1)


def test_a_damaged_journal_refuses_the_start_and_names_the_file(tmp_path: Path) -> None:
    data = bytearray(written(5))
    data[30] ^= 0xFF
    (tmp_path / "000000000001.journal").write_bytes(data)
    with pytest.raises(StartRefused, match=r"000000000001\.journal"):
        read_journal(tmp_path)


def test_the_report_of_a_bug_is_made_with_a_damaged_journal_too(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal/000000000001.journal").write_bytes(bytes([written(1)[0] ^ 1]) + written(5)[1:])
    (told,) = (piece for piece in disk_pieces(tmp_path) if piece.name == "journal.txt")
    assert b"damaged at byte 0" in told.data


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_in_a_journal_s_place_refuses_the_start_by_name(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "000000000001.journal")
    with pytest.raises(StartRefused, match=r"000000000001\.journal is no regular file"):
        read_journal(tmp_path)


async def test_a_torn_tail_is_cut_and_writing_goes_on_after_it(tmp_path: Path) -> None:
    await keep(tmp_path, [record(1), record(2)])
    (file,) = tmp_path.glob("*.journal")
    with file.open("ab") as stream:
        stream.write(encode_frame(3, record(3))[:-4])
    assert read_journal(tmp_path).torn_bytes > 0
    await keep(tmp_path, [record(30)])
    assert read_journal(tmp_path).records == (record(1), record(2), record(30))


async def test_a_failed_write_is_final_and_told_once(tmp_path: Path) -> None:
    failures: list[str] = []
    journal = Journal(tmp_path, read_journal(tmp_path), failures.append)
    # A real refusal of the system: the journal's own descriptor now names a device that is always full.
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._file)
    os.close(full)
    journal.append([record(1)])
    assert not await asyncio.wait_for(journal.synced(1), 5)
    assert not await journal.synced(1)
    assert len(failures) == 1
    await journal.close()


def test_the_last_breaker_record_survives_the_codec() -> None:
    moved = BreakerMoved(at=9, tripped=True, reason="5 errors in 60 s", value="5", limit="5")
    assert decode_frames(encode_frame(1, moved), 1).records == (moved,)
