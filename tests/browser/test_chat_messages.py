"""The message column of the chat page: words as they are written, and what can be done with an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from typing_extensions import override

from scripts.program import Program
from scripts.progress import CACHE
from tests.browser.chat_page import ChatPage, page_address
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import FakeRun, Plan, text
from tests.support.openai_stand_in import KEY
from tests.support.service_process import running_bot

pytestmark = pytest.mark.usefixtures("web_chat")

_SCREENSHOTS = CACHE / "screenshots"
_ASKED = "how are sales?"
_LONG_S = 120.0
_WORDS = """**Sales went up**, see https://example.com in March.

| month | sales |
|---|---:|
| January | 1,200 |
| February | 1,340 |

```python
total = sum([1200, 1340])  # both
print("total", total)
```

You could ask next:
- Why did they?
- Plot them"""


_MAY_GO_ON = threading.Event()
_MAY_GO_ON.set()


class Writer(FakeAssistants):
    """Writes word by word, and nothing of the table before it may."""

    @override
    async def _events(self, run: FakeRun) -> AsyncIterator[tuple[str, Any]]:
        async for name, data in super()._events(run):
            while name.endswith(".delta") and "month" in str(data) and not _MAY_GO_ON.is_set():
                await asyncio.sleep(0.05)
            yield name, data


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A bot whose service writes word by word: the stand-in runs in a thread, for the browser has a loop of its own."""
    started, ended = threading.Event(), threading.Event()
    addresses: list[str] = []

    def plan(said: str) -> Plan:
        return Plan(run_s=_LONG_S if "long" in said else 0.0, messages=[[text(_WORDS)]])

    async def serve() -> None:
        async with Writer() as service:
            service.state.create_assistant({"name": "writer", "model": "any", "instructions": ""})
            service.state.plan = plan
            service.streams, service.word_pause_s = True, 0.1
            addresses.append(service.base_url)
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        with running_bot(
            tmp_path_factory.mktemp("bot"),
            ASSISTANT_BACKEND="assistants",
            ASSISTANT_ID="asst_any",
            OPENAI_BASE_URL=addresses[0],
            OPENAI_API_KEY=KEY,
        ) as program:
            yield program
    finally:
        ended.set()
        thread.join(10)


@pytest.fixture
def chat(page: Page, bot: Program, complaints: list[str]) -> ChatPage:
    """A new chat, 1280 x 800, without the panel: the stand-in has not all that the panel reads."""
    assert complaints == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script("localStorage.setItem('panel', 'closed')")
    page.set_viewport_size({"width": 1280, "height": 800})
    chat = ChatPage(page=page, address=page_address(bot))
    chat.open()
    return chat


def answered(chat: ChatPage, question: str = _ASKED) -> Locator:
    """The answer, when all of it is there."""
    chat.say(question)
    expect(chat.tools.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    return chat.answer("Sales went up")


def test_words_appear_in_one_message_that_grows_and_the_step_stands_below_it(chat: ChatPage) -> None:
    _MAY_GO_ON.clear()
    try:
        chat.say(_ASKED)
        answer = chat.answer("Sales went up")
        expect(answer).to_be_visible()
        expect(answer).not_to_contain_text("February")
        expect(chat.step).to_contain_text("Writing, ")
        expect(chat.page.get_by_role("button", name="Stop")).to_be_visible()
    finally:
        _MAY_GO_ON.set()
    expect(answer).to_contain_text("February")
    expect(chat.answers.filter(has_text="Sales")).to_have_count(1)
    expect(chat.step).to_be_hidden()

    chat.reload()
    expect(chat.answers.filter(has_text="Sales")).to_have_count(1)


def test_an_answer_takes_the_place_of_words_that_a_killed_bot_had_begun(chat: ChatPage) -> None:
    conversation = chat.page.evaluate("new URLSearchParams(location.search).get('chat')")
    url = f"{chat.address}webchat/connector/v3/conversations/{conversation}/activities"
    for kind, words in (("typing", "Sales went"), ("message", "Sales went up.")):
        data = {"streamType": "streaming"} if kind == "typing" else {}
        activity = {"type": kind, "text": words, "replyToId": "asked", "channelData": data, "from": {"id": "bot"}}
        assert chat.page.context.request.post(url, data=activity).status == 201
        expect(chat.answers).to_have_text([words])


def test_stop_ends_the_work_and_the_bot_says_so_once(chat: ChatPage) -> None:
    chat.say("something long")
    stop = chat.page.get_by_role("button", name="Stop")
    stop.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.answer("Stopped")).to_be_visible()
    expect(chat.step).to_be_hidden()
    expect(chat.box).to_be_focused()
    expect(chat.said("/stop")).to_have_count(0)
    expect(chat.answers).to_have_count(1)


def test_a_follow_up_is_asked_by_a_press(chat: ChatPage) -> None:
    answered(chat)
    chat.page.get_by_role("toolbar", name="Suggested actions").get_by_role("button", name="Why did they?").click()
    expect(chat.said("Why did they?")).to_be_visible()


def test_a_link_to_elsewhere_is_marked_by_an_icon_that_is_drawn(chat: ChatPage) -> None:
    # ux 3.15: the icon was a transparent picture, and left a gap
    icon = answered(chat).get_by_role("link", name="example.com").locator("img")
    paint = icon.evaluate(
        """icon => { const { backgroundColor, maskImage, width } = getComputedStyle(icon);
           return [backgroundColor, maskImage.includes("svg"), parseFloat(width) > 5]; }"""
    )
    assert paint[0] not in ("transparent", "rgba(0, 0, 0, 0)")
    assert paint[1:] == [True, True]


def test_follow_ups_of_an_answer_do_not_come_back_after_something_else_was_asked(chat: ChatPage) -> None:
    answered(chat)
    follow_up = chat.page.get_by_role("toolbar", name="Suggested actions").get_by_role("button", name="Why did they?")
    expect(follow_up).to_be_visible()
    chat.say("something long")
    expect(follow_up).to_have_count(0)
    chat.reload()
    expect(chat.said("something long")).to_be_visible()
    expect(chat.step).to_be_visible()
    expect(follow_up).to_have_count(0)
    chat.page.get_by_role("button", name="Stop").click()
    expect(chat.answer("Stopped")).to_be_visible()


def test_tables_have_headings_and_code_has_colours_and_a_button_to_copy_it(chat: ChatPage) -> None:
    # ux 3.16
    answer = answered(chat)
    expect(answer.get_by_role("columnheader")).to_have_text(["month", "sales"])
    expect(answer.get_by_role("row")).to_have_count(3)
    expect(answer.locator("code .hljs-string").first).to_have_text('"total"')
    answer.get_by_role("button", name="Copy code").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert chat.clipboard == 'total = sum([1200, 1340])  # both\nprint("total", total)'


def test_an_answer_is_copied_as_markdown_and_rated_by_keyboard_alone(chat: ChatPage) -> None:
    answered(chat)
    chat.tools.get_by_role("button", name="Copy", exact=True).focus()
    chat.page.keyboard.press("Enter")
    expect(chat.tools).to_contain_text("Copied")
    assert chat.clipboard.startswith("**Sales went up**")
    assert "| January | 1,200 |" in chat.clipboard

    for _ in range(2):
        chat.page.keyboard.press("Tab")
    like = chat.tools.get_by_role("button", name="Good answer")
    expect(like).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(like).to_have_attribute("aria-pressed", "true")
    expect(chat.page.get_by_label("What was good?")).to_be_focused()
    chat.page.keyboard.type("the table")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    expect(chat.tools).to_contain_text("Thank you.")
    expect(like).to_be_focused()

    chat.reload()
    expect(chat.tools.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


def test_the_same_is_asked_again_by_a_press(chat: ChatPage) -> None:
    answered(chat)
    chat.tools.get_by_role("button", name="Ask again").click()
    expect(chat.page.locator(".webchat__bubble--from-user").filter(has_text=_ASKED)).to_have_count(2)


@pytest.mark.parametrize(("colours", "width"), [("light", 1280), ("dark", 390)])
def test_nothing_in_the_column_keeps_people_out(chat: ChatPage, axe: str, colours: str, width: int) -> None:
    chat.page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    chat.page.set_viewport_size({"width": width, "height": 844})
    answered(chat)
    chat.tools.get_by_role("button", name="Bad answer").click()
    expect(chat.page.get_by_label("What was wrong?")).to_be_focused()
    chat.expect_no_barriers(axe)
    chat.expect_no_sideways_scroll(width)
    chat.page.screenshot(path=_SCREENSHOTS / f"chat-messages-{colours}.png")
