"""The life of one of our orders as a table: (state, what happened) -> state.

The races have rows of their own, each with its reason: the push before the reply, a fill after the cancel, a cancel
refused because the order filled. What we do wrongly raises; what the exchange says strangely is an anomaly the caller
records and reconciles.
"""

from __future__ import annotations

from enum import StrEnum

from core.domain.enums import FINAL_ORDER_STATES, OrderState
from core.domain.errors import IllegalTransition

O = OrderState  # noqa: E741


class Happened(StrEnum):
    """What can happen to an order."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"
    SEEN_RESTING = "seen_resting"
    FILLED = "filled"
    ENDED = "ended"
    EXPIRED = "expired"
    NEVER_EXISTED = "never_existed"
    CANCEL_SENT = "cancel_sent"
    CANCEL_FAILED = "cancel_failed"
    AMEND_SENT = "amend_sent"
    AMEND_DONE = "amend_done"
    AMEND_UNKNOWN = "amend_unknown"
    REOPENED = "reopened"


H = Happened

ORDER_TRANSITIONS: dict[tuple[OrderState, Happened], OrderState] = {
    (O.PLANNED, H.SENT): O.SENT,
    (O.PLANNED, H.NOT_SENT): O.VOID,
    # A stop or a restart finds a plan whose request was never written.
    (O.PLANNED, H.NEVER_EXISTED): O.VOID,
    (O.SENT, H.NOT_SENT): O.VOID,
    (O.SENT, H.ACCEPTED): O.RESTING,
    (O.SENT, H.REJECTED): O.REJECTED,
    (O.SENT, H.OUTCOME_UNKNOWN): O.IN_DOUBT,
    # The stream may be faster than the reply.
    (O.SENT, H.SEEN_RESTING): O.RESTING,
    (O.SENT, H.FILLED): O.FILLED,
    (O.SENT, H.ENDED): O.CANCELED,
    (O.SENT, H.EXPIRED): O.EXPIRED,
    (O.RESTING, H.ACCEPTED): O.RESTING,
    (O.RESTING, H.SEEN_RESTING): O.RESTING,
    # A reply that was lost after the stream had shown the order.
    (O.RESTING, H.OUTCOME_UNKNOWN): O.RESTING,
    (O.RESTING, H.FILLED): O.FILLED,
    (O.RESTING, H.ENDED): O.CANCELED,
    (O.RESTING, H.EXPIRED): O.EXPIRED,
    (O.RESTING, H.CANCEL_SENT): O.CANCELING,
    (O.RESTING, H.AMEND_SENT): O.AMENDING,
    # A read that lags the write does not end an order; only proof of absence does.
    (O.RESTING, H.NEVER_EXISTED): O.CANCELED,
    # The reply to a change that a cancel had overtaken, which then failed.
    (O.RESTING, H.AMEND_DONE): O.RESTING,
    (O.RESTING, H.AMEND_UNKNOWN): O.IN_DOUBT,
    (O.AMENDING, H.AMEND_DONE): O.RESTING,
    (O.AMENDING, H.AMEND_UNKNOWN): O.IN_DOUBT,
    (O.AMENDING, H.SEEN_RESTING): O.AMENDING,
    (O.AMENDING, H.ACCEPTED): O.AMENDING,
    # The reply to its making was lost, after the stream had shown it and a change or a cancel had left.
    (O.AMENDING, H.OUTCOME_UNKNOWN): O.AMENDING,
    (O.CANCELING, H.OUTCOME_UNKNOWN): O.CANCELING,
    (O.AMENDING, H.FILLED): O.FILLED,
    (O.AMENDING, H.ENDED): O.CANCELED,
    (O.AMENDING, H.EXPIRED): O.EXPIRED,
    (O.AMENDING, H.CANCEL_SENT): O.CANCELING,
    (O.CANCELING, H.CANCEL_SENT): O.CANCELING,
    (O.CANCELING, H.CANCEL_FAILED): O.RESTING,
    (O.CANCELING, H.SEEN_RESTING): O.CANCELING,
    (O.CANCELING, H.ACCEPTED): O.CANCELING,
    (O.CANCELING, H.AMEND_DONE): O.CANCELING,
    (O.CANCELING, H.AMEND_UNKNOWN): O.CANCELING,
    (O.CANCELING, H.FILLED): O.FILLED,
    (O.CANCELING, H.ENDED): O.CANCELED,
    (O.CANCELING, H.EXPIRED): O.EXPIRED,
    (O.CANCELING, H.NEVER_EXISTED): O.CANCELED,
    (O.IN_DOUBT, H.ACCEPTED): O.RESTING,
    (O.IN_DOUBT, H.SEEN_RESTING): O.RESTING,
    (O.IN_DOUBT, H.REJECTED): O.REJECTED,
    (O.IN_DOUBT, H.FILLED): O.FILLED,
    (O.IN_DOUBT, H.ENDED): O.CANCELED,
    (O.IN_DOUBT, H.EXPIRED): O.EXPIRED,
    (O.IN_DOUBT, H.NEVER_EXISTED): O.VOID,
    (O.IN_DOUBT, H.CANCEL_SENT): O.CANCELING,
    (O.IN_DOUBT, H.OUTCOME_UNKNOWN): O.IN_DOUBT,
    (O.IN_DOUBT, H.AMEND_DONE): O.RESTING,
}

# Facts about an order that is already final: late news. They change amounts, never the state,
# but for two declared corrections: an order we had given up turns out to have traded to the full, or to rest.
_LATE = (H.ACCEPTED, H.SEEN_RESTING, H.ENDED, H.EXPIRED, H.CANCEL_FAILED, H.OUTCOME_UNKNOWN, H.NEVER_EXISTED,
         H.AMEND_DONE, H.AMEND_UNKNOWN, H.REJECTED, H.NOT_SENT, H.CANCEL_SENT)  # fmt: skip
for _state in FINAL_ORDER_STATES:
    for _late in _LATE:
        ORDER_TRANSITIONS[(_state, _late)] = _state
    # B9: "cancel accepted, fill frame arrives afterwards": applied by declared correction.
    ORDER_TRANSITIONS[(_state, H.FILLED)] = O.FILLED
    # Our end of it was wrong (a frame that was never true, a look-up too early): the exchange is right, on record.
    ORDER_TRANSITIONS[(_state, H.REOPENED)] = O.RESTING


def next_state(state: OrderState, happened: Happened) -> OrderState:
    """The state after `happened`; IllegalTransition when the table has no row."""
    try:
        return ORDER_TRANSITIONS[(state, happened)]
    except KeyError:
        raise IllegalTransition(f"an order in {state} cannot take '{happened}'") from None
