"""What a conversation has outside the ledger: threads and uploads at the assistant's service, plots and files here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.file_names import unique_name
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
    link: str = ""  # of a person's file: where people open it themselves, if that is known

    @property
    def as_file(self) -> StoredFile:
        """It as a file for a list of files, if it is one."""
        return StoredFile(
            token=self.ref,
            name=self.name,
            size_bytes=self.size_bytes,
            is_given=self.kind is BelongingKind.UPLOAD,
            link=self.link,
        )


def newest_files(belongings: Sequence[Belonging]) -> list[Belonging]:
    """Plots, files and what people gave, the newest first; where names are the same, the later ones are numbered.

    A number never makes a name that a file has of its own: `a (2).csv` is the file that was called so.
    """
    own = [each for each in belongings if each.kind is not BelongingKind.THREAD]
    taken = {each.name for each in own}
    files: dict[str, Belonging] = {}
    for each in own:
        name = unique_name(each.name, taken) if each.name in files else each.name
        files[name] = replace(each, name=name)
        taken.add(name)
    return list(files.values())[::-1]
