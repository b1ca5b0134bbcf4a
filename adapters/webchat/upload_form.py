"""A message with files, as Web Chat posts it: multipart/form-data of an activity and its files.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-send-activity, "Send
attachments by upload".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import orjson
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from adapters.webchat.transcripts import Activity, ConversationId
from adapters.webchat.uploads import Uploads
from bot.attachments import MAX_FILE_BYTES, MAX_FILES, Attachment, too_many
from bot.errors import AttachmentError
from bot.language import _, number
from httpkit.http_errors import RequestRefusedError

_MAX_ACTIVITY_BYTES: Final = 2 * 1024 * 1024  # with the small pictures that Web Chat makes of pictures
_MAX_FORM_BYTES: Final = MAX_FILES * MAX_FILE_BYTES + 4 * 1024 * 1024
_MAX_PARTS: Final = MAX_FILES + 10  # each costs time, however small it is (S23)
_CHUNK_BYTES: Final = 256 * 1024
_MAX_SILENCE_S: Final = 30.0
_MAX_FORM_S: Final = 15 * 60.0
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)
_MALFORMED: Final = (ValueError, AssertionError, web.RequestPayloadError, HttpProcessingError, ConnectionError)
"""What aiohttp raises for a body that is no multipart, or breaks off."""


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
        read = orjson.loads(bytes(body))
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
