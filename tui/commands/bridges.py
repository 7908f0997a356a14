"""What the console sees where no trader is behind the picture: nothing can be asked, and nothing is done."""

from __future__ import annotations

from errno import EROFS
from pathlib import Path

from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.ids import Ticker
from core.domain.market import MarketListing
from core.trading.inquiry import Explanation, OrderPreview, Piece, StrategyReport
from core.trading.panel import status_text
from core.trading.snapshot import TraderSnapshot
from tui.bridge import LabDoor


class SilentBridge:
    """The answers of a `TraderBridge` without a trader; `why` says in words why there are none."""

    why = "there is no trader here"

    def snapshot(self) -> TraderSnapshot:
        raise NotImplementedError

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        taken = self.snapshot()
        return status_text(taken, taken.taken_at, form, ascii_only=ascii_only)

    def preview_order(self, wish: PlaceOrder | AmendOrder | CancelOrder) -> OrderPreview | None:
        return None

    def explain_market(self, ticker: Ticker) -> Explanation | None:
        return None

    def strategy_report(self) -> StrategyReport | None:
        return None

    def check_parameter(self, name: str, value: str) -> str:
        return self.why

    async def bug_bundle(self) -> tuple[Piece, ...]:
        return ()

    async def write_bundle(self, pieces: tuple[Piece, ...]) -> Path:
        raise OSError(EROFS, self.why)

    def market_listing(self) -> MarketListing:
        return MarketListing()

    def fault_lab(self) -> LabDoor | str:
        return self.why
