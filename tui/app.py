"""The operator's console: a guest in the trader's loop. It draws snapshots and submits commands, nothing more.

Its end is not the trader's end: a crash of the screen leaves the trader to its owner, who sees a non-zero
`return_code`. The console leaves by itself once the snapshot says that the trader has stopped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.command import Provider

from core.domain.commands import Command
from core.domain.enums import Mode, TraderState
from core.trading.snapshot import ExitView
from tui.actions import BY_NAME, lost_terminal_command, stop_command
from tui.bridge import TraderBridge
from tui.driver import SafeDriver
from tui.keys import KeyedApp
from tui.navigator import Navigator
from tui.operations import Operations
from tui.options import ConsoleOptions
from tui.pump import FramePump
from tui.screens.dialog import Answer, Dialog, DialogSpec
from tui.screens.main import MainScreen
from tui.screens.palette import ActionProvider
from tui.screens.questions import stopping_dialog
from tui.themes import DEFAULT_THEME, style_sheet, themes, tokens
from tui.view_models.ages import SECOND_NS
from tui.view_models.symbols import ASCII, UNICODE
from tui.view_models.view_state import Frame
from tui.widgets.bars import FooterBar

__all__ = ["ConsoleOptions", "TraderApp"]

log = logging.getLogger("tui")


class TraderApp(KeyedApp):
    """`await run_async()` returns when the trader has stopped, or after a crash of the screen."""

    TITLE = "kalshi-trader"
    CSS = style_sheet()
    COMMANDS: ClassVar[set[type[Provider]]] = {ActionProvider}  # type: ignore[assignment]

    def __init__(self, bridge: TraderBridge, options: ConsoleOptions | None = None) -> None:
        super().__init__(driver_class=SafeDriver)
        self.animation_level = "none"
        self.bridge = bridge
        self.options = options or ConsoleOptions()
        self.first_frame = asyncio.Event()
        self.stopping = False
        self.main = MainScreen(ascii_only=self.options.ascii)
        self.main.symbols = ASCII if self.options.ascii else UNICODE
        self.main.snapshot = bridge.snapshot()  # a key may come before the first frame
        self.operations = Operations(self)
        self.pump = FramePump(
            bridge,
            self.options.pull_hz,
            terminal=lambda: self.terminal,
            draw=self._pull,
            watch=self._watch,
            repaint=self.repaint,
            lost=self._terminal_lost,
        )
        self.navigator = Navigator(self)
        self._pump_task: asyncio.Task[None] | None = None
        self._drawn: tuple[int, int] | None = None
        self._changed_at = 0.0
        self._leaving = False
        for theme in themes():
            self.register_theme(theme)
        known = self.options.theme if self.options.theme in self.available_themes else ""
        self.theme = known or DEFAULT_THEME

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return tokens()

    def get_default_screen(self) -> MainScreen:
        return self.main

    def compose(self) -> ComposeResult:
        return iter(())

    # Life -------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.set_class(self.options.ascii, "-ascii")
        self._pump_task = asyncio.create_task(self.pump.run(), name="console-pump")
        self._pump_task.add_done_callback(self._pump_ended)

    def on_unmount(self) -> None:
        self.first_frame.set()
        self.navigator.lab.close()
        if self._pump_task is not None:
            self._pump_task.cancel()

    def on_main_screen_ready(self) -> None:
        self._draw()
        self.call_after_refresh(self.first_frame.set)

    def _pump_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            log.error("the pump died", exc_info=error)
            self.fail(error)

    def _terminal_lost(self) -> None:
        log.warning("the terminal is gone; asking the trader to stop")
        self.submit(lost_terminal_command)
        self.stopping = True

    # Drawing ----------------------------------------------------------------------------------------------------

    def _pull(self) -> None:
        """Draw if there is something new: another version, or the next second on the clock."""
        snapshot = self.bridge.snapshot()
        if (snapshot.version, self.options.clock_ns() // SECOND_NS) != self._drawn:
            self._draw()

    def _draw(self) -> None:
        if not self.main.is_mounted:
            return
        snapshot, now_ns = self.bridge.snapshot(), self.options.clock_ns()
        self._drawn = (snapshot.version, now_ns // SECOND_NS)
        self.main.rate_hz = self.pump.rate_hz
        self.navigator.draw(snapshot, now_ns)
        for screen in self.screen_stack:
            if isinstance(screen, Dialog):
                screen.draw(snapshot, now_ns)
        self._watch()

    def _watch(self) -> None:
        """Follow the trader into its end."""
        snapshot = self.bridge.snapshot()
        if snapshot.exit is not None:
            self._leave_soon(snapshot.exit)
        elif snapshot.identity.mode is Mode.REPLAY:
            return  # a recorded stop is not the console's own
        elif snapshot.state.state is TraderState.SHUTDOWN and not self.stopping:
            self._show_stopping()

    def repaint(self) -> None:
        """Send the whole screen again."""
        self.refresh(layout=True)
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def _leave_soon(self, ended: ExitView) -> None:
        """Show the certificate for a moment; longer when something in it needs to be read."""
        if self._leaving:
            return
        self._leaving = True
        if self.terminal is not None and self.terminal.lost:
            self.exit()
        else:
            self._show_stopping()
            clean = ended.code == 0
            self.set_timer(self.options.farewell_ms / 1000 * (1 if clean else 8), self.exit)

    # Actions ----------------------------------------------------------------------------------------------------

    def operate(self, name: str) -> None:
        """Do what an action says, or say why not."""
        action = BY_NAME[name]
        situation = self.situation()
        blocked = action.why_not(situation)
        turned = self.navigator.turning.why_not(action, situation)
        early = (time.monotonic() - self._changed_at) * 1000 < self.options.guard_ms
        if blocked:
            self.main.say(f"{action.shown} {action.meaning(situation)}: {blocked}")
        elif turned:
            self.main.say(turned)
        elif action.danger and early:
            self.main.say(f"{action.shown} ignored: the screen has just changed; press again")
        elif action.command is not None:
            factory = action.command
            self.submit(lambda command_id: factory(situation, command_id))
            if action.name == "panic":
                self.operations.ordering.lock()
        else:
            (self.operations.table.get(name) or self.navigator.table[name])()

    def submit(self, build: Callable[[int], Command]) -> None:
        """Send a command under a new id and put older words away: the result comes back in the snapshot."""
        command_id = self.bridge.next_command_id()
        self.bridge.submit(build(command_id))
        if self.main.view.notice is not None:
            self.main.choose(notice=None)

    def ask(self, spec: DialogSpec, answered: Callable[[Answer | None], None]) -> None:
        """Open a dialog on the newest picture."""
        frame = Frame(self.bridge.snapshot(), self.options.clock_ns(), self.main.view, self.main.symbols)
        dialog = Dialog(spec, frame, guard_ms=self.options.guard_ms, ascii_only=self.options.ascii)
        self.screen_changed()
        self.push_screen(dialog, lambda answer: self._answered(answer, answered))

    def screen_changed(self) -> None:
        """Dangerous keys are ignored for a moment: they were meant for what was there before."""
        self._changed_at = time.monotonic()

    def _answered(self, answer: Answer | None, then: Callable[[Answer | None], None]) -> None:
        self.screen_changed()
        then(answer)
        self.navigator.redraw()

    def asking(self, name: str) -> bool:
        return any(isinstance(screen, Dialog) and screen.spec.name == name for screen in self.screen_stack)

    def stop(self, *, now: bool) -> None:
        """Ask the trader to stop; the console stays until the certificate is there."""
        self.submit(lambda command_id: stop_command(command_id, now=now))
        self._show_stopping()

    def _show_stopping(self) -> None:
        self.stopping = True
        if self.asking("stopping"):
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._ask_stopping()

    def _ask_stopping(self) -> None:
        def answered(answer: Answer | None) -> None:
            if self._leaving:
                self.exit()
            else:
                self.stop(now=True)

        self.ask(stopping_dialog(), answered)

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        self.action_operate(message.action)

    def on_main_screen_changed(self, message: Any) -> None:
        self.main.redraw()
