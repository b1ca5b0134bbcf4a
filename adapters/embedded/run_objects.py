"""Runs and their steps as Assistants API v2 shows them, and the files that their code generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from adapters.embedded.api_objects import (
    AssistantId,
    File,
    FileId,
    MessageId,
    Metadata,
    ResponseFormat,
    RunId,
    Share,
    StepId,
    Temperature,
    ThreadId,
    Tools,
)


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    EXPIRED = "expired"


ACTIVE = (RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION, RunStatus.CANCELLING)
"""While a run is in one of these its thread takes no message and no other run."""


class StepStatus(StrEnum):
    """Where a step stands."""

    IN_PROGRESS = "in_progress"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastError:
    """Why a run or a step failed."""

    code: str  # server_error | rate_limit_exceeded | invalid_prompt
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSettingsError(LastError):
    """The model's endpoint does not serve this server as it is set up. The field is not of the protocol."""

    refusal: Literal["key", "model", "quota", "address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDetails:
    """What the prompt's tokens were."""

    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionDetails:
    """What the completion's tokens were."""

    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_token_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLogs:
    """What code printed."""

    type: Literal["logs"] = "logs"
    logs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImageFile:
    """The file of a picture that code made."""

    file_id: FileId


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImage:
    """A picture that code made."""

    type: Literal["image"] = "image"
    image: CodeImageFile


CodeOutput = Annotated[CodeLogs | CodeImage, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeInterpreter:
    """Code and what came of it; code that has run always has one output of logs at least, be they empty."""

    input: str
    outputs: tuple[CodeOutput, ...] = ()
    took_ms: int = 0  # no field of the protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCall:
    """A call of Code Interpreter."""

    id: str
    type: Literal["code_interpreter"] = "code_interpreter"
    code_interpreter: CodeInterpreter

    @property
    def answered(self) -> bool:
        """Whether the code has run."""
        return bool(self.code_interpreter.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function the model wants called; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """A call of a function of the client's."""

    id: str
    type: Literal["function"] = "function"
    function: Function

    @property
    def answered(self) -> bool:
        """Whether the output is known."""
        return self.function.output is not None


ToolCall = Annotated[CodeCall | FunctionCall, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalls:
    """The calls of one exchange with the model."""

    type: Literal["tool_calls"] = "tool_calls"
    tool_calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedMessage:
    """The message a step made."""

    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCreation:
    """The writing of an answer."""

    type: Literal["message_creation"] = "message_creation"
    message_creation: CreatedMessage


StepDetails = Annotated[ToolCalls | MessageCreation, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One exchange with the model, and what was done about it."""

    id: StepId
    object: Literal["thread.run.step"] = "thread.run.step"
    created_at: int
    assistant_id: AssistantId
    thread_id: ThreadId
    run_id: RunId
    type: Literal["message_creation", "tool_calls"]
    status: StepStatus = StepStatus.IN_PROGRESS
    step_details: StepDetails
    last_error: LastError | None = None
    expired_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    metadata: Metadata = field(default_factory=dict)
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedFunction:
    """What to call, and with what."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedCall:
    """A call whose output is awaited."""

    id: str
    type: Literal["function"] = "function"
    function: RequestedFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitToolOutputs:
    """The calls whose outputs are awaited, all in one submission."""

    tool_calls: tuple[RequestedCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredAction:
    """What the client has to do before the run goes on."""

    type: Literal["submit_tool_outputs"] = "submit_tool_outputs"
    submit_tool_outputs: SubmitToolOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteRun:
    """Which budget ran out, or what stopped the answer."""

    reason: Literal["max_completion_tokens", "max_prompt_tokens", "content_filter"]


class Truncation(TypedDict):
    """How much of the thread the model gets."""

    type: Literal["auto", "last_messages"]
    last_messages: NotRequired[Annotated[int, Field(ge=1)] | None]


class NamedFunction(TypedDict):
    """A function by its name."""

    name: str


class NamedTool(TypedDict):
    """The one tool that the model has to call first."""

    type: Literal["function", "code_interpreter"]
    function: NotRequired[NamedFunction]


ToolChoice = Literal["none", "auto", "required"] | NamedTool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One answer in the making. `model` names the model asked for, and from the end on the one that spoke."""

    id: RunId
    object: Literal["thread.run"] = "thread.run"
    created_at: int
    thread_id: ThreadId
    assistant_id: AssistantId
    status: RunStatus = RunStatus.QUEUED
    required_action: RequiredAction | None = None
    last_error: LastSettingsError | LastError | None = None
    expires_at: int | None
    started_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    incomplete_details: IncompleteRun | None = None
    model: str
    instructions: str = ""
    tools: Tools = ()
    metadata: Metadata = field(default_factory=dict)
    usage: Usage | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_prompt_tokens: Annotated[int, Field(ge=256)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=256)] | None = None
    truncation_strategy: Truncation = field(default_factory=lambda: Truncation(type="auto", last_messages=None))
    response_format: ResponseFormat = "auto"
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True


CODE_FOLDER = "/mnt/data"
"""Where files lie for the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFile:
    """One generated file; `in_folder` unless it is a figure that was shown, which has no place in /mnt/data.

    One that is neither in the folder nor a picture holds the points of the picture before it.
    """

    file_id: FileId
    thread_id: ThreadId
    run_id: RunId
    call_id: str
    filename: str
    in_folder: bool
    picture: bool
    alt_text: str
    sha256: str

    @property
    def holds_points(self) -> bool:
        """Whether these are the points of a picture, which only those who show the picture need to know of."""
        return not self.picture and not self.in_folder

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> GeneratedFile:
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
class CodeCallResult:
    """What a call gave: outputs for its step, and the files to be written down with them."""

    outputs: tuple[CodeOutput, ...]
    took_ms: int = 0
    made: tuple[tuple[File, GeneratedFile], ...]
