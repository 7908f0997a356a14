"""The lane against Kalshi's demo exchange is never collected without an operator's key."""

import os

collect_ignore = []
if not (os.environ.get("KALSHI_DEMO_KEY_ID") and os.environ.get("KALSHI_DEMO_KEY_FILE")):
    collect_ignore.append("whole/test_demo.py")
