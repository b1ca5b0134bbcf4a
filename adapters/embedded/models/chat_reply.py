"""Chat Completions on the wire: what an endpoint answers, as a ModelReply.

Shapes differ from server to server: what is optional in the protocol may be missing, null or empty, arguments come as
an object, content as a list of parts, trouble with status 200.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter
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
        raise UnreadableReplyError from None


def reply_of(value: Any, *, sender: str = "") -> ModelReply:
    """What the endpoint said. Raises UnreadableReplyError, and ModelError where it says that there is no answer."""
    if isinstance(value, dict) and not value.get("choices") and value.get("usage"):
        raise TransientError("The model gave an empty answer.")  # Gemini, now and then
    try:
        completion = _codec().validate_python(value)
        choice = completion.choices[0]
    except (ValueError, IndexError):  # ValidationError is a ValueError
        raise UnreadableReplyError from None
    message, reason = choice.message, (choice.finish_reason or "").lower()
    if reason == "error":  # OpenRouter, Mistral
        raise ModelError("The model's endpoint broke this answer off.")
    # Gemini writes "content_filter: RECITATION".
    finish = next((known for word in reason.replace(":", " ").split() if (known := _FINISHES.get(word))), None)
    if finish is None and not _BROKEN_OFF.isdisjoint(reason.split()):
        raise TransientError("The model's endpoint broke this answer off.")
    calls = [
        *(message.tool_calls or ()),
        *([_ToolCall(function=message.function_call)] if message.function_call else ()),
    ]
    text = _text(message.content) or message.refusal or ""
    if not text.strip() and not calls and reason == "stop" and (message.reasoning_content or message.reasoning):
        raise ModelError("The model thought but gave no answer; check the reasoning parser of its server.")
    return ModelReply(
        text=text,
        tool_calls=tuple(map(_call, calls)),
        finish=finish or ModelFinish.STOP,
        usage=_spent(completion.usage),
        model=completion.model or "",
        original=_original(value["choices"][0]["message"], sender),
    )


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
    if b'"choices"' in data or b'"error"' not in data:
        return None
    try:
        return disguised_status(from_json(data))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    name: str | None = None
    arguments: str | dict[str, Any] | None = None  # some local servers send the arguments unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToolCall:
    function: _Function
    id: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ContentPart:
    type: str | None = None
    text: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    content: str | list[_ContentPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # what it thought, for no person to read
    reasoning: str | None = None  # the same at other servers
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None  # before tools there were functions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    message: _Message
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    choices: list[_Choice]
    usage: Any = None
    model: str | None = None


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


@cache
def _codec() -> TypeAdapter[_Completion]:
    return TypeAdapter(_Completion)


def _text(content: str | list[_ContentPart] | None) -> str:
    """Mistral's thinking models send a list: parts of type `thinking`, and of type `text`."""
    if isinstance(content, list):
        shown = [part for part in content if part.type in SHOWN_PARTS]
        return "".join(part.text or part.refusal or "" for part in shown)
    return content or ""


SHOWN_PARTS = frozenset({"text", "output_text", "refusal", None})
"""The types of the parts of a message that a person reads."""


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


def _call(call: _ToolCall) -> ModelToolCall:
    arguments = call.function.arguments or ""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ModelToolCall(id=call.id if isinstance(call.id, str) else "", name=call.function.name or "", arguments=text)


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
