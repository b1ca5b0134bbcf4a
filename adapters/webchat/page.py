"""`/`: the page itself, its own few files, and Web Chat's bundle as it was fetched."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from adapters.webchat.door import from_own_page, read_object
from adapters.webchat.tokens import Tokens, conversation_id, new_conversation
from adapters.webchat.transcripts import Transcripts

_FILES: Final = Path(__file__).parent / "page"
_OWN: Final = ("chat.css", "chat.js", "look.js", "panel.css", "panel.js")
_MOST_LISTED: Final = 200
_ALWAYS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What the page says about this very service."""

    assistant: str
    speaker: str  # the model or assistant that answers, in words
    can_connect: bool  # no model was chosen yet, so the page says how to


class ChatPage:
    """Serves the page. `files_url` is where the bot's plots come from, `bundle` where Web Chat lies."""

    def __init__(
        self, *, words: PageWords, transcripts: Transcripts, tokens: Tokens, files_url: str, bundle: Path
    ) -> None:
        self._words = words
        self._transcripts = transcripts
        self._tokens = tokens
        self._files_url = files_url
        self._bundle = bundle
        self._page = Template((_FILES / "index.html").read_text("utf-8"))

    def add_routes(self, app: web.Application) -> None:
        """Serve `/` and what belongs to it."""
        app.add_routes(
            [
                web.get("/", self._show),
                web.get("/chat/webchat.js", self._webchat),
                web.get("/chat/files/{name}", self._own_file),
                web.get("/chat/conversations", from_own_page(self._list)),
                web.post("/chat/tokens", from_own_page(self._open)),
            ]
        )

    async def _show(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        words = self._words
        html = self._page.substitute(
            nonce=nonce,
            assistant=escape(words.assistant),
            speaker=escape(words.speaker),
            connect_hidden="" if words.can_connect else "hidden",
            missing_hidden="hidden" if self._bundle.is_file() else "",
        )
        policy = _policy(nonce, request.host, self._files_url)
        return web.Response(text=html, content_type="text/html", headers={**_ALWAYS, "Content-Security-Policy": policy})

    async def _webchat(self, request: web.Request) -> web.StreamResponse:
        if not self._bundle.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(self._bundle, headers={**_ALWAYS, "Content-Type": "text/javascript; charset=utf-8"})

    async def _own_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _OWN:
            raise web.HTTPNotFound
        return web.FileResponse(_FILES / name, headers=_ALWAYS)

    async def _list(self, request: web.Request) -> web.Response:
        listed = await self._transcripts.conversations(_MOST_LISTED)
        return web.json_response([{"id": one.id, "title": one.title} for one in listed], headers=_ALWAYS)

    async def _open(self, request: web.Request) -> web.Response:
        """A token for the conversation that the page names, or for a new one."""
        conversation = conversation_id((await read_object(request)).get("conversation")) or new_conversation()
        said, _ = await self._transcripts.after(conversation, 0)
        opened = {"conversation": conversation, "token": self._tokens.issue(conversation), "empty": not said}
        return web.json_response(opened, headers=_ALWAYS)


def _policy(nonce: str, host: str, files_url: str) -> str:
    """What the browser may load for this page: nothing of other places, so that no answer can carry words away."""
    files = urlsplit(files_url)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}'",
            f"img-src 'self' data: blob: {files.scheme}://{files.netloc}",
            f"connect-src 'self' ws://{host}",
            "font-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
