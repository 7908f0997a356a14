"""Planted bugs: one-line mutations of critical lines, kept as patches, and the hunt for the lane that catches each."""
