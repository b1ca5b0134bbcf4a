"""Names of files: they come from people and from code, and are shown, stored and spoken of."""

from __future__ import annotations

import unicodedata
from collections.abc import Container

MAX_NAME_CHARS = 100
_MAX_ENDING_CHARS = 12
_HARMLESS = frozenset(" ._-()+,=@")


def last_component(name: str) -> str:
    """A file's own name, without folders of any system, in the one form that equal names share (NFC)."""
    return unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]


def plain_name(name: str) -> str:
    """Letters, digits and harmless signs: no folder, no leading dot, no markup, no change of direction, never empty.

    A file is called the same in a chat, in the code that reads it and where it is stored.
    """
    shown = "".join(sign if _is_harmless(sign) else "_" for sign in last_component(name))
    stem, ending = _split_ending(shown.strip(" ."))
    return stem[: MAX_NAME_CHARS - len(ending)] + ending or "file"


def unique_name(name: str, others: Container[str]) -> str:
    """The name, numbered where one of the others already has it."""
    stem, ending = _split_ending(name)
    candidate, number = name, 2
    while candidate in others:
        candidate = f"{stem} ({number}){ending}"
        number += 1
    return candidate


def shortened(name: str, longest: int) -> str:
    """The beginning of a name, with its ending: at most so many characters."""
    stem, ending = _split_ending(name)
    return f"{stem[: longest - len(ending)]}{ending}"


def with_ending(name: str, ending: str) -> str:
    """The name with this ending in the place of its own."""
    stem, _ = _split_ending(name)
    return f"{stem[: MAX_NAME_CHARS - len(ending)]}{ending}"


def ending_of(name: str) -> str:
    """What follows the last dot, in small letters with the dot; empty where there is none."""
    return _split_ending(name)[1].lower()


def _is_harmless(sign: str) -> bool:
    # Vowel signs and accents of Devanagari, Thai, Arabic and others are marks, not letters.
    return sign.isalnum() or sign in _HARMLESS or unicodedata.category(sign) in {"Mn", "Mc"}


def _split_ending(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _MAX_ENDING_CHARS:
        return name, ""
    return stem, dot + ending
