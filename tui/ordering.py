"""Order entry from the ladder: the switch, the ticket, its preview, and the wish that follows the second Enter.

The preview is asked of the trader with every picture while it is shown, so its gates are those of the moment. What
leaves here is a wish like any other: permission, risk, journal and token budget are the trader's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.domain.amounts import COUNT_SCALE, Count, count_text, price_text
from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder, WatchMarket
from core.domain.enums import BookSide
from core.domain.ids import ClientOrderId, Ticker
from core.trading.inquiry import OrderPreview
from core.trading.snapshot import OrderView, TraderSnapshot
from tui.desk_actions import own_at_cursor
from tui.screens.dialog import Answer, Choice, DialogSpec, Field
from tui.screens.finder import FinderScreen
from tui.view_models.cells import Line
from tui.view_models.ladder import is_fine
from tui.view_models.ticket import ACT_WORDS, Typed, preview_lines, read_typed, title_of
from tui.view_models.view_state import Frame, chosen_book

if TYPE_CHECKING:
    from tui.app import TraderApp

NOT_UP = "the trader is not assembled yet: nothing can be previewed"


class Ordering:
    """Everything the ladder's keys do."""

    def __init__(self, app: TraderApp) -> None:
        self._app = app
        self.table = {
            "order_entry": self.switch,
            "buy": lambda: self._ticket(side=BookSide.BID),
            "sell": lambda: self._ticket(side=BookSide.ASK),
            "size_up": lambda: self._resize(COUNT_SCALE),
            "size_down": lambda: self._resize(-COUNT_SCALE),
            "ticket": self.preview,
            "move_order": self.move,
        }

    # The ticket -------------------------------------------------------------------------------------------------

    def _ticket(self, **changes: Any) -> None:
        main = self._app.main
        main.choose(ticket=replace(main.view.ticket, **changes))

    def switch(self) -> None:
        """Lock or open; locking drops what was picked up."""
        ticket = self._app.main.view.ticket
        self._ticket(unlocked=not ticket.unlocked, moving=None)
        if not ticket.unlocked:
            self._app.main.focus_panel("ladder")

    def lock(self) -> None:
        """After a panic nothing is one key away from an order."""
        self._ticket(unlocked=False, moving=None)

    def _resize(self, step: int) -> None:
        size = self._app.main.view.ticket.size
        self._ticket(size=Count(max(COUNT_SCALE, (size + step) // COUNT_SCALE * COUNT_SCALE)))

    def move(self) -> None:
        """Pick up the own order under the cursor, or put it back."""
        main = self._app.main
        if main.view.ticket.moving is not None:
            self._ticket(moving=None)
            main.say("the move is dropped; the order stays where it is", "ok")
            return
        order = own_at_cursor(main.situation())
        if order is not None:
            self._ticket(moving=order.client_order_id, side=order.side, size=order.remaining)
            main.say(f"moving {_words(order)}: point at the new price, Enter previews, m drops it", "own")

    # The preview ------------------------------------------------------------------------------------------------

    def preview(self) -> None:
        """Ask for the order at the cursor, or for the move of the one picked up."""
        view = self._app.main.view
        book = chosen_book(self._app.bridge.snapshot(), view.market)
        price = view.ticket.at(book.ticker if book else None)
        if book is None or price is None:
            return
        fields = (
            Field("price", price_text(price, fine=is_fine(book.bands)), 9),
            Field("size", count_text(view.ticket.size), 9),
        )
        if view.ticket.moving is not None:
            self._ask_move(view.ticket.moving, fields)
            return
        side = view.ticket.side

        def wish(typed: Typed, command_id: int) -> Command:
            return PlaceOrder(
                ticker=typed.market, side=side, price=typed.price, count=typed.size, command_id=command_id
            )

        self._ask("place", (Field("market", book.ticker, 34), *fields), wish)

    def _ask_move(self, moving: ClientOrderId, fields: tuple[Field, ...]) -> None:
        def wish(typed: Typed, command_id: int) -> Command:
            return AmendOrder(client_order_id=moving, price=typed.price, count=typed.size, command_id=command_id)

        self._ask("amend", fields, wish, closes=lambda snapshot: _ended(snapshot, moving))

    def cancel(self, order: OrderView) -> None:
        """Ask for the end of one order of the ladder."""

        def wish(typed: Typed, command_id: int) -> Command:
            return CancelOrder(client_order_id=order.client_order_id, command_id=command_id)

        self._ask("cancel", (), wish, closes=lambda snapshot: _ended(snapshot, order.client_order_id))

    def _ask(self, act: str, fields: tuple[Field, ...], wish: Any, closes: Any = lambda snapshot: "") -> None:
        def told(frame: Frame) -> OrderPreview | str:
            typed = read_typed(frame.values) if fields else Typed(Ticker(""))
            if typed.wrong:
                return typed.wrong
            return self._app.bridge.preview_order(wish(typed, 0)) or NOT_UP

        def lines(frame: Frame) -> list[Line]:
            found = told(frame)
            if isinstance(found, str):
                return [((f"REFUSED: {found}", "alarm"),)]
            return preview_lines(found, frame.width, frame.signs, frame.height)

        def locked(frame: Frame) -> str:
            found = told(frame)
            return found if isinstance(found, str) else found.refusal

        def renamed(frame: Frame) -> str:
            found = told(frame)
            return ACT_WORDS[act] if isinstance(found, str) else title_of(found)

        def answered(answer: Answer | None) -> None:
            if answer is None or answer.choice != "yes":
                if answer is not None and answer.choice == "closed":
                    self._app.main.say(answer.text)
                return
            typed = read_typed(answer.values) if fields else Typed(Ticker(""))
            self._ticket(moving=None)
            self._app.submit(lambda command_id: wish(typed, command_id))

        self._app.ask(
            DialogSpec(
                name="ticket",
                title=f"Preview: {ACT_WORDS[act].lower()}",
                lines=lines,
                choices=(Choice("no", "No"), Choice("yes", ACT_WORDS[act], danger=True)),
                focus="yes",
                back="no",
                closes=closes,
                fields=fields,
                locked=locked,
                renamed=renamed,
                wide=True,
            ),
            answered,
        )

    # Markets ----------------------------------------------------------------------------------------------------

    def find(self) -> None:
        """Search all markets of the exchange for one to show."""
        app = self._app
        watched = frozenset(book.ticker for book in app.bridge.snapshot().books)
        listing = app.bridge.market_listing()
        if not listing.markets:
            app.main.say("the list of markets has not been read yet")
            return
        app.screen_changed()
        app.push_screen(FinderScreen(listing, watched, ascii_only=app.options.ascii), self._found)

    def _found(self, ticker: Ticker | None) -> None:
        self._app.screen_changed()
        if ticker is not None:
            self.show(ticker)

    def show(self, ticker: Ticker) -> None:
        """Show a market on the ladder; one that is not watched yet is watched from now on."""
        app = self._app
        app.main.choose(market=ticker)
        app.main.focus_panel("ladder")
        if not any(book.ticker == ticker for book in app.bridge.snapshot().books):
            app.submit(lambda command_id: WatchMarket(ticker=ticker, command_id=command_id))


def _ended(snapshot: TraderSnapshot, client_order_id: ClientOrderId) -> str:
    """Why the question no longer fits; "" while the order is open."""
    if any(order.client_order_id == client_order_id for order in snapshot.orders):
        return ""
    known = next((o for o in snapshot.finished_orders if o.client_order_id == client_order_id), None)
    return f"not asked further: the order is {known.state.value if known else 'gone'}"


def _words(order: OrderView) -> str:
    side = "BUY" if order.side is BookSide.BID else "SELL"
    return f"{side} {count_text(order.remaining)} @ {price_text(order.price)}"
