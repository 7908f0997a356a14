"""The order ticket: what the operator is about to place, move or cancel from the ladder, and its preview in words.

A ticket is a choice of the console like any other; nothing of it reaches the trader before the preview was confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.amounts import COUNT_SCALE, Count, Price, complement, count_text, money_text, price_text
from core.domain.enums import BookSide
from core.domain.ids import ClientOrderId, Ticker
from core.trading.inquiry import GateView, OrderPreview
from tui.view_models.cells import Cell, Line, fit, width_of

WORDS = {BookSide.BID: "BUY", BookSide.ASK: "SELL"}
ACT_WORDS = {"place": "Place", "amend": "Move", "cancel": "Cancel"}
_NUMBER = re.compile(r"([0-9]{0,9})(?:\.([0-9]{0,9}))?")


@dataclass(frozen=True, slots=True)
class Ticket:
    """`unlocked` is the order entry's own switch. `cursor` points at a price of `market`; `moving` is the own order
    that follows the cursor.
    """

    unlocked: bool = False
    side: BookSide = BookSide.BID
    size: Count = Count(COUNT_SCALE)
    market: Ticker | None = None
    cursor: Price | None = None
    moving: ClientOrderId | None = None

    def at(self, market: Ticker | None) -> Price | None:
        """The price pointed at in this market."""
        return self.cursor if market is not None and market == self.market else None


NO_TICKET = Ticket()


class NotANumber(ValueError):
    """Typed text that is no amount; the text of it is for the operator."""


def _fixed(text: str, places: int, what: str, example: str) -> int:
    """Digits with at most `places` decimals as an integer; NotANumber for anything else, and nothing is rounded."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or not text.strip(" ."):
        raise NotANumber(f"{what} {text.strip() or 'is empty'!s}: write it like {example}")
    whole, part = found[1] or "0", found[2] or ""
    if len(part.rstrip("0")) > places:
        raise NotANumber(f"{what} {text.strip()}: at most {places} decimals")
    scale: int = 10**places
    return int(whole) * scale + int(part[:places].ljust(places, "0") or "0")


def typed_price(text: str) -> Price:
    """`0.56`, `.56` or `56c` in dollars of YES."""
    cents = text.strip().lower()
    if cents.endswith(("c", "¢")) and cents[:-1].strip(" .0123456789") == "":
        return Price(_fixed(cents[:-1], 2, "price", "0.56 or 56c"))
    return Price(_fixed(text, 4, "price", "0.56 or 56c"))


def typed_size(text: str) -> Count:
    """Contracts."""
    return Count(_fixed(text, 2, "size", "5"))


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the ticket's fields, read; `wrong` says what cannot be read."""

    market: Ticker
    price: Price = Price(0)
    size: Count = Count(0)
    wrong: str = ""


def read_typed(values: Mapping[str, str]) -> Typed:
    """The fields as amounts."""
    market = Ticker(values.get("market", "").strip().upper())
    try:
        return Typed(market, typed_price(values.get("price", "")), typed_size(values.get("size", "")))
    except NotANumber as error:
        return Typed(market, wrong=str(error))


def ticket_line(ticket: Ticket, market: Ticker, width: int, *, fine: bool) -> Line:
    """The switch as a word, and what Enter would preview."""
    if not ticket.unlocked:
        return (("order entry: locked", "dim"), ("  O opens", "dim")) if width >= 29 else (("entry: locked", "dim"),)
    price = ticket.at(market)
    at = price_text(price, fine=fine) if price is not None else "point with ↑↓"
    act = "MOVE to" if ticket.moving else f"{WORDS[ticket.side]} {count_text(ticket.size)} @"
    role = "bid" if ticket.side is BookSide.BID else "ask"
    cells: Line = (("entry OPEN ", "alarm"), (f" {act} {at}", f"{role}+strong"))
    if price is not None and width >= width_of(cells) + 16:
        cells = (*cells, ("  enter previews", "dim"))
    return cells


def title_of(preview: OrderPreview) -> str:
    """`Place BUY 5 @ 0.56`, the words of the button."""
    what = f"{WORDS[preview.side]} {count_text(preview.count)} @ {price_text(preview.price)}"
    return f"{ACT_WORDS[preview.act]} {what}"


def _amount(name: str, text: str, note: str = "", role: str = "") -> Line:
    return ((f"{name:<14}", "dim"), (f"{text:>10}", role or "strong"), (f"  {note}" if note else "", "dim"))


def _position_text(count: Count) -> str:
    if not count:
        return "flat"
    return f"{'YES' if count > 0 else 'NO'} {count_text(Count(abs(count)))}"


def _money_lines(preview: OrderPreview) -> list[Line]:
    fees = money_text(preview.taker_fee, places=4)
    note = "estimate, taker" if preview.takes else "nothing trades at once"
    if preview.rests:
        maker = money_text(preview.maker_fee, places=4)
        note += f"; {maker} if the rest fills as maker" if preview.maker_fee else "; makers pay none here"
    cost = "new collateral" if preview.holds else "closes what is held"
    return [
        _amount("cost", money_text(preview.holds), cost),
        _amount("fee", fees, note),
        _amount("worst loss", money_text(preview.worst_loss), "of this order, fees included"),
        _amount("position", _position_text(preview.position), f"then {_position_text(preview.position_after)}"),
    ]


def _fate(preview: OrderPreview) -> list[Line]:
    lines: list[Line] = []
    if preview.takes and preview.takes_average is not None:
        words = f"{count_text(preview.takes)} trade at once at {price_text(preview.takes_average)} on average"
        lines.append(((words, "warn"),))
    if preview.rests:
        ahead = f" behind at most {count_text(preview.ahead)}" if preview.ahead else " first in its queue"
        lines.append(((f"{count_text(preview.rests)} rest at {price_text(preview.price)}{ahead}", ""),))
    return lines


def gate_lines(gates: tuple[GateView, ...], width: int, signs: tuple[str, str], room: int = 99) -> list[Line]:
    """A row a gate: passed or refused, value beside limit; two in a row where there are not rows enough."""
    if len(gates) <= room:
        return [_gate_line(gate, width, signs) for gate in gates]
    half = (width - 2) // 2
    lines: list[Line] = []
    for first in range(0, len(gates), 2):
        cells: list[Cell] = []
        for gate in gates[first : first + 2]:
            sign, role = (signs[0], "ok") if gate.passed else (signs[1], "alarm")
            cells += [
                (f"{sign} ", role),
                (fit(gate_words(gate), half - 2), "" if gate.passed else "strong"),
                ("  ", ""),
            ]
        lines.append(tuple(cells[:-1]))
    return lines


def gate_words(gate: GateView) -> str:
    """`order size: 1 of 100`; a limit that is no amount is only said where it stands in the way."""
    words = f"{gate.name}: {gate.value}"
    if gate.limit[:1].isdigit() or gate.limit.startswith("$"):
        return f"{words} {'in' if '-' in gate.limit else 'of'} {gate.limit}"
    return words if gate.passed else f"{words}, needs {gate.limit}"


def _gate_line(gate: GateView, width: int, signs: tuple[str, str]) -> Line:
    sign, role = (signs[0], "ok") if gate.passed else (signs[1], "alarm")
    strong = "" if gate.passed else "strong"
    value = fit(gate.value, max(min(width - 40, 34), 12))
    return (
        (f"{sign} ", role), (f"{gate.name:<15}", strong), (value, strong), (f"  allowed: {gate.limit}", "dim"),
    )  # fmt: skip


def preview_lines(preview: OrderPreview, width: int, signs: tuple[str, str], rows: int = 99) -> list[Line]:
    """Everything to know before the second Enter."""
    side = WORDS[preview.side]
    no = price_text(complement(preview.price)) if preview.side is BookSide.ASK else ""
    head: list[Line] = [
        ((f"{ACT_WORDS[preview.act].upper()}  ", "strong"), (f"{side} YES ", "bid" if side == "BUY" else "ask"),
         (f"{count_text(preview.count)} @ {price_text(preview.price)}", "strong"),
         (f"  = buy NO @ {no}" if no and preview.act != "cancel" else "", "dim")),
        ((f"{preview.ticker}  ", ""), (preview.title, "dim")),
    ]  # fmt: skip
    if preview.act == "cancel":
        body: list[Line] = [
            ((f"{count_text(preview.count)} contracts leave the book; no gate stands before a cancel", ""),)
        ]
    else:
        body = [*_fate(preview), *_money_lines(preview)]
        if preview.lease_s:
            body.append(
                ((f"ends {preview.lease_s} s after the trader dies; renewed while it lives and may trade", "dim"),)
            )
    notes: list[Line] = [((note, "warn"),) for note in preview.notes]
    verdict: Line = ((f"REFUSED: {preview.refusal}", "alarm"),) if preview.refusal else (("every gate passes", "ok"),)
    if preview.act == "cancel" and not preview.refusal:
        return [*head, *body, *notes]
    above = [*head, *body, *notes, verdict]
    return [*above, *gate_lines(preview.gates, width, signs, rows - len(above))]
