"""Settings: built-in defaults < TOML file < environment < flags, checked by pydantic, each value with its origin.

Unknown keys and bad values are refused by name with file and line. Nothing in a file or the environment can stand for
the two consents of live mode. Secrets are never in here: only the path of the key file is.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_config_path, user_state_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from core.domain.amounts import COUNT_SCALE, MONEY_SCALE, PRICE_SCALE, Count, Money, Price
from core.domain.enums import Mode
from core.domain.errors import BadInput
from core.trading.risk import RiskLimits

APP = "kalshi-trader"
ENV_PREFIX = "KALSHI_TRADER_"
ENV_CONFIG = f"{ENV_PREFIX}CONFIG"
FILE_LIMIT = 1 << 20
NS = 1_000_000_000

Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=4)]
Contracts = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=2)]


class Settings(BaseModel):
    """Every setting, its default and its bounds. `description` is what `config show` and the README print."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mode: Mode = Field(Mode.PAPER, description="paper, demo or live")
    key_id: str = Field("", max_length=100, description="API key id (demo, live)")
    private_key_path: Path | None = Field(None, description="private key file, mode 0600 (demo, live)")
    state_dir: Path = Field(default_factory=lambda: user_state_path(APP), description="where journal and status lie")
    enable_trading_client: bool | None = Field(None, description="false: watch only; default false in live")
    trading_max_orders: int = Field(10, ge=1, le=1000, description="own open orders at most")
    trading_max_order_size: Contracts = Field(Decimal(100), description="contracts an order at most")
    trading_max_position_size: Contracts = Field(Decimal(100), description="worst-case contracts a market at most")
    max_exposure: Dollars = Field(Decimal(1000), description="loss at worst, in dollars, at most")
    max_orders_per_second: int = Field(5, ge=1, le=100, description="new orders a second at most")
    trading_max_event_position: Contracts = Field(Decimal(300), description="worst-case contracts an event at most")
    price_band_low: Dollars = Field(Decimal("0.02"), lt=1, description="no new risk below this price")
    price_band_high: Dollars = Field(Decimal("0.98"), lt=1, description="no new risk above this price")
    daily_loss_limit: Dollars = Field(Decimal(100), description="loss of a UTC day that trips the breaker; 0: none")
    drawdown_limit: Dollars = Field(Decimal(200), description="fall from the highest that trips the breaker; 0: none")
    circuit_breaker_threshold: int = Field(5, ge=1, le=1000, description="errors that trip the breaker")
    circuit_breaker_window: int = Field(60, ge=1, le=86_400, description="seconds in which they are counted")
    circuit_breaker_threshold_long: int = Field(
        15, ge=1, le=10_000, description="errors that trip it over a longer time"
    )
    circuit_breaker_window_long: int = Field(600, ge=1, le=604_800, description="seconds of that longer time")
    minimum_cash_threshold: Dollars = Field(Decimal(100), description="low cash below this, in dollars")
    strategy: str = Field(
        "maker", min_length=1, max_length=500, description="by name (`strategy list`), module:Class or a model file"
    )
    strategy_parameters: dict[str, Decimal] = Field({}, description="its parameters, a table; `strategy list` has them")
    quote_markets: int = Field(4, ge=1, le=100, description="how many of the most active markets are quoted")
    quote_size: Contracts = Field(Decimal(5), description="contracts a quote")
    quote_inventory: Contracts = Field(Decimal(40), description="position at which a side is no longer quoted")
    quote_skew_step: Contracts = Field(Decimal(10), description="contracts held per tick of skew")
    order_group_limit: int = Field(1000, ge=0, le=1_000_000, description="contracts in 15 s that end all; 0: no group")
    sync_interval: int = Field(60, ge=5, le=3600, description="seconds between comparisons with the exchange")
    order_lease: int = Field(120, ge=10, le=3600, description="seconds after which an order ends by itself")
    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="seed of the simulated exchange (paper)")
    simulated_markets: int = Field(12, ge=1, le=2000, description="markets of the simulated exchange (paper)")
    health_check_interval: int = Field(30, ge=1, le=3600, description="seconds between checks of every service")
    status_interval: int = Field(30, ge=1, le=3600, description="seconds between rows of the status history")
    broadcast: bool = Field(True, description="tell other programs of this machine what happens (read-only)")
    scenario: str = Field("calm", max_length=500, description="scenario of the simulated exchange, or a file (paper)")
    initial_cash_balance: Dollars = Field(Decimal(1000), description="dollars a paper account starts with")
    ascii: bool = Field(False, description="plain ASCII symbols")
    theme: str = Field("", max_length=40, description="colour theme; empty: kalshi-dark, kalshi-16 on 16 colours")
    mouse: bool = Field(True, description="false: leave the mouse to the terminal")
    on_ui_crash: Literal["stop", "headless"] = Field("stop", description="what the trader does when its screen crashes")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """`true` is 1 to Python; in a configuration it is a slip."""
        switches = {"enable_trading_client", "ascii", "mouse", "broadcast"}
        if isinstance(value, bool) and info.field_name not in switches:
            raise ValueError("Input should not be true or false")
        return value

    @field_validator("mode", mode="before")
    @classmethod
    def _a_mode_to_run_in(cls, value: object) -> object:
        known = (Mode.PAPER, Mode.DEMO, Mode.LIVE)
        if value not in known:
            raise ValueError(f"Input should be one of {', '.join(known)}")
        return value

    @field_validator("state_dir", mode="before")
    @classmethod
    def _a_folder_has_a_name(cls, value: object) -> object:
        if value == "":
            raise ValueError("Input should name a folder")
        return value

    @model_validator(mode="after")
    def _values_fit_together(self) -> Self:
        if self.price_band_low >= self.price_band_high:
            raise ValueError("price_band_low must be below price_band_high")
        if self.quote_size > self.trading_max_order_size:
            raise ValueError("quote_size must not exceed trading_max_order_size")
        return self

    @property
    def client_enabled(self) -> bool:
        return self.mode is not Mode.LIVE if self.enable_trading_client is None else self.enable_trading_client


def to_money(value: Decimal) -> Money:
    """Exact Money of a checked decimal."""
    return Money(int(value * MONEY_SCALE))


def to_price(value: Decimal) -> Price:
    """Exact Price of a checked decimal."""
    return Price(int(value * PRICE_SCALE))


def to_count(value: Decimal) -> Count:
    """Exact Count of a checked decimal."""
    return Count(int(value * COUNT_SCALE))


def risk_limits(s: Settings) -> RiskLimits:
    """The limits the risk room works with."""
    return RiskLimits(
        order_size=to_count(s.trading_max_order_size),
        position=to_count(s.trading_max_position_size),
        event_position=to_count(s.trading_max_event_position),
        open_orders=s.trading_max_orders,
        exposure=to_money(s.max_exposure),
        lowest_price=to_price(s.price_band_low),
        highest_price=to_price(s.price_band_high),
        orders_per_second=s.max_orders_per_second,
        daily_loss=to_money(s.daily_loss_limit),
        drawdown=to_money(s.drawdown_limit),
        breaker_windows=(
            (s.circuit_breaker_threshold, s.circuit_breaker_window * NS),
            (s.circuit_breaker_threshold_long, s.circuit_breaker_window_long * NS),
        ),
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """Effective settings, the file they came from, and where each value came from."""

    settings: Settings
    file: Path
    origins: dict[str, str]


def config_path(environment: Mapping[str, str], flag: Path | None = None) -> Path:
    """The configuration file: flag, else environment, else the user's configuration folder."""
    named = environment.get(ENV_CONFIG, "")
    return flag or (Path(named) if named else user_config_path(APP) / "config.toml")


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Loaded:
    """Layer and check. BadInput names the thing, where it stands, and the mend. A flag of None was not given."""
    path = config_path(environment, file)
    explicit = file is not None or bool(environment.get(ENV_CONFIG))
    text = _read(path, explicit)
    from_file = _parse(path, text)
    values: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    for name, value in from_file.items():
        if name not in Settings.model_fields:
            raise BadInput(f"{_at(path, text, name)}: unknown setting '{name}'{_nearest(name)}")
        values[name], origins[name] = value, _at(path, text, name)
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX) or variable == ENV_CONFIG:
            continue
        name = variable[len(ENV_PREFIX) :].lower()
        if name not in Settings.model_fields:
            raise BadInput(f"environment {variable}: unknown setting{_nearest(name)}; unset it")
        values[name], origins[name] = value, f"environment {variable}"
    for name, value in flags.items():
        if value is not None:
            values[name], origins[name] = value, f"flag --{name.replace('_', '-')}"
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        if name == "settings":
            raise BadInput(f"{path}: {str(first['msg']).removeprefix('Value error, ')}") from None
        raise BadInput(f"{origins.get(name, 'settings')}: {name}: {_reason(first)}") from None
    return Loaded(settings, path, origins)


def _reason(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    shown = repr(error.get("input"))
    return f"{message}, not {shown if len(shown) <= 60 else shown[:60] + '…'}"


def _read(path: Path, explicit: bool) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            raise BadInput(f"{path}: larger than {FILE_LIMIT} bytes; that is no configuration file")
        return data.decode()
    except FileNotFoundError:
        if explicit:
            raise BadInput(f"{path}: no such configuration file; create it or leave out --config") from None
        return ""
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); mend its permissions or name another") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not TOML: {error}") from None
    except (RecursionError, ValueError, ArithmeticError):
        raise BadInput(f"{path}: not a configuration this program can read") from None


def _at(path: Path, text: str, name: str) -> str:
    """`file:line` of a top-level key or table."""
    pattern = re.compile(rf'^\s*\[*\s*["\']?{re.escape(name)}["\']?\s*[\]=.]')
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)


def _nearest(name: str) -> str:

    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean '{close[0]}'?" if close else "; `kalshi-trader config show` lists them"
