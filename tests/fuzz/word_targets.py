"""Targets of words: text from outside, what local sockets are asked, what a command line may say."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from core.domain.errors import BadInput
from core.domain.text import TEXT_LIMIT, clean_text
from core.lab.plan import read_faults
from core.local.endpoint import Answer, LocalEndpoint, Request
from core.outlook import Outlook
from core.remote import WORDS
from core.strategies import make_strategy
from core.strategy.maker import MarketMaker
from core.strategy.parameters import changed
from tests.fuzz.exchange_targets import text_of
from tests.fuzz.own_targets import BAD, picture
from tests.fuzz.storm import Taker, Target
from tests.fuzz.wire_targets import always, packed
from tui import __main__ as program
from tui.commands.world import seed_range


def _cleaned(data: bytes) -> None:
    for text in (
        text_of(data),
        data.decode("latin-1"),
        data.decode("utf-16-le", "surrogatepass") if len(data) % 2 == 0 else "",
    ):
        clean = clean_text(text)
        assert len(clean) <= TEXT_LIMIT
        assert clean.isprintable() or not any(unicodedata.category(ch)[0] == "C" for ch in clean), clean
        assert "\n" not in clean and "\u2028" not in clean
        assert clean_text(clean) == clean, "cleaning twice is cleaning once"


PIECES = (
    "a plain sentence of some length", "\x1b[31mred\x1b[0m", "\x1b]0;own\x07", "\x1b]52;c;ZXZpbA==\x07", "\x9b31m",
    "\x9d0;x\x9c", "\x90q\x9c", "\x1bP+q\x1b\\", "\u202eright", "\u2066\u200b\ufeff", "\ud800", "\U000e0041",
    "a\u0301\u0302", "漢字 한 \U0001f469\u200d\U0001f467", "[red]x[/]", "one\r\ntwo\ttabs\u2028three",
)  # fmt: skip


def _texts() -> list[bytes]:
    return [piece.encode("utf-8", "surrogatepass") for piece in PIECES]


def _asked(data: bytes) -> Answer:
    """One line at the local command socket, up to the wish; the wish itself is not handed in."""

    async def handler(request: Request) -> Answer:
        make = WORDS.get(request.command)
        return Answer(ok=make is not None and make(1, request.argument) is not None, text="")

    answer = LocalEndpoint(Path("x"), handler)._answer(data)
    try:
        answer.send(None)
    except StopIteration as end:
        msgspec.json.encode(end.value)
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")


def outlook() -> Taker:
    made = Outlook(picture, lambda most: ())
    return lambda data: msgspec.json.decode(made.answer(data[:1024]))


def _parameters(data: bytes) -> None:
    name, _, value = text_of(data).partition("=")
    made = changed(MarketMaker.kind(), {name: value})
    assert all(type(getattr(made, field)) is int for field in made.__struct_fields__)


def _strategy(data: bytes) -> None:
    make_strategy(text_of(data), {})


# ---- the command line --------------------------------------------------------------------------------------------

LINES = (
    b"run\n--mode\npaper\n--seed\n7\n--headless",
    b"status\n--json",
    b"status\n--history\n5",
    b"stop\n--now",
    b"world\n--seed\n3\n--minutes\n1.5\n--faults\nC2-reset@60+2",
    b"world\n--seeds\n1-9\n--jobs\n2",
    b"exchange\n--port\n0",
    b"config\nshow",
    b"config\ncheck\n--config\nx.toml",
    b"doctor",
    b"pause\n--mode\ndemo",
    b"reset-breaker\n--reason\nwhy",
    b"strategy\nlist",
    b"backtest\n--seeds\n1-3",
    b"train\nm.npz\n--generations\n2",
    b"--version",
    b"--help",
    b"liquidate\n--yes",
)


@cache
def parser() -> Any:
    """The whole command line with nothing behind it: every command only takes its arguments."""
    import typer

    command = typer.main.get_command(program.app)
    for word in _commands(command):
        word.callback = _nothing
    return command


def _commands(command: Any) -> list[Any]:
    below = getattr(command, "commands", {}).values()
    return [one for each in below for one in (_commands(each) if hasattr(each, "commands") else [each])]


def _nothing(**_arguments: Any) -> int:
    return 0


def lines() -> Taker:
    """`invoke` as it is: whatever is written, one clean line and the code of bad input."""

    def take(data: bytes) -> None:
        words = [word for word in text_of(data).split("\n") if "\x00" not in word]
        out, err = io.StringIO(), io.StringIO()
        real, program.app = program.app, parser()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = program.invoke(words)
        finally:
            program.app = real
        assert code in (0, 2), f"exit {code}: {err.getvalue()[:200]}"
        said = err.getvalue()
        assert not code or (said.count("\n") == 1 and said[:-1].isprintable()), said
        if code:
            raise BadInput(said)

    return take


def targets() -> list[Target]:
    def one(name: str, what: str, rows: Callable[[], Any], make: Callable[[], Taker], **more: Any) -> Target:
        return Target(name=name, what=what, examples=rows, make=make, **more)

    named = [b"maker", b"fair-value", b"learned", b"hold", b"package.module:Class", b"path/to/file.py:Class"]
    faults = [b"C2-reset@60+2", b"none", b"A1-refused,C6-frame-lost@12.5"]
    return [
        one(
            "strategy parameters",
            "core/strategy/parameters.py",
            lambda: [b"size=5", b"skew_step=2.5"],
            always(_parameters),
            refusals=(ValueError,),
        ),
        one("strategy names", "core/strategies.py", lambda: named, always(_strategy), refusals=BAD, cost=100),
        one(
            "worlds' faults",
            "core/lab/plan.py",
            lambda: faults,
            always(lambda d: read_faults(text_of(d), 300)),
            refusals=BAD,
        ),
        one(
            "worlds' seeds",
            "tui/commands/world.py",
            lambda: [b"1-1000"],
            always(lambda d: seed_range(text_of(d))),
            refusals=BAD,
        ),
        one("text cleaner", "core/domain/text.py", _texts, always(_cleaned), cost=40),
        one(
            "command socket",
            "core/local/endpoint.py",
            lambda: [packed({"command": word, "argument": "size=5"}) for word in WORDS],
            always(_asked),
        ),
        one(
            "broadcast asks",
            "core/outlook.py",
            lambda: [packed({"ask": "status"}), packed({"ask": "history", "limit": 3})],
            outlook,
            cost=45,
        ),
        one("command line", "tui/__main__.py", lambda: list(LINES), lines, refusals=BAD, cost=1_100),
    ]
