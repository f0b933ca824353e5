"""Fixtures of the capture tests."""

from capture.workspace import workspace

__all__ = ["workspace"]
