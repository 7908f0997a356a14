"""Why the bot trades a market or not, as lines: the verdict first, then every condition with its value."""

from __future__ import annotations

from core.domain.amounts import count_text, price_text
from core.domain.enums import BookSide, Origin
from core.trading.inquiry import DecisionView, Explanation, QuoteView
from tui.view_models.ages import clock_text
from tui.view_models.cells import Line, wrapped
from tui.view_models.ticket import gate_lines

DECISIONS_SHOWN = 3


def explanation_lines(told: Explanation, width: int, signs: tuple[str, str], rows: int = 99) -> list[Line]:
    """The whole chain for one market."""
    good = told.verdict.startswith("Traded")
    lines: list[Line] = [((f"{told.ticker}  ", "strong"), (told.title, "dim"))]
    lines += wrapped(told.verdict, width, "ok" if good else "warn")
    lines += [(), (("conditions of the market and of the trader", "head"),)]
    below: list[Line] = []
    for quote in told.quotes:
        below += _quote(quote, width, signs)
    below += _decisions(told.decisions, width)
    people = [words for words, origin in told.own_orders if origin is not Origin.STRATEGY]
    if people:
        below += [((f"placed by you, left alone by the strategy: {', '.join(people)}", "own"),)]
    return [*lines, *gate_lines(told.gates, width, signs, rows - len(lines) - len(below)), *below]


def _decisions(decisions: tuple[DecisionView, ...], width: int) -> list[Line]:
    """The last decisions, newest first: time, digest of the inputs, what was said, what held it, what came of it."""
    lines: list[Line] = [(("last decisions", "head"),)] if decisions else []
    for one in decisions[:DECISIONS_SHOWN]:
        wishes = "; ".join(one.wishes) or "no order"
        parts = (f"{clock_text(one.at)} {one.digest or '-'} {one.said}", wishes, one.gate or one.result)
        lines += wrapped(" | ".join(part for part in parts if part), width, "warn" if one.gate else "dim")
    return lines


def _quote(quote: QuoteView, width: int, signs: tuple[str, str]) -> list[Line]:
    side = "bid" if quote.side is BookSide.BID else "ask"
    wish = "none" if quote.wished is None else f"{count_text(quote.count)} @ {price_text(quote.wished)}"
    rests = ", ".join(quote.resting) or "nothing"
    lines: list[Line] = [
        ((f"{side}  ", side), ("the strategy wishes ", "dim"), (wish, "strong"), ("  resting: ", "dim"), (rests, "")),
    ]
    refused = tuple(gate for gate in quote.gates if not gate.passed)
    for gate in refused:
        lines += wrapped(f"{signs[1]} {gate.name}: {gate.text}", width, "warn")
    if quote.gates and not refused:
        lines.append(((f"{signs[0]} a new order would pass {len(quote.gates)} gates", "dim"),))
    return lines
