"""The Playground's group chat, and its installation events."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.chat import Chat

_TURN_MS = 60_000
_BOT = "Test Bot"
_EDITOR = "[data-lexical-editor=true][role=textbox]"


def mention(page: Page, editor: Locator, text: str) -> None:
    """Type a mention of the bot, as the page's own list offers it, and words after it."""
    editor.click()
    page.keyboard.type("@")
    page.get_by_role("listbox", name="Typeahead menu").get_by_role("menuitem", name=_BOT).click()
    page.keyboard.type(f" {text}")


def test_the_welcome_stands_there_once_though_the_bot_is_added_again(chat: Chat) -> None:
    welcome = chat.answers.filter(has_text="begin with one of these")
    expect(welcome).to_have_count(1)
    chat.page.get_by_role("button", name="Mock an Activity").click()
    chat.page.get_by_role("menu").get_by_text("Install application", exact=True).click()
    dialog = chat.page.get_by_role("dialog", name="Install application")
    dialog.get_by_role("button", name="Send activity").click()
    expect(dialog).to_have_count(0)
    chat.say("/help")
    expect(chat.answers.filter(has_text="/stop")).to_be_visible()
    expect(welcome).to_have_count(1)


def test_a_group_is_answered_by_mention(chat: Chat) -> None:
    page = chat.page
    page.get_by_role("treeitem", name="Group Chat").click()
    expect(chat.answers.filter(has_text="Mention me")).to_have_count(1)
    mention(page, page.locator(_EDITOR), "/help")
    page.get_by_role("button", name="Send Message").click()
    expect(chat.answers.filter(has_text="/stop")).to_be_visible()
    mention(page, page.locator(_EDITOR), "plot 5 - x^2")
    page.get_by_role("button", name="Send Message").click()
    chat.picture(timeout_ms=_TURN_MS)
    mention(page, page.locator(_EDITOR), "is this concave?")
    page.get_by_role("button", name="Send Message").click()
    expect(chat.answers.last).to_contain_text("concave", timeout=_TURN_MS)
