"""The local chat page, as a person uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from scripts.program import Program
from tests.support.waiting import PATIENCE_S

_BOX = "[data-id=webchat-sendbox-input]"
LOADED = "image => image.complete && image.naturalWidth > 0"


_AGAIN_MS = 100.0


def until(page: Page, holds: Callable[[], bool], *, told: object = "it did not become so") -> None:
    """Look again until it is so: a page draws when it gets to it, and a busy machine is late.

    Playwright's `wait_for_function` fails on the chat page: it evaluates a string, which the page's policy forbids.
    Raises AssertionError, which says what is `told`.
    """
    ends_at_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at_s, told
        page.wait_for_timeout(_AGAIN_MS)


def page_address(bot: Program) -> str:
    """Where the page of a running bot is, with a slash at the end."""
    return bot.told.removesuffix("api/messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPage:
    """The page at an address, in one tab."""

    page: Page
    address: str

    def open(self) -> None:
        """A new chat."""
        self.page.goto(self.address)
        self._connected()

    def reload(self) -> None:
        self.page.reload()
        self._connected()

    def _connected(self) -> None:
        """Web Chat shows its box before it can send, and keeps what is said too early in the box."""
        self.box.wait_for()
        self.page.get_by_text("Connectivity Status: Connected").wait_for(state="attached")

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    @property
    def box(self) -> Locator:
        """Where a message is typed."""
        return self.page.locator(_BOX)

    @property
    def typing(self) -> Locator:
        """The dots, while the bot is at work."""
        return self.page.locator(".webchat__typing-indicator")

    @property
    def details(self) -> Locator:
        """The panel."""
        return self.page.get_by_role("complementary", name="Details")

    def open_details(self) -> None:
        """They are closed at first."""
        if not self.details.is_visible():
            self.page.get_by_role("button", name="Details").click()
            self.details.wait_for()

    @property
    def turns(self) -> Locator:
        """The turns in the panel, newest first."""
        return self.details.locator(".turn")

    @property
    def storm(self) -> Locator:
        """The line that tells of bad weather."""
        return self.page.locator("#storm")

    def order(self, weather: str) -> None:
        """Switch a kind of weather on."""
        if not self.page.locator("#kinds").is_visible():
            self.details.locator("#weather > summary").click()
        self.details.get_by_role("switch", name=weather).click()
        self.storm.filter(has_text=weather).wait_for()

    @property
    def starters(self) -> Locator:
        """The questions to begin with."""
        return self.page.locator("#starters button")

    @property
    def chats(self) -> Locator:
        """The list of conversations."""
        return self.page.get_by_role("navigation", name="Chats").get_by_role("listitem")

    @property
    def answers(self) -> Locator:
        """All that the bot said, oldest first."""
        return self.page.locator(".webchat__bubble:not(.webchat__bubble--from-user)")

    @property
    def step(self) -> Locator:
        """What the bot is doing, while it works."""
        return self.page.locator("work-step")

    @property
    def tools(self) -> Locator:
        """What can be done with the latest answer."""
        return self.page.locator("message-tools.latest")

    @property
    def clipboard(self) -> str:
        return str(self.page.evaluate("navigator.clipboard.readText()"))

    def answer(self, text: str) -> Locator:
        """What the bot said with these words in it."""
        return self.answers.filter(has_text=text).first

    def said(self, text: str) -> Locator:
        """What the person said with these words in it."""
        return self.page.locator(".webchat__bubble--from-user").filter(has_text=text).first

    def picture(self, *, timeout_ms: float) -> Locator:
        """The newest picture in a card, once it has been loaded and has pixels."""
        picture = self.page.locator(".ac-adaptiveCard img:not(.webchat__render-markdown__external-link-icon)").last
        picture.wait_for(timeout=timeout_ms)
        until(self.page, lambda: picture.evaluate(LOADED) is True)
        return picture

    def expect_no_sideways_scroll(self, width: int) -> None:
        until(self.page, lambda: self.page.evaluate("document.documentElement.scrollWidth") == width)

    def expect_no_barriers(self, axe: str) -> None:
        """None but those of a page that is just being drawn anew, which are gone when it is drawn."""
        found: list[str] = []

        def are_gone() -> bool:
            found[:] = self.barriers(axe)
            return not found

        until(self.page, are_gone, told=found)

    def barriers(self, axe: str) -> list[str]:
        """What axe-core finds serious or critical: the rule, and where it is broken."""
        self.page.evaluate(axe)
        found: list[dict[str, Any]] = self.page.evaluate("axe.run().then(result => result.violations)")
        return [
            f"{rule['id']}: {[node['html'][:120] for node in rule['nodes']]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
