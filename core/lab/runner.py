"""One world from beginning to end: the plan played, every byte and record told to the auditor, and what came of it."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from core.assembly import Wiring
from core.config import Settings, risk_limits
from core.domain.commands import ResetBreaker, Resume, Stop, WatchMarket
from core.domain.enums import BookSide, ExitReason, Origin, PauseKind, TraderState
from core.domain.ids import Ticker
from core.journal.frames import decode_frames
from core.lab import people
from core.lab.audit.auditor import Auditor
from core.lab.audit.claims import Ending
from core.lab.audit.rules import Rules
from core.lab.company import Company
from core.lab.line import LOST, OPENED, RECEIVED, SENT, TappedLoop
from core.lab.named import NAMED
from core.lab.plan import Plan, Planned
from core.lab.stage import Stage, WorldJournal, WorldTrader, world_key
from core.lab.steps import Step, cancel_all, change, cross, rest
from core.lab.truth import Truth, claim_of
from core.sim.virtual_clock import Hang, VirtualClock, run_virtual
from core.trading.recall import Recall, recall
from core.trading.snapshot import ExitView

PATH = "/world/exchange"
NS = 1_000_000_000
LOOK_S = 1.0
PERSON_S = 5
RESET_AFTER_S, RESUME_AFTER_S = 12, 10
STOP_S = 120
WISHES_BEGIN_S, WISHES_END_S = 12, 20
MARKETS, QUOTED = 4, (1, 1, 1, 1, 1, 1, 1, 2)
FEWEST_CHANGES, FEWEST_ORDERS, FEWEST_KINDS, FEWEST_MARKETS, FEWEST_S = 2_000, 60, 3, 4, 300
Trace = Callable[[str], None]


@dataclass
class World:
    """What came of one world."""

    plan: Plan
    violations: dict[str, str] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    markets: int = 0
    book_changes: int = 0
    deltas: int = 0
    orders: int = 0
    fills: int = 0
    seconds: float = 0
    exit_code: int | None = None
    last_state: str = ""

    @property
    def kinds(self) -> int:
        """How many of its faults really struck."""
        return sum(1 for hits in self.hits.values() if hits)

    @property
    def counts(self) -> bool:
        """Whether it is large enough to count as a world."""
        sizes = ((self.markets, FEWEST_MARKETS), (self.book_changes, FEWEST_CHANGES), (self.orders, FEWEST_ORDERS),
                 (self.kinds, FEWEST_KINDS), (self.seconds, FEWEST_S))  # fmt: skip
        return all(value >= least for value, least in sizes)


def settings_for(plan: Plan) -> Settings:
    """The trader's settings in a world; the seed varies what an operator might."""
    chance = Random(f"settings:{plan.seed}")
    return Settings.model_validate(
        {
            "scenario": plan.scenario,
            "seed": plan.seed,
            "simulated_markets": MARKETS,
            "quote_markets": chance.choice(QUOTED),
            "sync_interval": chance.choice((20, 40, 60)),
            "order_lease": chance.choice((30, 60, 120, 120)),
            "order_group_limit": chance.choice((0, 1000, 1000)),
            "trading_max_orders": chance.choice((5, 10)),
            "trading_max_position_size": chance.choice((25, 100, 100)),
            "max_exposure": chance.choice((12, 1000, 1000, 1000)),
            "max_orders_per_second": chance.choice((3, 5, 10)),
        }
    )


def rules_for(settings: Settings) -> Rules:
    limits = risk_limits(settings)
    return Rules(
        order_size=int(limits.order_size),
        position=int(limits.position),
        open_orders=limits.open_orders,
        orders_a_second=limits.orders_per_second,
        exposure=int(limits.exposure),
        lease_s=settings.order_lease,
        compare_s=40 + 2 * settings.sync_interval,
        errors_most=settings.circuit_breaker_threshold,
        errors_s=settings.circuit_breaker_window,
    )


def play(plan: Plan, trace: Trace | None = None, *, person: bool = True) -> World:
    """Play a world. Never raises for what happens in it: a hang or an escaped error is a violation. Without a `person`
    nobody wishes anything but what faults do.
    """
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before is not looked through again at the end
    try:
        return _played(plan, trace, person=person)
    finally:
        gc.collect()
        gc.unfreeze()
        if enabled:
            gc.enable()


def _played(plan: Plan, trace: Trace | None, *, person: bool) -> World:
    world = World(plan)
    performance = _Performance(plan, world, trace, settings_for(plan), person=person)
    errors = _Errors()
    root = logging.getLogger()
    root.addHandler(errors)
    try:
        run_virtual(performance.live, loop_factory=TappedLoop)
    except Hang as hang:
        performance.auditor.say("I16", "hang", str(hang))
    except Exception as error:  # noqa: BLE001  whatever escapes is what this is looking for
        performance.auditor.broke(f"{type(error).__name__}: {error}")
    finally:
        root.removeHandler(errors)
    for text in errors.found:
        if "planted" not in text and "task loop_meter died" not in text:
            performance.auditor.broke(text)
    world.violations = performance.auditor.violations
    world.seen = performance.auditor.seen
    world.digest = performance.digest.hexdigest()
    return world


class _Errors(logging.Handler):
    """What the program logs as an error: in a world nothing should."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.name.startswith("exchange") or (record.name == "trader" and "internal" not in text):
            return  # the other side's troubles with what it was made to do, and what the trader tells of its day
        self.found.append(
            f"{record.name}: {record.getMessage()}" + (f": {record.exc_info[1]}" if record.exc_info else "")
        )


class _Performance:
    """One play of one plan."""

    def __init__(self, plan: Plan, world: World, trace: Trace | None, settings: Settings, *, person: bool) -> None:
        self._with_person = person
        self.plan = plan
        self.world = world
        self.settings = settings
        self.auditor = Auditor(rules_for(settings), 0)
        self.digest = hashlib.sha256()
        self._trace = trace
        self._truth: Truth | None = None
        self._company: Company | None = None
        self._marks: dict[Planned, tuple[int, int]] = {}
        self._probed_at: int | None = None

    # ---- the loop ----------------------------------------------------------------------------------------------------

    async def live(self, clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TappedLoop)
        self._loop, self._clock = loop, clock
        self._at()
        self.auditor.tick = self._at
        self.auditor.begun_ns = self._begun_ns = loop.now_ns
        loop.set_exception_handler(self._escaped)
        loop.tap = self._tap
        self._stage = stage = self._make_stage()
        running = asyncio.ensure_future(stage.trader.run())
        await self._play(running)
        if self._with_person and not running.done():
            name, step = people.trouble(self.plan.seed)
            self._note(f"stopped: {name}")
            step(stage)
        stage.trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
        for _ in range(STOP_S):
            await asyncio.wait([running], timeout=LOOK_S)
            self._at()
            if running.done():
                break
            self._look()
        if not running.done():
            self.auditor.say("I16", "stop", f"{STOP_S} s after the stop it has not left")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return
        self._ended(running.result())

    def _make_stage(self) -> Stage:
        seed = self.plan.seed
        wiring = Wiring(
            clock=self._clock, chance=Random(f"world:{seed}"), unix_path=PATH, key_pem=world_key(), on_disk=False
        )
        trader = WorldTrader(self.settings, wiring=wiring)
        trader.draw_pace(Random(f"pace:{seed}"))
        trader.exchange_clock = VirtualClock(self._loop)
        trader.on_exchange = self._attach
        stage = Stage(trader, self._loop, self._clock, self.auditor, seed)

        def make_journal(failed: Callable[[str], None]) -> WorldJournal:
            stage.journal = WorldJournal(self._loop, self.auditor, failed)
            return stage.journal

        trader.make_journal = make_journal
        return stage

    def _attach(self, server: Any) -> None:
        self._truth = Truth(server, self.auditor)

    async def _play(self, running: asyncio.Future[ExitView]) -> None:
        rows: list[tuple[float, int, Callable[[], None]]] = []
        for number, fault in enumerate(self.plan.faults):
            rows.append((fault.at_s, number, lambda fault=fault: self._begin(fault)))  # type: ignore[misc]
            rows.append((fault.end_s, number, lambda fault=fault: self._end(fault)))  # type: ignore[misc]
        rows += [(float(at), 1_000, self._look) for at in range(2, self.plan.seconds, 2)]
        rows += [(float(at), 1_001, self._person) for at in range(PERSON_S, self.plan.seconds, PERSON_S)]
        if self._with_person:
            rows += [(float(at), 1_005, self._join_in) for at in range(WISHES_BEGIN_S, self.plan.seconds, PERSON_S)]
        rows.append((8.0, 1_002, self._watch))
        rows += [(at, 1_004, lambda act=act: act(self._stage)) for at, act in self._wishes()]  # type: ignore[misc]
        rows.append((float(self.plan.seconds), 1_003, lambda: None))
        for at, _number, act in sorted(rows, key=lambda row: row[:2]):
            ahead = at - (self._loop.now_ns - self._begun_ns) / NS
            if ahead > 0:
                await asyncio.sleep(ahead)
            if running.done():
                break
            self._at()
            act()
        self.world.seconds = (self._loop.now_ns - self._begun_ns) / NS

    def _at(self) -> None:
        self.auditor.at(self._loop.now_ns, self._clock.wall_ns())

    # ---- what happens ------------------------------------------------------------------------------------------------

    def _begin(self, fault: Planned) -> None:
        kind = NAMED[fault.name]
        self._note(f"fault {fault} begins")
        self._marks[fault] = self._counted(kind.hit)
        self.auditor.faults.begin(fault.name, self._loop.now_ns, line=kind.line)
        for step in kind.begin:
            step(self._stage)

    def _end(self, fault: Planned) -> None:
        kind = NAMED[fault.name]
        if not kind.hit:
            self.world.hits[fault.name] += 1
        for step in kind.end:
            step(self._stage)
        self._note(f"fault {fault} ends")
        self.auditor.faults.end(fault.name, self._loop.now_ns)

    def _counted(self, hit: str) -> tuple[int, int]:
        kind, _, name = hit.partition(":")
        tables = {"fault": self._stage.server.faults.counts, "garble": self._stage.garble.counts}
        return tables.get(kind, self.auditor.seen)[name], 0

    def _count_hits(self) -> None:
        """What struck between a fault's beginning and the world's end; later faults of the same switch count theirs."""
        for fault, (before, _zero) in self._marks.items():
            hit = NAMED[fault.name].hit
            if hit:
                later = [m[0] for f, m in self._marks.items() if NAMED[f.name].hit == hit and f.at_s > fault.at_s]
                until = min(later) if later else self._counted(hit)[0]
                self.world.hits[fault.name] += max(0, until - before)

    def _look(self) -> None:
        claim = claim_of(self._stage.trader.snapshot)
        if self.auditor.told.wishes.get("kill task"):
            claim.internal = tuple(text for text in claim.internal if "loop_meter" not in text)
        self.auditor.claims.look(claim)
        self._note(f"state {claim.state} cash {claim.cash} open {len(claim.orders)} may {claim.permission}")

    def _person(self) -> None:
        """Somebody who looks every few seconds: a tripped breaker is reset after a while, a pause ended."""
        picture = self._stage.trader.snapshot
        breaker, state = picture.breaker, picture.state
        if self._with_person and breaker.tripped and breaker.tripped_at != self._probed_at:
            self._probed_at = breaker.tripped_at
            people.past_flat(self._stage)
        if breaker.tripped and breaker.tripped_at and picture.taken_at - breaker.tripped_at > RESET_AFTER_S * NS:
            self._stage.submit(ResetBreaker(reason="looked at it", command_id=self._stage.number()))
        paused = state.state is TraderState.PAUSED and state.pause is PauseKind.OPERATOR
        if paused and picture.taken_ns - state.entered_ns > RESUME_AFTER_S * NS:
            self._stage.submit(Resume(command_id=self._stage.number()))

    def _join_in(self) -> None:
        """Where markets or trader are too quiet for a world that counts, they are joined."""
        assert self._truth is not None
        company = self._company = self._company or Company(self._stage, self._truth, self.plan.seconds)
        company.look((self._loop.now_ns - self._begun_ns) / NS)

    def _wishes(self) -> list[tuple[float, Step]]:
        """What a person does in this world besides, by its seed: in every world the ways of an operator are walked."""
        chance = Random(f"person:{self.plan.seed}")
        last = self.plan.seconds - WISHES_END_S
        found: list[tuple[float, Step]] = []
        if not self._with_person:
            return found
        for wish in (cancel_all, change, rest, cross(BookSide.BID), cross(BookSide.ASK), cancel_all) * 3:
            if last > WISHES_BEGIN_S:
                found.append((round(chance.uniform(WISHES_BEGIN_S, last), 1), wish))
        return found + people.wishes(self.plan.seed, WISHES_BEGIN_S, last)

    def _watch(self) -> None:
        """Somebody looks at the other markets too."""
        for ticker in self._stage.server.venue.markets:
            self._stage.submit(WatchMarket(ticker=Ticker(ticker), command_id=self._stage.number()))

    # ---- what is told ------------------------------------------------------------------------------------------------

    def _tap(self, kind: str, number: int, data: bytes) -> None:
        self._at()
        auditor = self.auditor
        if kind == SENT:
            auditor.sent(number, data)
        elif kind == RECEIVED:
            auditor.received(number, data)
        elif kind == OPENED:
            auditor.opened(number)
        elif kind == LOST:
            auditor.lost(number)
        # Signatures and masks may be of the system's chance; sizes and times are the seed's.
        self.digest.update(b"%d %s %d %d\n" % (self._loop.now_ns, kind.encode(), number, len(data)))
        if self._trace is not None:
            first = data[:70].partition(b"\r\n")[0].decode("latin-1")
            shown = "".join(letter if letter.isascii() and letter.isprintable() else "." for letter in first)
            self._note(f"{kind} {number} {len(data)} {shown}", digest=False)

    def _note(self, text: str, *, digest: bool = True) -> None:
        line = f"{(self._loop.now_ns - self._begun_ns) / NS:10.4f} {text}"
        if digest:
            self.digest.update(line.encode())
        if self._trace is not None:
            self._trace(line)

    def _escaped(self, _loop: Any, context: dict[str, Any]) -> None:
        self.auditor.broke(f"{context.get('message')}: {context.get('exception')!r}")

    # ---- the end -----------------------------------------------------------------------------------------------------

    def _ended(self, exit_view: ExitView) -> None:
        world, stage, auditor = self.world, self._stage, self.auditor
        self._count_hits()
        server, engine = stage.server, stage.trader.engine
        assert engine is not None
        positions = {str(p.ticker): int(p.count) for p in engine.desk.positions.all() if p.count}
        ending = Ending(
            code=exit_view.code,
            resting=exit_view.resting_after_stop,
            cash=int(engine.desk.positions.cash),
            positions=positions,
            conservation=_conservation(server),
            replayed=(_replayed(bytes(stage.journal.data)), _replayed(bytes(stage.journal.data))),
            exchange_cash=int(server.account.cash),
        )
        auditor.claims.end(ending)
        assert self._truth is not None
        self.digest.update(bytes(stage.journal.data))
        self.digest.update(f"{ending}".encode())
        world.markets = len(auditor.streams.books)
        world.book_changes = self._truth.book_changes
        world.deltas = auditor.streams.deltas
        world.orders = auditor.seen["orders"]
        world.fills = sum(auditor.ledger.fills.values())
        world.exit_code = exit_view.code
        world.last_state = auditor.decisions.state


def _conservation(server: Any) -> str:
    try:
        server.check_conservation()
    except AssertionError as error:
        return str(error)
    return ""


def _replayed(data: bytes) -> str:
    """The state a journal leads to, as a digest."""
    prefix = decode_frames(data, 1)
    if prefix.length != len(data):
        return ""
    found: Recall = recall(prefix.records)
    shown = (sorted(found.known_ids), sorted(found.unresolved), sorted(found.filled.items()),
             sorted((t, p.count, p.cost, p.realized, p.fees) for t, p in found.positions.items()))  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()
