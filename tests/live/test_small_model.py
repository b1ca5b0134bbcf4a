"""A real language model on a real server: opted into by `python -m scripts.small_model`, which fetches both."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.embedded.models.chat_completions import ChatCompletions
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import CODE_INTERPRETER, ModelMessage, ModelPicture, ModelRequest, ModelTool, Speaker
from scripts.small_model import SMALL_MODEL, small_model_file
from tests.scenario.test_real_models import chat

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
MODEL = small_model_file()
pytestmark = pytest.mark.skipif(
    MODEL is None, reason="the little model is not here; `python -m scripts.small_model` fetches it (130 MB)"
)
PYTHON = ModelTool(name=CODE_INTERPRETER, description="Runs Python", parameters={"type": "object", "properties": {}})
CAPITAL = ModelMessage(speaker=Speaker.USER, text="What is the capital of France?")


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """The server as a process: it prints its address, and ends with its input."""
    command = [sys.executable, "-m", "tests.live.small_model_server", str(MODEL)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SMALL_MODEL), str(Path(__file__).parents[2])))}
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        yield f"{process.stdout.readline().strip()}/v1"
        process.kill()


@pytest.fixture
async def model(base_url: str) -> AsyncIterator[ChatCompletions]:
    model = ChatCompletions(settings=SETTINGS, base_url=base_url, api_key="none", model="smollm2")
    yield model
    await model.close()


def dot() -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


async def test_a_question_is_answered(model: ChatCompletions) -> None:
    reply = await model.complete(ModelRequest(instructions="", messages=(CAPITAL,)))
    assert "Paris" in reply.text
    assert reply.usage.completion_tokens > 0


async def test_a_server_that_refuses_tools_and_pictures_is_asked_without_them(model: ChatCompletions) -> None:
    picture = ModelPicture(media_type="image/png", data=dot())
    seen = ModelMessage(speaker=Speaker.USER, text="What is the capital of France?", pictures=(picture,))
    reply = await model.complete(ModelRequest(instructions="", messages=(seen,), tools=(PYTHON,)))
    assert reply.text or reply.tool_calls
    assert not model.sees


async def test_a_conversation_longer_than_its_context_is_shortened_and_answered(model: ChatCompletions) -> None:
    long = [ModelMessage(speaker=Speaker.USER, text="I like words. " * 20) for _ in range(30)]
    reply = await model.complete(ModelRequest(instructions="", messages=(*long, CAPITAL)))
    assert reply.text
    assert reply.usage.prompt_tokens < 1024


async def test_it_speaks_through_the_chat(tmp_path: Path, base_url: str) -> None:
    [answer] = await chat(tmp_path, base_url, "What is the capital of France?")
    assert answer["text"]
    assert "The service says" not in answer["text"]
