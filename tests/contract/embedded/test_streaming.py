from __future__ import annotations

from typing import Any

from openai import OpenAI

from adapters.sandbox.results import CodeResult, CodeStatus
from tests.support.embedded_server import RememberingSandbox, ScriptedModel, calls, ended, runs_code, says

WEATHER = {"type": "function", "function": {"name": "weather"}}


def streamed(client: OpenAI, tools: list[Any], text: str = "hi") -> tuple[str, list[Any]]:
    assistant = client.beta.assistants.create(model="m", tools=tools)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": text}])
    stream = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id, stream=True)
    return thread.id, list(stream)


def names(events: list[Any]) -> list[str]:
    return [event.event for event in events]


def test_a_run_with_code_is_told_event_by_event(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("print(1)"), says("It is 1.")]
    sandbox.results = [CodeResult(status=CodeStatus.OK, logs="1\n")]
    _, events = streamed(client, [{"type": "code_interpreter"}])
    assert names(events) == [
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.run.step.delta",
        "thread.run.step.completed",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        "thread.message.delta",
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ]
    assert events[-1].data.status == "completed"


def test_the_event_handler_of_the_package_adds_the_deltas_up(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [runs_code("print(1)"), says("It is 1.")]
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        assert "".join(stream.text_deltas) == "It is 1."
        (message,) = stream.get_final_messages()
    assert message.content[0].to_dict()["text"] == {"value": "It is 1.", "annotations": []}


def test_a_stream_ends_where_the_client_has_to_act_and_goes_on_after_it(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {"city": "Rome"})), says("Warm.")]
    thread_id, events = streamed(client, [WEATHER])
    assert names(events)[-1] == "thread.run.requires_action"
    run = events[-1].data
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    delta = next(event for event in events if event.event == "thread.run.step.delta").data.delta
    assert delta.step_details.tool_calls[0].function.arguments == call.function.arguments
    more = list(
        client.beta.threads.runs.submit_tool_outputs(
            run.id,
            thread_id=thread_id,
            tool_outputs=[{"tool_call_id": call.id, "output": "28"}],
            stream=True,
        )
    )
    assert names(more)[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    assert names(more)[-1] == "thread.run.completed"


def test_a_thread_made_with_its_run_is_told_first(client: OpenAI) -> None:
    assistant = client.beta.assistants.create(model="m")
    events = list(
        client.beta.threads.create_and_run(
            assistant_id=assistant.id,
            thread={"messages": [{"role": "user", "content": "hi"}]},
            stream=True,
        )
    )
    assert names(events)[:2] == ["thread.created", "thread.run.created"]


def test_a_run_goes_on_when_its_reader_has_gone(client: OpenAI, model: ScriptedModel) -> None:
    model.held = True
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    with client.beta.threads.runs.create(thread.id, assistant_id=assistant.id, stream=True) as stream:
        next(iter(stream))
    model.held = False
    (run,) = client.beta.threads.runs.list(thread.id).data
    assert ended(client, run).status == "completed"
