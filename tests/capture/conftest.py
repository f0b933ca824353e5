"""Fixtures of the capture tests."""

from capture.objects import objects
from capture.workspace import native_front, native_workspace, workspace

__all__ = ["native_front", "native_workspace", "objects", "workspace"]
