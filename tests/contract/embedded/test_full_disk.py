from __future__ import annotations

import sqlite3
from typing import NoReturn

import openai
import pytest
from openai import OpenAI

from adapters.embedded.object_store import Rows
from tests.support.embedded_server import ScriptedModel, asked, ended, seen

FULL = "The assistants' data cannot be read or written: database or disk is full."


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def fill(disk: pytest.MonkeyPatch, *methods: str) -> None:
    def fail(*_: object) -> NoReturn:
        raise sqlite3.OperationalError("database or disk is full")

    for method in methods:
        disk.setattr(Rows, method, fail)


def test_a_message_that_cannot_be_kept_is_not_taken(client: OpenAI, disk: pytest.MonkeyPatch) -> None:
    thread = client.beta.threads.create()
    fill(disk, "insert")
    with pytest.raises(openai.InternalServerError) as refused:
        client.beta.threads.messages.create(thread.id, role="user", content="hi")
    assert refused.value.status_code == 503
    assert refused.value.body == {"message": FULL, "type": "server_error", "param": None, "code": None}
    disk.undo()
    assert client.beta.threads.messages.list(thread.id).data == []


def test_an_answer_that_cannot_be_kept_fails_its_run(
    client: OpenAI, model: ScriptedModel, disk: pytest.MonkeyPatch
) -> None:
    model.held = True
    run = seen(client, asked(client), "in_progress")
    fill(disk, "insert")
    model.held = False
    failed = ended(client, run)
    assert (failed.status, failed.last_error.message) == ("failed", FULL)


def test_the_end_of_a_run_is_written_as_soon_as_there_is_room(
    client: OpenAI, model: ScriptedModel, disk: pytest.MonkeyPatch
) -> None:
    model.held = True
    run = seen(client, asked(client), "in_progress")
    fill(disk, "insert", "update")
    model.held = False
    assert seen(client, run, "in_progress").status == "in_progress"
    disk.undo()
    assert ended(client, run).status in {"failed", "completed"}
