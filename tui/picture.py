"""The console as a picture: the screen of a fixed snapshot as SVG, the same bytes every time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence

from tui.app import TraderApp
from tui.bridge import TraderBridge
from tui.options import ConsoleOptions

READY_S = 10


async def draw(
    bridge: TraderBridge,
    *,
    size: tuple[int, int] = (120, 40),
    keys: Sequence[str] = (),
    ascii_only: bool = False,
    ready: Callable[[TraderApp], bool] = lambda app: True,
) -> str:
    """SVG of the screen at `size` after pressing `keys`, once it is `ready`; ages are of the snapshot's own time."""
    options = ConsoleOptions(clock_ns=lambda: bridge.snapshot().taken_ns, guard_ms=0, ascii=ascii_only)
    app = TraderApp(bridge, options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        if keys:
            await pilot.press(*keys)
        async with asyncio.timeout(READY_S):
            while not ready(app):
                await pilot.pause(0.05)
        app.navigator.redraw()
        await pilot.pause()
        svg = app.export_screenshot(title="kalshi-trader")
    return re.sub(r"\bterminal-\d+-", "terminal-1-", svg)
