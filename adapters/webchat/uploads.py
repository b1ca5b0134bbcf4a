"""Files that a person puts into the chat: received piece by piece, kept, served back to the page and to the bot.

They lie in a folder for each conversation, under names that nobody can guess; the name that a person gave stands in the
address alone. A reload of the page shows them until the chat is deleted, or for `KEPT_S`; the bot has its own copy long
before.

They come as Web Chat posts them, in a multipart/form-data of an activity and its files:
https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-send-activity, "Send
attachments by upload".
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import orjson
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from adapters.webchat.page_access import conversation_id
from adapters.webchat.transcripts import Activity, ConversationId
from bot.attachments import MAX_FILE_BYTES, MAX_FILES, Attachment, receive, too_many
from bot.errors import AttachmentError, StorageError
from bot.file_names import plain_name
from bot.language import _, number
from bot.media import picture_type_of
from httpkit.http_errors import RequestRefusedError

T = TypeVar("T")

ROOT: Final = "/chat/uploads"
KEPT_S: Final = 30 * 24 * 60 * 60
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_COMING: Final = ".part"
_HEADERS: Final = {
    "Cache-Control": "private, max-age=86400",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # the page may be open under another name of this machine
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_MAX_ACTIVITY_BYTES: Final = 2 * 1024 * 1024  # with the small pictures that Web Chat makes of pictures
_MAX_FORM_BYTES: Final = MAX_FILES * MAX_FILE_BYTES + 4 * 1024 * 1024
_MAX_PARTS: Final = MAX_FILES + 10  # each costs time, however small it is (S23)
_CHUNK_BYTES: Final = 256 * 1024
_MAX_SILENCE_S: Final = 30.0
_MAX_FORM_S: Final = 15 * 60.0
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)
_MALFORMED: Final = (ValueError, AssertionError, web.RequestPayloadError, HttpProcessingError, ConnectionError)
"""What aiohttp raises for a body that is no multipart, or breaks off."""


class Uploads:
    """The folder. `address` is this service's own, where the bot, too, fetches from."""

    def __init__(self, *, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address

    def add_routes(self, app: web.Application) -> None:
        """Serve below `ROOT`."""
        app.add_routes([web.get(ROOT + "/{conversation}/{token}/{name}", self._serve)])

    async def keep(
        self, conversation: ConversationId, name: str, content_type: str, chunks: AsyncIterator[bytes]
    ) -> Attachment:
        """Write a file down. Raises AttachmentError, StorageError, and whatever `chunks` does; nothing stays then."""
        name, token = plain_name(name), secrets.token_urlsafe(24)
        folder = self._folder / conversation
        await _on_disk(_tidy, self._folder, time.time() - KEPT_S)
        await _on_disk(_make, folder)
        coming = folder / f"{token}{_COMING}"
        size_bytes = await receive(chunks, coming, name=name)
        await _on_disk(coming.rename, folder / token)
        url = f"{self._address}{ROOT}/{conversation}/{token}/{quote(name)}"
        return Attachment(name=name, content_type=content_type, url=url, size_bytes=size_bytes)

    def path_of(self, attachment: Attachment) -> Path:
        """Where the bytes of a file lie that was kept here."""
        conversation, token, _ = attachment.url.removeprefix(f"{self._address}{ROOT}/").split("/")
        return self._folder / conversation / token

    def drop(self, attachments: Sequence[Attachment]) -> None:
        """Remove the files of a message that was not taken."""
        for attachment in attachments:
            self.path_of(attachment).unlink(missing_ok=True)

    async def forget(self, conversation: ConversationId) -> None:
        """Remove the files of a conversation. Raises StorageError."""
        await _on_disk(_remove, self._folder / conversation)

    def open(self) -> None:
        """Remove what was coming in when an earlier life of this program ended. Raises StorageError."""
        try:
            for path in self._folder.glob(f"*/*{_COMING}"):
                if path.is_file():
                    path.unlink()
        except OSError as error:
            raise StorageError(f"files cannot be received in {self._folder}: {error.strerror}") from error

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        conversation, token = conversation_id(request.match_info["conversation"]), request.match_info["token"]
        if conversation is None or not _TOKEN.fullmatch(token):
            raise web.HTTPNotFound
        path = self._folder / conversation / token
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound
        kind = await asyncio.to_thread(picture_type_of, path)
        name = quote(plain_name(request.match_info["name"]))
        headers = {**_HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return web.FileResponse(path, headers={**headers, "Content-Type": kind or "application/octet-stream"})


async def _on_disk(work: Callable[..., T], *with_these: object) -> T:
    try:
        return await asyncio.to_thread(work, *with_these)
    except OSError as error:
        raise StorageError(f"uploads cannot be kept: {error.strerror}") from error


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _tidy(folder: Path, oldest: float) -> None:
    for path in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another upload got its name, or a chat was deleted
            if path.stat().st_mtime < oldest:
                path.unlink()


@dataclass(slots=True, kw_only=True)
class UploadForm:
    """What has come of a form so far."""

    conversation: ConversationId
    said: Activity = field(default_factory=lambda: {"type": "message"})
    attachments: list[Attachment] = field(default_factory=list)


async def read_form(request: web.Request, uploads: Uploads, form: UploadForm) -> None:
    """Read a form into `form`.

    Raises RequestRefusedError, AttachmentError, StorageError; the caller then drops the files in `form`.
    """
    if not request.content_type.startswith("multipart/"):
        raise RequestRefusedError(415, "UnsupportedMediaType", "Send multipart/form-data.")
    if (request.content_length or 0) > _MAX_FORM_BYTES:
        sentence = _("That is too much at once: I take at most {count} files of {limit_mb} MB.")
        apology = sentence.format(count=MAX_FILES, limit_mb=number(MAX_FILE_BYTES // 1_000_000))
        raise AttachmentError("a form is too large", apology=apology)
    try:
        async with asyncio.timeout(_MAX_FORM_S):
            parts = 0
            async for part in await request.multipart():
                parts += 1
                if parts > _MAX_PARTS:
                    raise RequestRefusedError(413, "TooManyParts", f"A form has at most {_MAX_PARTS} parts.")
                if not isinstance(part, BodyPartReader):
                    raise RequestRefusedError(400, "NestedForm", "A part of the form is a form itself.")
                await _read_part(part, uploads, form)
    except TimeoutError:
        raise RequestRefusedError(408, "FormTooSlow", "The files took too long.") from None
    except _MALFORMED:
        raise RequestRefusedError(400, "MalformedForm", "The body is no multipart/form-data.") from None


async def _read_part(part: BodyPartReader, uploads: Uploads, form: UploadForm) -> None:
    if part.name == "activity":
        form.said = await _activity(part)
    elif part.filename is not None or part.name == "file":
        if len(form.attachments) == MAX_FILES:
            raise AttachmentError("too many files", apology=too_many())
        said_to_be = part.headers.get("Content-Type", "")
        content_type = said_to_be if _MEDIA_TYPE.fullmatch(said_to_be) else ""
        form.attachments.append(
            await uploads.keep(form.conversation, part.filename or "file", content_type, _chunks(part))
        )


async def _activity(part: BodyPartReader) -> Activity:
    body = bytearray()
    async for chunk in _chunks(part):
        body += chunk
        if len(body) > _MAX_ACTIVITY_BYTES:
            raise RequestRefusedError(413, "BodyTooLarge", f"An activity has at most {_MAX_ACTIVITY_BYTES:,} bytes.")
    try:
        read = orjson.loads(bytes(body).removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise RequestRefusedError(400, "MalformedJson", "The activity is not JSON.") from None
    if not isinstance(read, dict):
        raise RequestRefusedError(400, "NotAnObject", "The activity must be a JSON object.")
    return read


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(_MAX_SILENCE_S):
            chunk = await part.read_chunk(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
