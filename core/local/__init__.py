"""This machine: lock, status file, local command socket."""
