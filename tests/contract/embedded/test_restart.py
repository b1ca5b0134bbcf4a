from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from adapters.embedded.run_executor import GIVEN_UP, MAX_STARTS
from tests.support.embedded_server import (
    KEY,
    RememberingSandbox,
    ScriptedModel,
    asked,
    ended,
    says,
    seen,
    serving,
    words,
)

CODE = {"type": "code_interpreter"}
WEATHER = {"type": "function", "function": {"name": "weather"}}


@contextmanager
def until_killed(folder: Path, mode: str) -> Iterator[OpenAI]:
    """The server as a real process, which is killed by SIGKILL at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.embedded_process", str(folder), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, "the server did not start"
            with OpenAI(api_key=KEY, base_url=address, max_retries=0) as client:
                yield client
        finally:
            process.kill()


def steps(client: OpenAI, run: Any) -> list[str]:
    page = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc")
    return [f"{step.type} {step.status}" for step in page.data]


def with_step(client: OpenAI, run: Any, last: str) -> None:
    give_up_at = time.monotonic() + 30
    while last not in steps(client, run)[-1:]:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_everything_is_there_after_a_restart(tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox) -> None:
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        run = ended(client, asked(client, "remember me", tools=[CODE]))
        file = client.files.create(file=("a.csv", b"1"), purpose="vision")
        before = client.beta.threads.messages.list(run.thread_id).data
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert client.beta.threads.messages.list(run.thread_id).data == before
        assert client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id) == run
        assert client.files.content(file.id).read() == b"1"
        again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
        assert ended(client, again).status == "completed"
    assert [message.text for message in model.requests[-1].messages] == ["remember me", "ok"]


@pytest.mark.parametrize(
    ("mode", "last"),
    [
        ("slow at first", None),
        ("slow after code", "tool_calls completed"),
    ],
)
def test_a_run_in_flight_at_a_kill_goes_on_from_its_last_step(tmp_path: Path, mode: str, last: str | None) -> None:
    with until_killed(tmp_path, mode) as client:
        run = seen(client, asked(client, tools=[CODE]), "in_progress")
        if last:
            with_step(client, run, last)
    with until_killed(tmp_path, "quick") as client:
        done = seen(client, run, "completed", within_s=30)
        assert words(client, run) == ["Let me see.", "after 1 outputs"]
        assert steps(client, run) == [
            "message_creation completed",
            "tool_calls completed",
            "message_creation completed",
        ]
        assert done.usage.total_tokens == 25


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_at_any_moment_neither_lose_nor_double_a_message(tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)
    runs: list[Any] = []
    for _ in range(3):
        with until_killed(tmp_path, "brief") as client:
            runs += [asked(client, f"question {number}", tools=[CODE]) for number in range(3)]
            time.sleep(moments.uniform(0, 0.25))
    with until_killed(tmp_path, "quick") as client:
        assert {ended(client, run).status for run in runs} == {"completed"}
        for run in runs:
            assert words(client, run) == ["Let me see.", "after 1 outputs"]
            assert len(client.beta.threads.messages.list(run.thread_id).data) == 3
            assert len(steps(client, run)) == 3


def test_a_run_that_waits_for_its_client_still_waits_after_a_kill(tmp_path: Path) -> None:
    with until_killed(tmp_path, "quick") as client:
        run = seen(client, asked(client, tools=[CODE, WEATHER]), "requires_action")
    with until_killed(tmp_path, "quick") as client:
        same = client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
        assert same == run
        (call,) = same.required_action.submit_tool_outputs.tool_calls  # type: ignore[union-attr] # it is awaited
        client.beta.threads.runs.submit_tool_outputs(
            run.id,
            thread_id=run.thread_id,
            tool_outputs=[{"tool_call_id": call.id, "output": "warm"}],
        )
        assert ended(client, run).status == "completed"
        assert words(client, run) == ["Let me see.", "after 2 outputs"]


def test_a_run_whose_time_ran_out_while_nobody_served_expires_at_the_start(
    tmp_path: Path, sandbox: RememberingSandbox
) -> None:
    model = ScriptedModel()
    model.held = True
    with (
        serving(tmp_path, model, sandbox, run_deadline_s=1) as url,
        OpenAI(api_key=KEY, base_url=url) as client,
    ):
        run = seen(client, asked(client), "in_progress")
    time.sleep(1.1)
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert seen(client, run, "expired", within_s=30).status == "expired"


def test_a_stop_leaves_runs_to_the_next_start(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.held = True
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        run = seen(client, asked(client), "in_progress")
    model.held = False
    model.replies = [says("late, but here")]
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert ended(client, run).status == "completed"
        assert words(client, run) == ["late, but here"]


def test_a_run_whose_process_always_dies_is_given_up_and_its_thread_goes_on(tmp_path: Path) -> None:
    # S8
    with until_killed(tmp_path, "slow at first") as client:
        run = seen(client, asked(client, "poison", tools=[CODE]), "in_progress")
    for _ in range(MAX_STARTS - 1):
        with until_killed(tmp_path, "slow at first") as client:
            assert seen(client, run, "in_progress", within_s=30).status == "in_progress"
    with until_killed(tmp_path, "quick") as client:
        failed = seen(client, run, "failed", within_s=30)
        assert failed.last_error.message == GIVEN_UP
        client.beta.threads.messages.create(run.thread_id, role="user", content="and now?")
        again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
        assert ended(client, again).status == "completed"


def test_orderly_stops_do_not_count_against_a_run(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    # S8
    model.held = True
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        run = seen(client, asked(client), "in_progress")
    for _ in range(MAX_STARTS + 2):
        with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
            assert seen(client, run, "in_progress").status == "in_progress"
    model.held = False
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert ended(client, run).status == "completed"


def test_a_server_that_is_killed_in_the_midst_of_an_answer_gives_it_once_after_a_restart(tmp_path: Path) -> None:
    with until_killed(tmp_path, "slow in its words") as client:
        assistant = client.beta.assistants.create(model="m")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
        with client.beta.threads.runs.create(thread.id, assistant_id=assistant.id, stream=True) as stream:
            told = next(event for event in stream if event.event == "thread.message.delta")
        (run,) = client.beta.threads.runs.list(thread.id).data
        assert [message.role for message in client.beta.threads.messages.list(thread.id).data] == ["user"]
    model = ScriptedModel(says("after all"))
    with serving(tmp_path, model, RememberingSandbox()) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert ended(client, run).status == "completed"
        assert words(client, run) == ["after all"]
        assert told.data.id not in {message.id for message in client.beta.threads.messages.list(thread.id).data}
