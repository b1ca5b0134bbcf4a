"""The Playground when a model fails: the button of the apology, pressed as it is and forged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import APIRequestContext, Request, expect

from scripts.program import Program
from tests.browser.chat import Chat
from tests.support.scripted_model import ScriptedModel, Trouble
from tests.support.service_process import running_bot

_TURN_MS = 60_000
_NO_JSON = Trouble(status=200, body="<html>not json</html>")
_SUBMIT = "_conversation/v1/submit"


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(ScriptedModel()) as started:
        yield started


@pytest.fixture(scope="module")
def bot(model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The bot with a model that says what the test tells it to."""
    settings = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "sk-test", "MODEL": "scripted"}
    with running_bot(tmp_path_factory.mktemp("bot"), **settings) as program:
        yield program


def test_try_again_asks_again_as_often_as_it_is_pressed_and_what_is_forged_harms_nothing(
    chat: Chat, model: ScriptedModel
) -> None:
    model.script.extend([_NO_JSON, _NO_JSON])  # once more, for the run that follows a failed one
    chat.say("plot x")
    again = chat.answers.get_by_role("button", name="Try again")
    again.wait_for(timeout=_TURN_MS)
    model.script.clear()
    asked = len(model.requests)
    with chat.page.expect_request(lambda request: request.url.endswith(_SUBMIT)) as pressed:
        again.click()
    answer = chat.answers.get_by_text("You said: plot x", exact=True)
    expect(answer).to_have_count(1, timeout=_TURN_MS)

    for value in FORGED:
        forge(chat.page.request, pressed.value, value)
    expect(chat.answers.filter(has_text="Ask me something")).to_have_count(len(FORGED), timeout=_TURN_MS)
    again.click()
    expect(answer).to_have_count(2, timeout=_TURN_MS)
    assert len(model.requests) == asked + 2
    expect(again).to_have_count(1)


FORGED: tuple[object, ...] = (
    {"teamsbot": "retry", "question": {"plot": "x"}},
    {"teamsbot": "retry", "turn": "T-0000"},
    {"teamsbot": "delete", "question": "plot x"},
    {"question": "plot x"},
    {"teamsbot": ["ask"], "question": "plot x"},
)


def forge(requests: APIRequestContext, pressed: Request, value: object) -> None:
    """Send what the page sends at a press, with something else in it."""
    sent: dict[str, object] = pressed.post_data_json or {}
    response = requests.post(pressed.url, data={**sent, "value": value})
    assert response.ok, response.status
