"""Messages and runs of the Assistants protocol: from the application's words to the wire, and back.

https://platform.openai.com/docs/api-reference/messages and https://platform.openai.com/docs/api-reference/runs
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from adapters.openai.service_errors import FIXES, refusal_of
from adapters.openai.wire import Fields, or_left_out
from bot.attachments import join_names
from bot.errors import Refusal
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
    ToolsWanted,
)
from bot.turn_record import Usage
from httpkit.refusal_words import try_again_in_s

log = logging.getLogger(__name__)

MAX_SPEAKER_CHARS: Final = 80  # the embedded server reads up to 100 before " wrote:"
_CODE_INTERPRETER: Final = [{"type": "code_interpreter"}]


def message_body(ask: Ask) -> dict[str, object]:
    """The body of a user's message: words, pictures to look at, files for Code Interpreter.

    Where several people write, the author stands in the metadata, as `docs/assistants-server.md` describes, and in the
    first line too: other services show the metadata of a message to no model.
    """
    text = ask.text
    if not text.strip() and ask.files:  # the protocol knows no message without words
        text = f"Here is {join_names([file.name for file in ask.files])}."
    body: dict[str, object] = {"role": "user"}
    if ask.speaker is not None:
        speaker = speaker_name(ask.speaker)
        text = f"{speaker} wrote:\n{text}"
        body["metadata"] = {"speaker": speaker}
    pictures = [{"type": "image_file", "image_file": {"file_id": file.ref}} for file in ask.files if file.is_picture]
    # Servers that know no content parts take a message of words alone.
    body["content"] = [{"type": "text", "text": text}, *pictures] if pictures else text
    if ask.files:
        body["attachments"] = [{"file_id": file.ref, "tools": _CODE_INTERPRETER} for file in ask.files]
    return body


def past_bodies(ask: Ask) -> list[dict[str, object]]:
    """Messages of what was said before the thread was opened, as the assistant's own and a user's."""
    said = [pair for turn in ask.past for pair in (("user", turn.asked), ("assistant", turn.answered))]
    return [{"role": role, "content": text} for role, text in said if text.strip()]


def speaker_name(name: str) -> str:
    """A display name that cannot say more than who speaks, for people choose theirs.

    No line ends, nothing without a shape (such as changes of direction), no colon. Never empty: a message without the
    first line could begin with a line of its own, in another's name.
    """

    def is_shown(letter: str) -> bool:
        return letter.isspace() or (letter != ":" and not unicodedata.category(letter).startswith("C"))

    words = " ".join("".join(filter(is_shown, name)).split()) or "Someone"
    return words if len(words) <= MAX_SPEAKER_CHARS else words[: MAX_SPEAKER_CHARS - 1] + "…"


class RunStatus(StrEnum):
    """The nine statuses of the protocol, and one for a status that is newer than this program."""

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
class Run:
    """A run object, and the event of `Assistant.follow` that it amounts to."""

    id: RunId
    status: RunStatus
    event: RunEvent


def run_from(body: object) -> Run:
    """Read a run object. Raises AssistantUnavailableError if it is garbled."""
    fields = Fields(body, "a run")
    word = fields.text("status")
    status = RunStatus(word) if word in set(RunStatus) else RunStatus.UNKNOWN
    return Run(id=RunId(fields.text("id")), status=status, event=_event(fields, status))


def _event(run: Fields, status: RunStatus) -> RunEvent:
    match status:
        case RunStatus.QUEUED:
            return Progress(phase=RunPhase.QUEUED)
        case RunStatus.IN_PROGRESS | RunStatus.CANCELLING | RunStatus.UNKNOWN:
            # A status that this program does not know may change to one that it knows: it is followed until then.
            return Progress(phase=RunPhase.WORKING)
        case RunStatus.REQUIRES_ACTION:
            calls = run.object("required_action").object("submit_tool_outputs").objects("tool_calls")
            return ToolsWanted(calls=tuple(map(_tool_call, calls)))
        case RunStatus.COMPLETED | RunStatus.INCOMPLETE | RunStatus.FAILED | RunStatus.CANCELLED | RunStatus.EXPIRED:
            return _settled(run, RunEnd(status.value))


REQUEST_ID: Final = re.compile(r"\breq_\w+|request id", re.IGNORECASE)
"""What a service says of its own requests: to a person it says nothing."""

_FAILURES: Final = {
    "rate_limit_exceeded": FailureCode.RATE_LIMIT,
    "server_error": FailureCode.SERVER,
    "invalid_prompt": FailureCode.PROMPT,
    "content_filter": FailureCode.CONTENT_FILTER,
    "max_completion_tokens": FailureCode.LENGTH,
    "max_prompt_tokens": FailureCode.LENGTH,
}


def _settled(run: Fields, end: RunEnd) -> Settled:
    error, usage, failure = run.object_if_any("last_error"), run.object_if_any("usage"), None
    if end is RunEnd.FAILED:
        failure = _FAILURES.get(error.word("code") if error else "", FailureCode.SERVER)
    elif end is RunEnd.INCOMPLETE:
        details = run.object_if_any("incomplete_details")
        failure = _FAILURES.get(details.text_if_any("reason") if details else "", FailureCode.LENGTH)
    explanation = error.word("message") if error else ""
    if REQUEST_ID.search(explanation):  # of use to an operator alone, who finds the run in the time line
        explanation = ""
    refusal = None
    if end is RunEnd.FAILED and error is not None:
        # The embedded server says it in a field of its own, and its sentence is one for the operator then.
        word = error.text_if_any("refusal")
        refusal = Refusal(word) if word in set(Refusal) else refusal_of(error.word("code"))
        explanation = explanation if word or refusal is None else FIXES[refusal]
    return Settled(
        outcome=RunOutcome(
            end=end,
            failure=failure,
            explanation=explanation,
            retry_after_s=try_again_in_s(explanation),
            refusal=refusal,
        ),
        usage=_usage(usage) if usage else None,
    )


def _usage(usage: Fields) -> Usage:
    prompt, completion = usage.object_if_any("prompt_token_details"), usage.object_if_any("completion_tokens_details")
    prompt = prompt or usage.object_if_any("prompt_tokens_details")  # the protocol and Chat Completions differ here
    return Usage(
        input_tokens=usage.count_if_any("prompt_tokens"),
        cached_tokens=prompt.count_if_any("cached_tokens") if prompt else 0,
        output_tokens=usage.count_if_any("completion_tokens"),
        reasoning_tokens=completion.count_if_any("reasoning_tokens") if completion else 0,
    )


def _tool_call(call: Fields) -> ToolCall:
    function = call.object("function")
    return ToolCall(
        id=ToolCallId(call.text("id")), name=function.text("name"), arguments=function.json_text("arguments")
    )


_ALT_TEXT: Final = "alt:"  # and the file's id: metadata in which the embedded server says what a picture shows
_DATA: Final = "data:"  # likewise: the id of a csv file of the points in that picture


def answer_from(messages: Iterable[Fields]) -> Answer:
    """All messages of a turn's runs, oldest first, as one answer.

    Placeholders stay in the text as the model wrote them: an annotation's `text` is "the text that needs to be
    replaced", while its indexes count code points at one service, UTF-16 units at another and nothing (0, 0) at a
    third. A file written twice under one name is there once, as it was in the end.
    """
    texts: list[str] = []
    images: dict[str, AnswerImage] = {}  # by file
    files: dict[str, AnswerFile] = {}  # by placeholder
    citations: dict[str, Citation] = {}  # by placeholder
    for message in messages:
        metadata = message.texts("metadata")
        for content in message.objects_if_any("content"):
            match content.text_if_any("type"):
                case "text":
                    text = content.object("text")
                    texts.append(text.text_if_any("value").strip())
                    for annotation in text.objects_among("annotations"):
                        with or_left_out("an annotation"):
                            _add_annotation(annotation, files, citations)
                case "refusal":
                    texts.append(content.text_if_any("refusal"))
                case "image_file":
                    with or_left_out("a picture"):
                        ref = FileRef(content.object("image_file").text("file_id"))
                        data = metadata.get(f"{_DATA}{ref}")
                        images[ref] = AnswerImage(
                            file=ref,
                            alt_text=metadata.get(f"{_ALT_TEXT}{ref}", ""),
                            data=FileRef(data) if data else None,
                        )
                case _:
                    log.warning("a content part of an unknown type was left out")
    return Answer(
        text="\n\n".join(filter(None, texts)),
        images=tuple(images.values()),
        files=tuple(files.values()),
        citations=tuple(citations.values()),
    )


def code_from(steps: Iterable[Fields]) -> tuple[CodeCell, ...]:
    """The code in run steps, oldest first. Raises AssistantUnavailableError if it is garbled.

    https://platform.openai.com/docs/api-reference/run-steps
    """
    cells = []
    for step in steps:
        details = step.object_if_any("step_details")
        for call in details.objects_if_any("tool_calls") if details else ():
            interpreter = call.object_if_any("code_interpreter")
            if interpreter is not None and (code := interpreter.text_if_any("input")).strip():
                logs = [output.text_if_any("logs") for output in interpreter.objects_if_any("outputs")]
                cells.append(CodeCell(code=code, output="\n".join(filter(None, logs))))
    return tuple(cells)


def _add_annotation(annotation: Fields, files: dict[str, AnswerFile], citations: dict[str, Citation]) -> None:
    placeholder = annotation.text_if_any("text")
    match annotation.text_if_any("type"):
        case "file_path":
            ref = FileRef(annotation.object("file_path").text("file_id"))
            name = PurePosixPath(unquote(placeholder.removeprefix("sandbox:"))).name or ref
            files[placeholder or ref] = AnswerFile(file=ref, name=name, placeholder=placeholder)
        case "file_citation":
            ref = FileRef(annotation.object("file_citation").text("file_id"))
            citations[placeholder] = Citation(file=ref, placeholder=placeholder)
        case _:
            log.warning("an annotation of an unknown type was left out")
