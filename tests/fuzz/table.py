"""The table of targets, for the tests and as `docs/fuzz.md` tells it; `python -m tests.fuzz.table` rewrites that."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.exchange_targets import targets as exchange_targets
from tests.fuzz.lab_targets import targets as lab_targets
from tests.fuzz.own_targets import targets as own_targets
from tests.fuzz.storm import CHEAP, Target
from tests.fuzz.wire_targets import targets as wire_targets
from tests.fuzz.word_targets import targets as word_targets

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (*wire_targets(), *exchange_targets(), *own_targets(), *lab_targets(), *word_targets())
}
# Inputs a target in CI and in the long lane, and the seconds a dear one may take of them.
CI, CI_SECONDS = 100_000, 1
LONG, LONG_SECONDS = 1_000_000, 600
PAGE = Path(__file__).resolve().parents[2] / "docs" / "fuzz.md"

HEAD = f"""# Fuzz

Valid inputs are cut into tokens and put together wrongly: values of the wrong kind, edges of numbers, NaN and Infinity,
text that is none, fields twice, missing or never heard of, rows many times over, deep nesting, flipped bytes, cuts and
splices (`tests/fuzz/mutate.py`). Each target takes an input or refuses it in the way it declares; any other error, and
any input that takes over 50 ms of the processor, fails the lane and is printed with the chunk that repeats it.

`.ci/run` throws {CI:,} inputs at each target that takes an input in {CHEAP} µs or less, and at a dearer one as many as
fit into {CI_SECONDS} s of one core; the long lane {LONG:,}, or what fits into {LONG_SECONDS} s. The time of an input is
in round figures, with its making.

```
FUZZ_PROGRESS=fuzz.txt .venv/bin/pytest -m long tests/fuzz
```

| target | code | an input takes | in CI | long |
|---|---|---:|---:|---:|
"""


def page() -> str:
    rows = [
        f"| {one.name} | `{one.what}` | {one.cost:,} µs | {one.inputs(CI, CI_SECONDS):,} "
        f"| {one.inputs(LONG, LONG_SECONDS):,} |\n"
        for one in TARGETS.values()
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
