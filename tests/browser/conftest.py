"""The real bot, the real Agents Playground, a real browser.

Scopes are a module's at most: Playwright's synchronous interface keeps an event loop running while it is open, and the
asynchronous tests of other modules could not start theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.chromium import ARGUMENTS
from scripts.node import Node
from scripts.playground import running_playground
from scripts.program import Program
from scripts.progress import CACHE
from tests.browser.chat import Chat
from tests.browser.chat_page import ChatPage, page_address
from tests.support.service_process import running_bot

_SCREENSHOTS = CACHE / "screenshots"
_PAGE_MS = 30_000  # whatever is expected comes at once, but not on a machine that is busy


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running_bot(tmp_path_factory.mktemp("bot")) as program:
        yield program


@pytest.fixture(scope="module")
def playground(bot: Program, playground_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("playground")
    with running_playground(playground_node, bot=bot.told, folder=folder) as (address, _):
        yield address


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page, 1400 x 1000; a picture of it is kept when the test ends, however it ends."""
    expect.set_options(timeout=_PAGE_MS)
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(_PAGE_MS)
    page = context.new_page()
    page.route("https://**", lambda route: route.abort())  # fonts from outside: the page does without
    yield page
    page.screenshot(path=_SCREENSHOTS / f"{request.node.name}.png", full_page=True)
    context.close()


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains of: scripts that fail, things that the security policy forbids."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield heard
    assert heard == []


@pytest.fixture
def chat_page(page: Page, bot: Program, complaints: list[str], web_chat: None) -> ChatPage:
    """A new chat on the local page, 1280 x 800."""
    assert complaints == []
    page.set_viewport_size({"width": 1280, "height": 800})
    chat = ChatPage(page=page, address=page_address(bot))
    chat.open()
    return chat


@pytest.fixture
def chat(page: Page, playground: str) -> Chat:
    """The Playground's personal chat, ready to be typed into."""
    page.goto(playground)
    return Chat.when_ready(page)
