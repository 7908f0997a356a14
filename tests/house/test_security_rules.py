"""What no source may do for safety's sake, rule by rule; each rule is shown a line that breaks it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from random import SystemRandom
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from core.assembly import system_wiring

from .test_house_rules import ROOT, SOURCES, name, nodes

# Reading these would run what somebody else wrote, or keep it in a form that does.
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "xml", "telnetlib", "ftplib"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {"popen", "mktemp", "getoutput", "_create_unverified_context", "from_markup", "render_markup"}
# Only `tls_context` makes a context, and nothing may loosen one.
TLS_NAMES = {"CERT_NONE", "CERT_OPTIONAL", "create_default_context", "SSLContext", "verify_mode"}
TLS_HOME = "core/exchange/network.py"
SWITCHES = {
    "shell": True, "allow_pickle": True, "trust_env": True, "allow_redirects": True, "markup": True,
    "verify": False, "ssl": False, "verify_ssl": False, "check_hostname": False,
}  # fmt: skip
# What takes markup when it is handed a str; here it is handed `Content`, or words of ours.
MARKUP_TAKERS = {"Static", "Label", "Button", "Checkbox", "notify", "Option", "Hit", "DiscoveryHit"}
MARKUP_NAMES = {"border_title", "border_subtitle", "tooltip", "label"}


def imports(node: ast.AST) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(found.split(".")[0] in MODULES for found in names)


def calls(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in BUILTINS | CALLS
    return isinstance(node.func, ast.Attribute) and (node.func.attr in CALLS or ast.unparse(node.func) == "os.system")


def switches(node: ast.AST) -> bool:
    pairs: list[tuple[str | None, ast.expr]] = []
    if isinstance(node, ast.keyword):
        pairs = [(node.arg, node.value)]
    if isinstance(node, ast.Assign):
        pairs = [(target.attr, node.value) for target in node.targets if isinstance(target, ast.Attribute)]
    return any(
        isinstance(value, ast.Constant) and key in SWITCHES and value.value is SWITCHES[key] for key, value in pairs
    )


def loosens_tls(node: ast.AST) -> bool:
    named = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return named in TLS_NAMES


def plain(value: ast.expr | None) -> bool:
    """Words of the source itself, or something wrapped in a type that is never read as markup."""
    if value is None or isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"Content", "_as_it_is"}
    return False


def marks_up(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        targets = [t.attr for t in node.targets if isinstance(t, ast.Attribute)]
        return bool(MARKUP_NAMES & set(targets)) and not plain(node.value)
    if not isinstance(node, ast.Call):
        return False
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if called not in MARKUP_TAKERS:
        return False
    # The first of a palette's hit is its score.
    shown = node.args[1:2] if called == "Hit" else node.args[:1]
    asked = [k.value for k in node.keywords if k.arg in {"help", "label", "prompt", "display", "tooltip"}]
    return not all(plain(value) for value in [*shown, *asked])


RULES: dict[str, tuple[Callable[[ast.AST], bool], tuple[str, ...], str]] = {
    "nothing that runs foreign bytes is imported": (imports, ("core", "tui", "styles"), "from pickle import loads"),
    "no text is run": (calls, ("core", "tui", "styles"), "eval(text)"),
    "no shell, proxy, redirect or unchecked line": (switches, ("core", "tui", "styles"), "get(url, ssl=False)"),
    "TLS is made in one place and never loosened": (loosens_tls, ("core", "tui"), "c.verify_mode = ssl.CERT_NONE"),
    "outside text is never read as markup": (marks_up, ("tui/",), "yield Label(title)"),
}


@pytest.mark.parametrize("rule", RULES)
def test_no_source_breaks_the_rule(rule: str) -> None:
    breaks, rooms, _ = RULES[rule]
    found = [
        f"{name(path)}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)[:60]}"
        for path in SOURCES
        if name(path).startswith(rooms) and not (breaks is loosens_tls and name(path) == TLS_HOME)
        for node in nodes(path)
        if breaks(node)
    ]
    assert not found


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        *((rule, line) for rule, (_, _, line) in RULES.items()),
        ("no text is run", "os.system(line)"),
        ("no text is run", "Text.from_markup(title)"),
        ("no shell, proxy, redirect or unchecked line", "run(line, shell=True)"),
        ("no shell, proxy, redirect or unchecked line", "context.check_hostname = False"),
        ("no shell, proxy, redirect or unchecked line", "np.load(path, allow_pickle=True)"),
        ("TLS is made in one place and never loosened", "ssl.create_default_context()"),
        ("outside text is never read as markup", "box.border_title = info.title"),
        ("outside text is never read as markup", "Hit(score, Content(title), show, help=info.title)"),
        ("outside text is never read as markup", "app.notify(f'{error}')"),
    ],
)
def test_the_rule_catches_what_breaks_it(rule: str, line: str) -> None:
    assert any(RULES[rule][0](node) for node in ast.walk(ast.parse(line)))


def test_the_one_place_that_makes_tls_never_loosens_it() -> None:
    text = (ROOT / TLS_HOME).read_text()
    assert text.count("SSLContext(ssl.PROTOCOL_TLS_CLIENT)") == 1 and "verify_mode" not in text and "CERT_" not in text


def patterns() -> Iterator[tuple[str, str]]:
    """Every pattern that stands in a call of `re` as it is."""
    for path in SOURCES:
        for node in nodes(path):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
            ):
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
                        text = part.value if isinstance(part.value, str) else part.value.decode("latin-1")
                        yield f"{name(path)}:{node.lineno}", text


def nested(tree: Any, inside: bool = False) -> bool:
    """Whether an endless repeat stands in an endless repeat: the shape whose time explodes."""
    for kind, value in tree:
        endless = kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and value[1] is _constants.MAXREPEAT
        if endless and inside:
            return True
        below = value if isinstance(value, tuple) else (value,)
        flat = [x for part in below for x in (part if isinstance(part, list) else [part])]
        for part in flat:
            if isinstance(part, _parser.SubPattern) and nested(part, inside or endless):
                return True
    return False


def test_no_pattern_repeats_a_repeat_without_end() -> None:
    found = list(patterns())
    assert len(found) >= 10
    assert not [where for where, text in found if _parses(text) and nested(_parser.parse(text))]
    assert nested(_parser.parse("(a+)+b")) and nested(_parser.parse("(x|a*)*")) and not nested(_parser.parse("a+b+"))


def _parses(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:  # a part of a pattern that is put together
        return False
    return True


def test_the_client_brings_in_nothing_of_the_simulated_exchange_and_its_chance_is_the_systems() -> None:
    script = (
        "import importlib, pkgutil, sys, core.exchange as room\n"
        "for found in pkgutil.iter_modules(room.__path__): importlib.import_module(f'core.exchange.{found.name}')\n"
        "found = [n for n in sys.modules if n.startswith(('core.sim', 'core.lab'))]\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert isinstance(system_wiring().chance, SystemRandom)


def test_the_client_names_no_path_that_moves_money_or_makes_keys() -> None:
    forbidden = re.compile(r"transfer|withdraw|deposit|api_keys|subaccounts", re.IGNORECASE)
    found = [
        f"{name(path)}:{node.lineno}: {node.value[:60]}"
        for path in SOURCES
        if name(path).startswith("core/exchange")
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and forbidden.search(node.value)
    ]
    assert not found


def test_the_commands_that_guard_a_commit_and_a_release_are_there() -> None:
    assert "bandit" in (ROOT / ".ci" / "run").read_text()
    assert ".ci/audit.py" in (ROOT / ".ci" / "release").read_text()
