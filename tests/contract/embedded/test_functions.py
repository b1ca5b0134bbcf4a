from __future__ import annotations

import json
import re
import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from adapters.embedded.models.port import Speaker
from tests.support.embedded_server import RememberingSandbox, ScriptedModel, asked, calls, ended, says, seen, words

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {}},
    },
}
CODE = {"type": "code_interpreter"}


def submit(client: OpenAI, run: Any, **outputs: str) -> Any:
    return client.beta.threads.runs.submit_tool_outputs(
        run.id,
        thread_id=run.thread_id,
        tool_outputs=[{"tool_call_id": id_, "output": output} for id_, output in outputs.items()],
    )


def awaited(run: Any) -> list[Any]:
    return list(run.required_action.submit_tool_outputs.tool_calls)


def test_a_run_waits_for_the_outputs_of_functions_and_goes_on_with_them(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {"city": "Miami"})), says("It is warm.")]
    run = seen(client, asked(client, tools=[WEATHER]), "requires_action")
    assert run.required_action.type == "submit_tool_outputs"
    (call,) = awaited(run)
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == (
        "function",
        "weather",
        {"city": "Miami"},
    )
    assert submit(client, run, **{call.id: "28 °C"}).status == "queued"
    done = ended(client, run)
    assert (done.status, done.required_action) == ("completed", None)
    assert done.usage.total_tokens == 25
    assert words(client, run) == ["It is warm."]
    asked_again = model.requests[1].messages[-2:]
    assert [message.speaker for message in asked_again] == [Speaker.ASSISTANT, Speaker.TOOL]
    assert asked_again[0].tool_calls[0].id == asked_again[1].tool_call_id == call.id
    assert asked_again[1].text == "28 °C"
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc").data
    assert [(step.type, step.status) for step in steps] == [
        ("tool_calls", "completed"),
        ("message_creation", "completed"),
    ]
    assert steps[0].step_details.model_dump() == {
        "type": "tool_calls",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Miami"}', "output": "28 °C"},
            },
        ],
    }
    assert (
        client.beta.threads.runs.steps.retrieve(
            steps[1].id,
            thread_id=run.thread_id,
            run_id=run.id,
        )
        == steps[1]
    )


def test_the_model_is_offered_the_functions_as_they_were_given(client: OpenAI, model: ScriptedModel) -> None:
    ended(client, asked(client, tools=[CODE, WEATHER], tool_choice="required"))
    request = model.requests[0]
    assert [tool.name for tool in request.tools] == ["code_interpreter", "weather"]
    assert (request.tools[1].description, request.tool_choice) == ("Tells the weather", "required")


def test_a_forced_function_is_forced_once(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {}))]
    choice = {"type": "function", "function": {"name": "weather"}}
    run = seen(client, asked(client, tools=[WEATHER], tool_choice=choice), "requires_action")
    submit(client, run, **{awaited(run)[0].id: "warm"})
    ended(client, run)
    assert [request.tool_choice for request in model.requests] == ["weather", "auto"]


@pytest.mark.parametrize(
    "choice", [{"type": "function", "function": {"name": "other"}}, {"type": "function"}, {"type": "code_interpreter"}]
)
def test_a_choice_of_what_is_not_on_offer_is_refused(client: OpenAI, choice: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="it names no tool of this run") as refused:
        asked(client, tools=[WEATHER], tool_choice=choice)
    assert refused.value.param == "tool_choice"


def test_parallel_calls_are_answered_in_one_submission(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}))]
    run = seen(client, asked(client, tools=[WEATHER]), "requires_action")
    first, second = (call.id for call in awaited(run))
    both = sorted([first, second])
    with pytest.raises(
        openai.BadRequestError, match=re.escape(f"Expected tool outputs for call_ids {both}, got ['{first}']")
    ):
        submit(client, run, **{first: "warm"})
    with pytest.raises(openai.BadRequestError, match="Expected tool outputs for call_ids"):
        submit(client, run, **{first: "warm", second: "cold", "call_x": "?"})
    submit(client, run, **{first: "warm", second: "cold"})
    assert ended(client, run).status == "completed"
    assert [message.text for message in model.requests[1].messages[-2:]] == ["warm", "cold"]


def test_a_client_may_be_asked_again_and_waiting_costs_nothing(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {"city": "Rome"})), calls(("weather", {"city": "Oslo"})), says("Both.")]
    run = seen(client, asked(client, tools=[WEATHER]), "requires_action")
    first = awaited(run)[0].id
    submit(client, run, **{first: "warm"})
    while awaited(run)[0].id == first:
        run = seen(client, run, "requires_action")
    spent_s = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - spent_s < 0.1
    submit(client, run, **{awaited(run)[0].id: "cold"})
    assert words(client, ended(client, run)) == ["Both."]


def test_outputs_that_nobody_waits_for_are_refused(client: OpenAI, model: ScriptedModel) -> None:
    run = ended(client, asked(client))
    with pytest.raises(openai.BadRequestError, match=r'Runs in status "completed" do not accept tool outputs\.'):
        submit(client, run, call_x="?")
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'tool_outputs'"):
        client.post(f"/threads/{run.thread_id}/runs/{run.id}/submit_tool_outputs", cast_to=dict, body={})


def test_where_parallel_calls_are_unwanted_only_the_first_is_made(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {}), ("weather", {}))]
    run = seen(client, asked(client, tools=[WEATHER], parallel_tool_calls=False), "requires_action")
    assert len(awaited(run)) == 1


def test_code_is_run_before_the_client_is_asked(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [calls(("weather", {}), ("code_interpreter", {"code": "print(1)"}))]
    run = seen(client, asked(client, tools=[WEATHER, CODE]), "requires_action")
    assert sandbox.ran == [(run.thread_id, "print(1)")]
    (call,) = awaited(run)
    submit(client, run, **{call.id: "warm"})
    assert ended(client, run).status == "completed"


def test_a_waiting_run_can_be_cancelled(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {}))]
    run = seen(client, asked(client, tools=[WEATHER]), "requires_action")
    client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    assert seen(client, run, "cancelled").required_action is None
    (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    assert step.status == "cancelled"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (("delete_everything", {}), "There is no tool of this name. The functions on offer are: weather."),
        (("weather", "{city:"), "Nothing was called: the arguments are not valid JSON."),
        (("weather", "[5]"), "Nothing was called: the arguments have to be a JSON object."),
        (
            ("code_interpreter", "print(1)"),
            'Nothing was run: the arguments have to be a JSON object with the source in "code".',
        ),
        (
            ("code_interpreter", {"code": 5}),
            'Nothing was run: the arguments have to be a JSON object with the source in "code".',
        ),
        (
            ("code_interpreter", "[" * 100_000),
            'Nothing was run: the arguments have to be a JSON object with the source in "code".',
        ),
    ],
)
def test_a_call_that_cannot_be_made_is_told_to_the_model(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox, wanted: tuple[str, Any], told: str
) -> None:
    model.replies = [calls(wanted), says("Sorry.")]
    run = ended(client, asked(client, tools=[WEATHER, CODE]))
    assert run.status == "completed"
    assert model.requests[1].messages[-1].text == told
    assert sandbox.ran == []


def test_code_is_run_only_where_the_tool_is_on_offer(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [calls(("code_interpreter", {"code": "1"})), says("Sorry.")]
    run = ended(client, asked(client))
    assert (run.status, sandbox.ran) == ("completed", [])
    assert model.requests[1].messages[-1].text.startswith("There is no tool of this name.")


def test_what_a_model_says_with_its_calls_is_a_message_of_its_own(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("code_interpreter", {"code": "1"}), text="Let me compute."), says("Done.")]
    run = ended(client, asked(client, tools=[CODE]))
    assert words(client, run) == ["Let me compute.", "Done."]
    heard = model.requests[1].messages
    assert [(message.speaker, message.text) for message in heard[:2]] == [
        (Speaker.USER, "hello"),
        (Speaker.ASSISTANT, "Let me compute."),
    ]
    assert len(heard[1].tool_calls) == 1
    ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    assert [message.text for message in model.requests[2].messages] == [
        "hello",
        "Let me compute.",
        "The code ran and printed nothing.",
        "Done.",
    ]
