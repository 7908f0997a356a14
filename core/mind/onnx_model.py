"""OnnxNetwork: a policy trained elsewhere, kept as ONNX and run by onnxruntime on one core. Needs the extra `onnx`.

One float32 input of one observation, one float32 output of a number for each action; the highest is the action. The
model's metadata holds what an `.npz` holds beside its weights: `format`, `spec` and `card`. What does not fit is
refused before anything is traded, with the reason.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadInput
from core.domain.text import clean_text
from core.mind.network import FORMAT, bad_model, read_card
from core.mind.observation import HIGHEST, LOWEST, SIZE, Vector, spec_digest
from core.strategy.actions import ACTIONS

MOST_BYTES = 50_000_000
MISSING = "needs the extra onnx: pip install 'kalshi-trader[onnx]'"
FLOAT = "tensor(float)"
QUIET = 4  # onnxruntime tells nothing but what is fatal; the reason is in what it raises
WORDS = 160


class OnnxNetwork:
    """SIZE numbers in, ACTIONS numbers out."""

    def __init__(self, session: Any, card: dict[str, Any]) -> None:
        self.card = card
        self._run = session.run
        (into,) = session.get_inputs()
        (out,) = session.get_outputs()
        self._into, self._out = into.name, [out.name]
        self._shape = (1, SIZE) if len(into.shape) > 1 else (SIZE,)

    def scores(self, vector: Vector) -> NDArray[Any]:
        """What the model says of every action, in whatever shape it says it."""
        (found,) = self._run(self._out, {self._into: vector.reshape(self._shape)})
        return np.asarray(found)

    def action(self, vector: Vector) -> int:
        """The action for one observation, the first of equals; ValueError where an answer is no finite number."""
        scores = self.scores(vector).ravel()
        if not np.isfinite(scores).all():
            raise ValueError("the model answers with what is no finite number")
        return int(np.argmax(scores))


def load(path: Path) -> OnnxNetwork:
    """A model file; BadInput with the reason for anything that may not be traded with, and where the extra is not
    installed.
    """
    try:
        onnx, runtime = importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    except ImportError:
        raise bad_model(path, MISSING) from None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise bad_model(path, f"larger than {MOST_BYTES} bytes")
        raw = path.read_bytes()
        _check_weights(path, onnx, onnx.load_model_from_string(raw))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        # Its falling back to the same provider would be told on our screen.
        session = runtime.InferenceSession(raw, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        return _checked(path, session)
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001  two libraries' own trees of errors
        why = error.strerror if isinstance(error, OSError) and error.strerror else clean_text(str(error), WORDS)
        raise bad_model(path, f"is no model this program can read ({why})") from None


def _check_weights(path: Path, onnx: Any, model: Any) -> None:
    bodies = (model.graph, *model.functions)
    for tensor in (one for body in bodies for one in _tensors(body)):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise bad_model(path, f"{tensor.name} lies in another file; keep all weights in one")
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.kind not in "OSU" and not np.isfinite(array.astype(np.float64)).all():
            raise bad_model(path, f"{tensor.name or 'a constant'} holds what is no finite number")


def _tensors(body: Any) -> Iterator[Any]:
    """Every tensor of a graph or function, however deep."""
    yield from getattr(body, "initializer", ())
    for sparse in getattr(body, "sparse_initializer", ()):
        yield sparse.values
    for attribute in (one for node in body.node for one in node.attribute):
        yield from (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors)
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            yield from _tensors(graph)


def _checked(path: Path, session: Any) -> OnnxNetwork:
    told = session.get_modelmeta().custom_metadata_map
    missing = [name for name in ("format", "spec", "card") if name not in told]
    if missing:
        raise bad_model(path, f"its metadata has no {missing[0]}")
    if told["format"] != str(FORMAT):
        raise bad_model(path, f"format {clean_text(told['format'], 20)}, this program reads {FORMAT}")
    if told["spec"] != spec_digest():
        spec = clean_text(told["spec"], 20)
        raise bad_model(path, f"made for observation {spec}, this program observes {spec_digest()}: train it anew")
    for name, found, width in (("input", session.get_inputs(), SIZE), ("output", session.get_outputs(), ACTIONS)):
        if len(found) != 1:
            raise bad_model(path, f"has {len(found)} {name}s, one is needed")
        if found[0].type != FLOAT:
            raise bad_model(path, f"its {name} is {found[0].type}, {FLOAT} is needed")
        if not _fits(found[0].shape, width):
            raise bad_model(path, f"its {name} has shape {found[0].shape}, [1, {width}] is needed")
    network = OnnxNetwork(session, read_card(path, told["card"]))
    _try(path, network)
    return network


def _fits(shape: Sequence[Any], width: int) -> bool:
    """[width], or [1, width] where the first may be open."""
    rows = list(shape)[:-1]
    return list(shape)[-1:] == [width] and len(rows) <= 1 and all(not isinstance(one, int) or one == 1 for one in rows)


def _try(path: Path, network: OnnxNetwork) -> None:
    """Let it answer once at both ends of what can be observed."""
    for row in (LOWEST, HIGHEST, np.zeros_like(LOWEST)):
        try:
            scores = network.scores(np.resize(row, SIZE))
        except Exception as error:  # noqa: BLE001  the library's own errors
            raise bad_model(path, f"cannot be run ({clean_text(str(error), WORDS)})") from None
        if scores.size != ACTIONS:
            raise bad_model(path, f"answers with shape {scores.shape}, [1, {ACTIONS}] is needed")
        if not np.isfinite(scores).all():
            raise bad_model(path, "answers with what is no finite number")
