"""The lane against Kalshi's demo exchange is never collected without an operator's key."""

import os

import pytest

collect_ignore = []
if not (os.environ.get("KALSHI_DEMO_KEY_ID") and os.environ.get("KALSHI_DEMO_KEY_FILE")):
    collect_ignore.append("whole/test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole program waits more than it works: begun first and spread out, its tests overlap with all the others."""
    waiting = [item for item in items if "whole" in item.path.parts or item.path.name == "test_console_pty.py"]
    working = [item for item in items if item not in set(waiting)]
    share = max(1, len(working) // max(1, len(waiting)))
    mixed: list[pytest.Item] = []
    for index, item in enumerate(waiting):
        mixed.append(item)
        mixed += working[index * share : (index + 1) * share]
    items[:] = mixed + working[len(waiting) * share :]
