"""Takes the pictures of the documentation from the real chat page: `python -m scripts.pictures`.

An animation of a kill in the middle of an answer, and five scenes in light and dark. Needs the test environment.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from scripts.chromium import ARGUMENTS, find_chromium
from scripts.program import Command, Program, running
from scripts.progress import ROOT, CannotGoOnError, run_story, step

_IMAGES: Final = ROOT / "docs" / "images"
_BOX: Final = "[data-id=webchat-sendbox-input]"
_ANSWERS: Final = ".webchat__bubble:not(.webchat__bubble--from-user)"
_QUESTION: Final = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
_FRAME_S: Final = 0.2
_DEADLINE_S: Final = 60.0
_CAPTION: Final = """text => {
    const box = document.getElementById("caption") ?? document.body.appendChild(document.createElement("p"));
    box.id = "caption";
    box.textContent = text;
    box.style.cssText = "position:fixed;bottom:18px;left:12px;margin:0;padding:8px 14px;border-radius:8px;z-index:9;"
        + "font:600 15px ui-monospace,monospace;background:#1c2333;color:#fff";
}"""


@contextmanager
def _service(folder: Path, port: int) -> Iterator[Program]:
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
    }
    command: Command = [Path(sys.executable).with_name("teamsbot"), "serve"]
    with running(command, folder=folder, env=environ, ready=r"Chat\s+(\S+)") as program:
        yield program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _opened(browser: Browser, address: str, *, width_px: int, height_px: int, scheme: Literal["light", "dark"]) -> Page:
    context = browser.new_context(
        viewport={"width": width_px, "height": height_px}, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(_DEADLINE_S * 1000)
    page = context.new_page()
    page.goto(address)
    page.locator(_BOX).wait_for()
    page.get_by_text("Connectivity Status: Connected").wait_for(state="attached")
    return page


def _ask(page: Page, text: str) -> None:
    page.locator(_BOX).fill(text)
    page.locator(_BOX).press("Enter")


def _plot_is_shown(page: Page) -> bool:
    return bool(
        page.evaluate("""() => [...document.querySelectorAll(".ac-image img, img.ac-image, .ac-container img")]
            .some(image => image.complete && image.naturalWidth > 200)""")
    )


@dataclass(slots=True)
class _Film:
    """Frames of a page, equal ones once with the time that they stay."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    durations_ms: list[int] = field(default_factory=list)

    def roll(self, caption: str, *, until: Callable[[], bool], at_least_s: float = 0.0) -> None:
        """Take frames until something is so. Raises CannotGoOnError if that takes too long."""
        began_s = time.monotonic()
        self.page.evaluate(_CAPTION, caption)
        while True:
            self._take()
            took_s = time.monotonic() - began_s
            if took_s >= at_least_s and until():
                return
            if took_s > _DEADLINE_S:
                raise CannotGoOnError(f"The film stopped at “{caption}”: what it waits for did not come.")
            time.sleep(_FRAME_S)

    def _take(self) -> None:
        frame = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        if self.frames and self.frames[-1].tobytes() == frame.tobytes():
            self.durations_ms[-1] = min(self.durations_ms[-1] + int(_FRAME_S * 1000), 2_000)
        else:
            self.frames.append(frame)
            self.durations_ms.append(int(_FRAME_S * 1000))

    def save(self, path: Path) -> None:
        self.durations_ms[-1] = 4_000
        first, *others = self.frames
        first.save(path, save_all=True, append_images=others, duration=self.durations_ms, loop=0, quality=70, method=4)


def _film_a_kill(browser: Browser, folder: Path) -> None:
    """A question, `kill -9` while code runs, a restart: the plot arrives."""
    port = _free_port()
    with ExitStack() as stack:
        first = stack.enter_context(_service(folder, port))
        page = _opened(browser, first.told, width_px=960, height_px=740, scheme="light")
        film = _Film(page)
        film.roll("$ teamsbot serve", until=lambda: True, at_least_s=1.0)
        _ask(page, _QUESTION)
        film.roll("$ teamsbot serve", until=page.locator("work-step").is_visible)
        first.process.kill()
        first.process.wait()
        film.roll("$ kill -9 …", until=page.locator("#offline").is_visible, at_least_s=2.0)
        stack.enter_context(_service(folder, port))
        film.roll("$ teamsbot serve    # again", until=lambda: _plot_is_shown(page), at_least_s=1.0)
        film.roll("$ teamsbot serve    # again", until=lambda: True, at_least_s=1.0)
        film.save(_IMAGES / "restart.webp")
        page.context.close()


def _take_scenes(browser: Browser, folder: Path) -> None:
    """The start, an answer, its code, its turn in the panel, an assistant's dialog: each in light and dark."""
    with _service(folder, _free_port()) as service:
        for scheme in ("light", "dark"):
            page = _opened(browser, service.told, width_px=1280, height_px=800, scheme=scheme)

            def take(name: str, page: Page = page, scheme: str = scheme) -> None:
                page.mouse.move(5, 5)
                page.wait_for_timeout(800)  # for what still moves
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.quantize(256).save(_IMAGES / f"{name}-{scheme}.png", optimize=True)  # a third of the bytes

            take("scene-start")
            _ask(page, _QUESTION)
            page.wait_for_function(
                "() => [...document.querySelectorAll('img')].some(image => image.naturalWidth > 200)"
            )
            _ask(page, "Is this a concave function?")
            page.get_by_text("not concave").first.wait_for()
            take("scene-answer")
            page.get_by_role("button", name="Show code").first.click()
            take("scene-code")
            page.get_by_role("button", name="Details").click()
            page.get_by_text("Turns of this chat").wait_for()
            take("scene-details")
            page.get_by_role("button", name="Edit").first.click()
            page.locator("dialog[open]").wait_for()
            take("scene-assistant")
            page.context.close()


def take_all() -> None:
    """Take them anew. Raises CannotGoOnError where there is no browser."""
    chromium = find_chromium()
    if chromium is None:
        raise CannotGoOnError("There is no Chromium. Run `make test` once, which fetches one.")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name, story in (("film", _film_a_kill), ("scenes", _take_scenes)):
            own = Path(folder, name)
            own.mkdir()
            with step(f"Taking the {name}"):
                story(browser, own)
        browser.close()


if __name__ == "__main__":
    sys.exit(run_story(take_all))
