"""The oracle: what must be true of a trader in a world, judged on the exchange's own truth while it trades and after.

It reads the venue, which the trader never can, and names every violation once. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.assembly import Trader
from core.config import risk_limits
from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, ExitCode, Permission
from core.domain.ids import Ticker
from core.domain.records import FillBooked, OrderIntended, Record
from core.sim.model import Order
from core.sim.server import ExchangeServer
from core.trading.desk import Desk

PREFIX = "kt-"


class Oracle:
    """Listens to one trader and looks at its exchange. `violations` keeps the first word on each thing."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._limits = risk_limits(trader.settings)
        self.violations: dict[str, str] = {}
        self.records: list[Record] = []
        self.intents: dict[str, OrderIntended] = {}
        self.booked: Counter[tuple[str, str]] = Counter()
        self.filled: Counter[str] = Counter()
        self.looks = 0
        trader.subscribe(self._hear)

    @property
    def desk(self) -> Desk:
        assert self._trader.engine is not None
        return self._trader.engine.desk

    @property
    def server(self) -> ExchangeServer:
        assert self._trader.server is not None
        return self._trader.server

    def own_orders(self) -> list[Order]:
        """Every order the exchange ever took from this trader."""
        return [o for o in self.server.account.orders.values() if o.client_order_id.startswith(PREFIX)]

    def own_resting(self) -> list[Order]:
        return [o for o in self.server.account.all_resting() if o.client_order_id.startswith(PREFIX)]

    # ---- while it trades ---------------------------------------------------------------------------------------

    def _hear(self, record: Record) -> None:
        self.records.append(record)
        if isinstance(record, FillBooked):
            self.booked[(record.trade_id, record.order_id)] += 1 if record.count > 0 else -1
            self.filled[record.order_id] += record.count
        if isinstance(record, OrderIntended):
            self._intended(record)

    def _intended(self, intent: OrderIntended) -> None:
        """An order has just been decided: was that allowed, on a book that may be traded on?"""
        desk, name = self.desk, intent.client_order_id
        if name in self.intents:
            self._say("intent", f"{name} was intended twice")
        self.intents[name] = intent
        market = desk.markets.get(intent.ticker)
        if market is None or not market.tradable:
            self._say("book", f"{name} was decided on {market.why_not_tradable() if market else 'nothing'}")
        if desk.permission()[0] < Permission.REDUCE_ONLY:
            self._say("permission", f"{name} was decided while {desk.permission()[1]}")
        doubtful = [o for o in desk.orders.in_doubt() if o.ticker == intent.ticker]
        if doubtful:
            self._say("doubt", f"{name} was decided while {doubtful[0].client_order_id} was in doubt")

    def look(self) -> None:
        """Look at both sides now; call it often."""
        if self._trader.server is None or self._trader.engine is None:
            return
        self.looks += 1
        resting = self.own_resting()
        self._check_limits(resting)
        self._check_ids()
        for ticker in self.desk.markets.watched:
            market = self.desk.markets.get(ticker)
            if market is None or not market.book.trusted:
                continue
            bid, ask = market.book.best_bid, market.book.best_ask
            if bid is not None and ask is not None and bid >= ask:
                self._say("crossed", f"{ticker} is trusted and crossed: {bid} over {ask}")

    def _check_limits(self, resting: list[Order]) -> None:
        """No limit is passed on the exchange's books, whatever the trader believes."""
        account, limits = self.server.account, self._limits
        # A cancel that is on its way ends an order here before its successor leaves there.
        if len(resting) > limits.open_orders:
            self._say("open orders", f"{len(resting)} own orders rest")
        loss = sum(held.cost for held in account.positions.values()) + account.reserved
        if loss > limits.exposure:
            self._say("exposure", f"{loss} at worst")
        for ticker in {o.market.ticker for o in resting}:
            held = account.quantity(ticker)
            for side in BookSide:
                more = sum(o.remaining for o in resting if o.market.ticker == ticker and o.side is side)
                if more and abs(held + side.sign * more) > max(limits.position, abs(held)):
                    self._say("position", f"{ticker}: {held} and {more} more of {side.value}")
        for order in resting:
            if order.count > limits.order_size:
                self._say("size", f"{order.client_order_id} of {order.count}")

    def _check_ids(self) -> None:
        """One intent, at most one order; and no order without an intent on record."""
        counted = Counter(o.client_order_id for o in self.own_orders())
        for name, count in counted.items():
            if count > 1:
                self._say("twice", f"{count} orders of {name}")
            if name not in self.intents:
                self._say("intent", f"{name} is on the exchange and was never intended")

    def book_agrees(self, ticker: str) -> bool:
        """Whether the trader's picture of a book is, level by level, the exchange's."""
        market = self.desk.markets.get(Ticker(ticker))
        if market is None or not market.book.trusted:
            return False
        book = self.server.venue.markets[ticker].book
        return all(list(market.book.levels(side)) == _best_first(book.side(side).levels(), side) for side in BookSide)

    # ---- afterwards --------------------------------------------------------------------------------------------

    def judge(self) -> dict[str, str]:
        """All violations, with those that only the end can show. Call it after the trader has left."""
        self.look()
        self.server.check_conservation()
        trader, account, desk = self._trader, self.server.account, self.desk
        code = trader.snapshot.exit.code if trader.snapshot.exit else None
        if code != ExitCode.UNVERIFIED and self.own_resting():
            self._say("resting", f"{len(self.own_resting())} own orders rest after a stop that says otherwise")
        final = trader.final
        if final is None or (final.orders, final.positions, final.cash) != (0, 0, 0):
            self._say("drift", f"{final}")
        if account.cash != desk.positions.cash:
            self._say("cash", f"the exchange holds {account.cash}, we hold {desk.positions.cash}")
        self._judge_positions(account.positions.keys())
        fills = Counter((fill.trade.trade_id, fill.order.order_id) for fill in account.fills)
        doubled = [key for key, count in self.booked.items() if count > 1]
        if doubled or self.booked.keys() - fills.keys():
            self._say("fills", f"booked twice {doubled}, never made {sorted(self.booked.keys() - fills.keys())}")
        if fills.keys() - self.booked.keys():
            self._say("fills", f"never booked: {sorted(fills.keys() - self.booked.keys())}")
        for theirs in self.own_orders():
            if self.filled[theirs.order_id] != theirs.filled or theirs.filled > theirs.count:
                self._say(
                    "order", f"{theirs.client_order_id}: {theirs.filled} there, {self.filled[theirs.order_id]} here"
                )
        return self.violations

    def _judge_positions(self, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            theirs, ours = self.server.account.quantity(ticker), self.desk.positions.net(Ticker(ticker))
            if theirs != ours:
                self._say("position", f"{ticker}: {theirs} there, {ours} here")

    def _say(self, what: str, detail: str) -> None:
        self.violations.setdefault(what, detail)


def _best_first(levels: list[tuple[Price, Count]], side: BookSide) -> list[tuple[Price, Count]]:
    return sorted(levels, key=lambda level: -level[0] * side.sign)
