"""Where files are kept: what the settings of the storage mean together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service import setting_specs_storage as specs
from service.secret import Secret
from service.settings_reading import Mistake, Reading

_BLOBS = (specs.AZURE_STORAGE_CONNECTION_STRING, specs.AZURE_STORAGE_ACCOUNT_URL)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsByKey:
    """A container of Azure Blob Storage, with the key in the connection string."""

    container: str
    connection_string: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsByIdentity:
    """A container of Azure Blob Storage, with the identity that this process has."""

    container: str
    account_url: str


Blobs = BlobsByKey | BlobsByIdentity


def blobs_of(reading: Reading) -> Blobs | None:
    """The container that the settings name; None means a folder. The settings are known to be free of mistakes."""
    container = reading.value(specs.AZURE_STORAGE_CONTAINER)
    if (key := reading.optional(specs.AZURE_STORAGE_CONNECTION_STRING)) is not None:
        return BlobsByKey(container=container, connection_string=key)
    if (url := reading.optional(specs.AZURE_STORAGE_ACCOUNT_URL)) is not None:
        return BlobsByIdentity(container=container, account_url=url)
    return None


def judge_storage(reading: Reading, *, is_embedded: bool) -> Iterator[Mistake]:
    """What the settings of the storage, each right by itself, get wrong together."""
    blobs = [spec for spec in _BLOBS if reading.has(spec)]
    if len(blobs) > 1:
        both = " and ".join(str(reading.found[spec.name]) for spec in blobs)
        yield Mistake(about=both, wrong="are two ways to Azure Blob Storage; keep one")
    if reading.has(specs.AZURE_STORAGE_CONTAINER) and not blobs:
        container = specs.AZURE_STORAGE_CONTAINER.name
        yield Mistake(
            about=str(reading.found[container]),
            wrong="would have no effect: set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL too",
            name=container,
        )
    if reading.has(specs.DATABASE_URL):
        yield from _for_several_processes(reading, has_blobs=bool(blobs), is_embedded=is_embedded)


def _for_several_processes(reading: Reading, *, has_blobs: bool, is_embedded: bool) -> Iterator[Mistake]:
    """With PostgreSQL another process may answer the next message, and hand out the file of this one."""
    database = str(reading.found[specs.DATABASE_URL.name])
    if is_embedded:
        yield Mistake(
            about="ASSISTANT_BACKEND",
            wrong=f"cannot be embedded because of {database}: threads of the embedded server belong to one process. "
            "Name an Assistants service that all processes reach, or leave DATABASE_URL unset",
            name="ASSISTANT_BACKEND",
            example="ASSISTANT_BACKEND=assistants",
        )
    if not has_blobs:
        spec = specs.AZURE_STORAGE_CONNECTION_STRING
        yield Mistake(
            about=spec.name,
            wrong=f"or AZURE_STORAGE_ACCOUNT_URL must be set because of {database}: a folder of one process is closed "
            "to the others. For one process alone leave DATABASE_URL unset",
            name=spec.name,
            example=f"{spec.name}={spec.example}",
        )
