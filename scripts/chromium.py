"""A Chromium for the browser tests: the system's when it works, else one from npm.

Needs the test environment: whether a browser works is asked through Playwright, which will drive it.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from scripts.node import Node, NpmPackage, ensure_node, untar
from scripts.program import run
from scripts.progress import CACHE, CannotGoOnError, step

# No sandbox of its own: it only opens pages of this project, and root and containers cannot have one.
ARGUMENTS = (
    "--no-sandbox",
    "--headless=shell",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PACKAGE = NpmPackage.pinned("chromium")
_HOME = CACHE / f"chromium-{_PACKAGE.version}"
_START_DEADLINE_MS = 30_000

_LAUNCHER = """\
#!/bin/sh
home=$(dirname "$(readlink -f "$0")")
export FONTCONFIG_FILE="$home/fonts.conf"
{libraries}exec "$home/bin/chromium" "$@"
"""
_OWN_LIBRARIES = 'export LD_LIBRARY_PATH="$home/bin/lib"\n'
_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">bin/fonts</dir>
  <cachedir prefix="relative">font-cache</cachedir>
</fontconfig>
"""


def find_chromium() -> Path | None:
    """The fetched one, else the first that the system has, else None."""
    launcher = _HOME / "launch"
    if launcher.is_file():
        return launcher
    return next((Path(found) for name in _NAMES if (found := shutil.which(name))), None)


def ensure_chromium() -> None:
    """Fetch one where the system's is missing or does not open a page. Raises CannotGoOnError."""
    found = find_chromium()
    if found is not None and opens_a_page(found):
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise CannotGoOnError("No Chromium works here, and npm has none for this machine. Install Chromium or Chrome")
    node = ensure_node()
    with step("Fetching Chromium for the browser tests (70 MB)"):
        _fetch(node)


def opens_a_page(executable: Path) -> bool:
    """Whether Playwright can drive it."""
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS, timeout=_START_DEADLINE_MS)
        except PlaywrightError:
            return False
        try:
            page = browser.new_page()
            page.set_content("<title>works</title>")
            return page.title() == "works"
        finally:
            browser.close()


def _fetch(node: Node) -> None:
    fresh = CACHE / "chromium-fresh"
    _PACKAGE.unpack(node, fresh)
    packed = fresh / "bin"
    for name in ("chromium", "fonts.tar", "swiftshader.tar", "al2023.tar"):
        _unbrotli(node, packed / f"{name}.br", packed / name)
        if name.endswith(".tar"):
            untar(packed / name, packed)
            (packed / name).unlink()
    (packed / "chromium").chmod(0o755)
    (fresh / "fonts.conf").write_text(_FONTS)
    _choose_libraries(fresh / "launch")
    fresh.replace(_HOME)


def _unbrotli(node: Node, source: Path, target: Path) -> None:
    command = [node.node, Path(__file__).with_name("unbrotli.cjs"), source, target]
    run("unpacking Chromium", command, env=node.environment())
    source.unlink()


def _choose_libraries(launcher: Path) -> None:
    for libraries in ("", _OWN_LIBRARIES):  # the system's come first: they are patched
        launcher.write_text(_LAUNCHER.format(libraries=libraries))
        launcher.chmod(0o755)
        if opens_a_page(launcher):
            return
    raise CannotGoOnError(
        "The fetched Chromium does not start here. Install Chromium or Chrome with your package manager"
    )
