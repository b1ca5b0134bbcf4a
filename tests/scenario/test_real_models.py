"""`teamsbot chat` with a language model behind it: the article's story however the model does it, and its troubles."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from service.code_sandbox import open_sandbox
from service.compose import open_assistants_server
from service.data_dir import prepare_data_dir
from service.settings import Settings
from service.settings.parsers import Secret
from tests.support.fakes import PNG
from tests.support.preloaded_service import run_preloaded
from tests.support.scripted_model import RunCode, ScriptedModel, Trouble, WritesCode

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
KEY = "sk-very-secret"
SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
CONCAVE = "Is this a concave function?"
CODE = """import matplotlib.pyplot as plt
import numpy as np
x = np.linspace(-5, 5, 100)
plt.plot(x, x**2 + 3)
plt.title("y = x^2 + 3")
plt.show()
print(3**2 + 3)"""
MARKDOWN = f"Here is how:\n\n```python\n{CODE}\n```\n\nThe output is 11."
BARE_JSON = json.dumps({"name": "python", "parameters": {"code": CODE}})
NO_TOOLS = Trouble(status=400, body='{"error": {"message": "tiny does not support tools", "type": "api_error"}}')


async def chat(folder: Path, base_url: str, *questions: str) -> list[Any]:
    """What `teamsbot chat --json` answers."""
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder / "data"),
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": KEY,
        "MODEL": "tiny",
    }
    async with asyncio.timeout(90):
        code, out, err = await run_preloaded(
            [TEAMSBOT, "chat", "--json"], folder=folder, env=environ, typed="\n".join(questions).encode()
        )
    assert code == 0, err.decode()
    assert KEY not in out.decode() + err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


def concluded(output: str) -> str:
    return f"For x = 3, y = {output.split(maxsplit=1)[0]}. I used code to draw it."


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([RunCode(code=CODE, then=concluded)], id="by a call"),
        pytest.param([WritesCode(text=MARKDOWN, code=CODE, then=concluded)], id="by Markdown"),
        pytest.param([WritesCode(text=BARE_JSON, code=CODE, then=concluded)], id="by JSON in its words"),
        pytest.param([NO_TOOLS, WritesCode(text=MARKDOWN, code=CODE, then=concluded)], id="without tools"),
        pytest.param(
            [WritesCode(text=f"<think>Code?</think>{MARKDOWN}", code=CODE, then=concluded)], id="after some thought"
        ),
    ],
)
async def test_the_articles_story_is_told_however_the_model_goes_about_it(
    tmp_path: Path, model: ScriptedModel, script: Sequence[RunCode | WritesCode | Trouble]
) -> None:
    model.script.extend([*script, "No, it is convex."])
    solved, verdict = await chat(tmp_path, model.base_url, SOLVE, CONCAVE)
    assert solved["text"] == "For x = 3, y = 12. I used code to draw it."
    [picture] = solved["pictures"]
    assert (await asyncio.to_thread(Path(picture["path"]).read_bytes)).startswith(PNG[:8])
    assert picture["alt_text"]
    assert verdict["text"] == "No, it is convex."
    assert "plt.show()" in json.dumps(model.conversations[-1])  # it still knows its own code
    assert {request["model"] for request in model.requests} == {"tiny"}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            Trouble(status=401, body=f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'),
            "OPENAI_API_KEY",
        ),
        (Trouble(status=403), "OPENAI_API_KEY"),
        (Trouble(status=404, body='{"error": {"message": "model \\"tiny\\" not found"}}'), "MODEL"),
        (Trouble(status=400, body='{"error": {"message": "no"}}'), "check MODEL"),
        (Trouble(status=429, headers={"Retry-After": "900"}), "Please ask again in about 900 seconds"),
        (Trouble(status=429, body='{"error": {"code": "insufficient_quota"}}'), "no quota left"),
        (Trouble(status=400, body='{"error": {"code": "content_filter"}}'), "content filter"),
        (Trouble(status=200, body="<html>Welcome to nginx!</html>"), "no chat completion; check OPENAI_BASE_URL"),
        (Trouble(status=200, body="x" * 17_000_000), "too large"),
        (Trouble(status=200, body='{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'), "empty"),
        (Trouble(status=302, headers={"Location": "http://127.0.0.1:9/"}), "check OPENAI_BASE_URL"),
    ],
)
async def test_trouble_costs_one_sentence_that_names_the_remedy_and_the_next_question_is_answered(
    tmp_path: Path, model: ScriptedModel, trouble: Trouble, words: str
) -> None:
    model.otherwise = lambda text: trouble if text == "first" else "fine"
    apology, answer = await chat(tmp_path, model.base_url, "first", "second")
    assert words in apology["text"]
    assert answer["text"] == "fine"


async def test_a_model_that_is_down_is_told_within_seconds(tmp_path: Path) -> None:
    async with asyncio.timeout(30):
        [apology] = await chat(tmp_path, "http://127.0.0.1:9/v1", "anyone there?")
    assert "cannot be reached; check that it is running, and OPENAI_BASE_URL." in apology["text"]


async def test_an_answer_that_was_cut_off_is_shown_and_said_to_be(tmp_path: Path, model: ScriptedModel) -> None:
    cut = {"choices": [{"message": {"content": "It is twel"}, "finish_reason": "length"}]}
    model.script.append(Trouble(status=200, body=json.dumps(cut)))
    [answer] = await chat(tmp_path, model.base_url, "first")
    assert answer["text"].startswith("It is twel\n\n*The answer ends here")


async def test_a_very_long_answer_arrives(tmp_path: Path, model: ScriptedModel) -> None:
    model.script.append("word " * 30_000)
    [answer] = await chat(tmp_path, model.base_url, "first")
    assert len(answer["text"]) > 149_000


@pytest.mark.parametrize(("kind", "size_px"), [("JPEG", (4000, 1000)), ("GIF", (40, 10)), ("WEBP", (2000, 500))])
async def test_a_picture_reaches_the_model_as_a_picture_of_a_size_and_kind_that_it_takes(
    tmp_path: Path, model: ScriptedModel, session: aiohttp.ClientSession, kind: str, size_px: tuple[int, int]
) -> None:
    environ = {"DATA_DIR": str(tmp_path / "data"), "OPENAI_BASE_URL": model.base_url, "MODEL": "tiny"}
    settings = Settings.read(environ, Path("no .env file"))
    prepare_data_dir(settings.data_dir)
    async with open_sandbox(settings) as sandbox, open_assistants_server(settings, sandbox, Secret("key")) as server:
        picture = io.BytesIO()
        Image.new("RGB", size_px, "red").save(picture, format=kind)
        await ask_about(session, server.base_url, picture.getvalue())
        async with asyncio.timeout(60):
            while not model.requests:
                await asyncio.sleep(0.05)
    [words, shown] = model.conversations[0][-1]["content"]
    assert words["text"].startswith("What is this?")
    head, encoded = shown["image_url"]["url"].split(",")
    assert head in {"data:image/png;base64", "data:image/jpeg;base64"}
    seen = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    assert seen.size == (min(1024, size_px[0]), min(256, size_px[1]))
    red, green, _ = seen.getpixel((5, 5))  # type: ignore[misc]
    assert (red > 250, green < 5) == (True, True)


async def ask_about(session: aiohttp.ClientSession, base_url: str, picture: bytes) -> None:
    """Upload a picture and start a run on a message that shows it."""

    async def post(path: str, **body: Any) -> Any:
        async with session.post(f"{base_url}{path}", headers={"Authorization": "Bearer key"}, **body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    form = aiohttp.FormData({"purpose": "vision"})
    form.add_field("file", picture, filename="photo")
    file = await post("/files", data=form)
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_file", "image_file": {"file_id": file["id"]}},
    ]
    assistant = await post("/assistants", json={"model": "tiny"})
    thread = {"messages": [{"role": "user", "content": content}]}
    await post("/threads/runs", json={"assistant_id": assistant["id"], "thread": thread})


SIZE = "from PIL import Image\nprint(Image.open('/mnt/data/photo.jpg').size)"
BLIND = Trouble(status=400, body='{"error": "Model does not support images. Please use a model that does."}')


@pytest.mark.parametrize("sees", [True, False])
async def test_a_photo_given_in_the_chat_is_seen_or_else_opened_by_code(
    tmp_path: Path, model: ScriptedModel, *, sees: bool
) -> None:
    Image.new("RGB", (3000, 1500), "red").save(tmp_path / "photo.jpg")
    model.script.extend([] if sees else [BLIND])
    model.script.extend([RunCode(code=SIZE, then=lambda output: f"It is {output.strip()}"), "Red."])
    size, colour = await chat(tmp_path, model.base_url, "/file photo.jpg", "How large is it?", "Which colour?")
    assert size["text"] == "It is (3000, 1500)"
    assert colour["text"] == "Red."
    shown = ["image_url" in json.dumps(messages) for messages in model.conversations]
    assert shown == ([True] * 3 if sees else [True, False, False, False])
    assert all("/mnt/data/photo.jpg" in json.dumps(messages) for messages in model.conversations)
    if not sees:
        assert "you cannot see them, but code can open the files" in json.dumps(model.conversations[-1])
