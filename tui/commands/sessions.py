"""Which session a command means, and its last picture: the options for it are declared here once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain.errors import BadInput
from tui.commands.options import ConfigOption, ModeOption, SessionOption, StateDirOption, load_settings

if TYPE_CHECKING:
    from core.trading.snapshot import TraderSnapshot

NAMING: dict[str, Any] = {
    "mode": ModeOption,
    "config": ConfigOption,
    "state_dir": StateDirOption,
    "session": SessionOption,
}


def on_session(command: Callable[..., int]) -> Callable[..., int]:
    """`command` for the command line: in place of its parameter `folder` come the options that name a session."""
    own = inspect.signature(command, eval_str=True)
    kept = [parameter for parameter in own.parameters.values() if parameter.name != "folder"]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in NAMING.items()
    ]

    def called(**given: Any) -> int:
        mode, config, state_dir, session = (given.pop(name) for name in NAMING)
        return command(folder=newest_session(config, state_dir, mode, session), **given)

    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in kept), *named]
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": int}
    called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return called


def read_picture(folder: Path) -> TraderSnapshot:
    """The last picture of a session. BadInput when it is not one of this version."""
    import msgspec

    from core.trading.snapshot import TraderSnapshot

    path = folder / "status.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=TraderSnapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not a status file of this version: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def newest_session(config: Path | None, state_dir: Path | None, mode: str | None, session: str | None = None) -> Path:
    """The folder of the running session, else of the last one. BadInput when there is none, or several run at once."""
    from core.local.folder import lock_holder

    base = load_settings(config, state_dir=state_dir).settings.state_dir.expanduser()
    pattern = session or f"{mode or '*'}-????????"
    if "/" in pattern:
        raise BadInput(f"--session {pattern}: give the folder's name only")
    found = sorted(base.glob(f"{pattern}/status.json"), key=lambda f: f.stat().st_mtime, reverse=True)
    if not found:
        raise BadInput(f"no session in {base}: start one with kalshi-trader run")
    running = [f.parent for f in found if lock_holder(f.parent) is not None]
    if len(running) > 1:
        names = ", ".join(f"{f.name} (pid {lock_holder(f)})" for f in running)
        raise BadInput(f"several traders are running: {names}; name one by --session")
    return (running or [found[0].parent])[0]
