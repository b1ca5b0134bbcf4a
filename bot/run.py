"""A run: the assistant at work on one message of a thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

RunId = NewType("RunId", str)
ToolCallId = NewType("ToolCallId", str)


class RunStatus(StrEnum):
    """The nine statuses of Assistants v2, and one for a status that was invented after this program."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function the assistant wants called; `arguments` is the JSON text as the model wrote it."""

    id: ToolCallId
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """The answer to one tool call. Every call of a run must be answered, or its thread is locked for good."""

    call: ToolCallId
    output: str


class FailureCode(StrEnum):
    """Why a run failed or stopped short, as far as it changes what a person should be told."""

    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    PROMPT = "prompt"
    CONTENT_FILTER = "content_filter"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as last seen."""

    id: RunId
    status: RunStatus
    tool_calls: tuple[ToolCall, ...] = ()  # of REQUIRES_ACTION: all that want an answer
    failure: FailureCode | None = None  # of FAILED and INCOMPLETE
    explanation: str = ""  # the service's own sentence, for the log and, if it is ours, the person
    retry_after_s: float | None = None  # of RATE_LIMIT, where the service says so


MAX_PAUSE_S = 30.0
"""A rate limit is waited for so long; beyond that a person is better told than left to wait."""


def pause_before_another(run: Run) -> float | None:
    """How long to wait before the same is tried with a new run; None if that would not help."""
    match run.status, run.failure:
        case RunStatus.FAILED, FailureCode.SERVER:
            return 0.0
        case RunStatus.FAILED, FailureCode.RATE_LIMIT if (wish_s := run.retry_after_s) is not None:
            return wish_s if wish_s <= MAX_PAUSE_S else None
        case _:
            return None
