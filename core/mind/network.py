"""Network: a small network of two layers in numpy, and the file it is kept in.

A model is an `.npz` of plain arrays, read without pickle: version, the digest of the observation it was made for, four
weight arrays, and a card in words. What does not fit is refused before anything is traded, with the reason.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadInput
from core.domain.text import clean_text
from core.mind.observation import SIZE, Vector, spec_digest
from core.strategy.actions import ACTIONS

FORMAT = 1
MOST_BYTES = 4_000_000
MOST_HIDDEN = 1_024
WEIGHTS = ("w0", "b0", "w1", "b1")
Floats = NDArray[np.float32]


class Model(Protocol):
    """What a learned policy asks of its model: the action for one observation."""

    def action(self, vector: Vector) -> int: ...


@dataclass(frozen=True, slots=True)
class Network:
    """SIZE inputs, tanh, ACTIONS outputs; the highest output is the action. Arrays of float32."""

    w0: Floats
    b0: Floats
    w1: Floats
    b1: Floats
    card: dict[str, Any]

    def action(self, vector: Vector) -> int:
        """The action for one observation; the first of equals."""
        hidden = vector.dot(self.w0)  # the same bits as `@`, sooner
        hidden += self.b0
        np.tanh(hidden, hidden)
        scores = hidden.dot(self.w1)
        scores += self.b1
        return int(scores.argmax())

    @property
    def hidden(self) -> int:
        return int(self.b0.shape[0])

    def flat(self) -> Floats:
        """All weights in one row."""
        return np.concatenate([getattr(self, name).ravel() for name in WEIGHTS])


def shapes(hidden: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of WEIGHTS in a network of so many hidden units."""
    return (SIZE, hidden), (hidden,), (hidden, ACTIONS), (ACTIONS,)


def weights_count(hidden: int) -> int:
    return sum(int(np.prod(shape)) for shape in shapes(hidden))


def from_flat(flat: Floats, hidden: int, card: dict[str, Any] | None = None) -> Network:
    """The network whose weights stand in one row."""
    arrays, at = [], 0
    for shape in shapes(hidden):
        size = int(np.prod(shape))
        arrays.append(flat[at : at + size].reshape(shape).astype(np.float32))
        at += size
    assert at == flat.shape[0]
    w0, b0, w1, b1 = arrays
    return Network(w0, b0, w1, b1, card or {})


def save(network: Network, path: Path) -> None:
    """Write a model file, whole or not at all."""
    out = io.BytesIO()
    card = msgspec.json.encode(network.card).decode()
    named = {name: getattr(network, name) for name in WEIGHTS}
    np.savez(out, format=np.int64(FORMAT), spec=np.str_(spec_digest()), card=np.str_(card), **named)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(out.getvalue())
    beside.replace(path)


def load(path: Path) -> Network:
    """A model file; BadInput with the reason for anything that may not be traded with."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise bad_model(path, f"larger than {MOST_BYTES} bytes")
        return _checked(path, read_arrays(path, MOST_BYTES))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else clean_text(str(error))
        raise bad_model(path, f"is no model this program can read ({why})") from None


def read_arrays(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz`, without pickle; ValueError or OSError for anything else."""
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(one.file_size for one in packed.infolist()) > most_bytes:
                raise ValueError(f"holds more than {most_bytes} bytes")
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError):
        raise
    except Exception as error:  # noqa: BLE001  zip, deflate and numpy's reader of headers each have their own errors
        raise ValueError(f"{type(error).__name__}: {error}") from None
    strange = [name for name, array in found.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise ValueError(f"{strange[0]} is no array")
    return found


def _checked(path: Path, found: dict[str, NDArray[Any]]) -> Network:
    missing = [name for name in ("format", "spec", "card", *WEIGHTS) if name not in found]
    if missing:
        raise bad_model(path, f"has no {missing[0]}")
    if found["format"].shape != () or found["format"].dtype.kind != "i" or int(found["format"]) != FORMAT:
        raise bad_model(path, f"format {str(found['format'])[:20]}, this program reads {FORMAT}")
    if found["spec"].shape != () or str(found["spec"]) != spec_digest():
        told = str(found["spec"])[:20]
        raise bad_model(path, f"made for observation {told}, this program observes {spec_digest()}: train it anew")
    hidden = found["b0"].shape[0] if found["b0"].ndim == 1 else 0
    if not 1 <= hidden <= MOST_HIDDEN:
        raise bad_model(path, f"b0 has shape {found['b0'].shape}; one row of 1 to {MOST_HIDDEN} is needed")
    for name, shape in zip(WEIGHTS, shapes(hidden), strict=True):
        array = found[name]
        if array.shape != shape:
            raise bad_model(path, f"{name} has shape {array.shape}, {shape} is needed")
        if array.dtype != np.float32:
            raise bad_model(path, f"{name} is {array.dtype}, float32 is needed")
        if not np.isfinite(array).all():
            raise bad_model(path, f"{name} holds what is no finite number")
    w0, b0, w1, b1 = (found[name] for name in WEIGHTS)
    return Network(w0, b0, w1, b1, read_card(path, str(found["card"])))


def read_card(path: Path, text: str) -> dict[str, Any]:
    """What a model says of itself; BadInput."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise bad_model(path, "its card cannot be read") from None


def bad_model(path: Path, why: str) -> BadInput:
    """A model that is not traded with, and why."""
    return BadInput(f"model {path}: {why}")
