"""PictureMaker: the desk as one immutable TraderSnapshot.

Parts that did not change are the same objects as before, so a reader may compare by identity. Only watched markets
carry ladders.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from core.domain.amounts import Count, Money, Price
from core.domain.enums import BookSide, OrderState, Ownership, TraderState
from core.engine.engine import Engine
from core.engine.health import components
from core.engine.meters import limit_views
from core.engine.waiting import waiting_for
from core.market.view import Market
from core.strategy.parameters import Parameters, fields_of
from core.trading import snapshot as view
from core.trading.desk import NS, Desk
from core.trading.liquidation_plan import liquidation_plan
from core.trading.order import Order
from core.trading.positions import Position
from core.trading.procedures.liquidation import Liquidation
from core.trading.queue_bound import QueueBound

LADDER_DEPTH = 25
FINISHED_SHOWN = 50
ORDER_ROWS_KEPT = 1_000

T = TypeVar("T")


class PictureMaker:
    """Builds snapshots. `gauges` reads client and loop, which are no part of the trader's state."""

    def __init__(self, identity: view.IdentityView, gauges: Callable[[], view.GaugesView] = view.GaugesView) -> None:
        self._identity = identity
        self._gauges = gauges
        self._kept: dict[str, object] = {}
        self._version = 0
        self._ladders: dict[str, tuple[object, view.BookView]] = {}
        self._held: dict[str, tuple[object, view.PositionView]] = {}
        self._orders: dict[str, tuple[object, view.OrderView]] = {}
        self._finished: tuple[view.OrderView, ...] = ()
        self._finished_stamp = (-1, -1)
        self._planned_ns = -NS
        self._plan_version = -1
        self._queue = QueueBound()

    def take(self, engine: Engine) -> view.TraderSnapshot:
        """The picture of this moment."""
        desk, life = engine.desk, engine.life
        positions = tuple(self._position(desk, p) for p in desk.positions.all())
        money = self._money(desk, positions)
        self._version += 1
        links = desk.links
        failed, failed_ns = links.writes_failed(desk.now_ns - desk.settings.limits.breaker_windows[0][1])
        open_orders = desk.orders.get_open_orders() + desk.orders.foreign_orders()
        self._queue.look(desk)
        calibration = life.calibration
        return view.TraderSnapshot(
            version=self._version,
            taken_ns=desk.now_ns,
            taken_at=desk.wall_ns,
            identity=self._identity,
            state=self._keep("state", state_view(engine)),
            transitions=self._keep("transitions", tuple(desk.machine.history)[-50:]),
            calibration=self._keep("calibration", calibration.steps() if calibration else ()),
            breaker=self._keep("breaker", breaker_view(desk)),
            limits=self._keep("limits", limit_views(desk)),
            books=self._keep("books", self._books(engine)),
            positions=self._keep("positions", positions),
            orders=self._keep("orders", tuple(self._order(o, self._queue.ahead(o)) for o in _doubt_first(open_orders))),
            finished_orders=self._finished_orders(desk),
            money=self._keep("money", money),
            equity=self._keep("equity", tuple(desk.equity.curve)),
            counters=self._keep("counters", counters_view(desk)),
            activity=self._keep("activity", tuple(desk.status.activity)),
            errors=self._keep("errors", tuple(desk.status.errors)),
            components=self._keep("components", components(engine)),
            feed=view.FeedView(
                stream_up=links.stream_up,
                stream_epoch=links.stream_epoch,
                last_message_ns=links.last_message_ns,
                rest_up=desk.rest_up,
                last_reply_ns=links.last_reply_ns,
                rest_latency_us=None if links.rest_latency_ns is None else links.rest_latency_ns // 1000,
                read_tokens=links.read_tokens,
                write_tokens=links.write_tokens,
                loop_lag_p99_us=links.lag_p99_us,
                gauges=self._gauges(),
                failed_writes=failed,
                failed_write_ns=failed_ns,
            ),
            actions=self._keep("actions", desk.status.actions()),
            alarm=alarm_of(desk),
            liquidation=self._plan(desk),
            days=self._keep("days", desk.day.days()),
            strategy=self._keep("strategy", strategy_view(engine)),
            progress=self._keep("progress", progress_of(engine)),
            exit=life.exit_stop.exit if life.exit_stop else None,
        )

    def _keep(self, name: str, part: T) -> T:
        old = self._kept.get(name)
        if old == part:
            return old
        self._kept[name] = part
        return part

    def _books(self, engine: Engine) -> tuple[view.BookView, ...]:
        desk = engine.desk
        quoted = set(engine.actor.quoted)
        found = []
        for ticker in desk.markets.watched:
            market = desk.markets.get(ticker)
            if market is not None:
                found.append(self._book(market, quoted=ticker in quoted))
        return tuple(found)

    def _book(self, market: Market, *, quoted: bool) -> view.BookView:
        """A ladder is drawn anew only when something of its market moved."""
        stamp = (market.version, market.book.version, market.info.status, quoted)
        known = self._ladders.get(market.info.ticker)
        if known is None or known[0] != stamp:
            known = self._ladders[market.info.ticker] = (stamp, book_view(market, quoted=quoted))
        return known[1]

    def _order(self, order: Order, ahead: Count | None = None) -> view.OrderView:
        """A row is made anew only when the order moved: most of those shown ended long ago."""
        stamp = (order.state, order.updated_at, order.order_id, order.price, order.count, order.filled, order.claimed,
                 order.asked, order.reason, order.expiration_s, order.origin, ahead)  # fmt: skip
        known = self._orders.get(order.client_order_id)
        if known is None or known[0] != stamp:
            if len(self._orders) >= ORDER_ROWS_KEPT:
                self._orders.clear()
            known = self._orders[order.client_order_id] = (stamp, order_view(order, ahead))
        return known[1]

    def _finished_orders(self, desk: Desk) -> tuple[view.OrderView, ...]:
        """The youngest first; looked at again only when any order moved."""
        stamp = (desk.orders.version, desk.positions.version)
        if stamp != self._finished_stamp:
            self._finished_stamp = stamp
            finished = list(desk.orders.finished)[-FINISHED_SHOWN:][::-1]
            self._finished = self._keep("finished", tuple(self._order(o) for o in finished))
        return self._finished

    def _position(self, desk: Desk, position: Position) -> view.PositionView:
        """A row is made anew only when the position or its market moved."""
        market = desk.markets.get(position.ticker)
        moved = None if market is None else (market.version, market.book.version)
        stamp = (position.count, position.cost, position.realized, position.fees, position.updated_at, moved)
        known = self._held.get(position.ticker)
        if known is None or known[0] != stamp:
            known = self._held[position.ticker] = (stamp, position_view(desk, position))
        return known[1]

    def _plan(self, desk: Desk) -> tuple[view.LiquidationLine, ...]:
        """The liquidation plan walks every book: once a second is enough for the eye, a liquidation makes its own."""
        if desk.now_ns - self._planned_ns >= NS or desk.positions.version != self._plan_version:
            self._planned_ns, self._plan_version = desk.now_ns, desk.positions.version
            self._keep("liquidation", liquidation_plan(desk.positions, desk.markets))
        return self._kept["liquidation"]  # type: ignore[return-value]

    def _money(self, desk: Desk, positions: tuple[view.PositionView, ...]) -> view.MoneyView:
        reserved = desk.risk.reserved()
        # Not the equity's last note: every figure of one picture is of one moment.
        portfolio = desk.portfolio() if desk.positions.cash_known else Money(0)
        return view.MoneyView(
            cash=Money(desk.positions.cash - reserved),
            reserved=reserved,
            portfolio=portfolio,
            exposure=desk.risk.exposure(),
            realized=desk.positions.realized,
            unrealized=Money(sum(p.unrealized for p in positions)),
            fees=desk.positions.fees,
            day=desk.equity.day_of(portfolio) if desk.positions.cash_known else Money(0),
            max_drawdown=desk.equity.max_drawdown,
            synced_at=desk.synced_at,
            drift=desk.drift_cash,
            drift_positions=desk.drift_positions,
            day_realized=Money(desk.day.realized),
            day_fees=Money(desk.day.fees),
            day_fills=desk.day.fills,
            reserved_foreign=desk.risk.reserved_by_others(),
        )


def state_view(engine: Engine) -> view.StateView:
    desk, life = engine.desk, engine.life
    machine = desk.machine
    permitted, why = desk.permission()
    return view.StateView(
        state=machine.state,
        label=machine.label(desk.armed) + (" → pausing" if _pausing(engine) else ""),
        entered_ns=machine.entered_ns,
        entered_at=machine.entered_at,
        reason=machine.reason,
        waiting_for=waiting_for(life),
        limit_ns=machine.limit_ns(),
        pause=machine.pause,
        armed=desk.armed,
        permission=permitted,
        permission_reason=why,
        procedure=life.procedure.name if life.procedure else "",
    )


def progress_of(engine: Engine) -> view.ProgressView | None:
    """How far a liquidation is; None without one."""
    procedure = engine.life.procedure
    return procedure.progress(engine.desk) if isinstance(procedure, Liquidation) else None


def _pausing(engine: Engine) -> bool:
    """A wished pause that the state lets wait; a trader that leaves pauses no more."""
    machine = engine.desk.machine
    return engine.life.pause_wanted and machine.pause is None and machine.state is not TraderState.SHUTDOWN


def alarm_of(desk: Desk) -> str:
    """What asks for a person now: a tripped breaker before anything else."""
    if desk.breaker.tripped:
        return f"breaker tripped: {desk.breaker.reason}"
    return desk.status.alarm(desk.wall_ns)


def strategy_view(engine: Engine) -> view.StrategyView:
    actor = engine.actor
    return view.StrategyView(
        name=actor.strategy.name,
        off=actor.off,
        decisions=actor.decisions.made,
        dropped=actor.decisions.dropped,
        parameters=_shown(actor.strategy.parameters),
    )


@lru_cache(16)
def _shown(parameters: Parameters) -> tuple[tuple[str, str, str], ...]:
    """Name, value, and bounds with the unit."""
    return tuple(
        (f.name, f.shown(getattr(parameters, f.name)), f"{f.shown(f.low)} to {f.shown(f.high)} {f.unit}")
        for f in fields_of(type(parameters))
    )


def breaker_view(desk: Desk) -> view.BreakerView:
    b = desk.breaker
    return view.BreakerView(
        tripped=b.tripped,
        reason=b.reason,
        value=b.value,
        limit=b.limit,
        tripped_at=b.tripped_at if b.tripped else None,
        errors=b.errors(desk.now_ns),
        errors_limit=b.errors_limit,
        events=tuple(b.events),
    )


def book_view(market: Market, *, quoted: bool) -> view.BookView:
    last = market.tape[-1] if market.tape else None
    return view.BookView(
        ticker=market.info.ticker,
        title=market.info.title,
        quoted=quoted,
        trusted=market.book.trusted,
        untrusted_reason=market.book.reason,
        updated_ns=market.book.updated_ns,
        seq=market.book.seq,
        bids=market.book.levels(BookSide.BID, LADDER_DEPTH),
        asks=market.book.levels(BookSide.ASK, LADDER_DEPTH),
        bands=market.info.bands,
        last_price=market.last_price,
        last_count=last.count if last else None,
        last_side=last.taker_side if last else None,
        volume=market.volume,
        open_interest=market.open_interest,
        status=market.info.status.value,
    )


def position_view(desk: Desk, position: Position) -> view.PositionView:
    mark, basis = desk.markets.mark(position.ticker, position.count)
    if position.count == 0:
        mark, basis = None, "flat"
    unmarked = position.cost if mark is None else position.value_at(Price(mark))
    return view.PositionView(
        ticker=position.ticker,
        count=Count(position.count),
        average_price=position.average_price(),
        cost=Money(position.cost),
        mark=mark,
        mark_basis=basis,
        realized=Money(position.realized),
        unrealized=Money(position.unrealized_at(mark)),
        fees=Money(position.fees),
        if_flat=Money(unmarked),
        updated_at=position.updated_at,
    )


def order_view(order: Order, ahead: Count | None = None) -> view.OrderView:
    return view.OrderView(
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        ticker=order.ticker,
        side=order.side,
        price=order.price,
        count=Count(order.count),
        filled=Count(order.done),
        remaining=Count(order.remaining),
        state=order.state,
        ownership=order.ownership,
        created_at=order.created_at,
        updated_at=order.updated_at,
        reason=order.reason,
        origin=order.origin,
        ahead=ahead,
        expires_at=(order.expiration_s or 0) * NS,
    )


def counters_view(desk: Desk) -> view.CountersView:
    counts, links = desk.orders.counts, desk.links
    open_orders = desk.orders.get_open_orders()
    return view.CountersView(
        placed=counts.placed,
        placed_today=desk.day.placed,
        accepted=counts.accepted,
        denied=counts.denied,
        rejected=counts.rejected,
        canceled=counts.canceled,
        filled=counts.filled,
        in_doubt=len(desk.orders.in_doubt()),
        fills=desk.fills.applied,
        fill_contracts=Count(desk.fills.contracts),
        gaps=links.gaps,
        resyncs=links.resyncs,
        reconnects=links.reconnects,
        refused_frames=links.refused_frames,
        adopted=sum(1 for o in open_orders if o.ownership is Ownership.ADOPTED),
        foreign=len(desk.orders.foreign_orders()),
    )


def _doubt_first(orders: tuple[Order, ...]) -> list[Order]:
    return sorted(orders, key=lambda o: (o.state is not OrderState.IN_DOUBT, o.ticker, o.side, -o.price))
