"""What each read asks and how its pages become one fact.

Lists of our account are all or nothing: a page that fails, a cursor that comes back or too many pages fail the read,
for what it left out would be believed absent. Rows seen twice, because the list moved between pages, count once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from core.domain.effects import Read, ReadKind
from core.domain.errors import RefusedInput
from core.domain.events import (
    BalanceRead,
    Event,
    FillReported,
    FillsRead,
    MarketsRead,
    OrderLookedUp,
    OrderReport,
    OrdersRead,
    PositionsRead,
    SettlementReport,
    SettlementsRead,
)
from core.domain.ids import ClientOrderId, SeriesTicker
from core.domain.market import MarketInfo
from core.exchange import wire_markets, wire_rest, wire_settlements
from core.exchange.budget import ORDER_READ_COST, READ_COST, CallClass
from core.exchange.rest import Answer, ApiClient, ReadFailure
from core.ports import Clock

PAGE_LIMIT = 1_000
# Events nest their markets with all their rules: a page of 100 stays well under the body limit.
EVENTS_LIMIT = 100
EVENT_PAGES_MAX = 20
ACCOUNT_PAGES_MAX = 50
# Series are asked one by one for their fees; the busiest first, the rest when a later read comes to them.
SERIES_MAX = 60
SERIES_AT_ONCE = 6

_RowT = TypeVar("_RowT")


class _Page(Protocol[_RowT]):
    @property
    def cursor(self) -> str: ...
    @property
    def rows(self) -> list[_RowT]: ...


class ReadGaveUp(Exception):
    """A read has no value; inside this room only."""

    def __init__(self, failure: ReadFailure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def path_id(text: str) -> str:
    """An id as one path segment: whatever it holds, it cannot leave its place."""
    return quote(text, safe="-_.~") if text not in (".", "..") else text.replace(".", "%2E")


class AccountReads:
    """Runs one `Read` at a time per call; any number of calls may run together."""

    def __init__(self, api: ApiClient, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._series: dict[SeriesTicker, wire_markets.FeeTerms] = {}

    async def run(self, effect: Read) -> Event:
        """The fact of `effect`; raises ReadGaveUp or RefusedInput."""
        handlers: dict[ReadKind, Callable[[Read], Awaitable[Event]]] = {
            ReadKind.EXCHANGE_STATUS: self._exchange_status,
            ReadKind.LIMITS: self._limits,
            ReadKind.MARKETS: self._markets,
            ReadKind.ORDERS: self._orders,
            ReadKind.ORDER: self._order,
            ReadKind.POSITIONS: self._positions,
            ReadKind.BALANCE: self._balance,
            ReadKind.FILLS: self._fills,
            ReadKind.SETTLEMENTS: self._settlements,
        }
        return await handlers[effect.kind](effect)

    # ---- single replies ------------------------------------------------------------------------------------------

    async def _exchange_status(self, effect: Read) -> Event:
        answer = await self._get("/exchange/status", usable=_is_status)
        return wire_rest.exchange_status(answer.body, effect.request_id, self._since(answer.started_ns))

    async def _limits(self, effect: Read) -> Event:
        answer = await self._get("/account/limits")
        return wire_rest.limits(answer.body, effect.request_id, self._since(answer.started_ns))

    async def _balance(self, effect: Read) -> Event:
        answer = await self._get("/portfolio/balance", call=CallClass.BALANCE)
        balance = wire_rest.balance(answer.body)
        return BalanceRead(request_id=effect.request_id, balance=balance, elapsed_ns=self._since(answer.started_ns))

    # ---- lists ---------------------------------------------------------------------------------------------------

    async def _orders(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        orders = await self._all("/portfolio/orders", {"status": "resting"}, wire_rest.orders, _order_key)
        return OrdersRead(request_id=effect.request_id, orders=tuple(orders), elapsed_ns=self._since(started_ns))

    async def _positions(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        rows = await self._all("/portfolio/positions", {}, wire_rest.positions, lambda row: row.ticker)
        return PositionsRead(request_id=effect.request_id, positions=tuple(rows), elapsed_ns=self._since(started_ns))

    async def _fills(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        newest_first = await self._all("/portfolio/fills", _since(effect), wire_rest.fills, _fill_key)
        fills = newest_first[::-1]
        fills.sort(key=lambda fill: fill.exchange_ms)
        return FillsRead(request_id=effect.request_id, fills=tuple(fills), elapsed_ns=self._since(started_ns))

    async def _settlements(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        rows = await self._all("/portfolio/settlements", _since(effect), wire_settlements.settlements, _settlement_key)
        return SettlementsRead(
            request_id=effect.request_id, settlements=tuple(rows), elapsed_ns=self._since(started_ns)
        )

    async def _order(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        client_order_id = effect.client_order_id or ClientOrderId("")
        report: OrderReport | None = None
        if effect.order_id is not None:
            try:
                answer = await self._get(f"/portfolio/orders/{path_id(effect.order_id)}", cost=ORDER_READ_COST)
                report = wire_rest.order(answer.body)
            except ReadGaveUp as gave_up:
                if gave_up.failure.status != 404:
                    raise
        if report is None and client_order_id:
            # One endpoint's "absent" is not believed alone, and by client id there is only the list.
            query: dict[str, str] = {} if effect.ticker is None else {"ticker": effect.ticker}
            orders = await self._all("/portfolio/orders", query, wire_rest.orders, _order_key)
            report = next((order for order in orders if order.client_order_id == client_order_id), None)
        return OrderLookedUp(
            request_id=effect.request_id,
            client_order_id=client_order_id,
            report=report,
            elapsed_ns=self._since(started_ns),
        )

    # ---- markets -------------------------------------------------------------------------------------------------

    async def _markets(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        listed: dict[str, wire_markets.ListedMarket] = {}
        cursor, seen = "", set[str]()
        for _ in range(EVENT_PAGES_MAX):
            query = {"status": "open", "with_nested_markets": "true", "limit": str(EVENTS_LIMIT)}
            if cursor:
                query["cursor"] = cursor
            page = wire_markets.events((await self._get("/events", query)).body)
            for market in page.markets:
                listed[market.info.ticker] = market
            for _ in range(page.refused):
                self._api.body_refused("market left out: not a value")
            seen.add(cursor)
            cursor = page.cursor
            if not cursor or cursor in seen:
                break
        await self._read_series(listed.values())
        markets = tuple(self._with_fees(market) for market in listed.values())
        return MarketsRead(request_id=effect.request_id, markets=markets, elapsed_ns=self._since(started_ns))

    async def _read_series(self, listed: Collection[wire_markets.ListedMarket]) -> None:
        """Fee words of the busiest series, those not yet known first; one that fails leaves its markets without."""
        volume: dict[SeriesTicker, int] = {}
        for market in listed:
            series = market.info.series_ticker
            volume[series] = volume.get(series, 0) + market.info.volume_24h
        wanted = sorted(volume, key=lambda series: (series in self._series, -volume[series], series))[:SERIES_MAX]
        turn = asyncio.Semaphore(SERIES_AT_ONCE)

        async def read_one(series: SeriesTicker) -> None:
            async with turn:
                try:
                    answer = await self._get(f"/series/{path_id(series)}")
                    self._series[series] = wire_markets.series_terms(answer.body)
                except (ReadGaveUp, RefusedInput) as error:
                    self._api.body_refused(f"fees of a series: {error}")

        await asyncio.gather(*(read_one(series) for series in wanted))

    def _with_fees(self, market: wire_markets.ListedMarket) -> MarketInfo:
        fees = wire_markets.fee_schedule(self._series.get(market.info.series_ticker), market.override)
        return msgspec.structs.replace(market.info, fees=fees)

    # ---- asking --------------------------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        query: dict[str, str] | None = None,
        *,
        cost: int = READ_COST,
        call: CallClass = CallClass.READ,
        usable: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        outcome = await self._api.read(path, query=urlencode(query or {}), cost=cost, call=call, usable=usable)
        if isinstance(outcome, ReadFailure):
            raise ReadGaveUp(outcome)
        return outcome

    async def _all(
        self,
        path: str,
        query: dict[str, str],
        decode: Callable[[bytes], _Page[_RowT]],
        key: Callable[[_RowT], Hashable],
    ) -> list[_RowT]:
        """Rows of every page, the later word on a row winning, in the order of first sight."""
        rows: dict[Hashable, _RowT] = {}
        cursor, seen = "", set[str]()
        for _ in range(ACCOUNT_PAGES_MAX):
            asked = {**query, "limit": str(PAGE_LIMIT)}
            if cursor:
                asked["cursor"] = cursor
            page = decode((await self._get(path, asked)).body)
            for row in page.rows:
                rows[key(row)] = row
            seen.add(cursor)
            cursor = page.cursor
            if not cursor:
                return list(rows.values())
            if cursor in seen:
                raise RefusedInput(f"{path}: cursor came back")
        raise RefusedInput(f"{path}: more than {ACCOUNT_PAGES_MAX} pages")

    def _since(self, started_ns: int) -> int:
        return self._clock.monotonic_ns() - started_ns


def _since(effect: Read) -> dict[str, str]:
    """ "min_ts" is whole seconds: rounded down, so that nothing of the first second is missed."""
    return {} if effect.since_ms is None else {"min_ts": str(max(0, effect.since_ms) // 1_000)}


def _is_status(body: bytes) -> bool:
    try:
        wire_rest.exchange_status(body, 0, 0)
    except RefusedInput:
        return False
    return True


def _order_key(order: OrderReport) -> Hashable:
    return order.order_id


def _settlement_key(row: SettlementReport) -> Hashable:
    # A market that was reopened may pay twice.
    return row.ticker, row.settled_ms


def _fill_key(fill: FillReported) -> Hashable:
    # A trade between two of our own orders has one id and is two fills.
    return fill.trade_id, fill.order_id
