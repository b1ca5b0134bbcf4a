"""Files that a person gives on the chat page."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.program import Program
from scripts.progress import CACHE
from tests.browser.chat_page import LOADED, ChatPage, until

pytestmark = pytest.mark.usefixtures("web_chat")

_SCREENSHOTS = CACHE / "screenshots"
_TURN_MS = 60_000
_DROP = """([name, content, target]) => {
  const data = new DataTransfer();
  data.items.add(new File([content], name, { type: "text/csv" }));
  const event = (type) => new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  const at = document.querySelector(target);
  const over = at.dispatchEvent(event("dragover"));
  return [over, at.dispatchEvent(event("drop"))];
}"""
QUESTION = "Plot b against a"
CSV = "a,b\n1,2\n2,4\n3,6\n"


@pytest.fixture
def chat(page: Page, bot: Program, complaints: list[str]) -> ChatPage:
    page.set_viewport_size({"width": 1280, "height": 800})
    chat = ChatPage(page=page, address=bot.told.removesuffix("api/messages"))
    chat.open()
    return chat


def choose(chat: ChatPage, *files: Path) -> None:
    with chat.page.expect_file_chooser() as chosen:
        chat.page.get_by_role("button", name="Upload file").click()
    chosen.value.set_files(files)


def red_picture(path: Path) -> Path:
    """A PNG of 40 x 20 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, rows = struct.pack(">IIBBBBB", 40, 20, 8, 2, 0, 0, 0), (b"\0" + b"\xd0\x20\x20" * 40) * 20
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def test_a_table_is_given_plotted_and_there_after_a_reload(chat: ChatPage, tmp_path: Path, axe: str) -> None:
    table = tmp_path / "data.csv"
    table.write_text(CSV)
    choose(chat, table, red_picture(tmp_path / "red.png"))
    expect(chat.page.get_by_text("With your next message: data.csv, red.png")).to_be_visible()
    chat.expect_no_barriers(axe)
    chat.page.screenshot(path=_SCREENSHOTS / "chat-page-files.png")
    chat.say(QUESTION)
    expect(chat.answer("3 points")).to_be_visible(timeout=_TURN_MS)
    chat.picture(timeout_ms=_TURN_MS)
    expect(chat.page.get_by_text("With your next message")).to_be_hidden()
    names = chat.page.locator("[id^=webchat__basic-transcript__active-descendant-label]")
    expect(names.filter(has_text=f"{QUESTION} data.csv, red.png")).not_to_have_count(0)
    expect(names.filter(has_text="attachment")).to_have_count(0)

    chat.reload()

    expect(chat.said(QUESTION)).to_be_attached()
    chat.picture(timeout_ms=_TURN_MS)
    shown = chat.page.locator(".webchat__bubble--from-user img").last
    until(chat.page, lambda: shown.evaluate(LOADED) is True)
    with chat.page.expect_download() as download:
        chat.page.get_by_role("link", name="data.csv").click()
    assert download.value.path().read_text() == CSV
    chat.expect_no_barriers(axe)


def test_a_file_alone_is_asked_about_and_answers_the_next_question(chat: ChatPage, tmp_path: Path) -> None:
    table = tmp_path / "only.csv"
    table.write_text(CSV)
    choose(chat, table)
    chat.box.press("Enter")
    expect(chat.answer("I have only.csv. What shall I do with it?")).to_be_visible(timeout=_TURN_MS)
    chat.say(QUESTION)
    expect(chat.answer("3 points")).to_be_visible(timeout=_TURN_MS)
    expect(chat.chats.first).to_contain_text("only.csv")


_PASTE = """([name, content]) => {
  const data = new DataTransfer();
  data.items.add(new File([content], name, { type: "text/csv" }));
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.activeElement.dispatchEvent(event);
}"""


def test_a_file_can_be_dropped_anywhere_or_pasted_and_let_go_again(chat: ChatPage) -> None:
    chat.box.focus()
    chat.page.evaluate(_PASTE, ["sales\u202egnp.csv", CSV])
    expect(chat.page.get_by_text("With your next message: sales_gnp.csv")).to_be_visible()
    chat.page.get_by_role("button", name="Remove sales_gnp.csv").click()
    assert chat.page.evaluate(_DROP, ["dropped.csv", CSV, "#panel"]) == [False, False]  # and not opened by the browser
    chat.page.evaluate(_DROP, ["second.csv", CSV, "#chat"])
    expect(chat.page.get_by_text("With your next message: dropped.csv, second.csv")).to_be_visible()
    chat.page.get_by_role("button", name="Remove dropped.csv").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_role("button", name="Remove second.csv")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_text("With your next message")).to_be_hidden()
    expect(chat.box).to_be_focused()
    chat.page.evaluate(_DROP, ["again.csv", CSV, "#chat"])
    chat.say(QUESTION)
    expect(chat.answer("3 points")).to_be_visible(timeout=_TURN_MS)


_NO_FILE_CAN_BE_READ = """() => {
  const get = window.fetch;
  const isFile = (address) => String(address).startsWith("blob:");
  window.fetch = (address, how) => (isFile(address) ? Promise.reject(new TypeError("gone")) : get(address, how));
}"""


def test_a_file_that_cannot_be_read_any_more_is_told_and_holds_up_no_other_message(
    chat: ChatPage, tmp_path: Path, complaints: list[str]
) -> None:
    table = tmp_path / "data.csv"
    table.write_text(CSV)
    choose(chat, table)
    expect(chat.page.get_by_text("With your next message: data.csv")).to_be_visible()
    table.unlink()
    chat.page.evaluate(_NO_FILE_CAN_BE_READ)
    chat.say(QUESTION)
    told = chat.page.get_by_role("alert").filter(has_text="data.csv cannot be read any more. Attach it again.")
    expect(told).to_be_visible()
    expect(chat.page.get_by_role("button", name="Retry")).to_be_visible()
    chat.say("What is 6 * 7?")
    expect(chat.answer("42")).to_be_visible(timeout=_TURN_MS)
    expect(told).to_be_hidden()
    complaints.clear()  # the browser tells of the file in its console too


_NEXT_IS_A_FOLDER = """() => {
  DataTransferItem.prototype.webkitGetAsEntry = () => ({ isDirectory: true });
}"""


def test_a_folder_that_is_dropped_is_told_from_a_file(chat: ChatPage) -> None:
    chat.page.evaluate(_NEXT_IS_A_FOLDER)
    chat.page.evaluate(_DROP, ["sales of 2026", CSV, "#chat"])
    expect(chat.page.get_by_text("sales of 2026 is a folder. Drop the files in it instead.")).to_be_visible()
    expect(chat.page.get_by_text("With your next message")).to_be_hidden()


def test_what_the_bot_would_refuse_is_refused_before_it_is_read(chat: ChatPage, tmp_path: Path) -> None:
    huge, program = tmp_path / "huge.csv", tmp_path / "tool.exe"
    with huge.open("wb") as file:
        file.truncate(1_000_000_000)
    program.write_bytes(b"MZ")
    many = [tmp_path / f"{'a long name ' * 8}{number}.csv" for number in range(11)]
    for path in many:
        path.write_text(CSV)
    chat.page.set_viewport_size({"width": 320, "height": 640})
    choose(chat, *many)
    expect(chat.page.get_by_text("I can take at most 10 files with one message.")).to_be_visible()
    expect(chat.box).to_be_in_viewport(ratio=1)
    chat.expect_no_sideways_scroll(320)
    chat.page.set_viewport_size({"width": 1280, "height": 800})
    while (remove := chat.page.get_by_role("button", name="Remove")).count():
        remove.first.click()
    choose(chat, huge, program)
    expect(chat.page.get_by_text("huge.csv is larger than 50 MB, the most that I can take.")).to_be_visible()
    expect(chat.page.get_by_text("I cannot read tool.exe. I take .csv")).to_be_visible()
    chat.page.screenshot(path=_SCREENSHOTS / "chat-page-files-refused.png")
    chat.say("What is 6 * 7?")
    expect(chat.answer("42")).to_be_visible(timeout=_TURN_MS)
