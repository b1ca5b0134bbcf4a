"""The bot's cards in a window of 320 pixels, drawn by Web Chat's renderer of Adaptive Cards in the look of the page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute

from bot import sentences
from bot.cards import apology_card, feedback_card, files_card, picture_card, welcome_card
from bot.language import _, speaking
from bot.parts import ApologyPart, Details, FilesPart, PicturePart, StoredFile, WelcomePart
from bot.run import CodeCell
from bot.turn_record import TurnCode
from scripts.program import Program
from tests.browser.chat_page import ChatPage, page_address, until

_NAMES = ("Umsatzauswertung_nach_Regionen_und_Produktgruppen_2026_Q3.csv", "a.csv", "x" * 90 + ".png")
# Words that are cut or stick out, of what is on a card or a bubble: whatever has text of its own and is shown.
_STICKING_OUT = """() => [...document.querySelectorAll(".ac-adaptiveCard *, .webchat__bubble__content *")]
    .filter((each) => [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    .filter((each) => each.checkVisibility() && each.getClientRects().length && each.clientWidth > 1)
    .filter((each) => {
        const box = each.getBoundingClientRect();
        return each.scrollWidth > each.clientWidth + 1 || box.left < -1 || box.right > innerWidth + 1;
    })
    .map((each) => `${each.className}: ${each.textContent.slice(0, 60)} ${each.scrollWidth} > ${each.clientWidth}`)"""


def cards(picture: str) -> dict[str, dict[str, Any]]:
    """Each kind of card with the longest that it has to hold, in the language that is spoken."""
    files = [
        StoredFile(token=f"t{number}", name=name, size_bytes=123_456, is_given=number == 1)
        for number, name in enumerate(_NAMES)
    ]
    details = Details(
        explanation="**How I worked this out** " + "Donaudampfschifffahrtsgesellschaft " * 3 + "\n\n- one\n- two",
        code=(CodeCell(code="total = sum(value for value in values if value is not None)", output="1" * 80),),
        data=files[0],
    )
    plot = PicturePart(file=files[2], alt_text="A plot", details=details)
    apology = ApologyPart(text=_(sentences.NOT_READ), code=TurnCode("T-7F3K"), question="plot x^2")
    starters = tuple(map(_, sentences.STARTERS))
    return {
        "welcome": welcome_card(WelcomePart(text=_(sentences.WELCOME), starters=starters)),
        "help": welcome_card(WelcomePart(text=_(sentences.HELP), starters=tuple(sentences.COMMANDS_OFFERED))),
        "files": files_card(
            FilesPart(files=tuple(files), can_be_deleted=True), ["https://bot.example.com/files/x"] * len(files)
        ),
        "plot": picture_card(plot, picture, "https://bot.example.com/d.csv"),
        "apology": apology_card(apology),
        "feedback": feedback_card(100),
    }


@pytest.fixture
def narrow(page: Page, bot: Program, web_chat: None, complaints: list[str]) -> tuple[ChatPage, list[WebSocketRoute]]:
    """A new chat at 320 x 900, and the way in which the page hears of activities. The console has to stay empty."""
    assert web_chat is None
    assert complaints == []
    ways: list[WebSocketRoute] = []

    def listen(way: WebSocketRoute) -> None:
        way.connect_to_server()
        ways.append(way)

    page.route_web_socket("**/stream?**", listen)
    page.set_viewport_size({"width": 320, "height": 900})
    chat = ChatPage(page=page, address=page_address(bot))
    chat.open()
    return chat, ways


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_no_words_of_a_card_stick_out_of_320_pixels(
    narrow: tuple[ChatPage, list[WebSocketRoute]], scheme: Any, language: str
) -> None:
    chat, ways = narrow
    chat.page.emulate_media(color_scheme=scheme)
    with speaking(language):
        drawn = cards(f"{chat.address}chat/files/mark.svg")
        opened = [_("How I worked this out"), _("Show code")]
        said = {"refused": _(sentences.NOT_SERVED), "limits": _(sentences.NOT_READ)}
    for number, card in enumerate(drawn.values()):
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        ways[-1].send(json.dumps({"activities": [activity(f"c{number}", attachments=[attachment])]}))
        shown = chat.page.locator(".ac-adaptiveCard").nth(number)
        shown.wait_for()
        for toggle in shown.get_by_role("button").filter(has_text=re.compile("|".join(opened))).all():
            toggle.click()
        expect_nothing_to_stick_out(chat)
    chat.say("/usage")
    chat.answers.filter(has_text="tokens").last.wait_for()
    for name, text in said.items():
        ways[-1].send(json.dumps({"activities": [activity(name, text=text)]}))
        chat.answer(text[:20]).wait_for()
    expect_nothing_to_stick_out(chat)
    until(chat.page, lambda: bool(chat.page.evaluate("document.documentElement.scrollWidth <= 320")))
    chat.page.set_viewport_size({"width": 320, "height": 5000})


def expect_nothing_to_stick_out(chat: ChatPage) -> None:
    seen: list[str] = []

    def is_whole() -> bool:
        seen[:] = chat.page.evaluate(_STICKING_OUT)
        return seen == []

    try:
        until(chat.page, is_whole)
    except AssertionError:
        pytest.fail(f"sticks out: {seen}")


def activity(id_: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "id": id_,
        "timestamp": "2026-11-29T10:00:00.000Z",
        "from": {"id": "bot", "role": "bot"},
        **fields,
    }
