from __future__ import annotations

import openai
import pytest
from openai import OpenAI


def test_an_assistant_is_created_read_changed_and_deleted(client: OpenAI) -> None:
    made = client.beta.assistants.create(
        name="Math Tutor",
        model="gpt-4-preview",
        instructions="Explain.",
        tools=[{"type": "code_interpreter"}],
        metadata={"team": "blue"},
        temperature=0.5,
    )
    assert made.id.startswith("asst_")
    changed = client.beta.assistants.update(made.id, instructions="Be brief.")
    assert changed.model_dump() == {**made.model_dump(), "instructions": "Be brief."}
    assert client.beta.assistants.retrieve(made.id) == changed
    assert client.beta.assistants.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No assistant found with id '{made.id}'."):
        client.beta.assistants.retrieve(made.id)


def test_lists_go_both_ways_with_cursors_in_the_order_of_creation(client: OpenAI) -> None:
    ids = [client.beta.assistants.create(model="m", name=str(number)).id for number in range(7)]
    assert [assistant.id for assistant in client.beta.assistants.list(limit=3)] == ids[::-1]
    first = client.beta.assistants.list(limit=3, order="asc")
    assert [item.id for item in first.data] == ids[:3]
    assert first.has_more
    second = client.beta.assistants.list(limit=3, order="asc", after=ids[2])
    assert [item.id for item in second.data] == ids[3:6]
    third = client.beta.assistants.list(limit=3, order="asc", after=ids[5])
    assert [item.id for item in third.data] == ids[6:]
    assert not third.has_more
    assert [item.id for item in client.beta.assistants.list(limit=2, order="asc", before=ids[4]).data] == ids[2:4]
    assert [item.id for item in client.beta.assistants.list(limit=2, before=ids[4]).data] == [ids[6], ids[5]]


def test_an_empty_list_has_no_ends(client: OpenAI) -> None:
    page = client.beta.assistants.list()
    assert page.data == []
    assert (page.model_dump()["first_id"], page.model_dump()["last_id"], page.has_more) == (None, None, False)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "model"),
        ({"model": "m", "tools": [{"type": "retrieval"}]}, "tools[0]"),
        ({"model": "m", "metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"model": "m", "metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"model": "m", "name": "n" * 257}, "name"),
        ({"model": "m", "temperature": 3}, "temperature"),
        ({"model": 5}, "model"),
        ({"model": "m", "response_format": {"type": "xml"}}, "response_format"),
        ({"model": "m", "response_format": "json"}, "response_format"),
    ],
)
def test_a_wrong_field_is_named(client: OpenAI, fields: dict[str, object], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/assistants", cast_to=dict, body=fields)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_files_of_version_1_are_taken(client: OpenAI) -> None:
    file = client.files.create(file=("a.csv", b"1"), purpose="assistants")
    made = client.beta.assistants.create(model="m", extra_body={"file_ids": [file.id]})
    assert made.tool_resources is not None
    assert made.tool_resources.code_interpreter is not None
    assert made.tool_resources.code_interpreter.file_ids == [file.id]


def test_a_file_that_does_not_exist_is_refused_wherever_it_is_named(client: OpenAI) -> None:
    file = client.files.create(file=("a.csv", b"1"), purpose="assistants").id
    missing: dict[str, object] = {"tool_resources": {"code_interpreter": {"file_ids": [file, "file-none"]}}}
    assistant, thread = client.beta.assistants.create(model="m"), client.beta.threads.create()
    bodies: dict[str, dict[str, object]] = {
        "/assistants": {"model": "m", **missing},
        f"/assistants/{assistant.id}": missing,
        "/threads": missing,
        f"/threads/{thread.id}": missing,
        "/threads/runs": {"assistant_id": assistant.id, **missing},
    }
    for path, body in [*bodies.items(), ("/assistants", {"model": "m", "file_ids": ["file-none"]})]:
        with pytest.raises(openai.NotFoundError, match=r"No file found with id 'file-none'\."):
            client.post(path, cast_to=dict, body=body)
    assert [each.id for each in client.beta.assistants.list()] == [assistant.id]


def test_an_assistant_whose_file_was_deleted_can_still_be_changed(client: OpenAI) -> None:
    file = client.files.create(file=("a.csv", b"1"), purpose="assistants").id
    files = {"code_interpreter": {"file_ids": [file]}}
    made = client.beta.assistants.create(model="m", extra_body={"tool_resources": files})
    client.files.delete(file)
    changed = client.beta.assistants.update(made.id, name="Tutor", extra_body={"tool_resources": files})
    assert changed.name == "Tutor"
