from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from scripts import node
from scripts.chat_bundle import fetch
from scripts.node import NpmPackage
from scripts.progress import CannotGoOnError
from tests.support.npm_registry import registry_with, tarball

KEPT = ("package.json", "dist/webchat.js", "dist/webchat.js.LICENSE.txt")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(node, "CACHE", tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def pin_of(content: bytes) -> NpmPackage:
    return NpmPackage(package="a", version="1.0.0", sha512=base64.b64encode(hashlib.sha512(content).digest()).decode())


def web_chat(script: bytes) -> bytes:
    needed = {"package.json": b"{}", "dist/webchat.js": script, "dist/webchat.js.LICENSE.txt": b"MIT"}
    return tarball({**needed, "dist/stats.json": b"x" * 9})


def test_only_what_the_page_needs_is_kept_and_the_older_one_goes(tmp_path: Path, cache: Path) -> None:
    home = cache / "webchat"
    for script in (b"old", b"new"):
        content = web_chat(script)
        fetch(pin_of(content), registry_with(content, tmp_path), home, KEPT)

    assert (home / "dist" / "webchat.js").read_bytes() == b"new"
    assert not (home / "dist" / "stats.json").exists()
    assert [path.name for path in cache.iterdir()] == ["webchat"]


def test_another_package_than_the_pinned_one_leaves_the_page_as_it_was(tmp_path: Path, cache: Path) -> None:
    home, content = cache / "webchat", web_chat(b"good")
    fetch(pin_of(content), registry_with(content, tmp_path), home, KEPT)
    with pytest.raises(CannotGoOnError, match="not what was pinned"):
        fetch(pin_of(content), registry_with(web_chat(b"evil"), tmp_path), home, KEPT)

    assert (home / "dist" / "webchat.js").read_bytes() == b"good"
