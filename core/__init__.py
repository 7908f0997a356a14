"""The trader: everything but the screen. Without `tui` there is still a trader."""
