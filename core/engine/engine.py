"""Engine: the one place where facts and wishes change the trader: `step(item, now_ns) -> (records, effects)`.

Pure and synchronous: same items and times, same records and effects. The caller appends the records to the journal,
then starts the effects. Strategies are woken only by a Beat, after everything that had arrived was stepped.
"""

from __future__ import annotations

from core.domain.commands import Command, PlaceOrder
from core.domain.effects import AnyEffect
from core.domain.enums import Origin, Permission, TraderState
from core.domain.errors import OurBug
from core.domain.events import Beat, Event, TaskDied
from core.domain.records import BreakerMoved, Record
from core.engine.facts import FACTS
from core.engine.lifecycle import BUSY, Lifecycle
from core.engine.rounds import Rounds
from core.engine.wishes import WISHES, strategy_failed, take_wish
from core.strategy.actor import ActorService, is_immediate
from core.strategy.differ import Wish
from core.trading.desk import Desk
from core.trading.leases import renew_leases
from core.trading.procedures.liquidation import Liquidation

Item = Event | Command
# An order without a reply for so long: nobody may be there, and the strategy adds nothing to what is not known.
UNANSWERED_NS = 3_000_000_000


class Engine:
    """Desk, lifecycle and actor under one step."""

    def __init__(self, desk: Desk, actor: ActorService, breaker: BreakerMoved | None = None) -> None:
        self.desk = desk
        self.actor = actor
        self.life = Lifecycle(desk, actor)
        self.rounds = Rounds()
        if breaker is not None and breaker.tripped:
            # The breaker latches through a restart: only a person closes it.
            desk.breaker.trip(breaker.reason, breaker.value, breaker.limit, breaker.at)
        self._could_trade = False
        self._beat_ns: int | None = None
        self._beat_at = 0

    def assembled(self) -> None:
        """STARTUP is over."""
        self.desk.move(TraderState.IDLE, "assembled")

    def stepped(self, item: Item, now_ns: int) -> tuple[list[Record], list[AnyEffect], Exception | None]:
        """As `step`; a bug of ours is told among the errors and returned, with what had been decided before it."""
        try:
            return *self.step(item, now_ns), None
        except Exception as error:  # noqa: BLE001  every bug of ours must take the orderly road out
            told = f"internal error: {type(error).__name__}: {error}"
            self.desk.status.log_error(self.desk.wall_ns, told, type(item).__name__)
            return *self.desk.out.take(), error

    def step(self, item: Item, now_ns: int) -> tuple[list[Record], list[AnyEffect]]:
        """Take one fact or wish at `now_ns` (monotonic). OurBug for an item no table knows."""
        desk = self.desk
        if self._beat_ns is not None:
            # A fact is of its own moment and not of the last beat's.
            desk.wall_ns = self._beat_at + now_ns - self._beat_ns
        desk.now_ns = now_ns
        kind = type(item)
        if kind in FACTS:
            FACTS[kind](desk, item)
        elif kind in WISHES:
            take_wish(self.life, item)  # type: ignore[arg-type]
        elif isinstance(item, Beat):
            self._beat(item)
        elif isinstance(item, TaskDied):
            desk.error(f"task {item.name} died: {item.error}", "supervisor")
        else:
            raise OurBug(f"nobody takes {kind.__name__}")
        return desk.out.take()

    def _beat(self, beat: Beat) -> None:
        desk = self.desk
        desk.wall_ns = self._beat_at = beat.wall_ns
        self._beat_ns = desk.now_ns
        self.life.beat()
        desk.note_equity()
        desk.check_losses()
        if desk.state in BUSY and desk.settings.enable_trading_client:
            permitted, _ = desk.permission()
            if permitted is Permission.TRADE and self.life.procedure is None:
                self._act()
            elif self._could_trade and permitted is not Permission.TRADE:
                # Quotes placed while trading was permitted are risk that no longer is.
                desk.cancel_own()
            self._could_trade = permitted is Permission.TRADE
            self._show_activity()
        self.rounds.beat(self)

    def _act(self) -> None:
        """Let the strategy wish, as far as the order rate has room and the session's order group stands."""
        self.desk.group.ensure(self.desk.out, self.desk.now_ns)
        renew_leases(self.desk)
        if not self.desk.group.settled:
            return
        # One order of each second is kept for a person: a busy strategy must not crowd out who watches it.
        kept = 1 if self.desk.settings.limits.orders_per_second > 1 else 0
        room = self.desk.risk.rate_room(self.desk.now_ns) - kept
        if self.desk.orders.longest_unanswered_ns(self.desk.now_ns) > UNANSWERED_NS:
            room = 0  # cancels alone
        decided = self.actor.decide(self.desk, room)
        failed = self.actor.take_failure()
        if failed:
            strategy_failed(self.life, failed)
        for one in decided:
            legs = self._legs(one.wishes)
            denied = self._leg_denied(legs)
            for wish in one.wishes:
                assert wish.origin is Origin.STRATEGY
                if denied and wish in legs:
                    continue
                self.actor.note(one, *take_wish(self.life, wish))
            if denied:
                self.actor.rest(one.row.ticker, self.desk.now_ns)
                self.actor.note(one, "refused", denied)

    def _legs(self, wishes: list[Wish]) -> list[PlaceOrder]:
        """The immediate orders that take risk; what closes a position needs no other."""
        risk = self.desk.risk
        placed = (wish for wish in wishes if isinstance(wish, PlaceOrder) and is_immediate(wish))
        return [wish for wish in placed if wish.count > risk.reducible(wish.ticker, wish.side)]

    def _leg_denied(self, legs: list[PlaceOrder]) -> str:
        """Why none of several legs may leave: one alone is a bet. All are asked before the first leaves, each as if
        those before it had left.
        """
        denial = self.desk.check_together(legs) if len(legs) > 1 else None
        return f"no leg leaves: {denial.text}" if denial is not None else ""

    def _show_activity(self) -> None:
        """READY and ACTING follow what is in flight."""
        desk = self.desk
        if isinstance(self.life.procedure, Liquidation):
            return
        flying = desk.orders.action_in_flight()
        if flying and desk.state is TraderState.READY:
            desk.move(TraderState.ACTING, f"processing_action_{flying}", quiet=True)
        elif not flying and desk.state is TraderState.ACTING:
            desk.move(TraderState.READY, "action_complete", quiet=True)
