"""Reading and applying the patches: the old lines must stand in their file exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Planted:
    """One mutation."""

    name: str
    file: str
    old: str
    new: str

    def apply(self, source: str) -> str:
        """The source with the bug in it; ValueError where the patch does not apply any more."""
        if source.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: its lines stand {source.count(self.old)} times in {self.file}; renew the patch"
            )
        return source.replace(self.old, self.new)


def read_patch(path: Path) -> Planted:
    """One unified diff of one file with one hunk."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    file = next(line[6:].strip() for line in lines if line.startswith("+++ b/"))
    body = lines[next(n for n, line in enumerate(lines) if line.startswith("@@")) + 1 :]
    old = "".join(line[1:] for line in body if line[0] in " -")
    new = "".join(line[1:] for line in body if line[0] in " +")
    return Planted(path.stem, file, old, new)


def all_planted() -> list[Planted]:
    return [read_patch(path) for path in sorted(HERE.glob("*.patch"))]
