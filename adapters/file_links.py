"""Links to plots and files: signed when a part is sent, and served at `GET /files/{link}/{name}`.

A link is `token.time.signature`: the token that the store gave the file, when the link was made, and an HMAC of both.
So a store can be moved, a key can be replaced, and a link ends; the bytes come from the bot, never by a redirect,
because chat clients do not follow one for a picture. Nothing that is served can run in the service's origin: only four
picture types are shown, and everything else goes out as a download whose type nobody may guess.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web
from itsdangerous import BadSignature, TimestampSigner
from typing_extensions import override

from bot.errors import StorageError
from bot.file_names import shortened
from bot.parts import OpenFile, StoredFile
from bot.ports import FileLinks, FileOpener
from httpkit.http_headers import content_disposition

log = logging.getLogger(__name__)

LINK: Final = r"[A-Za-z0-9_-]{32}\.[A-Za-z0-9_-]{4,8}\.[A-Za-z0-9_-]{43}"
"""A signed link, as a regular expression: what the route serves and what logs hide."""

_MAX_NAME: Final = 24  # characters beyond ASCII, each of which is up to twelve in an address
_SALT: Final = b"teamsbot file link"  # a key signs other things too; what one purpose signed opens no other
_MAX_AHEAD_S: Final = 86_400  # a link from the future was made by a clock that was wrong; beyond a day it never ends
_MAX_AGE_S: Final = 300  # browsers and image proxies keep a copy this long, also of a link that was called back
_SLICE_BYTES: Final = 64 * 1024
_MAX_WRITE_S: Final = 60.0  # for one slice: a client that takes less would hold its connection for ever
_ALWAYS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # chat clients show pictures in pages of their own origin
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_EXPIRED: Final = (410, "LinkExpired", "This link has expired. Ask in the chat for the file again.")
_NOT_FOUND: Final = (404, "NotFound", "There is no file at this address.")
_DOWN: Final = (503, "StorageDown", "Files cannot be read at the moment. Try again in a few seconds.")
_PAGE: Final = (
    '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>No file</title>'
    "<h1>No file</h1><p>{message}</p></html>"
)

Keys = Callable[[], Awaitable[Sequence[bytes]]]
"""The signing keys, the newest first; raises StorageError. Only the first one signs, the others still verify."""


class LinkRefusedError(Exception):
    """A link that opens nothing. `expired` tells one that once did from one that this bot never made."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "not signed by this bot")
        self.expired = expired


class SignedLinks(FileLinks):
    """Makes links below `public_url`, and finds the token in one that came back."""

    def __init__(
        self, *, public_url: str, keys: Keys, lifetime_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._public_url = public_url.rstrip("/")
        self._keys = keys
        self._lifetime_s = lifetime_s
        self._clock = clock

    @property
    @override
    def origin(self) -> str:
        return self._public_url

    @property
    def path(self) -> str:
        """The path of `public_url`: empty, or what a proxy put before this service's own paths."""
        return urlsplit(self._public_url).path

    @override
    async def url(self, file: StoredFile) -> str:
        link = (await self._signer()).sign(file.token).decode()
        # The token alone finds the file. A hundred letters beyond ASCII would be 900 characters in each line of a card.
        name = file.name if file.name.isascii() else shortened(file.name, _MAX_NAME)
        return f"{self._public_url}/files/{link}/{quote(name, safe='', errors='replace')}"

    async def token(self, link: str) -> str:
        """The token in a link. Raises LinkRefusedError, StorageError."""
        if not re.fullmatch(LINK, link):
            raise LinkRefusedError(expired=False)
        signer = await self._signer()
        try:
            value, made_at = signer.unsign(link, return_timestamp=True)
        except BadSignature:
            raise LinkRefusedError(expired=False) from None
        age_s = self._clock() - made_at.timestamp()
        if age_s < -_MAX_AHEAD_S or age_s > self._lifetime_s:
            raise LinkRefusedError(expired=True)
        return value.decode()

    async def _signer(self) -> _Signer:
        return _Signer(await self._keys(), self._clock)


class _Signer(TimestampSigner):
    def __init__(self, keys: Sequence[bytes], clock: Callable[[], float]) -> None:
        # The library signs with the last key of its list.
        super().__init__([*reversed(keys)], salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    @override
    def get_timestamp(self) -> int:
        return int(self._clock())


def add_file_routes(app: web.Application, files: FileOpener, links: SignedLinks) -> None:
    """Serve stored files, by GET and HEAD. The name in the address is for people; the signed token alone decides."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            token = await links.token(request.match_info["link"])
            async with files.opened(token) as file:
                return _error(request, *_NOT_FOUND) if file is None else await _send(request, file)
        except LinkRefusedError as refusal:
            return _error(request, *(_EXPIRED if refusal.expired else _NOT_FOUND))
        except StorageError as error:
            log.warning("file was not readable", extra={"why": str(error)})
            return _error(request, *_DOWN, headers={"Retry-After": "10"})

    for prefix in sorted({"", links.path}):  # a proxy may take the prefix away or leave it
        app.router.add_get(prefix + "/files/{link}/{name}", serve)


async def _send(request: web.Request, file: OpenFile) -> web.StreamResponse:
    """Send chunk by chunk: each is read when the client has taken most of those before it."""
    response = web.StreamResponse(headers=_headers(file))
    response.content_length = file.size_bytes
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        async for chunk in file.chunks:
            whole = memoryview(chunk)
            for begin in range(0, len(chunk), _SLICE_BYTES):
                async with asyncio.timeout(_MAX_WRITE_S):
                    await response.write(whole[begin : begin + _SLICE_BYTES])
    except ConnectionError:
        log.debug("file not fetched to its end")  # the client is gone, and the rest of the file is not read
    except (StorageError, TimeoutError) as error:
        log.warning("file not sent to its end", extra={"why": str(error) or "the client took nothing for a minute"})
        if request.transport is not None:
            request.transport.abort()  # a client that sees a broken connection takes no half for the whole
    return response


def _headers(file: OpenFile) -> dict[str, str]:
    return {
        **_ALWAYS,
        "Cache-Control": f"private, max-age={_MAX_AGE_S}",
        "Content-Disposition": content_disposition(file.name, inline=file.picture_type is not None),
        "Content-Type": file.picture_type or "application/octet-stream",
    }


def _error(
    request: web.Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A sentence for a person who opened the link in a browser, and JSON for a program."""
    headers = {**_ALWAYS, "Cache-Control": "no-store", "Vary": "Accept", **(headers or {})}
    if "text/html" in request.headers.get("Accept", ""):
        page = _PAGE.format(message=html.escape(message))
        return web.Response(text=page, status=status, content_type="text/html", headers=headers)
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)
