"""The words of the dialogs: liquidation plan, breaker, arming, quit, and the progress and certificate of the stop."""

from __future__ import annotations

from pathlib import Path

from core.domain.amounts import Count, Money, Price, complement, count_text, money_text, price_text
from core.domain.enums import Mode, Ownership, TraderState
from core.trading.inquiry import Piece
from core.trading.snapshot import ExitView, LiquidationLine, OrderView, TraderSnapshot
from tui.view_models.ages import clock_text, span_text
from tui.view_models.cells import UNKNOWN, Column, Line, columns_for, table_head, table_line, width_of, wrapped
from tui.view_models.header import stream_line
from tui.view_models.state import flips, time_in_state
from tui.view_models.tables import order_words, signed_role
from tui.view_models.view_state import Frame

PLAN_COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("POSITION", 9),
    Column("CLOSE", 7),
    Column("EXIT", 6),
    Column("LIMIT", 6),
    Column("BRINGS", 10),
    Column("FEES~", 7),
    Column("SLIP", 8),
    Column("REST", 6),
)


def _own_price(item: LiquidationLine, price: Price | None) -> str:
    """A holder of NO sells NO: the price in terms of the side held."""
    if price is None:
        return UNKNOWN
    return price_text(price if item.position > 0 else complement(price))


def liquidation_lines(frame: Frame) -> list[Line]:
    """What would be closed, at which limit, for how much; estimates are called so."""
    snapshot, plan = frame.snapshot, frame.snapshot.liquidation
    columns = columns_for(PLAN_COLUMNS, frame.width)
    narrow = frame.width < 90
    lines: list[Line] = [(("Close every position by reduce-only orders; the trader then pauses.", ""),)]
    if not plan:
        held = [position for position in snapshot.positions if position.count]
        lines.append(((f"{len(held)} open positions; the plan is not ready yet.", "warn"),))
        return lines
    proceeds = Money(sum(item.proceeds for item in plan))
    fees = Money(sum(item.fees_estimate for item in plan))
    slippage = Money(sum(item.slippage for item in plan))
    residue = Count(sum(item.residue for item in plan))
    total: Line = (("total ", "strong"), (money_text(proceeds, sign=True), signed_role(proceeds)))
    left: Line = ((f"  stays open {count_text(residue)}", "warn" if residue else "dim"),)
    costs: Line = ((f"  fees about {money_text(fees)}  slippage about {money_text(slippage)}", "dim"),)
    after: Line = (("after estimated fees ", "dim"), (money_text(Money(proceeds - fees), sign=True), "strong"))
    if width_of((*total, *costs, *left)) <= frame.width:
        lines += [(*total, *costs, *left), after]
    else:
        lines += [(*total, *left), after, costs]
    if any(item.residue for item in plan):
        lines.append((("What the book cannot take now stays open (REST).", "warn"),))
    if not snapshot.feed.stream_up:
        lines.append(stream_line(frame))
    lines.append(table_head(columns))
    for item in plan:
        side = "YES" if item.position > 0 else "NO"
        average, limit = (_own_price(item, price) for price in (item.average_price, item.limit_price))
        rest = (count_text(item.residue), "warn" if item.residue else "dim")
        if narrow:
            lines.append(((item.ticker, "strong"),))
        lines.append(
            table_line(
                columns,
                [
                    ("" if narrow else item.ticker, ""),
                    (f"{side} {count_text(abs(item.position))}", ""),  # type: ignore[arg-type]
                    (count_text(item.closable), ""),
                    (average, ""),
                    (limit, ""),
                    (money_text(item.proceeds, sign=True), signed_role(item.proceeds)),
                    (money_text(item.fees_estimate), "dim"),
                    (money_text(item.slippage), "dim"),
                    rest,
                ],
            )
        )
        if item.levels:
            steps = ", ".join(f"{count_text(count)} @ {_own_price(item, price)}" for price, count in item.levels)
            lines += [((f"  {text}", role),) for ((text, role),) in wrapped(f"takes {steps}", frame.width - 2, "dim")]
        if item.note:
            lines.append(((f"  {item.note}", "warn"),))
    return lines


def breaker_lines(frame: Frame) -> list[Line]:
    """Why it tripped, by which value against which limit."""
    view = frame.snapshot.breaker
    if not view.tripped:
        return [
            (("The breaker is closed: it holds no order back.", "ok"),),
            (),
            (("errors   ", "dim"), (f"{view.errors} of {view.errors_limit}", "")),
            (("It trips on repeated errors and on broken limits; then no order that", "dim"),),
            (("takes risk is sent until it is reset here.", "dim"),),
            *_breaker_events(frame, 8),
        ]
    when = clock_text(view.tripped_at) if view.tripped_at is not None else UNKNOWN
    return [
        (("TRIPPED", "alarm"), (f" at {when}", "")),
        (),
        (("why      ", "dim"), (view.reason or UNKNOWN, "strong")),
        (("value    ", "dim"), (view.value or UNKNOWN, "")),
        (("limit    ", "dim"), (view.limit or UNKNOWN, "")),
        (("errors   ", "dim"), (f"{view.errors} of {view.errors_limit}", "")),
        *_breaker_events(frame, 11),
        (),
        (("Resetting lets orders pass again. Look into the cause first;", ""),),
        (("a reset is refused while the cause lasts. Reason for the record:", ""),),
    ]


def _breaker_events(frame: Frame, taken: int) -> list[Line]:
    """What was counted, tripped and reset, the newest that fit."""
    events = frame.snapshot.breaker.events[-max(frame.height - taken, 1) :]
    if not events:
        return []
    return [(), (("events", "head"),), *(((clock_text(at) + " ", "dim"), (text, "")) for at, text in events)]


def bundle_lines(pieces: tuple[Piece, ...], folder: Path, width: int) -> list[Line]:
    """Name, size and meaning of every part, and where they would go."""
    lines: list[Line] = [
        ((f"{piece.name:<15}", "strong"), (f"{-(-len(piece.data) // 1024):>5} KiB  ", ""), (piece.words, "dim"))
        for piece in pieces
    ]
    total = -(-sum(len(piece.data) for piece in pieces) // 1024)
    lines += [(), ((f"{total} KiB in all, packed into one zip that only you can read, in", ""),)]
    return [*lines, *wrapped(str(folder), width, "strong"), (("Look at it before you send it.", "dim"),)]


def arm_lines(frame: Frame) -> list[Line]:
    snapshot = frame.snapshot
    live = snapshot.identity.mode is Mode.LIVE
    words = "REAL MONEY on Kalshi's production exchange" if live else "Kalshi's demo exchange"
    lines: list[Line] = [
        (("Arm: allow orders that take risk, on ", ""), (words, "alarm" if live else "strong")),
        (),
        (("account    ", "dim"), (f"{frame.symbols.ellipsis}{snapshot.identity.account}", "")),
        (("portfolio  ", "dim"), (money_text(snapshot.money.portfolio), "")),
        (("strategy   ", "dim"), (snapshot.identity.strategy or UNKNOWN, "")),
    ]
    for limit in snapshot.limits[:4]:
        lines.append(((f"{limit.name:<11}", "dim"), (f"{limit.used_text} of {limit.limit_text}", "")))
    return lines


def _own(snapshot: TraderSnapshot) -> list[OrderView]:
    """Orders that a stop ends: ours and adopted ones."""
    return [order for order in snapshot.orders if order.ownership is not Ownership.FOREIGN]


def quit_lines(frame: Frame) -> list[Line]:
    snapshot = frame.snapshot
    held = [position for position in snapshot.positions if position.count]
    lines: list[Line] = [
        (("Stop and cancel: no new orders, cancel own orders, confirm that none", ""),),
        (("rests, leave. Positions stay open.", ""),),
        (),
        (("own orders open  ", "dim"), (str(len(_own(snapshot))), "")),
        (("positions open   ", "dim"), (str(len(held)), "")),
        (("exposure         ", "dim"), (money_text(snapshot.money.exposure), "")),
    ]
    if snapshot.counters.foreign:
        verb = "order is" if snapshot.counters.foreign == 1 else "orders are"
        lines.append(((f"{snapshot.counters.foreign} foreign {verb} left alone", "warn"),))
    return [*lines, (("ctrl+c again stops at once", "dim"),)]


def certificate_lines(view: ExitView, width: int) -> list[Line]:
    """What can be said about the end, and what cannot."""
    own = UNKNOWN if view.resting_after_stop is None else str(view.resting_after_stop)
    foreign = UNKNOWN if view.foreign_resting is None else str(view.foreign_resting)
    clean = view.resting_after_stop == 0 and not view.unverified
    word = "Stopped; nothing of ours rests." if clean else "Stopped, but NOT everything is verified."
    lines: list[Line] = [
        ((word, "ok" if clean else "alarm"),),
        (),
        (("own orders resting      ", "dim"), (own, "strong")),
        (("foreign orders resting  ", "dim"), (foreign, "")),
        (("reason                  ", "dim"), (f"{view.reason.value}, exit code {view.code}", "")),
    ]
    if view.detail:
        lines += wrapped(view.detail, width, "dim")
    lines += [((f"not verified: {item}", "warn"),) for item in view.unverified]
    return lines


def stopping_lines(frame: Frame) -> list[Line]:
    """The progress of the stop, then its certificate."""
    snapshot = frame.snapshot
    if snapshot.exit is not None:
        return certificate_lines(snapshot.exit, frame.width)
    spent = span_text(time_in_state(snapshot, frame.now_ns))
    lines: list[Line] = []
    if snapshot.state.state is TraderState.SHUTDOWN:
        lines.append((("stopping ", "strong"), (spent, ""), (f"  {snapshot.state.waiting_for}", "dim")))
    else:
        lines.append((("waiting for the trader to begin the stop", "own"),))
    own = _own(snapshot)
    lines.append(((f"{len(own)} own orders still open", "" if own else "ok"),))
    lines.append(())
    for order in own[: max(frame.height - 6, 1)]:
        words = f"{order_words(order)} {count_text(order.remaining)} @ {price_text(order.price)}"
        line: Line = ((f"{order.state.value:<10}", "warn"), (f" {words}  ", ""), (order.ticker, "dim"))
        lines.append(line if width_of(line) <= frame.width else line[:2])
    lines.append((("ctrl+c shortens the waits; the cancel is never skipped", "dim"),))
    return lines


def liquidation_watch(opened: TraderSnapshot) -> str:
    """What must not change while the liquidation is asked about: the state. The plan itself follows every fill."""
    return "ready" if flips(opened) else opened.state.state.value


def liquidation_changed(opened: str, snapshot: TraderSnapshot) -> str:
    """Why the question no longer fits, "" while it does."""
    if liquidation_watch(snapshot) != opened:
        return f"liquidation not asked further: the state became {snapshot.state.label}"
    if not any(position.count for position in snapshot.positions):
        return "liquidation not asked further: every position is flat"
    return ""
