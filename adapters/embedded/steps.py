"""The steps of a run: an exchange in which the model asked for calls, or one in which it said something."""

from __future__ import annotations

import json
from dataclasses import replace

from adapters.embedded.ids import StepId, new_id
from adapters.embedded.models.port import CODE_INTERPRETER, ModelReply, ModelToolCall, ModelUsage
from adapters.embedded.objects import Message
from adapters.embedded.run_objects import (
    CodeCall,
    CodeInterpreter,
    CodeLogs,
    CreatedMessage,
    Function,
    FunctionCall,
    MessageCreation,
    Run,
    RunStep,
    StepDetails,
    StepStatus,
    ToolCalls,
    Usage,
)
from adapters.embedded.wire import plain

MAX_CALLS = 50
"""In a run; what a model asks for beyond them in one exchange is not made."""


def message_step(run: Run, message: Message, usage: ModelUsage | None, now: int) -> RunStep:
    """The step of a message, which is written in one go."""
    details = MessageCreation(message_creation=CreatedMessage(message_id=message.id))
    return replace(_step(run, details, usage, now), status=StepStatus.COMPLETED, completed_at=now)


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
    try:
        code = json.loads(arguments).get("code")
    except (ValueError, AttributeError, RecursionError):
        code = None
    if isinstance(code, str) and code.strip():
        return CodeCall(id=call_id, code_interpreter=CodeInterpreter(input=plain(code)))
    told = CodeLogs(logs='Nothing was run: the arguments have to be a JSON object with the source in "code".')
    return CodeCall(id=call_id, code_interpreter=CodeInterpreter(input=arguments, outputs=(told,)))


def _fault(name: str, arguments: str, offered: list[str]) -> str | None:
    if name not in offered:
        return "There is no tool of this name. The functions on offer are: " + (", ".join(offered) or "none") + "."
    try:
        json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return "Nothing was called: the arguments are not valid JSON."
    return None
