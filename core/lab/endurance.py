"""Endurance: half an hour of news with faults coming and going, on virtual time, and a report of it.

    python -m core.lab.endurance --minutes 30 --seed 7 --out docs/reports/news-jump.json

Which faults, how strong and how long is drawn from the seed. The last minute is quiet. A person looks after a tripped
breaker half a minute later, as a person would. Ends with code 1 when anything was violated.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from core.config import Settings
from core.domain.commands import ResetBreaker
from core.domain.records import BreakerMoved, Corrected
from core.lab.story import Action, Played, Scene, play
from core.report import session_report
from core.sim.auth import generate_private_key

SCENARIO = "news-jump"
QUIET_S = 60
FIRST_S = 15
LOOK_AFTER_S = 30
ORDERS = "/portfolio/events/orders"
# Faults that can happen on any day, and how: the strength of one is drawn anew each time it comes.
MIX: tuple[tuple[str, dict[str, Any]], ...] = (
    ("request_reset", {"method": "POST", "path": ORDERS, "times": 1}),
    ("reply_lost", {"method": "POST", "path": ORDERS, "times": 2}),
    ("reply_lost", {"method": "DELETE", "times": 3}),
    ("request_parked", {"method": "POST", "path": ORDERS, "times": 1, "delay_ms": 12_000}),
    ("reply_late", {"method": "POST", "path": ORDERS, "times": 6, "delay_ms": 1_500}),
    ("server_error", {"times": 2, "status": 503}),
    ("server_error", {"method": "POST", "path": ORDERS, "times": 1, "status": 500, "processed": True}),
    ("too_many_requests", {"rate": 30, "retry_after": "2"}),
    ("reply_broken", {"times": 2, "how": "html"}),
    ("connection_closed", {"rate": 50}),
    ("stale_reads", {"lag_ms": 1_000}),
    ("post_only_crosses", {"times": 6}),
    ("cancel_raced", {"part": 50, "times": 4}),
    ("connect_refused", {}),
    ("frame_lost", {"rate": 2}),
    ("frame_lost", {"channel": "fill", "rate": 50}),
    ("frame_doubled", {"rate": 20}),
    ("frame_swapped", {"rate": 5}),
    ("frame_late", {"channel": "orderbook_delta", "rate": 20, "delay_ms": 800}),
    ("frame_overtaken", {"channel": "fill", "delay_ms": 1_500}),
    ("frame_broken", {"times": 3, "how": "cut"}),
    ("fill_changed", {"times": 1}),
    ("stream_stalled", {"pings": False}),
    ("stream_stalled", {"channel": "orderbook_delta"}),
    ("stream_closed", {}),
    ("stream_reset", {}),
    ("stream_refused", {}),
    ("subscribe_failed", {"channel": "fill", "times": 1}),
)


def script(seed: int, seconds: int, quiet_s: int = QUIET_S) -> list[tuple[float, Action]]:
    """One to three faults at a time, each for some seconds, with pauses between; none in the last `quiet_s`."""
    chance = Random(f"endurance:{seed}")
    rows: list[tuple[float, Action]] = []
    now = float(FIRST_S)
    while now < seconds - quiet_s - 15:
        for name, params in chance.sample(MIX, chance.randint(1, 3)):
            rows.append((now + chance.random(), _arm(name, params)))
        if chance.random() < 0.2:
            rows.append((now + 1, lambda scene: scene.cut()))
        lasts = chance.uniform(3, 12)
        rows.append((now + lasts, lambda scene: scene.server.faults.disarm()))
        now += lasts + chance.uniform(3, 15)
    rows += person(seconds)
    return rows


def _arm(name: str, params: dict[str, Any]) -> Action:
    return lambda scene: scene.arm(name, **params)


def person(seconds: int) -> Iterator[tuple[float, Action]]:
    """Somebody who looks every few seconds and resets a breaker that tripped a while ago."""

    def look(scene: Scene) -> None:
        breaker = scene.desk.breaker
        since_ns = scene.desk.wall_ns - (breaker.tripped_at or 0)
        if breaker.tripped and since_ns > LOOK_AFTER_S * 1_000_000_000:
            scene.notes.setdefault("resets", []).append(breaker.reason)
            scene.trader.submit(ResetBreaker(reason="looked at it", command_id=scene.trader.next_command_id()))

    for at in range(FIRST_S, seconds, 5):
        yield float(at), look


def endure(*, minutes: int, seed: int, key_pem: bytes, quiet_s: int = QUIET_S) -> Played:
    """Play it; the last `quiet_s` are without faults."""
    seconds = 60 * minutes
    settings = Settings.model_validate({"scenario": SCENARIO})
    return play(settings, script(seed, seconds, quiet_s), seconds=seconds, key_pem=key_pem, seed=seed)


def report(played: Played, *, minutes: int, seed: int, scenario: str = SCENARIO) -> dict[str, Any]:
    """What happened, for people: the session's own report with the faults beside it."""
    scene, records = played.scene, played.scene.oracle.records
    session = session_report(scene.trader, played.exit)
    states = Counter(row["state"] for row in session.pop("states"))
    return {
        "scenario": scenario,
        "minutes": minutes,
        "seed": seed,
        "violations": played.violations,
        "faults": dict(sorted(scene.server.faults.counts.items())),
        "connections_cut": scene.cuts,
        "looks": scene.oracle.looks,
        "states": dict(sorted(states.items())),
        "reconnects": scene.desk.links.reconnects,
        "books_mended": scene.desk.links.resyncs,
        "refused_frames": scene.desk.links.refused_frames,
        "in_doubt_at_once": scene.in_doubt,
        "breaker_trips": [r.reason for r in records if isinstance(r, BreakerMoved) and r.tripped],
        "resets_by_hand": len(scene.notes.get("resets", [])),
        "corrections": [f"{r.what}: {r.ours} to {r.theirs}" for r in records if isinstance(r, Corrected)],
        "state_before_stop": played.picture.state.label,
        "session": session,
    }


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="core.lab.endurance", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    played = endure(minutes=given.minutes, seed=given.seed, key_pem=generate_private_key())
    text = json.dumps(report(played, minutes=given.minutes, seed=given.seed), indent=2) + "\n"
    if given.out is None:
        sys.stdout.write(text)
    else:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    return 1 if played.violations else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
