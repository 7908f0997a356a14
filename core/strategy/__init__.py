"""Snapshot in, wishes out. Pure."""
