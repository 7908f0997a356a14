"""The console's tests look the same whatever the environment of the one who runs them says."""

from __future__ import annotations

import os
from pathlib import Path

for _name in [
    name for name in os.environ if name == "NO_COLOR" or (name.startswith("TEXTUAL_") and "SNAPSHOT" not in name)
]:
    del os.environ[_name]

import console_builders as b  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture
def bridge(tmp_path: Path) -> b.FixedBridge:
    return b.FixedBridge(b.snapshot(), tmp_path)
