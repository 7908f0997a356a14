"""Documents: generated parts are current, links lead somewhere, every command of the README exists."""

import re
from pathlib import Path

import pytest

from tests.whole.support import run
from tui.commands.documents import SECTIONS, stale

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))


def test_generated_parts_are_current() -> None:
    assert stale(ROOT, write=False) == []


def test_every_generated_part_stands_in_some_document() -> None:
    everything = "".join(path.read_text() for path in DOCUMENTS)
    assert all(f"<!-- {name}: generated -->" in everything for name in SECTIONS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), target


def test_every_command_of_the_readme_exists(tmp_path: Path) -> None:
    known = run(tmp_path, "--help").stdout
    for command in re.findall(r"^kalshi-trader ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^  {command}\b", known, re.MULTILINE), command


def test_every_module_named_in_the_architecture_exists() -> None:
    for name in re.findall(r"`(core/[\w/]+\.py)`", (ROOT / "ARCHITECTURE.md").read_text()):
        assert (ROOT / name).exists(), name
