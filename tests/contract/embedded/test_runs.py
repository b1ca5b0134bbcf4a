from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from adapters.embedded.models.port import ModelError, ModelFinish, ModelReply, Speaker
from adapters.embedded.object_store import Rows, Store
from tests.support.embedded_server import (
    KEY,
    RememberingSandbox,
    ScriptedModel,
    asked,
    calls,
    ended,
    runs_code,
    says,
    seen,
    serving,
    words,
)


def test_a_run_goes_from_queued_to_completed_and_says_which_model_spoke(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [says("y = 12")]
    run = asked(client, "Solve it", metadata={"turn": "t1"})
    assert (run.status, run.model, run.usage) == ("queued", "any-model", None)
    assert run.expires_at == run.created_at + 600
    done = ended(client, run)
    assert (done.status, done.model, done.metadata) == ("completed", "scripted", {"turn": "t1"})
    assert (done.started_at is None, done.completed_at is None, done.last_error) == (False, False, None)
    assert done.usage.model_dump() == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_token_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    assert words(client, run) == ["y = 12"]
    assert [run.id for run in client.beta.threads.runs.list(run.thread_id)] == [run.id]


def test_the_model_gets_instructions_settings_and_the_thread(client: OpenAI, model: ScriptedModel) -> None:
    assistant = client.beta.assistants.create(model="named", instructions="Be a tutor.", temperature=0.3, top_p=0.9)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "one"}])
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    ended(
        client,
        client.beta.threads.runs.create(
            thread.id,
            assistant_id=assistant.id,
            additional_instructions="Answer in German.",
            temperature=1,
            additional_messages=[{"role": "user", "content": "two"}],
            max_completion_tokens=300,
            response_format={"type": "json_object"},
        ),
    )
    first, second = model.requests
    assert (first.model, first.instructions, first.temperature, first.top_p) == ("named", "Be a tutor.", 0.3, 0.9)
    assert second.instructions == "Be a tutor.\n\nAnswer in German."
    assert (second.temperature, second.max_completion_tokens, second.response_format) == (
        1,
        300,
        {"type": "json_object"},
    )
    assert [(message.speaker, message.text) for message in second.messages] == [
        (Speaker.USER, "one"),
        (Speaker.ASSISTANT, "ok"),
        (Speaker.USER, "two"),
    ]


def test_a_run_may_override_instructions_model_and_tools(client: OpenAI, model: ScriptedModel) -> None:
    run = asked(client, tools=[{"type": "code_interpreter"}], instructions="Other.", model="other")
    ended(client, run)
    assert (model.requests[0].instructions, model.requests[0].model) == ("Other.", "other")


def test_a_thread_and_its_run_are_created_in_one_call(client: OpenAI, model: ScriptedModel) -> None:
    assistant = client.beta.assistants.create(model="m")
    run = client.beta.threads.create_and_run(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "hi"}], "metadata": {"k": "v"}},
    )
    assert ended(client, run).status == "completed"
    assert client.beta.threads.retrieve(run.thread_id).metadata == {"k": "v"}
    assert model.requests[0].messages[0].text == "hi"


def test_only_the_last_messages_reach_the_model_where_the_run_says_so(client: OpenAI, model: ScriptedModel) -> None:
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": str(number)} for number in range(5)])
    ended(
        client,
        client.beta.threads.runs.create(
            thread.id,
            assistant_id=assistant.id,
            truncation_strategy={"type": "last_messages", "last_messages": 2},
        ),
    )
    assert [message.text for message in model.requests[0].messages] == ["3", "4"]


def test_a_long_thread_is_cut_to_its_end(client: OpenAI, model: ScriptedModel) -> None:
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": f"{number}" * 40_000} for number in range(5)]
    )
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    assert [message.text[0] for message in model.requests[0].messages] == ["3", "4"]


def test_a_cancelled_run_is_cancelled_and_frees_the_thread(client: OpenAI, model: ScriptedModel) -> None:
    model.held = True
    run = seen(client, asked(client), "in_progress")
    assert client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id).status == "cancelling"
    gone = seen(client, run, "cancelled")
    assert (gone.cancelled_at is None, gone.completed_at) == (False, None)
    assert words(client, run) == []
    with pytest.raises(openai.BadRequestError, match=r"Cannot cancel run with status 'cancelled'\."):
        client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    model.held = False
    again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
    assert ended(client, again).status == "completed"


def test_a_run_that_takes_too_long_expires(tmp_path: Path, sandbox: RememberingSandbox) -> None:
    model = ScriptedModel()
    model.held = True
    with (
        serving(tmp_path, model, sandbox, run_deadline_s=1) as base_url,
        OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client,
    ):
        run = seen(client, asked(client), "expired")
        assert run.expires_at == run.created_at + 1
        with pytest.raises(openai.BadRequestError, match=r"Cannot cancel run with status 'expired'\."):
            client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)


def test_waiting_for_tool_outputs_ends_at_the_time_limit_too(tmp_path: Path, sandbox: RememberingSandbox) -> None:
    model = ScriptedModel(calls(("look_up", {})))
    tools = [{"type": "function", "function": {"name": "look_up"}}]
    with (
        serving(tmp_path, model, sandbox, run_deadline_s=1) as base_url,
        OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client,
    ):
        run = seen(client, asked(client, tools=tools), "requires_action")
        call_id = run.required_action.submit_tool_outputs.tool_calls[0].id
        run = seen(client, run, "expired")
        (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
        assert (step.status, step.expired_at is None) == ("expired", False)
        with pytest.raises(openai.BadRequestError, match=r'Runs in status "expired" do not accept tool outputs\.'):
            client.beta.threads.runs.submit_tool_outputs(
                run.id,
                thread_id=run.thread_id,
                tool_outputs=[{"tool_call_id": call_id, "output": "1"}],
            )


def test_a_model_that_fails_fails_the_run_with_its_sentence(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [ModelError("The model's endpoint refused the key (401).", code="server_error")]
    run = ended(client, asked(client))
    assert (run.status, run.failed_at is None) == ("failed", False)
    assert run.last_error.model_dump() == {
        "code": "server_error",
        "message": "The model's endpoint refused the key (401).",
    }
    model.replies = [ModelError("Too many requests.", code="rate_limit_exceeded")]
    again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
    assert ended(client, again).last_error.code == "rate_limit_exceeded"


def test_a_model_that_refuses_its_caller_is_told_with_what_an_operator_has_to_look_at(
    client: OpenAI, model: ScriptedModel
) -> None:
    model.replies = [ModelError("The model's endpoint refused the key (401); check KEY.", refusal="key")]
    error = ended(client, asked(client)).last_error
    assert (error.code, error.to_dict()["refusal"]) == ("server_error", "key")


def test_a_fault_of_the_server_itself_fails_the_run_and_nothing_else(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [ZeroDivisionError("the user's words")]
    run = ended(client, asked(client))
    assert (run.status, run.last_error.code) == ("failed", "server_error")
    assert "words" not in run.last_error.message
    again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
    assert ended(client, again).status == "completed"


def test_an_answer_cut_short_makes_the_run_incomplete(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [says("It is", finish=ModelFinish.LENGTH)]
    run = ended(client, asked(client))
    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")
    (answer,) = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_tokens"


def test_a_run_that_used_up_its_completion_tokens_is_incomplete(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [runs_code("1") for _ in range(200)]
    run = ended(client, asked(client, tools=[{"type": "code_interpreter"}], max_completion_tokens=256))
    assert run.status in {"incomplete", "failed"}
    assert model.requests[1].max_completion_tokens == 253


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (says(""), "server_error"),
        (says("", finish=ModelFinish.CONTENT_FILTER), "invalid_prompt"),
    ],
)
def test_an_answer_that_is_none_fails_the_run(
    client: OpenAI, model: ScriptedModel, reply: ModelError, code: str
) -> None:
    model.replies = [reply]
    run = ended(client, asked(client))
    assert (run.status, run.last_error.code) == ("failed", code)
    assert words(client, run) == []


def test_an_answer_that_a_content_filter_cut_is_there_as_far_as_it_came(client: OpenAI, model: ScriptedModel) -> None:
    model.replies, model.words = [says("As far as this", finish=ModelFinish.CONTENT_FILTER)], ["As far"]
    assistant = client.beta.assistants.create(model="any-model", tools=[])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hello"}])
    events = list(client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True))
    names = [event.event for event in events]
    assert names[-2:] == ["thread.run.step.completed", "thread.run.incomplete"]
    run: Any = events[-1].data
    assert (run.incomplete_details.reason, run.last_error, run.usage.total_tokens) == ("content_filter", None, 15)
    (answer,) = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "content_filter"
    assert words(client, run) == ["As far as this"]


@pytest.mark.parametrize(("reply", "transactions"), [([], 3), ([runs_code("print(1)")], 8)], ids=["words", "code"])
def test_each_move_of_a_run_is_one_transaction(
    client: OpenAI, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, reply: list[ModelReply], transactions: int
) -> None:
    done, run_work = [], Store._run

    def counted(self: Store, work: Callable[[Rows], object]) -> object:
        done.append(work)
        return run_work(self, work)

    model.replies = list(reply)
    assistant = client.beta.assistants.create(model="any-model", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hello"}])
    monkeypatch.setattr(Store, "_run", counted)
    for _ in client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True):
        pass
    assert len(done) == transactions


def test_a_model_that_only_calls_tools_is_stopped(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [runs_code("print(1)") for _ in range(100)]
    run = ended(client, asked(client, tools=[{"type": "code_interpreter"}]))
    assert run.status == "failed"
    assert run.last_error.message == "The model asked for 20 calls in 20 exchanges without giving an answer."
    assert len(model.requests) == 20


def test_odd_signs_of_a_model_do_no_harm(client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox) -> None:
    model.replies = [
        runs_code("print('\ud800\x00')"),
        calls(("\ud800\x00", "\ud800")),
        says("a\ud800b\x00c"),
    ]
    run = ended(client, asked(client, tools=[{"type": "code_interpreter"}]))
    assert words(client, run) == ["a?bc"]
    assert sandbox.ran == [(run.thread_id, "print('?')")]


def test_a_model_that_used_up_its_tokens_in_thought_makes_the_run_incomplete(
    client: OpenAI, model: ScriptedModel
) -> None:
    model.replies = [says("", finish=ModelFinish.LENGTH)]
    run = ended(client, asked(client))
    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")
    assert words(client, run) == []


def test_runs_of_other_threads_go_on_meanwhile(client: OpenAI, model: ScriptedModel) -> None:
    model.held = True
    runs = [asked(client, str(number)) for number in range(20)]
    for run in runs:
        seen(client, run, "in_progress")
    assert len(model.requests) == 20
    model.held = False
    assert {ended(client, run).status for run in runs} == {"completed"}


def test_a_run_of_an_unknown_assistant_or_thread_is_refused(client: OpenAI) -> None:
    thread = client.beta.threads.create()
    with pytest.raises(openai.NotFoundError, match=r"No assistant found with id 'asst_none'\."):
        client.beta.threads.runs.create(thread.id, assistant_id="asst_none")
    with pytest.raises(openai.NotFoundError, match=r"No thread found with id 'thread_none'\."):
        client.beta.threads.runs.create("thread_none", assistant_id="asst_none")
    with pytest.raises(openai.NotFoundError, match=r"No run found with id 'run_none'\."):
        client.beta.threads.runs.retrieve("run_none", thread_id=thread.id)
    with pytest.raises(openai.BadRequestError, match=r"Missing required parameter: 'assistant_id'\."):
        client.post(f"/threads/{thread.id}/runs", cast_to=dict, body={})


@pytest.mark.parametrize(
    "fields",
    [
        {"truncation_strategy": {"type": "last_messages", "last_messages": "x"}},
        {"tool_choice": "sometimes"},
        {"tool_choice": {"type": "function", "function": {}}},
        {"max_completion_tokens": 1},
        {"temperature": "hot"},
        {"tools": [{"type": "function", "function": {"name": "no spaces"}}]},
        {"additional_messages": "hi"},
        {"additional_messages": [{"role": "user"}]},
        {"metadata": {"k": 1}},
    ],
)
def test_a_run_with_a_wrong_field_is_refused_and_locks_nothing(client: OpenAI, fields: dict[str, object]) -> None:
    assistant, thread = client.beta.assistants.create(model="m"), client.beta.threads.create()
    with pytest.raises(openai.BadRequestError):
        client.post(f"/threads/{thread.id}/runs", cast_to=dict, body={"assistant_id": assistant.id, **fields})
    assert client.beta.threads.runs.list(thread.id).data == []


def test_the_metadata_of_a_run_can_be_changed(client: OpenAI) -> None:
    run = ended(client, asked(client))
    client.beta.threads.runs.update(run.id, thread_id=run.thread_id, metadata={"turn": "t9"})
    changed = client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
    assert changed.model_dump() == {**run.model_dump(), "metadata": {"turn": "t9"}}


def test_the_poll_helper_of_the_package_works(client: OpenAI) -> None:
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "completed"


def test_a_question_that_a_filter_stopped_does_not_stop_those_below_it(client: OpenAI, model: ScriptedModel) -> None:
    model.replies = [
        ModelError("The content filter of the model's endpoint stopped this question.", is_filtered=True),
        says("Twelve."),
    ]
    run = ended(client, asked(client, "forbidden words"))
    assert run.status == "failed"
    client.beta.threads.messages.create(run.thread_id, role="user", content="What is 9 + 3?")
    again = client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id)
    assert words(client, ended(client, again)) == ["Twelve."]
    told = [message.text for message in model.requests[-1].messages]
    assert told == ["[A content filter stopped this message, so its words are left out.]", "What is 9 + 3?"]
