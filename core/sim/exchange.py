"""The exchange without its sockets: venue, keys, participants, scenario, faults, and a synchronous door for requests.

Everything the exchange decides is decided in the synchronous venue. Whoever has sockets hands requests in here, lets
the participants trade in slices of at most 2 ms, and carries facts to its connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Protocol

from core.domain.amounts import Money
from core.ports import Clock
from core.sim.accounts import Account
from core.sim.audit import Conservation
from core.sim.auth import KeyRing, generate_private_key, public_key_of
from core.sim.catalog import build_catalog
from core.sim.connection import Connection
from core.sim.director import Director
from core.sim.events import TickerMoved
from core.sim.facts import Fact
from core.sim.faults import Faults
from core.sim.fees import DIRECT_PRECISION
from core.sim.flow import HOUSE_CASH, Flow
from core.sim.furnish import furnish
from core.sim.matching import take_off
from core.sim.pace import Pace
from core.sim.rest import RestApi, RestReply, RestRequest
from core.sim.routes import PREFIX
from core.sim.scenarios import Happening, scenario_of
from core.sim.settings import MOST_ALIVE, ExchangeSettings
from core.sim.stale import PastViews, fill_before_cancel
from core.sim.stream_limits import MOST_CONNECTIONS, StreamLimits
from core.sim.text import NS, NS_PER_MS, uuid_text
from core.sim.venue import Venue

SLICE_NS = 2 * NS_PER_MS
ASLEEP_NS = 2 * NS  # later than this, the machine was away and the missed time is not traded
LIVED_NS = 20 * NS
LIVED_MARKETS = 48  # more markets have lived for less, so that starting stays quick


class Asked(Protocol):
    """What the door needs to know of a request besides its words."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class Exchange:
    """One exchange. `venue` is its truth, `faults` its switchboard."""

    def __init__(self, settings: ExchangeSettings, clock: Clock, *, private_key_pem: bytes | None = None) -> None:
        self.settings = settings
        self._clock = clock
        start_ns = clock.wall_ns()
        self.scenario = scenario_of(settings.scenario)
        listed = max(settings.markets, self.scenario.markets)
        alive = min(listed, MOST_ALIVE) if settings.alive is None else settings.alive
        catalog = build_catalog(settings.seed, listed, start_ns, alive)
        self.venue = Venue(catalog.series, catalog.events, seed=settings.seed)
        self.faults = Faults(settings.seed)
        self.pace = Pace(clock, settings.speed)
        # A fresh exchange has a fresh identity, though on a clock that repeats it repeats.
        chance = Random(f"identity:{settings.seed}:{start_ns}")
        self.exchange_id, self.key_id = uuid_text(chance), uuid_text(chance)
        self.private_key_pem = generate_private_key() if private_key_pem is None else private_key_pem
        self._keys = KeyRing()
        # The markets have lived a little before anybody looks, so that there are prints and levels to see.
        self._lived_ns = LIVED_NS * LIVED_MARKETS // max(LIVED_MARKETS, alive)
        flow_ns = start_ns - self._lived_ns
        self._flow = Flow(self.venue, seed=settings.seed, start_ns=flow_ns, style=self.scenario.style)
        self._racer = self.venue.open_account(HOUSE_CASH, house=True)
        self.account = self.add_account(self.key_id, self.private_key_pem, settings.initial_balance)
        if self.scenario.account is not None:
            furnish(self.venue, self.account, self.scenario.account, settings.seed, flow_ns)
        self._director = Director(
            self.scenario,
            venue=self.venue,
            flow=self._flow,
            faults=self.faults,
            catalog=catalog,
            account=self.account,
            seed=settings.seed,
            start_ns=start_ns,
        )
        self._director.on_wipe = self.wipe
        if settings.maintenance and not self.scenario.maintenance:
            self.venue.life.keep_maintenance(start_ns)
        self._rest = RestApi(self.venue, tier=settings.tier)
        self._past = PastViews()
        self.limits = StreamLimits(
            markets=self.scenario.stream_markets,
            commands=self.scenario.stream_commands,
            connections=None if settings.tier is None else MOST_CONNECTIONS,
        )
        self.venue.late_cancel = self._late_cancel

    def add_account(
        self,
        key_id: str,
        private_key_pem: bytes,
        deposit: Money,
        *,
        scopes: Iterable[str] = ("read", "write"),
        precision: int = DIRECT_PRECISION,
    ) -> Account:
        """Another member with a key of its own; the key may do what its scopes say."""
        account = self.venue.open_account(deposit, precision=precision)
        self.add_key(key_id, private_key_pem, account, scopes=scopes)
        return account

    def add_key(
        self, key_id: str, private_key_pem: bytes, account: Account, *, scopes: Iterable[str] = ("read", "write")
    ) -> None:
        """One more key to an account."""
        self._keys.add(key_id, public_key_of(private_key_pem), account, frozenset(scopes))

    def check_conservation(self) -> Conservation:
        """Prove that no money was made or lost."""
        return self.venue.check_conservation()

    def play(self, happening: Happening) -> None:
        """Let something of a scenario happen now."""
        self._trade_slice()
        self._director.play(happening)
        self._publish()

    def wipe(self) -> None:
        """The environment is reset: the first account is as on its first day, and every stream ends.

        What it held stays with a member whose key nobody has, so that all money can still be proved.
        """
        old, venue = self.account, self.venue
        batch = venue.begin()
        for order in old.all_resting():
            take_off(order, "Decrease", batch)
        venue.publish(batch)
        old.groups.clear()
        fresh = venue.open_account(self.settings.initial_balance, precision=old.precision)
        fresh.user_id, old.user_id = old.user_id, fresh.user_id
        venue.accounts[fresh.user_id], venue.accounts[old.user_id] = fresh, old
        self._keys.hand_over(old, fresh)
        self.account = self._director.account = fresh
        self._past.forget()
        self.faults.arm("stream_reset")

    def _late_cancel(self, since_ns: int) -> int:
        """How soon an order placed so long after a cancel-all is caught by it; 0: not at all."""
        reach = self.faults.on("cancel_all_reaches")
        if reach is None or since_ns > reach["seconds"] * NS or not self.faults.strike("cancel_all_reaches"):
            return 0
        return max(1, int(reach["delay_ms"])) * NS_PER_MS

    def catch_up(self) -> None:
        """Do at once everything that is due by the exchange's clock."""
        while not self._trade_slice():
            pass

    # participants and facts

    def _lines(self) -> Iterable[Connection]:
        """The connections that are told what happens."""
        return ()

    def _trade_slice(self) -> bool:
        """At most 2 ms of the participants' work; whether they are up to date."""
        now_ns = self.pace.now_ns()
        if self._flow.behind_ns(now_ns) > ASLEEP_NS * max(1, round(self.pace.speed)):
            self._flow.skip(self._flow.behind_ns(now_ns))
        return self._trade_until(now_ns)

    def _trade_until(self, now_ns: int) -> bool:
        begun = self._clock.monotonic_ns()
        done = self._flow.advance(now_ns, lambda: self._clock.monotonic_ns() - begun < SLICE_NS)
        self.venue.advance(now_ns)
        self._publish()
        return done

    def _publish(self) -> None:
        """Carry what happened to every connection, before anything else can happen."""
        events = self.venue.take_events()
        lines = self._lines()
        if not lines:
            return
        now_ns = self._wall_ns()
        # A summary shows its market as it is now: of several of one market the last says all.
        last = {event.market.ticker: event for event in events if type(event) is TickerMoved}
        for event in events:
            if type(event) is TickerMoved and last[event.market.ticker] is not event:
                continue
            fact = Fact(event)
            for connection in lines:
                connection.session.on_fact(fact, now_ns)

    def _wall_ns(self) -> int:
        """The exchange's own clock, which a fault may have set wrong."""
        skew = self.faults.on("clock_skew")
        return self._clock.wall_ns() + (skew["skew_ms"] * NS_PER_MS if skew else 0)

    # requests

    def _answer(self, request: Asked, wanted: RestRequest) -> RestReply:
        self._trade_slice()
        now_ns = max(self.pace.now_ns(), self.venue.now_ns)
        reply = self._rest.handle(
            wanted,
            lambda: self._authenticate(request, wanted),
            now_ns,
            self._clock.monotonic_ns(),
        )
        self._publish()
        return reply

    def _authenticate(self, request: Asked, wanted: RestRequest) -> Account:
        path, _, _ = wanted.raw_target.partition("?")
        account = self._keys.check(request.headers, wanted.method, path, self._wall_ns())
        stale = self.faults.on("stale_reads")
        below = path.removeprefix(PREFIX)
        if stale and wanted.method == "GET" and self.faults.strike("stale_reads", path=below):
            return self._past.view(account, self._clock.monotonic_ns(), stale["lag_ms"] * NS_PER_MS)
        race = self.faults.on("cancel_raced")
        order_id = below.removeprefix("/portfolio/events/orders/")
        if race and wanted.method == "DELETE" and "/" not in order_id and self.faults.strike("cancel_raced"):
            fill_before_cancel(self.venue, self._racer, account, order_id, race["part"], self.venue.now_ns)
        return account
