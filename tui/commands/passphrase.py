"""The passphrase of an encrypted key: typed on the plain terminal, or read from an inherited descriptor.

Never from an argument or a variable: other processes can read those.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable

from core.domain.errors import BadInput

LENGTH_LIMIT = 1024


def passphrase_from(descriptor: int | None) -> Callable[[str], bytes]:
    """What asks for a passphrase, given what it opens: one line of `descriptor`, else of the terminal. BadInput when
    there is no such descriptor.
    """
    if descriptor is None:
        return _typed
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise BadInput(
            f"--passphrase-fd {descriptor}: {os.strerror(error.errno or 0)}; hand an open one over"
        ) from None
    if os.isatty(descriptor):
        raise BadInput(
            f"--passphrase-fd {descriptor}: is a terminal and would show it; leave the option out to be asked"
        )
    return lambda name: _line_of(descriptor, name)


def _typed(name: str) -> bytes:
    if not sys.stdin.isatty():
        raise BadInput(f"{name}: the key is encrypted and no terminal is there to ask at; use run --passphrase-fd")
    try:
        return getpass.getpass(f"Passphrase of {name}: ").encode()
    except (EOFError, UnicodeEncodeError):
        raise BadInput(f"{name}: no passphrase was typed; nothing was started") from None


def _line_of(descriptor: int, name: str) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as file:
            line = file.readline(LENGTH_LIMIT)
    except OSError as error:
        raise BadInput(f"{name}: --passphrase-fd {descriptor} cannot be read ({error.strerror})") from None
    return line.rstrip(b"\r\n")
