"""StatusLogger: what happened, in words: activity with durations, errors with what recovered them.

Bounded memory; the journal and the log file keep more. Text arriving here is already clean.
"""

from __future__ import annotations

from collections import deque

from core.trading.snapshot import ActionView, ActivityView, ErrorView

ACTIVITY_KEPT = 300
ERRORS_KEPT = 100
ACTIONS_KEPT = 20


class StatusLogger:
    """Activity, errors and the results of wishes somebody waits for, each with a version for the picture."""

    def __init__(self) -> None:
        self.activity: deque[ActivityView] = deque(maxlen=ACTIVITY_KEPT)
        self.errors: deque[ErrorView] = deque(maxlen=ERRORS_KEPT)
        self._actions: dict[int, ActionView] = {}
        self.alarm = ""
        self.version = 0
        self.wakes = 0

    def log_action_result(
        self, at: int, kind: str, text: str, elapsed_ns: int | None = None, status: str = "ok"
    ) -> None:
        """Something was done or happened."""
        self.activity.append(ActivityView(at=at, kind=kind, text=text, elapsed_ns=elapsed_ns, status=status))
        self.version += 1

    def log_error(self, at: int, error: str, context: str, severity: str = "error") -> None:
        """Something went wrong; the last one is the alarm line and wakes the console."""
        self.errors.append(ErrorView(at=at, severity=severity, error=error, context=context))
        self.alarm = f"{error} ({context})" if context else error
        self.version += 1
        if severity == "error":
            self.wakes += 1

    def log_recovery(self, what: str) -> None:
        """Name what recovered the last error that is still open."""
        for index in range(len(self.errors) - 1, -1, -1):
            entry = self.errors[index]
            if not entry.recovery:
                self.errors[index] = ErrorView(
                    at=entry.at,
                    severity=entry.severity,
                    error=entry.error,
                    context=entry.context,
                    recovery=what,
                )
                self.version += 1
                return

    def action(self, command_id: int, name: str, status: str, text: str, at: int) -> None:
        """How a wish stands: pending, done, refused or failed. Id 0 is nobody's."""
        if not command_id:
            return
        self._actions[command_id] = ActionView(command_id=command_id, name=name, status=status, text=text, at=at)
        while len(self._actions) > ACTIONS_KEPT:
            del self._actions[next(iter(self._actions))]
        self.version += 1
        if status != "pending":
            self.wakes += 1

    def actions(self) -> tuple[ActionView, ...]:
        return tuple(self._actions.values())

    def status_of(self, command_id: int) -> ActionView | None:
        return self._actions.get(command_id)
