from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.embedded_server import KEY, RememberingSandbox, ScriptedModel, serving


@pytest.fixture(autouse=True)
def _warnings_of_the_packages_are_known() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The Assistants API is deprecated|deprecated$", DeprecationWarning)
        # aiohttp's own reader of multipart bodies calls it where a part ends in the midst of a packet.
        warnings.filterwarnings("ignore", r"unread_data\(\) is deprecated", DeprecationWarning)
        yield


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def sandbox() -> RememberingSandbox:
    return RememberingSandbox()


@pytest.fixture
def base_url(tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox) -> Iterator[str]:
    with serving(tmp_path, model, sandbox) as base_url:
        yield base_url


@pytest.fixture
def client(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
        yield client
