from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import openai
import pytest
from openai import OpenAI

from adapters.embedded import object_routes
from adapters.embedded.api_objects import Message, ThreadId
from tests.support.embedded_server import RememberingSandbox, ScriptedModel, asked, ended, seen


def test_a_thread_is_created_with_messages_changed_and_deleted(client: OpenAI, sandbox: RememberingSandbox) -> None:
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
        metadata={"k": "v"},
    )
    assert [m.role for m in client.beta.threads.messages.list(thread.id, order="asc")] == ["user", "assistant"]
    assert client.beta.threads.update(thread.id, metadata={"k": "w"}).metadata == {"k": "w"}
    assert client.beta.threads.retrieve(thread.id).metadata == {"k": "w"}
    assert client.beta.threads.delete(thread.id).deleted
    assert sandbox.forgotten == [thread.id]
    with pytest.raises(openai.NotFoundError, match=rf"No thread found with id '{thread.id}'\."):
        client.beta.threads.messages.list(thread.id)


def test_a_message_goes_in_as_a_string_and_comes_out_as_annotated_text(client: OpenAI) -> None:
    thread = client.beta.threads.create()
    made = client.beta.threads.messages.create(thread.id, role="user", content="y = x^2 + 3", metadata={"turn": "t1"})
    shown = made.model_dump(mode="json")
    assert shown["content"] == [{"type": "text", "text": {"value": "y = x^2 + 3", "annotations": []}}]
    assert client.beta.threads.messages.retrieve(made.id, thread_id=thread.id) == made
    changed = client.beta.threads.messages.update(made.id, thread_id=thread.id, metadata={"turn": "t2"})
    assert changed.model_dump() == {**made.model_dump(), "metadata": {"turn": "t2"}}
    assert client.beta.threads.messages.delete(made.id, thread_id=thread.id).deleted
    assert client.beta.threads.messages.list(thread.id).data == []


@pytest.mark.parametrize("at_once", ["a thread", "a thread with its run", "a run"])
def test_the_many_messages_of_one_body_hold_up_neither_the_event_loop_nor_the_store(
    client: OpenAI, monkeypatch: pytest.MonkeyPatch, at_once: str
) -> None:
    where, read = set(), object_routes.new_message

    def noted(thread_id: ThreadId, fields: Mapping[str, Any]) -> Message:
        where.add(threading.current_thread().name)
        return read(thread_id, fields)

    monkeypatch.setattr(object_routes, "new_message", noted)
    many: Any = [{"role": "user", "content": str(number)} for number in range(150)]
    assistant = client.beta.assistants.create(model="m")
    match at_once:
        case "a thread":
            thread_id = client.beta.threads.create(messages=many).id
        case "a thread with its run":
            thread_id = client.beta.threads.create_and_run(
                assistant_id=assistant.id, thread={"messages": many}
            ).thread_id
        case _:
            thread_id = client.beta.threads.create().id
            client.beta.threads.runs.create(thread_id, assistant_id=assistant.id, additional_messages=many)
    listed = client.beta.threads.messages.list(thread_id, order="asc", limit=100)
    assert [message.content[0].text.value for message in listed][:150] == [str(n) for n in range(150)]  # type: ignore[union-attr]
    assert where
    assert all(name.startswith("asyncio") for name in where), "the default executor of the event loop"


def test_a_change_that_does_not_speak_of_metadata_leaves_them(client: OpenAI) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "one", "metadata": {"speaker": "Ada"}}])
    (message,) = client.beta.threads.messages.list(thread.id).data
    assert client.beta.threads.messages.update(message.id, thread_id=thread.id).metadata == {"speaker": "Ada"}
    assert client.beta.threads.messages.update(message.id, thread_id=thread.id, metadata=None).metadata == {}
    run = ended(client, asked(client, metadata={"turn": "t1"}))
    assert client.beta.threads.runs.update(run.id, thread_id=run.thread_id).metadata == {"turn": "t1"}


def test_a_message_may_have_parts_and_pictures(client: OpenAI) -> None:
    thread = client.beta.threads.create()
    file = client.files.create(file=("cat.png", b"..."), purpose="vision")
    made = client.beta.threads.messages.create(
        thread.id,
        role="user",
        content=[
            {"type": "text", "text": "What is this?"},
            {"type": "image_file", "image_file": {"file_id": file.id}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        ],
    )
    assert [part.type for part in made.content] == ["text", "image_file", "image_url"]


def test_messages_of_one_second_are_listed_in_the_order_they_came(client: OpenAI) -> None:
    thread = client.beta.threads.create()
    ids = [client.beta.threads.messages.create(thread.id, role="user", content=str(n)).id for n in range(5)]
    assert [message.id for message in client.beta.threads.messages.list(thread.id, limit=2)] == ids[::-1]


def test_messages_can_be_listed_by_run(client: OpenAI) -> None:
    run = ended(client, asked(client, "hello"))
    assert len(client.beta.threads.messages.list(run.thread_id).data) == 2
    (answer,) = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    assert (answer.role, answer.run_id, answer.assistant_id) == ("assistant", run.id, run.assistant_id)


def test_a_thread_with_an_active_run_takes_no_message_and_no_other_run(client: OpenAI, model: ScriptedModel) -> None:
    model.held = True
    run = asked(client)
    refused: dict[str, Any] = {
        f"Can't add messages to {run.thread_id} while a run {run.id} is active.": lambda: (
            client.beta.threads.messages.create(run.thread_id, role="user", content="and?")
        ),
        f"Thread {run.thread_id} already has an active run {run.id}.": lambda: client.beta.threads.runs.create(
            run.thread_id, assistant_id=run.assistant_id
        ),
    }
    for text, attempt in refused.items():
        with pytest.raises(openai.BadRequestError) as refusal:
            attempt()
        assert refusal.value.status_code == 400
        assert refusal.value.body["message"] == text  # type: ignore[index] # the package types it as object
    model.held = False
    ended(client, run)
    client.beta.threads.messages.create(run.thread_id, role="user", content="and?")


def test_deleting_a_thread_ends_its_run(client: OpenAI, model: ScriptedModel) -> None:
    model.held = True
    run = seen(client, asked(client), "in_progress")
    client.beta.threads.delete(run.thread_id)
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "user", "content": ""},
        {"role": "user"},
        {"role": "system", "content": "x"},
        {"role": "user", "content": "x" * 256_001},
        {"role": "user", "content": [{"type": "video"}]},
        {"role": "user", "content": []},
        {"role": "user", "content": "x", "file_ids": "file-1"},
    ],
)
def test_a_message_that_is_none_is_refused(client: OpenAI, body: dict[str, Any]) -> None:
    thread = client.beta.threads.create()
    with pytest.raises(openai.BadRequestError):
        client.post(f"/threads/{thread.id}/messages", cast_to=dict, body=body)
    assert client.beta.threads.messages.list(thread.id).data == []


def test_a_file_that_is_not_there_cannot_be_attached(client: OpenAI) -> None:
    thread = client.beta.threads.create()
    with pytest.raises(openai.NotFoundError, match=r"No file found with id 'file-none'\."):
        client.beta.threads.messages.create(
            thread.id,
            role="user",
            content="x",
            attachments=[{"file_id": "file-none", "tools": [{"type": "code_interpreter"}]}],
        )


def test_a_message_is_found_only_in_its_own_thread(client: OpenAI) -> None:
    one, two = client.beta.threads.create(), client.beta.threads.create()
    message = client.beta.threads.messages.create(one.id, role="user", content="private")
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.messages.retrieve(message.id, thread_id=two.id)
