"""Where plots and files are kept, and how links to them are made: in a folder, or in Azure Blob Storage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from adapters.file_links import SignedLinks
from bot.diagnosis import Finding
from bot.errors import StorageError
from bot.ports import FileLinks, FileOpener, FileReader, FileStore
from service.settings import Blobs, BlobsByIdentity, BlobsByKey, Settings
from storage.file_tokens import FileTokens
from storage.files_folder import FolderFiles

if TYPE_CHECKING:
    from storage.blob_container import BlobContainer

log = logging.getLogger(__name__)

_STORAGE_CHECK_S: Final = 4.0  # turns that were interrupted wait for this check


class KeyedFiles(FileStore, FileOpener, FileReader, Protocol):
    """All sides of a file store, and the key of the installation that lies with the files."""

    async def link_key(self) -> bytes:
        """The key from which links are signed where no setting gives one. Raises StorageError."""
        ...

    async def check(self, picture: bytes) -> Finding:
        """Keep a small picture and read it again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStorage:
    """Where plots and files are. New links are made by `links`; `signed` opens those that come back to this bot."""

    files: KeyedFiles
    links: FileLinks
    signed: SignedLinks


@asynccontextmanager
async def open_file_storage(settings: Settings, address: str) -> AsyncIterator[FileStorage]:
    """In the container that the settings name, else in a folder. Raises StorageError."""
    if settings.blobs is None:
        tokens = FileTokens.kept_in(settings.data_dir / "links.key")
        files = FolderFiles(settings.data_dir / "files", tokens=tokens)
        signed = _signed_links(settings, files, address)
        yield FileStorage(files=files, links=signed, signed=signed)
        return
    from storage.blob_container import BlobsRefusedError
    from storage.blob_links import BlobLinks
    from storage.files_blob import BlobFiles

    container = _container(settings.blobs)
    try:
        blobs = BlobFiles(container)
        try:
            async with asyncio.timeout(_STORAGE_CHECK_S):
                await blobs.look()
        except BlobsRefusedError:  # a wrong setting, which an administrator has to correct before anybody asks
            raise
        except (StorageError, TimeoutError) as error:  # an outage: most answers need no file
            why = str(error) or "Azure Blob Storage did not answer"
            log.warning("file storage was not available", extra={"why": why})
        signed = _signed_links(settings, blobs, address)
        links: FileLinks = signed
        if settings.is_public and settings.public_url is None:
            # Nobody outside can reach `address`, but the storage has an address of its own.
            if not container.can_sign:
                raise StorageError(
                    "AZURE_STORAGE_CONNECTION_STRING holds a signature, with which no links can be made. Set "
                    "PUBLIC_URL, or give an AccountKey or AZURE_STORAGE_ACCOUNT_URL instead"
                )
            links = BlobLinks(container, lifetime_s=settings.link_lifetime_s)
        yield FileStorage(files=blobs, links=links, signed=signed)
    finally:
        await container.close()


def _signed_links(settings: Settings, files: KeyedFiles, address: str) -> SignedLinks:
    async def keys() -> list[bytes]:
        given = [key.reveal().encode() for key in settings.link_signing_keys]
        return given or [await files.link_key()]

    return SignedLinks(public_url=settings.public_url or address, keys=keys, lifetime_s=settings.link_lifetime_s)


def _container(blobs: Blobs) -> BlobContainer:
    from storage.blob_container import BlobContainer

    match blobs:
        case BlobsByKey(connection_string=key, container=name):
            return BlobContainer.by_connection_string(key.reveal(), name=name)
        case BlobsByIdentity(account_url=url, container=name):
            return BlobContainer.by_identity(url, name=name)
