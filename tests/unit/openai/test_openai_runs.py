"""Runs from the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openai.protocol import RunStatus, run_from
from bot.errors import AssistantUnavailableError
from bot.run import FailureCode, Progress, RunOutcome, RunPhase, Settled, ToolsWanted
from bot.turn_record import Usage
from httpkit.refusal_words import try_again_in_s

PRIVATE = "what the user said"


def outcome_of(body: object) -> RunOutcome:
    event = run_from(body).event
    assert isinstance(event, Settled)
    return event.outcome


def wire(status: str, **extra: Any) -> dict[str, Any]:
    return {"id": "run_1", "object": "thread.run", "status": status, "last_error": None, **extra}


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.REQUIRES_ACTION])
def test_each_status_is_read(status: RunStatus) -> None:
    assert run_from(wire(status.value)).status is status


def test_a_run_of_a_status_from_after_this_program_is_still_at_work() -> None:
    run = run_from(wire("pondering"))
    assert (run.status, run.event) == (RunStatus.UNKNOWN, Progress(phase=RunPhase.WORKING))


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.REQUIRES_ACTION])
def test_a_run_that_goes_no_further_by_itself_is_settled(status: RunStatus) -> None:
    ended = status.value in {"completed", "incomplete", "failed", "cancelled", "expired"}
    event = run_from(wire(status.value)).event
    assert isinstance(event, Settled if ended else Progress)
    if isinstance(event, Settled):
        assert event.outcome.end == status.value


def test_the_tokens_of_a_run_are_counted_where_the_service_says_them() -> None:
    spent = run_from(wire("completed", usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})).event
    assert isinstance(spent, Settled)
    assert spent.usage == Usage(input_tokens=7, output_tokens=3)
    details = {"prompt_token_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 2}}
    spent = run_from(wire("completed", usage={"prompt_tokens": 7, "completion_tokens": 3, **details})).event
    assert isinstance(spent, Settled)
    assert spent.usage == Usage(input_tokens=7, cached_tokens=5, output_tokens=3, reasoning_tokens=2)
    unsaid = run_from(wire("completed", usage=None)).event
    assert isinstance(unsaid, Settled)
    assert unsaid.usage is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("rate_limit_exceeded", FailureCode.RATE_LIMIT),
        ("server_error", FailureCode.SERVER),
        ("invalid_prompt", FailureCode.PROMPT),
        ("from_after_this_program", FailureCode.SERVER),
    ],
)
def test_why_a_run_failed(code: str, expected: FailureCode) -> None:
    outcome = outcome_of(wire("failed", last_error={"code": code, "message": "Sorry."}))
    assert (outcome.failure, outcome.explanation) == (expected, "Sorry.")
    message = "Sorry about that! Please include the request ID req_7f in your message."
    outcome = outcome_of(wire("failed", last_error={"code": code, "message": message}))
    assert (outcome.failure, outcome.explanation) == (expected, "")  # the id is the operator's


def test_a_run_may_fail_without_a_reason() -> None:
    assert outcome_of(wire("failed")).failure is FailureCode.SERVER
    assert outcome_of(wire("failed", last_error={"code": 500, "message": None})).failure is FailureCode.SERVER


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("max_completion_tokens", FailureCode.LENGTH),
        ("max_prompt_tokens", FailureCode.LENGTH),
        ("content_filter", FailureCode.CONTENT_FILTER),
    ],
)
def test_why_a_run_stopped_short(reason: str, expected: FailureCode) -> None:
    assert outcome_of(wire("incomplete", incomplete_details={"reason": reason})).failure is expected


@pytest.mark.parametrize("status", ["completed", "cancelled", "expired"])
def test_other_runs_have_no_failure(status: str) -> None:
    assert outcome_of(wire(status)).failure is None


def test_tool_calls_are_read_whole() -> None:
    function = {"name": "look_up", "arguments": '{"city": "Bern"}'}
    action = {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": function},
                {"id": "call_2", "function": {"name": "stop"}},
            ]
        },
    }
    event = run_from(wire("requires_action", required_action=action)).event
    assert isinstance(event, ToolsWanted)
    assert [(call.id, call.name, call.arguments) for call in event.calls] == [
        ("call_1", "look_up", '{"city": "Bern"}'),
        ("call_2", "stop", ""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "run",
        7,
        {},
        {"id": "run_1"},
        {"status": "completed"},
        {"id": "", "status": "completed"},
        {"id": 7, "status": "completed"},
        wire("failed", last_error=PRIVATE),
        wire("requires_action"),
        wire("completed", usage=PRIVATE),
        wire("requires_action", required_action={"submit_tool_outputs": {"tool_calls": PRIVATE}}),
        wire("requires_action", required_action={"submit_tool_outputs": {"tool_calls": [{"id": PRIVATE}]}}),
    ],
)
def test_a_garbled_run_is_told_by_the_field_that_is_wrong_and_never_by_its_value(body: object) -> None:
    with pytest.raises(AssistantUnavailableError) as caught:
        run_from(body)
    assert PRIVATE not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    max_leaves=10,
    extend=lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "status",
                    "last_error",
                    "code",
                    "message",
                    "required_action",
                    "submit_tool_outputs",
                    "tool_calls",
                    "function",
                    "name",
                    "incomplete_details",
                    "reason",
                    "usage",
                    "prompt_tokens",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
)


@given(JSON)
def test_whatever_comes_is_a_run_or_the_service_unwell(body: object) -> None:
    try:
        run_from(body)
    except AssistantUnavailableError:
        return


@pytest.mark.parametrize("count", [PRIVATE, -1, None, [], "12"])
def test_a_count_that_is_none_costs_no_run(count: object) -> None:
    event = run_from(wire("completed", usage={"prompt_tokens": count, "completion_tokens": 3.0})).event
    assert isinstance(event, Settled)
    assert event.usage == Usage(output_tokens=3)


def test_arguments_that_come_unpacked_are_arguments() -> None:
    function = {"name": "look_up", "arguments": {"city": "Bern"}}
    action = {"submit_tool_outputs": {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}}
    event = run_from(wire("requires_action", required_action=action)).event
    assert isinstance(event, ToolsWanted)
    assert event.calls[0].arguments == '{"city": "Bern"}'


@pytest.mark.parametrize(
    ("sentence", "expected_s"),
    [
        ("Rate limit reached for gpt on tokens per min. Please try again in 7.5s.", 7.5),
        ("Please try again in 20s.", 20),
        ("Try again in 120ms", 0.12),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 2m.", 120),
        ("Please try again in 6m0s.", 360),
        ("Please try again later.", None),
        ("You exceeded your current quota.", None),
        ("", None),
        ("try again in " + "9" * 50 + "s", None),
        ("Please retry after 26 seconds.", 26),  # Azure OpenAI
        ("Rate limit is exceeded. Try again in 1 second.", 1),  # Azure API Management
        ("... limit: 10, model: gemini-3-pro\nPlease retry in 16.614023621s.", 16.614023621),  # Gemini
        ("Please try again in 1h3m14.4s. Need more tokens?", 3794.4),  # Groq
        ("Try again in 2 minutes, or write to us.", 120),
        ("Try again in 2 months", None),
    ],
)
def test_the_wait_is_read_from_the_sentence(sentence: str, expected_s: float | None) -> None:
    assert try_again_in_s(sentence) == expected_s
