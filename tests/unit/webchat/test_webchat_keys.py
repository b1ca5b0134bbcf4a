"""The page is for the user who runs the service alone (S4)."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from adapters.webchat.page_access import Tokens
from httpkit import loopback
from httpkit.loopback import PeerUser
from tests.support.web_chat_client import Site, running_site

KEY = "a key"


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path, key=KEY) as site:
        yield site


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that cannot tell whose a connection is, as outside Linux or across containers."""
    monkeypatch.setattr(loopback, "peer_user", lambda _: PeerUser.UNKNOWN)


async def status_of(site: Site, path: str, **options: object) -> int:
    async with site.client.get(f"{site.address}{path}", **options) as response:  # type: ignore[arg-type]
        return response.status


@pytest.mark.usefixtures("strangers")
async def test_without_the_key_a_stranger_sees_neither_page_nor_chats(site: Site) -> None:
    assert await status_of(site, "/") == 403
    assert await status_of(site, "/chat/conversations") == 403
    async with site.client.post(f"{site.address}/chat/tokens", json={}) as response:
        assert response.status == 403


@pytest.mark.usefixtures("strangers")
async def test_the_address_with_the_key_opens_the_page_and_the_cookie_keeps_it_open(site: Site) -> None:
    url = f"{site.address}/?key={Tokens(key=KEY).page_key}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(url, allow_redirects=False) as response:
            cookie = response.headers["Set-Cookie"]
            assert (response.status, response.headers["Location"]) == (303, "/")
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        async with browser.get(f"{site.address}/") as response:
            assert response.status == 200
        async with browser.get(f"{site.address}/chat/conversations") as response:
            assert response.status == 200


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("key", ["", "wrong", "é", "a key"])
async def test_a_wrong_key_sets_no_cookie(site: Site, key: str) -> None:
    async with site.client.get(f"{site.address}/", params={"key": key}, allow_redirects=False) as response:
        assert "Set-Cookie" not in response.headers
    assert await status_of(site, "/", cookies={f"teamsbot-{urlsplit(site.address).port}": key or "x"}) == 403


@pytest.mark.usefixtures("strangers")
async def test_only_who_knows_the_bots_address_speaks_for_the_bot(site: Site) -> None:
    body = {"type": "message", "text": "I am the bot"}
    conversation = "A" * 16
    root = f"{site.address}/webchat/connector"
    for base, status in (
        (root, 403),
        (f"{root}/wrong", 403),
        (f"{root}/{Tokens(key=KEY).page_key}", 403),
        (f"{root}/{Tokens(key=KEY).connector_key}", 201),
    ):
        async with site.client.post(f"{base}/v3/conversations/{conversation}/activities", json=body) as response:
            assert response.status == status, base


async def test_an_answer_to_a_turn_of_an_earlier_version_still_finds_its_way(site: Site) -> None:
    url = f"{site.address}/webchat/connector/v3/conversations/{'A' * 16}/activities"
    async with site.client.post(url, json={"type": "message", "text": "Late"}) as response:
        assert response.status == 201


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; runs where the tests are run by root")
@pytest.mark.parametrize("path", ["/", "/chat/conversations", "/api/messages", "/chat/files/chat.js"])
async def test_another_user_of_the_machine_is_refused_everywhere(site: Site, path: str) -> None:
    command = ["/usr/bin/env", "python3", "-c", _FETCH, f"{site.address}{path}"]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        user=43_002,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == "403", done.stderr


_FETCH = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], data=None, timeout=10).status, end="")
except urllib.error.HTTPError as error:
    print(error.code, end="")
"""
