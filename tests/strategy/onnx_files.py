"""Networks written as ONNX, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.mind import network
from core.mind.network import Network
from core.mind.observation import SIZE, spec_digest
from core.strategy.actions import ACTIONS

GOOD = {"format": "1", "spec": spec_digest(), "card": '{"seed": 1}'}


def exported(onnx: Any, net: Any, rows: Any = 1, size: int = SIZE, actions: int = ACTIONS, kind: str = "FLOAT") -> Any:
    helper, number = onnx.helper, getattr(onnx.TensorProto, kind)
    weights = [onnx.numpy_helper.from_array(getattr(net, name), name) for name in network.WEIGHTS]
    nodes = [
        helper.make_node("Gemm", ["observation", "w0", "b0"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w1", "b1"], ["scores"]),
    ]
    into = helper.make_tensor_value_info("observation", number, [rows, size])
    out = helper.make_tensor_value_info("scores", number, [rows, actions])
    graph = helper.make_graph(nodes, "policy", [into], [out], weights)
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])


def small(hidden: int = 4) -> Network:
    flat = np.random.default_rng(7).standard_normal(network.weights_count(hidden)).astype(np.float32)
    return network.from_flat(flat, hidden)
