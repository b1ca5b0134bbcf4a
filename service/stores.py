"""Where turns, threads and files are kept: in the data folder, or elsewhere if the settings say so.

What only some need (asyncpg, Azure's library) is imported where it is used: a start without them stays short.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bot.errors import StorageError
from bot.ports import Conversations, Ledger, TurnsOfConversation
from service.settings import Blobs, BlobsByIdentity, BlobsByKey, Settings
from service.settings.secret import Secret
from service.turns import served
from storage.conversations_sqlite import SqliteConversations
from storage.files_folder import FolderFiles
from storage.ledger_sqlite import SqliteLedger
from storage.links import LinkNames
from storage.sqlite import SqliteFile
from storage.timelines_sqlite import SqliteTimelines

if TYPE_CHECKING:
    from storage.blob_container import BlobContainer
    from storage.files_blob import BlobFiles

    Files: TypeAlias = FolderFiles | BlobFiles

log = logging.getLogger(__name__)

_LOOK_S = 4.0  # turns that wait to go on wait for this look


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Turns, and which thread a conversation has: one place, usable once the ledger has started."""

    ledger: Ledger
    conversations: Conversations
    timelines: TurnsOfConversation


@asynccontextmanager
async def opened_turns(settings: Settings, folder: Path) -> AsyncIterator[Turns]:
    """In the PostgreSQL that the settings name, else in a file, which is shown to `teamsbot turns`.

    Raises StorageError.
    """
    if settings.database_url is not None:
        yield _turns_in_postgres(settings.database_url, backend=settings.backend)
        return
    database = SqliteFile(folder / "teamsbot.sqlite")
    await database.open()
    try:
        timelines = SqliteTimelines(database)
        async with served(timelines, folder):
            conversations = SqliteConversations(database, backend=settings.backend)
            yield Turns(ledger=SqliteLedger(database), conversations=conversations, timelines=timelines)
    finally:
        await database.close()


def _turns_in_postgres(url: Secret, *, backend: str) -> Turns:
    """With a session that the ledger opens and closes."""
    from storage.conversations_postgres import PostgresConversations
    from storage.ledger_postgres import PostgresLedger
    from storage.postgres import PostgresSession
    from storage.timelines_postgres import PostgresTimelines

    session = PostgresSession(url.reveal())
    return Turns(
        ledger=PostgresLedger(session),
        conversations=PostgresConversations(session, backend=backend),
        timelines=PostgresTimelines(session),
    )


@asynccontextmanager
async def opened_files(settings: Settings, folder: Path, *, public_url: str) -> AsyncIterator[Files]:
    """In the container that the settings name, else in a folder. Raises StorageError."""
    if settings.blobs is None:
        names = LinkNames.kept_in(folder / "links.key")
        yield FolderFiles(folder / "files", names=names, public_url=public_url)
        return
    from storage.files_blob import BlobFiles

    container = _container(settings.blobs)
    try:
        files = BlobFiles(container, public_url=public_url)
        await _look_at(files)
        yield files
    finally:
        await container.close()


def _container(blobs: Blobs) -> BlobContainer:
    from storage.blob_container import BlobContainer

    match blobs:
        case BlobsByKey(connection_string=key, container=name):
            return BlobContainer.by_connection_string(key.reveal(), name=name)
        case BlobsByIdentity(account_url=url, container=name):
            return BlobContainer.by_identity(url, name=name)


async def _look_at(files: BlobFiles) -> None:
    """A storage that refuses is a wrong setting, which is told before anybody asks. Raises BlobsRefusedError.

    One that is down will come back, and meanwhile most answers need no file.
    """
    from storage.blob_container import BlobsRefusedError

    try:
        async with asyncio.timeout(_LOOK_S):
            await files.look()
    except BlobsRefusedError:
        raise
    except (StorageError, TimeoutError) as error:
        log.warning("files cannot be kept at the moment", extra={"why": str(error) or "Azure Blob Storage is silent"})
