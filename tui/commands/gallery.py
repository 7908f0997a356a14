"""The README's pictures: the real screen of a paper run on the virtual clock, never a fixture."""

from __future__ import annotations

import asyncio
from errno import EROFS
from pathlib import Path

from core.config import Settings
from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder
from core.domain.ids import Ticker
from core.domain.market import MarketListing
from core.lab.world import run_world
from core.sim.auth import generate_private_key
from core.trading.inquiry import Explanation, OrderPreview, Piece
from core.trading.panel import status_text
from core.trading.snapshot import TraderSnapshot
from tui.bridge import LabDoor
from tui.picture import draw

# Name of the file, size of the terminal, keys pressed before the picture.
PICTURES: tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...] = (
    ("console", (120, 40), ()),
    ("console-80x24", (80, 24), ()),
    ("liquidate", (120, 40), ("L",)),
)


class StillBridge:
    """A trader that stands still: one picture, no wishes."""

    def __init__(self, snapshot: TraderSnapshot) -> None:
        self._snapshot = snapshot

    def snapshot(self) -> TraderSnapshot:
        return self._snapshot

    def submit(self, command: Command) -> None:
        return None

    def next_command_id(self) -> int:
        return 1

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        return status_text(self._snapshot, self._snapshot.taken_at, form, ascii_only=ascii_only)

    def state_folder(self) -> Path:
        return Path()

    def preview_order(self, wish: PlaceOrder | AmendOrder | CancelOrder) -> OrderPreview | None:
        return None

    def explain_market(self, ticker: Ticker) -> Explanation | None:
        return None

    async def bug_bundle(self) -> tuple[Piece, ...]:
        return ()

    async def write_bundle(self, pieces: tuple[Piece, ...]) -> Path:
        raise OSError(EROFS, "a picture stands still")

    def market_listing(self) -> MarketListing:
        return MarketListing()

    def fault_lab(self) -> LabDoor | str:
        return "a picture stands still"

    async def wait_wake(self) -> None:
        await asyncio.Event().wait()


def paper_picture(seed: int, minutes: int) -> TraderSnapshot:
    """The trader after `minutes` of a paper run on virtual time."""
    _, snapshot, _ = run_world(Settings.model_validate({}), seed, minutes * 60, generate_private_key())
    return snapshot


def draw_gallery(out: Path, seed: int, minutes: int) -> list[Path]:
    """Write every picture into `out`; returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    bridge = StillBridge(paper_picture(seed, minutes))
    written = []
    for name, size, keys in PICTURES:
        path = out / f"{name}.svg"
        path.write_text(asyncio.run(draw(bridge, size=size, keys=keys)))
        written.append(path)
    return written
