"""Files that come with an activity: which there are, and the few addresses they may be fetched from.

Until this bot can tell people apart, everybody it serves is a program of this machine, and so is whatever sent the
message: a file is fetched from that very server (the one that `serviceUrl` names), or is in the address itself. So
nobody can make the bot ask another server for anything.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import mimetypes
import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import aiohttp
from botbuilder.schema import Activity
from botbuilder.schema import Attachment as ActivityAttachment

from bot.attachments import PICTURE_ENDINGS, Attachment
from bot.conversation import ConversationReference
from bot.errors import AttachmentError, StorageError
from bot.file_names import ending_of, plain_name
from bot.received_file import receive
from httpkit.loopback import is_loopback_url

_DOWNLOAD_INFO = "application/vnd.microsoft.teams.file.download.info"
_NO_FILES = ("text/html", "application/vnd.microsoft.card.", "messageReference")  # quotes, cards, the text once more
_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]{0,100})(;[\w-]{1,40}=[\w.-]{1,40})*(?P<base64>;base64)?,", re.ASCII)
_ORIGIN = re.compile(r"(?P<origin>http://[^/?#\\@\s]+)/[!-~]*", re.ASCII)
_PICTURE_ENDINGS = {"image/jpeg": ".jpg", "image/jpg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
_CHUNK_BYTES = 256 * 1024
_FETCH_DEADLINE_S = 60.0
_LEFT_BEHIND_S = 3600.0


def attachments_in(activity: Activity) -> tuple[Attachment, ...]:
    """The files of a message, with names that may be shown."""
    return tuple(_file(given) for given in activity.attachments or [] if _is_file(given))


def _is_file(given: ActivityAttachment) -> bool:
    content_type = given.content_type or ""
    return bool(_address(given)) and not content_type.startswith(_NO_FILES)


def _address(given: ActivityAttachment) -> str:
    content = given.content
    told = content.get("downloadUrl") if given.content_type == _DOWNLOAD_INFO and isinstance(content, dict) else None
    return told if isinstance(told, str) else given.content_url or ""


def _file(given: ActivityAttachment) -> Attachment:
    content_type = given.content_type or ""
    name = given.name or "file"
    if content_type.startswith("image/") and ending_of(name) not in PICTURE_ENDINGS:
        # Pasted pictures come as `image/*`, without a name or as "image"; who opens one looks at its first bytes.
        name = (given.name or "picture") + _PICTURE_ENDINGS.get(content_type, ".png")
    elif not given.name:
        name += mimetypes.guess_extension(content_type) or ""
    return Attachment(name=plain_name(name), url=_address(given), content_type=content_type)


class ConnectorFiles:
    """Implements `bot.ports.IncomingFiles`, in a folder that holds nothing between two files."""

    def __init__(self, *, session: aiohttp.ClientSession, folder: Path) -> None:
        self._session = session
        self._folder = folder

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

    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        """Fetch a file; it is gone again afterwards."""
        path = self._folder / uuid.uuid4().hex
        chunks = _chunks_in(attachment) if attachment.url.startswith("data:") else self._fetched(attachment, reference)
        try:
            async with asyncio.timeout(_FETCH_DEADLINE_S):
                await receive(chunks, path, name=attachment.name)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _lost(attachment, type(error).__name__) from None
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def _fetched(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[bytes]:
        if not is_of_same_server(attachment.url, reference.service_url):
            raise AttachmentError(
                "a file lies at an address that is not the channel's own",
                apology=f"I may not fetch {attachment.name} from where it lies, so your message was not answered.",
            )
        deadline = aiohttp.ClientTimeout(total=_FETCH_DEADLINE_S, sock_connect=5.0)
        async with self._session.get(attachment.url, allow_redirects=False, timeout=deadline) as response:
            if response.status != 200:
                raise _lost(attachment, f"status {response.status}")
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                yield chunk


def is_of_same_server(url: str, service_url: str) -> bool:
    """Whether an address is of the server of a `serviceUrl`, that of this machine: scheme, host and port alike."""
    found = _ORIGIN.fullmatch(url)
    server = urlsplit(service_url)
    return found is not None and is_loopback_url(service_url) and found["origin"] == f"http://{server.netloc}"


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


def _lost(attachment: Attachment, why: str) -> AttachmentError:
    return AttachmentError(
        f"a file cannot be fetched: {why}",
        apology=f"I could not fetch {attachment.name}. Please send it again.",
    )
