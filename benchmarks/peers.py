"""Peers, each in an environment of its own."""

from __future__ import annotations

from typing import Any

START: dict[str, Any] = {}
