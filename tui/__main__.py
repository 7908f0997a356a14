"""The command line: `kalshi-trader`, the same as `kalshi-trader run`.

Light on purpose: `--version` and `--help` import neither the screen nor the network. Every failure is one clear line
on standard error and one of the exit codes 0 clean, 1 internal, 2 bad input, 3 refused start, 4 stopped but not
verified.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path

import typer

from core.domain.enums import ExitCode
from core.domain.errors import BadInput, StartRefused
from core.domain.text import clean_text
from tui.commands import backtest, config, control, doctor, exchange, picture, run, status, strategy, train, world

PROGRAM = "kalshi-trader"

app = typer.Typer(
    name=PROGRAM,
    help="A trading bot for Kalshi's event markets with an operator's console. Without a command: run.",
    no_args_is_help=False,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 clean, 1 internal, 2 bad input, 3 refused start, 4 stopped but not verified.",
)
for module in (run, exchange, status, control, doctor, config, picture, world, strategy, backtest, train):
    module.register(app)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from core.version import VERSION

        typer.echo(f"{PROGRAM} {VERSION}")
        raise typer.Exit()


def with_default_command(arguments: list[str]) -> list[str]:
    """`kalshi-trader [options]` means `kalshi-trader run [options]`."""
    own = {"--help", "--version", "--install-completion", "--show-completion"}
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in own):
        return ["run", *arguments]
    return arguments


def main() -> None:
    """Entry point; ends the process with its exit code."""
    _open_missing_streams()
    sys.exit(invoke(sys.argv[1:]))


def _open_missing_streams() -> None:
    """A program started with closed output has no stream objects at all: give it ones that swallow."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  for the life of the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  for the life of the process
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115  for the life of the process


def invoke(arguments: list[str]) -> int:
    """Run a command line and return its exit code; failures are told in one line."""
    try:
        refuse_foreign_packages()
        result = app(with_default_command(arguments), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else int(ExitCode.CLEAN)
    except typer.Exit as leave:
        return int(leave.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _tell("stopped by the operator", ExitCode.INTERNAL)
    except BadInput as error:
        return _tell(str(error), ExitCode.BAD_INPUT)
    except StartRefused as error:
        return _tell(str(error), ExitCode.REFUSED_START)
    except OSError as error:
        return _output_lost(error)
    except Exception as error:  # noqa: BLE001  the last line of defence prints one line, never a traceback
        # The parser's own complaints share no public base class; what they share is this method.
        complaint = getattr(error, "format_message", None)
        if callable(complaint):
            return _tell(f"{complaint()} (see {PROGRAM} --help)", ExitCode.BAD_INPUT)
        return _tell(f"internal error: {type(error).__name__}: {error}", ExitCode.INTERNAL)


def refuse_foreign_packages() -> None:
    """A foreign package called `core` or `styles` on the path would shadow ours: say so before anything runs."""
    homes = set()
    for name in ("core", "tui", "styles"):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise StartRefused(f"the package '{name}' is missing from this installation; install kalshi-trader anew")
        homes.add(Path(found.origin).resolve().parent.parent)
    if len(homes) > 1:
        places = ", ".join(sorted(map(str, homes)))
        raise StartRefused(f"core, tui and styles come from different places ({places}); leave the folder that shadows")


def _output_lost(error: OSError) -> int:
    """Standard output cannot be written (a full disk, a closed pipe), or a file that is named: say so once, and write
    no more to it.
    """
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.filename is not None:
        return _tell(f"cannot use {error.filename}: {error.strerror or error}", ExitCode.INTERNAL)
    return _tell(f"cannot write: {error.strerror or error}; nothing else went wrong", ExitCode.INTERNAL)


def _tell(text: str, code: ExitCode) -> int:
    sys.stderr.write(f"{PROGRAM}: {clean_text(text, 1000)}\n")
    return int(code)


if __name__ == "__main__":
    main()
