"""The generated parts of the documents: diagrams from the tables, keys from the action list, settings from the model.

`python -m tui.commands.documents` rewrites them in place; `--check` only says what is stale. A test runs the check.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from core.config import ENV_PREFIX, Settings
from core.domain.enums import FINAL_ORDER_STATES, TraderState
from core.mind.learned import SHIPPED
from core.mind.network import load
from core.mind.observation import FEATURES, HISTORY, VERSION, WIDTH, spec_digest
from core.strategies import NAMES, strategy_class
from core.strategy.parameters import fields_of
from core.trading.order_states import ORDER_TRANSITIONS
from core.trading.permission import PERMISSIONS
from core.trading.state_machine import LIMITS, TRANSITIONS
from tui.actions import action_table_markdown

ANYWHERE = (TraderState.ERROR, TraderState.SHUTDOWN)


def trader_states() -> str:
    """Mermaid diagram of the trader's states; moves to ERROR and SHUTDOWN exist from anywhere and are not drawn."""
    lines = ["```mermaid", "stateDiagram-v2", "  [*] --> STARTUP"]
    for (source, target), why in TRANSITIONS.items():
        if target not in ANYWHERE:
            lines.append(f"  {source} --> {target}: {why}")
    lines += [
        "  ERROR: ERROR (from anywhere after STARTUP)",
        "  SHUTDOWN: SHUTDOWN (from anywhere)",
        "  SHUTDOWN --> [*]",
    ]
    return "\n".join([*lines, "```"])


def state_limits() -> str:
    lines = ["| state | may last | waits for |", "|---|---|---|"]
    for state, limit in LIMITS.items():
        lines.append(f"| {state} | {'-' if limit.seconds is None else f'{limit.seconds} s'} | {limit.waits_for} |")
    return "\n".join(lines)


def order_states() -> str:
    """Mermaid diagram of an order's states; facts that change nothing are left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (source, happened), target in ORDER_TRANSITIONS.items():
        if source is not target and source not in FINAL_ORDER_STATES:
            arrows.setdefault((source.value, target.value), []).append(happened.value)
    lines = ["```mermaid", "stateDiagram-v2", "  [*] --> PLANNED"]
    lines += [f"  {a} --> {b}: {', '.join(words)}" for (a, b), words in arrows.items()]
    lines += [f"  {state} --> [*]" for state in sorted(s.value for s in FINAL_ORDER_STATES)]
    return "\n".join([*lines, "```"])


def permissions() -> str:
    lines = ["| when (first match) | gives |", "|---|---|"]
    for row in PERMISSIONS:
        gives = row.gives.name.lower().replace("_", " ")
        lines.append(f"| {row.why or 'READY or ACTING with nothing of the above'} | {gives} |")
    return "\n".join(lines)


def settings() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        shown = "the user's state folder" if name == "state_dir" else ("-" if default in (None, "") else default)
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    lines.append("")
    lines.append(f"Environment: `{ENV_PREFIX}` and the name in capitals. Flags win over environment, file and default.")
    return "\n".join(lines)


def strategies() -> str:
    lines = ["| strategy | parameter | default | bounds | does |", "|---|---|---|---|---|"]
    for name in NAMES:
        kind = strategy_class(name)
        lines.append(f"| `{name}` | | | | {kind.text} |")
        for f in fields_of(kind.kind):
            bounds = f"{f.shown(f.low)} to {f.shown(f.high)} {f.unit}"
            lines.append(f"| | `{f.name}` | {f.shown(f.default)} | {bounds} | {f.text} |")
    return "\n".join(lines)


def observation() -> str:
    head = f"Version {VERSION}, digest `{spec_digest()}`: {HISTORY} rows of {WIDTH} numbers, float32."
    lines = [head, "", "| number | range | is |", "|---|---|---|"]
    lines += [f"| `{f.name}` | {f.low:g} to {f.high:g} | {f.text} |" for f in FEATURES]
    return "\n".join(lines)


def card() -> str:
    """The shipped policy's card, from the model file itself."""
    if not SHIPPED.exists():
        return "None is shipped: no policy trained so far is better than doing nothing."
    told = load(SHIPPED).card
    lines = [f"- {name.replace('_', ' ')}: {told[name]}" for name in ("method", "trained_on", "judged_on")]
    recipe = told["recipe"]
    lines.append("- recipe: " + ", ".join(f"{key} {value}" for key, value in recipe.items()))
    lines += ["", "| dollars a run | mean | 95 % interval | verdict |", "|---|---|---|---|"]
    for name, found in told["result_dollars"].items():
        against = "earned" if name == "own" else f"against {name}"
        lines.append(
            f"| {against} | {found['mean']:+.3f} | {found['low']:+.3f} to {found['high']:+.3f} | {found['verdict']} |"
        )
    return "\n".join(lines)


SECTIONS: dict[str, Callable[[], str]] = {
    "trader-states": trader_states,
    "state-limits": state_limits,
    "order-states": order_states,
    "permissions": permissions,
    "settings": settings,
    "keys": action_table_markdown,
    "strategies": strategies,
    "observation": observation,
    "card": card,
}


def renewed(text: str) -> str:
    """`text` with every marked section made anew."""
    for name, make in SECTIONS.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        if begin in text:
            head, rest = text.split(begin, 1)
            _, tail = rest.split(end, 1)
            text = f"{head}{begin}\n{make().strip()}\n{end}{tail}"
    return text


def stale(root: Path, *, write: bool) -> list[str]:
    """Names of documents whose generated parts are not current; with `write` they are mended."""
    found = []
    for path in (*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))):
        before = path.read_text()
        after = renewed(before)
        if before != after:
            found.append(path.name)
            if write:
                path.write_text(after)
    return found


if __name__ == "__main__":
    names = stale(Path.cwd(), write="--check" not in sys.argv)
    sys.stdout.write(f"{', '.join(names) or 'nothing'} {'stale' if '--check' in sys.argv else 'rewritten'}\n")
    sys.exit(1 if names and "--check" in sys.argv else 0)
