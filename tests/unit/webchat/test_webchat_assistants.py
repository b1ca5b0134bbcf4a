"""Assistants that the chat page changes, at the embedded server itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from adapters.openai.client import Client, Endpoint
from service.chat_page import EmbeddedAssistants
from tests.support.embedded_server import KEY, RememberingSandbox, ScriptedModel, serving
from tests.support.web_chat_client import Chat, running_site

SETTINGS = "asst_of_the_settings"
FUNCTION = {"type": "function", "function": {"name": "stock", "parameters": {"type": "object", "properties": {}}}}


class Desk:
    """A chat whose page may change assistants, and the server that keeps them."""

    def __init__(self, chat: Chat, api: Client) -> None:
        self.chat = chat
        self.api = api

    async def made(self, **fields: object) -> str:
        """A new assistant's id."""
        body = {"name": "Statistics", "instructions": "Be brief.", "model": "usual", "tools": [FUNCTION], **fields}
        answer: Any = (await self.api.post("/assistants", body)).body
        return str(answer["id"])

    async def at_server(self, assistant: str) -> dict[str, Any]:
        answer: Any = (await self.api.get(f"/assistants/{assistant}")).body
        return dict(answer)

    async def files_at_server(self) -> list[str]:
        answer: Any = (await self.api.get("/files")).body
        return [file["filename"] for file in answer["data"]]

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = f"{self.chat.address}/chat/assistants/{path}"
        async with self.chat.client.request(method, url, json=body, headers=self.chat.allowed) as response:
            return response.status, await response.json() if response.content_length else None

    async def give(self, assistant: str, name: str, content: bytes) -> tuple[int, Any]:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name)
        url = f"{self.chat.address}/chat/assistants/{assistant}/files"
        async with self.chat.client.post(url, data=form, headers=self.chat.allowed) as response:
            return response.status, await response.json() if response.content_length else None


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    with serving(tmp_path / "server", ScriptedModel(), RememberingSandbox()) as base_url:
        api = Client(endpoint=Endpoint(base_url=base_url, api_key=KEY))
        editor = EmbeddedAssistants(api, in_settings={SETTINGS}, models=("usual", "other"))
        async with running_site(tmp_path, editor=editor) as site:
            yield Desk(await site.open(), api)
        await api.close()


def wish(**fields: object) -> dict[str, object]:
    usual: dict[str, object] = {"name": "Figures", "instructions": "Be exact.", "model": "other", "temperature": 0.25}
    return {**usual, "runs_code": True, "functions": [], "files": [], **fields}


async def test_an_assistant_is_changed_in_all_that_the_dialog_shows(desk: Desk) -> None:
    assistant = await desk.made()
    assert await desk.ask("GET", assistant) == (
        200,
        {
            "name": "Statistics",
            "instructions": "Be brief.",
            "model": "usual",
            "models": ["usual", "other"],
            "temperature": None,
            "runs_code": False,
            "functions": ["stock"],
            "files": [],
        },
    )
    assert (await desk.ask("PUT", assistant, wish(functions=["stock", "unknown"])))[0] == 204
    changed = await desk.at_server(assistant)
    assert {name: changed[name] for name in ("name", "instructions", "model", "temperature")} == {
        "name": "Figures",
        "instructions": "Be exact.",
        "model": "other",
        "temperature": 0.25,
    }
    assert [tool["type"] for tool in changed["tools"]] == ["code_interpreter", "function"]
    assert (await desk.ask("PUT", assistant, wish(temperature=None, runs_code=False)))[0] == 204
    changed = await desk.at_server(assistant)
    assert (changed["temperature"], changed["tools"]) == (None, [])


async def test_files_come_and_go_with_their_assistant_and_stay_while_another_has_them(desk: Desk) -> None:
    assistant = await desk.made()
    assert (await desk.give(assistant, "sales.csv", b"a,b\n1,2\n"))[0] == 204
    assert (await desk.give(assistant, "costs.csv", b"a\n1\n"))[0] == 204
    sales, costs = (await desk.ask("GET", assistant))[1]["files"]
    assert (sales["name"], sales["size_bytes"]) == ("sales.csv", 8)
    shared = await desk.made(tool_resources={"code_interpreter": {"file_ids": [costs["id"]]}})

    assert (await desk.ask("PUT", assistant, wish(files=[costs["id"]])))[0] == 204
    assert await desk.files_at_server() == ["costs.csv"]
    assert (await desk.ask("DELETE", assistant))[0] == 204
    assert await desk.files_at_server() == ["costs.csv"]
    assert (await desk.ask("DELETE", shared))[0] == 204
    assert await desk.files_at_server() == []
    status, answer = await desk.ask("GET", assistant)
    assert (status, "reload the page" in answer["error"]["message"]) == (404, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": " "}, "A name has 1 to 256 characters."),
        ({"instructions": "x" * 32_769}, "at most 32,768 characters"),
        ({"model": "gpt-none"}, "Choose one of these models: usual, other"),
        ({"temperature": 2.1}, "A temperature is a number from 0 to 2."),
        ({"temperature": True}, "A temperature is a number from 0 to 2."),
        ({"temperature": "hot"}, "A temperature is a number from 0 to 2."),
        ({"files": "all"}, "lists of texts"),
        ({"functions": [7]}, "lists of texts"),
    ],
)
async def test_a_mistake_is_told_in_a_sentence_and_changes_nothing(
    desk: Desk, wrong: dict[str, object], words: str
) -> None:
    assistant = await desk.made()
    before = await desk.at_server(assistant)
    status, answer = await desk.ask("PUT", assistant, wish(**wrong))
    assert status == 400
    assert words in answer["error"]["message"]
    assert await desk.at_server(assistant) == before


async def test_an_empty_file_is_refused_in_a_sentence_and_nothing_of_it_stays(desk: Desk, tmp_path: Path) -> None:
    assistant = await desk.made()
    status, answer = await desk.give(assistant, "nothing.csv", b"")
    assert (status, "nothing.csv" in answer["error"]["message"]) == (413, True)
    assert await desk.files_at_server() == []
    assert [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == []


async def test_an_assistant_has_no_more_files_than_the_api_takes(desk: Desk) -> None:
    assistant = await desk.made()
    for nth in range(20):
        assert (await desk.give(assistant, f"{nth}.csv", b"a\n"))[0] == 204
    status, answer = await desk.give(assistant, "more.csv", b"a\n")
    assert (status, answer["error"]["message"]) == (400, "An assistant has at most 20 files.")


async def test_what_the_settings_describe_is_changed_there_and_the_dialog_says_so(desk: Desk) -> None:
    status, answer = await desk.ask("GET", SETTINGS)
    assert (status, "ASSISTANT_INSTRUCTIONS" in answer["fixed"]["message"]) == (200, True)
    assert (await desk.ask("PUT", SETTINGS, wish()))[0] == 409
    assert (await desk.ask("DELETE", SETTINGS))[0] == 409
    assert (await desk.give(SETTINGS, "a.csv", b"a\n"))[0] == 409


async def test_where_the_service_keeps_assistants_the_dialog_says_that_they_are_made_there(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        url = f"{site.address}/chat/assistants/asst_1"
        async with site.client.get(url, headers=chat.allowed) as response:
            assert "service's portal" in (await response.json())["fixed"]["message"]
        for method in ("PUT", "DELETE"):
            async with site.client.request(method, url, json=wish(), headers=chat.allowed) as response:
                assert response.status == 409


async def test_nobody_changes_assistants_without_a_token_or_from_another_page(desk: Desk) -> None:
    assistant = await desk.made()
    url = f"{desk.chat.address}/chat/assistants/{assistant}"
    for headers in ({}, {**desk.chat.allowed, "Origin": "http://localhost:1"}):
        for method in ("GET", "PUT", "DELETE"):
            async with desk.chat.client.request(method, url, json=wish(), headers=headers) as response:
                assert response.status == 403
    assert (await desk.at_server(assistant))["name"] == "Statistics"
