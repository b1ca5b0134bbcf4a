"""Plots on the local page: light on the light page, turned over on the dark one, photos as they are."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.chat_page import ChatPage

_TURN_MS = 60_000
_TURNED_OVER = re.compile("invert")
_PUT = """source => { const card = document.createElement("div"); card.className = "ac-adaptiveCard";
card.innerHTML = `<img id="put" alt="" src="${source}">`; document.getElementById("chat").append(card); }"""


def as_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def with_middle(part: float, colour: str) -> Image.Image:
    """White paper with a square in the middle."""
    picture = Image.new("RGB", (200, 200), "white")
    side = round(200 * part)
    picture.paste(Image.new("RGB", (side, side), colour), ((200 - side) // 2, (200 - side) // 2))
    return picture


def test_a_plot_is_turned_over_in_the_dark_theme_and_brings_its_points(chat_page: ChatPage) -> None:
    page = chat_page.page
    chat_page.say("plot x^2 - 4 and 2x")
    plot = page.locator(".ac-adaptiveCard img")
    expect(plot).to_have_attribute("data-paper", "white", timeout=_TURN_MS)
    page.emulate_media(color_scheme="light")
    expect(plot).to_have_css("filter", "none")
    page.emulate_media(color_scheme="dark")  # draws the messages anew, the picture with them
    expect(plot).to_have_css("filter", _TURNED_OVER)
    page.emulate_media(color_scheme="dark", media="print")
    expect(plot).to_have_css("filter", "none")
    page.emulate_media(color_scheme="dark", media="screen")
    expect(page.get_by_role("button", name="Data (csv)")).to_be_visible()


@pytest.mark.parametrize(
    ("picture", "paper"),
    [
        (with_middle(0.5, "navy"), "white"),
        (with_middle(0.9, "navy"), "other"),
        (Image.new("RGB", (200, 200), "black"), "other"),
        (Image.new("RGBA", (200, 200), (255, 255, 255, 0)), "other"),
    ],
)
def test_a_picture_that_is_not_mostly_white_paper_stays_as_it_is(
    chat_page: ChatPage, picture: Image.Image, paper: str
) -> None:
    page: Page = chat_page.page
    page.emulate_media(color_scheme="dark")
    page.evaluate(_PUT, as_url(picture))
    put = page.locator("#put")
    expect(put).to_have_attribute("data-paper", paper)
    expect(put).to_have_css("filter", _TURNED_OVER if paper == "white" else "none")
