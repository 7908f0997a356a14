"""A recorded session, played again: every effect and every picture as it was, and the first difference is shown."""

from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.domain import commands as cm
from core.domain.enums import Origin
from core.domain.errors import BadInput
from core.engine.tape import ITEMS, Pictured, Took, decode_entry
from core.journal.tape import FRAME, MAGIC, TapeFile, read_tape
from core.lab.story import Scene, play
from core.replay import Divergence, Replay
from core.sim.auth import generate_private_key
from tests.core.builders import fill

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


def beginning(tape: Path, target: Path, **changes: object) -> Path:
    """The tape with another beginning."""
    file = TapeFile(target)
    for number, payload in enumerate(read_tape(tape)):
        entry = decode_entry(payload)
        file.write(msgspec.msgpack.encode(msgspec.structs.replace(entry, **changes)) if not number else payload)
    file.close()
    return target


def test_the_code_of_a_strategy_a_tape_names_runs_only_where_the_player_names_it(tape: Path, tmp_path: Path) -> None:
    code, ran = tmp_path / "theirs.py", tmp_path / "ran"
    kind = "from core.strategy.maker import MarketMaker\nclass Theirs(MarketMaker): ...\n"
    code.write_text(f"open({str(ran)!r}, 'w').close()\n{kind}")
    named = f"{code}:Theirs"
    theirs = beginning(tape, tmp_path / "theirs.tape", strategy=named, memory=b"")
    with pytest.raises(BadInput, match=f"--strategy {code}:Theirs"):
        Replay(theirs)
    with pytest.raises(BadInput, match="--strategy"):
        Replay(theirs, "maker")
    assert not ran.exists()
    replay = Replay(theirs, named)
    assert ran.exists() and replay.engine.actor.strategy.name == "maker"


@pytest.mark.parametrize("parameters", [{"size": "x"}, {"size": 10**12}, {"size": -1}, {"size": None}])
def test_a_beginning_with_parameters_no_strategy_takes_is_refused(
    tape: Path, tmp_path: Path, parameters: object
) -> None:
    with pytest.raises(BadInput, match="not of this version"):
        Replay(beginning(tape, tmp_path / "bad.tape", parameters=parameters))


def test_recorded_effects_that_are_none_are_shown_as_the_difference(tape: Path, tmp_path: Path) -> None:
    file, done = TapeFile(tmp_path / "bad.tape"), False
    for payload in read_tape(tape):
        entry = decode_entry(payload)
        if not done and isinstance(entry, Took):
            payload, done = msgspec.msgpack.encode(msgspec.structs.replace(entry, effects=b"\x92\x01")), True
        file.write(payload)
    file.close()
    replay = played(tmp_path / "bad.tape")
    assert replay.divergence is not None and "no effects: 9201" in replay.divergence.recorded


def test_a_fact_with_numbers_beyond_any_session_is_refused(tape: Path, tmp_path: Path) -> None:
    head = next(read_tape(tape))
    far = msgspec.Raw(msgspec.msgpack.encode(msgspec.structs.replace(fill(), price=2**62)))
    file = TapeFile(tmp_path / "far.tape")
    at_ns = decode_entry(head).began_ns  # type: ignore[union-attr]
    took = Took(at_ns=at_ns, kind="FillReported", item=far, effects=b"")
    for payload in (head, *map(msgspec.msgpack.encode, (took, Pictured(at_ns=at_ns, digest=b"")))):
        file.write(payload)
    file.close()
    with pytest.raises(BadInput, match="leads to what no session has"):
        played(tmp_path / "far.tape")


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


def test_a_length_that_was_changed_in_the_middle_is_damage_and_no_end(tape: Path, tmp_path: Path) -> None:
    data = bytearray(tape.read_bytes())
    offset = len(MAGIC)
    for _ in range(20):
        offset += FRAME.size + FRAME.unpack_from(data, offset)[0]
    data[offset + 2] ^= 0x40
    (tmp_path / "b.tape").write_bytes(data)
    with pytest.raises(BadInput, match=f"damaged at byte {offset}; nothing behind it is believed"):
        played(tmp_path / "b.tape")


def test_what_comes_behind_the_end_of_a_session_is_refused(tape: Path, tmp_path: Path) -> None:
    longer = tmp_path / "b.tape"
    longer.write_bytes(tape.read_bytes() + tape.read_bytes()[len(MAGIC) :])
    with pytest.raises(BadInput, match="goes on behind its end"):
        played(longer)


def test_a_tape_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.tape").symlink_to("/dev/zero")
    with pytest.raises(BadInput, match="no regular file"):
        Replay(tmp_path / "b.tape")
