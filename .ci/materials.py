"""What a running trader is made of: every package with its version and licence, as JSON, the project's own first.

`python .ci/materials.py` follows what `pyproject.toml` needs, in the environment of this Python. It ends with 1 when a
package is missing or does not name its licence.
"""

from __future__ import annotations

import json
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def licence(found: Distribution) -> str:
    """The licence in the package's own words, "" when it has none."""
    told = found.metadata
    named = [word.rpartition(" :: ")[2] for word in told.get_all("Classifier", ()) if word.startswith("License ::")]
    full = (told.get("License") or "").strip()
    # Some put the whole text there: then the classifiers say it shorter.
    return told.get("License-Expression") or ("" if "\n" in full else full) or ", ".join(named)


def materials(needs: list[str]) -> list[dict[str, str]]:
    """Every package that `needs` leads to, by name. PackageNotFoundError for one that is not installed."""
    rows: dict[str, dict[str, str]] = {}
    waiting, seen = [Requirement(need) for need in needs], set()
    while waiting:
        need = waiting.pop()
        name = canonicalize_name(need.name)
        if (name, *need.extras) in seen:
            continue
        seen.add((name, *need.extras))
        found = distribution(name)
        rows[name] = {"name": name, "version": found.version, "licence": licence(found)}
        for text in found.requires or ():
            more = Requirement(text)
            extras = [{"extra": extra} for extra in need.extras] or [{"extra": ""}]
            if more.marker is None or any(more.marker.evaluate(extra) for extra in extras):
                waiting.append(more)
    return [rows[name] for name in sorted(rows)]


def main() -> int:
    project = tomllib.loads(PROJECT.read_text())["project"]
    own = {"name": project["name"], "version": project["version"], "licence": project["license"]["text"]}
    try:
        rows = [own, *materials(project["dependencies"])]
    except PackageNotFoundError as missing:
        sys.stderr.write(f"{missing.name}: not installed here\n")
        return 1
    sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    unknown = [row["name"] for row in rows if not row["licence"]]
    if unknown:
        sys.stderr.write(f"no licence named: {', '.join(unknown)}\n")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
