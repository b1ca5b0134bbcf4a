"""Bad weather, ordered in the panel as a person does it: nothing is lost, and everybody sees that it is on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from scripts.program import Program
from scripts.progress import CACHE
from tests.browser.chat_page import ChatPage, page_address, until

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000
_START_MS = 180_000  # with all imports, which a restart makes anew: two minutes were seen where thirty shared two cores


@pytest.fixture
def chat_page(chat_page: ChatPage) -> ChatPage:
    """A new chat with its details beside it."""
    chat_page.open_details()
    return chat_page


@pytest.fixture(autouse=True)
def _calm_after(chat_page: ChatPage) -> object:
    """The bot is the module's: no storm of one test blows in the next."""
    yield
    if chat_page.storm.is_visible():
        chat_page.page.get_by_role("button", name="End it now").click()
        expect(chat_page.storm).to_be_hidden()


def test_weather_is_off_until_it_is_ordered_and_is_seen_on_every_page_until_it_is_ended(
    chat_page: ChatPage, bot: Program, axe: str
) -> None:
    other = ChatPage(page=chat_page.page.context.new_page(), address=page_address(bot))
    other.open()
    for page in (chat_page, other):
        expect(page.storm).to_be_hidden()
    chat_page.order("Messages come twice")

    for page in (chat_page, other):
        expect(page.storm).to_contain_text("Bad weather is on. Messages come twice, 1")
        page.expect_no_barriers(axe)
    chat_page.page.screenshot(path=_SCREENSHOTS / "chat-page-weather.png")
    other.page.get_by_role("button", name="End it now").click()
    for page in (chat_page, other):
        expect(page.storm).to_be_hidden()
    expect(chat_page.details.get_by_role("switch", name="Messages come twice")).not_to_be_checked()


_TELL_WHEN_LATE_IS_READ = """
  const read = Response.prototype.json;
  Response.prototype.json = async function () {
    const answer = await read.call(this);
    // A task of its own, so that the page has done what it does with the answer.
    if (this.headers.has("x-late")) setTimeout(() => { window.lateWasRead = true; });
    return answer;
  };
"""


def test_a_late_answer_about_the_weather_does_not_take_the_place_of_a_newer_one(chat_page: ChatPage) -> None:
    held: list[Route] = []
    chat_page.page.add_init_script(_TELL_WHEN_LATE_IS_READ)
    chat_page.page.route(
        "**/chat/weather",
        lambda route: held.append(route) if route.request.method == "GET" and not held else route.fallback(),
    )
    chat_page.page.reload()
    expect(chat_page.details).to_be_visible()
    until(chat_page.page, lambda: bool(held))
    calm = held[0].fetch()
    chat_page.order("Slow model")
    held[0].fulfill(response=calm, headers={**calm.headers, "x-late": "1"})
    until(chat_page.page, lambda: chat_page.page.evaluate("window.lateWasRead === true") is True)
    expect(chat_page.storm).to_contain_text("Slow model")


def test_a_slow_model_answers_late_and_the_person_sees_that_it_works(chat_page: ChatPage) -> None:
    chat_page.order("Slow model")
    chat_page.say("What is 6 times 7?")
    chat_page.typing.wait_for(timeout=_TURN_MS)
    expect(chat_page.turns.first.locator("summary").first).to_contain_text("working")
    expect(chat_page.page.locator("#weather-notes")).to_contain_text("The model takes 8 seconds longer.")
    chat_page.page.get_by_role("button", name="End it now").click()
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.typing).to_have_count(0)


def test_a_model_over_its_limit_ends_in_an_apology_that_a_click_makes_good(chat_page: ChatPage) -> None:
    chat_page.order("Model over its limit")
    chat_page.say("What is 6 times 7?")
    again = chat_page.page.locator(".ac-pushButton", has_text="Try again")
    expect(again).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.turns.first.locator("summary").first).to_contain_text("failed")
    expect(chat_page.turns.first.locator(".line")).to_contain_text("Second run queued")

    chat_page.page.get_by_role("button", name="End it now").click()
    expect(chat_page.storm).to_be_hidden()
    again.click()
    expect(chat_page.answer("= 42")).to_be_visible(timeout=_TURN_MS)


def test_a_connector_that_is_down_delays_an_answer_and_loses_none(chat_page: ChatPage) -> None:
    chat_page.order("Connector down")
    chat_page.say("What is 6 times 7?")
    expect(chat_page.said("6 times 7")).to_be_visible()
    expect(chat_page.page.locator("#weather-notes")).to_contain_text("The connector answers 502.", timeout=_TURN_MS)
    expect(chat_page.answer("42")).to_have_count(0)
    chat_page.page.get_by_role("button", name="End it now").click()
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)


def test_a_message_that_comes_twice_is_answered_once(chat_page: ChatPage) -> None:
    chat_page.order("Messages come twice")
    chat_page.say("What is 6 times 7?")
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.page.locator("#weather-notes")).to_contain_text("delivered once more", timeout=_TURN_MS)
    chat_page.say("What is 5 times 5?")
    expect(chat_page.answer("25")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.turns).to_have_count(2)
    expect(chat_page.page.locator(".webchat__bubble:not(.webchat__bubble--from-user)")).to_have_count(2)


@pytest.mark.timeout(600)
def test_a_bot_that_is_killed_in_the_midst_of_a_turn_comes_back_and_answers_it(
    chat_page: ChatPage, bot: Program, complaints: list[str]
) -> None:
    # The answer cannot be sent before the kill, however late that comes on a busy machine: it is the weather's end too.
    chat_page.order("Slow model")
    chat_page.order("Connector down")
    chat_page.say("What is 6 times 7?")
    expect(chat_page.turns.first.locator("summary").first).to_contain_text("working", timeout=_TURN_MS)
    chat_page.details.get_by_role("button", name="Kill the bot and start it again").click()

    expect(chat_page.answer("42")).to_be_visible(timeout=_START_MS + _TURN_MS)
    expect(chat_page.turns.first.locator(".line")).to_contain_text("Resumed", timeout=_TURN_MS)
    expect(chat_page.turns).to_have_count(1)
    expect(chat_page.storm).to_be_hidden()
    assert bot.process.poll() is None
    complaints.clear()  # that the bot was away is told in the console too
