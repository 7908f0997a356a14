"""What the console does itself for an action: open a dialog, change the view, copy. Commands go to the bridge."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from core.domain.enums import Mode
from core.trading.inquiry import Piece
from tui import clipboard
from tui.action import DESK
from tui.actions import arm_command, cancel_command, liquidate_command, reset_command
from tui.desk_actions import TABLES
from tui.ordering import Ordering
from tui.screens.dialog import Answer
from tui.screens.help import HelpScreen
from tui.screens.questions import (
    RESET_REASON,
    arm_dialog,
    breaker_dialog,
    bundle_dialog,
    explain_dialog,
    filter_dialog,
    liquidate_dialog,
    quit_dialog,
)
from tui.themes import themes
from tui.view_models.tables import SORTS
from tui.view_models.view_state import LOG_LEVELS, PANEL_WORDS, PANELS
from tui.widgets.ladder import Ladder

if TYPE_CHECKING:
    from tui.app import TraderApp

log = logging.getLogger("tui")


class Operations:
    """One function per action that is not a plain command."""

    def __init__(self, app: TraderApp) -> None:
        self._app = app
        main = app.main
        self.table: dict[str, Callable[[], None]] = {
            "liquidate": self.liquidate,
            "breaker": self.breaker,
            "arm": self.arm,
            "quit": self.quit,
            "copy_status": self.copy_status,
            "copy_summary": self.copy_summary,
            "copy_row": self.copy_row,
            "next_panel": lambda: main.step_panel(1),
            "previous_panel": lambda: main.step_panel(-1),
            "zoom": main.toggle_zoom,
            "previous_market": lambda: main.step_market(-1),
            "next_market": lambda: main.step_market(1),
            "recentre": self.recentre,
            "log_level": self.log_level,
            "theme": self.next_theme,
            "repaint": app.repaint,
            "help": self.help,
            "back": self.back,
            "palette": app.action_command_palette,
            "cancel": self.cancel,
            "explain": self.explain,
            "bundle": self.bundle,
            "find": self.find,
            "sort_rows": self.sort_rows,
        }
        self.ordering = Ordering(app)
        self.table |= self.ordering.table
        for number, name in enumerate(PANELS, start=1):
            self.table[f"panel_{number}"] = lambda name=name: main.focus_panel(name)  # type: ignore[misc]

    def cancel(self) -> None:
        """The selected order at once, the one pointed at on the book after its preview."""
        situation = self._app.situation()
        order = situation.order
        if order is None:
            return
        if situation.screen == DESK and situation.view.panel == "ladder":
            self.ordering.cancel(order)
        else:
            self._app.submit(lambda command_id: cancel_command(order, command_id))

    def explain(self) -> None:
        """Gate by gate, of this moment, as long as it is looked at."""
        market, bridge = self._app.situation().market, self._app.bridge
        if market is not None:
            self._app.ask(explain_dialog(market, bridge.explain_market), self._closed)

    def bundle(self) -> None:
        """Collect first, show what it is, write only then."""
        self._app.run_worker(self._bundle(), exit_on_error=False, group="bundle", exclusive=True)

    async def _bundle(self) -> None:
        app = self._app
        try:
            pieces = await app.bridge.bug_bundle()
        except Exception as error:
            log.exception("the bundle could not be collected")
            app.main.say(f"bug bundle: {type(error).__name__}: {error}", "alarm")
            return

        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "yes":
                app.run_worker(self._write_bundle(pieces), exit_on_error=False, group="bundle")

        app.ask(bundle_dialog(pieces, app.bridge.state_folder()), answered)

    async def _write_bundle(self, pieces: tuple[Piece, ...]) -> None:
        try:
            path = await self._app.bridge.write_bundle(pieces)
        except OSError as error:
            self._app.main.say(f"bug bundle NOT written: {error.strerror}", "alarm")
            return
        self._app.main.say(f"bug bundle written, readable by you only: {path}", "ok")

    def find(self) -> None:
        """On the book another market, on a table its rows."""
        main = self._app.main
        panel = main.view.panel
        if panel not in TABLES:
            self.ordering.find()
            return

        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice in ("apply", "clear"):
                words = answer.values.get("words", "") if answer.choice == "apply" else ""
                main.choose(filters=(*((p, w) for p, w in main.view.filters if p != panel), (panel, words)))

        self._app.ask(filter_dialog(PANEL_WORDS[panel], main.view.filter_of(panel)), answered)

    def sort_rows(self) -> None:
        main = self._app.main
        panel = main.view.panel
        count = len(SORTS[panel])
        chosen = (main.view.sort_of(panel) + 1) % count
        main.choose(sorts=(*((p, n) for p, n in main.view.sorts if p != panel), (panel, chosen)))

    def liquidate(self) -> None:
        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "yes":
                self._app.submit(liquidate_command)
            else:
                self._closed(answer)

        self._app.ask(liquidate_dialog(self._app.bridge.snapshot()), answered)

    def breaker(self) -> None:
        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "yes":
                reason = answer.values.get("reason") or RESET_REASON
                self._app.submit(lambda command_id: reset_command(command_id, reason))
            else:
                self._closed(answer)

        self._app.ask(breaker_dialog(self._app.bridge.snapshot()), answered)

    def arm(self) -> None:
        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "yes":
                self._app.submit(arm_command)
            else:
                self._closed(answer)

        self._app.ask(arm_dialog(self._app.bridge.snapshot()), answered)

    def quit(self) -> None:
        """Ask; asked again while the question stands (or the stop runs): stop at once. A replay is just left."""
        replay = self._app.bridge.snapshot().identity.mode is Mode.REPLAY
        if replay or self._app.asking("quit") or self._app.stopping:
            self._app.stop(now=True)
            return

        def answered(answer: Answer | None) -> None:
            if answer is not None and answer.choice == "stop":
                self._app.stop(now=False)

        self._app.ask(quit_dialog(), answered)

    def _closed(self, answer: Answer | None) -> None:
        if answer is not None and answer.choice == "closed":
            self._app.main.say(answer.text)

    def recentre(self) -> None:
        """Follow the market again; what was pointed at no longer is."""
        main = self._app.main
        main.query_one(Ladder).recentre()
        main.choose(ticket=replace(main.view.ticket, cursor=None, moving=None))

    def log_level(self) -> None:
        main = self._app.main
        main.choose(log_level=LOG_LEVELS[(LOG_LEVELS.index(main.view.log_level) + 1) % len(LOG_LEVELS)])

    def next_theme(self) -> None:
        app = self._app
        names = [theme.name for theme in themes()]
        at = names.index(app.theme) if app.theme in names else -1
        app.theme = names[(at + 1) % len(names)]
        app.main.say(f"theme {app.theme}", "ok")

    def help(self) -> None:
        app = self._app
        app.push_screen(HelpScreen(app.situation(), app.main.symbols, ascii_only=app.options.ascii))

    def back(self) -> None:
        """Drop a move, leave zoom, clear the filter, then put results away; never leave the program."""
        main = self._app.main
        panel = main.view.panel
        if main.view.ticket.moving is not None:
            self.ordering.move()
        elif main.view.zoom:
            main.toggle_zoom()
        elif main.view.filter_of(panel):
            main.choose(filters=tuple((p, w) for p, w in main.view.filters if p != panel))
        else:
            main.dismiss_results()

    def copy_status(self) -> None:
        self._copy_form("panel", "status")

    def copy_summary(self) -> None:
        self._copy_form("summary", "summary")

    def _copy_form(self, form: str, what: str) -> None:
        """One form to the clipboard; the file always keeps the whole panel."""
        bridge, ascii_only = self._app.bridge, self._app.options.ascii
        text = bridge.status_text(ascii_only=ascii_only, form=form)
        whole = bridge.status_text(ascii_only=ascii_only, form="whole")
        self._app.run_worker(self._copy(text, what, kept=whole), exit_on_error=False, group="copy")

    def copy_row(self) -> None:
        text = self._app.situation().row
        self._app.run_worker(self._copy(text, "row"), exit_on_error=False, group="copy")

    async def _copy(self, text: str, what: str, *, kept: str = "") -> None:
        app = self._app
        route = await clipboard.send(text, app.copy_to_clipboard)
        words = f"{what} sent by {route}"
        role = "ok"
        if kept:
            try:
                path = await clipboard.keep(kept, app.bridge.state_folder())
                words += f"; kept as {path.name} in {path.parent}"
            except OSError as error:
                log.warning("status not kept: %s", error)
                words, role = f"{words}; NOT kept in a file: {error.strerror}", "alarm"
        app.main.say(words, role)
