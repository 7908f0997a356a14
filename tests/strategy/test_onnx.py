"""ONNX models: they say what the same network says in numpy, take every strategy's road, and bad ones are refused."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.domain.errors import BadInput
from core.lab.arena import Terms
from core.lab.backtest import run_once
from core.mind import network
from core.mind.learned import SHIPPED, Learned
from core.mind.network import Network
from core.mind.observation import HIGHEST, HISTORY, LOWEST, SIZE
from core.mind.onnx_model import MISSING, load
from core.strategies import make_strategy
from core.strategy.actions import ACTIONS
from tests.strategy.onnx_files import GOOD, exported, small


def test_without_the_extra_one_line_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, package: str | None = None) -> Any:
        if name.startswith("onnx"):
            raise ModuleNotFoundError(name)
        return real(name, package)

    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(BadInput) as told:
        make_strategy(str(tmp_path / "m.onnx"), {})
    assert str(told.value) == f"model {tmp_path / 'm.onnx'}: {MISSING}"


@pytest.fixture
def onnx() -> Any:
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    return pytest.importorskip("onnx", reason="needs the extra onnx")


@pytest.fixture
def write(onnx: Any, tmp_path: Path) -> Callable[..., Path]:
    """Writes a network as an ONNX file; `change` may spoil the model before."""

    def written(
        net: Network, told: dict[str, str] = GOOD, change: Callable[[Any], object] = bool, **shape: Any
    ) -> Path:
        model = exported(onnx, net, **shape)
        onnx.helper.set_model_props(model, told)
        change(model)
        path = tmp_path / "m.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return written


def test_the_shipped_network_says_the_same_as_onnx_and_in_numpy(write: Any) -> None:
    shipped = network.load(SHIPPED)
    model = load(write(shipped))
    vectors = np.random.default_rng(3).uniform(np.tile(LOWEST, HISTORY), np.tile(HIGHEST, HISTORY), (2_000, SIZE))
    differ = 0
    for vector in vectors.astype(np.float32):
        scores = np.tanh(vector @ shipped.w0 + shipped.b0) @ shipped.w1 + shipped.b1
        assert np.allclose(model.scores(vector).ravel(), scores, rtol=1e-4, atol=1e-4)
        # Sums of another order may turn two scores that are as good as equal; nothing else may.
        highest = np.sort(scores)
        differ += highest[-1] - highest[-2] > 1e-3 and model.action(vector) != shipped.action(vector)
    assert not differ
    assert len({shipped.action(vector) for vector in vectors.astype(np.float32)}) > 3


def test_it_trades_an_arena_as_the_same_network_in_numpy_does(write: Any) -> None:
    shipped, terms = network.load(SHIPPED), Terms(seed=4, markets=1)
    policy = make_strategy(str(write(shipped, rows="batch")), {})
    assert isinstance(policy, Learned)
    run = run_once(policy, terms, 40)
    assert run.fills
    assert run == run_once(Learned(network=shipped), terms, 40)


def spoiled_weight(model: Any) -> None:
    raw = np.frombuffer(model.graph.initializer[0].raw_data, np.float32).copy()
    raw[5] = np.nan
    model.graph.initializer[0].raw_data = raw.tobytes()


def elsewhere(model: Any) -> None:
    model.graph.initializer[0].data_location = 1


def endless(model: Any) -> None:
    """A weight that is finite and yet overflows on the way."""
    big = np.full(4 * ACTIONS, 3e38, np.float32)
    model.graph.initializer[2].raw_data = big.tobytes()


def another_input(model: Any) -> None:
    model.graph.input.append(model.graph.input[0])
    model.graph.input[1].name = "more"


def constant(model: Any) -> None:
    """A number that is none, deep in the graph and used by nothing."""
    node = model.graph.node.add(op_type="Constant", output=["unused"])
    value = node.attribute.add(name="value", type=4).t
    value.data_type, value.dims[:], value.raw_data = 1, [1], np.float32(np.inf).tobytes()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"told": {}}, "its metadata has no format"),
        ({"told": GOOD | {"format": "9"}}, "format 9, this program reads 1"),
        ({"told": GOOD | {"spec": "0123"}}, "made for observation 0123, this program observes"),
        ({"told": GOOD | {"card": "{"}}, "its card cannot be read"),
        ({"change": spoiled_weight}, "w0 holds what is no finite number"),
        ({"change": elsewhere}, "w0 lies in another file"),
        ({"change": endless}, "answers with what is no finite number"),
        ({"change": another_input}, "has 2 inputs"),
        ({"rows": 2}, "its input has shape [2, 108]"),
        ({"size": 9}, "is no model this program can read"),
        ({"change": constant}, "a constant holds what is no finite number"),
        ({"kind": "DOUBLE"}, "is no model this program can read"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_the_reason(write: Any, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput) as told:
        load(write(small(), **changes))
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_a_network_of_other_measures_is_refused(write: Any) -> None:
    made = small()
    narrow = Network(made.w0[:9], made.b0, made.w1, made.b1, {})
    with pytest.raises(BadInput, match=r"its input has shape \[1, 9\], \[1, 108\] is needed"):
        load(write(narrow, size=9))
    few = Network(made.w0, made.b0, made.w1[:, :9], made.b1[:9], {})
    with pytest.raises(BadInput, match=r"its output has shape \[1, 9\], \[1, 21\] is needed"):
        load(write(few, actions=9))


def test_a_name_that_is_no_text_is_refused_and_nothing_is_printed(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(small())
    path.write_bytes(path.read_bytes().replace(b"spec", b"\xbfpec", 1))
    with pytest.raises(BadInput, match="is no model this program can read"):
        load(path)
    path.write_bytes(path.read_bytes().replace(b"Gemm", b"\xd3emm", 1))
    with pytest.raises(BadInput, match="is no model this program can read"):
        load(path)
    assert capsys.readouterr() == ("", "")


def test_what_is_no_onnx_file_is_refused(onnx: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for raw in (b"", b"PK no model", bytes(range(256))):
        path.write_bytes(raw)
        with pytest.raises(BadInput):
            load(path)
    with pytest.raises(BadInput, match="No such file"):
        load(tmp_path / "gone.onnx")


def test_an_answer_that_is_no_finite_number_stops_the_strategy(write: Any) -> None:
    model = load(write(small()))
    assert model.card == {"seed": 1}
    with pytest.raises(ValueError, match="no finite number"):
        model.action(np.full(SIZE, np.nan, np.float32))
