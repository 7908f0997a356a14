"""What a simulated exchange is started with, and the rate limit tiers it can play.

The address must be loopback: an exchange without real money has no business on a network.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from core.domain.amounts import Money, dollars
from core.sim.scenarios import scenario_of

MOST_MARKETS, MOST_ALIVE = 10_000, 2_000
FASTEST = 100_000
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


@dataclass(frozen=True, slots=True)
class Tier:
    """Tokens per second and how many a bucket holds."""

    read_rate: int
    read_capacity: int
    write_rate: int
    write_capacity: int
    balance_rate: int


# Capacity is two seconds of budget for Write above Basic and for Read on Basic and Advanced, one second otherwise.
TIERS: dict[str, Tier] = {
    "basic": Tier(200, 400, 100, 100, 1),
    "advanced": Tier(300, 600, 300, 600, 1),
    "expert": Tier(600, 600, 600, 1_200, 5),
    "premier": Tier(1_000, 1_000, 1_000, 2_000, 5),
    "paragon": Tier(2_000, 2_000, 2_000, 4_000, 5),
    "prime": Tier(4_000, 4_000, 4_000, 8_000, 5),
    "prestige": Tier(10_000, 10_000, 8_000, 16_000, 5),
}


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    bare = host.strip("[]").lower()
    if bare in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class ExchangeSettings:
    """ValueError, with one line to show, where the exchange could not be honest.

    `tier` None means no rate limit, `scenario` is a name or a TOML file, `speed` is how fast its time runs (0: only by
    steps), `alive` how many markets are traded (None: all), `control` opens the control port, `maintenance` keeps the
    Thursday window where the scenario does not already.
    """

    seed: int = 7
    markets: int = 12
    host: str = "127.0.0.1"
    port: int = 0
    initial_balance: Money = dollars(1000)
    tier: str | None = None
    scenario: str = "calm"
    speed: float = 1
    alive: int | None = None
    control: bool = False
    maintenance: bool = False

    def __post_init__(self) -> None:
        if not is_loopback(self.host):
            raise ValueError(f"the simulated exchange listens on this machine only, not on {self.host!r}")
        if not 1 <= self.markets <= MOST_MARKETS:
            raise ValueError(f"the simulated exchange lists 1 to {MOST_MARKETS} markets, not {self.markets}")
        if self.alive is not None and not 0 <= self.alive <= MOST_ALIVE:
            raise ValueError(f"the simulated exchange trades 0 to {MOST_ALIVE} markets, not {self.alive}")
        if not 0 <= self.speed <= FASTEST:
            raise ValueError(f"the speed is between 0 and {FASTEST}, not {self.speed}")
        scenario_of(self.scenario)
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"a port is a number from 0 to 65535, not {self.port}")
        if self.initial_balance < 0:
            raise ValueError("the initial balance cannot be negative")
        if self.tier is not None and self.tier not in TIERS:
            raise ValueError(f"unknown rate limit tier {self.tier!r}; one of {', '.join(TIERS)} or off")
