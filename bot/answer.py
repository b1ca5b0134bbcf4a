"""What the assistant said, whichever backend it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

FileId = NewType("FileId", str)
"""A file at the assistant's service; opaque, and good only for that service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A person's file at the assistant's service."""

    id: FileId
    is_picture: bool  # a model that sees is shown it


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerImage:
    """A picture the code drew."""

    file: FileId
    alt_text: str = ""  # what was drawn, in words; empty where the backend does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A file the code wrote, and the words in the text that stand for it."""

    file: FileId
    name: str
    placeholder: str = ""  # e.g. sandbox:/mnt/data/table.csv; empty where the text does not mention it


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source the text refers to."""

    placeholder: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All messages of one run as one answer, in order."""

    text: str
    images: tuple[AnswerImage, ...] = ()
    files: tuple[AnswerFile, ...] = ()
    citations: tuple[Citation, ...] = ()
