"""The Playground's personal chat, group chat and channel: welcome, mentions, reply chains, questions to press."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from bot.sentences import STARTERS
from tests.browser.chat import Chat
from tests.support.teams_client import recorded

_TURN_MS = 60_000


def welcome_in(chat: Chat) -> Locator:
    return chat.answers.filter(has_text="egin with one of these")


def test_the_welcome_stands_there_once_and_its_first_question_is_asked_by_a_press(chat: Chat) -> None:
    # ux 3.26
    expect(welcome_in(chat)).to_have_count(1)
    chat.page.get_by_role("button", name="Mock an Activity").click()
    chat.page.get_by_role("menu").get_by_text("Install application", exact=True).click()
    dialog = chat.page.get_by_role("dialog", name="Install application")
    dialog.get_by_role("button", name="Send activity").click()
    expect(dialog).to_have_count(0)
    welcome_in(chat).get_by_role("button", name=STARTERS[0]).click()
    expect(chat.answers.filter(has_text=re.compile(r"\b12\b")).first).to_be_visible(timeout=_TURN_MS)
    chat.picture(timeout_ms=_TURN_MS)
    expect(welcome_in(chat)).to_have_count(1)


def test_a_group_is_answered_by_mention_and_by_a_press(chat: Chat) -> None:
    page = chat.page
    page.get_by_role("treeitem", name="Group Chat").click()
    expect(welcome_in(chat)).to_contain_text("Mention me")
    welcome_in(chat).get_by_role("button", name=STARTERS[1]).click()
    chat.picture(timeout_ms=_TURN_MS)
    chat.mention("plot 5 - x^2")
    expect(chat.answers.locator("img")).to_have_count(2, timeout=_TURN_MS)
    chat.mention("is this concave?")
    expect(chat.answers.last).to_contain_text("concave", timeout=_TURN_MS)


def test_each_chain_of_a_channel_is_answered_within_it(chat: Chat) -> None:
    chat.page.get_by_role("treeitem", name="General").click()
    chains = [chat.begin_chain(text) for text in ("plot x^2 + 3", "plot 5 - x^2")]
    for chain in chains:
        expect(chain.locator("img")).to_be_visible(timeout=_TURN_MS)
    for chain in chains:
        chat.answer_in(chain, "Is this a concave function?")
    bowl, hill = chains
    expect(bowl).to_contain_text("is convex", timeout=_TURN_MS)
    expect(hill).to_contain_text("is concave", timeout=_TURN_MS)
    expect(hill).not_to_contain_text("convex")


def test_the_welcome_of_a_channel_asks_in_its_own_chain_and_words_without_a_mention_are_not_answered(
    chat: Chat, playground: str
) -> None:
    chat.page.get_by_role("treeitem", name="Announcements").click()
    welcome = chat.page.get_by_role("group").filter(has_text="Begin with one of these")
    expect(welcome).to_be_visible()
    overhear(chat, playground, "what is 11 * 11?", channel="channel-announcements-id")
    welcome.get_by_role("button", name=STARTERS[2]).click()
    expect(welcome.locator("img")).to_be_visible(timeout=_TURN_MS)
    chain = chat.begin_chain("what is 12 * 12?")
    expect(chain).to_contain_text("144", timeout=_TURN_MS)
    expect(chat.page.get_by_text("121")).to_have_count(0)


def overhear(chat: Chat, playground: str, text: str, *, channel: str) -> None:
    """Hand the bot words that do not mention it, as Teams does with consent; the page's own editor keeps them back."""
    heard = recorded(
        "channel",
        text=text,
        entities=[],
        serviceUrl=f"{playground}_connector",
        conversation={"id": channel, "conversationType": "channel", "isGroup": True},
    )
    response = chat.page.request.post(f"{playground}_internal/v1/customActivities", data=heard)
    assert response.ok, response.status
