from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSServerHandshakeError

from adapters.webchat.page import Starter
from bot.sentences import STARTERS
from tests.support.web_chat_client import Site, running_site


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    bundle = tmp_path / "webchat.js"
    bundle.write_text("window.WebChat = {}")
    async with running_site(tmp_path, bundle=bundle) as site:
        yield site


async def page_of(site: Site) -> tuple[str, str]:
    """The page, and its content security policy."""
    async with site.client.get(site.address) as response:
        assert response.status == 200
        return await response.text(), response.headers["Content-Security-Policy"]


async def test_the_page_names_the_assistant_and_who_answers_and_is_not_led_astray_by_their_names(site: Site) -> None:
    page, _ = await page_of(site)

    assert '<h1 id="name">Math &lt;Tutor&gt;</h1>' in page
    assert "Answered by a model &amp; more at http://model" in page
    assert "needs JavaScript" in page


async def test_only_scripts_with_the_nonce_of_this_very_answer_run(site: Site) -> None:
    first, policy = await page_of(site)
    second, _ = await page_of(site)

    [nonce] = set(re.findall(r'<script nonce="([^"]+)"', first))
    assert f"'nonce-{nonce}'" in policy
    assert nonce not in second
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


async def test_pictures_come_from_this_service_only(site: Site) -> None:
    _, policy = await page_of(site)

    assert f"img-src 'self' data: blob: {site.address};" in policy


async def test_the_page_says_what_to_run_when_web_chat_was_not_fetched(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        page, _ = await page_of(site)
        async with site.client.get(f"{site.address}/chat/webchat.js") as response:
            assert response.status == 404
    assert '<div class="notice" id="missing" >' in page
    assert "python -m scripts.chat_bundle" in page


async def test_the_page_does_not_ask_for_what_is_here(site: Site) -> None:
    page, _ = await page_of(site)

    assert '<div class="notice" id="missing" hidden>' in page
    async with site.client.get(f"{site.address}/chat/webchat.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")


@pytest.mark.parametrize("name", ["chat.css", "chat.js", "look.js"])
async def test_its_own_files_are_served_with_a_type_that_is_not_guessed(site: Site, name: str) -> None:
    async with site.client.get(f"{site.address}/chat/files/{name}") as response:
        assert response.status == 200
        assert response.content_type in ("text/css", "text/javascript", "application/javascript")
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["index.html", "..%2Fpage.py", "%2e%2e/page.py", "nothing"])
async def test_no_other_file_is(site: Site, name: str) -> None:
    async with site.client.get(f"{site.address}/chat/files/{name}") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
async def test_pages_of_others_get_no_token_and_no_list(site: Site, headers: dict[str, str]) -> None:
    async with site.client.post(f"{site.address}/chat/tokens", json={}, headers=headers) as response:
        assert response.status == 403
    async with site.client.get(f"{site.address}/chat/conversations", headers=headers) as response:
        assert response.status == 403


async def test_a_socket_from_another_page_is_refused_even_with_the_token(site: Site) -> None:
    chat = await site.open()
    with pytest.raises(WSServerHandshakeError, match="403"):
        await site.client.ws_connect(f"{chat.url}/stream?t={chat.token}", origin="http://localhost:1")


async def test_the_page_itself_may(site: Site) -> None:
    headers = {"Origin": site.address, "Sec-Fetch-Site": "same-origin"}
    async with site.client.post(f"{site.address}/chat/tokens", json={}, headers=headers) as response:
        assert response.status == 200


async def test_no_page_can_speak_for_the_bot(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello")
    url = f"{site.bot.heard[0]['serviceUrl']}/v3/conversations/{chat.conversation}/activities"
    for headers in ({"Origin": site.address}, {"Sec-Fetch-Site": "same-origin"}):
        async with site.client.post(url, json={"type": "message", "text": "forged"}, headers=headers) as response:
            assert response.status == 403
    assert len(await chat.transcript()) == 1


async def test_an_id_that_is_none_gets_a_new_conversation(site: Site) -> None:
    for wish in ("short", "x" * 17, "../../../../etc/p", ""):
        assert (await site.open(wish)).conversation != wish


async def test_the_page_begins_with_four_questions_the_articles_first_and_one_with_a_file_that_it_serves(
    site: Site,
) -> None:
    page, _ = await page_of(site)
    starters = re.findall(r'<li><button type="button" data-question="(.+?)"(?: data-file="(.+?)")?>', page)

    assert len(starters) == 4
    assert starters[0] == (STARTERS[0], "")
    [sample] = [file for _, file in starters if file]
    async with site.client.get(f"{site.address}/chat/files/{sample}") as response:
        assert (response.status, response.content_type) == (200, "text/csv")
        assert (await response.text()).startswith("month,revenue,")


async def test_starters_of_the_settings_are_shown_in_place_of_the_built_in_ones_and_are_no_markup(
    tmp_path: Path,
) -> None:
    starters = (Starter(question='Is "a" < "b"?'), Starter(question="Why?", kind="<Doubt>"))
    async with running_site(tmp_path, starters=starters) as site:
        page, _ = await page_of(site)

    question = "Is &quot;a&quot; &lt; &quot;b&quot;?"
    assert f'data-question="{question}"><span>{question}</span></button>' in page
    assert "<b>&lt;Doubt&gt;</b><span>Why?</span>" in page
    assert page.count('data-question="') == 2
