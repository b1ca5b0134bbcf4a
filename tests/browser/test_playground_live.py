"""The Playground while an answer is worked on: a stream, the status of a channel, the marks of an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from scripts.program import Program
from tests.browser.chat import Chat
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, citation, text
from tests.support.openai_stand_in import KEY
from tests.support.service_process import running_bot

_TURN_MS = 60_000
_MARK = "【4:0†source】"
_WORDS = f"Sales went up{_MARK}.\n\nYou could ask next:\n- Why did they?\n- Plot them"
_MAY_END = threading.Event()
"""Set once a test has seen what is shown meanwhile: a busy browser draws it late."""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A bot whose service works until `_MAY_END`: it runs in a thread, for the browser's own loop is in the way."""
    started, ended = threading.Event(), threading.Event()
    addresses: list[str] = []

    async def serve() -> None:
        async with FakeAssistants() as service:
            service.state.create_assistant({"name": "slow", "model": "any", "instructions": ""})
            service.state.files["report"] = b"%PDF"
            service.state.plan = lambda _: Plan(
                may_end=_MAY_END.is_set, messages=[[text(_WORDS, citation(_MARK, "report"))]]
            )
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
        _MAY_END.set()
        ended.set()
        thread.join(10)


def test_a_personal_chat_shows_what_is_done_and_then_one_answer_with_its_marks(chat: Chat) -> None:
    _MAY_END.clear()
    chat.say("how are sales?")
    expect(chat.answers.filter(has_text="Thinking, ")).to_be_visible(timeout=_TURN_MS)
    _MAY_END.set()
    answer = chat.answers.filter(has_text="Sales went up")
    expect(answer).to_have_count(1, timeout=_TURN_MS)
    expect(chat.answers.filter(has_text="Thinking, ")).to_have_count(0)
    expect(chat.page.get_by_role("button", name="AI generated")).to_have_count(1)
    expect(chat.page.get_by_role("button", name="Like", exact=True)).to_have_count(1)
    chat.page.get_by_role("button", name="Why did they?").click()
    expect(answer).to_have_count(2, timeout=_TURN_MS)


def test_a_channel_shows_one_message_that_becomes_the_answer(chat: Chat) -> None:
    chat.page.get_by_role("treeitem", name="General").click()
    _MAY_END.clear()
    chain = chat.begin_chain("how are sales?")
    expect(chain.get_by_text("Working on it")).to_be_visible(timeout=_TURN_MS)
    _MAY_END.set()
    expect(chain.get_by_text("Sales went up")).to_be_visible(timeout=_TURN_MS)
    expect(chain.get_by_text("Working on it")).to_have_count(0)


def test_a_group_is_answered_by_mention_without_a_status(chat: Chat) -> None:
    chat.page.get_by_role("treeitem", name="Group Chat").click()
    _MAY_END.clear()
    chat.mention("how are sales?")
    chat.typing.wait_for(timeout=_TURN_MS)
    _MAY_END.set()
    expect(chat.answers.filter(has_text="Sales went up")).to_be_visible(timeout=_TURN_MS)
    expect(chat.page.get_by_text("Working on it")).to_have_count(0)
