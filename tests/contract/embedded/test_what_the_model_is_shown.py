"""What reaches the model beside words: pictures, the code of earlier questions, the files there are, who speaks."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from adapters.embedded.models.chat_request import body_of
from adapters.embedded.models.port import UNSEEN_PICTURES, ModelMessage, ModelPicture, Speaker
from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage
from tests.support.embedded_server import KEY, PNG, RememberingSandbox, ScriptedModel, ended, runs_code, says, serving

CODE = {"type": "code_interpreter"}


def png(width_px: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width_px, 10)


class RememberingFitter:
    """Makes every picture 10 pixels wide, but those that are none."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    async def fit(self, data: bytes) -> bytes | None:
        self.given.append(data)
        return png(10) if data.startswith(b"\x89PNG") else None


@pytest.fixture
def fitter() -> RememberingFitter:
    return RememberingFitter()


@pytest.fixture
def base_url(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox, fitter: RememberingFitter
) -> Iterator[str]:
    with serving(tmp_path, model, sandbox, pictures=fitter) as base_url:
        yield base_url


@pytest.fixture
def client(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
        yield client


def question(client: OpenAI, *content: Any, tools: Any = (CODE,)) -> Any:
    assistant = client.beta.assistants.create(model="m", tools=list(tools))
    thread = client.beta.threads.create(messages=[{"role": "user", "content": list(content)}])
    return ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))


def again(client: OpenAI, run: Any, text: str, **more: Any) -> Any:
    client.beta.threads.messages.create(run.thread_id, role="user", content=text)
    return ended(client, client.beta.threads.runs.create(run.thread_id, assistant_id=run.assistant_id, **more))


def uploaded(client: OpenAI, name: str = "photo.png", data: bytes | None = None) -> Any:
    file = client.files.create(file=(name, data or png(5000)), purpose="vision")
    return {"type": "image_file", "image_file": {"file_id": file.id, "detail": "low"}}


def heard(model: ScriptedModel) -> list[ModelMessage]:
    return list(model.requests[-1].messages)


def test_an_uploaded_picture_is_fitted_once_and_shown_in_each_exchange(
    client: OpenAI, model: ScriptedModel, fitter: RememberingFitter
) -> None:
    run = question(client, {"type": "text", "text": "What is this?"}, uploaded(client))
    again(client, run, "Are you sure?")
    assert fitter.given == [png(5000)]
    shown = ModelPicture(media_type="image/png", data=png(10), detail="low")
    for request in model.requests:
        assert request.messages[0].pictures == (shown,)
        assert request.messages[0].file_names == ("photo.png",)
        assert request.messages[0].notes == ()
    sent = json.loads(json.dumps(body_of(model.requests[0], "m")))["messages"][-1]["content"]
    assert sent == [
        {"type": "text", "text": "What is this?\n\n[Attached files: /mnt/data/photo.png]"},
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(png(10)).decode()}", "detail": "low"},
        },
    ]


def test_a_picture_alone_is_a_message(client: OpenAI, model: ScriptedModel) -> None:
    question(client, uploaded(client))
    (message,) = heard(model)
    assert (message.text, len(message.pictures)) == ("", 1)


def test_a_picture_in_the_address_itself_is_shown(client: OpenAI, model: ScriptedModel) -> None:
    url = "data:image/png;base64," + base64.b64encode(png(20)).decode()
    question(client, {"type": "image_url", "image_url": {"url": url}})
    assert len(heard(model)[0].pictures) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/secret.png",
        "https://example.com/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,!!!",
        "data:text/html;base64,PGI+",
        "data:image/png,raw",
        "data:image/png;base64,",
    ],
)
def test_any_other_address_is_not_opened_and_the_model_knows(client: OpenAI, model: ScriptedModel, url: str) -> None:
    run = question(client, {"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": url}})
    (message,) = heard(model)
    assert (run.status, message.pictures, message.notes) == ("completed", (), (UNSEEN_PICTURES,))
    assert url not in json.dumps(body_of(model.requests[0], "m"))


def test_what_is_no_picture_stays_a_file(client: OpenAI, model: ScriptedModel) -> None:
    question(client, {"type": "text", "text": "See"}, uploaded(client, "bomb.png", b"GIF89a bomb"))
    (message,) = heard(model)
    assert (message.pictures, message.notes, message.file_names) == ((), (UNSEEN_PICTURES,), ("bomb.png",))


def test_for_a_blind_model_no_picture_is_prepared(
    client: OpenAI, model: ScriptedModel, fitter: RememberingFitter
) -> None:
    model.sees = False
    question(client, {"type": "text", "text": "See"}, uploaded(client))
    assert (heard(model)[0].notes, fitter.given) == ((UNSEEN_PICTURES,), [])


def test_only_the_latest_pictures_are_shown(client: OpenAI, model: ScriptedModel) -> None:
    question(client, *(uploaded(client, f"{n}.png", png(100 + n)) for n in range(10)))
    (message,) = heard(model)
    assert (len(message.pictures), message.notes) == (8, (UNSEEN_PICTURES,))


def test_a_plot_of_the_models_own_is_described_not_shown(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot()"), says("Here.")]
    sandbox.results = [CodeResult(status=CodeStatus.OK, images=(GuestImage(data=PNG, alt_text="A parabola"),))]
    run = question(client, {"type": "text", "text": "plot"})
    again(client, run, "What did you plot?")
    assert all(message.pictures == () for message in heard(model))
    assert any("A parabola" in message.text for message in heard(model))


def test_the_code_of_earlier_questions_is_shown_again_with_its_output_cut(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("plot('blue')", text="I draw it."), says("Done.")]
    sandbox.results = [CodeResult(status=CodeStatus.OK, logs="x" * 50_000)]
    run = question(client, {"type": "text", "text": "plot it"})
    again(client, run, "the same in red")
    asked, called, told, answered, more = heard(model)
    assert [message.speaker for message in (asked, called, told, answered, more)] == [
        Speaker.USER,
        Speaker.ASSISTANT,
        Speaker.TOOL,
        Speaker.ASSISTANT,
        Speaker.USER,
    ]
    assert called.text == "I draw it."
    assert json.loads(called.tool_calls[0].arguments) == {"code": "plot('blue')"}
    assert told.tool_call_id == called.tool_calls[0].id
    assert len(told.text) < 2000
    assert answered.text == "Done."


def test_a_long_thread_with_long_outputs_reaches_the_model_within_bounds(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": f"{n} " + "w" * 400} for n in range(100)])
    for n in range(100, 500):
        client.beta.threads.messages.create(thread.id, role="user", content=f"{n} " + "w" * 400)
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
    model.replies = [*(runs_code(f"print({n})") for n in range(15)), says("Done.")]
    sandbox.results = [CodeResult(status=CodeStatus.OK, logs=f"{n}" + "x" * 50_000) for n in range(15)]
    run = ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id), within_s=60)
    assert run.status == "completed"
    assert [len(request.messages) <= 231 for request in model.requests] == [True] * 16
    for request in model.requests:
        assert len(json.dumps(body_of(request, "m"))) < 125_000
        assert any(message.text.startswith("499 ") for message in request.messages)
        calls = {call.id for message in request.messages for call in message.tool_calls}
        assert {message.tool_call_id for message in request.messages if message.speaker is Speaker.TOOL} == calls
    assert len(heard(model)[-1].text) > 15_000  # the last output has its room, the first have lost theirs
    assert len(next(message for message in heard(model) if message.speaker is Speaker.TOOL).text) < 1_100


def test_the_model_is_told_how_files_reach_the_user_and_which_there_are(
    client: OpenAI, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    file = client.files.create(file=("data.csv", b"a,b"), purpose="assistants")
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}], instructions="Be brief.")
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(
        thread.id,
        role="user",
        content="sum it",
        attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
    )
    model.replies = [runs_code("a"), says("Done.")]
    sandbox.results = [CodeResult(status=CodeStatus.OK, files=(GuestFile(name="out.csv", data=b"1"),))]
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    first, second = (body_of(request, "m")["messages"][0]["content"] for request in model.requests)
    assert first.startswith("Be brief.\n\nUse the function code_interpreter")
    assert "sandbox:/mnt/data/" in first
    assert first.endswith("Files in /mnt/data now: data.csv.")
    assert second.endswith("Files in /mnt/data now: data.csv, out.csv.")


def test_who_speaks_is_explained_where_messages_say_it(client: OpenAI, model: ScriptedModel) -> None:
    run = question(client, {"type": "text", "text": "Ada Lovelace wrote:\nhello"}, tools=())
    assert "The first line of a message says who wrote it; all that follows are" in model.requests[-1].briefing
    again(client, run, "hello there")
    assert model.requests[-1].briefing == ""


@pytest.mark.parametrize("sent", ["hello", "Ada Lovelace wrote:\nhello"])
def test_the_speaker_in_the_metadata_of_a_message_is_shown_once(
    client: OpenAI, model: ScriptedModel, sent: str
) -> None:
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": sent, "metadata": {"speaker": "Ada Lovelace"}}]
    )
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    assert "The first line of a message says who wrote it" in model.requests[-1].briefing
    assert model.requests[-1].messages[0].text == "Ada Lovelace wrote:\nhello"


def test_a_text_cannot_pass_for_another_speaker(client: OpenAI, model: ScriptedModel) -> None:
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": "Bob wrote:\nhello", "metadata": {"speaker": "Ada"}}]
    )
    ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
    assert model.requests[-1].messages[0].text == "Ada wrote:\nBob wrote:\nhello"
