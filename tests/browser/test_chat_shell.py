"""Everything around the messages: the mark, the theme, the questions to begin with, and little room."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from scripts.progress import CACHE
from tests.browser.chat_page import LOADED, ChatPage, until

pytestmark = pytest.mark.usefixtures("web_chat")

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000
_GROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_header_shows_the_product_with_its_mark_and_leads_to_a_new_chat(chat_page: ChatPage) -> None:
    # ux 4
    brand = chat_page.page.get_by_role("banner").get_by_role("link", name="Teams Assistants Bot")
    expect(brand).to_be_visible()
    until(chat_page.page, lambda: brand.locator("img").evaluate(LOADED) is True)
    before = chat_page.page.url
    brand.click()
    expect(chat_page.page).not_to_have_url(before)


def test_a_starter_with_a_sample_sends_its_question_with_the_file(chat_page: ChatPage, axe: str) -> None:
    expect(chat_page.starters).to_have_count(4)
    chat_page.starters.filter(has_text="sales-by-month.csv").click()
    expect(chat_page.said("Which month had the highest revenue?")).to_be_visible()
    expect(chat_page.page.get_by_role("link", name="sales-by-month.csv")).to_be_visible()
    expect(chat_page.answer("38250")).to_be_visible(timeout=_TURN_MS)
    chat_page.picture(timeout_ms=_TURN_MS)
    expect(chat_page.starters.first).to_be_hidden()
    chat_page.expect_no_barriers(axe)


def test_every_built_in_starter_is_answered(chat_page: ChatPage) -> None:
    expect(chat_page.starters).to_have_count(4)
    questions = chat_page.starters.evaluate_all("all => all.map(button => button.dataset.question)")
    for question, answer in zip(questions[2:], ("15", "I am the built-in mathematics tutor"), strict=True):
        chat_page.say(question)
        expect(chat_page.answer(answer)).to_be_visible(timeout=_TURN_MS)


def test_a_theme_is_chosen_by_keyboard_and_remembered_and_followed_by_other_tabs(chat_page: ChatPage, axe: str) -> None:
    page = chat_page.page
    page.emulate_media(color_scheme="light")
    light = page.evaluate(_GROUND)
    other = page.context.new_page()
    other.goto(page.url)

    page.get_by_role("button", name="Settings").focus()
    page.keyboard.press("Enter")
    system = page.get_by_role("radio", name="As the system")
    expect(system).to_be_visible()
    expect(system).to_be_checked()
    system.focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    chat_page.expect_no_barriers(axe)
    page.keyboard.press("Escape")
    expect(system).to_be_hidden()
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")

    chat_page.reload()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    box = page.locator(".webchat__send-box__main")
    expect(box).to_have_css("background-color", page.evaluate(_GROUND))
    page.evaluate("localStorage.removeItem('theme')")


def test_a_theme_that_another_tab_chooses_while_a_chat_still_opens_is_taken_up(chat_page: ChatPage) -> None:
    other = chat_page.page.context.new_page()
    held: list[Route] = []
    other.route("**/chat/tokens", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    with other.expect_request("**/chat/tokens"):
        other.goto(chat_page.page.url)
    chat_page.page.evaluate("localStorage.setItem('theme', 'dark')")
    held.pop().continue_()
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    chat_page.page.evaluate("localStorage.removeItem('theme')")


def test_chats_are_found_by_their_words_and_walked_through_by_arrow_keys(chat_page: ChatPage, axe: str) -> None:
    chat_page.say("What is 111 plus 222?")
    expect(chat_page.answer("333")).to_be_visible(timeout=_TURN_MS)
    chat_page.open()
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.page.get_by_role("heading", name="Today")).to_be_visible()

    find = chat_page.page.get_by_role("searchbox", name="Search chats")
    find.fill("333")
    expect(chat_page.chats).to_have_count(1)
    expect(chat_page.chats).to_contain_text("333")
    chat_page.expect_no_barriers(axe)
    find.press("ArrowDown")
    sum_chat = chat_page.chats.get_by_role("link", name="What is 111 plus 222?")
    expect(sum_chat).to_be_focused()
    chat_page.page.keyboard.press("ArrowUp")
    find.fill("no such word")
    expect(chat_page.page.get_by_text("No chat has these words.")).to_be_visible()
    expect(chat_page.page).to_have_title("/help - Math Tutor")
    find.fill("")
    expect(sum_chat).to_be_visible()
    find.press("ArrowDown")
    chat_page.page.keyboard.press("ArrowDown")
    expect(sum_chat).to_be_focused()
    chat_page.page.keyboard.press("Enter")
    expect(chat_page.said("111 plus 222")).to_be_visible()


def test_a_past_is_heard_at_once_and_the_list_is_not_asked_for_at_each_message(chat_page: ChatPage) -> None:
    messages = 6
    for nth in range(messages):
        chat_page.say("/help")
        expect(chat_page.answers).to_have_count(nth + 1, timeout=_TURN_MS)
    asked: list[str] = []
    chat_page.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    chat_page.reload()
    expect(chat_page.answers).to_have_count(messages)
    expect(chat_page.page).to_have_title("/help - Math Tutor")
    since = asked[asked.index("/") :]  # before it the page that is left may ask once more
    assert since.count("/chat/conversations") < messages
    assert since.count("/chat/tokens") < messages


def test_a_tab_that_is_looked_at_again_lists_what_other_tabs_began_and_renamed(chat_page: ChatPage) -> None:
    page = chat_page.page
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    other = ChatPage(page=page.context.new_page(), address=chat_page.address)
    other.open()
    other.say("What is 123 plus 321?")
    expect(other.answer("444")).to_be_visible(timeout=_TURN_MS)
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")  # a browser without windows sends none
    expect(chat_page.chats.get_by_role("link", name="What is 123 plus 321?")).to_be_visible()


def test_a_page_that_the_bot_does_not_know_any_more_says_what_to_do(chat_page: ChatPage, complaints: list[str]) -> None:
    body = {"error": {"code": "BadToken", "message": "The token does not open this conversation."}}
    chat_page.page.route("**/activities", lambda route: route.fulfill(status=403, json=body))
    chat_page.say("What is 6 times 7?")
    expect(chat_page.page.get_by_role("alert").filter(has_text="Reload it")).to_be_visible()
    expect(chat_page.page.get_by_role("button", name="Retry")).to_be_visible()
    complaints.clear()  # the refusal is told in the console too


def test_what_keeps_a_chat_from_being_renamed_is_said_at_the_list(
    chat_page: ChatPage, axe: str, complaints: list[str]
) -> None:
    page = chat_page.page
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    page.route("**/chat/conversations/*", lambda route: route.abort())
    chat_page.chats.get_by_role("button", name="Rename /help").first.click()
    page.get_by_role("dialog").get_by_label("Title").press("Enter")
    expect(page.get_by_role("navigation", name="Chats").get_by_role("alert")).to_have_text("The bot did not answer")
    chat_page.expect_no_barriers(axe)
    complaints.clear()  # the broken connection is told in the console too


def test_chats_are_listed_by_the_day_when_something_was_said_last(chat_page: ChatPage) -> None:
    # ux 4
    ages_days = {"now": 0, "a day ago": 1, "days ago": 5, "long ago": 400}
    now = datetime.now(UTC)
    chats = [
        {"id": f"c{nth}", "title": title, "last_at": (now - timedelta(days=days)).isoformat(), "excerpt": ""}
        for nth, (title, days) in enumerate(ages_days.items())
    ]
    chat_page.page.route("**/chat/conversations*", lambda route: route.fulfill(json=chats))
    chat_page.reload()
    headings = chat_page.page.get_by_role("navigation", name="Chats").get_by_role("heading", level=3)
    expect(headings).to_have_text(["Today", "Yesterday", "The last seven days", re.compile(r"^[A-Z]\w+ 20\d\d$")])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(320, 256), (390, 844)])
def test_with_little_room_all_is_reached_and_nothing_scrolls_sideways(
    chat_page: ChatPage, axe: str, width: int, height: int, theme: str
) -> None:
    # ux 3.11
    """320 x 256 is what a page of 1280 x 1024 has at a zoom of 400 %."""
    page = chat_page.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": height})
    chat_page.open()
    chat_page.expect_no_barriers(axe)
    for name in ("Chats", "Connect a model", "Details", "Settings"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    expect(chat_page.box).to_be_in_viewport(ratio=1)
    for starter in chat_page.starters.all():
        starter.scroll_into_view_if_needed()
        until(page, lambda starter=starter: _is_on_top(starter.element_handle(), page))  # type: ignore[misc]

    chat_page.starters.last.click()
    expect(chat_page.answer("I am the built-in mathematics tutor")).to_be_visible(timeout=_TURN_MS)
    chat_page.expect_no_sideways_scroll(width)
    chat_page.open_details()
    expect(chat_page.turns.first).to_contain_text("answered, ")
    chat_page.expect_no_barriers(axe)
    chat_page.expect_no_sideways_scroll(width)
    page.screenshot(path=_SCREENSHOTS / f"chat-shell-{width}-{theme}.png")


def _is_on_top(element: object, page: Page) -> bool:
    """Whether a click in its middle would reach the element."""
    on_top: bool = page.evaluate(
        """element => { const { x, y, width, height } = element.getBoundingClientRect();
            return element.contains(document.elementFromPoint(x + width / 2, y + height / 2)); }""",
        element,
    )
    return on_top
