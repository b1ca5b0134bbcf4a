from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat import Chat

_TURN_MS = 60_000


def test_the_articles_two_questions_get_typing_text_a_visible_plot_and_convex(chat: Chat) -> None:
    chat.say("Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.")
    chat.typing.wait_for(timeout=_TURN_MS)
    expect(chat.answers.filter(has_text=re.compile(r"\b12\b")).first).to_be_visible(timeout=_TURN_MS)
    plot = chat.picture(timeout_ms=_TURN_MS)
    expect(plot).to_have_attribute("alt", re.compile("."))
    expect(chat.typing).to_have_count(0)

    chat.say("Is this a concave function?")
    expect(chat.answers.filter(has_text=re.compile("convex", re.IGNORECASE))).to_be_visible(timeout=_TURN_MS)
    expect(chat.typing).to_have_count(0)
