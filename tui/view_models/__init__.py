"""Snapshot to rows: plain functions, no Textual."""
