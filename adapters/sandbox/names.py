"""Names of files: inside the sandbox they may be anything, outside they are shown to people and stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Container

MAX_CHARACTERS = 100
MAX_ENDING_CHARACTERS = 12
PUNCTUATION = frozenset(" ._-()+,=@")


def last_component(name: str) -> str:
    """Return a file's own name, without folders of any system, in the one form that equal names share (NFC)."""
    return unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]


def clean_name(name: str) -> str:
    """Return a name of letters, digits and harmless signs: no folder, no leading dot, no markup, never empty."""
    shown = "".join(sign if sign.isalnum() or sign in PUNCTUATION else "_" for sign in last_component(name))
    return _shortened(shown.strip(" .")) or "file"


def unique_name(name: str, others: Container[str]) -> str:
    """Return the name, numbered where one of the others already has it."""
    stem, ending = _split(name)
    candidate, number = name, 2
    while candidate in others:
        candidate = f"{stem} ({number}){ending}"
        number += 1
    return candidate


def is_safe_name(name: str) -> bool:
    """Tell whether a file may be put into /mnt/data under this very name."""
    shape = 0 < len(name.encode("utf-8", "surrogatepass")) <= 255 and not name.startswith(".") and "/" not in name
    return shape and name.isprintable()


def _shortened(name: str) -> str:
    stem, ending = _split(name)
    return stem[: MAX_CHARACTERS - len(ending)] + ending


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > MAX_ENDING_CHARACTERS:
        return name, ""
    return stem, dot + ending
