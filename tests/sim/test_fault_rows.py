"""Every row of the fault table that concerns the wire can be played by the exchange, or it is said why not."""

import importlib
from pathlib import Path

import pytest

from core.sim.control import Control
from core.sim.faults import FAULTS
from core.sim.scenarios import ACTS, read_scenario
from core.sim.server import ExchangeServer, ExchangeSettings
from tests.faults import rows
from tests.sim.fault_rows import ROWS
from tests.sim.support import KEY_PEM, FastClock

SOURCES = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_no_row_of_requests_races_and_stream_is_missing() -> None:
    assert list(ROWS) == [name for name in rows.ROWS if name[0] in "ABC"]


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_played_or_says_why_not(name: str) -> None:
    row = ROWS[name]
    assert bool(row.never) != bool(row.faults or row.acts or row.itself)
    assert set(row.faults) <= set(FAULTS) and set(row.acts) <= set(ACTS)
    if row.itself:
        module, test = row.itself.split(".")
        assert callable(getattr(importlib.import_module(f"tests.sim.{module}"), test))


def test_each_fault_says_itself_which_rows_it_plays() -> None:
    told = {name: set(kind.ids.split()) for name, kind in FAULTS.items()}
    assert told == {name: {id for id, row in ROWS.items() if name in row.faults} for name in FAULTS}


def test_each_fault_and_act_has_a_test_here() -> None:
    assert [name for name in (*FAULTS, *ACTS) if f'"{name}"' not in SOURCES] == []


def test_each_fault_and_act_is_reached_from_the_control_port_and_from_a_file() -> None:
    text = "".join(f'[[fault]]\nname = "{name}"\nafter = 5\nlasts = 1\n' for name in FAULTS)
    text += "".join(f'[[at]]\nact = "{act}"\nafter = 5\n' for act in ACTS)
    made = read_scenario(text, "all.toml")
    assert [one.name for one in made.faults] == list(FAULTS) and [one.act for one in made.happenings] == list(ACTS)
    server = ExchangeServer(ExchangeSettings(markets=3, alive=0), FastClock(), private_key_pem=KEY_PEM)
    control = Control(server, "t")
    for name in FAULTS:
        answer = control.answer(f'{{"token":"t","do":"arm","fault":"{name}"}}'.encode())
        assert answer and answer["ok"] and name in answer["armed"]
    told = control.answer(b'{"token":"t","do":"help"}')
    assert told and set(told["faults"]) == set(FAULTS) and told["acts"] == list(ACTS)
