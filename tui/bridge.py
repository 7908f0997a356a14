"""All that the console needs of the trader: a picture to draw, a place for wishes, and a knock when to look at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder
from core.domain.ids import Ticker
from core.domain.market import MarketListing
from core.trading.inquiry import Explanation, OrderPreview, Piece, StrategyReport
from core.trading.snapshot import TraderSnapshot


@dataclass(frozen=True, slots=True)
class LabDoor:
    """Where the simulated exchange takes commands, on this machine, and the word that is asked for."""

    host: str
    port: int
    token: str = field(repr=False)


class TraderBridge(Protocol):
    """Implemented by the assembly; the console calls it from the loop that both live in."""

    def snapshot(self) -> TraderSnapshot:
        """The current picture; cheap, never blocks."""

    def submit(self, command: Command) -> None:
        """Put a wish into the inbox; never blocks, never raises for what the trader thinks of it."""

    def next_command_id(self) -> int:
        """A new id, larger than all before it."""

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        """The status as it is pasted into reports: `panel`, `whole` (every row) or the short `summary`."""

    def state_folder(self) -> Path:
        """Where copies of the status are kept."""

    def preview_order(self, wish: PlaceOrder | AmendOrder | CancelOrder) -> OrderPreview | None:
        """What such an order, change or cancel would do now; None before the trader is assembled. Sends nothing."""

    def explain_market(self, ticker: Ticker) -> Explanation | None:
        """Why a market is or is not traded now; None before the trader is assembled."""

    def strategy_report(self) -> StrategyReport | None:
        """The strategy at this moment, asked for only while it is shown; None before the trader is assembled."""

    def check_parameter(self, name: str, value: str) -> str:
        """Why the strategy would not take this value for a parameter; "" when it would."""

    async def bug_bundle(self) -> tuple[Piece, ...]:
        """What a bug report needs, without secrets; nothing is written."""

    async def write_bundle(self, pieces: tuple[Piece, ...]) -> Path:
        """Write them into one new owner-only file; OSError when that is not possible."""

    def market_listing(self) -> MarketListing:
        """Every market of the exchange as last listed; asked for only while it is shown."""

    def fault_lab(self) -> LabDoor | str:
        """The way to the simulated exchange's switches, or in words why there is none."""

    async def wait_wake(self) -> None:
        """Return when an alarm or the result of an action has arrived."""
