"""Turns a model's reply into the steps and messages of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from urllib.parse import quote

from adapters.embedded.api_objects import (
    FilePath,
    FilePathId,
    ImageFile,
    ImageFilePart,
    IncompleteMessage,
    Message,
    MessageId,
    Part,
    StepId,
    Text,
    TextPart,
    new_id,
    plain,
)
from adapters.embedded.models.argument_repair import fault_in
from adapters.embedded.models.port import CODE_INTERPRETER, ModelFinish, ModelReply, ModelToolCall, ModelUsage
from adapters.embedded.run_events import RunJournal, opening_events, picture_events, words_event
from adapters.embedded.run_objects import (
    CODE_FOLDER,
    CodeCall,
    CodeInterpreter,
    CodeLogs,
    CompletionDetails,
    CreatedMessage,
    Function,
    FunctionCall,
    GeneratedFile,
    MessageCreation,
    PromptDetails,
    Run,
    RunStep,
    StepDetails,
    StepStatus,
    ToolCalls,
    Usage,
)

MAX_CALLS = 50
"""In a run; what a model asks for beyond them in one exchange is not made."""


class MessageDraft:
    """The message that a model may write in one exchange. Its words go to those who follow the run as they come.

    Nothing of it is stored before it is complete: after a crash the exchange is made again.
    """

    def __init__(
        self, run: Run, journal: RunJournal, products: Sequence[GeneratedFile], said: Iterable[Message]
    ) -> None:
        """`products`: the files of the thread. `said`: earlier messages, whose pictures are not shown once more."""
        self.id, self.step_id = MessageId(new_id("msg")), StepId(new_id("step"))
        self._run = run
        self._journal = journal
        self.products = products
        self._shown = {file_id for message in said for file_id in message.file_ids}
        self._pictures = self.unshown(_new_pictures(run, products))
        self._told: list[str] = []
        self._told_chars = 0

    @property
    def told(self) -> str:
        """The words so far."""
        return "".join(self._told)

    @property
    def told_pictures(self) -> list[GeneratedFile]:
        """The pictures that were told before the words; none where no word was told."""
        return self._pictures if self._told else []

    def unshown(self, pictures: list[GeneratedFile]) -> list[GeneratedFile]:
        """Those of these pictures that no earlier message of the run shows."""
        return [picture for picture in pictures if picture.file_id not in self._shown]

    def add(self, words: str) -> None:
        """Tell the next words."""
        words = plain(words)[: MAX_TEXT_CHARS - self._told_chars]
        if not words:
            return
        message = _message(self._run, _picture_parts(self._pictures), self._journal.now(), self)
        events = [words_event(message, len(self._pictures), words)]
        if not self._told:
            step = message_step(self._run, message, None, message.created_at, self)
            events = [*opening_events(step, message), *picture_events(message), *events]
        self._told.append(words)
        self._told_chars += len(words)
        self._journal.tell(self._run.id, events)


def message_step(run: Run, message: Message, usage: ModelUsage | None, now: int, draft: MessageDraft) -> RunStep:
    """The step of a message, when it is complete."""
    details = MessageCreation(message_creation=CreatedMessage(message_id=message.id))
    return replace(_step(run, details, usage, now), id=draft.step_id, status=StepStatus.COMPLETED, completed_at=now)


def calls_step(run: Run, reply: ModelReply, now: int) -> RunStep:
    """The step of the calls that a model asked for."""
    wanted = reply.tool_calls[:MAX_CALLS] if run.parallel_tool_calls else reply.tool_calls[:1]
    details = ToolCalls(tool_calls=tuple(_call(run, call) for call in wanted))
    return _step(run, details, reply.usage, now)


def _step(run: Run, details: StepDetails, usage: ModelUsage | None, now: int) -> RunStep:
    return RunStep(
        id=StepId(new_id("step")),
        created_at=now,
        assistant_id=run.assistant_id,
        thread_id=run.thread_id,
        run_id=run.id,
        type=details.type,
        step_details=details,
        usage=_spent(usage) if usage else None,
    )


def _spent(usage: ModelUsage) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_token_details=PromptDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=CompletionDetails(reasoning_tokens=usage.reasoning_tokens),
    )


def _call(run: Run, asked: ModelToolCall) -> CodeCall | FunctionCall:
    """A call as its step holds it; one that cannot be made is answered already, by what is wrong with it."""
    call_id, arguments = new_id("call"), plain(asked.arguments)
    if asked.name == CODE_INTERPRETER and {"type": "code_interpreter"} in run.tools:
        return _code_call(call_id, arguments)
    offered = [tool["function"]["name"] for tool in run.tools if tool["type"] == "function"]
    fault = _fault(asked.name, arguments, offered)
    return FunctionCall(id=call_id, function=Function(name=plain(asked.name), arguments=arguments, output=fault))


def _code_call(call_id: str, arguments: str) -> CodeCall:
    fault = fault_in(arguments)
    code = None if fault else json.loads(arguments).get("code")
    if isinstance(code, str) and code.strip():
        return CodeCall(id=call_id, code_interpreter=CodeInterpreter(input=plain(code)))
    reason = f", and it is broken: {fault}" if fault and arguments.lstrip().startswith("{") else ""
    told = CodeLogs(logs=f'Nothing was run: the arguments have to be a JSON object with the source in "code"{reason}.')
    return CodeCall(id=call_id, code_interpreter=CodeInterpreter(input=arguments, outputs=(told,)))


def _fault(name: str, arguments: str, offered: list[str]) -> str | None:
    if name not in offered:
        return "There is no tool of this name. The functions on offer are: " + (", ".join(offered) or "none") + "."
    try:
        is_object = isinstance(json.loads(arguments or "{}"), dict)
    except (ValueError, RecursionError):
        return "Nothing was called: the arguments are not valid JSON."
    return None if is_object else "Nothing was called: the arguments have to be a JSON object."


MAX_PAIRS = 16
MAX_VALUE_CHARS = 512
MAX_TEXT_CHARS = 200_000


def final_message(run: Run, reply: ModelReply, now: int, draft: MessageDraft) -> Message | None:
    """The message that ends a run, if there is anything to say.

    Pictures come before the words, as from OpenAI. The alternative text of a picture, and the file that holds its
    points, have no place in the API: they travel in the message's metadata, under `alt:<file id>` and `data:<file id>`.
    """
    products = draft.products  # no code has run since the model was asked
    new, pictures = _new_products(run, products), _new_pictures(run, products)
    text = _with_links(_words(reply), [product for product in new if product.in_folder and not product.picture])
    pictures = draft.unshown(pictures) if text else pictures  # an answer in pictures alone shows all of them
    content: tuple[Part, ...] = (*_picture_parts(pictures), *_text_part(text, _latest(products)))
    if not content:
        return None
    message = _with_notes(_message(run, content, now, draft), pictures, products)
    match reply.finish:
        case ModelFinish.LENGTH:
            cut = IncompleteMessage(reason="max_tokens")
        case ModelFinish.CONTENT_FILTER:
            cut = IncompleteMessage(reason="content_filter")
        case ModelFinish.STOP | ModelFinish.TOOL_CALLS:
            return message
    return replace(message, status="incomplete", incomplete_details=cut, incomplete_at=now, completed_at=None)


def interim_message(run: Run, reply: ModelReply, now: int, draft: MessageDraft) -> Message | None:
    """What a model said together with calls it asked for; as at OpenAI a message of its own.

    It shows the pictures that were told before its words came: then nobody could know that calls would follow.
    """
    text = _text_part(_words(reply), [])
    if not text:
        return None
    pictures = draft.told_pictures
    message = _message(run, (*_picture_parts(pictures), *text), now, draft)
    return _with_notes(message, pictures, draft.products)


def _with_notes(message: Message, pictures: list[GeneratedFile], products: Sequence[GeneratedFile]) -> Message:
    """With what its pictures show in its metadata."""
    alts = {f"alt:{p.file_id}": p.alt_text[:MAX_VALUE_CHARS] for p in pictures if p.alt_text}
    data = {
        f"data:{before.file_id}": product.file_id
        for before, product in pairwise(products)
        if product.holds_points and before in pictures
    }
    return replace(message, metadata=dict(list((alts | data).items())[:MAX_PAIRS]))


def _new_products(run: Run, products: Sequence[GeneratedFile]) -> list[GeneratedFile]:
    return _latest([product for product in products if product.run_id == run.id])


def _new_pictures(run: Run, products: Sequence[GeneratedFile]) -> list[GeneratedFile]:
    return [product for product in _new_products(run, products) if product.picture]


def _picture_parts(pictures: list[GeneratedFile]) -> tuple[ImageFilePart, ...]:
    return tuple(ImageFilePart(image_file=ImageFile(file_id=picture.file_id)) for picture in pictures)


def _message(run: Run, content: tuple[Part, ...], now: int, draft: MessageDraft) -> Message:
    return Message(
        id=draft.id,
        created_at=now,
        completed_at=now,
        thread_id=run.thread_id,
        role="assistant",
        assistant_id=run.assistant_id,
        run_id=run.id,
        content=content,
    )


def _words(reply: ModelReply) -> str:
    text = plain(reply.text).strip()[:MAX_TEXT_CHARS]
    # Signs that nobody sees (zero-width spaces, marks of direction) are no answer.
    return text if any(sign.isprintable() and not sign.isspace() for sign in text) else ""


def _text_part(text: str, mentionable: list[GeneratedFile]) -> tuple[TextPart, ...]:
    if not text:
        return ()
    annotations = tuple(note for product in mentionable for note in _annotations(text, product))
    return (TextPart(text=Text(value=text, annotations=annotations)),)


def _latest(products: Sequence[GeneratedFile]) -> list[GeneratedFile]:
    """Of files that were written several times, the last; figures have no place where they could be overwritten."""
    last = {product.filename if product.in_folder else product.file_id: product for product in products}
    return list(last.values())


def _as_words(name: str) -> str:
    """A file's name in Markdown: `__init__.py` is not bold. An underscore within a word marks nothing."""
    return re.sub(r"[*`]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", name)


def _with_links(text: str, files: list[GeneratedFile]) -> str:
    unnamed = [file for file in files if not any(path in text for path in _paths(file))]
    links = [f"[{_as_words(file.filename)}]({_path(file)})" for file in unnamed]
    return "\n\n".join([part for part in (text, *links) if part])


def _annotations(text: str, product: GeneratedFile) -> list[FilePath]:
    file = FilePathId(file_id=product.file_id)
    return [
        FilePath(text=path, start_index=start, end_index=start + len(path), file_path=file)
        for path in _paths(product)
        if product.in_folder
        for start in _places(text, path)
    ]


def _places(text: str, path: str) -> list[int]:
    """Where a text names a path whole: `.../a.csv` is not named by `.../a.csv.gz`."""
    places, start = [], text.find(path)
    while start >= 0:
        after = text[start + len(path) : start + len(path) + 2]
        if not (after[:1].isalnum() or (after[:1] in "._-%" and after[1:].isalnum())):
            places.append(start)
        start = text.find(path, start + len(path))
    return places


def _path(product: GeneratedFile) -> str:
    return f"sandbox:{CODE_FOLDER}/{quote(product.filename)}"


def _paths(product: GeneratedFile) -> list[str]:
    """The forms in which a text may name a file, each once."""
    return list(dict.fromkeys([_path(product), f"sandbox:{CODE_FOLDER}/{product.filename}"]))
