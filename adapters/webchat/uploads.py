"""Files that a person puts into the chat: received piece by piece, kept, served back to the page and to the bot.

They lie in a folder for each conversation, under names that nobody can guess; the name that a person gave stands in the
address alone. A reload of the page shows them until the chat is deleted, or for `KEPT_S`; the bot has its own copy long
before.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from aiohttp import web

from adapters.webchat.tokens import conversation_id
from adapters.webchat.transcripts import ConversationId
from bot.attachments import Attachment
from bot.errors import StorageError
from bot.file_names import plain_name
from bot.media import picture_type_of
from bot.received_file import receive

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
