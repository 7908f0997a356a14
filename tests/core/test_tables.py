"""The declared tables, whole: every state reachable, final states closed, permission never grows on worse input."""

from dataclasses import replace
from itertools import product

import pytest

from core.domain.enums import FINAL_ORDER_STATES, OrderState, PauseKind, Permission, TraderState
from core.domain.errors import IllegalTransition
from core.trading.order_states import ORDER_TRANSITIONS, Happened, next_state
from core.trading.permission import Standing, permission
from core.trading.state_machine import LIMITS, TRANSITIONS, TraderStateMachine


def test_every_trader_state_can_be_reached_from_startup() -> None:
    seen, todo = {TraderState.STARTUP}, [TraderState.STARTUP]
    while todo:
        here = todo.pop()
        for source, target in TRANSITIONS:
            if source is here and target not in seen:
                seen.add(target)
                todo.append(target)
    assert seen == set(TraderState)


def test_every_trader_state_has_a_way_out_but_shutdown() -> None:
    for state in TraderState:
        out = [t for s, t in TRANSITIONS if s is state]
        assert bool(out) != (state is TraderState.SHUTDOWN), state


def test_every_move_has_a_reason_and_every_state_a_limit_or_a_condition() -> None:
    assert all(TRANSITIONS.values())
    assert set(LIMITS) == set(TraderState)
    assert all(limit.waits_for for limit in LIMITS.values())


def test_a_move_without_a_row_raises_and_changes_nothing() -> None:
    machine = TraderStateMachine(0, 0)
    with pytest.raises(IllegalTransition):
        machine.move(TraderState.READY, "no", 1, 1)
    assert machine.state is TraderState.STARTUP
    assert not machine.history


def test_paused_always_says_which_kind() -> None:
    machine = TraderStateMachine(0, 0)
    machine.state = TraderState.READY
    with pytest.raises(IllegalTransition):
        machine.move(TraderState.PAUSED, "why", 1, 1)
    machine.move(TraderState.PAUSED, "why", 1, 1, PauseKind.OPERATOR)
    assert machine.label(armed=True) == "PAUSED (operator)"


def test_repeated_ready_acting_pairs_are_folded_into_a_count() -> None:
    machine = TraderStateMachine(0, 0)
    machine.state = TraderState.READY
    for _ in range(5):
        machine.move(TraderState.ACTING, "processing_action", 1, 1)
        machine.move(TraderState.READY, "action_complete", 1, 1)
    assert len(machine.history) == 1
    assert machine.history[0].folded == 5
    assert [s for s, _, _ in machine.visits] == [TraderState.STARTUP, TraderState.ACTING, TraderState.READY]


def test_final_order_states_reopen_by_the_declared_correction_only() -> None:
    for (state, happened), target in ORDER_TRANSITIONS.items():
        if state in FINAL_ORDER_STATES and happened is not Happened.REOPENED:
            assert target in FINAL_ORDER_STATES


def test_a_late_fill_corrects_a_final_order_to_filled() -> None:
    assert next_state(OrderState.CANCELED, Happened.FILLED) is OrderState.FILLED


def test_every_open_order_state_has_a_road_to_a_final_one() -> None:
    open_states = set(OrderState) - FINAL_ORDER_STATES
    for start in open_states:
        seen, todo = {start}, [start]
        while todo:
            here = todo.pop()
            for (state, _), target in ORDER_TRANSITIONS.items():
                if state is here and target not in seen:
                    seen.add(target)
                    todo.append(target)
        assert seen & FINAL_ORDER_STATES, start


def test_what_the_table_does_not_know_raises() -> None:
    with pytest.raises(IllegalTransition):
        next_state(OrderState.PLANNED, Happened.CANCEL_SENT)


BETTER = {
    "client_on": True, "connected": True, "journal_ok": True,
    "breaker_tripped": False, "armed": True, "over_limit": False,
}  # fmt: skip


def standings() -> list[Standing]:
    flags = list(product((True, False), repeat=len(BETTER) + 1))
    return [
        Standing(state=state, reducing=values[-1], **dict(zip(BETTER, values[:-1], strict=True)))
        for state in TraderState
        for values in flags
    ]


def test_making_any_input_worse_never_gives_more_permission() -> None:
    for standing in standings():
        for name, good in BETTER.items():
            if getattr(standing, name) is good:
                worse = replace(standing, **{name: not good})
                assert permission(worse)[0] <= permission(standing)[0], (standing, name)


def test_trading_needs_everything_to_be_in_order() -> None:
    for standing in standings():
        if permission(standing)[0] is Permission.TRADE:
            assert standing.state in (TraderState.READY, TraderState.ACTING)
            assert all(getattr(standing, name) is good for name, good in BETTER.items())


def test_nothing_but_a_missing_connection_or_client_forbids_a_cancel() -> None:
    for standing in standings():
        if standing.client_on and standing.connected and standing.state in (
            TraderState.READY, TraderState.ACTING, TraderState.PAUSED, TraderState.ERROR, TraderState.SHUTDOWN,
        ):  # fmt: skip
            assert permission(standing)[0] >= Permission.CANCEL_ONLY


def test_less_than_everything_is_always_explained() -> None:
    for standing in standings():
        given, why = permission(standing)
        assert (given is Permission.TRADE) == (why == "")
