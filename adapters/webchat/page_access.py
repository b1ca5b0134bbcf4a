"""Who may come in at the page's routes, behind `loopback_only`, which lets only this user of this machine in at all.

That guard takes any page of a loopback origin; another program's page on another port is still a stranger here. And
where the kernel cannot tell whose a connection is, the page and the bot have to show a key. What is of one conversation
takes that conversation's token, as Direct Line has them.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import logging
import re
import secrets
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.webchat.transcripts import Activity, ConversationId
from bot.conversation import MAX_TEXT_CHARS
from bot.errors import StorageError
from httpkit.http_errors import RequestRefusedError, error_response
from httpkit.json_body import read_json_object
from httpkit.loopback import PeerUser, peer_user_of

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 12 * MAX_TEXT_CHARS + 50_000  # JSON may write a letter in twelve bytes
MAX_NESTING: Final = 50  # orjson reads far deeper than it writes, and what is kept is written again and again

_CONVERSATION: Final = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)


class Tokens:
    """Made from a key rather than remembered, so that a page that is open goes on after a restart."""

    def __init__(self, *, key: str) -> None:
        self._key = key.encode()

    def issue(self, conversation: ConversationId) -> str:
        """The token of a conversation, always the same."""
        seal = hmac.new(self._key, conversation.encode(), hashlib.sha256).hexdigest()
        return f"{conversation}.{seal}"

    def conversation(self, token: str) -> ConversationId | None:
        """The conversation that a token opens; None if this program did not make it."""
        named = conversation_id(token.partition(".")[0])
        if named is None or not hmac.compare_digest(self.issue(named).encode(), token.encode("utf-8", "replace")):
            return None
        return named

    @property
    def page_key(self) -> str:
        """What opens the page for a person whom the kernel cannot tell, as in Jupyter's addresses."""
        return self._derived("page")

    @property
    def connector_key(self) -> str:
        """What opens the bot's side of the page; a part of the `serviceUrl` that only the bot is given."""
        return self._derived("connector")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).hexdigest()


KEYS: Final = web.AppKey("webchat keys", Tokens)


def cookie_name(request: web.Request) -> str:
    """Cookies do not know ports, so that of each service on this machine has a name of its own."""
    return f"teamsbot-{request.url.port}"


def has_page_key(request: web.Request) -> bool:
    """Whether the request may see the page: it is this user's, or carries the page's key in its cookie."""
    if peer_user_of(request) is PeerUser.OURS:
        return True
    return same_text(request.cookies.get(cookie_name(request), ""), request.app[KEYS].page_key)


def same_text(given: str, expected: str) -> bool:
    """Compare without telling by the time it takes how much is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def from_own_page(handler: Handler) -> Handler:
    """Serve requests of the page itself, and of programs without an origin; refuse those of any other page."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        own = f"{request.scheme}://{request.host}"
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.headers.get("Origin", own) != own or site not in ("same-origin", "none"):
            return _as_response(RequestRefusedError(403, "ForeignPage", "Only the chat page itself may ask for this."))
        if not has_page_key(request):
            return _as_response(RequestRefusedError(403, "NoKey", "Open the page by the address that has its key."))
        return await _answered(handler, request)

    return guarded


def from_bot(handler: Handler) -> Handler:
    """Serve the bot's requests; no page is the bot, not even the chat page."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
            return _as_response(RequestRefusedError(403, "NotTheBot", "Web pages may not speak for the bot."))
        # Turns of an earlier version know an address without a key; it serves only whom the kernel vouches for.
        key = request.match_info.get("key")
        known = (
            peer_user_of(request) is PeerUser.OURS if key is None else same_text(key, request.app[KEYS].connector_key)
        )
        if not known:
            return _as_response(RequestRefusedError(403, "NotTheBot", "Only the bot may speak for the bot."))
        return await _answered(handler, request)

    return guarded


def allowed(request: web.Request, tokens: Tokens) -> ConversationId:
    """The conversation that the token opens, which must be the one in the address if that has one.

    Raises RequestRefusedError. The token stands in a header, or in the address of a WebSocket, which has no headers.
    """
    given = request.query.get("t") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    conversation = tokens.conversation(given)
    if conversation is None or request.match_info.get("conversation", conversation) != conversation:
        raise RequestRefusedError(403, "BadToken", "The token does not open this conversation.")
    return conversation


async def read_object(request: web.Request) -> Activity:
    """The JSON object in a body. Raises RequestRefusedError."""
    return await read_json_object(request, max_bytes=MAX_BODY_BYTES, max_nesting=MAX_NESTING)


async def _answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except RequestRefusedError as refused:
        return _as_response(refused)
    except StorageError as error:
        log.warning("chat page not served", extra={"why": str(error)})
        return _as_response(RequestRefusedError(503, "StorageDown", "Conversations cannot be kept just now."))


def _as_response(refused: RequestRefusedError) -> web.Response:
    return error_response(refused.status, refused.code, str(refused))


def new_conversation() -> ConversationId:
    """An id that nobody can guess."""
    return ConversationId(secrets.token_urlsafe(12))


def conversation_id(text: object) -> ConversationId | None:
    """The id, if the text has the form of one."""
    return ConversationId(text) if isinstance(text, str) and _CONVERSATION.fullmatch(text) else None
