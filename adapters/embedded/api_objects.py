"""Assistants, threads, messages, files and errors as Assistants API v2 shows them, and the codec of objects and JSON.

What is stored is what is sent, so one codec serves the database and the wire. Limits on lengths are those of OpenAI's
specification.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, NotRequired, TypeVar

import orjson
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

AssistantId = NewType("AssistantId", str)
ThreadId = NewType("ThreadId", str)
MessageId = NewType("MessageId", str)
RunId = NewType("RunId", str)
StepId = NewType("StepId", str)
FileId = NewType("FileId", str)


def new_id(prefix: str) -> str:
    """An id such as `thread_5f0c...`; file ids take a hyphen, as OpenAI's do (`file-...`)."""
    joint = "-" if prefix == "file" else "_"
    return f"{prefix}{joint}{secrets.token_hex(12)}"


class ApiError(Exception):
    """Ends a request with an HTTP status and an error object in OpenAI's shape."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}


def not_found(noun: str, id_: str) -> ApiError:
    """For an id that names nothing."""
    return ApiError(f"No {noun} found with id '{id_}'.", status=404)


_IN_JSON = {"tuple": "list", "dictionary": "object", "value error, ": ""}


def unreadable(error: ValidationError) -> ApiError:
    """Names the first fault of a body, and never repeats the value: it may be a user's words."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = _path(fault["loc"])[:100]
    if fault["type"] == "missing":
        return ApiError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    said = re.sub(r"(?i)tuple|dictionary|Value error, ", lambda word: _IN_JSON[word[0].lower()], fault["msg"])
    return ApiError(f"Invalid value for '{param}': {said}.", param=param, code="invalid_value")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


T = TypeVar("T")

_CODECS: dict[type[Any], TypeAdapter[Any]] = {}


def _none_is_empty_object(value: object) -> object:
    return {} if value is None else value


Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
    BeforeValidator(_none_is_empty_object),
]
"""Up to 16 pairs a client may hang on an object."""

Settings = dict[str, Any]
"""Settings that are kept and given back as they came, such as `response_format`."""


def parse(kind: type[T], fields: Mapping[str, Any]) -> T:
    """Make an object of a client's fields; unknown fields are ignored. Raises ApiError."""
    try:
        return _codec(kind).validate_python(fields)
    except ValidationError as error:
        raise unreadable(error) from None


def load(kind: type[T], text: str) -> T:
    """Read an object back from the JSON it was stored as."""
    try:
        return _codec(kind).validate_json(text)
    except ValidationError:
        # pydantic's text quotes the values, which are a user's words.
        raise ValueError(f"a stored {kind.__name__} cannot be read") from None


def dump(value: object) -> bytes:
    """JSON of an object, or of anything made of objects."""
    return orjson.dumps(value)


def plain(text: str) -> str:
    """Text that can be stored and sent: no lone surrogates (UTF-8 has none) and no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _codec(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _CODECS:
        _CODECS[kind] = TypeAdapter(kind)
    return _CODECS[kind]


class CodeInterpreterTool(TypedDict):
    """Python in the sandbox."""

    type: Literal["code_interpreter"]


class FunctionDefinition(TypedDict):
    """A function that the client runs."""

    name: Annotated[str, Field(pattern=r"^[\w-]{1,64}$")]
    description: NotRequired[str | None]
    parameters: NotRequired[Settings | None]
    strict: NotRequired[bool | None]


class FunctionTool(TypedDict):
    """A function on offer."""

    type: Literal["function"]
    function: FunctionDefinition


def _none_is_empty(value: object) -> object:
    return [] if value is None else value


Tool = Annotated[CodeInterpreterTool | FunctionTool, Field(discriminator="type")]
Tools = Annotated[tuple[Tool, ...], Field(max_length=128), BeforeValidator(_none_is_empty)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Instructions = Annotated[str, Field(max_length=256_000)]


def _known_format(value: object) -> object:
    match value:
        case None | "auto" | {"type": "text" | "json_object" | "json_schema"}:
            return value
        case _:
            raise ValueError("'auto', or an object of the type text, json_object or json_schema, is expected")


ResponseFormat = Annotated[str | Settings | None, BeforeValidator(_known_format)]


class CodeFiles(TypedDict):
    """Files that code finds in /mnt/data from the start."""

    file_ids: NotRequired[Annotated[list[FileId], Field(max_length=20), BeforeValidator(_none_is_empty)]]


class ToolResources(TypedDict):
    """What the tools may use."""

    code_interpreter: NotRequired[CodeFiles | None]
    file_search: NotRequired[Settings | None]


def code_files(resources: ToolResources | None) -> list[FileId]:
    """The files that Code Interpreter has from the start."""
    code = resources.get("code_interpreter") if resources else None
    return code.get("file_ids", []) if code else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """Who answers: instructions, tools, and a model by name."""

    id: AssistantId
    object: Literal["assistant"] = "assistant"
    created_at: int
    name: Annotated[str, Field(max_length=256)] | None = None
    description: Annotated[str, Field(max_length=512)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=256)]
    instructions: Instructions | None = None
    tools: Tools = ()
    tool_resources: ToolResources | None = None
    metadata: Metadata = field(default_factory=dict)
    temperature: Temperature | None = None
    top_p: Share | None = None
    response_format: ResponseFormat = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One conversation."""

    id: ThreadId
    object: Literal["thread"] = "thread"
    created_at: int
    metadata: Metadata = field(default_factory=dict)
    tool_resources: ToolResources | None = None


def _string_is_value(text: object) -> object:
    """Clients send a part's text as a string and receive it as an object."""
    return {"value": text} if isinstance(text, str) else text


def _string_is_one_part(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePathId:
    """The file behind an annotation."""

    file_id: FileId


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePath:
    """Marks where a text speaks of a generated file: `text` is what a client replaces by its own link."""

    type: Literal["file_path"] = "file_path"
    text: str
    start_index: int
    end_index: int
    file_path: FilePathId


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words, with annotations."""

    value: Annotated[str, Field(min_length=1, max_length=256_000)]
    annotations: tuple[FilePath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Words of a message."""

    type: Literal["text"] = "text"
    text: Annotated[Text, BeforeValidator(_string_is_value)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A picture by the id of its file."""

    file_id: FileId
    detail: Literal["auto", "low", "high"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilePart:
    """A picture of a message."""

    type: Literal["image_file"] = "image_file"
    image_file: ImageFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUrl:
    """A picture by its address; nothing here ever fetches it."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUrlPart:
    """A picture elsewhere."""

    type: Literal["image_url"] = "image_url"
    image_url: ImageUrl


Part = Annotated[TextPart | ImageFilePart | ImageUrlPart, Field(discriminator="type")]


class AttachmentTool(TypedDict):
    """Which tool may see an attachment."""

    type: Literal["code_interpreter", "file_search"]


class Attachment(TypedDict):
    """A file given with a message."""

    file_id: FileId
    tools: NotRequired[Annotated[list[AttachmentTool], BeforeValidator(_none_is_empty)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteMessage:
    """Why an answer stops short."""

    reason: Literal["content_filter", "max_tokens", "run_cancelled", "run_expired", "run_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a user said, or an assistant answered."""

    id: MessageId
    object: Literal["thread.message"] = "thread.message"
    created_at: int
    thread_id: ThreadId
    status: Literal["in_progress", "incomplete", "completed"] = "completed"
    incomplete_details: IncompleteMessage | None = None
    completed_at: int | None = None
    incomplete_at: int | None = None
    role: Literal["user", "assistant"]
    content: Annotated[tuple[Part, ...], Field(min_length=1, max_length=100), BeforeValidator(_string_is_one_part)]
    assistant_id: AssistantId | None = None
    run_id: RunId | None = None
    attachments: Annotated[tuple[Attachment, ...], BeforeValidator(_none_is_empty)] = ()
    metadata: Metadata = field(default_factory=dict)

    @property
    def file_ids(self) -> list[FileId]:
        """The files that come with this message, attachments and pictures, each once and in order."""
        pictures = [part.image_file.file_id for part in self.content if isinstance(part, ImageFilePart)]
        return list(dict.fromkeys([*(item["file_id"] for item in self.attachments), *pictures]))


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file's particulars; its bytes lie in the file folder under its id."""

    id: FileId
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"] = "processed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringFile(File):
    """A file that is not kept for ever; in the specification `expires_at` may be absent, but not null."""

    expires_at: int


_CODECS[File] = TypeAdapter(ExpiringFile | File)


def deleted(kind: str, id_: str) -> dict[str, Any]:
    """The answer to a deletion."""
    return {"id": id_, "object": kind, "deleted": True}
