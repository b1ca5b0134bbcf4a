"""Chat Completions on the wire: a ModelRequest as the body of a call, and the answer as a ModelReply."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.embedded.models.port import (
    ModelError,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelUsage,
    Speaker,
)


def body_of(request: ModelRequest, model: str) -> dict[str, Any]:
    """The JSON object to send; settings that were not made are left out, since not every endpoint knows them."""
    system = [{"role": "system", "content": request.instructions}] if request.instructions else []
    body = {
        "model": model,
        "messages": [*system, *map(_message, request.messages)],
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_completion_tokens": request.max_completion_tokens,
        "response_format": request.response_format,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request) if request.tools else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def reply_of(data: bytes) -> ModelReply:
    """What the endpoint said. Raises ModelError when it is no chat completion."""
    try:
        completion = _codec().validate_json(data)
        choice = completion.choices[0]
    except (ValidationError, IndexError):
        raise ModelError("The model's endpoint sent an answer that is no chat completion.") from None
    return ModelReply(
        text=choice.message.content or "",
        tool_calls=tuple(_call(call) for call in choice.message.tool_calls or ()),
        finish=_FINISHES.get(choice.finish_reason or "", ModelFinish.STOP),
        usage=_spent(completion.usage or _Usage()),
        model=completion.model or "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    name: str
    arguments: str | dict[str, Any] = ""  # some local servers send the arguments unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToolCall:
    function: _Function
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    message: _Message
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None


_FINISHES = {
    "tool_calls": ModelFinish.TOOL_CALLS,
    "length": ModelFinish.LENGTH,
    "content_filter": ModelFinish.CONTENT_FILTER,
}


@cache
def _codec() -> TypeAdapter[_Completion]:
    return TypeAdapter(_Completion)


def _spent(usage: _Usage) -> ModelUsage:
    return ModelUsage(prompt_tokens=usage.prompt_tokens or 0, completion_tokens=usage.completion_tokens or 0)


def _call(call: _ToolCall) -> ModelToolCall:
    arguments = call.function.arguments
    text = arguments if isinstance(arguments, str) else TypeAdapter(dict[str, Any]).dump_json(arguments).decode()
    return ModelToolCall(id=call.id or "", name=call.function.name, arguments=text)


def _message(message: ModelMessage) -> dict[str, Any]:
    match message.speaker:
        case Speaker.USER:
            return {"role": "user", "content": message.text + _files_note(message)}
        case Speaker.TOOL:
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
        case Speaker.ASSISTANT if message.tool_calls:
            return {
                "role": "assistant",
                "content": message.text or None,
                "tool_calls": [
                    {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                    for call in message.tool_calls
                ],
            }
        case Speaker.ASSISTANT:
            return {"role": "assistant", "content": message.text}


def _files_note(message: ModelMessage) -> str:
    if not message.file_names:
        return ""
    return "\n\n[Attached files: " + ", ".join(f"/mnt/data/{name}" for name in message.file_names) + "]"


def _tool(tool: ModelTool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(request: ModelRequest) -> Any:
    if request.tool_choice in {"none", "auto", "required"}:
        return request.tool_choice
    return {"type": "function", "function": {"name": request.tool_choice}}
