"""The session's order group: every order a member, panic one request, the exchange's own trigger a breaker."""

from core.domain import events as ev
from core.domain.commands import Panic, ResetBreaker, Resume, Stop
from core.domain.effects import GroupAct, Leave, SendGroup, SendOrder
from core.domain.enums import ExitReason
from core.strategy.maker import MarketMaker
from tests.core.builders import Bench


def acts(bench: Bench) -> list[GroupAct]:
    return [e.act for e in bench.effects if isinstance(e, SendGroup)]


def orders(bench: Bench) -> list[SendOrder]:
    return [e for e in bench.effects if isinstance(e, SendOrder)]


def done(bench: Bench, act: GroupAct, group: str = "g1") -> None:
    bench.step(ev.GroupDone(act=act, group_id=group, elapsed_ns=1))


def failed(bench: Bench, act: GroupAct) -> None:
    bench.step(ev.GroupFailed(act=act, group_id="", status=404, reason="not_found", elapsed_ns=1))


def grouped() -> Bench:
    bench = Bench(MarketMaker(), group_limit=1000)
    bench.up()
    done(bench, GroupAct.CREATE)
    bench.beat(times=3)
    return bench


def test_no_order_leaves_before_its_group_stands_and_every_one_is_a_member() -> None:
    bench = Bench(MarketMaker(), group_limit=1000).up()
    bench.beat(times=5)
    assert orders(bench) == []
    done(bench, GroupAct.CREATE)
    bench.beat(times=3)
    assert {o.order_group_id for o in orders(bench)} == {"g1"}


def test_panic_triggers_the_group_in_one_request_besides_the_cancels() -> None:
    bench = grouped()
    for index, sent in enumerate(orders(bench)):
        bench.accept(sent, order=f"o{index}")
    bench.effects.clear()
    bench.step(Panic())
    assert acts(bench) == [GroupAct.TRIGGER]
    assert isinstance(bench.effects[0], SendGroup)
    assert bench.sent_cancels()


def test_only_a_resume_resets_a_triggered_group_and_orders_wait_for_it() -> None:
    bench = grouped()
    for index, sent in enumerate(orders(bench)):
        bench.accept(sent, order=f"o{index}")
    bench.step(Panic())
    done(bench, GroupAct.TRIGGER)
    bench.confirm_cancels()
    bench.beat(times=20)
    bench.effects.clear()
    bench.step(Resume())
    bench.beat(times=5)
    assert acts(bench) == [GroupAct.RESET]
    assert orders(bench) == []
    done(bench, GroupAct.RESET)
    bench.beat(times=5)
    assert orders(bench)


def test_an_order_that_the_group_refuses_tells_of_a_trigger_nobody_heard_of() -> None:
    bench = grouped()
    bench.step(
        ev.OrderRejected(
            client_order_id=orders(bench)[0].client_order_id, status=409, code="exceeded_order_group_risk_limit",
            detail="", elapsed_ns=1,
        )
    )  # fmt: skip
    assert bench.desk.breaker.tripped and "triggered our order group" in bench.desk.breaker.reason
    bench.step(ResetBreaker(reason="looked", command_id=1))
    bench.beat(times=5)
    assert acts(bench)[-1] is GroupAct.RESET


def test_a_trigger_by_the_exchange_trips_the_breaker_and_is_not_reset_by_itself() -> None:
    bench = grouped()
    bench.step(ev.GroupTriggered(group_id="g1"))
    assert bench.desk.breaker.tripped
    assert "1000 contracts in 15 s" in bench.desk.breaker.reason
    bench.effects.clear()
    bench.beat(times=50)
    assert acts(bench) == []
    bench.step(ResetBreaker(reason="looked into it"))
    bench.beat(times=2)
    assert acts(bench) == [GroupAct.RESET]


def test_somebody_elses_group_is_not_ours() -> None:
    bench = grouped()
    bench.step(ev.GroupTriggered(group_id="other"))
    assert not bench.desk.breaker.tripped


def test_an_exchange_without_groups_is_traded_on_without_and_that_is_said() -> None:
    bench = Bench(MarketMaker(), group_limit=1000).up()
    for _ in range(3):
        failed(bench, GroupAct.CREATE)
        bench.beat(seconds=1, times=7)
    assert orders(bench)
    assert {o.order_group_id for o in orders(bench)} == {None}
    assert any("without" in e.error for e in bench.desk.status.errors)


def test_a_clean_stop_leaves_no_group_behind() -> None:
    bench = grouped()
    for index, sent in enumerate(orders(bench)):
        bench.accept(sent, order=f"o{index}")
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.beat()
    bench.confirm_cancels()
    bench.beat(times=6)
    assert acts(bench)[-1] is GroupAct.DELETE
    assert not any(isinstance(e, Leave) for e in bench.effects)
    done(bench, GroupAct.DELETE)
    bench.beat()
    assert any(isinstance(e, Leave) for e in bench.effects)
