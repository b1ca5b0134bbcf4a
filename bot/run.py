"""A run: the assistant at work on one message of a thread, from the question to the answer.

The words of the Assistant port, for every backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from bot.conversation import ConversationKey
from bot.errors import Refusal
from bot.history import PastTurn
from bot.turn_record import Usage

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


RunId = NewType("RunId", str)
ToolCallId = NewType("ToolCallId", str)

RunName = NewType("RunName", str)
"""Chosen by this program and unique to one start of one run, so that the run is found again after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """A person's file at the assistant's service."""

    ref: FileRef
    name: str
    is_picture: bool  # shown to models that accept pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBudget:
    """For how long code may still run for a person, and when that starts anew."""

    left_ms: int
    resets_at_s: int  # unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asks the assistant."""

    conversation: ConversationKey
    text: str  # empty where only files were sent
    speaker: str | None = None  # the display name, where several people write in the conversation; else None
    user: str = ""  # the same text for the same person, without saying who it is: for fair shares
    files: tuple[UploadedFile, ...] = ()
    assistant: str = ""  # the name of the one that was chosen to answer; empty where none was
    past: tuple[PastTurn, ...] = ()  # what was said before the thread was opened, oldest first; for its first question
    code_budget: CodeBudget | None = None  # None: as long as it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function the assistant wants called; `arguments` is the JSON text as the model wrote it."""

    id: ToolCallId
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """The output of one tool call. Every call of a run must have one, or its thread stays locked."""

    call: ToolCallId
    output: str


class RunEnd(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # stopped early; what it wrote so far is there
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # at the service's own deadline


class FailureCode(StrEnum):
    """Why a run failed or stopped early, as far as it changes what a person is told."""

    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    PROMPT = "prompt"
    CONTENT_FILTER = "content_filter"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended, and why."""

    end: RunEnd
    failure: FailureCode | None = None  # of FAILED and INCOMPLETE
    explanation: str = ""  # the service's own sentence
    retry_after_s: float | None = None  # of RATE_LIMIT, where the service says so
    refusal: Refusal | None = None  # of FAILED, where an operator has to act; `explanation` says how then


class RunPhase(StrEnum):
    """What a run is doing."""

    QUEUED = "queued"
    WORKING = "working"
    CODE = "code"  # runs code in the Code Interpreter
    FUNCTIONS = "functions"  # waits for functions of the operator
    UNKNOWN = "unknown"  # the service does not answer; it is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The run entered this phase."""

    phase: RunPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSoFar:
    """The whole text of the answer as far as it is written. May change until the run ends."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsWanted:
    """The run waits for the outputs of all these calls. The last event of `follow`."""

    calls: tuple[ToolCall, ...]
    usage: Usage | None = None  # where the run ends with these calls, and another goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The run ended. The last event of `follow`."""

    outcome: RunOutcome
    usage: Usage | None = None  # None where the service does not say


RunEvent = Progress | TextSoFar | ToolsWanted | Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The run of this name exists."""

    run: RunId


@dataclass(frozen=True, slots=True)
class Absent:
    """The service holds no run of this name."""


@dataclass(frozen=True, slots=True)
class Unknowable:
    """The service cannot be asked for runs by name."""


FindResult = Found | Absent | Unknowable


MAX_RATE_LIMIT_PAUSE_S = 30.0
"""The longest pause before a second run after a rate limit. Beyond that the person is told to ask again later."""


def pause_before_second_run(outcome: RunOutcome) -> float | None:
    """Seconds to wait before the same question is asked with a new run; None if a new run would not help."""
    match outcome.end, outcome.failure:
        case RunEnd.FAILED, _ if outcome.refusal is not None:
            return None
        case RunEnd.FAILED, FailureCode.SERVER:
            return 0.0
        case RunEnd.FAILED, FailureCode.RATE_LIMIT if (pause_s := outcome.retry_after_s) is not None:
            return pause_s if pause_s <= MAX_RATE_LIMIT_PAUSE_S else None
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call of the assistant's API as it went over the wire, for a page that shows what a turn did.

    It has no headers, which hold the key. Bodies that are no JSON are told by their size.
    """

    turn: str  # on whose behalf, as `Turn.id`; empty outside of turns
    method: str
    path: str  # below the API's root, with its query
    asked: str | None  # the body of the request
    status: int | None  # None: no answer came, or not all of it
    answered: str | None  # its body
    began_at_s: float  # unix seconds
    took_s: float
