"""The trading client: executes one REST effect and answers with exactly one domain fact.

What a reply means is decided here. A write that may have happened is reported as unknown and never sent again by this
room; a definite no is reported as such; what never left says so. `perform` raises nothing but CancelledError.
"""

from __future__ import annotations

from random import Random
from typing import assert_never
from urllib.parse import urlencode

from core.domain.effects import (
    GroupAct,
    Read,
    RestEffect,
    SendAmend,
    SendCancel,
    SendCancels,
    SendDecrease,
    SendGroup,
    SendOrder,
    SendOrders,
)
from core.domain.errors import RefusedInput
from core.domain.events import (
    AmendConfirmed,
    AmendRejected,
    CancelConfirmed,
    CancelNotFound,
    Event,
    GroupDone,
    GroupFailed,
    LimitsRead,
    OrderAccepted,
    OrderRejected,
    ReadFailed,
)
from core.domain.ids import OrderId
from core.domain.outcomes import cancel_failed, unknown, unsent
from core.domain.text import clean_text
from core.exchange import wire_batch, wire_rest
from core.exchange.budget import CANCEL_COST, ORDER_COST, CallClass
from core.exchange.latency import ClientStats
from core.exchange.network import Endpoints
from core.exchange.reads import AccountReads, ReadGaveUp, path_id
from core.exchange.rest import Answer, ApiClient, NotSent, WriteOutcome
from core.exchange.signing import Signer
from core.ports import Clock

_ORDERS = "/portfolio/events/orders"
_GROUPS = "/portfolio/order_groups"
_GROUP_CALLS = {
    GroupAct.CREATE: ("POST", "/create"),
    GroupAct.TRIGGER: ("PUT", "/{}/trigger"),
    GroupAct.RESET: ("PUT", "/{}/reset"),
    GroupAct.DELETE: ("DELETE", "/{}"),
}


class TradingClientIntegration:
    """REST side of one account. `unix_path` leads every connection through a socket path; for worlds only."""

    def __init__(
        self, endpoints: Endpoints, signer: Signer, clock: Clock, rng: Random, *, unix_path: str | None = None
    ) -> None:
        self._clock = clock
        self._api = ApiClient(endpoints, signer, clock, rng, unix_path=unix_path)
        self._reads = AccountReads(self._api, clock)

    async def open(self) -> None:
        """Make ready; the first request makes the first connection."""
        await self._api.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._api.close()

    def stats(self) -> ClientStats:
        """Latencies by class, tokens left, counters, last error."""
        return self._api.stats()

    def limits_known(self, limits: LimitsRead) -> None:
        """Set the token budget to the account's own limits. A LIMITS read does this by itself as well."""
        self._api.budget.set_limits(
            tier=limits.tier,
            read=(limits.read_rate, limits.read_capacity),
            write=(limits.write_rate, limits.write_capacity),
            now_ns=self._clock.monotonic_ns(),
        )

    async def perform(self, effect: RestEffect) -> Event:
        """Do `effect`; one fact comes back. Raises only CancelledError: a cancelled write has an unknown outcome."""
        try:
            return await self._do(effect)
        except Exception as error:  # noqa: BLE001 - a fact must come back; a write may have left, so it is unknown
            reason = f"internal error: {type(error).__name__}"
            self._api.body_refused(reason)
            return unknown(effect, reason)

    async def _do(self, effect: RestEffect) -> Event:
        match effect:
            case SendOrder():
                return await self._order(effect)
            case SendOrders():
                return await self._orders(effect)
            case SendCancel():
                return await self._cancel(effect)
            case SendCancels():
                return await self._cancels(effect)
            case SendAmend() | SendDecrease():
                return await self._amend(effect)
            case SendGroup():
                return await self._group(effect)
            case Read():
                return await self._read(effect)
            case _:
                assert_never(effect)

    # ---- writes --------------------------------------------------------------------------------------------------

    async def _order(self, effect: SendOrder) -> Event:
        try:
            body = wire_rest.create_body(effect)
        except RefusedInput as error:
            return unsent(effect, str(error))
        outcome = await self._api.write(CallClass.ORDER, "POST", _ORDERS, cost=ORDER_COST, body=body)
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        if outcome.status < 300:
            try:
                order_id, filled, remaining = wire_rest.created(outcome.body, effect.client_order_id)
            except RefusedInput as error:
                # The order exists, but not as a value: a look-up tells.
                return self._unreadable(effect, outcome, error)
            return OrderAccepted(
                client_order_id=effect.client_order_id,
                order_id=order_id,
                filled=filled,
                remaining=remaining,
                elapsed_ns=self._since(outcome),
            )
        code, detail = self._api.refusal(outcome.status, outcome.body)
        return OrderRejected(
            client_order_id=effect.client_order_id,
            status=outcome.status,
            code=code,
            detail=detail,
            duplicate=outcome.status == 409 and code == wire_batch.DUPLICATE,
            elapsed_ns=self._since(outcome),
        )

    async def _orders(self, effect: SendOrders) -> Event:
        try:
            body = wire_batch.create_body(effect)
        except RefusedInput as error:
            return unsent(effect, str(error))
        outcome = await self._batched(CallClass.ORDER, "POST", ORDER_COST * len(effect.orders), body)
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        if outcome.status >= 300:
            code, detail = self._api.refusal(outcome.status, outcome.body)
            return wire_batch.all_rejected(effect, outcome.status, code, detail, self._since(outcome))
        try:
            return wire_batch.created(effect, outcome.body, self._since(outcome), self._api.body_refused)
        except RefusedInput as error:
            return self._unreadable(effect, outcome, error)

    async def _batched(self, call: CallClass, method: str, cost: int, body: bytes) -> WriteOutcome:
        return await self._api.write(call, method, f"{_ORDERS}/batched", cost=cost, body=body)

    async def _cancel(self, effect: SendCancel) -> Event:
        # Without the market's ticker shard 0 is assumed: "404 for orders on other shards".
        outcome = await self._api.write(
            CallClass.CANCEL,
            "DELETE",
            f"{_ORDERS}/{path_id(effect.order_id)}",
            cost=CANCEL_COST,
            query=urlencode({"market_ticker": effect.ticker}),
        )
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        elapsed_ns = self._since(outcome)
        if outcome.status < 300:
            try:
                order_id, reduced_by = wire_rest.canceled(outcome.body)
                if order_id != effect.order_id:
                    raise RefusedInput("cancel reply: order_id of another order")
            except RefusedInput as error:
                return self._unreadable(effect, outcome, error)
            return CancelConfirmed(
                client_order_id=effect.client_order_id,
                order_id=effect.order_id,
                reduced_by=reduced_by,
                elapsed_ns=elapsed_ns,
            )
        if outcome.status == 404:
            return CancelNotFound(
                client_order_id=effect.client_order_id, order_id=effect.order_id, elapsed_ns=elapsed_ns
            )
        code, detail = self._api.refusal(outcome.status, outcome.body)
        return cancel_failed(effect, f"{code} {detail}".strip(), elapsed_ns, outcome.status)

    async def _cancels(self, effect: SendCancels) -> Event:
        body = wire_batch.cancel_body(effect)
        outcome = await self._batched(CallClass.CANCEL, "DELETE", CANCEL_COST * len(effect.cancels), body)
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        if outcome.status >= 300:
            code, detail = self._api.refusal(outcome.status, outcome.body)
            return unknown(effect, f"{code} {detail}".strip(), self._since(outcome), outcome.status)
        try:
            return wire_batch.canceled(effect, outcome.body, self._since(outcome), self._api.body_refused)
        except RefusedInput as error:
            return self._unreadable(effect, outcome, error)

    async def _group(self, effect: SendGroup) -> Event:
        method, tail = _GROUP_CALLS[effect.act]
        path = f"{_GROUPS}{tail.format(path_id(OrderId(effect.group_id)) if effect.group_id else '')}"
        body = wire_rest.group_body(effect.limit) if effect.act is GroupAct.CREATE else None
        # A trigger is a cancel of everything: it takes the lane and the tokens that are kept for cancels.
        call = CallClass.ORDER if effect.act is GroupAct.CREATE else CallClass.CANCEL
        outcome = await self._api.write(call, method, path, cost=ORDER_COST, body=body)
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        elapsed_ns = self._since(outcome)
        if outcome.status >= 300:
            code, detail = self._api.refusal(outcome.status, outcome.body)
            return GroupFailed(
                act=effect.act,
                group_id=effect.group_id,
                status=outcome.status,
                reason=f"{code} {detail}".strip(),
                elapsed_ns=elapsed_ns,
            )
        group_id = effect.group_id
        if effect.act is GroupAct.CREATE:
            try:
                group_id = wire_rest.group_created(outcome.body)
            except RefusedInput as error:
                return self._unreadable(effect, outcome, error)
        return GroupDone(act=effect.act, group_id=group_id, elapsed_ns=elapsed_ns)

    async def _amend(self, effect: SendAmend | SendDecrease) -> Event:
        try:
            act, body = wire_rest.change_body(effect)
        except RefusedInput as error:
            return unsent(effect, str(error))
        path = f"{_ORDERS}/{path_id(effect.order_id)}/{act}"
        outcome = await self._api.write(CallClass.AMEND, "POST", path, cost=ORDER_COST, body=body)
        if not isinstance(outcome, Answer):
            return _no_answer(effect, outcome)
        elapsed_ns = self._since(outcome)
        if outcome.status >= 300:
            code, detail = self._api.refusal(outcome.status, outcome.body)
            return AmendRejected(
                client_order_id=effect.client_order_id,
                order_id=effect.order_id,
                status=outcome.status,
                code=code,
                detail=detail,
                elapsed_ns=elapsed_ns,
            )
        try:
            order_id, filled, remaining = wire_rest.amended(outcome.body)
        except RefusedInput as error:
            return self._unreadable(effect, outcome, error)
        return AmendConfirmed(
            client_order_id=effect.client_order_id,
            order_id=order_id,
            price=effect.price,
            count=effect.count,
            filled=filled,
            remaining=remaining,
            elapsed_ns=elapsed_ns,
        )

    def _unreadable(self, effect: RestEffect, outcome: Answer, error: RefusedInput) -> Event:
        """A success that is no value: it was done, and what came of it has to be asked for."""
        self._api.body_refused(str(error))
        return unknown(effect, f"HTTP {outcome.status}, {error}", self._since(outcome), outcome.status)

    def _since(self, answer: Answer) -> int:
        return self._clock.monotonic_ns() - answer.started_ns

    # ---- reads ---------------------------------------------------------------------------------------------------

    async def _read(self, effect: Read) -> Event:
        started_ns = self._clock.monotonic_ns()
        try:
            fact = await self._reads.run(effect)
        except ReadGaveUp as gave_up:
            failure = gave_up.failure
            return self._read_failed(effect, failure.status, failure.reason, failure.fatal, started_ns)
        except RefusedInput as error:
            self._api.body_refused(str(error))
            return self._read_failed(effect, 200, str(error), False, started_ns)
        if isinstance(fact, LimitsRead):
            self.limits_known(fact)
        return fact

    def _read_failed(self, effect: Read, status: int, reason: str, fatal: bool, started_ns: int) -> ReadFailed:
        return ReadFailed(
            request_id=effect.request_id,
            kind=effect.kind.value,
            status=status,
            reason=clean_text(reason),
            fatal=fatal,
            elapsed_ns=self._clock.monotonic_ns() - started_ns,
        )


def _no_answer(effect: RestEffect, outcome: WriteOutcome) -> Event:
    """The fact of a write that was not sent, or that nothing usable came back for."""
    if isinstance(outcome, NotSent):
        return unsent(effect, outcome.reason)
    assert not isinstance(outcome, Answer)
    return unknown(effect, outcome.reason, outcome.elapsed_ns, outcome.status)
