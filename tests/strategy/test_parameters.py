"""Parameters and where strategies come from: typed, bounded, refused in one line that names the thing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Settings
from core.domain.amounts import contracts
from core.domain.errors import BadInput
from core.strategies import NAMES, configured, make_strategy, strategy_class
from core.strategy.maker import MakerParameters, MarketMaker
from core.strategy.parameters import changed, fields_of


def test_values_are_taken_as_people_write_them() -> None:
    found = changed(MakerParameters(), {"size": "3", "edge": "0.0125", "caution": 70})
    assert (found.size, found.edge, found.caution) == (contracts(3), 125, 70)
    assert found.inventory == MakerParameters().inventory


@pytest.mark.parametrize("value", ["0", "-1", "1e9", "1e999999999", "nan", "inf", "", "five", "0.001", True, None])
def test_what_is_no_value_within_bounds_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"^size: .* 0\.01 to 100000 contracts$"):
        changed(MakerParameters(), {"size": value})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_default_lies_within_its_own_bounds_and_reads_back(name: str) -> None:
    kind = strategy_class(name)
    assert kind.text
    shown = {}
    for field in fields_of(kind.kind):
        assert field.low <= field.default <= field.high
        assert field.text
        shown[field.name] = field.shown(field.default)
    assert changed(kind.kind(), shown) == kind.kind()


@given(st.integers(1, 10_000_000))
def test_a_value_that_was_shown_is_the_value_when_it_is_read(steps: int) -> None:
    size = fields_of(MakerParameters)[0]
    assert changed(MakerParameters(), {"size": size.shown(steps)}).size == steps


def test_general_settings_hold_where_the_strategy_has_such_a_parameter() -> None:
    settings = Settings(quote_size=3, strategy_parameters={"inventory": 9})  # type: ignore[arg-type]
    maker = configured(settings)
    assert isinstance(maker, MarketMaker)
    assert (maker.parameters.size, maker.parameters.inventory) == (contracts(3), contracts(9))
    assert configured(Settings(strategy="hold")).name == "hold"


MINE = """
from core.strategy.base import Decision, Strategy

class Mine(Strategy):
    name = "mine"
    def decide(self, view, memory):
        return Decision(said="mine")

class Other: pass
raised = 1
"""


def test_a_class_of_the_users_own_is_found_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    assert make_strategy(f"{file}:Mine", {}).name == "mine"


@pytest.mark.parametrize(
    ("text", "named", "why"),
    [
        (MINE, "{0}:Other", "Other is no class on"),
        (MINE, "{0}:raised", "raised is no class on"),
        (MINE, "{0}:Gone", "has no Gone"),
        (MINE, "{0}", "unknown; one of maker"),
        (MINE, "{0}x.py:Mine", "there is no file"),
        ("1/0", "{0}:Mine", "cannot be loaded (ZeroDivisionError"),
        ("import nothing_such", "{0}:Mine", "cannot be loaded (ModuleNotFoundError"),
        ("", "makr", "unknown; one of maker"),
        ("", "no.such.module:Mine", "cannot be loaded (ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_a_strategy_is_refused_with_the_reason(tmp_path: Path, text: str, named: str, why: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(BadInput) as refused:
        strategy_class(named.format(file))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_parameter_in_the_configuration_names_those_there_are() -> None:
    with pytest.raises(BadInput, match="unknown parameter 'sizes'; size, inventory"):
        make_strategy("maker", {"sizes": 1})
