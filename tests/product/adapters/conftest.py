"""Fixtures that grade adapters."""

from tests.adapters import grade, launch

__all__ = ["grade", "launch"]
