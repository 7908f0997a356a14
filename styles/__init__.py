"""Textual CSS; found by importlib.resources.files("styles")."""
