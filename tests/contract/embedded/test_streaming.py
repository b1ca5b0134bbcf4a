from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import APIError, OpenAI

from adapters.embedded.assistants_server import SHUTDOWN_S
from adapters.embedded.models.port import ModelError
from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage
from tests.support.embedded_server import (
    KEY,
    PNG,
    RememberingSandbox,
    ScriptedModel,
    asked,
    calls,
    ended,
    runs_code,
    says,
    serving,
)

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


@contextmanager
def following(client: OpenAI, model: ScriptedModel) -> Iterator[tuple[Any, Any]]:
    """A run whose model does not answer yet, and its stream after `thread.run.in_progress`."""
    model.held = True
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    with client.beta.threads.runs.create(
        thread.id, assistant_id=assistant.id, metadata={"turn": "7"}, stream=True
    ) as stream:
        started = [next(iter(stream)) for _ in range(3)]
        assert names(started) == ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]
        yield started[0].data, stream


def test_the_first_event_holds_the_stored_run_before_the_model_answers(client: OpenAI, model: ScriptedModel) -> None:
    with following(client, model) as (run, _):
        (stored,) = client.beta.threads.runs.list(run.thread_id).data
        assert (stored.id, stored.metadata) == (run.id, {"turn": "7"})


def test_a_cancelled_run_ends_its_stream(client: OpenAI, model: ScriptedModel) -> None:
    with following(client, model) as (run, stream):
        client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
        assert names(list(stream)) == ["thread.run.cancelling", "thread.run.cancelled"]


def test_a_failed_run_ends_its_stream_with_its_error(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [ModelError("The model is unwell.", code="rate_limit_exceeded")]
    _, events = streamed(client, [])
    assert events[-1].event == "thread.run.failed"
    assert events[-1].data.last_error.to_dict() == {"code": "rate_limit_exceeded", "message": "The model is unwell."}


def test_a_deleted_thread_ends_the_stream_of_its_run_with_an_error(client: OpenAI, model: ScriptedModel) -> None:
    with following(client, model) as (run, stream):
        client.beta.threads.delete(run.thread_id)
        with pytest.raises(APIError, match="No run found"):
            list(stream)


def test_a_server_that_stops_ends_its_streams_at_once_and_the_run_goes_on_at_the_next_start(tmp_path: Path) -> None:
    model, sandbox = ScriptedModel(), RememberingSandbox()
    with ExitStack() as stack:
        server = stack.enter_context(ExitStack())
        base_url = server.enter_context(serving(tmp_path, model, sandbox))
        client = stack.enter_context(OpenAI(api_key=KEY, base_url=base_url, max_retries=0))
        run, stream = stack.enter_context(following(client, model))
        stops_at = time.monotonic()
        server.close()
        assert time.monotonic() - stops_at < SHUTDOWN_S
        assert list(stream) == []
    model.held = False
    with (
        serving(tmp_path, model, sandbox) as base_url,
        OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client,
    ):
        assert ended(client, run).status == "completed"


def deltas(events: list[Any]) -> list[str]:
    return [
        part.text.value
        for event in events
        if event.event == "thread.message.delta"
        for part in event.data.delta.content
        if part.type == "text"
    ]


def test_the_words_of_a_model_are_told_as_they_come_and_are_one_message(client: OpenAI, model: ScriptedModel) -> None:
    model.words, model.replies = ["It", " is", " 1"], [says("It is 1, I think.")]
    thread_id, events = streamed(client, [])
    assert names(events)[3:] == [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        *["thread.message.delta"] * 4,
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ]
    assert deltas(events) == ["It", " is", " 1", ", I think."]
    (stored,) = client.beta.threads.messages.list(thread_id, run_id=events[0].data.id).data
    assert {event.data.id for event in events if event.event.startswith("thread.message")} == {stored.id}
    assert stored.content[0].to_dict()["text"] == {"value": "It is 1, I think.", "annotations": []}
    (step,) = client.beta.threads.runs.steps.list(events[0].data.id, thread_id=thread_id).data
    assert {event.data.id for event in events if event.event.startswith("thread.run.step")} == {step.id}


def test_the_event_handler_of_the_package_adds_streamed_words_up_beside_pictures(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot()"), says("Here is the plot: [t](sandbox:/mnt/data/t.csv).")]
    model.words = ["", "Here is ", "the plot"]
    sandbox.results = [
        CodeResult(
            status=CodeStatus.OK,
            images=(GuestImage(data=PNG, alt_text="A plot."),),
            files=(GuestFile(name="t.csv", data=b"1"),),
        )
    ]
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        texts = list(stream.text_deltas)
    assert texts == ["Here is ", "the plot", ": [t](sandbox:/mnt/data/t.csv)."]
    (message,) = client.beta.threads.messages.list(thread.id, order="desc", limit=1).data
    assert [part.type for part in message.content] == ["image_file", "text"]


def test_words_before_calls_are_streamed_as_a_message_of_their_own(client: OpenAI, model: ScriptedModel) -> None:
    model.words, model.replies = ["Let me", " see."], [calls(("weather", {}), text="Let me see.")]
    thread_id, events = streamed(client, [WEATHER])
    assert deltas(events) == ["Let me", " see."]
    assert names(events)[-1] == "thread.run.requires_action"
    said, _ = client.beta.threads.messages.list(thread_id).data
    assert said.content[0].to_dict()["text"] == {"value": "Let me see.", "annotations": []}


def test_words_between_a_picture_and_a_call_are_stored_at_the_place_where_they_were_streamed(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot()"), runs_code("1", text="A plot, and more."), says("Done.")]
    model.words = ["", "A plot", ", and", "", "Done"]
    sandbox.results = [CodeResult(status=CodeStatus.OK, images=(GuestImage(data=PNG, alt_text="A plot."),))]
    thread_id, events = streamed(client, [{"type": "code_interpreter"}])
    told: dict[str, dict[int, str]] = {}
    for event in events:
        if event.event == "thread.message.delta":
            parts = told.setdefault(event.data.id, {})
            for part in event.data.delta.content:
                text = part.text.value if part.type == "text" else part.image_file.file_id
                parts[part.index] = parts.get(part.index, "") + text
    messages: list[Any] = client.beta.threads.messages.list(thread_id, order="asc").data
    _, interim, answer = messages
    for message in (interim, answer):
        stored = [part.text.value if part.type == "text" else part.image_file.file_id for part in message.content]
        assert told[message.id] == dict(enumerate(stored))
    assert [part.type for part in interim.content] == ["image_file", "text"]
    assert list(interim.metadata.values()) == ["A plot."]
    assert [part.type for part in answer.content] == ["text"]  # the picture is shown once


def test_words_that_the_answer_does_not_begin_with_are_replaced_by_the_message(
    client: OpenAI, model: ScriptedModel
) -> None:
    model.words, model.replies = ["Thirteen"], [says("Twelve.")]
    thread_id, events = streamed(client, [])
    assert deltas(events) == ["Thirteen"]
    (done,) = [event for event in events if event.event == "thread.message.completed"]
    assert done.data.content[0].text.value == "Twelve."
    stored, _ = client.beta.threads.messages.list(thread_id).data
    assert stored.content[0].to_dict()["text"] == {"value": "Twelve.", "annotations": []}


def test_a_model_that_fails_in_the_midst_of_its_words_leaves_no_message(client: OpenAI, model: ScriptedModel) -> None:
    model.words, model.replies = ["Twel"], [ModelError("The model fell silent.")]
    thread_id, events = streamed(client, [])
    assert events[-1].event == "thread.run.failed"
    assert [message.role for message in client.beta.threads.messages.list(thread_id).data] == ["user"]


def test_words_are_bounded_as_the_message_is(client: OpenAI, model: ScriptedModel) -> None:
    answer = "word " * 60_000
    model.words, model.replies = [answer[:150_000], answer[150_000:]], [says(answer)]
    _, events = streamed(client, [])
    assert "".join(deltas(events)) == answer[:200_000]


def test_where_nobody_follows_a_run_no_words_are_asked_for(client: OpenAI, model: ScriptedModel) -> None:
    model.words = ["unheard"]
    assert ended(client, asked(client)).status == "completed"
    assert model.words == ["unheard"]
