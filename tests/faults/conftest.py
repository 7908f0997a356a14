"""Every test of a row must prove that its fault struck: without that it fails, however well it went otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import Proof, Tamper


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(*ids): rows of the fault table that this test plays")


@pytest.fixture(autouse=True)
def proof(request: pytest.FixtureRequest) -> Iterator[Proof]:
    marker = request.node.get_closest_marker("row")
    found = Proof(marker.args if marker else ())
    yield found
    if found.missing:
        pytest.fail(f"never struck: {', '.join(found.missing)}")


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Tamper:
    made = Tamper()
    made.install(monkeypatch)
    return made
