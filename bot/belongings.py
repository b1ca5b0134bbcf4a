"""What a conversation has outside the ledger: threads and uploads at the assistant's service, plots and files here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.parts import StoredFile


class BelongingKind(StrEnum):
    """What a belonging is, and where. The values are stored."""

    THREAD = "thread"  # at the assistant's service
    UPLOAD = "upload"  # a person's file, likewise
    PICTURE = "picture"  # in the file store
    FILE = "file"  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """One thing of a conversation; `ref` is its id or token where it lies."""

    kind: BelongingKind
    ref: str
    name: str = ""
    size_bytes: int = 0

    @property
    def is_stored(self) -> bool:
        """Whether it lies in the file store, where people can fetch it."""
        return self.kind in {BelongingKind.PICTURE, BelongingKind.FILE}

    @property
    def stored_file(self) -> StoredFile:
        """Its file in the store, if it `is_stored`."""
        return StoredFile(token=self.ref, name=self.name, size_bytes=self.size_bytes)


def newest_files(belongings: Sequence[Belonging]) -> list[Belonging]:
    """The plots and files that people can fetch, the newest first."""
    return [each for each in reversed(belongings) if each.is_stored]
