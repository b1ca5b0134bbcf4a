"""Markdown as Teams shows it."""

from __future__ import annotations


def teams_markdown(text: str) -> tuple[str, ...]:
    """A text in pieces."""
    return (text,) if text.strip() else ()
