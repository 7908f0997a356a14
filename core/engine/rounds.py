"""Rounds: what is looked at on a timetable: the health of every service, and a row of the status history.

Called once a beat, after everything else, in every state. It judges nothing that trading hangs on: what follows from
a lost link is the lifecycle's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.engine.health import HealthMonitor, components, worst

if TYPE_CHECKING:
    from core.engine.engine import Engine


class Rounds:
    """When what is due next."""

    def __init__(self) -> None:
        self.monitor = HealthMonitor()
        self.checks = 0
        self._check_ns = 0
        self._entry_ns = 0

    def beat(self, engine: Engine) -> None:
        desk = engine.desk
        self.monitor.note(engine)
        desk.day.turn(desk.wall_ns)
        if engine.life.calibration is not None:
            for step in engine.life.calibration.steps():
                desk.status.log_calibration_step(desk.wall_ns, step)
        if desk.now_ns >= self._check_ns:
            self._check(engine)
        self._keep_history(engine)

    def _check(self, engine: Engine) -> None:
        """Judge every service; a change of its status is told. What has not come up yet has no health to lose."""
        desk = engine.desk
        self._check_ns = desk.now_ns + desk.settings.health_check_ns
        self.checks += 1
        for found in components(engine) if engine.life.calibrations else ():
            desk.status.log_service_status(desk.wall_ns, found.name, found.status, found.detail)

    def _keep_history(self, engine: Engine) -> None:
        """A row for each change of state, and one when none came for the interval."""
        desk = engine.desk
        if desk.now_ns >= self._entry_ns and not desk.status.has_new_entries:
            desk.log_status()
        if not desk.status.has_new_entries:
            return
        portfolio = desk.portfolio() if desk.positions.cash_known else None
        day = None if portfolio is None else desk.equity.day_of(portfolio)
        desk.status.complete_entries(worst(found.status for found in components(engine)), portfolio, day)
        self._entry_ns = desk.now_ns + desk.settings.status_interval_ns
