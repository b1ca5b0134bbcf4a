from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.program import Program
from scripts.progress import CACHE
from tests.browser.chat_page import ChatPage, page_address, until
from tests.support.free_ports import lasting_port
from tests.support.service_process import running_bot

pytestmark = pytest.mark.usefixtures("web_chat")

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000
SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."


@pytest.fixture
def chat(chat_page: ChatPage) -> ChatPage:
    """A new chat, 1280 x 800."""
    return chat_page


def test_the_articles_two_questions_are_answered_with_a_plot_and_a_reload_shows_all_again(chat: ChatPage) -> None:
    chat.starters.first.click()
    chat.typing.wait_for(timeout=_TURN_MS)
    expect(chat.said(SOLVE)).to_be_visible()
    expect(chat.answer("12")).to_be_visible(timeout=_TURN_MS)
    expect(chat.picture(timeout_ms=_TURN_MS)).to_have_attribute("alt", re.compile("."))
    chat.page.screenshot(path=_SCREENSHOTS / "chat-page-1280.png")
    chat.say("Is this a concave function?")
    expect(chat.answer("convex")).to_be_visible(timeout=_TURN_MS)
    expect(chat.typing).to_have_count(0)

    chat.reload()

    expect(chat.said(SOLVE)).to_be_attached()
    expect(chat.answer("convex")).to_be_visible()
    chat.picture(timeout_ms=_TURN_MS)
    expect(chat.starters.first).to_be_hidden()


def test_the_code_that_ran_is_shown_once_below_the_answer(chat: ChatPage) -> None:
    # The first has it on its card in Teams, the second on no card at all.
    for answers, (question, words) in enumerate((("Plot x^2", "drawn"), ("What is 6 times 7?", "42")), start=1):
        chat.say(question)
        expect(chat.answer(words)).to_be_visible(
            timeout=_TURN_MS
        )  # until then the tools are those of the answer before
        shows = chat.tools.get_by_role("button", name="Show code")
        expect(shows).to_be_visible(timeout=_TURN_MS)
        expect(chat.page.get_by_role("button", name="Show code").locator("visible=true")).to_have_count(answers)
        shows.click()
        expect(chat.tools.locator("code").first).to_contain_text("import")
        expect(chat.tools.locator(".hljs-keyword").first).to_be_visible()
        chat.tools.get_by_role("button", name="Hide code").click()
        expect(chat.tools.locator("code").first).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1440, 900), (390, 844)])
def test_an_answer_is_in_view_from_its_top(chat: ChatPage, width: int, height: int) -> None:
    # ux 3.1: the result was scrolled out of sight
    chat.page.set_viewport_size({"width": width, "height": height})
    chat.open()
    chat.starters.first.click()
    chat.picture(timeout_ms=_TURN_MS)
    expect(chat.typing).to_have_count(0)

    def is_below_the_header() -> bool:
        answer, header = chat.answer("12").bounding_box(), chat.page.locator("body > header").bounding_box()
        return answer is not None and header is not None and answer["y"] >= header["y"] + header["height"]

    until(chat.page, is_below_the_header)


_LEFT = """places => places.map(place => {
  const shown = [...document.querySelectorAll(place)].find(each => each.checkVisibility());
  return Math.round(shown.getBoundingClientRect().left);
})"""
_COLUMN = [
    ".webchat__send-box__main",
    ".webchat__bubble:not(.webchat__bubble--from-user) p",
    ".webchat__stacked-layout:not(.webchat__stacked-layout--from-user) .webchat__stacked-layout__status",
    ".ac-adaptiveCard img",
    ".ac-pushButton",
]


@pytest.mark.parametrize("width", [1440, 390])
def test_all_in_the_column_begins_at_one_left_edge(chat: ChatPage, width: int) -> None:
    # ux 3.14: there were four edges, and the dots were at the left of the window
    chat.page.set_viewport_size({"width": width, "height": 900})
    chat.say("Plot x^2")
    chat.typing.wait_for(timeout=_TURN_MS)
    edges = chat.page.evaluate(_LEFT, [".webchat__typing-indicator"])
    chat.picture(timeout_ms=_TURN_MS)
    expect(chat.typing).to_have_count(0)
    edges += chat.page.evaluate(_LEFT, _COLUMN)
    assert max(edges) - min(edges) <= 1, edges


def test_two_tabs_stay_apart_and_the_list_leads_back(chat: ChatPage, bot: Program) -> None:
    other = ChatPage(page=chat.page.context.new_page(), address=page_address(bot))
    other.open()
    chat.say("Plot x^2")
    other.say("What is 6 times 7?")
    expect(other.answer("42")).to_be_visible(timeout=_TURN_MS)
    chat.picture(timeout_ms=_TURN_MS)

    expect(other.said("Plot x^2")).to_have_count(0)
    expect(chat.said("6 times 7")).to_have_count(0)
    other.page.get_by_role("link", name="Plot x^2").first.click()
    expect(other.said("Plot x^2")).to_be_visible()
    expect(other.page.locator("[aria-current=page]")).to_have_text("Plot x^2")


def test_all_can_be_done_by_keyboard(chat: ChatPage) -> None:
    expect(chat.box).to_be_focused()
    chat.page.keyboard.type("What is 6 times 7?")
    chat.page.keyboard.press("Enter")
    expect(chat.answer("42")).to_be_visible(timeout=_TURN_MS)

    chat.page.get_by_role("button", name="Connect a model").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_role("dialog", name="Connect a model")).to_contain_text("OPENAI_BASE_URL")
    chat.page.keyboard.press("Escape")
    expect(chat.page.get_by_role("dialog")).to_be_hidden()
    expect(chat.page.get_by_role("button", name="Connect a model")).to_be_focused()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_keeps_people_out(chat: ChatPage, axe: str, colours: str) -> None:
    chat.page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    chat.expect_no_barriers(axe)
    chat.say("Plot x^2")
    chat.picture(timeout_ms=_TURN_MS)
    expect(chat.typing).to_have_count(0)
    chat.expect_no_barriers(axe)
    chat.page.screenshot(path=_SCREENSHOTS / f"chat-page-{colours}.png")


def test_a_telephone_shows_all_without_scrolling_sideways(chat: ChatPage, axe: str) -> None:
    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.reload()
    chat.say("Plot x^2")
    chat.picture(timeout_ms=_TURN_MS)
    chat.page.screenshot(path=_SCREENSHOTS / "chat-page-390.png")
    chat.expect_no_sideways_scroll(390)
    for button in chat.page.locator(".ac-actionSet button").all():
        expect(button).to_be_in_viewport(ratio=1)  # and not cut off at the right
    chat.expect_no_barriers(axe)

    menu = chat.page.get_by_role("button", name="Chats")
    menu.click()
    expect(chat.page.get_by_role("link", name="New chat")).to_be_focused()
    chat.expect_no_barriers(axe)
    chat.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(chat.chats.first).to_be_hidden()


def test_the_barriers_are_really_looked_for(chat: ChatPage, axe: str) -> None:
    chat.page.evaluate("document.querySelector('#starters button').innerHTML = ''")

    [barrier] = chat.barriers(axe)
    assert "button-name" in barrier


@pytest.mark.parametrize("width", [390, 900, 1280])
def test_a_browser_without_scripts_is_told_so(browser: Browser, bot: Program, width: int) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 600})
    page = context.new_page()
    page.goto(page_address(bot))
    expect(page.get_by_role("heading", name="This page needs JavaScript")).to_be_in_viewport()
    expect(page.get_by_role("heading", name="Math Tutor")).to_be_in_viewport(ratio=1)
    context.close()


def test_what_is_missing_is_told_where_the_chat_would_be(page: Page, bot: Program) -> None:
    page.route("**/chat/webchat.js", lambda route: route.fulfill(status=404))
    page.goto(page_address(bot))
    page.evaluate("document.getElementById('missing').hidden = false")  # as the service does without the bundle
    expect(page.get_by_text("python -m scripts.chat_bundle")).to_be_in_viewport(ratio=1)
    header = page.locator("body > header").bounding_box()
    assert header is not None
    assert header["height"] < 100


def test_what_a_model_writes_as_html_or_as_a_far_picture_never_acts(page: Page, bot: Program) -> None:
    refused: dict[str, str | None] = {}
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    chat = ChatPage(page=page, address=page_address(bot))
    chat.open()
    conversation = page.evaluate("new URLSearchParams(location.search).get('chat')")
    far = "http://127.0.0.1:9/?secret"
    forged = f"<img src=x onerror='window.acted=1'><script>window.acted=2</script>![]({far}) ok"
    url = f"{chat.address}webchat/connector/v3/conversations/{conversation}/activities"
    answer = {"type": "message", "text": forged, "textFormat": "markdown", "from": {"id": "bot"}}
    assert page.context.request.post(url, data=answer).status == 201

    expect(chat.answer("ok")).to_be_visible()
    assert page.evaluate("window.acted") is None
    until(page, lambda: refused.get(far) == "csp")


def test_the_other_name_of_this_machine_serves_as_well(page: Page, bot: Program, complaints: list[str]) -> None:
    assert complaints == []
    chat = ChatPage(page=page, address=page_address(bot).replace("127.0.0.1", "localhost"))
    chat.open()
    chat.say("Plot x^2")
    chat.picture(timeout_ms=_TURN_MS)


def test_a_bot_that_is_killed_and_started_again_loses_nothing(page: Page, tmp_path: Path) -> None:
    # ux 3.8: the page looked healthy while the bot was gone
    port = str(lasting_port())
    with running_bot(tmp_path, PORT=port) as bot:
        chat = ChatPage(page=page, address=page_address(bot))
        chat.open()
        chat.say("Plot x^2 and explain")
        expect(chat.said("Plot x^2")).to_be_visible()
        chat.typing.wait_for(timeout=_TURN_MS)
        bot.process.kill()
        bot.process.wait(10)
        expect(page.locator("#offline")).to_contain_text("make run")
        for question in ("What is 2 plus 3?", "What is 10 times 10?"):
            chat.say(question)
            expect(chat.said(question)).to_be_visible()
    with running_bot(tmp_path, PORT=port):
        expect(page.locator("#offline")).to_be_hidden()
        chat.picture(timeout_ms=_TURN_MS)  # the open page comes back by itself
        for question, answer in (("2 plus 3", "2 + 3 = 5"), ("10 times 10", "10·10 = 100")):
            expect(chat.answers.filter(has_text=answer)).to_have_count(1, timeout=_TURN_MS)
            expect(page.locator(".webchat__bubble--from-user").filter(has_text=question)).to_have_count(1)
        expect(page.get_by_text("Sending")).to_have_count(0)


def test_what_was_not_sent_when_the_page_was_left_is_sent_once_when_it_is_opened_again(
    chat: ChatPage, complaints: list[str]
) -> None:
    page = chat.page
    with page.expect_request("**/activities"):
        page.route("**/activities", lambda route: route.abort())
        chat.say("What is 6 times 7?")
    page.unroute("**/activities")
    page.route(
        "**/activities", lambda route: (route.fetch(), route.abort()), times=1
    )  # it arrives, and nobody hears so
    chat.reload()
    expect(chat.answers.filter(has_text="42")).to_have_count(1, timeout=_TURN_MS)
    expect(page.locator(".webchat__bubble--from-user")).to_have_count(1)
    until(page, lambda: page.evaluate("sessionStorage.length") == 0)
    complaints.clear()  # the broken connections are told in the console too


def test_a_message_that_was_refused_is_sent_again_by_a_press_and_stands_there_once(
    chat: ChatPage, complaints: list[str]
) -> None:
    page = chat.page
    page.route("**/activities", lambda route: route.fulfill(status=400, json={"error": {"code": "No"}}), times=1)
    chat.say("What is 6 times 7?")
    page.get_by_role("button", name="Retry").click()
    expect(chat.answer("42")).to_be_visible(timeout=_TURN_MS)
    expect(page.locator(".webchat__bubble--from-user")).to_have_count(1)
    complaints.clear()  # the refusal is told in the console too
