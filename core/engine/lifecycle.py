"""Lifecycle: what drives the trader from state to state, looked at once per beat. One small function a state.

Everything is judged from the desk as it stands now, so it is right after any order of facts. The moves themselves are
in the state machine's table.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.amounts import money_text
from core.domain.commands import Stop as StopWish
from core.domain.effects import ReadKind
from core.domain.enums import ExitReason, PauseKind, TraderState
from core.domain.events import ExchangeStatusRead, FillsRead, LimitsRead, MarketsRead, ReadFailed
from core.domain.records import ProcedureMoved
from core.engine.cash import CashWatch
from core.engine.facts import refresh
from core.engine.feed import FeedWatch
from core.engine.outcomes import Outcomes
from core.engine.roster import Roster
from core.engine.sync import StateSync
from core.engine.terms import Terms
from core.strategy.actor import ActorService
from core.trading.booking import take_fill
from core.trading.desk import LOST_READS, MS, NS, Desk
from core.trading.procedures.base import Done, Procedure
from core.trading.procedures.calibration import Calibration
from core.trading.procedures.cash_recovery import CashRecovery, deficit
from core.trading.procedures.liquidation import Liquidation
from core.trading.procedures.stop import Stop

S = TraderState
BUSY = frozenset({S.READY, S.ACTING})
CONNECTED = frozenset({S.TRADING_CLIENT_CONNECT, S.CALIBRATING, S.READY, S.ACTING, S.LOW_CASH, S.RECOVER_CASH})
CALIBRATES = CONNECTED - {S.TRADING_CLIENT_CONNECT}
STANDS = BUSY | {S.PAUSED}
POLL_NS = 5 * NS
PROBE_NS = NS  # between two questions whether anybody answers
REFRESH_NS = 5 * NS
FEED_PAUSE_NS = 15 * NS
BACKOFF_LIMIT_S = 30
MOVES_A_BEAT = 6
MISSING_FILL_NS = 2 * NS


class Lifecycle:
    """Reads under way, back-off, the one procedure, and what the operator asked for while it could not be done."""

    def __init__(self, desk: Desk, actor: ActorService) -> None:
        self.desk = desk
        self.actor = actor
        self.procedure: Procedure | None = None
        self.calibration: Calibration | None = None
        self.pause_wanted = False
        self.calibrated_epoch = 0
        self.calibrations = 0
        self.owed = False  # a comparison was begun and not finished
        self.failures = 0
        self.retry_ns = 0
        self.exit_stop: Stop | None = None
        self.cash = CashWatch()
        self._pending: dict[ReadKind, int] = {}
        self._poll_ns = 0
        self._refresh_ns = 0
        self._refreshes = 0
        self._untrusted_since_ns = 0
        self._health_ns = self._probe_ns = 0
        self._health_request = 0
        self._fills_request = self._fills_again_ns = 0
        self.sync = StateSync(desk.settings.sync_ns)
        self.terms = Terms()
        self.feed = FeedWatch()
        self.outcomes = Outcomes()
        self.roster = Roster(desk, actor)

    # ---- the beat ----------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Look at timers, the procedure and the state; called once per drained batch."""
        desk = self.desk
        for ticker in desk.markets.end_batch():
            refresh(desk, (ticker,))
        for ticker in desk.markets.close_due(desk.wall_ns // MS):
            desk.status.log_action_result(desk.wall_ns, "market", f"{ticker} has closed")
        if desk.links.client_up:
            desk.orders.work(desk.out, desk.now_ns)
            self._fetch_missing_fills()
        self._watch_links()
        self._go_on()
        if desk.machine.overdue(desk.now_ns):
            self._overdue()
        desk.freshness.beat(desk)
        self.terms.beat(desk)
        self.roster.beat(self)
        self.feed.beat(self)
        self._keep_books_whole()
        self._check_health()
        self._compare_regularly()
        self.outcomes.beat(desk)

    def _go_on(self) -> None:
        """As far as it goes now: what a move or an ended procedure makes possible need not wait for the next beat."""
        for _ in range(MOVES_A_BEAT):
            at = (self.desk.state, self.procedure)
            self._advance_procedure()
            drive = DRIVES.get(self.desk.state)
            if drive is not None:
                drive(self)
            if at == (self.desk.state, self.procedure):
                return

    def begin(self, procedure: Procedure) -> bool:
        """Start a procedure; False when one of the same or a higher rank is under way."""
        running = self.procedure
        if running is not None and running.rank >= procedure.rank:
            return False
        if running is not None:
            self.owed = self.owed or isinstance(running, Calibration)
            self._journal_procedure(running.name, "replaced", procedure.name)
            self.outcomes.ended(running, Done(False, f"replaced by {procedure.name}"))
        self.procedure = procedure
        self._journal_procedure(procedure.name, "started", "")
        if isinstance(procedure, Stop):
            self.exit_stop = procedure
        return True

    def drop(self, why: str) -> None:
        """End the procedure under way, unfinished."""
        if self.procedure is not None:
            self.owed = self.owed or isinstance(self.procedure, Calibration)
            self.outcomes.ended(self.procedure, Done(False, why))
            self.procedure = None

    def calibrate(self, reason: str) -> None:
        """Go to CALIBRATING and begin a calibration; the first one takes a base, later ones compare."""
        self.desk.move(S.CALIBRATING, reason)
        self.drop("compares with the exchange first")
        self.calibrated_epoch = self.desk.links.stream_epoch
        self.calibration = Calibration(self.desk, first=self.calibrations == 0)
        self.begin(self.calibration)

    def fail(self, reason: str, *, counts: bool = True) -> None:
        """Go to ERROR, cancel what rests, and come up again after a growing while."""
        desk = self.desk
        if desk.state in (S.ERROR, S.SHUTDOWN):
            return
        desk.error(reason, str(desk.state), counts=counts)
        if isinstance(self.procedure, Calibration | Liquidation | CashRecovery):
            desk.reducing = False
            self.drop(reason)
        self.cash.blocked = False
        self._pending.clear()
        self.failures += 1
        self.retry_ns = desk.now_ns + min(2 ** (self.failures - 1), BACKOFF_LIMIT_S) * NS
        desk.move(S.ERROR, reason)
        desk.cancel_own()

    # ---- watching ----------------------------------------------------------------------------------------------

    def _watch_links(self) -> None:
        desk = self.desk
        if desk.links.failed_reads >= LOST_READS and desk.links.client_up:
            desk.links.client_up = False
            if desk.state in CONNECTED:
                self.fail("trading_client_lost", counts=False)
            elif desk.state is S.PAUSED:
                desk.error("trading_client_lost", "PAUSED: no cancel gets through", counts=False)
        if not desk.links.stream_up and desk.state in CALIBRATES:
            self.fail("stream_lost", counts=False)
        if desk.refusals.key and desk.state in CONNECTED:
            left = f"cancels may fail too, leases end orders within {desk.settings.lease_s} s"
            why, desk.refusals.key = desk.refusals.key, ""
            self.fail(f"our key is refused ({why}): {left}", counts=False)
        # A new connection replays nothing, however fast it came: what was compared before it no longer counts.
        if desk.state in BUSY and desk.settings.enable_trading_client and self._epoch_changed():
            self.fail("stream_lost", counts=False)

    def _epoch_changed(self) -> bool:
        return self.calibrated_epoch != self.desk.links.stream_epoch

    def _keep_books_whole(self) -> None:
        """Ask again for books that stay untrusted; every third time by a new connection."""
        desk = self.desk
        untrusted = desk.markets.untrusted() if desk.links.stream_up else ()
        if not untrusted:
            self._untrusted_since_ns = self._refreshes = 0
            self._refresh_ns = desk.now_ns + REFRESH_NS
            return
        self._untrusted_since_ns = self._untrusted_since_ns or desk.now_ns
        if desk.now_ns >= self._refresh_ns:
            self._refreshes += 1
            self._refresh_ns = desk.now_ns + REFRESH_NS
            refresh(desk, untrusted, reconnect=self._refreshes % 3 == 0)

    def _check_health(self) -> None:
        desk = self.desk
        if self._health_request:
            answer = desk.answer(self._health_request)
            if answer is None:
                return
            self._health_request = 0
            if isinstance(answer, ExchangeStatusRead):
                desk.links.exchange_active = answer.exchange_active
                desk.links.trading_active = answer.trading_active
                self._client_found()
                if desk.state in BUSY and not (answer.exchange_active and answer.trading_active):
                    self._health_ns = desk.now_ns + POLL_NS
                    desk.move(S.PAUSED, "exchange_pause", PauseKind.EXCHANGE)
                    desk.cancel_own()
            else:
                self._health_ns = desk.now_ns + PROBE_NS
        elif self._health_due() and desk.state in STANDS:
            desk.links.doubted = False
            self._probe_ns = desk.now_ns + PROBE_NS
            paused_by_exchange = desk.machine.pause is PauseKind.EXCHANGE
            self._health_ns = desk.now_ns + (POLL_NS if paused_by_exchange else desk.settings.health_check_ns)
            self._health_request = desk.out.read(ReadKind.EXCHANGE_STATUS)

    def _client_found(self) -> None:
        """A client lost during a pause answers again: cancels go on, and what happened meanwhile is compared before
        anything is traded.
        """
        desk = self.desk
        if desk.state is S.PAUSED and not desk.links.client_up:
            desk.links.client_up = self.owed = True
            desk.status.log_recovery("the exchange answers again", "trading_client_lost")

    def _health_due(self) -> bool:
        desk = self.desk
        return desk.now_ns >= self._health_ns or (desk.links.doubted and desk.now_ns >= self._probe_ns)

    def _compare_regularly(self) -> None:
        desk = self.desk
        if desk.state not in STANDS or self.procedure is not None or not desk.links.client_up:
            return
        self.sync.sync_all(desk)
        if (self.sync.lasting or desk.suspicion) and desk.machine.can(S.CALIBRATING):
            if desk.machine.pause is PauseKind.OPERATOR:
                self.pause_wanted = True
            self.calibrate(desk.suspicion or self.sync.lasting)
            desk.suspicion = ""

    def _fetch_missing_fills(self) -> None:
        """A claimed fill that the stream did not bring within its bound is read."""
        desk = self.desk
        if self._fills_request:
            answer = desk.answer(self._fills_request)
            if answer is None:
                return
            self._fills_request = 0
            if isinstance(answer, FillsRead):
                for fill in answer.fills:
                    take_fill(desk, fill)
            return
        overdue = any(desk.now_ns - o.claimed_ns > MISSING_FILL_NS for o in desk.orders.missing_fills())
        if overdue and desk.now_ns >= self._fills_again_ns:
            self._fills_again_ns = desk.now_ns + MISSING_FILL_NS
            self._fills_request = desk.out.read(ReadKind.FILLS, since_ms=desk.fills_since_ms)

    def _overdue(self) -> None:
        desk = self.desk
        if desk.state is S.SHUTDOWN:
            return
        if desk.state is S.ACTING:
            if not isinstance(self.procedure, Liquidation):
                self.fail("actions_without_reply")
            return
        if desk.state is S.RECOVER_CASH:
            self.drop("took too long")
            seconds = (desk.machine.limit_ns() or 0) // NS
            self.cash.recovered(self, False, f"{money_text(deficit(desk))} are still missing after {seconds} s")
            return
        self.fail(f"{desk.state.lower()}_timeout", counts=False)

    # ---- procedures --------------------------------------------------------------------------------------------

    def _advance_procedure(self) -> None:
        running = self.procedure
        if running is None:
            return
        done = running.advance(self.desk)
        if done is None or self.procedure is not running:
            return
        self.procedure = None
        self.outcomes.ended(running, done)
        self._journal_procedure(running.name, "done" if done.ok else "failed", done.outcome)
        self.desk.status.log_action_result(
            self.desk.wall_ns, running.name, done.outcome, status="ok" if done.ok else "failed"
        )
        if isinstance(running, Calibration):
            self._calibrated(running, done.ok, done.outcome)
        elif isinstance(running, Liquidation):
            self._liquidated(done.ok, done.outcome)
        elif isinstance(running, CashRecovery):
            self.cash.recovered(self, done.ok, done.outcome)
        elif not done.ok and not isinstance(running, Stop):
            self.desk.error(done.outcome, running.name)

    def _journal_procedure(self, name: str, phase: str, outcome: str) -> None:
        self.desk.out.record(ProcedureMoved(at=self.desk.wall_ns, name=name, phase=phase, outcome=outcome))

    def _calibrated(self, calibration: Calibration, ok: bool, outcome: str) -> None:
        desk = self.desk
        if desk.state is not S.CALIBRATING:
            return
        if not ok or self._epoch_changed():
            self.fail(outcome if not ok else "stream_lost", counts=not ok and not calibration.unread)
            return
        self.calibrations += 1
        self.owed = False
        self.sync.reset(desk.now_ns)
        self.failures = 0
        self.roster.watch_positions()
        # Everything was compared: what is wrong from here on is told anew.
        desk.status.log_recovery("calibrated again")
        if calibration.paused:
            desk.move(S.PAUSED, calibration.paused, PauseKind.EXCHANGE)
        elif self.pause_wanted:
            desk.move(S.PAUSED, "operator", PauseKind.OPERATOR)
        else:
            desk.move(S.READY, "calibration_complete")

    def _liquidated(self, ok: bool, outcome: str) -> None:
        desk = self.desk
        desk.reducing = False
        self.pause_wanted = True
        if not ok:
            desk.error(outcome, "liquidation", counts=False)
        if desk.state is S.ACTING:
            desk.move(S.PAUSED, "liquidation_complete" if ok else "liquidation_incomplete", PauseKind.OPERATOR)
            desk.cancel_own()  # a person may have placed what reduces meanwhile

    # ---- states ------------------------------------------------------------------------------------------------

    def _ask_once(self, *kinds: ReadKind) -> list[object] | None:
        """Read these once; the answers when all are there. A failure fails the state, a refused key the start."""
        desk = self.desk
        for kind in kinds:
            if kind not in self._pending:
                self._pending[kind] = desk.out.read(kind)
        if any(self._pending[kind] not in desk.answers for kind in kinds):
            return None
        answers = [desk.answer(self._pending.pop(kind)) for kind in kinds]
        for answer in answers:
            if isinstance(answer, ReadFailed):
                if answer.fatal and self.calibrations == 0:
                    self.stop(StopWish(reason=ExitReason.REFUSED, detail=f"the exchange refused: {answer.reason}"))
                else:
                    self.fail(f"{answer.kind} could not be read: {answer.reason}", counts=False)
                return None
        return list(answers)

    def stop(self, wish: StopWish) -> None:
        """Take the orderly road out."""
        desk = self.desk
        if isinstance(self.procedure, Stop):
            self.procedure.hurry(desk)
            return
        if desk.state is not S.SHUTDOWN:
            desk.move(S.SHUTDOWN, wish.detail or wish.reason.value)
        if self.exit_stop is None:
            self.drop("the trader is stopping")
            self.begin(Stop(desk, wish))

    def drive_initializing(self) -> None:
        desk = self.desk
        answers = self._ask_once(ReadKind.MARKETS, ReadKind.LIMITS)
        if answers is None:
            return
        markets, limits = answers
        assert isinstance(markets, MarketsRead)
        assert isinstance(limits, LimitsRead)
        desk.markets.learn(markets.markets, desk.wall_ns)
        self.actor.choose(desk.markets, desk.settings.quote_markets)
        if not self.actor.quoted:
            self.fail("no open market", counts=False)
            return
        self.roster.tell()
        desk.move(S.ORDERBOOK_CONNECT, f"{len(markets.markets)}_markets_known")

    def drive_orderbook(self) -> None:
        desk = self.desk
        if not desk.links.stream_up or any(t in self.actor.quoted for t in desk.markets.untrusted()):
            return
        if desk.settings.enable_trading_client:
            desk.move(S.TRADING_CLIENT_CONNECT, "books_whole")
        else:
            desk.move(S.READY, "watching_only")

    def drive_client(self) -> None:
        desk = self.desk
        answers = self._ask_once(ReadKind.EXCHANGE_STATUS)
        if answers is None:
            return
        (status,) = answers
        assert isinstance(status, ExchangeStatusRead)
        desk.links.client_up = True
        desk.links.exchange_active, desk.links.trading_active = status.exchange_active, status.trading_active
        if status.exchange_active and status.trading_active:
            self.calibrate("trading_client_connected")
        else:
            desk.move(S.PAUSED, "exchange_not_trading", PauseKind.EXCHANGE)

    def drive_busy(self) -> None:
        desk = self.desk
        if desk.settings.enable_trading_client:
            self.cash.look(self)
        untrusted = desk.markets.untrusted()
        lost_for = desk.now_ns - self._untrusted_since_ns if self._untrusted_since_ns else 0
        if untrusted and set(untrusted) >= set(self.actor.quoted) and lost_for > FEED_PAUSE_NS:
            desk.move(S.PAUSED, "orderbook_lost", PauseKind.FEED)
            desk.cancel_own()

    def drive_paused(self) -> None:
        desk = self.desk
        if isinstance(self.procedure, Liquidation):
            return
        active = desk.links.exchange_active and desk.links.trading_active
        back = {
            PauseKind.EXCHANGE: active and desk.links.stream_up and desk.links.client_up,
            PauseKind.FEED: desk.links.stream_up and not desk.markets.untrusted(),
        }
        if desk.machine.pause in back and back[desk.machine.pause] and self.procedure is None:
            self.calibrate(f"{desk.machine.pause}_pause_ended")

    def drive_error(self) -> None:
        desk = self.desk
        if desk.now_ns < self.retry_ns or self.procedure is not None:
            return
        if self.cash.waits(desk):
            return
        if not self.actor.quoted:
            desk.move(S.INITIALIZING, "try_again")
        elif desk.links.stream_up and desk.links.client_up and not desk.markets.untrusted():
            self.calibrate("connected_again")
        else:
            desk.move(S.ORDERBOOK_CONNECT, "connect_again")


DRIVES: dict[TraderState, Callable[[Lifecycle], None]] = {
    S.INITIALIZING: Lifecycle.drive_initializing,
    S.ORDERBOOK_CONNECT: Lifecycle.drive_orderbook,
    S.TRADING_CLIENT_CONNECT: Lifecycle.drive_client,
    S.READY: Lifecycle.drive_busy,
    S.ACTING: Lifecycle.drive_busy,
    S.PAUSED: Lifecycle.drive_paused,
    S.ERROR: Lifecycle.drive_error,
}
