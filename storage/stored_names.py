"""Names of files that are safe to show and to keep."""

from __future__ import annotations

import re

_MAX_NAME_CHARS = 120


def safe_name(name: str) -> str:
    """A file name for people: no folders, no control characters, no leading dot, not too long."""
    name = re.sub(r"[\x00-\x1f\x7f<>:\"|?*\u202a-\u202e\u2066-\u2069]", "_", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = name.encode("utf-8", "replace").decode().strip().lstrip(".") or "file"
    stem, dot, extension = name.rpartition(".")
    if len(name) > _MAX_NAME_CHARS:
        name = f"{stem[: _MAX_NAME_CHARS - 20]}{dot}{extension[:19]}" if dot else name[:_MAX_NAME_CHARS]
    return name
