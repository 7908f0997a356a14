"""What each fact does to the desk: one small function a kind, found by a table. None of them awaits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.domain import events as ev
from core.domain.effects import RefreshBooks
from core.domain.enums import DECIDED, MarketStatus, OrderState, TraderState
from core.domain.ids import Ticker
from core.domain.text import clean_text
from core.trading.booking import describe, settle, take_fill, take_report
from core.trading.desk import NS, Desk
from core.trading.order_replies import take_reply
from core.trading.order_states import Happened
from core.trading.orders import LOOKUP_AGAIN_NS
from core.trading.refusals import is_error

# "Subscription buffer overflow": we read too slowly.
OVERFLOW = 25
NO_ANSWER = frozenset({0, 408, 425})
MARKET_INACTIVE = "market_inactive"
GROUP_TRIGGERED = "exceeded_order_group_risk_limit"
ANSWERED_WRITES = (ev.OrderAccepted, ev.OrderRejected, ev.CancelConfirmed, ev.CancelNotFound, ev.AmendConfirmed)
FAILED_WRITES = (ev.OrderOutcomeUnknown, ev.AmendOutcomeUnknown, ev.OrderNotSent, ev.CancelFailed, ev.GroupFailed)


# ---- stream ------------------------------------------------------------------------------------------------------


def stream_connected(desk: Desk, fact: ev.StreamConnected) -> None:
    links = desk.links
    if links.stream_epoch:
        links.reconnects += 1
        desk.status.log_recovery("stream connected again", "stream")
        desk.terms_stale = True  # what was said of markets meanwhile is not said again
    links.stream_up, links.stream_epoch, links.subscribed = True, fact.epoch, frozenset()
    for order in desk.orders.get_open_orders():
        if order.cancel_wanted and order.state is OrderState.RESTING:
            order.due_ns = 0  # what failed on the old line is asked again at once
    desk.status.log_action_result(desk.wall_ns, "stream", f"connected (connection {fact.epoch})")


def stream_lost(desk: Desk, fact: ev.StreamLost) -> None:
    was_up = desk.links.stream_up
    desk.links.stream_up, desk.links.subscribed = False, frozenset()
    desk.markets.lose_all("stream lost")
    # Connectivity is not an error of ours: it does not feed the breaker.
    if was_up or not desk.status.errors or desk.status.errors[-1].error != f"stream: {fact.reason}":
        desk.error(f"stream: {fact.reason}", f"next try in {fact.retry_ms} ms", counts=False)


def stream_subscribed(desk: Desk, fact: ev.StreamSubscribed) -> None:
    if fact.epoch == desk.links.stream_epoch:
        desk.links.subscribed |= {fact.channel}


def stream_refused(desk: Desk, fact: ev.StreamRefused) -> None:
    # While nothing is traded a refused subscription is a line that is not up yet, no error of ours.
    trading = desk.state in (TraderState.READY, TraderState.ACTING)
    again = False
    if fact.code == OVERFLOW:
        # It ends every subscription of the connection in one moment: one thing happened, and it counts once.
        again = desk.now_ns - desk.links.overflowed_ns < NS
        desk.links.overflowed_ns = desk.now_ns
    desk.error(f"stream error {fact.code}: {fact.text}", "stream", counts=trading and not again)


def frame_refused(desk: Desk, fact: ev.FrameRefused) -> None:
    desk.links.refused_frames += 1
    desk.warn(f"refused: {fact.reason}", "wire")
    desk.refusals.note_frame(desk, fact.reason)


def book_changed(desk: Desk, fact: ev.BookChanged) -> None:
    """By far the most frequent of all facts."""
    desk.links.last_message_ns = desk.now_ns
    timely = desk.freshness.note(desk, fact)
    if not (timely and desk.markets.change(fact.ticker, fact.side, fact.price, fact.delta, fact.seq, desk.now_ns)):
        refresh(desk, (fact.ticker,))


def book_fact(desk: Desk, fact: ev.BookReplaced | ev.TradePrinted | ev.TickerChanged) -> None:
    desk.links.last_message_ns = desk.now_ns
    if isinstance(fact, ev.BookReplaced):
        market = desk.markets.get(fact.ticker)
        if market is not None and market.book.updated_ns and not market.book.trusted:
            desk.links.resyncs += 1
    bad = desk.markets.apply(fact, desk.now_ns)
    if isinstance(fact, ev.BookReplaced):
        _note_wrong_book(desk, fact.ticker)
        desk.freshness.note(desk, fact)  # a whole book may come too late as well; it is asked for again in a while
    if bad:
        refresh(desk, bad)


def _note_wrong_book(desk: Desk, ticker: Ticker) -> None:
    """The whole book that has just come was asked for to be sure, and the one that was trusted was not that."""
    market = desk.markets.get(ticker)
    if market is not None and market.wrong_prices:
        desk.links.resyncs += 1
        desk.warn(f"book was wrong at {market.wrong_prices} prices and nothing said so: the whole one wins", ticker)


def book_lost(desk: Desk, fact: ev.BookLost) -> None:
    desk.links.gaps += 1
    desk.markets.apply(fact, desk.now_ns)
    desk.warn(f"books untrusted: {fact.reason}", f"{len(fact.tickers)} markets")


def market_changed(desk: Desk, fact: ev.MarketChanged) -> None:
    desk.markets.apply(fact, desk.now_ns)
    if fact.status is None and fact.close_ms is None and fact.settlement_value is None:
        desk.terms_stale = True  # its price steps or words
    market = desk.markets.get(fact.ticker)
    held = desk.positions.net(fact.ticker)
    if fact.status in DECIDED and held:
        desk.positions.awaiting.add(fact.ticker)
    # "Balance changes then, not at determination": only a paid market pays.
    if fact.status is MarketStatus.FINALIZED and market is not None and market.settlement_value is not None:
        settle(desk, fact.ticker, market.settlement_value)
    elif fact.status is MarketStatus.FINALIZED and held:
        desk.suspicion = "paid_unseen"  # its result came while nobody listened: what was paid is read
    if fact.status is not None:
        desk.status.log_action_result(desk.wall_ns, "market", f"{fact.ticker} is {fact.status}")


def terms_changed(desk: Desk, fact: ev.TermsChanged) -> None:
    desk.terms_stale = True


def refresh(desk: Desk, tickers: tuple[Any, ...], *, reconnect: bool = False) -> None:
    """Have whole books sent again, since these contradict themselves."""
    market = desk.markets.get(tickers[0])
    reason = market.book.reason if market else "untrusted"
    desk.links.gaps += 1
    desk.warn(f"book untrusted: {reason}", ", ".join(tickers))
    desk.out.do(RefreshBooks(tickers=tickers, reason=reason, reconnect=reconnect))


# ---- account -----------------------------------------------------------------------------------------------------


def fill_reported(desk: Desk, fact: ev.FillReported) -> None:
    desk.links.last_message_ns = desk.now_ns
    take_fill(desk, fact)


def order_reported(desk: Desk, fact: ev.OrderReported) -> None:
    desk.links.last_message_ns = desk.now_ns
    take_report(desk, fact.report, is_read=False)


def position_reported(desk: Desk, fact: ev.PositionReported) -> None:
    """A sign of life; positions come from fills and are compared at calibration, when nothing is on its way."""
    desk.links.last_message_ns = desk.now_ns


def replied(desk: Desk, elapsed_ns: int) -> None:
    """A reply of any kind: the client is alive."""
    desk.links.last_reply_ns = desk.now_ns
    desk.links.rest_latency_ns = elapsed_ns
    desk.links.failed_reads = 0


def got_nowhere(fact: Any) -> bool:
    """A write that did not get through, or whose answer did not: what the exchange refuses by a definite no did."""
    status = getattr(fact, "status", 0)
    return isinstance(fact, FAILED_WRITES) and (status in NO_ANSWER or status >= 500)


def write_reply(desk: Desk, fact: Any, *, counts: bool = True) -> None:
    """Any reply to a write; refusals and unknown outcomes are errors, an order that merely crossed is not. `counts`
    False: told, and counted elsewhere towards the breaker.
    """
    order = take_reply(desk.orders, fact, desk.out, desk.now_ns, desk.wall_ns)
    words = describe(order) if order else str(fact.client_order_id)
    desk.refusals.note(desk, fact, order.ticker if order else None)
    if counts and got_nowhere(fact):
        desk.links.failed_writes_ns.append(desk.now_ns)
    elif isinstance(fact, ANSWERED_WRITES):
        desk.links.written_ns = desk.now_ns
    elapsed = getattr(fact, "elapsed_ns", None)
    log = desk.status.log_action_result
    match fact:
        case ev.OrderAccepted():
            replied(desk, fact.elapsed_ns)
            log(desk.wall_ns, "order_placed", words, elapsed)
        case ev.CancelConfirmed():
            replied(desk, fact.elapsed_ns)
            log(desk.wall_ns, "order_canceled", words, elapsed)
            desk.status.log_recovery("canceled", "cancel failed", words)
        case ev.OrderRejected(code=code, detail=detail):
            replied(desk, fact.elapsed_ns)
            log(desk.wall_ns, "order_rejected", f"{words}: {code} {detail}".strip(), elapsed, "rejected")
            if is_error(fact):
                desk.error(f"order rejected: {code} {detail}".strip(), words, counts=counts)
            if code == MARKET_INACTIVE and order is not None:
                market_refused(desk, order.ticker)
            if code == GROUP_TRIGGERED and desk.group.member_id is not None:
                # It was triggered while no stream could tell us.
                group_fact(desk, ev.GroupTriggered(group_id=desk.group.group_id))
        case ev.OrderOutcomeUnknown(reason=reason) | ev.AmendOutcomeUnknown(reason=reason):
            desk.links.doubted = True
            log(desk.wall_ns, "order_in_doubt", f"{words}: {reason}", elapsed, "in doubt")
            desk.error(f"outcome not known: {reason}", words, counts=counts)
        case ev.AmendConfirmed():
            replied(desk, fact.elapsed_ns)
            log(desk.wall_ns, "order_changed", words, elapsed)
        case ev.AmendRejected(code=code, detail=detail):
            replied(desk, fact.elapsed_ns)
            log(desk.wall_ns, "order_not_changed", f"{words}: {code} {detail}".strip(), elapsed, "rejected")
        case ev.OrderNotSent(reason=reason):
            log(desk.wall_ns, "order_not_sent", f"{words}: {reason}", None, "not sent")
            desk.warn(f"order not sent: {reason}", words)
        case ev.CancelFailed(reason=reason):
            desk.links.doubted = desk.links.doubted or not fact.status
            desk.warn(f"cancel failed, will be sent again: {reason}", words)
        case ev.OrderLookedUp():
            replied(desk, fact.elapsed_ns)
            if order is not None and order.state is not OrderState.IN_DOUBT:
                found = "never existed" if order.state is OrderState.VOID else order.state.lower()
                desk.status.log_recovery(f"looked up: {found}", "outcome not known", words)
                log(desk.wall_ns, "order_looked_up", f"{words}: {found}")
        case _:
            replied(desk, elapsed or 0)


def market_refused(desk: Desk, ticker: Ticker) -> None:
    """A market that takes no order trades no more, as far as we know, until stream or list say otherwise."""
    market = desk.markets.get(ticker)
    if market is not None and market.info.status is MarketStatus.ACTIVE:
        desk.markets.apply(ev.MarketChanged(ticker=ticker, status=MarketStatus.CLOSED), desk.now_ns)
        desk.terms_stale = True


def batch_answered(desk: Desk, fact: ev.BatchAnswered) -> None:
    """An outcome for each; what befell several of them alike befell the one request, and counts once."""
    told: set[str] = set()
    for outcome in fact.outcomes:
        why = " ".join(str(getattr(outcome, name, "")) for name in ("reason", "code", "detail"))
        write_reply(desk, outcome, counts=why not in told)
        told.add(why)


def read_answer(desk: Desk, fact: Any) -> None:
    """Keep an answer for whoever asked."""
    replied(desk, fact.elapsed_ns)
    desk.refusals.note(desk, fact, None)
    desk.keep_answer(fact.request_id, fact)


def read_failed(desk: Desk, fact: ev.ReadFailed) -> None:
    desk.links.failed_reads += 1
    desk.refusals.note(desk, fact, None)
    desk.keep_answer(fact.request_id, fact)
    for order in desk.orders.get_open_orders():
        if order.lookup_request == fact.request_id:
            order.lookup_request = 0
            if order.state is OrderState.CANCELING:
                # The cancel was answered by 404 and the look-up by nothing: ask for its end once more.
                order.due_ns = desk.now_ns + LOOKUP_AGAIN_NS
                desk.orders.move(order, Happened.CANCEL_FAILED, "", desk.out, desk.wall_ns)
    desk.warn(f"{fact.kind} could not be read: {fact.reason}", f"status {fact.status}" if fact.status else "")


def group_fact(desk: Desk, fact: ev.GroupDone | ev.GroupFailed | ev.GroupTriggered) -> None:
    """A group that the exchange triggered by itself trips the breaker; only a person resumes."""
    was = desk.group.state
    if got_nowhere(fact):
        desk.links.failed_writes_ns.append(desk.now_ns)
    trouble = desk.group.take(fact, desk.now_ns)
    if isinstance(fact, ev.GroupTriggered) and trouble:
        desk.breaker.trip(trouble, f"> {desk.group.limit}", str(desk.group.limit), desk.wall_ns)
        desk.breaker_moved()
    elif trouble:
        desk.warn(trouble, "order group")
    if desk.group.state is not was:
        desk.status.log_action_result(desk.wall_ns, "order_group", f"{was} → {desk.group.state}")


# ---- this machine ------------------------------------------------------------------------------------------------


def error_reported(desk: Desk, fact: ev.ErrorReported) -> None:
    desk.error(clean_text(fact.error), clean_text(fact.context))


def action_reported(desk: Desk, fact: ev.ActionReported) -> None:
    kind, text, status = (clean_text(words) for words in (fact.kind, fact.text, fact.status))
    desk.status.log_action_result(desk.wall_ns, kind.replace(" ", "_"), text, fact.elapsed_ns, status)


def journal_failed(desk: Desk, fact: ev.JournalFailed) -> None:
    desk.links.journal_ok = False
    desk.breaker.trip(f"journal: {fact.reason}", "failed", "written and synced", desk.wall_ns)
    desk.breaker_moved()
    desk.cancel_own()


def loop_froze(desk: Desk, fact: ev.LoopFroze) -> None:
    """The loop is back after the watchdog acted: what it triggered is taken as ours, and a person looks first."""
    desk.group.triggered_by_us()
    limit = f"{fact.limit_ms // 1000} s"
    desk.breaker.trip("the trading loop stood still; the watchdog ended the orders", f"> {limit}", limit, desk.wall_ns)
    desk.breaker_moved()
    desk.cancel_own()


def loop_measured(desk: Desk, fact: ev.LoopMeasured) -> None:
    links = desk.links
    links.lag_p99_us, links.read_tokens, links.write_tokens = fact.lag_p99_us, fact.read_tokens, fact.write_tokens


FACTS: dict[type, Callable[[Desk, Any], None]] = {
    ev.StreamConnected: stream_connected,
    ev.StreamLost: stream_lost,
    ev.StreamSubscribed: stream_subscribed,
    ev.StreamRefused: stream_refused,
    ev.FrameRefused: frame_refused,
    ev.BookReplaced: book_fact,
    ev.BookChanged: book_changed,
    ev.TradePrinted: book_fact,
    ev.TickerChanged: book_fact,
    ev.BookLost: book_lost,
    ev.MarketChanged: market_changed,
    ev.TermsChanged: terms_changed,
    ev.FillReported: fill_reported,
    ev.OrderReported: order_reported,
    ev.PositionReported: position_reported,
    ev.OrderAccepted: write_reply,
    ev.OrderRejected: write_reply,
    ev.OrderOutcomeUnknown: write_reply,
    ev.OrderNotSent: write_reply,
    ev.CancelConfirmed: write_reply,
    ev.CancelNotFound: write_reply,
    ev.CancelFailed: write_reply,
    ev.BatchAnswered: batch_answered,
    ev.AmendConfirmed: write_reply,
    ev.AmendRejected: write_reply,
    ev.AmendOutcomeUnknown: write_reply,
    ev.OrderLookedUp: write_reply,
    ev.GroupDone: group_fact,
    ev.GroupFailed: group_fact,
    ev.GroupTriggered: group_fact,
    ev.ExchangeStatusRead: read_answer,
    ev.LimitsRead: read_answer,
    ev.MarketsRead: read_answer,
    ev.OrdersRead: read_answer,
    ev.PositionsRead: read_answer,
    ev.BalanceRead: read_answer,
    ev.FillsRead: read_answer,
    ev.SettlementsRead: read_answer,
    ev.ReadFailed: read_failed,
    ev.ErrorReported: error_reported,
    ev.ActionReported: action_reported,
    ev.JournalFailed: journal_failed,
    ev.LoopFroze: loop_froze,
    ev.LoopMeasured: loop_measured,
}
