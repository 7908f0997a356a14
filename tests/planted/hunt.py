"""The hunt: each planted bug in a worktree of its own, type-checked, and looked for lane by lane.

    python -m tests.planted.hunt --seeds 20 --out docs/planted-bugs.md

Lanes in order: worlds (the first open seed ends it; `--seeds 0` leaves them out), then those of `--lanes`: the rule
machines, every fault alone in a short world, the tests of the fault table, the tests of the rooms. What was found is
kept in a progress file; a hunt that was stopped goes on, and looks again for what no lane has found yet. Ends with 1
when a bug was found by no lane.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .patches import HERE, ROOT, Planted, all_planted

PROGRESS = HERE / "found.jsonl"
LANES = {"rules": "tests/rules", "alone": "", "faults": "tests/faults", "rooms": "tests/core", "wire": "tests/exchange"}
PATIENCE_S = 900
MINUTES = 3  # of each world: what takes longer to show is left to the tests


def run(words: list[str], cwd: Path, patience_s: int = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1", "RULES_SHRINK": "0"}
    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=patience_s, check=False
    )


def hunt(planted: Planted, tree: Path, seeds: int, lanes: list[str]) -> dict[str, Any]:
    """Which lane finds it. `tree` is a clean worktree and is clean again afterwards."""
    path = tree / planted.file
    clean = path.read_text(encoding="utf-8")
    path.write_text(planted.apply(clean), encoding="utf-8")
    row: dict[str, Any] = {"name": planted.name, "file": planted.file, "lane": "", "seeds": 0, "how": ""}
    try:
        row["types"] = run([sys.executable, "-m", "mypy"], tree).returncode == 0
        found = worlds(tree, seeds) if seeds else None
        if found:
            return row | {"lane": "worlds"} | found
        for lane in lanes:
            folder = LANES[lane]
            if not folder:
                found = alone(tree)
                if found:
                    return row | {"lane": lane} | found
                continue
            words = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", folder]
            done = run(words, tree)
            if done.returncode:
                failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
                return row | {"lane": lane, "how": failed[0].split(" ")[1].rpartition("/")[2] if failed else "error"}
        return row
    finally:
        path.write_text(clean, encoding="utf-8")


def worlds(tree: Path, seeds: int) -> dict[str, Any] | None:
    """The first open seed, with what it violated."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "worlds.jsonl"
        words = [sys.executable, "-m", "tui", "world", "--seeds", f"1-{seeds}", "--minutes", str(MINUTES),
                 "--progress", str(progress), "--first", "--no-shrink"]  # fmt: skip
        try:
            done = run(words, tree)
        except subprocess.TimeoutExpired:
            return {"seeds": 0, "how": "spins without end"}
        rows = [json.loads(line) for line in progress.read_text().splitlines()] if progress.exists() else []
    broken = [row for row in rows if row["violations"]]
    if broken:
        return {"seeds": len(rows), "how": ", ".join(sorted(broken[0]["violations"]))}
    return {"seeds": len(rows) + 1, "how": "it does not even play"} if done.returncode else None


def alone(tree: Path) -> dict[str, Any] | None:
    """The first fault that is not survived alone, and what was violated."""
    try:
        done = run([sys.executable, "-m", "tests.planted.alone"], tree)
    except subprocess.TimeoutExpired:
        return {"seeds": 0, "how": "spins without end"}
    found = json.loads(done.stdout) if not done.returncode else {"worlds": 1, "fault": "none", "violations": ["raises"]}
    if not found["violations"]:
        return None
    return {"seeds": found["worlds"], "how": f"{', '.join(found['violations'])} in {found['fault']}"}


def table(rows: list[dict[str, Any]]) -> str:
    """The document; a bug that was not looked for yet has its row too."""
    known = {row["name"]: row for row in rows}
    rows = [known[one.name] for one in all_planted() if one.name in known]
    not_yet = [one for one in all_planted() if one.name not in known]
    by_lane = Counter(row["lane"] or "no lane" for row in rows)
    seeds = sorted(row["seeds"] for row in rows if row["lane"] == "worlds")
    lines = [
        "# Planted bugs",
        "",
        "Written by `python -m tests.planted.hunt`. Each is one changed line on a critical path (`tests/planted`),",
        "compiles, passes the type checker, and is looked for by worlds of three minutes with the faults of their",
        "seeds, then by the lanes after them: rule machines against small models, every fault alone in a short world,",
        "the tests of the fault table, the tests of the rooms. Worlds and machines know nothing of any line; under",
        "seeds stands how many worlds it took.",
        "",
        f"{len(rows)} planted; found by {', '.join(f'{lane} {count}' for lane, count in sorted(by_lane.items()))}.",
        f"Seeds worlds took: {seeds[len(seeds) // 2] if seeds else 0} in the median, {max(seeds, default=0)} at most.",
        "",
        "| bug | file | types | lane | seeds | found by |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row["name"]):
        cells = (row["name"], row["file"], "pass" if row["types"] else "refused", row["lane"] or "NOT FOUND",
                 str(row["seeds"] or ""), row["how"])  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {one.name} | {one.file} |  | NOT LOOKED FOR |  |  |" for one in not_yet]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.planted.hunt", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these; all without")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--lanes", default=",".join(LANES), help="the lanes after the worlds")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "planted-bugs.md")
    given = parser.parse_args(arguments)
    rows = {row["name"]: row for row in map(json.loads, PROGRESS.read_text().splitlines())} if PROGRESS.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(tree), "HEAD"], cwd=ROOT, check=True)
        if (ROOT / ".mypy_cache").is_dir():
            shutil.copytree(ROOT / ".mypy_cache", tree / ".mypy_cache")
        try:
            for planted in all_planted():
                known = rows.get(planted.name, {}).get("lane") and not given.names
                if known or (given.names and planted.name not in given.names):
                    continue
                begun = time.monotonic()
                lanes = [lane for lane in given.lanes.split(",") if lane]
                rows[planted.name] = row = hunt(planted, tree, given.seeds, lanes)
                print(f"{planted.name}: {row['lane'] or 'NOT FOUND'} {row['seeds'] or ''} {row['how']} "
                      f"({time.monotonic() - begun:.0f} s)", flush=True)  # fmt: skip
                PROGRESS.write_text("".join(json.dumps(rows[name]) + "\n" for name in sorted(rows)))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)
    given.out.write_text(table(list(rows.values())), encoding="utf-8")
    return 0 if all(row["lane"] for row in rows.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
