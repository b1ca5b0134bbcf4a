from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.errors import AssistantUnavailableError
from tests.support.web_chat_client import Chat, Site, running_site


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


async def chat_with_thread(site: Site, thread: str) -> Chat:
    chat = await site.open()
    site.api.threads[chat.conversation] = thread
    return chat


async def thread_of(chat: Chat) -> object:
    async with chat.client.get(f"{chat.address}/chat/thread", headers=chat.allowed) as response:
        return (await response.json())["thread"]


async def test_a_page_learns_the_thread_of_its_conversation(site: Site) -> None:
    assert await thread_of(await chat_with_thread(site, "thread_1")) == "thread_1"
    assert await thread_of(await site.open()) is None


@pytest.mark.parametrize(
    "path",
    [
        "/assistants",
        "/assistants/asst_1",
        "/threads/thread_1",
        "/threads/thread_1/messages",
        "/threads/thread_1/runs",
        "/threads/thread_1/runs/run_1",
        "/threads/thread_1/runs/run_1/steps",
        "/threads/thread_1/runs/run_1/steps/step_1",
    ],
)
async def test_what_the_panel_shows_is_read_from_the_api(site: Site, path: str) -> None:
    chat = await chat_with_thread(site, "thread_1")

    assert await chat.api(f"{path}?limit=5&order=asc") == (200, {"path": path})
    assert site.api.asked == [(path, {"limit": "5", "order": "asc"})]


@pytest.mark.parametrize(
    "path",
    [
        "/files",
        "/threads",
        "/assistants/a/b",
        "/assistants?api_key=x",
        "/threads/thread_1/runs/%2e%2e/x",
        "//assistants",
    ],
)
async def test_nothing_else_is_read(site: Site, path: str) -> None:
    chat = await chat_with_thread(site, "thread_1")

    assert (await chat.api(path))[0] == 404
    assert site.api.asked == []


async def test_the_thread_of_another_conversation_is_not_shown(site: Site) -> None:
    await chat_with_thread(site, "thread_1")
    other = await chat_with_thread(site, "thread_2")
    new = await site.open()

    assert (await other.api("/threads/thread_1/messages"))[0] == 403
    assert (await new.api("/threads/thread_1"))[0] == 403
    assert site.api.asked == []


async def test_without_a_token_nothing_is_shown(site: Site) -> None:
    async with site.client.get(f"{site.address}/chat/api/assistants") as response:
        assert response.status == 403


async def test_the_panel_cannot_change_anything(site: Site) -> None:
    chat = await chat_with_thread(site, "thread_1")
    for method in ("POST", "DELETE", "PUT"):
        url = f"{site.address}/chat/api/threads/thread_1"
        async with site.client.request(method, url, headers=chat.allowed) as response:
            assert response.status == 405


async def test_a_service_that_does_not_answer_is_told_in_a_sentence(site: Site) -> None:
    chat = await site.open()
    site.api.error = AssistantUnavailableError("503 with a secret")
    status, answer = await chat.api("/assistants")

    assert status == 502
    assert "secret" not in answer["error"]["message"]


async def test_a_service_without_threads_is_not_asked_for_them_and_the_panel_says_so(tmp_path: Path) -> None:
    async with running_site(tmp_path, has_threads=False) as site:
        chat = await chat_with_thread(site, "conv_1")
        for path in ("/assistants", "/threads/conv_1/runs"):
            status, answer = await chat.api(path)
            assert (status, answer["error"]["code"]) == (404, "NoThreads")
            assert "no assistants or threads" in answer["error"]["message"]
        wish = {"name": "Statistics", "instructions": ""}
        async with site.client.post(f"{site.address}/chat/assistants", json=wish, headers=chat.allowed) as response:
            assert response.status == 404
        async with site.client.get(site.address) as response:
            page = await response.text()
    assert (site.api.asked, site.api.made) == ([], [])
    assert 'data-threads="no"' in page
    assert '<p id="no-threads" >The model' in page
    assert "<section hidden>\n    <h3>Assistants</h3>" in page


async def test_a_service_with_threads_is_shown_with_its_assistants(site: Site) -> None:
    async with site.client.get(site.address) as response:
        page = await response.text()
    assert 'data-threads="yes"' in page
    assert '<p id="no-threads" hidden>' in page
    assert "<section >\n    <h3>Assistants</h3>" in page
