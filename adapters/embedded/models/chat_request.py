"""Chat Completions on the wire: a ModelRequest as the body of a call, without what an endpoint does not take."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from adapters.embedded.models.argument_repair import code_in, fault_in
from adapters.embedded.models.chat_reply import without_turn_marks
from adapters.embedded.models.endpoint_capabilities import Feature
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    UNSEEN_PICTURES,
    ModelMessage,
    ModelPicture,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    Speaker,
)

_WITHOUT_TOOLS = (
    "You cannot call functions here. To run Python, write one Markdown block that begins with ```python and end your "
    "answer with it: the block is run, and its output is told to you. Then answer."
)


def body_of(
    request: ModelRequest,
    model: str,
    without: frozenset[Feature] = frozenset(),
    *,
    sender: str = "",
    streams: bool = False,
) -> dict[str, Any]:
    """The JSON object to send; settings that were not made are left out, since not every endpoint knows them.

    The model's own messages go back as they came, if `sender` sent them.
    """
    # "none" by leaving the tools out: Ollama knows no `tool_choice`.
    tools = () if Feature.TOOLS in without or request.tool_choice == "none" else request.tools
    limit = "max_tokens" if Feature.NEW_LIMIT in without else "max_completion_tokens"
    body = {
        "model": model,
        "messages": _messages(request, without, sender, tools=bool(tools)),
        "temperature": None if Feature.TEMPERATURE in without else request.temperature,
        "top_p": None if Feature.TOP_P in without else request.top_p,
        limit: request.max_completion_tokens,
        "response_format": request.response_format,
        "tools": [_tool(tool) for tool in tools] or None,
        "tool_choice": _tool_choice(request, without) if tools else None,
        "parallel_tool_calls": _parallel(request, without) if tools else None,
        "enable_thinking": False if Feature.THINKING in without else None,
        "stream": True if streams else None,
        "stream_options": {"include_usage": True} if streams and Feature.STREAM_USAGE not in without else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _messages(request: ModelRequest, without: frozenset[Feature], sender: str, *, tools: bool) -> list[dict[str, Any]]:
    briefing, messages = [request.instructions, request.briefing], request.messages
    # Some servers refuse calls in a conversation to which no tools are offered.
    if not tools or Feature.CALLS in without:
        messages = tuple(map(_without_calls, messages))
    if not tools:
        offered = request.tool_choice != "none" and any(tool.name == CODE_INTERPRETER for tool in request.tools)
        briefing.append(_WITHOUT_TOOLS if offered else "")
    system = "\n\n".join(part for part in briefing if part)
    written = list(_written(messages, without, sender))
    if Feature.ROLES in without:
        return list(_merged([{"role": "user", "content": system}, *written] if system else written))
    return [*([{"role": "system", "content": system}] if system else []), *written]


def _written(messages: Iterable[ModelMessage], without: frozenset[Feature], sender: str) -> Iterator[dict[str, Any]]:
    ids: dict[str | None, str | None] = {}  # of calls: ours, and those that go out
    for message in messages:
        match message.speaker:
            case Speaker.USER:
                yield {"role": "user", "content": _content(message, pictures=Feature.PICTURES not in without)}
            case Speaker.TOOL:
                id_ = ids.get(message.tool_call_id) or _short_id(message.tool_call_id or "")
                yield {"role": "tool", "tool_call_id": id_, "content": message.text}
            case Speaker.ASSISTANT:
                written = _as_it_came(message, without, sender)
                given = zip(message.tool_calls, written.get("tool_calls", ()), strict=False)
                ids |= {ours.id: call["id"] for ours, call in given}
                yield written


_REWRITTEN = frozenset({"role", "content", "tool_calls", "function_call", "refusal", "audio"})
"""Fields of a model's message that are not simply given back."""


def _as_it_came(message: ModelMessage, without: frozenset[Feature], sender: str) -> dict[str, Any]:
    """A message of the model's in the shape in which its endpoint sent it, or in the protocol's own.

    Reasoning, signatures and ids mean something to the endpoint alone, and some refuse a conversation without them.
    """
    original: Mapping[str, Any] = {}
    if message.original and sender and message.original.sender == sender:
        original = message.original.fields
    written = {"role": "assistant", **_own_content(message, original, without)}
    if Feature.EXTRAS not in without:
        written |= {name: value for name, value in original.items() if name not in _REWRITTEN and value is not None}
    if message.tool_calls:
        given = original.get("tool_calls")
        came = [call if isinstance(call, dict) else {} for call in given] if isinstance(given, list) else []
        came += [{}] * len(message.tool_calls)
        taken: set[str] = set()
        written["tool_calls"] = [
            _call(call, one, without, taken) for call, one in zip(message.tool_calls, came, strict=False)
        ]
    return written


def _own_content(message: ModelMessage, original: Mapping[str, Any], without: frozenset[Feature]) -> dict[str, Any]:
    """The content of a model's message: a text, a list of parts, null or nothing, as it came."""
    content: Any = message.text or (None if message.tool_calls else "")
    # A call that was read out of the words, or a block of code that was run, was never a call of the model's; and
    # turns that it made up for others are not said again.
    if original and bool(original.get("tool_calls")) == bool(message.tool_calls):
        came = original.get("content")
        as_text = isinstance(came, str) and without_turn_marks(came) == came
        if as_text or (isinstance(came, list) and Feature.EXTRAS not in without):
            content = came
        elif message.tool_calls and not message.text:
            content = came
            if "content" not in original and Feature.NULL_CONTENT not in without:
                return {}
    return {"content": "" if content is None and Feature.NULL_CONTENT in without else content}


def _content(message: ModelMessage, *, pictures: bool) -> str | list[dict[str, Any]]:
    notes = list(message.notes)
    if message.file_names:
        notes.append("Attached files: " + ", ".join(f"/mnt/data/{name}" for name in message.file_names))
    if message.pictures and not pictures and UNSEEN_PICTURES not in notes:
        notes.append(UNSEEN_PICTURES)
    text = "\n\n".join(part for part in (message.text, *(f"[{note}]" for note in notes)) if part)
    if not message.pictures or not pictures:
        return text
    words = [{"type": "text", "text": text}] if text else []
    return [*words, *map(_picture, message.pictures)]


def _picture(picture: ModelPicture) -> dict[str, Any]:
    encoded = base64.standard_b64encode(picture.data).decode()
    url = {"url": f"data:{picture.media_type};base64,{encoded}", "detail": picture.detail}
    return {"type": "image_url", "image_url": url}


_OUR_ID = re.compile(r"call_[0-9a-f]{24}")


def _short_id(call_id: str) -> str:
    """An id of this server's as nine letters and digits, as Mistral demands; all others take those too."""
    return hashlib.sha256(call_id.encode()).hexdigest()[:9] if _OUR_ID.fullmatch(call_id) else call_id


def _call(call: ModelToolCall, came: Mapping[str, Any], without: frozenset[Feature], taken: set[str]) -> dict[str, Any]:
    """One call, with the id that the model gave it unless another call of the message has that one too."""
    id_ = came.get("id")
    if not isinstance(id_, str) or not id_ or id_ in taken or Feature.MODEL_IDS in without:
        id_ = _short_id(call.id)
    taken.add(id_)
    function = came.get("function") if isinstance(came.get("function"), dict) else {}
    arguments = function.get("arguments") if function else None
    if not isinstance(arguments, str) or fault_in(arguments):
        arguments = _json_object(call.arguments)
    named = {"name": call.name, "arguments": arguments}
    if Feature.EXTRAS in without:
        return {"id": id_, "type": "function", "function": named}
    return {**came, "id": id_, "type": "function", "function": {**(function or {}), **named}}


def _json_object(arguments: str) -> str:
    """Servers whose templates take arguments apart refuse a conversation in which a model once wrote broken ones."""
    try:
        whole = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        whole = False
    return arguments if whole else json.dumps({"arguments": arguments})


def _tool(tool: ModelTool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(request: ModelRequest, without: frozenset[Feature]) -> Any:
    if Feature.TOOL_CHOICE in without:
        return None
    if request.tool_choice in {"auto", "required"}:
        return request.tool_choice
    return {"type": "function", "function": {"name": request.tool_choice}}


def _parallel(request: ModelRequest, without: frozenset[Feature]) -> bool | None:
    """Sent where it was switched off; on is the default everywhere, and not every endpoint knows it."""
    return False if not request.parallel_tool_calls and Feature.PARALLEL not in without else None


def _without_calls(message: ModelMessage) -> ModelMessage:
    """Calls and outputs as they look to a model that cannot call."""
    match message.speaker:
        case Speaker.TOOL:
            return ModelMessage(speaker=Speaker.USER, text=f"[Output of the code:]\n{message.text}")
        case Speaker.ASSISTANT if message.tool_calls:
            text = "\n\n".join([*([message.text] if message.text else []), *map(_block, message.tool_calls)])
            return replace(message, text=text, tool_calls=(), original=None)
        case Speaker.ASSISTANT | Speaker.USER:
            return message


def _block(call: ModelToolCall) -> str:
    if call.name != CODE_INTERPRETER:
        return f"[Called {call.name} with {call.arguments}]"
    return f"```python\n{code_in(call.arguments) or call.arguments}\n```"


def _merged(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Neighbours of one role as one message, for templates that demand user and assistant by turns."""
    for role, group in groupby(messages, key=lambda message: message["role"]):
        together = list(group)
        if role == "tool" or len(together) == 1 or any("tool_calls" in message for message in together):
            yield from together
        else:
            yield {"role": role, "content": _joined([message["content"] for message in together])}


def _joined(contents: list[Any]) -> Any:
    if all(isinstance(content, str) for content in contents):
        return "\n\n".join(contents)
    return [
        part
        for content in contents
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else content)
    ]
