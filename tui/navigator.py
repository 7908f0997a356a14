"""The ways between the screens: `g` and a letter. Screens are made when first shown and keep their place from then on.

The letter after `g` is taken where keys arrive, before any widget: two keys typed at once must not end up in two
screens. Panic and quit are never taken.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from textual.events import Key
from textual.widgets import Input

from core.domain.commands import SetParameter
from core.trading.snapshot import TraderSnapshot
from tui.action import DESK, Situation
from tui.actions import ACTIONS, action_on_key
from tui.fault_lab import FaultLab
from tui.screen_actions import TITLES
from tui.screens.dialog import Answer, Dialog
from tui.screens.questions import parameter_dialog
from tui.screens.record import RecordScreen
from tui.screens.view import ViewScreen
from tui.turning import Turning
from tui.view_models.look import Outside, ScreenGauges
from tui.view_models.strategy import parameter_of
from tui.view_models.views import VIEWS

if TYPE_CHECKING:
    from tui.app import TraderApp

log = logging.getLogger("tui")

SECOND_KEYS = {key.partition(" ")[2]: action.name for action in ACTIONS for key in action.keys if " " in key}


class Navigator:
    """Which screen is shown, and what is asked of it."""

    def __init__(self, app: TraderApp) -> None:
        self._app = app
        self._views: dict[str, ViewScreen] = {}
        self.lab = FaultLab(app.bridge, app.options.clock_ns)
        self.turning = Turning(app.options.clock_ns)
        self._outside = Outside(
            markets=app.bridge.market_listing,
            lab=self.lab.view,
            strategy=app.bridge.strategy_report,
            gauges=self._gauges,
        )
        self.table = {
            "go": self.start,
            "leave": self.leave,
            "search": lambda: self._on_view(ViewScreen.search),
            "filter": lambda: self._on_view(ViewScreen.next_filter),
            "sort": lambda: self._on_view(ViewScreen.next_sort),
            "record": self.record,
            "strategy_row": self.strategy_row,
            "fault_switch": lambda: self._fault(once=False),
            "fault_once": lambda: self._fault(once=True),
            "faults_off": self.lab.all_off,
            **{f"go_{name}": lambda name=name: self.go(name) for name in TITLES},  # type: ignore[misc]
        }

    def _gauges(self) -> ScreenGauges:
        app = self._app
        errors = [f"{name}: {words}" for name, words in app.main.view_errors.items()]
        errors += [f"{name}: {view.view_error}" for name, view in self._views.items() if view.view_error]
        return ScreenGauges(
            rate_hz=app.pump.rate_hz,
            skipped=app.pump.skipped,
            backlog=app.terminal.backlog if app.terminal is not None else None,
            view_errors=tuple(errors),
        )

    # What is shown ----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> ViewScreen | None:
        """The screen beside the desk that is shown, also under a dialog."""
        stack = self._app.screen_stack
        return next((screen for screen in stack if isinstance(screen, ViewScreen)), None)

    def draw(self, snapshot: TraderSnapshot, now_ns: int) -> None:
        """Draw the shown screen only; a hidden one costs nothing."""
        view, main = self.shown, self._app.main
        main.covered = view is not None
        if view is None:
            main.draw(snapshot, now_ns)
        else:
            main.snapshot, main.now_ns = snapshot, now_ns
            view.draw(snapshot, now_ns, main.view)
        try:
            self.turning.look(snapshot, self.situation)
        except Exception:  # a broken row; its drawing has told
            log.debug("no situation", exc_info=True)

    def redraw(self) -> None:
        """Show at once what the operator has changed."""
        view, main = self.shown, self._app.main
        if view is not None and main.snapshot is not None:
            view.draw(main.snapshot, main.now_ns, main.view)

    def situation(self) -> Situation:
        view = self.shown
        return (view.situation() if view is not None else None) or self._app.main.situation()

    # Ways -------------------------------------------------------------------------------------------------------

    def go(self, name: str) -> None:
        """Show a screen; the desk is under all of them."""
        app, shown = self._app, self.shown
        self._top()
        app.screen_changed()
        app.main.covered = name != DESK
        if name == DESK:
            if shown is not None:
                app.pop_screen()
                app.main.redraw()
            return
        view = self._view(name)
        if view is shown:
            return
        if shown is None:
            app.push_screen(view)
        else:
            app.switch_screen(view)
        if name == "lab":
            self.lab.open()
        if app.main.snapshot is not None:
            view.draw(app.main.snapshot, app.main.now_ns, app.main.view)

    def _view(self, name: str) -> ViewScreen:
        if name not in self._views:
            app = self._app
            view = ViewScreen(VIEWS[name], app.main.symbols, self._outside, ascii_only=app.options.ascii)
            self._views[name] = view
            app.install_screen(view, f"view-{name}")
        return self._views[name]

    def _top(self) -> None:
        """Records and help give way to another screen; a question does not."""
        while len(self._app.screen_stack) > 1 and not isinstance(self._app.screen, ViewScreen | Dialog):
            self._app.pop_screen()

    def leave(self) -> None:
        """One level back: the search, then the result, then the screen."""
        view = self.shown
        if view is not None and view.clear():
            return
        if not self._app.main.dismiss_results():
            self.go(DESK)

    def _on_view(self, act: object) -> None:
        view = self.shown
        if view is not None:
            act(view)  # type: ignore[operator]

    def record(self) -> None:
        """The selected row with all that is known of it."""
        view = self.shown
        pick = view.listing.cursor if view is not None else None
        if view is None or pick is None:
            return
        app = self._app
        app.push_screen(RecordScreen(view.listing.listing.record(pick), app.main.symbols, ascii_only=app.options.ascii))

    def strategy_row(self) -> None:
        """Edit the parameter that is selected; a decision is opened."""
        app, name = self._app, parameter_of(self.situation().pick)
        told = app.bridge.strategy_report()
        parameter = next((one for one in told.parameters if one.name == name), None) if told is not None else None
        if parameter is None:
            self.record()
            return

        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "set":
                app.submit(lambda i: SetParameter(name=name, value=answer.values["value"], command_id=i))

        app.ask(parameter_dialog(parameter, app.bridge.check_parameter), answered)

    def _fault(self, *, once: bool) -> None:
        self.lab.switch(self.situation().pick, once=once)

    # Keys -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._app.main.choose(going=True)
        self.redraw()

    def takes(self, event: Key) -> bool:
        """Whether the key was part of a way; called before anybody else sees it."""
        app = self._app
        if not app.main.view.going:
            if event.key != "g" or not self._free():
                return False
            self.start()
            return True
        app.main.choose(going=False)
        action = action_on_key(event.key, self.situation().screen)
        if (action is not None and action.priority) or event.key in ("ctrl+c", "ctrl+q"):
            return False
        name = SECOND_KEYS.get(event.key)
        if name is not None:
            app.action_operate(name)
        elif event.key == "g":
            self._first_row()
        elif event.key != "escape":
            app.main.say(f"g {event.character or event.key}: no such screen; g shows the letters")
        self.redraw()
        return True

    def _free(self) -> bool:
        """No question is open and nothing is being typed."""
        screen = self._app.screen
        plain = screen is self._app.main or isinstance(screen, ViewScreen)
        return plain and not isinstance(screen.focused, Input)

    def _first_row(self) -> None:
        focused = self._app.screen.focused
        edge = getattr(focused, "action_edge", None)
        if edge is not None:
            edge(-1)
