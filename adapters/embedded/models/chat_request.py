"""Chat Completions on the wire: a ModelRequest as the body of a call, without what an endpoint does not take."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

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
from adapters.embedded.models.reply_repair import code_in

_WITHOUT_TOOLS = (
    "You cannot call functions here. To run Python, write one Markdown block that begins with ```python and end your "
    "answer with it: the block is run, and its output is told to you. Then answer."
)


def body_of(request: ModelRequest, model: str, without: frozenset[Feature] = frozenset()) -> dict[str, Any]:
    """The JSON object to send; settings that were not made are left out, since not every endpoint knows them."""
    # "none" by leaving the tools out: Ollama knows no `tool_choice`.
    tools = () if Feature.TOOLS in without or request.tool_choice == "none" else request.tools
    limit = "max_tokens" if Feature.NEW_LIMIT in without else "max_completion_tokens"
    body = {
        "model": model,
        "messages": _messages(request, without, tools=bool(tools)),
        "temperature": None if Feature.TEMPERATURE in without else request.temperature,
        "top_p": None if Feature.TOP_P in without else request.top_p,
        limit: request.max_completion_tokens,
        "response_format": request.response_format,
        "tools": [_tool(tool) for tool in tools] or None,
        "tool_choice": _tool_choice(request, without) if tools else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _messages(request: ModelRequest, without: frozenset[Feature], *, tools: bool) -> list[dict[str, Any]]:
    briefing, messages = [request.instructions, request.briefing], request.messages
    if not tools:
        # Some servers refuse calls in a conversation to which no tools are offered.
        messages = tuple(map(_without_calls, messages))
        offered = request.tool_choice != "none" and any(tool.name == CODE_INTERPRETER for tool in request.tools)
        briefing.append(_WITHOUT_TOOLS if offered else "")
    system = "\n\n".join(part for part in briefing if part)
    written = [_message(message, pictures=Feature.PICTURES not in without) for message in messages]
    if Feature.ROLES in without:
        return list(_merged([{"role": "user", "content": system}, *written] if system else written))
    return [*([{"role": "system", "content": system}] if system else []), *written]


def _message(message: ModelMessage, *, pictures: bool) -> dict[str, Any]:
    match message.speaker:
        case Speaker.USER:
            return {"role": "user", "content": _content(message, pictures=pictures)}
        case Speaker.TOOL:
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
        case Speaker.ASSISTANT if message.tool_calls:
            calls = [_call(call) for call in message.tool_calls]
            return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
        case Speaker.ASSISTANT:
            return {"role": "assistant", "content": message.text}


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


def _call(call: ModelToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _json_object(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


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


def _without_calls(message: ModelMessage) -> ModelMessage:
    """Calls and outputs as they look to a model that cannot call."""
    match message.speaker:
        case Speaker.TOOL:
            return ModelMessage(speaker=Speaker.USER, text=f"[Output of the code:]\n{message.text}")
        case Speaker.ASSISTANT if message.tool_calls:
            text = "\n\n".join([*([message.text] if message.text else []), *map(_block, message.tool_calls)])
            return replace(message, text=text, tool_calls=())
        case Speaker.ASSISTANT | Speaker.USER:
            return message


def _block(call: ModelToolCall) -> str:
    if call.name != CODE_INTERPRETER:
        return f"[Called {call.name}]"
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
