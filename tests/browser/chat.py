"""A chat of the Agents Playground, as a person uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from playwright.sync_api import Locator, Page

_EDITOR = "[data-lexical-editor=true][role=textbox]"
_BOT_MESSAGE = ".fai-OutputCard"
# The bot's picture with three dots after it; the page gives them no name.
_TYPING = 'div:has(> span[role=img][aria-label="Test Bot"] + div + div + div:last-child)'
_BOT = "Test Bot"
_LOADED = "image => image.complete && image.naturalWidth > 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation, on a page that shows it."""

    page: Page

    @classmethod
    def when_ready(cls, page: Page) -> Self:
        page.locator(_EDITOR).wait_for()
        return cls(page=page)

    def say(self, text: str) -> None:
        self.page.locator(_EDITOR).click()
        self.page.keyboard.type(text)
        self.page.get_by_role("button", name="Send Message").click()

    def mention(self, text: str) -> None:
        """Say something to the bot where others read along."""
        self._type_to_bot(self.page.locator(_EDITOR), text)
        self.page.get_by_role("button", name="Send Message").click()

    def begin_chain(self, text: str) -> Locator:
        """A post of a channel to the bot, and what is said below it from now on."""
        self._type_to_bot(self.page.locator(_EDITOR).first, text)
        self.page.get_by_role("button", name="Post", exact=True).click()
        return self.page.get_by_role("group").filter(has_text=text)

    def answer_in(self, chain: Locator, text: str) -> None:
        """Say something to the bot below a post."""
        self._type_to_bot(chain.locator(_EDITOR), text)
        chain.get_by_role("button", name="Send Message").click()

    def _type_to_bot(self, editor: Locator, text: str) -> None:
        """A mention of the bot, as the page's own list offers it, and words after it."""
        editor.click()
        self.page.keyboard.type("@")
        self.page.get_by_role("listbox", name="Typeahead menu").get_by_role("menuitem", name=_BOT).click()
        self.page.keyboard.type(f" {text}")

    @property
    def typing(self) -> Locator:
        """The dots, while the bot is at work."""
        return self.page.locator(_TYPING)

    @property
    def answers(self) -> Locator:
        """What the bot has said so far, oldest first: a text or a card each."""
        return self.page.locator(_BOT_MESSAGE)

    def picture(self, *, timeout_ms: float) -> Locator:
        """The newest picture in a card of the bot's, once it has been loaded and has pixels."""
        picture = self.answers.locator("img").last
        picture.wait_for(timeout=timeout_ms)
        self.page.wait_for_function(_LOADED, arg=picture.element_handle(), timeout=timeout_ms)
        return picture
