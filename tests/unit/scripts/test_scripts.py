from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from scripts import node
from scripts.check_tree import faults, faults_of_names
from scripts.node import NpmPackage
from scripts.program import run, running
from scripts.progress import CannotGoOnError
from tests.support.npm_registry import registry_with, tarball

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(node, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def pin_of(content: bytes) -> NpmPackage:
    return NpmPackage(package="a", version="1.0.0", sha512=base64.b64encode(hashlib.sha512(content).digest()).decode())


def test_a_package_that_is_what_was_pinned_is_unpacked(tmp_path: Path, cache: Path) -> None:
    content = tarball({"index.js": b"good"})
    pin_of(content).unpack(registry_with(content, tmp_path), cache / "tool")
    assert (cache / "tool" / "index.js").read_bytes() == b"good"


def test_a_package_that_is_not_what_was_pinned_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    registry = registry_with(tarball({"index.js": b"evil"}), tmp_path)
    with pytest.raises(CannotGoOnError, match="not what was pinned"):
        pin_of(tarball({"index.js": b"good"})).unpack(registry, cache / "tool")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: No space left on device (os error 28)", "the disk is full. Free 3 GB"),
        ("  dns error: failed to lookup address", "the package index cannot be reached. Check the network"),
        ("invalid peer certificate: UnknownIssuer", "a certificate that is not trusted here. Name your authorities"),
        ("one\nwhat nobody foresaw.\n\n", "what nobody foresaw. All it said"),
        ("", "it failed without a word"),
    ],
)
def test_a_failed_step_tells_why_and_the_fix_in_one_line(said: str, told: str) -> None:
    with pytest.raises(CannotGoOnError) as caught:
        run("a test of failing", [sys.executable, "-c", f"print({said!r}); exit(1)"], env=os.environ)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_program_that_ends_before_it_is_ready_is_told_with_its_words(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "print('no such port'); exit(3)"]
    with (
        pytest.raises(CannotGoOnError, match="no such port"),
        running(dying, folder=tmp_path, env=os.environ, ready="ready on (.*)"),
    ):
        pytest.fail("it was never ready")


def test_a_program_is_ended_with_its_block(tmp_path: Path) -> None:
    waiting = [sys.executable, "-uc", "import time; print('ready on 7'); time.sleep(60)"]
    with running(waiting, folder=tmp_path, env=os.environ, ready="ready on (.*)") as program:
        assert program.told == "7"
        assert program.process.poll() is None
    assert program.process.poll() is not None


@pytest.mark.parametrize(
    "line",
    [
        "https://py" + "pi.org/simple",
        "resolved: https://registry.npm" + "js.org/x.tgz",
        "cd /wor" + "k/main/bot",
        "--find-links /op" + "t/wheels",
    ],
)
def test_an_address_of_one_place_in_a_file_is_a_fault(line: str) -> None:
    assert next(faults(Path("a.txt"), f"fine\n{line}\n")).startswith("a.txt:2: ")


def test_the_names_of_registries_may_be_said() -> None:
    assert list(faults(Path("a.md"), "It comes from PyPI and npm.\n")) == []


def test_a_python_file_over_500_lines_is_a_fault() -> None:
    assert list(faults(Path("a.py"), "x = 1\n" * 500)) == []
    assert len(list(faults(Path("a.py"), "x = 1\n" * 501))) == 1


@pytest.mark.parametrize("word", ["who" + "ever", "L" + "est", "of" + " ours", "MO" + "ST_FILES"])
def test_a_word_of_the_early_dialect_is_refused_in_prose_and_code_but_not_in_data(word: str) -> None:
    assert any("docs/glossary.md" in fault for fault in faults(Path("bot/turn.py"), f"# {word} asks"))
    assert any("docs/glossary.md" in fault for fault in faults(Path("docs/page.md"), f"{word} asks"))
    assert not list(faults(Path("tests/data/answer.json"), f'"{word} asks"'))
    assert not list(faults(Path("docs/glossary.md"), f"{word} asks"))


def test_a_word_that_holds_an_old_one_is_none() -> None:
    assert not list(faults(Path("docs/page.md"), "airborne, the latest, hours of hours, almost_all"))


def test_two_files_of_one_name_are_a_fault_and_tests_and_packages_are_none() -> None:
    names = ["bot/a.py", "storage/a.py", "tests/a.py", "bot/__init__.py", "storage/__init__.py", "docs/a.md"]
    [fault] = faults_of_names(map(Path, names))
    assert fault.startswith("bot/a.py: also storage/a.py")


def test_activities_are_deserialised_in_one_file() -> None:
    line = "activity = Activity().deserialize(fields)"
    assert list(faults(Path("adapters/teams/endpoint.py"), line)) == []
    assert len(list(faults(Path("adapters/teams/handler.py"), line))) == 1
