"""Wishes by word: what the local command socket may ask of a running trader, as one table.

An answer is given when the wish was refused or its end is known; what takes longer is answered as still running.
`stop` answers when the stop has begun, and the caller may watch the status file for the certificate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.domain import commands as cm
from core.domain.enums import ExitReason, Origin
from core.local.endpoint import Answer, Request
from core.trading.snapshot import TraderSnapshot

ANSWER_WITHIN_S = 30
S = Origin.SOCKET

WORDS: dict[str, Callable[[int, str], cm.Command]] = {
    "pause": lambda i, _: cm.Pause(origin=S, command_id=i),
    "resume": lambda i, _: cm.Resume(origin=S, command_id=i),
    "cancel-all": lambda i, _: cm.Panic(origin=S, command_id=i),
    "liquidate": lambda i, _: cm.Liquidate(origin=S, command_id=i),
    "recalibrate": lambda i, _: cm.Recalibrate(origin=S, command_id=i),
    "reset-breaker": lambda i, why: cm.ResetBreaker(origin=S, command_id=i, reason=why),
    "strategy-on": lambda i, _: cm.SwitchStrategy(origin=S, command_id=i, on=True),
    "strategy-off": lambda i, _: cm.SwitchStrategy(origin=S, command_id=i, on=False),
    "strategy-set": lambda i, text: _set_parameter(i, text),
    "stop": lambda i, _: cm.Stop(origin=S, command_id=i, reason=ExitReason.SIGNAL, detail="stop command"),
    "stop-now": lambda i, _: cm.Stop(origin=S, command_id=i, reason=ExitReason.SIGNAL, detail="stop --now", now=True),
}


def _set_parameter(command_id: int, text: str) -> cm.Command:
    """`NAME=VALUE`; without the sign the value is empty, which no parameter takes."""
    name, _, value = text.partition("=")
    return cm.SetParameter(origin=S, command_id=command_id, name=name.strip(), value=value.strip())


async def grant(
    request: Request,
    submit: Callable[[cm.Command], None],
    next_id: Callable[[], int],
    snapshot: Callable[[], TraderSnapshot],
) -> Answer:
    """Hand in the wish that `request` names and wait for its result."""
    make = WORDS.get(request.command)
    if make is None:
        return Answer(ok=False, text=f"unknown command; one of {', '.join(WORDS)}")
    command_id = next_id()
    submit(make(command_id, request.argument))
    latest = None
    for _ in range(ANSWER_WITHIN_S * 20):
        for action in snapshot().actions:
            if action.command_id == command_id:
                latest = action
        if latest is not None and not latest.is_open:
            return Answer(ok=latest.status == "done", text=latest.text)
        await asyncio.sleep(0.05)
    if latest is not None and latest.status == "running":
        return Answer(ok=False, text=f"not known yet: {latest.text}; look at the status", unknown=True)
    return Answer(ok=False, text="no result in time; look at the status")
