"""A recorded session, played again: every effect and every picture as it was, and the first difference is shown."""

from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.domain import commands as cm
from core.domain.enums import Origin
from core.domain.errors import BadInput
from core.engine.tape import ITEMS, Took, decode_entry
from core.journal.tape import FRAME, MAGIC, TapeFile, read_tape
from core.lab.story import Scene, play
from core.replay import Divergence, Replay
from core.sim.auth import generate_private_key

KEY = generate_private_key()


def recorded(path: Path, seconds: float = 20, **settings: object) -> Path:
    """Some seconds of a paper session with wishes of a person and trouble on the line, on virtual time."""

    def prepare(scene: Scene) -> None:
        scene.trader.recording.path = path

    def wish(command: cm.Command) -> object:
        return lambda scene: scene.trader.submit(
            msgspec.structs.replace(command, command_id=scene.trader.next_command_id())
        )

    script = [
        (4, wish(cm.Pause(origin=Origin.OPERATOR))),
        (5, wish(cm.Resume(origin=Origin.OPERATOR))),
        (7, lambda scene: scene.arm("frame_lost", times=2)),
        (8, lambda scene: scene.arm("reply_lost", times=1)),
        (11, wish(cm.Panic(origin=Origin.OPERATOR))),
        (12, wish(cm.Resume(origin=Origin.OPERATOR))),
        (14, lambda scene: scene.arm("stream_reset", times=1)),
        (17, wish(cm.Liquidate(origin=Origin.OPERATOR))),
    ]
    play(Settings.model_validate(settings), script, seconds=seconds, key_pem=KEY, prepare=prepare)  # type: ignore[arg-type]
    return path


def played(path: Path) -> Replay:
    replay = Replay(path)
    for _ in replay.play():
        pass
    return replay


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("tape") / "day.tape")


def test_a_session_with_wishes_and_trouble_comes_out_as_recorded(tape: Path) -> None:
    replay = played(tape)
    assert replay.divergence is None
    assert replay.complete
    assert replay.steps > 500 and replay.pictures > 50
    assert replay.snapshot.identity.mode == "replay"
    kinds = {entry.kind for payload in read_tape(tape) if isinstance(entry := decode_entry(payload), Took)}
    assert kinds >= {"Pause", "Panic", "Liquidate", "StreamLost", "BookLost", "FillReported"}


@pytest.mark.parametrize("strategy", ["fair-value", "arbitrage", "random"])
def test_sessions_of_other_strategies_do(tmp_path: Path, strategy: str) -> None:
    replay = played(recorded(tmp_path / "day.tape", 8, strategy=strategy))
    assert (replay.divergence, replay.complete) == (None, True)


def changed(tape: Path, target: Path, kind: str, change: object) -> Path:
    """The tape with the first item of a kind replaced."""
    file, done = TapeFile(target), False
    for payload in read_tape(tape):
        entry = decode_entry(payload)
        if not done and isinstance(entry, Took) and entry.kind == kind:
            item = change(msgspec.msgpack.decode(entry.item, type=ITEMS[kind]))  # type: ignore[operator]
            payload = msgspec.msgpack.encode(
                msgspec.structs.replace(entry, item=msgspec.Raw(msgspec.msgpack.encode(item)))
            )
            done = True
        file.write(payload)
    file.close()
    assert done
    return target


def test_the_first_difference_stops_it_and_shows_both_sides(tape: Path, tmp_path: Path) -> None:
    other = changed(
        tape, tmp_path / "b.tape", "OrderAccepted", lambda fact: msgspec.structs.replace(fact, order_id="other")
    )
    found = played(other).divergence
    assert isinstance(found, Divergence)
    first, recorded_line, came = found.lines()
    assert "diverged at entry" in first
    assert recorded_line.startswith("recorded: ") and came.startswith("came: ") and recorded_line[10:] != came[10:]


def test_a_fill_that_was_a_contract_larger_is_seen_in_the_next_picture_at_the_latest(
    tape: Path, tmp_path: Path
) -> None:
    other = changed(
        tape, tmp_path / "b.tape", "FillReported", lambda fact: msgspec.structs.replace(fact, count=fact.count + 100)
    )
    assert played(other).divergence is not None


def test_a_torn_end_is_where_the_session_was_killed(tape: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.tape"
    torn.write_bytes(tape.read_bytes()[:-30])
    replay = played(torn)
    assert (replay.divergence, replay.complete) == (None, False)


@pytest.mark.parametrize("damage", ["bit", "empty", "text", "no head"])
def test_what_is_no_tape_is_refused_by_name(tape: Path, tmp_path: Path, damage: str) -> None:
    bad, data = tmp_path / "bad.tape", bytearray(tape.read_bytes())
    if damage == "bit":
        data[len(data) // 2] ^= 1
    elif damage == "no head":
        length, _ = FRAME.unpack_from(data, len(MAGIC))
        data = bytearray(MAGIC) + data[len(MAGIC) + FRAME.size + length :]
    else:
        data = bytearray(b"" if damage == "empty" else b"not a tape")
    bad.write_bytes(data)
    with pytest.raises(BadInput, match=r"bad\.tape"):
        played(bad)
