"""REST, about the account and about fees: limits, upgrade, money in and out, subaccounts, announced fee changes.

Everything is on subaccount 0. What only the holder of several subaccounts could do is answered with 403.
"""

from __future__ import annotations

from typing import Any

from core.sim.errors import refusal
from core.sim.lifecycle import FeeChange
from core.sim.limits import WRITE
from core.sim.model import Transfer
from core.sim.routes import Answer, Call, Route, page_of
from core.sim.settings import TIERS
from core.sim.text import NS, balance_text, count_text, time_text
from core.sim.views import SHARD, Json, multiplier

_UNLIMITED = "prestige"  # what an exchange without limits calls itself
UPGRADE_COST = 30
LAST_ORDERS = 100
CENT = 10_000


def get_limits(call: Call) -> Answer:
    """What is in force for this account."""
    name = call.tier or _UNLIMITED
    tier = TIERS[name]
    own = call.account.tier
    grants = [{"exchange_instance": "event_contract", "level": own, "source": "manual"}] if own else []
    body = {
        "usage_tier": name,
        "read": {"refill_rate": tier.read_rate, "bucket_capacity": tier.read_capacity},
        "write": {"refill_rate": tier.write_rate, "bucket_capacity": tier.write_capacity},
        "grants": grants,
    }
    return Answer(200, body)


def upgrade(call: Call) -> Answer:
    """To Advanced, where at least one order came through the API; every order here does."""
    if not call.account.orders:
        raise refusal("forbidden", f"none of the last {LAST_ORDERS} orders came through the API")
    if call.tier == "basic":
        call.account.tier = "advanced"
    return Answer(201)


def volume_progress(call: Call) -> Answer:
    volume = sum(fill.trade.count for fill in call.account.fills)
    row = {"computed_ts": call.now_ns // NS, "trailing_30d_volume_fp": count_text(volume), "goals": []}
    return Answer(200, {"volume_progress": [row]})


def _moved(call: Call, name: str, sign: int) -> Answer:
    """Newest first; what is made here is applied at once and costs nothing."""
    query = call.query
    limit, before = query.limit(100, 500), query.cursor()
    rows = [t for t in reversed(call.account.transfers) if t.amount * sign > 0]
    page, cursor = page_of((t for t in rows if before is None or t.number < before), limit, lambda t: t.number)
    return Answer(200, {name: [_transfer(row) for row in page], "cursor": cursor})


def _transfer(row: Transfer) -> Json:
    return {
        "id": row.transfer_id,
        "status": "applied",
        "type": "ach",
        "amount_cents": abs(row.amount) // CENT,
        "fee_cents": 0,
        "created_ts": row.at_ns // NS,
        "finalized_ts": row.at_ns // NS,
    }


def get_deposits(call: Call) -> Answer:
    return _moved(call, "deposits", 1)


def get_withdrawals(call: Call) -> Answer:
    return _moved(call, "withdrawals", -1)


def subaccount_balances(call: Call) -> Answer:
    row = {
        "subaccount_number": 0,
        "exchange_index": SHARD,
        "balance": balance_text(call.account.available),
        "updated_ts": call.now_ns // NS,
    }
    return Answer(200, {"subaccount_balances": [row]})


def subaccount_transfers(call: Call) -> Answer:
    call.query.limit(100, 1_000)
    return Answer(200, {"transfers": [], "cursor": ""})


def netting(call: Call) -> Answer:
    return Answer(200, {"netting_configs": [{"subaccount_number": 0, "enabled": False}]})


def not_permitted(call: Call) -> Answer:
    raise refusal("forbidden", "this account has no subaccounts")


def _series_change(change: FeeChange) -> Json:
    return {
        "id": change.change_id,
        "series_ticker": change.series.ticker,
        "fee_type": change.fee_type,
        "fee_multiplier": multiplier(change.multiplier or 0),
        "scheduled_ts": time_text(change.at_ns),
    }


def series_fee_changes(call: Call) -> Answer:
    """What is to come; with `show_historical` also what has been."""
    query = call.query
    ticker, past = query.text("series_ticker"), query.flag("show_historical")
    rows = [
        _series_change(change)
        for change in call.venue.life.fee_changes
        if change.event is None
        and (not ticker or change.series.ticker == ticker)
        and (past or change.at_ns > call.now_ns)
    ]
    return Answer(200, {"series_fee_change_arr": rows})


def event_fee_changes(call: Call) -> Answer:
    query = call.query
    ticker, limit, after = query.text("event_ticker"), query.limit(100, 1_000), query.cursor() or 0
    rows = [
        change
        for change in call.venue.life.fee_changes
        if change.event is not None and change.number > after and (not ticker or change.event.ticker == ticker)
    ]
    page, cursor = page_of(rows, limit, lambda change: change.number)
    return Answer(200, {"event_fee_changes": [_event_change(change) for change in page], "cursor": cursor})


def _event_change(change: FeeChange) -> Json:
    assert change.event is not None
    return {
        "id": change.change_id,
        "event_ticker": change.event.ticker,
        "series_ticker": change.series.ticker,
        "fee_type_override": change.fee_type,
        "fee_multiplier_override": None if change.multiplier is None else multiplier(change.multiplier),
        "scheduled_ts": time_text(change.at_ns),
    }


def _route(method: str, template: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, template=template, operation=operation, handler=handler, **more)


_SUB = "/portfolio/subaccounts"
_LEVEL = "/account/api_usage_level"
ROUTES: tuple[Route, ...] = (
    _route("GET", "/account/limits", "GetAccountApiLimits", get_limits),
    _route("POST", f"{_LEVEL}/upgrade", "UpgradeApiUsageLevel", upgrade, bucket=WRITE, cost=UPGRADE_COST),
    _route("GET", f"{_LEVEL}/volume_progress", "GetVolumeProgress", volume_progress),
    _route("GET", "/portfolio/deposits", "GetDeposits", get_deposits),
    _route("GET", "/portfolio/withdrawals", "GetWithdrawals", get_withdrawals),
    _route("GET", f"{_SUB}/balances", "GetSubaccountBalances", subaccount_balances),
    _route("GET", f"{_SUB}/transfers", "GetSubaccountTransfers", subaccount_transfers),
    _route("GET", f"{_SUB}/netting", "GetSubaccountNetting", netting),
    _route("PUT", f"{_SUB}/netting", "UpdateSubaccountNetting", not_permitted, bucket=WRITE),
    _route("POST", _SUB, "CreateSubaccount", not_permitted, bucket=WRITE),
    _route("POST", f"{_SUB}/transfer", "TransferBetweenSubaccounts", not_permitted, bucket=WRITE),
    _route("GET", "/series/fee_changes", "GetSeriesFeeChanges", series_fee_changes, public=True),
    _route("GET", "/events/fee_changes", "GetEventFeeChanges", event_fee_changes, public=True),
)
