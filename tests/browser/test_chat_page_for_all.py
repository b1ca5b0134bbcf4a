"""The page for everybody: by keyboard, with a screen reader, in the dark, on a telephone, without motion."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.file_links import SignedLinks
from adapters.webchat.page_activities import conversation_key
from adapters.webchat.page_words import CATALOGUES
from adapters.webchat.transcripts import ConversationId
from scripts.program import Program
from scripts.progress import CACHE
from storage.file_tokens import FileTokens
from storage.files_folder import FolderFiles
from tests.browser.chat_page import ChatPage, page_address, until
from tests.support.service_process import running_bot

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_panel_keeps_nobody_out_with_all_of_it_unfolded(
    chat_page: ChatPage, axe: str, colours: str, width: int
) -> None:
    page = chat_page.page
    page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    chat_page.reload()
    chat_page.say("What is 6 times 7?")
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)
    chat_page.open_details()
    expect(chat_page.turns.first).to_contain_text("answered, ")
    for summary in (chat_page.turns.first.locator(".exchange summary").first, page.locator("#weather > summary")):
        summary.click()
    chat_page.expect_no_barriers(axe)
    chat_page.expect_no_sideways_scroll(width)
    page.screenshot(path=_SCREENSHOTS / f"chat-page-panel-{width}-{colours}.png")


def test_chats_are_renamed_and_deleted_by_keyboard_alone(chat_page: ChatPage, axe: str) -> None:
    keyboard = chat_page.page.keyboard
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    chat_page.chats.get_by_role("link", name="/help").first.focus()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(chat_page.page.get_by_role("dialog", name="Rename the chat")).to_be_visible()
    chat_page.expect_no_barriers(axe)
    keyboard.press("ControlOrMeta+a")
    keyboard.type("My first chat")
    keyboard.press("Enter")
    expect(chat_page.chats.get_by_role("link", name="My first chat")).to_be_visible()
    chat_page.reload()
    expect(chat_page.page).to_have_title("My first chat - Math Tutor")

    chat_page.chats.get_by_role("button", name="Delete My first chat").focus()
    keyboard.press("Enter")
    doomed = chat_page.page.get_by_role("dialog", name="Delete the chat?")
    expect(doomed).to_contain_text("My first chat")
    expect(doomed).to_contain_text("its plots")
    keyboard.press("Escape")
    expect(chat_page.chats.get_by_role("link", name="My first chat")).to_be_visible()
    chat_page.chats.get_by_role("button", name="Delete My first chat").click()
    doomed.get_by_role("button", name="Delete").click()
    expect(chat_page.chats.get_by_role("link", name="My first chat")).to_have_count(0)
    expect(chat_page.said("/help")).to_have_count(0)


def test_who_is_at_a_list_by_keyboard_stays_there_while_it_is_drawn_anew(chat_page: ChatPage) -> None:
    chat_page.open_details()
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    other = ChatPage(page=chat_page.page.context.new_page(), address=chat_page.page.url)
    other.open()
    rename = chat_page.page.locator(f"[id='rename-{_chat_of(chat_page)}']")
    rename.focus()
    rename.evaluate("button => { button.dataset.drawn = 'before' }")

    other.say("What is 6 times 7?")
    expect(rename).not_to_have_attribute("data-drawn", "before")
    expect(rename).to_be_focused()
    new_chat = chat_page.details.get_by_role("link", name="New chat with Math Tutor")
    new_chat.focus()
    expect(chat_page.turns.first).to_contain_text("answered, ", timeout=_TURN_MS)
    expect(chat_page.turns.first.locator(".line")).to_contain_text("Answered")
    expect(new_chat).to_be_focused()


def _chat_of(page: ChatPage) -> str:
    return parse_qs(urlsplit(page.page.url).query)["chat"][0]


_SEEN_AND_HEARD = """() => {
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const texts = (element) => [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
  const own = (element) => texts(element).map(({ data }) => data.trim());
  return [...document.querySelectorAll("body *")].filter(shown).flatMap((element) => [
    ...own(element), ...["aria-label", "title", "placeholder"].map((name) => element.getAttribute(name)),
  ]).filter(Boolean);
}"""


@pytest.mark.usefixtures("web_chat")
def test_page_and_bot_speak_the_browsers_language_until_another_is_chosen(
    browser: Browser, bot: Program, axe: str
) -> None:
    context = browser.new_context(locale="de-AT", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(_TURN_MS)
    chat = ChatPage(page=page, address=page_address(bot))
    page.goto(chat.address)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(chat.box).to_have_attribute("placeholder", "Nachricht eingeben")
    chat.starters.filter(has_text="umsatz-nach-monat.csv").click()
    chat.picture(timeout_ms=_TURN_MS)
    chat.say("/hilfe")
    expect(chat.answer("beginnt neu")).to_be_visible()
    page.get_by_role("button", name="Details", exact=True).click()
    expect(page.locator(".turn").first).to_contain_text("beantwortet, 0,")
    page.locator("#weather > summary").click()
    german, english = CATALOGUES["de"], CATALOGUES["en"]
    foreign = {text for key, text in english.items() if text != german[key] and text not in german.values()}
    until(page, lambda: foreign.isdisjoint(page.evaluate(_SEEN_AND_HEARD)))
    chat.expect_no_barriers(axe)
    page.screenshot(path=_SCREENSHOTS / "chat-page-german.png")

    chat.box.fill("half a question")
    page.get_by_role("button", name="Einstellungen").press("Enter")
    page.get_by_role("radio", name="Wie der Browser").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    expect(page.get_by_role("link", name="Nieuwe chat", exact=True)).to_be_visible()
    expect(chat.box).to_have_value("half a question")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    context.close()


def test_what_was_sent_is_no_draft_any_more_after_the_page_was_left_and_came_back(chat_page: ChatPage) -> None:
    chat_page.box.fill("/help")
    chat_page.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    chat_page.box.press("Enter")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    chat_page.reload()
    expect(chat_page.said("/help")).to_be_visible()
    expect(chat_page.box).to_have_value("")


def test_a_text_that_is_too_long_stays_in_the_box_with_the_reason_and_is_sent_once_it_is_shorter(
    chat_page: ChatPage,
) -> None:
    chat_page.box.fill("é" * 100_001)
    chat_page.box.press("Enter")
    told = chat_page.page.get_by_role("alert").filter(
        has_text="Your message has 100,001 characters; I can read 100,000."
    )
    expect(told).to_be_visible()
    assert len(chat_page.box.input_value()) == 100_001
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    expect(told).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_text_is_as_large_as_the_browser_is_set_to_and_all_is_still_there(
    chat_page: ChatPage, axe: str, width: int, height: int
) -> None:
    page = chat_page.page
    page.set_viewport_size({"width": width, "height": height})
    sizes = """['#name', '#starters b', '[data-id=webchat-sendbox-input]'].map(
      place => parseFloat(getComputedStyle(document.querySelector(place)).fontSize))"""
    usual = page.evaluate(sizes)
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    chat_page.reload()
    until(page, lambda: bool(page.evaluate(sizes) == [2 * size for size in usual]))
    chat_page.expect_no_barriers(axe)
    chat_page.say("Plot x^2")
    chat_page.picture(timeout_ms=_TURN_MS)
    expect(chat_page.typing).to_have_count(0)
    for button in page.locator(".ac-actionSet button").all():
        assert button.evaluate("button => button.getBoundingClientRect().right <= innerWidth")
    chat_page.open_details()
    expect(chat_page.turns.first).to_contain_text("answered, ")
    chat_page.expect_no_sideways_scroll(width)
    page.screenshot(path=_SCREENSHOTS / f"chat-page-large-text-{width}.png")


def test_what_only_a_ground_tells_apart_has_an_edge_in_forced_colours(chat_page: ChatPage) -> None:
    page = chat_page.page
    page.emulate_media(forced_colors="active")
    chat_page.say("/help")
    expect(chat_page.said("/help")).to_be_visible()
    edge = chat_page.said("/help").locator(".webchat__bubble__content")
    expect(edge).to_have_css("border-top-width", "1px")
    expect(page.locator("#chats li:has([aria-current])")).to_have_css("outline-style", "solid")


def test_words_run_in_the_direction_of_their_letters(chat_page: ChatPage) -> None:
    page = chat_page.page
    hebrew = "\u05e9\u05dc\u05d5\u05dd"
    conversation = _chat_of(chat_page)
    url = f"{chat_page.address}webchat/connector/v3/conversations/{conversation}/activities"
    words = f"{hebrew} English.\n\nEnglish {hebrew}.\n\n- {hebrew}"
    answer = {"type": "message", "text": words, "textFormat": "markdown", "from": {"id": "bot"}}
    assert page.context.request.post(url, data=answer).status == 201
    answer_shown = chat_page.answer("English")
    expect(answer_shown.locator("ul")).to_have_css("direction", "rtl")
    # Where the full stop of a paragraph is drawn: at its left where it begins with Hebrew.
    ends = """all => all.map(p => { const range = document.createRange(); const text = p.firstChild;
      range.setStart(text, text.length - 1); range.setEnd(text, text.length);
      const whole = document.createRange(); whole.selectNodeContents(p);
      return range.getBoundingClientRect().left === whole.getBoundingClientRect().left; })"""
    assert answer_shown.locator("p").evaluate_all(ends) == [True, False]


def test_nothing_moves_for_those_who_do_not_want_it(chat_page: ChatPage) -> None:
    chat_page.page.emulate_media(reduced_motion="reduce")
    chat_page.reload()
    chat_page.say("Plot x^2")
    chat_page.typing.wait_for(timeout=_TURN_MS)
    dots = chat_page.typing.evaluate("dots => getComputedStyle(dots).backgroundImage")
    assert "circle" in dots
    assert "animate" not in dots


@pytest.mark.usefixtures("web_chat")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evil.html", "<script>{}</script>"),
        ("evil.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>{}</script></svg>"),
    ],
)
def test_a_page_or_drawing_that_a_model_made_never_runs_here(
    page: Page, tmp_path: Path, name: str, content: str
) -> None:
    acts = "localStorage.setItem('acted', 'yes')"
    with running_bot(tmp_path) as bot:
        chat = ChatPage(page=page, address=page_address(bot))
        chat.open()
        tokens = FileTokens.kept_in(tmp_path / "data" / "links.key")
        files = FolderFiles(tmp_path / "data" / "files", tokens=tokens)

        async def keys() -> list[bytes]:
            return [tokens.key]

        async def link() -> str:
            links = SignedLinks(public_url=chat.address, keys=keys, lifetime_s=60)
            return await links.url(await files.put(key, name, content.format(acts).encode()))

        key = conversation_key(ConversationId("c"))
        with ThreadPoolExecutor() as thread:  # Playwright's own loop runs in this one
            url = thread.submit(asyncio.run, link()).result()
        with page.expect_download() as downloaded:
            page.evaluate("url => { location.href = url }", url)
        assert downloaded.value.suggested_filename == name
        shown = page.evaluate(
            """url => new Promise(done => { const frame = Object.assign(new Image(), { src: url });
               frame.onload = () => done('shown'); frame.onerror = () => done('not shown'); })""",
            url,
        )
        assert shown == "not shown"
        assert page.evaluate("localStorage.getItem('acted')") is None
