"""Files that code made: what is known of them beyond what the API shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.embedded.ids import FileId, RunId, ThreadId
from adapters.embedded.objects import File
from adapters.embedded.run_objects import CodeOutput

FOLDER = "/mnt/data"
"""Where files lie for the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One generated file; `in_folder` unless it is a figure that was shown, which has no place in /mnt/data."""

    file_id: FileId
    thread_id: ThreadId
    run_id: RunId
    call_id: str
    filename: str
    in_folder: bool
    picture: bool
    alt_text: str
    sha256: str

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Product:
        """From the columns of the table, in their order."""
        return cls(
            file_id=row[0],
            thread_id=row[1],
            run_id=row[2],
            call_id=row[3],
            filename=row[4],
            in_folder=bool(row[5]),
            picture=bool(row[6]),
            alt_text=row[7],
            sha256=row[8],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOutcome:
    """What a call gave: outputs for its step, and the files to be written down with them."""

    outputs: tuple[CodeOutput, ...]
    made: tuple[tuple[File, Product], ...]


_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


def is_picture(data: bytes) -> bool:
    """Whether these bytes begin like one of the four kinds that are shown inline: PNG, JPEG, GIF, WebP."""
    return data.startswith(_SIGNATURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
