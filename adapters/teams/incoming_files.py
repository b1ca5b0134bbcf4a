"""Files that come with messages, fetched from where Teams keeps them.

A person's upload (`file.download.info`) lies in SharePoint at an address that holds its own permission: a bearer token
has no business there. A pasted picture lies at the connector and is given for the bot's own token; every other host,
and whatever a redirect leads to, never sees it.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote_to_bytes, urljoin

import aiohttp
from typing_extensions import override

from adapters.teams.activity_attachments import DOWNLOAD_INFO
from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.graph_files import FILES_PERMISSION, GRAPH_FILE, MAX_PAUSE_S, GraphFiles
from adapters.teams.trusted_addresses import FilePlace, FilePlaces
from bot.attachments import MAX_FILE_BYTES, Attachment, receive, too_large
from bot.conversation import ConversationReference, Scope
from bot.errors import AttachmentError, StorageError
from bot.language import N_, _
from bot.ports import IncomingFiles
from httpkit.egress import AddressRefusedError, egress_session
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

_DATA_URL: Final = re.compile(
    r"data:(?P<type>[\w.+/-]{0,100})(;[\w-]{1,40}=[\w.-]{1,40})*(?P<base64>;base64)?,", re.ASCII
)
_CHUNK_BYTES: Final = 256 * 1024
_DEADLINE_S: Final = 60.0
_LEFT_BEHIND_S: Final = 3600.0
_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DENIED: Final = frozenset({401, 403})
_MAY_PASS: Final = frozenset({None, 408, 425, 429, 500, 502, 503, 504})  # None: there was no answer
_NOT_SWITCHED_ON: Final = N_(
    "I cannot see files that are attached in channels and group chats: the administrator of this bot has not switched "
    "that on (GRAPH_FILES, with the permission Files.Read.All). Please send them to me in a one-to-one chat."
)
_NOT_HANDED_OVER: Final = N_("Teams did not give me the file that you attached. Please attach it again.")
RETRY_PAUSES_S: Final = (0.5, 1.0, 2.0)
"""The connector refuses pictures to the right token now and then (botbuilder-js#4887)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressSessions:
    """Two pools of connections: to the internet, and to origins that the operator named, which may lie within."""

    public: aiohttp.ClientSession
    named: aiohttp.ClientSession

    def of(self, place: FilePlace) -> aiohttp.ClientSession:
        """The pool that may open a connection to this place."""
        return self.named if place.named else self.public

    @classmethod
    @asynccontextmanager
    async def opened(cls, deadline_s: float = _DEADLINE_S) -> AsyncIterator[Self]:
        """Both pools, for as long as the context lasts."""
        async with AsyncExitStack() as stack:
            public = await stack.enter_async_context(egress_session(private=False, deadline_s=deadline_s))
            named = await stack.enter_async_context(egress_session(private=True, deadline_s=deadline_s))
            yield cls(public=public, named=named)


class _StatusError(Exception):
    """An answer that is no file."""

    def __init__(self, status: int, *, had_token: bool, named_pause_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.had_token = had_token
        self.named_pause_s = named_pause_s  # how long to wait, as the answer says


class TeamsFiles(IncomingFiles):
    """Fetches into a folder that holds nothing between two files."""

    def __init__(
        self,
        *,
        folder: Path,
        places: FilePlaces,
        sessions: EgressSessions,
        token: BotToken | None = None,
        graph: GraphFiles | None = None,
        retry_pauses_s: tuple[float, ...] = RETRY_PAUSES_S,
    ) -> None:
        """`graph`: the way to files of channels and group chats, if the operator switched it on."""
        self._graph = graph
        self._folder = folder
        self._places = places
        self._sessions = sessions
        self._token = token
        self._retry_pauses_s = retry_pauses_s

    def open(self) -> None:
        """Make the folder, and remove what a crash left there, but not what another process may be fetching.

        Raises StorageError.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                if path.is_file() and path.stat().st_mtime < time.time() - _LEFT_BEHIND_S:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"files cannot be received in {self._folder}: {error.strerror}") from error

    @property
    @override
    def looks_for_more(self) -> bool:
        return self._graph is not None

    @override
    async def listed(self, pointer: Attachment, reference: ConversationReference) -> tuple[Attachment, ...]:
        if reference.scope is Scope.PERSONAL:
            raise AttachmentError("a file of a personal chat came without a link", apology=_(_NOT_HANDED_OVER))
        return await self._through_graph().files_of(pointer, reference)

    def _through_graph(self) -> GraphFiles:
        if self._graph is None:
            raise AttachmentError("GRAPH_FILES is off", apology=_(_NOT_SWITCHED_ON))
        return self._graph

    @override
    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        """Fetch a file; it is gone again afterwards."""
        path = self._folder / uuid.uuid4().hex
        try:
            async with asyncio.timeout(_DEADLINE_S):
                if attachment.content_type == GRAPH_FILE:
                    await self._fetch_through_graph(attachment, reference, path)
                elif attachment.url.startswith("data:"):
                    await receive(_chunks_in(attachment), path, name=attachment.name)
                else:
                    await self._fetch(attachment, reference, path)
        except TimeoutError:
            raise _lost(attachment, "no answer in time") from None
        except TokenUnavailableError as error:
            raise _lost(attachment, str(error)) from None
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def _fetch(self, attachment: Attachment, reference: ConversationReference, into: Path) -> None:
        place = self._places.of_attachment(attachment.url, reference.service_url)
        if place is None:
            raise _refused(attachment)
        # Teams has been seen to give out an upload at the connector's own address, where it wants the token after all.
        with_token = place.takes_token and attachment.content_type != DOWNLOAD_INFO
        for pause_s in (*self._retry_pauses_s, None):
            failure = await self._attempt(attachment, place, into, self._token if with_token else None)
            if failure is None:
                return
            is_denied = place.takes_token and _status(failure) in _DENIED
            if pause_s is None or not (is_denied or _status(failure) in _MAY_PASS):
                raise _told(attachment, failure)
            with_token = with_token or is_denied
            log.info("asking for a file again", extra={"why": type(failure).__name__, "pause_s": pause_s})
            await asyncio.sleep(pause_s)

    async def _fetch_through_graph(self, attachment: Attachment, reference: ConversationReference, into: Path) -> None:
        graph = self._through_graph()
        place, source, renewed = graph.place_of(attachment), graph.token(reference), False
        for pause_s in (*self._retry_pauses_s, None):
            failure = await self._attempt(attachment, place, into, source)
            if failure is None:
                return
            status, named_pause_s = (
                _status(failure),
                failure.named_pause_s if isinstance(failure, _StatusError) else None,
            )
            may_pass = status in _MAY_PASS or (status == 401 and not renewed)  # `_attempt` has renewed the token
            if pause_s is None or not may_pass or (named_pause_s or 0) > MAX_PAUSE_S:
                raise _told_of_graph(attachment, failure)
            renewed = renewed or status == 401
            log.info("asking for a file again", extra={"why": str(failure) or type(failure).__name__})
            await asyncio.sleep(max(pause_s, named_pause_s or 0))

    async def _attempt(
        self, attachment: Attachment, place: FilePlace, into: Path, source: BotToken | None
    ) -> aiohttp.ClientError | _StatusError | None:
        """Fetch once, with a token of the source: what went wrong in a way that may pass or has a sentence, or None."""
        token = await source.get() if source is not None else None
        try:
            async with aclosing(self._chunks(attachment, place, token)) as chunks:
                await receive(chunks, into, name=attachment.name)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefusedError):
                raise _refused(attachment) from None
            return error
        except (aiohttp.ClientError, _StatusError) as error:
            if source is not None and token is not None and _status(error) == 401:
                await source.renew(token)
            return error
        return None

    async def _chunks(self, attachment: Attachment, place: FilePlace, token: str | None) -> AsyncGenerator[bytes, None]:
        """The bytes at a place, or where its redirects lead: each is judged like the first, and none sees the token."""
        for _redirect in range(_MAX_REDIRECTS + 1):
            headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
            session = self._sessions.of(place)
            async with session.get(place.url, headers=headers, allow_redirects=False) as response:
                if response.status in _REDIRECTS and place.follows_redirects:
                    leads_to = self._places.of_file(urljoin(str(place.url), response.headers.get("Location", "")))
                    if leads_to is None:
                        raise _refused(attachment)
                    place, token = leads_to, None
                    continue
                if response.status != 200:
                    named_pause_s = retry_after_s(response.headers)
                    raise _StatusError(response.status, had_token=token is not None, named_pause_s=named_pause_s)
                if (response.content_length or 0) > MAX_FILE_BYTES:
                    raise AttachmentError("a file is said to be too large", apology=too_large(attachment.name))
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    yield chunk
                return
        raise _refused(attachment)


async def _chunks_in(attachment: Attachment) -> AsyncIterator[bytes]:
    """What a data: URL holds (RFC 2397)."""
    begin = _DATA_URL.match(attachment.url)
    if begin is None:
        raise _lost(attachment, "no data: URL")
    data = unquote_to_bytes(attachment.url[begin.end() :])
    try:
        yield base64.b64decode(data, validate=True) if begin["base64"] else data
    except binascii.Error:
        raise _lost(attachment, "no base64") from None


def _refused(attachment: Attachment) -> AttachmentError:
    return AttachmentError(
        "a file lies at an address that is not to be asked",
        apology=_("I may not fetch {name} from where it lies. Please attach the file itself.").format(
            name=attachment.name
        ),
    )


def _status(failure: Exception) -> int | None:
    return failure.status if isinstance(failure, _StatusError) else None


def _told(attachment: Attachment, failure: Exception) -> AttachmentError:
    """The failure of the last attempt, in a sentence for the file's sender."""
    match failure:
        case _StatusError(status=401 | 403, had_token=True):
            sentence = _("Teams would not let me open {name}. Please send it again.").format(name=attachment.name)
        case _StatusError(status=401 | 403 | 410):
            sentence = _("The link to {name} has expired. Please send the file again.").format(name=attachment.name)
        case _StatusError(status=404):
            sentence = _("{name} is no longer there. Please send it again.").format(name=attachment.name)
        case _:
            return _lost(attachment, str(failure) if isinstance(failure, _StatusError) else type(failure).__name__)
    return AttachmentError(f"a file cannot be fetched: {failure}", apology=sentence)


def _told_of_graph(attachment: Attachment, failure: Exception) -> AttachmentError:
    """The same for a file that Microsoft Graph was asked for."""
    match failure:
        case _StatusError(status=401 | 403, had_token=True):
            sentence = _(
                "I may not open {name}: an administrator has to give this app the permission {permission}. Until then, "
                "please send files to me in a one-to-one chat."
            )
        case _StatusError(status=429):
            sentence = _("Microsoft 365 is too busy to give me {name}. Please send it again in a few minutes.")
        case _StatusError(status=status) if status < 500:
            return _told(attachment, failure)
        case _:
            sentence = _("Microsoft 365 did not give me {name}. Please send it again later.")
    told = sentence.format(name=attachment.name, permission=FILES_PERMISSION)
    return AttachmentError(f"a file cannot be fetched through Graph: {failure}", apology=told)


def _lost(attachment: Attachment, why: str) -> AttachmentError:
    return AttachmentError(
        f"a file cannot be fetched: {why}",
        apology=_("I could not fetch {name}. Please send it again.").format(name=attachment.name),
    )
