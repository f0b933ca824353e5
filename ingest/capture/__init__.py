"""Capture: what a command reads, writes, renames and starts, as records of a journal."""
