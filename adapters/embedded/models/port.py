"""The port between the run loop and a model, in the shape of one Chat Completions exchange."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from typing_extensions import override

CODE_INTERPRETER = "code_interpreter"
"""The function name under which Code Interpreter is offered to a model; its one argument is `code`, a string."""

NO_MORE_CODE = "No code runs for you"
"""How the first line of an output begins where the time for code is used up. It may be shown to a person."""

UNSEEN_PICTURES = "Pictures came with this message; you cannot see them, but code can open the files."
"""The note on a message whose pictures are not shown to the model."""

SAYS_WHO = re.compile(r"\A[^\n]{1,100} wrote:\n")
"""The first line of a message that names its author, as older clients send it without `speaker` in the metadata."""


class Speaker(StrEnum):
    """Whose words a message holds."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelToolCall:
    """A call the model asks for; `arguments` is the JSON text exactly as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPicture:
    """A picture in a user's message: PNG or JPEG, of a size that any endpoint takes."""

    media_type: str
    data: bytes
    detail: str = "auto"  # auto | low | high


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalMessage:
    """An assistant's message as its endpoint sent it: reasoning, signatures, ids and fields that nobody here knows.

    `sender` identifies the endpoint and model that sent it; it goes back to no other one.
    """

    sender: str
    fields: Mapping[str, Any]
    size_bytes: int = 0  # as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMessage:
    """One message of the conversation so far, oldest first in a request."""

    speaker: Speaker
    text: str
    tool_calls: tuple[ModelToolCall, ...] = ()  # of an assistant's message
    tool_call_id: str | None = None  # of a tool's message: the call it answers
    file_names: tuple[str, ...] = ()  # attached to a user's message; they lie in /mnt/data under these names
    pictures: tuple[ModelPicture, ...] = ()  # of a user's message
    notes: tuple[str, ...] = ()  # what there is to know of a message beside its words, for language models
    original: OriginalMessage | None = None  # of an assistant's message; its calls are those of `tool_calls`, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTool:
    """A function on offer; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Everything a model is given for one exchange."""

    instructions: str  # the assistant's own
    messages: tuple[ModelMessage, ...]
    briefing: str = ""  # what a language model has to know of this server; follows the instructions
    tools: tuple[ModelTool, ...] = ()
    tool_choice: str = "auto"  # none | auto | required | the name of one function
    parallel_tool_calls: bool = True
    model: str = ""  # as the assistant or the run names it; an endpoint may be set to use another
    temperature: float | None = None
    top_p: float | None = None
    max_completion_tokens: int | None = None
    response_format: Mapping[str, Any] | None = None
    language: str = ""  # of the person's client, if it says so and it is not English: de, nl
    channel: str = ""  # where the answer is read, if the client says so in the run's metadata: msteams, webchat


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """Tokens as the endpoint counted them; zero where it does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of the prompt
    reasoning_tokens: int = 0  # of the completion


class ModelFinish(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """What came back: words, calls to make, or both."""

    text: str
    tool_calls: tuple[ModelToolCall, ...] = ()
    finish: ModelFinish = ModelFinish.STOP
    usage: ModelUsage = field(default_factory=ModelUsage)
    model: str = ""  # who really spoke
    original: OriginalMessage | None = None


ModelRefusal = Literal["key", "model", "quota", "address"]


class ModelError(Exception):
    """The model gave no usable reply.

    `code` is an Assistants `last_error.code` (server_error | rate_limit_exceeded | invalid_prompt); the message is one
    sentence that anybody may read: it names no key, no address with credentials, and none of the user's words.
    `refusal` says which setting an operator has to look at, where it is one: asking again does not help then.
    `is_filtered`: a content filter stopped what was asked, and would stop all that is asked below it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "server_error",
        retry_after_s: float | None = None,
        refusal: ModelRefusal | None = None,
        is_filtered: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s
        self.refusal = refusal
        self.is_filtered = is_filtered


OnWords = Callable[[str], None]
"""Takes the next words of an answer while it is being written; must be quick."""


class Model(Protocol):
    """A language model, or a program in the place of one."""

    @property
    def sees(self) -> bool:
        """Whether pictures are worth preparing."""
        ...

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        """One exchange. Raises ModelError; is bounded in time by its own deadline.

        A model that can tells `on_words` the beginning of the reply's text, piece by piece, as far as it is certain: no
        thinking, no call, no mark. A model that answers in one piece ignores it.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class NamedModels(Model):
    """Several models: a request is for the one that it names, or for the usual one where it names no other."""

    def __init__(self, usual: Model, named: Mapping[str, Model]) -> None:
        self._usual = usual
        self._named = named

    @property
    @override
    def sees(self) -> bool:
        return any(model.sees for model in (self._usual, *self._named.values()))

    @override
    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        return await self._named.get(request.model, self._usual).complete(request, on_words)

    @override
    async def close(self) -> None:
        for model in (self._usual, *self._named.values()):
            await model.close()
