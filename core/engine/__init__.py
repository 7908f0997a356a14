"""The pure step, and the thin asynchronous rim around it."""
