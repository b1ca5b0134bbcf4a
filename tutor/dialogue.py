"""A thread as the tutor is shown it, and the two kinds of reply it gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    """One message of the person who asks."""

    text: str
    pasted: str = ""  # a table that stood in the text, as csv; the tutor takes it out itself
    file_names: tuple[str, ...] = ()  # files attached to it; programs find them in /mnt/data


class CodeUse(Enum):
    """Whether the reply may be a program."""

    FORBIDDEN = auto()
    ALLOWED = auto()
    REQUIRED = auto()  # code runs for every message, even where there is nothing to calculate


class Place(Enum):
    """Where the answer is read."""

    THIS_MACHINE = auto()  # by the user who runs the service: its chat page, its terminal, its API
    ELSEWHERE = auto()  # Teams, where nobody can change a setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The conversation so far."""

    messages: tuple[UserMessage, ...]  # oldest first; the last one is the question
    outputs: tuple[str, ...] = ()  # of the programs run since the last message, oldest first
    code_again: str | None = None  # set where the last program was not run: when code runs again, or empty
    instructions: str = ""  # of the assistant; they may set the language and ask for brevity
    code_use: CodeUse = CodeUse.ALLOWED
    place: Place = Place.THIS_MACHINE
    language: str = ""  # of the person's client, such as de; questions in another language are answered in theirs


@dataclass(frozen=True, slots=True)
class RunCode:
    """A Python program to run; its output belongs into `Thread.outputs` of the next call."""

    code: str


@dataclass(frozen=True, slots=True)
class Words:
    """The answer, in Markdown."""

    text: str


Reply = RunCode | Words
