"""The trader's errors.

TraderError
├── BadInput            the operator's or a file's fault: one clear line, exit 2
├── StartRefused        started rightly, but must not run here and now: one clear line, exit 3
├── RefusedInput        outside data that is not a value; counted, nothing of it applied
└── OurBug              an impossible step in our own code; never caught to go on
    ├── IllegalTransition
    └── UnjournaledOrder

TookTooLong               somebody else's code held the loop: past everything that catches `Exception`

Expected outcomes (denied, rejected, gap, limited) are values, not errors.
"""

from __future__ import annotations


class TraderError(Exception):
    """Base of all errors of this project; `str()` is one line for a person."""


class BadInput(TraderError):
    """Names the thing and the mend."""


class StartRefused(TraderError):
    """Names the reason and the mend."""


class RefusedInput(TraderError):
    """Bytes from outside that could not be taken; the text says which field and why, never the whole input."""


class OurBug(TraderError):
    """Something this program must never do."""


class IllegalTransition(OurBug):
    """A state machine was asked for a move its table does not have; nothing was changed."""


class UnjournaledOrder(OurBug):
    """An order was about to leave before its record was on disk."""


class TookTooLong(BaseException):
    """A strategy was interrupted; it must not be able to swallow this, so it is no `Exception`."""
