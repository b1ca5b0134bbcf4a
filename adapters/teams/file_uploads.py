"""Files for a person's OneDrive: consent cards out, decisions in, and the upload to the place that came with them.

The upload is a session of OneDrive: parts whose sizes are multiples of 320 KiB, each with its Content-Range, to an
address that holds its own permission (https://learn.microsoft.com/graph/api/driveitem-createuploadsession).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Final

import aiohttp
from botbuilder.schema import Activity
from typing_extensions import override

from adapters.teams.incoming_files import RETRY_PAUSES_S, EgressSessions
from adapters.teams.trusted_addresses import FilePlace, FilePlaces
from bot.conversation import ActivityId, ConversationReference, FileConsent, consent_id
from bot.errors import UploadError
from bot.file_names import plain_name
from bot.parts import SavedFilePart, StoredFile
from bot.ports import FileUploads
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

_CONSENT_CARD: Final = "application/vnd.microsoft.teams.card.file.consent"
_INFO_CARD: Final = "application/vnd.microsoft.teams.card.file.info"
_MAX_URL_CHARS: Final = 8_000
CHUNK_BYTES: Final = 16 * 320 * 1024
_DEADLINE_S: Final = 180.0
_MAX_PAUSE_S: Final = 20.0
_DONE: Final = frozenset({200, 201, 202, 204})
_MAY_PASS: Final = frozenset({408, 429, 500, 502, 503, 504})


def consent_card(file: StoredFile, description: str) -> dict[str, object]:
    """The question whether a file may be put into a person's files."""
    context = {"teamsbot": "file", "token": file.token, "name": file.name}
    content = {
        "description": description,
        "sizeInBytes": file.size_bytes,
        "acceptContext": context,
        "declineContext": context,
    }
    return {"attachments": [{"contentType": _CONSENT_CARD, "name": file.name, "content": content}]}


def info_card(part: SavedFilePart) -> dict[str, object]:
    """A file in a person's OneDrive, as Teams shows one."""
    content = {"uniqueId": part.unique_id, "fileType": part.file_type}
    return {"attachments": [{"contentType": _INFO_CARD, "contentUrl": part.url, "name": part.name, "content": content}]}


def read_consent(activity: Activity, reference: ConversationReference) -> FileConsent | None:
    """What a person decided about an offered file (`fileConsent/invoke`); None for what is no decision.

    An invoke that is not answered in time comes again under another id; the decision is one by its content.
    """
    value = activity.value
    if not isinstance(value, dict) or (action := value.get("action")) not in ("accept", "decline"):
        return None
    context, info = value.get("context"), value.get("uploadInfo")
    context, info = (context if isinstance(context, dict) else {}), (info if isinstance(info, dict) else {})
    is_ours = context.get("teamsbot") == "file"
    token, url = (_text(context, "token") if is_ours else ""), _text(info, "uploadUrl")
    card = ActivityId(activity.reply_to_id) if activity.reply_to_id else None
    name = plain_name(_text(context, "name") or _text(info, "name") or "file")
    offer = _hash(reference.user.id, token, card or "")
    return FileConsent(
        id=consent_id(offer, _hash(str(action), url)),
        reference=ConversationReference(
            service_url=reference.service_url,
            key=reference.key,
            scope=reference.scope,
            bot=reference.bot,
            user=reference.user,
            locale=reference.locale,
            reply_to=card,
        ),
        accepted=action == "accept",
        token=token,
        name=name,
        upload_url=url,
        saved_name=_text(info, "name"),
        saved_url=_text(info, "contentUrl"),
        unique_id=_text(info, "uniqueId"),
        file_type=_text(info, "fileType"),
    )


def _text(fields: dict[object, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) and len(value) <= _MAX_URL_CHARS else ""


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:24]


class TeamsUploads(FileUploads):
    """Uploads to SharePoint, OneDrive and origins that the operator named; never with the bot's token."""

    def __init__(
        self,
        *,
        places: FilePlaces,
        sessions: EgressSessions,
        retry_pauses_s: tuple[float, ...] = RETRY_PAUSES_S,
    ) -> None:
        self._places = places
        self._sessions = sessions
        self._retry_pauses_s = retry_pauses_s

    @override
    async def upload(self, url: str, data: bytes) -> None:
        place = self._places.of_file(url)
        if place is None:
            raise UploadError("the address to upload to is none of SharePoint or OneDrive")
        if not data:
            raise UploadError("a file without a byte has no part to upload")
        try:
            async with asyncio.timeout(_DEADLINE_S):
                for start in range(0, len(data), CHUNK_BYTES):
                    await self._put(place, data, start, min(start + CHUNK_BYTES, len(data)))
        except TimeoutError:
            raise UploadError("the upload took too long") from None

    async def _put(self, place: FilePlace, data: bytes, start: int, end: int) -> None:
        """One part, again while its failure may pass: the same bytes of the same range have no second effect."""
        headers = {
            "Content-Range": f"bytes {start}-{end - 1}/{len(data)}",
            "Content-Type": "application/octet-stream",
        }
        session = self._sessions.of(place)
        for pause_s in (*self._retry_pauses_s, None):
            named_pause_s: float | None = None
            try:
                async with session.put(
                    place.url, data=data[start:end], headers=headers, allow_redirects=False
                ) as response:
                    if response.status in _DONE:
                        return
                    why, may_pass = f"status {response.status}", response.status in _MAY_PASS
                    named_pause_s = retry_after_s(response.headers)
            except aiohttp.ClientError as error:
                why, may_pass = type(error).__name__, True
            if pause_s is None or not may_pass:
                raise UploadError(f"the upload was refused: {why}")
            log.info("uploading a part again", extra={"why": why})
            await asyncio.sleep(min(max(pause_s, named_pause_s or 0), _MAX_PAUSE_S))
