"""Files of channels and group chats: what Teams tells a bot of them only through Microsoft Graph.

The activity of such a message has no link to its files; in group chats not even a mark that there are any. Graph has
the message (https://learn.microsoft.com/graph/api/chatmessage-get), whose attachments of type `reference` say where
each file lies, and gives its bytes (https://learn.microsoft.com/graph/api/shares-get). The first needs
resource-specific consent of the team or chat, the second the application permission Files.Read.All.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import jwt
import orjson
from yarl import URL

from adapters.teams.activity_attachments import is_in_sharepoint
from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.trusted_addresses import FilePlace
from bot.attachments import MAX_FILES, POSSIBLE_POINTER, Attachment
from bot.conversation import ConversationKey, ConversationReference, Scope
from bot.diagnosis import Finding
from bot.errors import AttachmentError, ChannelError
from bot.file_names import plain_name
from bot.language import N_, _
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

GRAPH_FILE: Final = "driveItem"
"""The content type of an attachment whose `url` is an address that Graph gives the bytes of."""

FILES_PERMISSION: Final = "Files.Read.All"
MESSAGE_PERMISSIONS: Final = {Scope.GROUP: "ChatMessage.Read.Chat", Scope.CHANNEL: "ChannelMessage.Read.Group"}
MAX_PAUSE_S: Final = 20.0
"""The longest wait that Graph may ask for (`Retry-After`); beyond it the person is told at once."""

_READS_FILES: Final = frozenset(
    {FILES_PERMISSION, "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All", "Sites.FullControl.All"}
)
_ID: Final = re.compile(
    r"(?!\.{1,2}$)[A-Za-z0-9:@._+=-]{1,400}", re.ASCII
)  # of Teams and Graph: no slash, no dot segment
_GROUP: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_ROOT: Final = ";messageid="
_DEADLINE_S: Final = 45.0
_MAX_MESSAGE_BYTES: Final = 1_000_000
_MAX_REMEMBERED: Final = 10_000
_CHECK_S: Final = 5.0
# A message reaches Graph a moment after the bot, so 404 may pass. None: there was no answer.
_MAY_PASS: Final = frozenset({None, 404, 408, 429, 500, 502, 503, 504})
_NOT_ALLOWED: Final = N_(
    "I may not look for files in this conversation: an administrator has to give this app the permission {permission}, "
    "by installing it here anew. Until then, please send files to me in a one-to-one chat."
)
_NOT_FOUND: Final = N_(
    "Microsoft Teams does not find your message, so I could not look for its files. Please send it again."
)
_TOO_BUSY: Final = N_(
    "Microsoft 365 is too busy to tell me which files came with your message. Please send it again in a few minutes."
)
_NO_ANSWER: Final = N_(
    "Microsoft 365 did not tell me which files came with your message. If there were any, please send it again later."
)

GroupOf = Callable[[ConversationReference, str], Awaitable[str]]
"""The directory id of the team of a thread id, which the connector knows. Raises ChannelError."""


class _FailedError(Exception):
    """Graph did not give what it was asked for; `status` is None where it did not answer."""

    def __init__(self, status: int | None, why: str = "") -> None:
        super().__init__(why or (f"status {status}" if status else "no answer"))
        self.status = status


class GraphFiles:
    """Finds the files of a message. `token_of` gives the token of a tenant, which goes to `url` alone."""

    def __init__(
        self,
        *,
        url: str,
        is_named: bool,
        session: aiohttp.ClientSession,
        token_of: Callable[[str], BotToken],
        group_of: GroupOf,
        retry_pauses_s: tuple[float, ...],
    ) -> None:
        """`is_named`: the operator named the address of Graph, which may lie within this network then."""
        self._url = url
        self._is_named = is_named
        self._session = session
        self._token_of = token_of
        self._group_of = group_of
        self._retry_pauses_s = retry_pauses_s
        self._told: set[ConversationKey] = set()  # where people know that the bot may not look

    def token(self, reference: ConversationReference) -> BotToken:
        """The token with which the tenant of this conversation is asked: each tenant consents for itself."""
        return self._token_of(reference.key.tenant)

    def place_of(self, attachment: Attachment) -> FilePlace:
        """Where Graph gives the bytes of a file that `files_of` found."""
        encoded = base64.urlsafe_b64encode(attachment.url.encode(errors="replace")).rstrip(b"=").decode()
        url = URL(f"{self._url}/v1.0/shares/u!{encoded}/driveItem/content", encoded=True)
        return FilePlace(url=url, named=self._is_named, takes_token=True)

    async def files_of(self, pointer: Attachment, reference: ConversationReference) -> tuple[Attachment, ...]:
        """The files of the message that the reference replies to. Raises AttachmentError.

        Where nothing says that there are files, people are told once that the bot may not look, and not each time.
        """
        is_possible = pointer.content_type == POSSIBLE_POINTER
        if is_possible and reference.key.private_to:
            return ()  # Graph does not have targeted messages
        try:
            async with asyncio.timeout(_DEADLINE_S):
                message = await self._read(await self._message_url(pointer, reference), self.token(reference))
        except (_FailedError, TokenUnavailableError, ChannelError, TimeoutError) as failure:
            status = failure.status if isinstance(failure, _FailedError) else None
            log.warning("files of a message cannot be looked for", extra={"status": status, "why": str(failure)})
            if is_possible and status == 404:
                return ()
            if is_possible and status in (401, 403):
                if reference.key in self._told:
                    return ()
                if len(self._told) >= _MAX_REMEMBERED:
                    self._told.clear()
                self._told.add(reference.key)
            raise AttachmentError(
                f"files of a message cannot be looked for: {failure}", apology=_sentence(status, reference.scope)
            ) from None
        return _references(message)[: MAX_FILES + 1]

    async def _message_url(self, pointer: Attachment, reference: ConversationReference) -> URL:
        conversation, __, root = reference.key.conversation.partition(_ROOT)
        message = str(reference.reply_to or "")
        if reference.scope is Scope.CHANNEL:
            group = pointer.url if _GROUP.fullmatch(pointer.url) else await self._group_of(reference, pointer.url)
            reply = message if root not in ("", message) else None
            names = ["teams", group, "channels", conversation, "messages", root or message]
            names += ["replies", reply] if reply else []
        else:
            names = ["chats", conversation, "messages", message]
        if not all(_ID.fullmatch(name) for name in names):
            raise _FailedError(400, "an id of the message is none of Teams")
        return URL(f"{self._url}/v1.0/{'/'.join(quote(name, safe='') for name in names)}", encoded=True)

    async def _read(self, url: URL, source: BotToken) -> object:
        """The JSON at an address of Graph. Raises _FailedError, TokenUnavailableError."""
        token, renewed = await source.get(), False
        pauses_s = iter((*self._retry_pauses_s, None))
        while True:
            status, named_pause_s = None, None
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            try:
                async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                    status, named_pause_s = response.status, retry_after_s(response.headers)
                    if status == 200:
                        return await _json(response)
            except aiohttp.ClientError as error:
                status = None
                log.info("no answer from Microsoft Graph", extra={"error": type(error).__name__})
            if status == 401 and not renewed:
                token, renewed = await source.renew(token), True
                continue
            pause_s = next(pauses_s)
            if pause_s is None or status not in _MAY_PASS or (named_pause_s or 0) > MAX_PAUSE_S:
                raise _FailedError(status)
            await asyncio.sleep(max(pause_s, named_pause_s or 0))


async def check_graph(url: str, token: BotToken, app_id: str) -> Finding:
    """Whether Graph answers the bot, and gives it files as far as its token says so.

    An app's permissions are the `roles` of its token; what teams and chats consented to is not in there.
    """
    try:
        given = await token.get()
        timeout = aiohttp.ClientTimeout(total=_CHECK_S)
        async with aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {given}"}) as session:
            # Nothing is known of this address, so the answer is 4xx; only that of a refused token says something.
            shared = f"{url}/v1.0/shares/u!aHR0cHM6Ly9leGFtcGxlLmNvbS8/driveItem"
            async with session.get(shared, allow_redirects=False) as response:
                status = response.status
    except TokenUnavailableError:
        return await token.check()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding.failed(
            f"Microsoft Graph does not answer ({type(error).__name__}).",
            "Let this machine reach it by https, or check CLOUD.",
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return Finding.failed("Microsoft Graph refuses the bot's token.", "Check CLOUD, and leave GRAPH_URL unset.")
    try:
        roles = jwt.decode(given, options={"verify_signature": False}).get("roles", [])
    except jwt.InvalidTokenError:
        return Finding.passed("Graph answers; its token does not say whether Files.Read.All was granted")
    if not (isinstance(roles, list) and _READS_FILES.intersection(map(str, roles))):
        return Finding.failed(
            "The app may not read files of channels and group chats: nobody granted it Files.Read.All.",
            "An administrator grants that application permission of Microsoft Graph: az ad app permission add "
            f"--id {app_id} --api 00000003-0000-0000-c000-000000000000 --api-permissions "
            f"01d4889c-1287-42c6-ac1f-5d1e02578ef6=Role, then az ad app permission admin-consent --id {app_id}.",
        )
    return Finding.passed("the app may read files; whether it may read messages each team and chat decides (package)")


async def _json(response: aiohttp.ClientResponse) -> object:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MAX_MESSAGE_BYTES:
            raise _FailedError(response.status, "the message is too large")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _FailedError(response.status, "the answer is no JSON") from None


def _references(message: object) -> tuple[Attachment, ...]:
    """The files that a `chatMessage` refers to; its cards, quotes and tabs are no files."""
    match message:
        case {"attachments": list(given)}:
            return tuple(
                Attachment(
                    name=plain_name(str(each.get("name") or "file")),
                    url=(url := _text(each)),
                    content_type=GRAPH_FILE,
                    link=url if is_in_sharepoint(url) else "",
                )
                for each in given
                if isinstance(each, dict) and each.get("contentType") == "reference"
            )
        case {"attachments": None} | {"id": str()}:
            return ()
        case _:
            raise AttachmentError("an answer of Graph is no message", apology=_(_NO_ANSWER))


def _text(given: dict[str, object]) -> str:
    url = given.get("contentUrl")
    return url if isinstance(url, str) else ""


def _sentence(status: int | None, scope: Scope) -> str:
    match status:
        case 401 | 403:
            return _(_NOT_ALLOWED).format(permission=MESSAGE_PERMISSIONS.get(scope, MESSAGE_PERMISSIONS[Scope.GROUP]))
        case 404:
            return _(_NOT_FOUND)
        case 429:
            return _(_TOO_BUSY)
        case _:
            return _(_NO_ANSWER)
