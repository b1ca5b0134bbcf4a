"""Who may come in at the page's routes, behind the guard that lets only this machine in at all.

That guard takes any page of a loopback origin; another program's page on another port is still a stranger here.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Iterable
from typing import Final, cast

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import Activity, ConversationId
from bot.errors import StorageError

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024
MAX_NESTING: Final = 50  # orjson reads far deeper than it writes, and what is kept is written again and again
_MAX_BODY_WAIT_S: Final = 15.0


class RefusedError(Exception):
    """A request that is not taken, in the shape of Direct Line's and the connector's own errors."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def from_own_page(handler: Handler) -> Handler:
    """Serve requests of the page itself, and of programs without an origin; refuse those of any other page."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        own = f"{request.scheme}://{request.host}"
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.headers.get("Origin", own) != own or site not in ("same-origin", "none"):
            return _as_response(RefusedError(403, "ForeignPage", "Only the chat page itself may ask for this."))
        return await _answered(handler, request)

    return guarded


def from_bot(handler: Handler) -> Handler:
    """Serve the bot's requests; no page is the bot, not even the chat page."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
            return _as_response(RefusedError(403, "NotTheBot", "Web pages may not speak for the bot."))
        return await _answered(handler, request)

    return guarded


def allowed(request: web.Request, tokens: Tokens) -> ConversationId:
    """The conversation that the token opens, which must be the one in the address if that has one.

    Raises RefusedError. The token stands in a header, or in the address of a WebSocket, which has no headers.
    """
    given = request.query.get("t") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    conversation = tokens.conversation(given)
    if conversation is None or request.match_info.get("conversation", conversation) != conversation:
        raise RefusedError(403, "BadToken", "The token does not open this conversation.")
    return conversation


async def read_object(request: web.Request) -> Activity:
    """The JSON object in a body. Raises RefusedError."""
    if request.content_type != "application/json":
        raise RefusedError(415, "UnsupportedMediaType", "Send application/json.")
    try:
        read = orjson.loads(await _body(request))
    except orjson.JSONDecodeError:
        raise RefusedError(400, "MalformedJson", "The body is not JSON.") from None
    if not isinstance(read, dict):
        raise RefusedError(400, "NotAnObject", "The body must be a JSON object.")
    if _is_deeper_than(MAX_NESTING, read):
        raise RefusedError(400, "TooDeep", f"The body must not be nested deeper than {MAX_NESTING} levels.")
    return cast(Activity, read)


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_MAX_BODY_WAIT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RefusedError(413, "BodyTooLarge", f"At most {MAX_BODY_BYTES:,} bytes.")
    except TimeoutError:
        raise RefusedError(408, "BodyTooSlow", "The body took too long.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise RefusedError(400, "BrokenBody", "The body broke off or is wrongly framed.") from None
    return bytes(body)


def _is_deeper_than(levels: int, read: Activity) -> bool:
    level: list[object] = [read]
    for _ in range(levels):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


async def _answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        return _as_response(refused)
    except StorageError as error:
        log.warning("chat page not served", extra={"why": str(error)})
        return _as_response(RefusedError(503, "StorageDown", "Conversations cannot be kept just now."))


def _as_response(refused: RefusedError) -> web.Response:
    body = {"error": {"code": refused.code, "message": str(refused)}}
    return web.json_response(body, status=refused.status)
