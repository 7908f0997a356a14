"""Which strategy trades: by the name of one that is here, or by where a class of the user's own is found.

`maker` is a name, `package.module:Class` an importable class, `path/to/file.py:Class` a class in a file and
`path/to/model.npz` or `.onnx` a trained policy. Everything that cannot be used is refused before anything is
traded, in one line that names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from core.config import Settings
from core.domain.errors import BadInput
from core.strategy.base import Strategy
from core.strategy.parameters import Parameters, changed, fields_of

LEARNED = "core.mind.learned:Learned"
# By a model file's ending: what reads it.
MODELS = {".npz": "core.mind.network", ".onnx": "core.mind.onnx_model"}
# Loaded only when asked for: not every one is light.
NAMES: dict[str, str] = {
    "maker": "core.strategy.maker:MarketMaker",
    "fair-value": "core.strategy.taker:FairValueTaker",
    "arbitrage": "core.strategy.arbitrage:EventArbitrage",
    "learned": LEARNED,
    "hold": "core.strategy.plain:Hold",
    "random": "core.strategy.plain:Randomly",
}


def strategy_class(named: str) -> type[Strategy]:
    """The class behind a name or import path; BadInput names what is wrong with it and the mend."""
    if named.endswith(tuple(MODELS)):
        named = LEARNED
    path = NAMES.get(named, named)
    where, colon, word = path.rpartition(":")
    if not colon or not where or not word:
        known = ", ".join(NAMES)
        raise BadInput(f"strategy '{named}': unknown; one of {known}, package.module:Class or path/to/file.py:Class")
    found = getattr(_module(where, named), word, None)
    if found is None:
        raise BadInput(f"strategy '{named}': {where} has no {word}")
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise BadInput(f"strategy '{named}': {word} is no class on core.strategy.base.Strategy")
    return found


def is_code(named: str) -> bool:
    """Whether this name would run code that is not part of this program."""
    return named not in NAMES and not named.endswith(tuple(MODELS))


def configured(settings: Settings) -> Strategy:
    """The strategy the settings name, with the parameters they give; BadInput."""
    usual = {
        "size": settings.quote_size,
        "inventory": settings.quote_inventory,
        "skew_step": settings.quote_skew_step,
        "lowest": settings.price_band_low,
        "highest": settings.price_band_high,
    }
    return make_strategy(settings.strategy, settings.strategy_parameters, usual)


def make_strategy(named: str, values: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy with `values` for its parameters. `usual` are general settings: they hold where the strategy has a
    parameter of that name that `values` does not give.
    """
    kind = strategy_class(named)
    try:
        have = {field.name for field in fields_of(kind.kind)}
        given = {name: value for name, value in (usual or {}).items() if name in have}
        parameters = changed(kind.kind(), {**given, **values})
        if named.endswith(tuple(MODELS)):
            return _learned(Path(named), parameters)
        return kind(parameters)
    except ValueError as error:
        raise BadInput(f"strategy '{named}': {error}; mend strategy_parameters") from None
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001  the user's own code
        raise BadInput(f"strategy '{named}': cannot be made ({type(error).__name__}: {error})") from None


def _learned(path: Path, parameters: Parameters) -> Strategy:
    from core.mind.learned import Learned

    return Learned(parameters, importlib.import_module(MODELS[path.suffix]).load(path.expanduser()))


def _module(where: str, named: str) -> ModuleType:
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        path = Path(where).expanduser()
        if not path.is_file():
            raise BadInput(f"strategy '{named}': there is no file {path}")
        name = f"kalshi_trader_strategy_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001  the user's own code
        raise BadInput(f"strategy '{named}': {where} cannot be loaded ({type(error).__name__}: {error})") from None
    return module
