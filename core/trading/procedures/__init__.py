"""Resumable procedures: `advance(event, state, now) -> commands or Done`."""
