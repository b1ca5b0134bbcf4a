"""Responses and the items of conversations: from the application's words to the wire, and back.

https://platform.openai.com/docs/api-reference/responses and https://platform.openai.com/docs/api-reference/conversations
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

from adapters.openai.protocol import REQUEST_ID, speaker_name
from adapters.openai.service_errors import FIXES, context_error, refusal_of
from adapters.openai.wire import Fields, chars_in, or_left_out
from bot.attachments import OTHER_WORKBOOKS, PICTURE_ENDINGS, join_names, save_as_xlsx
from bot.conversation import ThreadId
from bot.errors import AssistantError, AttachmentError
from bot.file_names import ending_of
from bot.functions import FunctionDefinition
from bot.run import (
    Answer,
    AnswerFile,
    AnswerImage,
    Ask,
    Citation,
    CodeCell,
    FailureCode,
    FileRef,
    Progress,
    RunEnd,
    RunEvent,
    RunId,
    RunOutcome,
    RunPhase,
    Settled,
    ToolCall,
    ToolCallId,
    ToolOutput,
    ToolsWanted,
)
from bot.turn_record import Usage
from httpkit.refusal_words import try_again_in_s

log = logging.getLogger(__name__)

INCLUDE: Final = "code_interpreter_call.outputs"  # without it, pictures that code showed are left out
INCLUDED: Final = {"include[]": INCLUDE}  # as the openai package writes lists in a query
MAX_FILES: Final = 50  # that a container takes (AutoCodeInterpreterToolParam of the API description)
_DATA_URL: Final = re.compile(r"data:[\w/+.-]*;base64,", re.ASCII)


Item = dict[str, Any]
"""An item of a conversation, as the service writes it."""


# --------------------------------------------------------------------------------------------------------- what is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistance:
    """Who answers: a model with instructions and tools of this bot's settings, or an agent of a Foundry project."""

    model: str | None
    instructions: str
    agent: str | None = None  # its version at the service has model, instructions and tools: none are sent
    functions: tuple[FunctionDefinition, ...] = ()
    runs_code: bool = True
    knowledge: tuple[str, ...] = ()  # files of its own, by their ids at the service

    def request(self, files: Sequence[str]) -> dict[str, Any]:
        """What a request says of it."""
        if self.agent is not None:
            return {"agent_reference": {"type": "agent_reference", "name": self.agent}}
        # Its own files go first, and stay when a thread has more files than a container takes.
        in_container = [*self.knowledge, *files[max(0, len(files) - (MAX_FILES - len(self.knowledge))) :]]
        container = {"type": "auto", **({"file_ids": in_container} if in_container else {})}
        code = [{"type": "code_interpreter", "container": container}] if self.runs_code else []
        return {
            "model": self.model,
            "instructions": self.instructions,
            "tools": [*code, *map(_function_tool, self.functions)],
            "truncation": "auto",
        }


def _function_tool(function: FunctionDefinition) -> Item:
    return {
        "type": "function",
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
        "strict": False,  # strict schemas forbid optional arguments
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """How a service takes people's files."""

    purpose: str = "user_data"
    pictures_inline: bool = False  # as data URLs: Azure does not show an uploaded picture to a model

    def fields_for(self, name: str) -> dict[str, str]:
        """The form fields of an upload beside the file. Raises AttachmentError for a file that the service refuses."""
        if ending_of(name) in OTHER_WORKBOOKS:
            raise AttachmentError("the service takes no such workbooks", apology=save_as_xlsx(name))
        return {"purpose": self.purpose}


def user_item(ask: Ask, *, pictures: Mapping[str, str], files_as_input: bool) -> Item:
    """A person's message: words, pictures for the model to look at, and the names of files for its code.

    `pictures` are data URLs, by file; a picture that is not among them is referred to by its id. With `files_as_input`
    all files are part of the message, for services where the request cannot say what is in the container.
    """
    text = ask.text
    if not text.strip() and ask.files:
        text = f"Here is {join_names([file.name for file in ask.files])}."
    if ask.speaker is not None:
        text = f"{speaker_name(ask.speaker)} wrote:\n{text}"
    content: list[Item] = [{"type": "input_text", "text": text}]
    for file in ask.files:
        if file.is_picture:
            url = pictures.get(file.ref)
            shown = {"file_id": file.ref} if url is None else {"image_url": url}
            content.append({"type": "input_image", "detail": "auto", **shown})
        elif files_as_input or ending_of(file.name) == ".pdf":
            content.append({"type": "input_file", "file_id": file.ref})
    if ask.files and ask.text.strip():
        names = join_names([file.name for file in ask.files])
        content.append({"type": "input_text", "text": f"Attached, in /mnt/data for Code Interpreter: {names}"})
    return {"type": "message", "role": "user", "content": content}


def refs_of(ask: Ask) -> tuple[str, ...]:
    """The files that come with a message, by their ids at the service."""
    return tuple(file.ref for file in ask.files)


def past_items(ask: Ask) -> tuple[Item, ...]:
    """What was said before the thread was opened."""
    said = ((("user", turn.asked), ("assistant", turn.answered)) for turn in ask.past)
    return tuple(
        {"type": "message", "role": role, "content": text} for turn in said for role, text in turn if text.strip()
    )


def output_item(output: ToolOutput) -> Item:
    """The output of a function call."""
    return {"type": "function_call_output", "call_id": output.call, "output": output.output}


# --------------------------------------------------------------------------------------------------- items, as they lie


def text_of(item: Mapping[str, object]) -> str:
    """The words of a message, by a person or the model; empty for any other item."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part["text"]) for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


def is_same(item: Fields, sent: Item) -> bool:
    """Whether an item of a conversation is one that was sent: the service gives it an id, and may add to it."""
    if item.text_if_any("type") != sent["type"]:
        return False
    if sent["type"] == "function_call_output":
        return item.text_if_any("call_id") == str(sent["call_id"])
    return item.text_if_any("role") == str(sent["role"]) and text_of(item.raw) == text_of(sent)


def unanswered_calls(items: Iterable[Fields]) -> list[str]:
    """The function calls among these items that have no output among them, in order."""
    calls: list[str] = []
    for item in items:
        match item.text_if_any("type"):
            case "function_call":
                calls.append(_call_id(item))
            case "function_call_output":
                calls = [call for call in calls if call != item.text_if_any("call_id")]
            case _:
                pass
    return calls


def _call_id(call: Fields) -> str:
    """What its output refers to; some compatible servers give a call one id alone."""
    return call.text_if_any("call_id") or call.text("id")


# ------------------------------------------------------------------------------------------------------------ responses


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response object, and the event of `Assistant.follow` that it amounts to."""

    id: RunId
    status: str
    event: RunEvent
    fields: Fields

    @property
    def output(self) -> tuple[Fields, ...]:
        """Its items, oldest first."""
        return self.fields.objects_among("output")

    @property
    def has_answer(self) -> bool:
        """Whether what it wrote is read, be it cut short or followed by calls."""
        return self.status in {"completed", "incomplete"}

    @property
    def chars(self) -> int:
        """The characters in its texts, base64 of pictures among them."""
        return chars_in(self.fields.raw)


def response_from(body: object) -> Response:
    """Read a response object. Raises AssistantUnavailableError if it is garbled."""
    fields = Fields(body, "a response")
    status = fields.text("status")
    return Response(id=RunId(fields.text("id")), status=status, event=_event(fields, status), fields=fields)


def _event(response: Fields, status: str) -> RunEvent:
    match status:
        case "queued":
            return Progress(phase=RunPhase.QUEUED)
        case "completed":
            items = response.objects_among("output")
            unanswered = set(unanswered_calls(items))
            calls = [it for it in items if it.text_if_any("type") == "function_call" and _call_id(it) in unanswered]
            if calls:
                # Another response goes on, and counts its own.
                return ToolsWanted(calls=tuple(map(_tool_call, calls)), usage=_usage(response))
            return _settled(response, RunEnd.COMPLETED)
        case "incomplete" | "failed" | "cancelled":
            return _settled(response, RunEnd(status))
        case _:
            # `in_progress`, or a status that is newer than this program and may change to one that it knows.
            return Progress(phase=RunPhase.WORKING)


def _tool_call(item: Fields) -> ToolCall:
    return ToolCall(id=ToolCallId(_call_id(item)), name=item.text("name"), arguments=item.json_text("arguments"))


_FAILURES: Final = {
    "rate_limit_exceeded": FailureCode.RATE_LIMIT,
    "invalid_prompt": FailureCode.PROMPT,
    "bio_policy": FailureCode.PROMPT,
    "misalignment_policy_violation": FailureCode.PROMPT,
    "content_filter": FailureCode.CONTENT_FILTER,
}


_CUT_SHORT: Final = {"content_filter": FailureCode.CONTENT_FILTER, "max_output_tokens": FailureCode.LENGTH}


def _settled(response: Fields, end: RunEnd) -> Settled:
    error, failure = response.object_or_none("error"), None
    explanation, code = (error.word("message"), error.word("code")) if error else ("", "")
    if end is RunEnd.FAILED:
        # A dozen codes say that a picture cannot be read: invalid_image, image_too_large, empty_image_file, ...
        failure = _FAILURES.get(code, FailureCode.PROMPT if "image" in code else FailureCode.SERVER)
    elif end is RunEnd.INCOMPLETE:
        details = response.object_or_none("incomplete_details")
        failure = _CUT_SHORT.get(details.word("reason") if details else "")
    if REQUEST_ID.search(explanation) or context_error(explanation, code):
        # Of use to an operator, who finds the id of the response in the log; to a person it says nothing.
        explanation = ""
    refusal = refusal_of(code) if end is RunEnd.FAILED else None
    return Settled(
        outcome=RunOutcome(
            end=end,
            failure=failure,
            explanation=explanation if refusal is None else FIXES[refusal],
            retry_after_s=try_again_in_s(explanation),
            refusal=refusal,
        ),
        usage=_usage(response),
    )


def _usage(response: Fields) -> Usage:
    usage, items = response.object_or_none("usage"), response.objects_among("output")
    code_runs = sum(item.text_if_any("type") == "code_interpreter_call" for item in items)
    if usage is None:
        return Usage(code_runs=code_runs)
    given, made = usage.object_or_none("input_tokens_details"), usage.object_or_none("output_tokens_details")
    return Usage(
        input_tokens=usage.count_if_any("input_tokens"),
        cached_tokens=given.count_if_any("cached_tokens") if given else 0,
        output_tokens=usage.count_if_any("output_tokens"),
        reasoning_tokens=made.count_if_any("reasoning_tokens") if made else 0,
        code_runs=code_runs,
    )


def fault_of_context(response: Response) -> AssistantError | None:
    """What is wrong with the conversation itself, where a response failed for that."""
    error = response.fields.object_or_none("error") if response.status == "failed" else None
    return context_error(error.word("message"), error.word("code")) if error else None


# -------------------------------------------------------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFile:
    """A file in a container of Code Interpreter."""

    ref: FileRef
    name: str


def container_ref(container: str, file: str) -> FileRef:
    """How a file of a container is known to the application."""
    return FileRef(f"{container}/{file}")


def containers_of(response: Response) -> list[str]:
    """The containers in which this response ran code."""
    calls = [item for item in response.output if item.text_if_any("type") == "code_interpreter_call"]
    return list(dict.fromkeys(filter(None, (call.text_if_any("container_id") for call in calls))))


def made_files(page: Fields, container: str, *, since_s: float) -> list[ContainerFile]:
    """Files that code wrote into a container since a time, of one page of its list."""
    found = []
    for file in page.objects_if_any("data"):
        created_at_s = file.number_if_any("created_at")
        if file.text_if_any("source") != "assistant" or (created_at_s is not None and created_at_s < since_s):
            continue
        name = PurePosixPath(file.text_if_any("path")).name or file.text("id")
        found.append(ContainerFile(ref=container_ref(container, file.text("id")), name=name))
    return found


@dataclass(slots=True)
class AnswerReader:
    """Collects the answer from the responses of a turn. Each file is there once, wherever it was mentioned."""

    thread: ThreadId
    texts: list[str]
    images: dict[str, AnswerImage]  # by file
    files: dict[str, AnswerFile]  # by file
    citations: dict[str, Citation]  # by placeholder
    code: list[CodeCell]

    @classmethod
    def of(cls, thread: ThreadId) -> AnswerReader:
        """Nothing read yet."""
        return cls(thread=thread, texts=[], images={}, files={}, citations={}, code=[])

    def read(self, response: Response, made: Sequence[ContainerFile]) -> None:
        """Add what a response says. `made`: the files that its code wrote, in whichever container."""
        names: dict[str, str] = {file.ref: file.name for file in made}
        output = response.output
        has_final = any(item.text_if_any("phase") == "final_answer" for item in output)
        for item in output:
            match item.text_if_any("type"):
                case "code_interpreter_call":
                    with or_left_out("code"):
                        self._read_code(response.id, item)
                case "image_generation_call":
                    with or_left_out("a generated picture"):
                        self._read_pictures(response.id, item)
                case "message":
                    is_shown = not has_final or item.text_if_any("phase") == "final_answer"
                    self._read_message(item, names, is_shown=is_shown)
                case _:
                    pass  # reasoning, calls and their outputs, and items newer than this program
        for file in made:
            self._add(file.ref, file.name, placeholder="")

    def answer(self) -> Answer:
        """All of it."""
        return Answer(
            text="\n\n".join(filter(None, self.texts)),
            images=tuple(self.images.values()),
            files=tuple(self.files.values()),
            citations=tuple(self.citations.values()),
            code=tuple(self.code),
        )

    def _read_code(self, run: RunId, call: Fields) -> None:
        if (code := call.text_if_any("code")).strip():
            logs = [output.text_if_any("logs") for output in call.objects_if_any("outputs")]
            self.code.append(CodeCell(code=code, output="\n".join(filter(None, logs))))
        self._read_pictures(run, call)

    def _read_pictures(self, run: RunId, call: Fields) -> None:
        self.images.update({ref: AnswerImage(file=ref) for ref in _pictures_of(self.thread, run, call)})

    def _read_message(self, message: Fields, names: Mapping[str, str], *, is_shown: bool) -> None:
        if is_shown and (words := message.word("content")):  # as the items of a request may be written
            self.texts.append(words.strip())
            return
        for content in message.objects_if_any("content"):
            match content.text_if_any("type"):
                case "output_text" | "text":
                    text = content.text_if_any("text")
                    if is_shown:
                        self.texts.append(text.strip())
                    for annotation in content.objects_among("annotations"):
                        with or_left_out("an annotation"):
                            self._read_annotation(annotation, text, names)
                case "refusal":
                    self.texts.append(content.text_if_any("refusal"))
                case _:
                    log.warning("a content part of an unknown type was left out")

    def _read_annotation(self, annotation: Fields, text: str, names: Mapping[str, str]) -> None:
        match annotation.text_if_any("type"):
            case "container_file_citation":
                ref = container_ref(annotation.text("container_id"), annotation.text("file_id"))
                begin, end = annotation.count_if_any("start_index"), annotation.count_if_any("end_index")
                # Indexes count code points at one service, UTF-16 units at another, nothing (0, 0) at a third: they
                # are believed where they lead to a path.
                mentioned = text[begin:end].strip("()[]") if end > begin else ""
                placeholder = mentioned if mentioned.startswith("sandbox:") else ""
                path = unquote(placeholder.removeprefix("sandbox:"))
                name = names.get(ref) or PurePosixPath(path).name or annotation.text_if_any("filename")
                self._add(ref, name or annotation.text("file_id"), placeholder=placeholder)
            case "file_path":
                ref = FileRef(annotation.text("file_id"))
                self._add(ref, annotation.text_if_any("filename") or ref, placeholder="")
            case "file_citation" | "url_citation":
                pass  # the text names its sources itself
            case _:
                log.warning("an annotation of an unknown type was left out")

    def _add(self, ref: FileRef, name: str, *, placeholder: str) -> None:
        if ref in self.images or ref in self.files:
            return
        if ending_of(name) in PICTURE_ENDINGS:
            self.images[ref] = AnswerImage(file=ref, name=name)
        else:
            self.files[ref] = AnswerFile(file=ref, name=name, placeholder=placeholder)


def pictures_of(thread: ThreadId, response: Response) -> list[FileRef]:
    """The pictures that this response's code showed, in the order in which an answer names them."""
    refs: list[FileRef] = []
    for item in response.output:
        if item.text_if_any("type") in {"code_interpreter_call", "image_generation_call"}:
            with or_left_out("pictures"):
                refs += _pictures_of(thread, response.id, item)
    return refs


def _pictures_of(thread: ThreadId, run: RunId, call: Fields) -> Iterator[FileRef]:
    if call.text_if_any("result"):  # of an agent's own tool for pictures
        yield FileRef(f"{thread}#{run}#{call.text('id')}#0")
    for number, output in enumerate(call.objects_if_any("outputs")):
        if output.text_if_any("type") != "image":
            continue
        if file := output.text_if_any("file_id"):
            yield container_ref(call.text_if_any("container_id"), file)
        else:
            # The picture itself comes in the response (a data URL), so the response is where it is read again.
            yield FileRef(f"{thread}#{run}#{call.text('id')}#{number}")


def picture_in(response: Response, call: str, number: int) -> bytes:
    """A picture that code showed. Raises AssistantError."""
    for item in response.output:
        if item.text_if_any("id") == call:
            outputs = item.objects_if_any("outputs")
            url = outputs[number].text_if_any("url") if number < len(outputs) else ""
            head = _DATA_URL.match(url)
            encoded = url[head.end() :] if head else item.text_if_any("result")
            if encoded:
                try:
                    return base64.b64decode(encoded, validate=True)
                except ValueError:
                    break
    raise AssistantError("the response has no such picture")


def data_url(data: bytes, media_type: str) -> str:
    """A picture as part of a request."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
