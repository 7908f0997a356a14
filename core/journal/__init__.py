"""The append-only record of what was meant and what happened."""
