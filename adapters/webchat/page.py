"""`/`: the page itself, its own few files, and Web Chat's bundle as it was fetched."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from adapters.webchat.page_access import KEYS, cookie_name, has_page_key, same_text
from bot.attachments import ENDINGS, MAX_FILE_BYTES, MAX_FILES
from bot.sentences import STARTERS

_FILES: Final = Path(__file__).parent / "page"
_OWN: Final = frozenset(path.name for path in _FILES.iterdir() if path.suffix in (".css", ".csv", ".js", ".svg"))
ALWAYS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_NEEDS_KEY: Final = "Open this page by the address that the service printed when it started: it ends in a key.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A question to begin with; `kind` says in a word or two what it shows, `file` is a sample that goes with it."""

    question: str
    kind: str = ""
    file: str = ""


BUILT_IN_STARTERS: Final = (
    Starter(kind="A function", question=STARTERS[0]),
    Starter(
        kind="Your data",
        question="Which month had the highest revenue? Plot revenue over the months.",
        file="sales-by-month.csv",
    ),
    Starter(kind="Numbers", question="What are the mean and the standard deviation of 12, 15, 9, 22 and 17?"),
    Starter(kind="Getting started", question="What can you do?"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What the page says about this very service."""

    assistant: str
    assistant_id: str
    speaker: str  # the model or assistant that answers, in words
    can_connect: bool  # no model was chosen yet, so the page says how to
    starters: Sequence[Starter] = BUILT_IN_STARTERS


class ChatPage:
    """Serves the page. `picture_sources` are where plots and uploads come from, `bundle` where Web Chat lies."""

    def __init__(
        self,
        *,
        words: PageWords,
        picture_sources: Sequence[str],
        bundle: Path,
        highlighter: Path,
        has_threads: bool = True,
    ) -> None:
        """`highlighter` colours code; the page does without where it is missing.

        `has_threads`: the assistant's service can be asked for its assistants, threads and runs.
        """
        self._words = words
        self._picture_sources = picture_sources
        self._bundle = bundle
        self._highlighter = highlighter
        self._has_threads = has_threads
        self._page = Template((_FILES / "index.html").read_text("utf-8"))

    def add_routes(self, app: web.Application) -> None:
        """Serve `/` and what belongs to it."""
        app.add_routes(
            [
                web.get("/", self._show),
                web.get("/chat/webchat.js", partial(_script, bundle=self._bundle)),
                web.get("/chat/highlight.js", partial(_script, bundle=self._highlighter)),
                web.get("/chat/files/{name}", self._own_file),
            ]
        )

    async def _show(self, request: web.Request) -> web.Response:
        if "key" in request.query:
            return self._let_in(request)
        if not has_page_key(request):
            return web.Response(status=403, text=_NEEDS_KEY, headers=ALWAYS)
        nonce = secrets.token_urlsafe(16)
        words = self._words
        html = self._page.substitute(
            nonce=nonce,
            assistant=escape(words.assistant),
            speaker=escape(words.speaker),
            starters="\n".join(map(_item, words.starters)),
            takes=",".join(ENDINGS),
            max_bytes=MAX_FILE_BYTES,
            max_files=MAX_FILES,
            threads="yes" if self._has_threads else "no",
            threads_hidden="" if self._has_threads else "hidden",
            no_threads_hidden="hidden" if self._has_threads else "",
            connect_hidden="" if words.can_connect else "hidden",
            missing_hidden="hidden" if self._bundle.is_file() else "",
        )
        policy = _policy(nonce, request.host, self._picture_sources)
        return web.Response(text=html, content_type="text/html", headers={**ALWAYS, "Content-Security-Policy": policy})

    def _let_in(self, request: web.Request) -> web.Response:
        """Move the key from the address, which histories keep, into a cookie that only this page's requests carry."""
        answer = web.Response(status=303, headers={**ALWAYS, "Location": "/"})
        if same_text(request.query["key"], request.app[KEYS].page_key):
            answer.set_cookie(
                cookie_name(request), request.query["key"], httponly=True, samesite="Strict", path="/", max_age=None
            )
        return answer

    async def _own_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _OWN:
            raise web.HTTPNotFound
        return web.FileResponse(_FILES / name, headers=ALWAYS)


def _item(starter: Starter) -> str:
    question, file = escape(starter.question), escape(starter.file)
    lines = [f"<b>{escape(starter.kind)}</b>"] if starter.kind else []
    lines.append(f"<span>{question}</span>")
    if file:
        lines.append(f'<span class="sample">with {file}</span>')
    data = f'data-question="{question}"' + (f' data-file="{file}"' if file else "")
    return f'      <li><button type="button" {data}>{"".join(lines)}</button></li>'


async def _script(_: web.Request, *, bundle: Path) -> web.StreamResponse:
    if not await asyncio.to_thread(bundle.is_file):
        raise web.HTTPNotFound
    return web.FileResponse(bundle, headers={**ALWAYS, "Content-Type": "text/javascript; charset=utf-8"})


def _policy(nonce: str, host: str, picture_sources: Sequence[str]) -> str:
    """What the browser may load for this page: nothing of other places, so that no answer can carry words away."""
    origins = (urlsplit(source) for source in picture_sources)
    pictures = " ".join(dict.fromkeys(f"{origin.scheme}://{origin.netloc}" for origin in origins))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}'",
            f"img-src 'self' data: blob: {pictures}",
            f"connect-src 'self' ws://{host} blob:",  # Web Chat reads a file that is to be uploaded as a blob:
            "font-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
