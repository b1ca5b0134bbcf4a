from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from scripts.program import Program, running
from scripts.progress import CACHE
from tests.browser.chat_page import ChatPage, page_address, until
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL
from tests.support.service_process import running_bot

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000
SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."


@pytest.fixture
def chat_page(chat_page: ChatPage) -> ChatPage:
    """A new chat with its details beside it."""
    chat_page.open_details()
    return chat_page


def test_a_turn_shows_its_time_line_its_code_what_that_printed_and_each_call(chat_page: ChatPage, axe: str) -> None:
    # ux 3.13
    expect(chat_page.details.locator("#assistants")).to_contain_text("Math Tutor")
    expect(chat_page.details.locator("#assistants")).to_contain_text("Model: built-in tutor. Tools: code interpreter.")
    chat_page.say(SOLVE)
    chat_page.picture(timeout_ms=_TURN_MS)

    turn = chat_page.turns.first
    expect(turn.locator("summary").first).to_contain_text("answered, ")
    for moment in (
        "Message received",
        "Started",
        "Run queued",
        "Code ran",
        "A plot was drawn",
        "Answer ready",
        "Part 2 sent",
    ):
        expect(turn.locator(".line")).to_contain_text(moment)
    expect(turn.get_by_label("Code", exact=True)).to_contain_text("import matplotlib")
    expect(turn.get_by_label("Output", exact=True)).to_contain_text("12")
    expect(turn).to_contain_text("0 out (0 for reasoning). Code runs: 1.")  # the tutor counts no tokens
    chat_page.expect_no_barriers(axe)
    chat_page.page.screenshot(path=_SCREENSHOTS / "chat-page-details.png")


def test_a_call_shows_what_was_asked_and_answered_and_a_reading_one_is_made_again(
    chat_page: ChatPage, axe: str
) -> None:
    chat_page.say("What is 6 times 7?")
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)

    turn = chat_page.turns.first
    expect(turn.locator("summary").first).to_contain_text("answered, ")
    expect(turn.locator(".line")).to_contain_text("Answered")  # drawn after the summary
    known = ("Run queued", "Code ran", "Answer written", "Answer ready", "Answered")
    until(
        chat_page.page,
        lambda: tuple(each for each in turn.locator(".line .words").all_inner_texts() if each in known) == known,
    )
    started = turn.locator(".exchange").filter(has_text=re.compile(r"POST /threads/\S+/runs"))
    expect(started).to_contain_text("200, ")
    started.locator("summary").click()
    expect(started.get_by_label(re.compile("Answer to POST"))).to_contain_text("}")  # drawn when it was fetched
    asked = json.loads(started.get_by_label(re.compile("Request of POST")).inner_text())
    assert asked["additional_messages"] == [{"role": "user", "content": "What is 6 times 7?"}]
    assert json.loads(started.get_by_label(re.compile("Answer to POST")).inner_text())["object"] == "thread.run"

    turn.get_by_role("button", name=re.compile("GET .*steps")).click()
    expect(turn.get_by_label(re.compile("Answer to GET .*steps"))).to_contain_text('"type": "code_interpreter"')
    chat_page.expect_no_barriers(axe)

    # The words of an answer come with its events; for the code of a plot the bot itself reads the steps.
    chat_page.say("Plot x^2")
    chat_page.picture(timeout_ms=_TURN_MS)
    turn = chat_page.turns.filter(has_text="Plot x^2")
    looked = turn.locator(".exchange").filter(has_text=re.compile(r"GET /threads/\S+/runs/\S+/steps"))
    looked.locator("summary").click()
    looked.get_by_role("button", name=re.compile("^GET")).click()
    expect(looked.get_by_label(re.compile("Answer to GET")).last).to_contain_text('"status": "completed"')
    chat_page.expect_no_barriers(axe)


def test_what_the_bot_answers_itself_is_a_turn_too(chat_page: ChatPage) -> None:
    chat_page.say("/help")
    expect(chat_page.answer("starts afresh")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.turns.first).to_contain_text("The bot answered this itself")


def test_turns_of_an_earlier_thread_can_still_be_looked_into(chat_page: ChatPage) -> None:
    chat_page.say("What is 6 times 7?")
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)
    chat_page.say("/new")
    expect(chat_page.answer("new conversation")).to_be_visible(timeout=_TURN_MS)
    expect(chat_page.turns).to_have_count(2)

    chat_page.turns.last.locator("summary").first.click()
    expect(chat_page.turns.last.get_by_label("Code", exact=True)).to_be_visible()


def test_a_chat_with_another_assistant_is_answered_by_it_and_stays_so(chat_page: ChatPage, axe: str) -> None:
    chat_page.details.get_by_role("button", name="New assistant").click()
    made = chat_page.page.get_by_role("dialog", name="New assistant")
    made.get_by_label("Name").fill("Second Tutor")
    made.get_by_label("Instructions").fill("Be brief.")
    chat_page.expect_no_barriers(axe)
    made.get_by_label("Name").press("Enter")

    heading = chat_page.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Second Tutor")
    card = chat_page.details.locator("#assistants > li").filter(has_text="Second Tutor")
    expect(card).to_contain_text("answers here")
    chat_page.say("What is 6 times 7?")
    expect(chat_page.answer("42")).to_be_visible(timeout=_TURN_MS)
    _expect_to_be_answered_by(chat_page, str(card.get_attribute("id")))

    chat_page.say("/assistant")
    expect(chat_page.answer("Second Tutor (answers here)")).to_be_visible(timeout=_TURN_MS)
    chat_page.reload()
    expect(heading).to_have_text("Second Tutor")
    chat_page.say("What is 5 times 5?")
    expect(chat_page.answer("25")).to_be_visible(timeout=_TURN_MS)
    _expect_to_be_answered_by(chat_page, str(card.get_attribute("id")))

    chat_page.details.get_by_role("link", name="New chat with Math Tutor").click()
    expect(heading).to_have_text("Math Tutor")


def test_an_assistant_is_changed_given_a_file_and_deleted_in_its_dialog(
    chat_page: ChatPage, axe: str, complaints: list[str]
) -> None:
    page, made = chat_page.page, chat_page.page.get_by_role("dialog", name="New assistant")
    chat_page.details.get_by_role("button", name="New assistant").click()
    made.get_by_label("Name").fill("Rough Draft")
    made.get_by_label("Name").press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Rough Draft")

    chat_page.details.get_by_role("button", name="Edit Rough Draft").click()
    dialog = page.get_by_role("dialog", name="Edit Rough Draft")
    dialog.get_by_label("Name").fill("Fair Copy")
    dialog.get_by_label("Instructions").fill("Be exact.")
    dialog.get_by_label("Temperature").fill("0.3")
    dialog.get_by_label("Add files").set_input_files(
        {"name": "sales.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    chat_page.expect_no_barriers(axe)
    page.screenshot(path=_SCREENSHOTS / "chat-page-assistant.png")
    dialog.get_by_role("button", name="Save").click()
    expect(heading).to_have_text("Fair Copy")

    chat_page.details.get_by_role("button", name="Edit Fair Copy").click()
    dialog = page.get_by_role("dialog", name="Edit Fair Copy")
    expect(dialog.get_by_label("Temperature")).to_have_value("0.3")
    expect(dialog.get_by_role("checkbox", name="sales.csv (8 bytes)")).to_be_checked()
    dialog.get_by_label("Instructions").fill("Be exact.")
    page.route(
        "**/chat/assistants/*", lambda route: route.abort() if route.request.method == "PUT" else route.fallback()
    )
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    complaints.clear()  # the broken connection is told in the console too
    page.unroute("**/chat/assistants/*")

    dialog.get_by_role("button", name="Delete").click()
    doomed = page.get_by_role("dialog", name="Delete the assistant?")
    expect(doomed).to_contain_text("Fair Copy")
    doomed.get_by_role("button", name="Delete").click()
    expect(heading).to_have_text("Math Tutor")
    expect(chat_page.details.locator("#assistants")).not_to_contain_text("Fair Copy")


def test_the_assistant_of_the_settings_says_where_it_is_changed(chat_page: ChatPage, axe: str) -> None:
    chat_page.details.get_by_role("button", name="Edit Math Tutor").click()
    dialog = chat_page.page.get_by_role("dialog", name="Edit Math Tutor")
    expect(dialog).to_contain_text("ASSISTANT_INSTRUCTIONS")
    expect(dialog.get_by_role("button", name="Save")).to_be_hidden()
    chat_page.expect_no_barriers(axe)
    chat_page.page.keyboard.press("Escape")
    expect(chat_page.details.get_by_role("button", name="Edit Math Tutor")).to_be_focused()


def _expect_to_be_answered_by(chat: ChatPage, assistant: str) -> None:
    started = chat.turns.first.locator(".exchange").filter(has_text=re.compile(r"POST /threads/\S+/runs"))
    started.locator("summary").click()
    expect(started.get_by_label(re.compile("Request of POST"))).to_contain_text(f'"assistant_id": "{assistant}"')


def test_a_chat_whose_assistant_is_gone_says_so(chat_page: ChatPage, bot: Program, complaints: list[str]) -> None:
    chat_page.page.goto(f"{page_address(bot)}?assistant=asst_gone")
    expect(chat_page.page.get_by_role("heading", level=1)).to_have_text("An assistant that is not there")
    complaints.clear()  # that it is not there is told in the console too


def test_the_details_are_closed_at_first_and_stay_as_the_person_leaves_them(browser: Browser, bot: Program) -> None:
    # ux 4
    chat_page = ChatPage(page=browser.new_page(), address=page_address(bot))
    chat_page.open()
    expect(chat_page.details).to_be_hidden()
    chat_page.open_details()
    chat_page.reload()
    expect(chat_page.details).to_be_visible()
    chat_page.page.get_by_role("button", name="Close the details").click()
    expect(chat_page.details).to_be_hidden()
    expect(chat_page.page.get_by_role("button", name="Details")).to_be_focused()
    chat_page.reload()
    expect(chat_page.details).to_be_hidden()
    chat_page.page.close()


def test_the_details_are_made_wider_by_keyboard_and_pointer_and_stay_so(chat_page: ChatPage, axe: str) -> None:
    def width() -> float:
        place = chat_page.details.bounding_box()
        assert place is not None
        return place["width"]

    grip = chat_page.page.get_by_role("separator", name="Width of the details")
    usual = width()
    grip.press("ArrowLeft")
    until(chat_page.page, lambda: width() > usual)
    chat_page.expect_no_barriers(axe)
    grip.hover()
    chat_page.page.mouse.down()
    chat_page.page.mouse.move(1280 - 500, 400)
    chat_page.page.mouse.up()
    until(chat_page.page, lambda: abs(width() - 500) < 5)
    chat_page.reload()
    until(chat_page.page, lambda: abs(width() - 500) < 5)
    chat_page.page.set_viewport_size({"width": 390, "height": 844})
    chat_page.open_details()
    until(chat_page.page, lambda: width() == 390)
    expect(grip).to_be_hidden()


def test_two_hundred_turns_are_listed_at_once_and_looked_into_one_by_one(chat_page: ChatPage) -> None:
    page = chat_page.page
    page.goto("about:blank")  # the page that was opened first looks at turns too
    page.route("**/chat/turns", lambda route: route.fulfill(json=[_turn(number) for number in range(200, 0, -1)]))
    looked_into: list[str] = []

    def show(route: Route) -> None:
        looked_into.append(route.request.url.rpartition("/")[2])
        route.fulfill(json={**_turn(int(looked_into[-1])), "steps": [], "calls": []})

    page.route("**/chat/turns/*", show)
    chat_page.open()
    expect(chat_page.turns).to_have_count(200)
    took_ms = page.evaluate(_UNFOLD_THE_LAST)
    assert took_ms < 10_000, took_ms  # alone it takes some 20
    expect(chat_page.turns.last).to_contain_text("The bot answered this itself")
    assert looked_into == ["200", "1"]


def _turn(number: int) -> dict[str, object]:
    known = {
        "number": number,
        "name": f"{number}-m",
        "code": f"T-{number}",
        "text": f"Question {number}",
        "threads": [],
    }
    return {**known, "accepted_at_s": 1.0, "started_at_s": 1.0, "ended_at_s": 2.0, "attempts": 1, "outcome": "answered"}


_UNFOLD_THE_LAST = """async () => {
    const began = performance.now();
    document.querySelector("#turns").lastChild.open = true;
    document.querySelector("#panel").scrollTop = 1e6;
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""


@pytest.mark.usefixtures("web_chat")
def test_a_hosted_chat_shows_time_lines_and_calls_and_says_that_there_are_no_threads_to_look_into(
    page: Page, complaints: list[str], axe: str, tmp_path: Path
) -> None:
    assert complaints == []
    stand_in = [sys.executable, "-m", "tests.support.responses_service", "--port", "0"]
    root = Path(__file__).parents[2]
    with running(
        stand_in, folder=tmp_path, env={"PYTHONPATH": str(root)}, ready=r"BASE_URL=(\S+)", start_s=120
    ) as service:
        hosted = {"ASSISTANT_BACKEND": "responses", "OPENAI_BASE_URL": service.told, "OPENAI_API_KEY": KEY}
        with running_bot(tmp_path, **hosted, MODEL=MODEL) as bot:
            chat = ChatPage(page=page, address=page_address(bot))
            chat.open()
            chat.open_details()
            expect(chat.details).to_contain_text("no assistants or threads to look into")
            expect(chat.details.get_by_role("button", name="New assistant")).to_be_hidden()
            chat.say("What is 6 times 7?")
            expect(chat.answer("42")).to_be_visible(timeout=_TURN_MS)
            turn = chat.turns.first
            expect(turn.locator("summary").first).to_contain_text("answered, ")
            for moment in ("Message received", "Run queued", "Answer ready", "Part 1 sent"):
                expect(turn.locator(".line")).to_contain_text(moment)
            expect(turn.locator(".exchange summary").filter(has_text="POST /responses").first).to_be_visible()
            for call in turn.locator(".exchange summary").all():
                call.click()
            expect(turn.get_by_label("Request of POST /responses")).to_contain_text("What is 6 times 7?")
            expect(turn.locator("button.call")).to_have_count(0)
            chat.reload()  # what ran came with the answer: it is still known
            chat.tools.get_by_role("button", name="Show code").click()
            expect(chat.tools.locator("code").first).to_contain_text("import")
            chat.expect_no_barriers(axe)
