"""The fault lab's hand on the simulated exchange: its control port, one JSON object a line, and a stopwatch.

It speaks to the real port, so what is switched here is what the exchange does. The stopwatch looks at the trader's own
picture ten times a second while a trial runs, and not at all otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from core.domain.text import clean_text
from tui.bridge import LabDoor, TraderBridge
from tui.view_models.expectations import EXPECTED
from tui.view_models.lab import FaultRow, LabView, Trial
from tui.view_models.signs import healthy, news

log = logging.getLogger("tui")

LOOK_S = 0.1
ASK_EVERY = 5  # looks
ANSWER_S = 5.0
SHOWN_NS = 2_000_000_000
# A fault that nothing has told of for so long after its end was taken without a sign.
QUIET_NS = 5_000_000_000


class LabError(Exception):
    """The control port refused or is gone; the text is for the operator."""


class FaultLab:
    """Opened by the first visit to the screen; from then on one task, which sleeps while nobody looks."""

    def __init__(self, bridge: TraderBridge, clock_ns: Callable[[], int]) -> None:
        self._bridge = bridge
        self._clock_ns = clock_ns
        self._door: LabDoor | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._wishes: asyncio.Queue[dict[str, Any]] = asyncio.Queue(64)
        self._view = LabView()
        self._before: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._asked_ns = 0

    def open(self) -> None:
        """Find out whether there is a lab; connect once."""
        door = self._bridge.fault_lab()
        if not isinstance(door, LabDoor):
            self._view = LabView(missing=door)
        elif self._task is None or self._task.done():
            self._door = door
            self._view = replace(self._view, missing="" if self._view.rows else "asking the exchange")
            self._task = asyncio.create_task(self._run(), name="fault-lab")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def view(self) -> LabView:
        """What the screen shows; being asked keeps the counts current."""
        self._asked_ns = self._clock_ns()
        return self._view

    def switch(self, name: str, *, once: bool) -> None:
        """On, or off when it is on; `once` lets it strike a single time."""
        row = next((row for row in self._view.rows if row.name == name), None)
        if row is None:
            return
        if row.on and not once:
            self._wish({"do": "disarm", "fault": name})
        else:
            self._wish({"do": "arm", "fault": name, "params": {"times": 1} if once else {}})

    def all_off(self) -> None:
        self._wish({"do": "disarm"})

    def _wish(self, words: dict[str, Any]) -> None:
        if self._task is None or self._task.done():
            self._view = replace(self._view, trouble="no connection to the control port: open the screen again")
            return
        with suppress(asyncio.QueueFull):
            self._wishes.put_nowait(words)

    # The task ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._connect()
            looks = 0
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._grant(await self._wishes.get())
                looks += 1
                if self._awaits_strike or (self._looked_at and looks % ASK_EVERY == 0):
                    self._take(await self._ask({"do": "faults"}))
                self._time()
        except (LabError, OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
            log.warning("fault lab: %s", error)
            self._view = replace(self._view, trouble=clean_text(str(error) or "the control port does not answer"))
        finally:
            if self._writer is not None:
                self._writer.close()

    @property
    def _looked_at(self) -> bool:
        shown = self._clock_ns() - self._asked_ns < SHOWN_NS
        return shown or any(row.on or _running(row.trial) for row in self._view.rows)

    @property
    def _awaits_strike(self) -> bool:
        """The moment of the first strike is wanted as exactly as we look."""
        return any(row.trial is not None and row.on and row.trial.struck_ns is None for row in self._view.rows)

    async def _connect(self) -> None:
        assert self._door is not None
        async with asyncio.timeout(ANSWER_S):
            self._reader, self._writer = await asyncio.open_connection(
                self._door.host, self._door.port, limit=1024 * 1024
            )
        found = await self._ask({"do": "help"})
        self._view = LabView(
            missing="",
            rows=tuple(
                FaultRow(
                    name=clean_text(str(name), 40),
                    place=clean_text(str(row["place"]), 20),
                    about=clean_text(str(row["about"])),
                    expected=EXPECTED.get(name, "nothing is foretold for this one"),
                )
                for name, row in found["faults"].items()
            ),
        )
        self._take(await self._ask({"do": "faults"}))

    async def _ask(self, words: dict[str, Any]) -> dict[str, Any]:
        assert self._door is not None
        assert self._reader is not None
        assert self._writer is not None
        async with asyncio.timeout(ANSWER_S):
            self._writer.write(msgspec.json.encode({**words, "token": self._door.token}) + b"\n")
            await self._writer.drain()
            line = await self._reader.readline()
        answer = msgspec.json.decode(line) if line else None
        if not isinstance(answer, dict):
            raise LabError("the control port closed the connection")
        return answer

    async def _grant(self, words: dict[str, Any]) -> None:
        now_ns = self._clock_ns()
        if words["do"] == "arm":
            self._before[words["fault"]] = self._bridge.snapshot()
        answer = await self._ask(words)
        if not answer.get("ok"):
            self._view = replace(self._view, trouble=clean_text(str(answer.get("error"))))
            return
        self._view = replace(self._view, trouble="")
        if words["do"] == "arm":
            once = bool(words["params"])
            self._edit(words["fault"], trial=Trial(started_ns=now_ns), once=once)
        self._take(await self._ask({"do": "faults"}))

    def _edit(self, name: str, **changes: Any) -> None:
        rows = tuple(replace(row, **changes) if row.name == name else row for row in self._view.rows)
        self._view = replace(self._view, rows=rows)

    def _take(self, answer: dict[str, Any]) -> None:
        """Switches and counts as the exchange has them now."""
        now_ns = self._clock_ns()
        armed, counts = answer.get("armed", {}), answer.get("counts", {})
        for row in self._view.rows:
            strikes = int(counts.get(row.name, 0))
            struck = strikes > row.strikes
            on = row.name in armed and not (row.once and (struck or (row.trial and row.trial.struck_ns is not None)))
            trial = row.trial
            if trial is not None:
                if struck and trial.struck_ns is None:
                    trial = replace(trial, struck_ns=now_ns)
                if not on and trial.cleared_ns is None:
                    trial = replace(trial, cleared_ns=now_ns)
            if (on, strikes, trial) != (row.on, row.strikes, row.trial):
                self._edit(row.name, on=on, strikes=strikes, trial=trial)
        self._view = replace(self._view, read_ns=now_ns)

    def _time(self) -> None:
        """Look at the trader: has it noticed, is it well again."""
        for row in self._view.rows:
            trial = row.trial
            if trial is None or not _running(trial):
                continue
            before, now = self._before[row.name], self._bridge.snapshot()
            if trial.detected_ns is None:
                signs = news(before, now)
                if signs:
                    trial = replace(trial, detected_ns=max(now.taken_ns, trial.started_ns), signs=signs)
            if trial.cleared_ns is not None and healthy(before, now):
                quiet_until = trial.cleared_ns + (QUIET_NS if trial.detected_ns is None else 0)
                if now.taken_ns >= quiet_until:
                    trial = replace(trial, recovered_ns=now.taken_ns)
            if trial is not row.trial:
                self._edit(row.name, trial=trial)


def _running(trial: Trial | None) -> bool:
    return trial is not None and trial.recovered_ns is None
