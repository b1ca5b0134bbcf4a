"""Runs: from the wire to the application's word."""

from __future__ import annotations

import re

from adapters.openai.wire import Fields
from bot.run import FailureCode, Run, RunId, RunStatus, ToolCall, ToolCallId

_FAILURES = {
    "rate_limit_exceeded": FailureCode.RATE_LIMIT,
    "server_error": FailureCode.SERVER,
    "invalid_prompt": FailureCode.PROMPT,
    "content_filter": FailureCode.CONTENT_FILTER,
    "max_completion_tokens": FailureCode.LENGTH,
    "max_prompt_tokens": FailureCode.LENGTH,
}
# "Please try again in 1m30.5s." / "in 20s" / "in 120ms"
_TRY_AGAIN = re.compile(r"try again in (?:(\d{1,4})m(?!s))?(?:(\d{1,6}(?:\.\d{1,6})?)(ms|s))?", re.IGNORECASE)


def run_from(body: object) -> Run:
    """A run as the service describes it; AssistantUnavailableError if that is garbled."""
    fields = Fields(body, "a run")
    status = _status(fields.text("status"))
    trouble = fields.object_if_any("last_error")
    explanation = trouble.text_if_any("message") if trouble else ""
    return Run(
        id=RunId(fields.text("id")),
        status=status,
        tool_calls=_tool_calls(fields) if status is RunStatus.REQUIRES_ACTION else (),
        failure=_failure(fields, status, trouble),
        explanation=explanation,
        retry_after_s=try_again_in_s(explanation),
    )


def _status(word: str) -> RunStatus:
    try:
        return RunStatus(word)
    except ValueError:
        return RunStatus.UNKNOWN


def _tool_calls(run: Fields) -> tuple[ToolCall, ...]:
    calls = run.object("required_action").object("submit_tool_outputs").objects("tool_calls")
    return tuple(_tool_call(call) for call in calls)


def _tool_call(call: Fields) -> ToolCall:
    function = call.object("function")
    return ToolCall(
        id=ToolCallId(call.text("id")),
        name=function.text("name"),
        arguments=function.text_if_any("arguments"),
    )


def _failure(run: Fields, status: RunStatus, trouble: Fields | None) -> FailureCode | None:
    """Of a run that failed or stopped short; a code from after this program counts as the service's own failure."""
    if status is RunStatus.FAILED:
        return _FAILURES.get(trouble.text_if_any("code") if trouble else "", FailureCode.SERVER)
    if status is RunStatus.INCOMPLETE:
        details = run.object_if_any("incomplete_details")
        return _FAILURES.get(details.text_if_any("reason") if details else "", FailureCode.LENGTH)
    return None


def try_again_in_s(sentence: str) -> float | None:
    """The wish in a rate limit's sentence: a run that failed for it says so with HTTP 200, in words only."""
    found = _TRY_AGAIN.search(sentence)
    if not found or not (found[1] or found[2]):
        return None
    seconds = float(found[2] or 0) * (0.001 if found[3] and found[3].lower() == "ms" else 1.0)
    return int(found[1] or 0) * 60 + seconds
