"""`exchange`: the simulated exchange alone, for any Kalshi client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from core.domain.errors import BadInput, StartRefused

EXAMPLES = """Examples:  kalshi-trader exchange --port 8080 --seed 7   |   kalshi-trader exchange > ex.json &
kalshi-trader run --exchange ex.json"""


def register(app: typer.Typer) -> None:
    app.command("exchange", help="Serve the simulated exchange alone, on loopback.", epilog=EXAMPLES)(exchange)


def exchange(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 lets the system choose.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of markets and participants.")] = 7,
    markets: Annotated[int, typer.Option(help="How many markets.")] = 12,
    tier: Annotated[str, typer.Option(help="Rate limits: off, basic … prestige.")] = "off",
    scenario: Annotated[str, typer.Option(help="A scenario by name, or a TOML file.")] = "calm",
    speed: Annotated[float, typer.Option(help="How fast its time runs; 0: only by steps of the control port.")] = 1,
    alive: Annotated[int, typer.Option(help="How many markets are traded; -1: all.")] = -1,
    maintenance: Annotated[
        bool, typer.Option("--maintenance", help="Keep the weekly trading pause, Thursday 03:00-05:00 Eastern.")
    ] = False,
    control: Annotated[bool, typer.Option("--control", help="Open a control port for faults, speed and acts.")] = False,
) -> int:
    """The first line printed is JSON: rest_url, ws_url, key_id, private_key_path, exchange_id. Ends on a signal."""
    from core.sim.settings import ExchangeSettings

    try:
        settings = ExchangeSettings(
            host=host,
            port=port,
            seed=seed,
            markets=markets,
            tier=None if tier == "off" else tier,
            scenario=scenario,
            speed=speed,
            alive=None if alive < 0 else alive,
            control=control,
            maintenance=maintenance,
        )
    except ValueError as error:
        raise BadInput(str(error)) from None
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: object) -> None:
    from core.local.clock import SystemClock
    from core.local.process import calm_collector
    from core.sim.server import ExchangeServer

    server = ExchangeServer(settings, SystemClock())  # type: ignore[arg-type]
    try:
        endpoint = await server.start()
    except OSError as error:
        port = server.settings.port
        raise StartRefused(f"port {port} cannot be used ({error.strerror}); choose another or --port 0") from None
    calm_collector()
    with tempfile.TemporaryDirectory(prefix="kalshi-trader-") as folder:
        path = _secret_file(Path(folder) / "key.pem", endpoint.private_key_pem)
        line = {
            "rest_url": endpoint.rest_url,
            "ws_url": endpoint.ws_url,
            "key_id": endpoint.key_id,
            "private_key_path": str(path),
            "exchange_id": endpoint.exchange_id,
        }
        if endpoint.control:
            token = _secret_file(Path(folder) / "control.token", endpoint.control_token.encode())
            line |= {"control": endpoint.control, "control_token_path": str(token)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        await _until_signal()
        with contextlib.suppress(Exception):
            await server.stop()


def _secret_file(path: Path, text: bytes) -> Path:
    """A new file only its owner can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(handle, text)
    os.close(handle)
    return path


async def _until_signal() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
