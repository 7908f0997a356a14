"""What a release is judged by: exact versions, an audit that silence does not pass, and the list of materials."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .test_house_rules import ROOT

TODAY = date(2026, 11, 21)
# As pip-audit tells it, shortened to one weakness.
OLD: dict[str, Any] = {
    "dependencies": [
        {
            "name": "jinja2",
            "version": "2.4.1",
            "vulns": [
                {"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": ["CVE-2014-0012"], "description": "x"}
            ],
        },
        {"name": "rich", "version": "15.0.0", "vulns": []},
    ],
    "fixes": [],
}
WANTED = {"jinja2": "2.4.1", "rich": "15.0.0"}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load("audit")


def audited(folder: Path, said: str) -> subprocess.CompletedProcess[str]:
    """The command itself, with a pip-audit that says what it is told to."""
    (folder / "pip_audit.py").write_text(f"import sys\nprint({said!r})\nsys.exit(1)\n")
    (folder / "pins.txt").write_text("".join(f"{name}=={version}\n" for name, version in WANTED.items()))
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(folder / "pins.txt")]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(folder)})


def test_every_dependency_is_installed_in_an_exact_version_and_nothing_names_a_source() -> None:
    pinned = audit.pins((ROOT / "constraints.txt").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {audit.canonicalize_name(audit.Requirement(need).name) for need in needs}
    assert names <= pinned.keys()
    assert "bandit" in pinned
    with pytest.raises(ValueError, match="exact"):
        audit.pins("rich>=14\n")


def test_a_known_weakness_stops_a_release() -> None:
    assert audit.judged(WANTED, OLD, set()) == ["jinja2 2.4.1: PYSEC-2014-8, mended in 2.7.2"]
    assert audit.judged(WANTED, OLD, {"CVE-2014-0012"}) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"dependencies": []},
        {"dependencies": [{"name": "rich", "skip_reason": "not found"}]},
        {"dependencies": [{"name": "rich", "version": "14.0.0", "vulns": []}]},
        {"dependencies": [{"name": "rich", "version": "15.0.0"}]},
        {},
    ],
)
def test_what_was_not_looked_up_stops_a_release(answer: dict[str, Any]) -> None:
    (said,) = audit.judged({"rich": "15.0.0"}, answer, set())
    assert "not looked up" in said


def test_the_command_fails_on_a_weakness_and_when_the_audit_cannot_be_made(tmp_path: Path) -> None:
    weak = audited(tmp_path, json.dumps(OLD))
    assert weak.returncode == 1 and "PYSEC-2014-8" in weak.stdout
    for said in ("", "no network", "[]", "null"):
        broken = audited(tmp_path, said)
        assert broken.returncode == 1, said
    assert "could not be made" in broken.stdout
    sound = {"dependencies": [{"name": n, "version": v, "vulns": []} for n, v in WANTED.items()]}
    assert audited(tmp_path, json.dumps(sound)).returncode == 0


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("CVE-1 2026-12-01 not reached by us", True),
        ("CVE-1 2026-11-20 not reached by us", False),
        ("CVE-1 2027-11-21 not reached by us", False),
        ("CVE-1 2026-12-01", False),
        ("CVE-1 soon maybe", False),
        ("CVE-1", False),
    ],
)
def test_an_exception_has_an_end_and_a_reason(line: str, taken: bool) -> None:
    known, wrong = audit.exceptions(f"# kept\n{line}\n", TODAY)
    assert (known == {"CVE-1"}) is taken is not wrong


def test_the_list_of_materials_names_every_package_with_version_and_licence() -> None:
    done = subprocess.run([sys.executable, str(ROOT / ".ci" / "materials.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    names = {row["name"] for row in rows}
    assert rows[0]["name"] == "kalshi-trader" and names >= {
        "textual",
        "aiohttp",
        "cryptography",
        "linkify-it-py",
        "cffi",
    }
    assert not names & {"pytest", "hypothesis", "bandit"} and all(row["version"] and row["licence"] for row in rows)
