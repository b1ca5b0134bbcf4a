"""What the assistant said, whichever backend it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

FileRef = NewType("FileRef", str)
"""A file at the assistant's service. Opaque: only the backend that made it can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerImage:
    """A picture the code drew."""

    file: FileRef
    alt_text: str = ""  # what was drawn, in words; empty where the backend does not say
    name: str = ""  # of the file it was saved as; empty where it was only shown
    data: FileRef | None = None  # a csv file of the points in it, where the backend has one


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A file the code wrote, and the words in the text that stand for it."""

    file: FileRef
    name: str
    placeholder: str = ""  # e.g. sandbox:/mnt/data/table.csv; empty where the text does not mention it


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A file the text refers to, and the words in the text that stand for it."""

    file: FileRef
    placeholder: str
    name: str = ""  # of the file; empty where the backend does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCell:
    """Code that the Code Interpreter ran for the answer, and what it printed."""

    code: str
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All messages of a turn's runs as one answer, in order. `code` may be left out where nothing was drawn."""

    text: str
    images: tuple[AnswerImage, ...] = ()
    files: tuple[AnswerFile, ...] = ()
    citations: tuple[Citation, ...] = ()
    code: tuple[CodeCell, ...] = ()
