"""Known weaknesses of what is installed: pip-audit over every exact version, judged so that silence is no pass.

`python .ci/audit.py [FILE]` ends with 0 only when every version of FILE (constraints.txt) was looked up and has no
known weakness but the excepted ones, each with an end date and a reason, in `.ci/audit-exceptions.txt`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parent
LONGEST_DAYS = 90


def pins(text: str) -> dict[str, str]:
    """Name to exact version, of the lines that this Python takes. ValueError for a line that is no exact version."""
    found = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        wanted = Requirement(line)
        version = re.fullmatch(r"==([^,*]+)", str(wanted.specifier))
        if version is None or wanted.url:
            raise ValueError(f"{line}: not an exact version")
        if wanted.marker is None or wanted.marker.evaluate():
            found[canonicalize_name(wanted.name)] = version[1]
    return found


def exceptions(text: str, today: date) -> tuple[set[str], list[str]]:
    """The weaknesses excepted today, and what is wrong with the list."""
    known, wrong = set(), []
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        name, until, *reason = [*line.split(), "", ""][: max(3, len(line.split()))]
        try:
            days = (date.fromisoformat(until) - today).days
        except ValueError:
            wrong.append(f"exception {name}: wants an end date and a reason")
            continue
        if days < 0:
            wrong.append(f"exception {name}: ended {until}; mend it or look at it anew")
        elif days > LONGEST_DAYS or not "".join(reason):
            wrong.append(f"exception {name}: at most {LONGEST_DAYS} days, and a reason")
        else:
            known.add(name)
    return known, wrong


def judged(wanted: dict[str, str], document: dict[str, Any], excepted: set[str]) -> list[str]:
    """What speaks against a release: versions not looked up, and weaknesses nobody excepted."""
    told = {canonicalize_name(found["name"]): found for found in document.get("dependencies", ())}
    wrong = []
    for name, version in wanted.items():
        found = told.get(name, {})
        if found.get("version") != version or "vulns" not in found:
            wrong.append(f"{name} {version}: not looked up ({found.get('skip_reason', 'no answer')})")
        for weakness in found.get("vulns", ()):
            names = {weakness["id"], *weakness.get("aliases", ())}
            if not names & excepted:
                mend = ", ".join(weakness.get("fix_versions", ())) or "no version yet"
                wrong.append(f"{name} {version}: {weakness['id']}, mended in {mend}")
    return wrong


def main(file: Path) -> int:
    wanted = pins(file.read_text())
    excepted, wrong = exceptions((HERE / "audit-exceptions.txt").read_text(), datetime.now(UTC).date())
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--strict", "--format", "json"]
    done = subprocess.run([*command, "-r", str(file)], capture_output=True, text=True)  # noqa: S603  our own words
    try:
        wrong += judged(wanted, dict(json.loads(done.stdout)), excepted)
    except (TypeError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        wrong.append(f"the audit could not be made: {last}")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(wanted)} versions, {len(excepted)} exceptions, {len(wrong)} against a release\n")
    return 1 if wrong or not wanted else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "constraints.txt"))
