"""What the bot says, in the language of the person: English in the code, other languages in `languages/<tag>.po`.

The functions are those of gettext (https://docs.python.org/3/library/gettext.html). The language is a property of the
work at hand, set by `speaking` and inherited by the tasks of that work.
"""

from __future__ import annotations

import ast
import gettext as stdlib_gettext
import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "de", "nl")

_FOLDER: Final = Path(__file__).with_name("languages")
_LINE: Final = re.compile(r'(?:(?P<keyword>msgid_plural|msgid|msgstr(?:\[[0-9]\])?)\s+)?(?P<text>".*")')
_DECIMAL_COMMA: Final = frozenset({"de", "nl"})

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language_of(locale: str) -> str:
    """The language for a locale such as `de-AT` or `nl_BE`; English where there is none."""
    language = re.split(r"[-_]", locale.strip(), maxsplit=1)[0].lower()
    return language if language in LANGUAGES else ENGLISH


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Say everything in the language of this locale until the context ends."""
    token = _language.set(language_of(locale))
    try:
        yield
    finally:
        _language.reset(token)


def spoken() -> str:
    """The language of the work at hand."""
    return _language.get()


def _(sentence: str) -> str:
    """The sentence in the language that is spoken; one that has no translation stays as it is."""
    return _catalogue(_language.get()).gettext(sentence) if sentence else ""


def ngettext(one: str, many: str, count: int) -> str:
    """The sentence for this number of things."""
    return _catalogue(_language.get()).ngettext(one, many, count)


def N_(sentence: str) -> str:  # noqa: N802 - gettext's name
    """Mark a sentence that is said later, through `_`."""
    return sentence


def number(value: float, decimals: int = 0) -> str:
    """A number with the separators of the language: `1,234.5`, or `1.234,5`."""
    text = f"{value:,.{decimals}f}"
    return text.translate(str.maketrans(",.", ".,")) if _language.get() in _DECIMAL_COMMA else text


@cache
def _catalogue(language: str) -> stdlib_gettext.NullTranslations:
    """The catalogue of a language, compiled in memory: no binary file has to be kept in step with its source."""
    if language == ENGLISH:
        return stdlib_gettext.NullTranslations()
    entries = sorted(read_po((_FOLDER / f"{language}.po").read_text("utf-8")).items())
    texts = [[text.encode() for text in column] for column in zip(*entries, strict=True)]
    # https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
    header = struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    at = 28 + 16 * len(entries)
    table, strings = b"", b""
    for text in (*texts[0], *texts[1]):
        table += struct.pack("<2I", len(text), at + len(strings))
        strings += text + b"\0"
    return stdlib_gettext.GNUTranslations(io.BytesIO(header + table + strings))


def read_po(text: str) -> dict[str, str]:
    """The entries of a .po file, as a .mo file holds them: forms of singular and plural are joined by NUL.

    Raises ValueError for a line that is none of such a file.
    """
    entries: list[dict[str, str]] = []
    keyword = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or not (found["keyword"] or keyword):
            raise ValueError(f"not a line of a .po file: {line}")
        keyword = found["keyword"] or keyword
        if found["keyword"] == "msgid":
            entries.append({})
        entries[-1][keyword] = entries[-1].get(keyword, "") + ast.literal_eval(found["text"])
    return {
        "\0".join(forms[each] for each in ("msgid", "msgid_plural") if each in forms): "\0".join(
            form for key, form in sorted(forms.items()) if key.startswith("msgstr")
        )
        for forms in entries
    }
