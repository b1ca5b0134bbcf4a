"""Chat Completions on the wire: what an endpoint answers, as a ModelReply.

Shapes differ from server to server: what is optional in the protocol may be missing, null or empty, arguments come as
an object, content as a list of parts, trouble with status 200.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic_core import from_json

from adapters.embedded.models.chat_errors import TransientError
from adapters.embedded.models.port import (
    ModelError,
    ModelFinish,
    ModelReply,
    ModelToolCall,
    ModelUsage,
    OriginalMessage,
)
from httpkit.refusal_words import disguised_status

MAX_ORIGINAL_BYTES = 1_000_000
"""Of a message that is kept as it came: one that holds a picture would be sent again and again."""


class UnreadableReplyError(Exception):
    """What came is no chat completion."""


def completion_of(data: bytes) -> Any:
    """The JSON of an answer that came whole. Raises UnreadableReplyError."""
    try:
        return from_json(data)
    except ValueError:
        pass
    try:
        # Strict JSON has no byte order mark, no half letter and nothing behind its end; servers have.
        text = data.decode(json.detect_encoding(data), "replace").removeprefix("\ufeff").strip(" \t\r\n\0")
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableReplyError from None


def reply_of(value: Any, *, sender: str = "") -> ModelReply:
    """What the endpoint said. Raises UnreadableReplyError, and ModelError where it says that there is no answer.

    Only the words and the calls have to be readable: what else is of an odd kind is taken as missing.
    """
    if isinstance(value, dict) and not value.get("choices") and value.get("usage"):
        raise TransientError("The model gave an empty answer.")  # Gemini, now and then
    choice = _first_choice(value)
    message = choice.get("message")
    if not isinstance(message, dict):
        # The older interface for completions has a text in place of the message.
        words = message if isinstance(message, str) else choice.get("text")
        if not isinstance(words, str):
            raise UnreadableReplyError
        message = {"role": "assistant", "content": words}
    if isinstance(message.get("content"), int | float):
        raise UnreadableReplyError
    reason = text_of(choice.get("finish_reason")).lower()
    finish = _finish_of(reason)
    text = words_in(message.get("content")) or text_of(message.get("refusal"))
    entries = [*entries_of(message.get("tool_calls")), *_entries_of_function(message.get("function_call"))]
    # Beside words some servers send a call of nothing.
    calls = [call for call in map(_call, entries) if not text.strip() or call.name or call.arguments.strip(" {}")]
    if not text.strip() and not calls:
        text = _spoken(message.get("audio"))
    thought = message.get("reasoning_content") or message.get("reasoning")
    if not text.strip() and not calls and reason == "stop" and thought:
        raise ModelError("The model thought but gave no answer; check the reasoning parser of its server.")
    return ModelReply(
        text=text,
        tool_calls=tuple(calls),
        finish=finish,
        usage=_spent(value.get("usage")),
        model=text_of(value.get("model")),
        original=_original(message, sender),
    )


def _finish_of(reason: str) -> ModelFinish:
    """Why the model stopped. Raises ModelError where something else stopped it."""
    if reason == "error":  # OpenRouter, Mistral
        raise ModelError("The model's endpoint broke this answer off.")
    # Gemini writes "content_filter: RECITATION".
    finish = next((known for word in reason.replace(":", " ").split() if (known := _FINISHES.get(word))), None)
    if finish is None and not _BROKEN_OFF.isdisjoint(reason.split()):
        raise TransientError("The model's endpoint broke this answer off.")
    return finish or ModelFinish.STOP


def _first_choice(value: Any) -> dict[str, Any]:
    choices = value.get("choices") if isinstance(value, dict) else None
    found = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    if not found:
        raise UnreadableReplyError
    return next((choice for choice in found if is_first(choice)), found[0])


def is_first(choice: Mapping[str, Any]) -> bool:
    """Whether a choice is the one that is read, where a server gives several."""
    index = choice.get("index")
    return not isinstance(index, int | float | str) or index in {0, "0", ""}


def text_of(value: Any) -> str:
    """A text; empty for a value of any other kind."""
    return value if isinstance(value, str) else ""


def words_in(content: Any) -> str:
    """The words that a person reads in the content of a message: a text, a list of parts, or an object.

    Mistral's thinking models send parts of type `thinking`, and of type `text`. A server that parses an answer in JSON
    sends the object itself.
    """
    match content:
        case str():
            return content
        case list():
            return "".join(words_in(part) for part in content if isinstance(part, str) or _is_shown(part))
        case {"text": str(text)} | {"text": {"value": str(text)}} | {"refusal": str(text)} if _is_shown(content):
            return text
        case dict() if content and "type" not in content:
            return json.dumps(content, ensure_ascii=False)
        case _:
            return ""


def _is_shown(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _SHOWN_PARTS


_SHOWN_PARTS = (None, "text", "output_text", "refusal")


def _spoken(audio: Any) -> str:
    """The words of an answer that is speech."""
    return text_of(audio.get("transcript")) if isinstance(audio, dict) else ""


def entries_of(tool_calls: Any) -> list[dict[str, Any]]:
    """The calls of a message or a delta; some servers send a single one without its list."""
    listed = tool_calls if isinstance(tool_calls, list) else [tool_calls]
    return [entry for entry in listed if isinstance(entry, dict)]


def function_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The name and arguments of a call: within it, or in the call itself; a custom tool has an `input`."""
    match entry:
        case {"function": dict(function)}:
            return function
        case {"custom": {"name": name, "input": given}}:
            return {"name": name, "arguments": given}
        case _:
            return {key: entry[key] for key in ("name", "arguments") if key in entry}


def _entries_of_function(call: Any) -> list[dict[str, Any]]:
    """Before tools there were functions, one in a message; some servers send an empty one with each."""
    return [{"function": call}] if isinstance(call, dict) and any(call.values()) else []


def _call(entry: Mapping[str, Any]) -> ModelToolCall:
    function = function_of(entry)
    name, arguments = text_of(function.get("name")), function.get("arguments")
    if arguments is None:
        arguments = ""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ModelToolCall(id=text_of(entry.get("id")), name=name, arguments=text)


def _original(fields: dict[str, Any], sender: str) -> OriginalMessage | None:
    try:
        size_bytes = len(orjson.dumps(fields))
    except (TypeError, ValueError):  # an integer of more than 64 bits, or nesting that cannot be written again
        return None
    if size_bytes > MAX_ORIGINAL_BYTES:
        return None
    return OriginalMessage(sender=sender, fields=fields, size_bytes=size_bytes)


def status_of_error(data: bytes) -> int | None:
    """The status of an error that came with 200, as gateways send them; None for an answer."""
    if b'"error"' not in data:
        return None
    try:
        value = from_json(data)
    except ValueError:
        return None
    return None if isinstance(value, dict) and value.get("choices") else disguised_status(value)


# OpenAI's words first; then Anthropic's, Bedrock's, Cohere's, Gemini's and Mistral's, which gateways pass on.
_FINISHES = {
    **dict.fromkeys(("tool_calls", "function_call", "tool_call", "tool_use"), ModelFinish.TOOL_CALLS),
    **dict.fromkeys(
        ("length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded"),
        ModelFinish.LENGTH,
    ),
    **dict.fromkeys(
        (
            *("content_filter", "refusal", "content_filtered", "guardrail_intervened", "sensitive"),
            *("safety", "recitation", "prohibited_content", "blocklist", "spii", "image_safety"),
        ),
        ModelFinish.CONTENT_FILTER,
    ),
}
# Gemini, DeepSeek, GLM, vLLM
_BROKEN_OFF = frozenset({"malformed_function_call", "insufficient_system_resource", "network_error", "abort"})


def _spent(usage: Any) -> ModelUsage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens_details"), counts.get("completion_tokens_details")
    return ModelUsage(
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        cached_tokens=_count(prompt.get("cached_tokens")) if isinstance(prompt, dict) else 0,
        reasoning_tokens=_count(completion.get("reasoning_tokens")) if isinstance(completion, dict) else 0,
    )


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 10**12 else 0


_THOUGHT = re.compile(
    r"<(?P<tag>(?:seed:)?think|thinking|thought|reasoning)>|\[THINK\]|<\|channel>thought|<unused94>thought|◁think▷|"
    r"<\|(?:begin_of_thought|START_THINKING)\|>",
    re.I,
)
_THOUGHT_ENDS = {
    "[think]": "[/think]",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|start_thinking|>": "<|end_thinking|>",
}
_OPENED = re.compile(r"<(?:seed:)?think(?:ing)?>", re.I)
UNMARKED_THOUGHT_END = re.compile(r"</(?:seed:)?think(?:ing)?>", re.I)
"""Some templates open the thinking in the prompt, so that only its end is in the answer."""
# gpt-oss: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...<|return|>
_CHANNEL = "<|channel|>"
_FINAL = re.compile(
    r".*<\|channel\|>final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>(.*?)(?:<\|(?:end|return)\|>|\Z)", re.S
)
_ANALYSIS = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|\Z)", re.S)


def thought_at(text: str) -> tuple[re.Pattern[str], int] | None:
    """If a text begins with thinking: what ends it, and where it begins behind its mark."""
    opening = _THOUGHT.match(text)
    if opening is None:
        return None
    end = _THOUGHT_ENDS.get(opening[0].lower()) or f"</{opening['tag']}>"
    return re.compile(re.escape(end), re.I), opening.end()


def has_unmarked_thought(text: str) -> bool:
    """Whether a text begins with thinking of which only the end is marked."""
    closed = UNMARKED_THOUGHT_END.search(text)
    return closed is not None and not _OPENED.search(text, 0, closed.start())


def without_reasoning(text: str) -> str:
    """The answer alone. Thinking that was cut off before its end leaves nothing."""
    if _CHANNEL in text:
        final = _FINAL.match(text)
        return final[1] if final else _ANALYSIS.sub("", text)
    if has_unmarked_thought(text):
        return UNMARKED_THOUGHT_END.split(text, maxsplit=1)[1]
    while thought := thought_at(text.lstrip()):
        ends, begin = thought
        text = ends.split(text.lstrip()[begin:], maxsplit=1)[-1] if ends.search(text) else ""
    return text


_TURN_START = (
    r"<\|im_start\|>(?:assistant|user|system|tool)?(?:<\|im_sep\|>)?|<\|start_of_role\|>\w+<\|end_of_role\|>|<\|start_header_id\|>\w+<\|end_header_id\|>|"
    r"<start_of_turn>(?:model|user)?|<\|turn>(?:model|user)?|<\|header_start\|>\w+<\|header_end\|>|"
    r"<\|start\|>assistant|<\|(?:assistant|user)\|>|<｜(?:Assistant|User)｜>|<\|begin_of_(?:text|solution)\|>|"
    r"<\|START_(?:RESPONSE|OF_TURN_TOKEN)\|>|<\|START_TEXT\|>|<bos>"
)
_TURN_END = (
    r"<\|im_end\|>|<\|eo[mt]_id\|>|<\|eot\|>|<end_of_turn>|<turn\|>|<\|end_?of_?(?:text|turn|sentence|solution)\|>|"
    r"<｜end▁of▁sentence｜>|<\|(?:end|return|call|eom|user|observation)\|>|<\|END_(?:RESPONSE|OF_TURN_TOKEN|TEXT)\|>|<eos>"
)
LEADING_MARK = re.compile(rf"\s*(?:{_TURN_START})[ \t]*\n?")
"""What a template writes before the words of a turn."""
_QUOTED_OR_MARK = re.compile(
    # Code comes first: who asks what these marks mean gets them in code, and is to read them.
    r"(?P<fence>(?<!`)`{3,}+|(?<!~)~{3,}+)[^`~\n]*\n(?s:.*?)(?:^[ \t]*(?P=fence)|\Z)|`[^`\n]+`|"
    rf"(?P<mark></s>(?=\s*(?:\Z|(?:<s>\s*)?\[INST\]))|"
    rf"(?:{_TURN_END})(?=\s*\Z|[ \t]*\n|\s*(?:{_TURN_START}|{_TURN_END}))|"
    r"(?<=\n)(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>)(?:user|assistant|model))",
    re.M,
)


def without_turn_marks(text: str) -> str:
    """The model's own turn: without its template's marks, and without the turns that it made up after it."""
    begin = 0
    while opening := LEADING_MARK.match(text, begin):
        begin = opening.end()
    text = text[begin:]
    for found in _QUOTED_OR_MARK.finditer(text):
        if found["mark"]:
            return text[: found.start()].rstrip()
    return text
