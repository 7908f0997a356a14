"""StatusLogger: what happened, in words: activity with durations, errors with what recovered them.

Bounded memory; the journal and the log file keep more. Text arriving here is already clean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from core.domain.amounts import Money
from core.trading.snapshot import PLAIN, ActionView, ActivityView, ErrorView, StatusEntry, StepView, TraderSnapshot
from core.trading.summary import history_row, render_summary
from core.trading.timetext import seconds_text

ACTIVITY_KEPT = 300
HISTORY_KEPT = 100
ERRORS_KEPT = 100
ACTIONS_KEPT = 20
UNTOLD_KEPT = 1000
BY_HAND = ("circuit breaker", "strategy ")
ALARM_NS = 600 * 1_000_000_000  # an error that nothing can recover stands so long


T = TypeVar("T")


def keep(rows: deque[T], row: T, most: int, notable: Callable[[Iterable[T]], list[bool]]) -> None:
    """Append, and forget the oldest where there are too many: plain rows first while the notable ones are no more than
    half, so that routine does not wash out what went wrong.
    """
    rows.append(row)
    if len(rows) <= most:
        return
    bad = notable(rows)
    spare = 2 * sum(bad) <= len(rows)
    del rows[bad.index(False) if spare else bad.index(True)]


class StatusLogger:
    """Transitions, calibration steps, services, activity, errors, the status history, and the results of wishes
    somebody waits for. `version` rises with each of them, `entries` with each row of the history.
    """

    def __init__(self) -> None:
        self.activity: deque[ActivityView] = deque()
        self.errors: deque[ErrorView] = deque()
        self.history: deque[StatusEntry] = deque(maxlen=HISTORY_KEPT)
        self.entries = 0
        self._new_entries: list[StatusEntry] = []
        self.calibration_steps: dict[str, StepView] = {}
        self.services: dict[str, str] = {}
        self._actions: dict[int, ActionView] = {}
        self._orders: dict[int, str] = {}
        # What the log on disk has not been told yet: (severity, text), severity info, warning or error.
        self.untold: deque[tuple[str, str]] = deque(maxlen=UNTOLD_KEPT)
        self.version = 0
        self.wakes = 0

    def log_action_result(
        self, at: int, kind: str, text: str, elapsed_ns: int | None = None, status: str = "ok"
    ) -> None:
        """Something was done or happened."""
        row = ActivityView(at=at, kind=kind, text=text, elapsed_ns=elapsed_ns, status=status)
        keep(self.activity, row, ACTIVITY_KEPT, lambda rows: [other.status not in PLAIN for other in rows])
        shown = "" if status == "ok" else f" [{status}]"
        self.untold.append(("info", f"{kind}: {text}{seconds_text(elapsed_ns)}{shown}"))
        self.version += 1

    def log_state_transition(self, at: int, source: str, target: str, reason: str) -> None:
        """The trader moved from one state to another."""
        self.log_action_result(at, "state", f"{source} → {target} ({reason})")

    def log_calibration_step(self, at: int, step: StepView) -> None:
        """A step of the calibration changed its status; one that failed is told."""
        if self.calibration_steps.get(step.step) == step:
            return
        self.calibration_steps[step.step] = step
        if step.status == "failed":
            text = f"{step.step}: {step.detail}" if step.detail else step.step
            self.log_action_result(at, "calibration_step", text, step.elapsed_ns, "failed")

    def log_service_status(self, at: int, service: str, status: str, detail: str) -> None:
        """The health of a service as just checked; a change is told."""
        before = self.services.get(service)
        self.services[service] = status
        if before is not None and before != status:
            self.log_action_result(at, "service", f"{service}: {before} → {status}, {detail}", status=status)

    @property
    def has_new_entries(self) -> bool:
        return bool(self._new_entries)

    def log_status(self, entry: StatusEntry) -> None:
        """A row for the status history; its health and money are filled in at the end of the beat."""
        self._new_entries.append(entry)

    def complete_entries(self, health: str, portfolio: Money | None, day: Money | None) -> None:
        """Put the new rows into the history."""
        for entry in self._new_entries:
            whole = msgspec.structs.replace(entry, health=health, portfolio=portfolio, day=day)
            self.history.append(whole)
            self.untold.append(("info", f"status: {history_row(whole)}"))
        self.entries += len(self._new_entries)
        self._new_entries.clear()

    def recall_history(self, entries: tuple[StatusEntry, ...]) -> None:
        """Go on behind the rows an earlier session kept."""
        self.history.extendleft(reversed(entries[-HISTORY_KEPT:]))

    def get_status_history(self, limit: int = 20) -> tuple[StatusEntry, ...]:
        """The last `limit` rows of the status history, oldest first."""
        return tuple(self.history)[-limit:] if limit > 0 else ()

    @staticmethod
    def get_debug_summary(snapshot: TraderSnapshot, wall_ns: int, *, ascii_only: bool = False) -> str:
        """The short form of the status that is pasted into bug reports."""
        return render_summary(snapshot, wall_ns, ascii_only=ascii_only)

    def log_error(self, at: int, error: str, context: str, severity: str = "error") -> None:
        """Something went wrong; an error is the alarm line until something recovers it, and wakes the console."""
        row = ErrorView(at=at, severity=severity, error=error, context=context)
        keep(self.errors, row, ERRORS_KEPT, lambda rows: [other.severity == "error" for other in rows])
        self.untold.append((severity, f"{error} ({context})" if context else error))
        self.version += 1
        if severity == "error":
            self.wakes += 1

    def log_recovery(self, what: str, of: str = "", about: str = "") -> None:
        """Name what recovered every open error that begins with `of` and has `about` in its context; without `of` all
        but those that only a person ends.
        """
        for index, entry in enumerate(self.errors):
            theirs = entry.error.startswith(of) if of else not entry.error.startswith(BY_HAND)
            if entry.recovery or not theirs or about not in entry.context:
                continue
            self.errors[index] = ErrorView(
                at=entry.at,
                severity=entry.severity,
                error=entry.error,
                context=entry.context,
                recovery=what,
            )
            self.untold.append(("info", f"recovered: {entry.error}: {what}"))
            self.version += 1

    def alarm(self, wall_ns: int) -> str:
        """The newest error that nothing has recovered yet, as long as it is of now; a warning is none."""
        for entry in reversed(self.errors):
            if entry.severity == "error" and not entry.recovery and wall_ns - entry.at < ALARM_NS:
                return f"{entry.error} ({entry.context})" if entry.context else entry.error
        return ""

    def take_untold(self) -> list[tuple[str, str]]:
        """Lines for the log since the last call, oldest first."""
        if not self.untold:
            return []
        lines = list(self.untold)
        self.untold.clear()
        return lines

    def note_order(self, command_id: int, client_order_id: str) -> None:
        """The wish `command_id` made this order; its result will name it."""
        if command_id:
            self._orders[command_id] = client_order_id

    def action(self, command_id: int, name: str, status: str, text: str, at: int) -> None:
        """How a wish stands: pending, refused, running, done or failed. Id 0 is nobody's."""
        if not command_id:
            return
        known = self._actions.get(command_id)
        self._actions[command_id] = ActionView(
            command_id=command_id,
            name=name,
            status=status,
            text=text,
            at=at,
            client_order_id=self._orders.pop(command_id, "") or (known.client_order_id if known else ""),
        )
        while len(self._actions) > ACTIONS_KEPT:
            del self._actions[next(iter(self._actions))]
        self.version += 1
        if status != "pending":
            self.wakes += 1

    def actions(self) -> tuple[ActionView, ...]:
        return tuple(self._actions.values())

    def status_of(self, command_id: int) -> ActionView | None:
        return self._actions.get(command_id)
