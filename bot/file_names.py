"""Names of files that people give: they come from outside, and are shown, stored and spoken of."""

from __future__ import annotations

import unicodedata
from collections.abc import Container

MAX_NAME_CHARS = 100
_MAX_ENDING_CHARS = 12
_HARMLESS = frozenset(" ._-()+,=@")


def plain_name(name: str) -> str:
    """Letters, digits and harmless signs: no folder, no leading dot, no markup, no change of direction, never empty.

    The sandbox holds names to the same rule, so a file is called the same in a chat and in the code that reads it.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(sign if sign.isalnum() or sign in _HARMLESS else "_" for sign in last)
    stem, ending = _parted(shown.strip(" ."))
    return stem[: MAX_NAME_CHARS - len(ending)] + ending or "file"


def unlike(name: str, others: Container[str]) -> str:
    """The name, numbered where one of the others already has it."""
    stem, ending = _parted(name)
    candidate, number = name, 2
    while candidate in others:
        candidate = f"{stem} ({number}){ending}"
        number += 1
    return candidate


def with_ending(name: str, ending: str) -> str:
    """The name with this ending in the place of its own."""
    stem, _ = _parted(name)
    return f"{stem[: MAX_NAME_CHARS - len(ending)]}{ending}"


def ending_of(name: str) -> str:
    """What follows the last dot, in small letters with the dot; empty where there is none."""
    return _parted(name)[1].lower()


def _parted(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _MAX_ENDING_CHARS:
        return name, ""
    return stem, dot + ending
