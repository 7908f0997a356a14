"""The operator's console: a guest in the core's loop."""
