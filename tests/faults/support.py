"""Helpers: a played story with a small market, proofs that a fault struck, and a hand in what the exchange sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
import pytest

from core.config import Settings
from core.domain.amounts import Price, contracts
from core.domain.commands import PlaceOrder
from core.domain.enums import BookSide, TraderState
from core.domain.ids import Ticker
from core.lab.story import Action, Played, Scene, play
from core.sim.auth import generate_private_key
from core.sim.connection import Connection
from core.sim.rest import RestReply
from core.sim.server import ExchangeServer
from core.sim.stale import fill_before_cancel
from core.sim.unruly import Parcel, Unruly

ORDERS = "/portfolio/events/orders"
ONE_ORDER = f"{ORDERS}/"
TRADING = (TraderState.READY, TraderState.ACTING)
Json = dict[str, Any]


@cache
def key() -> bytes:
    return generate_private_key()


class Proof:
    """How often each row's fault really struck."""

    def __init__(self, rows: tuple[str, ...]) -> None:
        self._rows = rows
        self._struck: Counter[str] = Counter()

    def __call__(self, times: int, row: str = "") -> None:
        """The fault of `row` (or of the only one) struck so often."""
        for one in (row,) if row else self._rows:
            self._struck[one] += times

    @property
    def missing(self) -> list[str]:
        return [row for row in self._rows if self._struck[row] <= 0]


# ---- stories -----------------------------------------------------------------------------------------------------


def story(*script: tuple[float, Action], seconds: float = 30, prepare: Action | None = None, **changes: Any) -> Played:
    """A trader that quotes one of two markets and compares often, with what happens when."""
    values = {"simulated_markets": 2, "quote_markets": 1, "sync_interval": 15, **changes}
    return play(Settings(**values), list(script), seconds=seconds, key_pem=key(), prepare=prepare)


def arm(fault: str, **params: Any) -> Action:
    return lambda scene: scene.arm(fault, **params)


def calm(scene: Scene) -> None:
    """All faults off."""
    scene.server.faults.disarm()


def both(*actions: Action) -> Action:
    def act(scene: Scene) -> None:
        for action in actions:
            action(scene)

    return act


def struck(played: Played, fault: str) -> int:
    return played.scene.server.faults.counts[fault]


def sound(played: Played, *, trading: bool = True, tripped: bool = False) -> None:
    """All that must be true however bad the day was; `trading`: it trades at the end as if nothing had been."""
    assert not played.violations
    assert (played.exit.code, played.exit.resting_after_stop) == (0, 0), played.exit
    assert not played.scene.oracle.own_resting()
    assert played.picture.breaker.tripped is tripped, played.picture.breaker.reason
    assert played.picture.counters.in_doubt == 0
    if trading:
        assert played.picture.state.state in TRADING, played.picture.state
        assert placed_after(played, played.picture.taken_at - 8_000_000_000), "it does not trade any more"


def placed_after(played: Played, at: int) -> int:
    return sum(1 for intent in played.scene.oracle.intents.values() if intent.at >= at)


def errors(played: Played) -> str:
    """Everything the trader complained of, a line each."""
    found = played.scene.desk.status.errors
    return "\n".join(f"{error.severity}: {error.error} ({error.context})" for error in found)


def reasons(played: Played) -> list[str]:
    return [step.reason for step in played.scene.desk.machine.history]


def quoted(scene: Scene) -> Ticker:
    return scene.desk.markets.watched[0]


def wish(side: BookSide = BookSide.BID, price: int = 1_000, count: int = 3, **more: Any) -> Action:
    """The operator's order in the quoted market."""

    def act(scene: Scene) -> None:
        scene.trader.submit(
            PlaceOrder(
                ticker=quoted(scene), side=side, price=Price(price), count=contracts(count), command_id=900, **more
            )
        )

    return act


def hit(scene: Scene) -> None:
    """Somebody takes every resting order of ours."""
    server = scene.server
    for order in scene.oracle.own_resting():
        fill_before_cancel(server.venue, server._racer, server.account, order.order_id, 100, server.venue.now_ns)
    server._publish()


# ---- a hand in what is sent --------------------------------------------------------------------------------------

Change = Callable[[Json], Any]


class Tamper:
    """Changes frames and replies of the exchange while it is told to, and counts each change."""

    def __init__(self) -> None:
        self.count = 0
        self._frames: dict[str, tuple[Change, int]] = {}
        self._replies: dict[tuple[str, str], tuple[Change, int]] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pass_on, answer = Unruly.pass_on, ExchangeServer._answer

        def changed_frames(unruly: Unruly, channel: str, frame: bytes, now_ns: int) -> Iterator[Parcel]:
            for parcel in pass_on(unruly, channel, frame, now_ns):
                yield from self._frame(parcel)

        def changed_answer(server: ExchangeServer, request: Any, wanted: Any) -> RestReply:
            return self._reply(wanted, answer(server, request, wanted))

        monkeypatch.setattr(Unruly, "pass_on", changed_frames)
        monkeypatch.setattr(Unruly, "calm", False)  # every frame is looked at
        monkeypatch.setattr(ExchangeServer, "_answer", changed_answer)

    def frames(self, kind: str, change: Change, times: int = 1) -> Action:
        """From now on: the next `times` frames of a type become what `change` makes: a dict, bytes, a list, None."""

        def act(_scene: Scene) -> None:
            self._frames[kind] = (change, times)

        return act

    def replies(self, method: str, path: str, change: Change, times: int = 1) -> Action:
        """From now on: bodies of the next `times` replies; `change` may also give a whole RestReply."""

        def act(_scene: Scene) -> None:
            self._replies[method, path] = (change, times)

        return act

    def _frame(self, parcel: Parcel) -> Iterator[Parcel]:
        kind = _kind(parcel.data)
        change, left = self._frames.get(kind, (None, 0))
        if change is None or not left:
            yield parcel
            return
        self._frames[kind] = (change, left - 1)
        self.count += 1
        made = change(msgspec.json.decode(parcel.data))
        for one in made if isinstance(made, list) else [made]:
            if one is not None:
                yield Parcel(one if isinstance(one, bytes) else msgspec.json.encode(one))

    def _reply(self, wanted: Any, reply: RestReply) -> RestReply:
        path = wanted.raw_target.partition("?")[0].removeprefix("/trade-api/v2")
        for (method, begins), (change, left) in self._replies.items():
            if left and method == wanted.method and path.startswith(begins):
                self._replies[method, begins] = (change, left - 1)
                self.count += 1
                made = change(msgspec.json.decode(reply.body) if reply.body else {})
                return made if isinstance(made, RestReply) else RestReply(reply.status, msgspec.json.encode(made))
        return reply


def _kind(frame: bytes) -> str:
    head = frame[:40]
    return head.split(b'"')[3].decode("ascii", "replace") if head.startswith(b'{"type"') else ""


def inject(scene: Scene, *frames: bytes | Json) -> None:
    """Frames the exchange never made, on every open stream."""
    connections: list[Connection] = list(scene.server._connections)
    for connection in connections:
        for frame in frames:
            connection._enqueue("", frame if isinstance(frame, bytes) else msgspec.json.encode(frame))
