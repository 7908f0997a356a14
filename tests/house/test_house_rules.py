"""House rules that the import contracts cannot see: sizes, floats, clocks, and who may import which network library."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from core.engine.coordinator import BEAT_S

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for room in ("core", "tui", "styles") for p in (ROOT / room).rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 450, 60
BUDGETS = {"tui/app.py": 250, "core/engine/coordinator.py": 350}
MONEY_ROOMS = ("core/domain", "core/market", "core/trading", "core/strategy", "core/engine")
CLOCK_FILES = {"core/local/clock.py", "core/sim/virtual_clock.py"}
# The console's own clock is for drawing; commands run before and after a session, the logger stamps its lines.
CLOCK_ROOMS_FREE = ("tui/",)
AMBIENT = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "random": {"random", "randint", "choice", "shuffle", "uniform", "getrandbits"},
    "uuid": {"uuid1", "uuid4"},
}
ONE_FILE_EACH = {
    "aiohttp": {"core/exchange/rest_transport.py", "core/sim/server.py"},
    # The third side is this machine: the broadcast serves other programs and never speaks to an exchange.
    "websockets": {"core/exchange/stream_transport.py", "core/local/broadcast.py"},
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def test_no_file_is_longer_than_its_budget() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {n: lines for n, lines in lengths.items() if lines > BUDGETS.get(n, FILE_LINES)}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name(path)} {node.name}: {node.end_lineno - node.lineno + 1}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


def test_every_module_says_what_it_is() -> None:
    assert not [name(path) for path in SOURCES if not ast.get_docstring(tree(path))]


def test_money_rooms_hold_no_float() -> None:
    found = []
    for path in SOURCES:
        if not name(path).startswith(MONEY_ROOMS):
            continue
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                # Seconds that a task sleeps are no amounts.
                if (name(path), node.value) != ("core/engine/coordinator.py", BEAT_S):
                    found.append(f"{name(path)}:{node.lineno}: {node.value}")
            elif isinstance(node, ast.Name) and node.id == "float":
                found.append(f"{name(path)}:{node.lineno}: float")
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                found.append(f"{name(path)}:{node.lineno}: /")
    assert not found


def test_only_clocks_read_a_clock_and_chance_is_handed_in() -> None:
    found = [
        f"{name(path)}:{node.lineno}: {node.value.id}.{node.attr}"
        for path in SOURCES
        if not name(path).startswith(CLOCK_ROOMS_FREE) and name(path) not in CLOCK_FILES
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in AMBIENT.get(node.value.id, set())
    ]
    assert not found


@pytest.mark.parametrize("library", sorted(ONE_FILE_EACH))
def test_a_network_library_is_imported_by_one_file_on_each_side(library: str) -> None:
    importers = set()
    for path in SOURCES:
        for node in nodes(path):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if any(n.split(".")[0] == library for n in names):
                importers.add(name(path))
    assert importers <= ONE_FILE_EACH[library]


def test_version_and_help_import_neither_screen_nor_network() -> None:
    script = (
        "import sys; import tui.__main__ as m; code = m.invoke(['--version']);"
        "heavy = {'textual', 'aiohttp', 'websockets', 'numpy', 'cryptography'} & set(sys.modules);"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


def test_no_lock_file_that_records_download_addresses_is_tracked() -> None:
    assert "uv.lock" not in tracked()


def test_the_root_holds_only_what_belongs_there() -> None:
    allowed = {
        "pyproject.toml", "core", "tui", "tests", "styles", "docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
        "CHANGELOG.md", "SECURITY.md", "PERFORMANCE.md", "LICENSE", "constraints.txt",
    }  # fmt: skip
    top = {path.split("/")[0] for path in tracked()}
    assert {entry for entry in top if not entry.startswith(".")} <= allowed
