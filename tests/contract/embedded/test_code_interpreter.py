from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openai import NotFoundError, OpenAI

from adapters.embedded import code_interpreter
from adapters.embedded.models.port import Speaker
from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage, SandboxError
from tests.support.embedded_server import (
    KEY,
    PNG,
    RememberingSandbox,
    ScriptedModel,
    asked,
    ended,
    runs_code,
    says,
    serving,
    words,
)

CODE = {"type": "code_interpreter"}
OK = CodeStatus.OK


def figure(data: bytes = PNG, alt_text: str = "Line plot of y = x²") -> GuestImage:
    return GuestImage(data=data, alt_text=alt_text)


def made(*files: tuple[str, bytes], images: tuple[GuestImage, ...] = (), logs: str = "") -> CodeResult:
    return CodeResult(
        status=OK,
        logs=logs,
        images=images,
        files=tuple(GuestFile(name=name, data=data) for name, data in files),
    )


def answer(client: OpenAI, run: Any) -> Any:
    return client.beta.threads.messages.list(run.thread_id, run_id=run.id).data[0]


def told(model: ScriptedModel) -> str:
    message = model.requests[-1].messages[-1]
    assert message.speaker is Speaker.TOOL
    return message.text


def test_code_runs_in_the_threads_session_and_its_output_is_a_step(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("print(3**2 + 3)"), says("y = 12")]
    sandbox.results = [made(images=(figure(),), logs="12\n")]
    run = ended(client, asked(client, tools=[CODE]))
    assert sandbox.ran == [(run.thread_id, "print(3**2 + 3)")]
    assert told(model) == "12\n\n[The user sees the picture plot-1.png: Line plot of y = x²]"
    step = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc").data[0]
    (call,) = step.step_details.model_dump()["tool_calls"]
    assert (call["type"], call["code_interpreter"]["input"]) == ("code_interpreter", "print(3**2 + 3)")
    logs, image = call["code_interpreter"]["outputs"]
    assert logs == {"type": "logs", "logs": "12\n"}
    assert client.files.content(image["image"]["file_id"]).read() == PNG


def code_ms(client: OpenAI, run: Any) -> int:
    """For how long the code of a run ran, as its steps say."""
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    calls = [call for step in steps for call in getattr(step.step_details, "tool_calls", [])]
    return sum(call.model_dump()["code_interpreter"]["took_ms"] for call in calls)


def in_code(sandbox: RememberingSandbox, *, times: int = 1) -> None:
    """Wait until code runs, and a moment longer."""
    deadline_s = time.monotonic() + 30
    while len(sandbox.ran) < times and time.monotonic() < deadline_s:
        time.sleep(0.01)
    time.sleep(0.05)


def test_code_that_a_cancelled_run_cut_off_counts_for_as_long_as_it_ran(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies, sandbox.takes_s = [runs_code("while True: pass")], 600
    run = asked(client, tools=[CODE])
    in_code(sandbox)
    client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    assert ended(client, run).status == "cancelled"
    assert code_ms(client, run) >= 50


def test_code_that_a_stop_of_the_server_cut_off_counts_beside_its_second_run(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies, sandbox.takes_s = [runs_code("slow()"), says("done")], 600
    with serving(tmp_path, model, sandbox) as base_url, OpenAI(api_key=KEY, base_url=base_url) as client:
        run = asked(client, tools=[CODE])
        in_code(sandbox)
    sandbox.takes_s = 0.05
    with serving(tmp_path, model, sandbox) as base_url, OpenAI(api_key=KEY, base_url=base_url) as client:
        assert ended(client, run).status == "completed"
        assert code_ms(client, run) >= 100


def test_code_that_the_end_of_its_runs_time_cut_off_counts(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies, sandbox.takes_s = [runs_code("slow()")], 600
    with (
        serving(tmp_path, model, sandbox, run_deadline_s=3) as base_url,
        OpenAI(api_key=KEY, base_url=base_url) as client,
    ):
        run = ended(client, asked(client, tools=[CODE]))
        assert run.status == "expired"
        assert code_ms(client, run) > 0


def test_when_the_time_for_code_is_used_up_the_model_is_told_so_and_answers_in_words(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    limited = {"code_left_ms": "0", "code_again_at": "1800003600"}
    model.replies = [runs_code("print(1)"), says("in words")]
    run = ended(client, asked(client, tools=[CODE], metadata=limited))
    assert (run.status, sandbox.ran) == ("completed", [])
    first, instruction = told(model).split("\n")
    assert first == "No code runs for you until 09:00 UTC: the time for it is used up."
    assert "Answer in words" in instruction


def test_time_for_code_counts_within_a_run_and_what_is_no_number_limits_nothing(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("1"), runs_code("2"), says("done")]
    sandbox.takes_s = 0.05
    ended(client, asked(client, tools=[CODE], metadata={"code_left_ms": "1"}))
    assert [code for _, code in sandbox.ran] == ["1"]
    for left in ("", "-1", "much", "1e9"):
        model.replies = [runs_code("3"), says("done")]
        ended(client, asked(client, tools=[CODE], metadata={"code_left_ms": left, "code_again_at": "9" * 40}))
    assert [code for _, code in sandbox.ran] == ["1", "3", "3", "3", "3"]


def test_the_time_that_files_take_and_that_others_code_takes_is_not_that_of_the_code(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, put, run_code = 0.0, sandbox.put, sandbox.run

    async def put_slowly(session: str, name: str, data: bytes) -> None:
        nonlocal now_s
        now_s += 60
        await put(session, name, data)

    async def run_for_a_second(session: str, code: str, **more: Any) -> CodeResult:
        nonlocal now_s
        now_s += 60  # it waits for others' code
        result = await run_code(session, code, **more)
        now_s += 1
        return result

    monkeypatch.setattr(sandbox, "put", put_slowly)
    monkeypatch.setattr(sandbox, "run", run_for_a_second)
    monkeypatch.setattr(code_interpreter, "time", SimpleNamespace(monotonic=lambda: now_s))
    file = client.files.create(file=("data.csv", b"1,2"), purpose="assistants")
    assistant = client.beta.assistants.create(
        model="m", tools=[{"type": "code_interpreter"}], tool_resources={"code_interpreter": {"file_ids": [file.id]}}
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
    model.replies = [runs_code("1"), runs_code("2"), runs_code("3"), says("done")]
    run = client.beta.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, metadata={"code_left_ms": "1500"}
    )
    assert ended(client, run).status == "completed"
    assert (sandbox.put_names, [code for _, code in sandbox.ran]) == (["data.csv"], ["1", "2"])


def test_the_sandbox_is_told_the_user_that_the_run_names(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:  # S10
    for metadata, user in (({"user": "someone"}, "someone"), ({}, "")):
        model.replies = [runs_code("1"), says("1")]
        ended(client, asked(client, tools=[CODE], metadata=metadata))
        assert sandbox.users[-1] == user


def test_a_figure_is_shown_before_the_words_and_described_in_the_metadata(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot()"), says("Here it is.")]
    sandbox.results = [made(images=(figure(), figure(PNG + b"2", alt_text="Bars")))]
    message = answer(client, ended(client, asked(client, tools=[CODE])))
    one, two, text = message.content
    assert text.text.value == "Here it is."
    ids = [one.image_file.file_id, two.image_file.file_id]
    assert [client.files.retrieve(id_).filename for id_ in ids] == ["plot-1.png", "plot-2.png"]
    assert {client.files.retrieve(id_).purpose for id_ in ids} == {"assistants_output"}
    assert message.metadata == {f"alt:{ids[0]}": "Line plot of y = x²", f"alt:{ids[1]}": "Bars"}


def test_the_points_of_a_picture_are_a_file_that_only_the_metadata_names(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot()"), says("Here it is.")]
    drawn = GuestImage(data=PNG, alt_text="Bars", points=b"x,y\r\n1,2\r\n")
    saved = GuestFile(name="chart.png", data=PNG + b"2", alt_text="Line plot", points=b"x,y\r\n3,4\r\n")
    sandbox.results = [CodeResult(status=OK, images=(figure(PNG + b"3"), drawn), files=(saved,))]
    run = ended(client, asked(client, tools=[CODE]))
    message = answer(client, run)
    _, two, three, text = message.content
    assert text.text.value == "Here it is."
    assert ".csv" not in told(model)
    points = [client.files.retrieve(message.metadata[f"data:{part.image_file.file_id}"]) for part in (two, three)]
    assert [file.filename for file in points] == ["plot-2.csv", "chart.csv"]
    assert client.files.content(points[1].id).read() == b"x,y\r\n3,4\r\n"
    assert len(message.metadata) == 5
    client.beta.threads.delete(run.thread_id)
    with pytest.raises(NotFoundError):
        client.files.retrieve(points[0].id)


def test_a_saved_picture_is_shown_and_the_same_one_only_once(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("a"), runs_code("b"), says("Done.")]
    sandbox.results = [
        made(("shown.png", PNG), ("saved.png", PNG + b"2"), images=(figure(PNG),)),
        made(("again.png", PNG)),
    ]
    message = answer(client, ended(client, asked(client, tools=[CODE])))
    assert [part.type for part in message.content] == ["image_file", "image_file", "text"]
    names = [client.files.retrieve(part.image_file.file_id).filename for part in message.content[:2]]
    assert names == ["plot-1.png", "saved.png"]


def test_the_name_of_a_linked_file_is_words_and_no_markup(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("a"), says("Done.")]
    sandbox.results = [made(("__init__.py", b"1"), ("sales_of_2024*.csv", b"2"))]
    value = answer(client, ended(client, asked(client, tools=[CODE]))).content[0].text.value
    assert "[\\_\\_init\\_\\_.py](sandbox:/mnt/data/__init__.py)" in value
    assert "[sales_of_2024\\*.csv](sandbox:" in value


def test_other_files_are_linked_where_the_answer_does_not_speak_of_them(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    path = "sandbox:/mnt/data/table.csv"
    text = f"See [the table]({path}), again: {path}, not {path}2."
    model.replies = [runs_code("a"), says(text)]
    sandbox.results = [made(("table.csv", b"a,b\n"), ("my notes (1).txt", b"notes"))]
    part = answer(client, ended(client, asked(client, tools=[CODE]))).content[0].text
    assert part.value == f"{text}\n\n[my notes (1).txt](sandbox:/mnt/data/my%20notes%20%281%29.txt)"
    assert [note.text for note in part.annotations] == [
        "sandbox:/mnt/data/table.csv",
        "sandbox:/mnt/data/table.csv",
        "sandbox:/mnt/data/my%20notes%20%281%29.txt",
    ]
    assert all(part.value[note.start_index : note.end_index] == note.text for note in part.annotations)
    contents = [client.files.content(note.file_path.file_id).read() for note in part.annotations]
    assert contents == [b"a,b\n", b"a,b\n", b"notes"]


def test_a_file_written_twice_is_given_as_it_was_in_the_end(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("a"), runs_code("b"), says("Done.")]
    sandbox.results = [made(("t.csv", b"old")), made(("t.csv", b"new"))]
    (note,) = answer(client, ended(client, asked(client, tools=[CODE]))).content[0].text.annotations
    assert client.files.content(note.file_path.file_id).read() == b"new"


def test_an_earlier_file_can_be_spoken_of_again(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("a"), says("Made."), says("It is at sandbox:/mnt/data/t.csv")]
    sandbox.results = [made(("t.csv", b"1"))]
    run = ended(client, asked(client, tools=[CODE]))
    again = ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    part = answer(client, again).content[0].text
    assert part.value == "It is at sandbox:/mnt/data/t.csv"
    assert len(part.annotations) == 1


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            CodeResult(
                status=CodeStatus.RAISED, logs="Traceback\nZeroDivisionError", reason="The code raised an exception."
            ),
            "Traceback\nZeroDivisionError\nThe code raised an exception.",
        ),
        (
            CodeResult(status=CodeStatus.TIMED_OUT, logs="1\n", reason="The code ran longer than 60 s."),
            "1\n\nThe code ran longer than 60 s.",
        ),
        (
            CodeResult(status=CodeStatus.UNAVAILABLE, reason="No walls here; install bubblewrap."),
            "No walls here; install bubblewrap.",
        ),
        (
            CodeResult(status=CodeStatus.KILLED, reason="Too much memory.", session_lost=True),
            "Too much memory.\nThe session has ended: its variables are gone, "
            "and its files are put back before the next code.",
        ),
        (CodeResult(status=OK), "The code ran and printed nothing."),
        (CodeResult(status=OK, logs="a\ud800\x00b"), "a?b"),
    ],
)
def test_what_became_of_the_code_is_told_to_the_model(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox, result: CodeResult, said: str
) -> None:
    model.replies = [runs_code("a"), says("Sorry.")]
    sandbox.results = [result]
    run = ended(client, asked(client, tools=[CODE]))
    assert run.status == "completed"
    assert told(model) == said


def test_a_flood_of_output_is_shortened(client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox) -> None:
    model.replies = [runs_code("a"), says("Long.")]
    sandbox.results = [made(logs="begin" + "x" * 1_000_000 + "end")]
    ended(client, asked(client, tools=[CODE]))
    assert len(told(model)) < 25_000
    assert told(model).startswith("begin")
    assert told(model).endswith("end")


def attached(client: OpenAI, model: ScriptedModel, name: str = "data.csv", data: bytes = b"1,2") -> Any:
    file = client.files.create(file=(name, data), purpose="assistants")
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(
        thread.id,
        role="user",
        content="plot it",
        attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
    )
    model.replies = [runs_code("a")]
    return ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))


def test_attachments_lie_in_the_session_and_the_model_knows_their_names(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    run = attached(client, model, "my/../data?.csv")
    assert sandbox.files[run.thread_id] == {"data_.csv": b"1,2"}
    assert model.requests[0].messages[0].file_names == ("data_.csv",)


def test_a_file_is_put_once_for_as_long_as_the_session_lives(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    run = attached(client, model)
    model.replies = [runs_code("b")]
    ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    assert sandbox.put_names == ["data.csv"]


def test_a_new_session_finds_all_earlier_files_as_they_were_in_the_end(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    sandbox.results = [made(("data.csv", b"changed"), ("out.csv", b"3"), images=(figure(),))]
    run = attached(client, model)
    sandbox.files.clear()
    model.replies = [runs_code("b")]
    ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    assert sandbox.files[run.thread_id] == {"data.csv": b"changed", "out.csv": b"3"}


def test_a_file_that_does_not_fit_is_told_and_the_code_runs_anyway(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(session: str, name: str, data: bytes) -> None:
        raise SandboxError(f"The file {name} is too big for the sandbox.")

    monkeypatch.setattr(sandbox, "put", put)
    run = attached(client, model)
    assert run.status == "completed"
    assert told(model) == "The file data.csv is too big for the sandbox."


def test_files_given_as_version_1_did_are_attached_too(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    file = client.files.create(file=("old.csv", b"1"), purpose="assistants")
    assistant = client.beta.assistants.create(
        model="m",
        tools=[{"type": "code_interpreter"}],
        extra_body={"file_ids": [file.id]},
    )
    other = client.files.create(file=("new.csv", b"2"), purpose="assistants")
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread.id, role="user", content="x", extra_body={"file_ids": [other.id]})
    model.replies = [runs_code("a")]
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    assert sandbox.files[thread.id] == {"old.csv": b"1", "new.csv": b"2"}


def test_an_answer_may_be_pictures_alone(client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox) -> None:
    model.replies = [runs_code("plot()"), says("")]
    sandbox.results = [made(images=(figure(),))]
    run = ended(client, asked(client, tools=[CODE]))
    assert (run.status, words(client, run)) == ("completed", [])
    assert [part.type for part in answer(client, run).content] == ["image_file"]


def given(client: OpenAI, run: Any, *files: tuple[str, bytes]) -> Any:
    """Another message with these files, and its run."""
    ids = [client.files.create(file=file, purpose="assistants").id for file in files]
    client.beta.threads.messages.create(
        run.thread_id,
        role="user",
        content="and now?",
        attachments=[{"file_id": id_, "tools": [{"type": "code_interpreter"}]} for id_ in ids],
    )
    return ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_corrected_upload_wins_over_what_code_wrote_before_it(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox, *, restarted: bool
) -> None:
    # F1
    sandbox.results = [made(("sales.csv", b"OLD CHANGED"), ("report.csv", b"made"))]
    run = attached(client, model, "sales.csv", b"OLD")
    if restarted:
        sandbox.files.clear()
    model.replies = [runs_code("b")]
    given(client, run, ("sales.csv", b"CORRECTED"), ("report.csv", b"edited"))
    assert sandbox.files[run.thread_id] == {"sales.csv": b"CORRECTED", "report.csv": b"edited"}
    sandbox.results = [made(("sales.csv", b"CHANGED AGAIN"))]
    model.replies = [runs_code("c"), says("Done."), runs_code("d")]
    ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    sandbox.files.clear()
    ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id))
    assert sandbox.files[run.thread_id] == {"sales.csv": b"CHANGED AGAIN", "report.csv": b"edited"}


def test_different_files_never_share_a_name(client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox) -> None:
    # F1
    run = attached(client, model, "a#.csv", b"1")
    model.replies = [runs_code("b")]
    given(client, run, ("a%.csv", b"2"), ("same.csv", b"3"), ("same.csv", b"4"))
    expected = {"a_.csv": b"1", "a_ (2).csv": b"2", "same.csv": b"3", "same (2).csv": b"4"}
    assert sandbox.files[run.thread_id] == expected
    told_names = [message.file_names for message in model.requests[-1].messages if message.file_names]
    assert told_names == [("a_.csv",), ("a_ (2).csv", "same.csv", "same (2).csv")]
    model.replies = [runs_code("c")]
    given(client, run, ("a%.csv", b"5"))
    assert sandbox.files[run.thread_id] == {**expected, "a_ (2).csv": b"5"}


def test_a_file_that_is_given_again_is_as_it_was_given(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    # F1
    run = attached(client, model, "t.csv", b"1")
    model.replies = [runs_code("b")]
    given(client, run, ("t.csv", b"2"))
    model.replies = [runs_code("c")]
    given(client, run, ("t.csv", b"1"))
    assert sandbox.files[run.thread_id] == {"t.csv": b"1"}


@pytest.mark.parametrize("text", ["\u200b", " \u2060\n\ufeff", "<think>hm</think>"])
def test_an_answer_of_nothing_that_can_be_seen_is_no_answer(client: OpenAI, model: ScriptedModel, text: str) -> None:
    # F3
    model.replies = [says(text.replace("<think>hm</think>", ""))]
    run = ended(client, asked(client))
    assert (run.status, run.last_error.message) == ("failed", "The model gave an empty answer.")
