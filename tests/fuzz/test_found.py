"""What the fuzz has found, by name: each was an error that escaped, and is a refusal now."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.config import load
from core.domain.errors import BadInput
from core.environment import read_history
from core.exchange.signing import load_signer
from core.journal.frames import HEADER, decode_frames
from core.lab.worlds import read_progress
from core.mind import network
from core.mind.learned import SHIPPED
from core.sim.control import Control
from core.sim.scenarios import BadScenario, read_scenario
from tests.fuzz.exchange_targets import TOKEN, exchange
from tests.fuzz.own_targets import account_from
from tests.fuzz.wire_targets import packed

DEEP = b'{"a":' * 3_000


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_number_no_decimal_can_hold_is_a_bad_configuration(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this program can read"):
        load({}, {}, written(tmp_path / "c.toml", b"max_exposure = 1e99999999999999999999\n"))


@pytest.mark.parametrize("value", [b"[" * 3_000, b"1" * 5_000, b"[[]]", b"{ a = 1 }"])
def test_a_scenario_no_reader_can_hold_is_a_bad_scenario(value: bytes) -> None:
    with pytest.raises(BadScenario):
        read_scenario(f"base = {value.decode()}\n", "a.toml")


NAMED = b'{"rest_url":"http://127.0.0.1:1","ws_url":"ws://127.0.0.1:1","key_id":"k","private_key_path":"\\u0000"}'


@pytest.mark.parametrize("data", [b'{"zz":' + DEEP, NAMED])
def test_an_exchange_file_too_deep_or_with_a_key_that_is_no_file_name_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadInput):
        account_from(written(tmp_path / "ex.json", data))


def test_a_key_path_with_a_nul_is_refused() -> None:
    with pytest.raises(BadInput, match="no name a file can have"):
        load_signer("k", Path("a\0b"))


def test_a_progress_file_that_was_torn_within_a_character_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    assert list(read_progress(written(tmp_path / "w.jsonl", b'{"seed":1,"\xf3\n' + DEEP + b"\n"))) == []


def test_a_sealed_record_too_deep_to_read_ends_the_journal_there() -> None:
    import zlib

    assert decode_frames(HEADER.pack(len(DEEP), zlib.crc32(DEEP, 1), 1) + DEEP, 1).records == ()


def test_a_history_too_deep_to_read_is_none(tmp_path: Path) -> None:
    written(tmp_path / "history.json", b"[" * 3_000)
    assert read_history(tmp_path) == ()


@pytest.mark.parametrize(
    "spec",
    [
        b"no array at all",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((",
        b"\x93NUMPY\x01\x00\x40\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, }        \n",
    ],
)
def test_a_model_whose_arrays_are_none_is_refused(tmp_path: Path, spec: bytes) -> None:
    out = io.BytesIO()
    with np.load(SHIPPED) as shipped, zipfile.ZipFile(out, "w") as made:
        for name in shipped.files:
            array = io.BytesIO()
            np.save(array, shipped[name])
            made.writestr(f"{name}.npy", spec if name == "spec" else array.getvalue())
    with pytest.raises(BadInput, match="is no model this program can read"):
        network.load(written(tmp_path / "m.npz", out.getvalue()))


@pytest.mark.parametrize(
    "words", [{"do": "step", "seconds": "inf"}, {"do": "step", "seconds": 2**63}, {"do": "speed", "speed": "inf"}]
)
def test_a_step_or_speed_without_end_is_refused_at_the_control_port(words: dict[str, object]) -> None:
    answer = Control(exchange(), TOKEN).answer(packed({**words, "token": TOKEN}))
    assert answer is not None
    assert not answer["ok"]
