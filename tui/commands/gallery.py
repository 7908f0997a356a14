"""The README's pictures: the real screen of a paper run on the virtual clock, never a fixture."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.config import Settings
from core.domain.commands import Command
from core.environment import embedded_settings
from core.lab.world import run_world
from core.local.clock import SystemClock
from core.sim.auth import generate_private_key
from core.sim.server import ExchangeServer
from core.trading.snapshot import TraderSnapshot
from tui.bridge import LabDoor
from tui.commands.bridges import SilentBridge
from tui.picture import draw

STILL = "a picture stands still"

# Name of the file, size of the terminal, keys pressed before the picture.
PICTURES: tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...] = (
    ("console", (120, 40), ()),
    ("console-80x24", (80, 24), ()),
    ("liquidate", (120, 40), ("L",)),
)
LAB = ("fault-lab", (120, 40), ("g", "f"))
# Switched on for the picture, at a real exchange that nobody trades on.
ARMED = (("frame_lost", {"rate": 5}), ("reply_lost", {"times": 2}))


class StillBridge(SilentBridge):
    """A trader that stands still: one picture, no wishes."""

    why = STILL

    def __init__(self, snapshot: TraderSnapshot, door: LabDoor | str = STILL) -> None:
        self._snapshot = snapshot
        self._door = door

    def snapshot(self) -> TraderSnapshot:
        return self._snapshot

    def submit(self, command: Command) -> None:
        return None

    def next_command_id(self) -> int:
        return 1

    def state_folder(self) -> Path:
        return Path()

    def fault_lab(self) -> LabDoor | str:
        return self._door

    async def wait_wake(self) -> None:
        await asyncio.Event().wait()


def paper_picture(seed: int, minutes: int) -> TraderSnapshot:
    """The trader after `minutes` of a paper run on virtual time."""
    _, snapshot, _ = run_world(Settings.model_validate({}), seed, minutes * 60, generate_private_key())
    return snapshot


async def _lab_picture(snapshot: TraderSnapshot, seed: int) -> str:
    """The fault lab over the control port of a real exchange."""
    _, size, keys = LAB
    settings = embedded_settings(Settings.model_validate({}), seed, control=True)
    server = ExchangeServer(settings, SystemClock(), private_key_pem=generate_private_key())
    endpoint = await server.start()
    try:
        for name, params in ARMED:
            server.faults.arm(name, **params)
        host, _, port = endpoint.control.rpartition(":")
        bridge = StillBridge(snapshot, LabDoor(host=host.strip("[]"), port=int(port), token=endpoint.control_token))
        return await draw(bridge, size=size, keys=keys, ready=lambda app: bool(app.navigator.lab.view().rows))
    finally:
        await server.stop()


def gallery(seed: int, minutes: int) -> dict[str, str]:
    """Every picture by the name of its file."""
    snapshot = paper_picture(seed, minutes)
    bridge = StillBridge(snapshot)
    drawn = {f"{name}.svg": asyncio.run(draw(bridge, size=size, keys=keys)) for name, size, keys in PICTURES}
    return drawn | {f"{LAB[0]}.svg": asyncio.run(_lab_picture(snapshot, seed))}
