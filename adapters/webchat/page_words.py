"""What the page says, in the language of its reader: `page/words.<language>.json` for each language of the bot.

The browser's own order of languages counts (RFC 9110, section 12.5.4) until the person chooses one in the page's menu,
which keeps it in a cookie.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from bot.language import ENGLISH, LANGUAGES

LANGUAGE_COOKIE: Final = "teamsbot-language"

_FOLDER: Final = Path(__file__).parent / "page"
_MAX_ACCEPTED_CHARS: Final = 200
_ACCEPTED: Final = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,30})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.ASCII
)
_CODE: Final = re.compile(r"`([^`]+)`")


def _catalogue(language: str) -> Mapping[str, str]:
    words: dict[str, str] = json.loads((_FOLDER / f"words.{language}.json").read_text("utf-8"))
    return words


CATALOGUES: Final = {language: _catalogue(language) for language in LANGUAGES}


def chosen_language(request: web.Request) -> str:
    """The language that the person chose on the page; empty if the browser's counts."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else ""


def language_for(request: web.Request) -> str:
    """The language in which this browser's page speaks."""
    if chosen := chosen_language(request):
        return chosen
    accepted: list[tuple[float, str]] = []
    for each in request.headers.get("Accept-Language", "")[:_MAX_ACCEPTED_CHARS].split(","):
        found = _ACCEPTED.fullmatch(each)
        if found is not None and found[1].lower() in LANGUAGES:
            accepted.append((float(found[2] or 1), found[1].lower()))
    weight, language = max(accepted, key=lambda one: one[0], default=(0.0, ENGLISH))
    return language if weight > 0 else ENGLISH


def as_html(words: Mapping[str, str]) -> dict[str, str]:
    """The same for the page's HTML: nothing in them is markup, but what stands between backticks is code."""
    return {key: _CODE.sub(r"<code>\1</code>", html.escape(text)) for key, text in words.items()}


def as_script(words: Mapping[str, str]) -> str:
    """The same as JSON that can stand in a script element."""
    return json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
