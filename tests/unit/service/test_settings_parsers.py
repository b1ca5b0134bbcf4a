from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.settings import parsers
from service.settings.parsers import Secret
from service.settings.table import SETTINGS, Setting


@pytest.mark.parametrize("text", ["0", "1", "3978", "65535"])
def test_a_port_is_a_whole_number(text: str) -> None:
    assert parsers.port(text) == int(text)


@pytest.mark.parametrize("text", ["-1", "65536", "3978.0", "٣٩٧٨", "1e3", "0x10", "9" * 5000, "port", "1_000"])
def test_anything_else_is_no_port(text: str) -> None:
    with pytest.raises(ValueError, match="from 0 to 65535"):
        parsers.port(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_loopback_may_be_listened_on(text: str) -> None:
    assert parsers.host(text) == text.lower()
    assert parsers.is_loopback_host(parsers.host(text))


@pytest.mark.parametrize("text", ["0.0.0.0", "192.168.1.4", "::"])  # noqa: S104
def test_an_address_that_others_can_reach_is_known_as_one(text: str) -> None:
    assert not parsers.is_loopback_host(parsers.host(text))


@pytest.mark.parametrize("text", ["example.com", "127.1", "localhost.example.com", "", "127.0.0.1:80", "*"])
def test_a_name_is_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parsers.host(text)


@pytest.mark.parametrize(
    "text", ["https://x.example/a{b}", "https://x.example/{}", "https://x.example/a|b", "https://x.example/<x>"]
)
def test_what_no_address_holds_is_refused_before_it_becomes_a_route(text: str) -> None:
    with pytest.raises(ValueError, match="must be one address"):
        parsers.url(text)


@pytest.mark.parametrize("text", ["0", "-5", "nan", "inf", "1e9", "soon", ""])
def test_a_deadline_has_an_end_and_is_in_the_future(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parsers.duration_s(text)


def test_a_deadline_may_have_a_fraction() -> None:
    assert parsers.duration_s("0.5") == 0.5


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("https://bot.example.com/", "https://bot.example.com"),
        ("http://[::1]:8000/v1//", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_loses_the_slash_at_its_end(text: str, address: str) -> None:
    assert parsers.url(text) == address


@pytest.mark.parametrize("path", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
def test_an_azure_resource_may_be_given_with_the_path_of_its_api(path: str) -> None:
    assert parsers.azure_endpoint(f"https://r.openai.azure.com{path}") == "https://r.openai.azure.com"
    assert parsers.azure_endpoint(f"https://gateway.example.com/team{path}") == "https://gateway.example.com/team"


def test_the_path_of_an_azure_deployment_is_told() -> None:
    with pytest.raises(ValueError, match="MODEL the name of the deployment"):
        parsers.azure_endpoint("https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=1")


@pytest.mark.parametrize(
    "text",
    [
        "api.openai.com/v1",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://[::1",
        "https://user@host",
        "https://user:word@host/v1",
        "https://host/?sig=1",
        "https://host/?",
        "https://host/#x",
        "https://ho st/",
        "https://host/\nx",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parsers.url(text)


@pytest.mark.parametrize("text", ["1.0.0", "2.10.345", "1.0.99999"])
def test_an_app_version_is_three_numbers(text: str) -> None:
    assert parsers.app_version(text) == text


@pytest.mark.parametrize(
    "text", ["1", "1.0", "0.1.0", "1.0.0-beta", "1.0.0.0", "01.0.0", "1.0.٣", "v1.0.0", "1.0.100000"]
)
def test_anything_else_is_no_app_version(text: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        parsers.app_version(text)


@pytest.mark.parametrize("text", ["http://example.com", "example.com", "https://", "https://user@example.com"])
def test_a_link_for_people_is_https(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parsers.https_url(text)


@pytest.mark.parametrize("text", ["two words", "sk-é", "sk-\x01", "sk\nX-Header: 1", "sk-\ud800"])
def test_a_key_that_would_break_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be one word"):
        parsers.secret(text)


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\ud800", "x" * 257, "a\u202eb"])
def test_a_name_is_one_short_line(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parsers.line(text)


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800", "x" * 32_769])
def test_prose_is_text_that_can_be_stored_and_sent(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parsers.prose(text)


def test_a_folder_may_be_missing_but_not_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert parsers.folder(str(tmp_path / "new")) == tmp_path / "new"
    for text in (str(tmp_path / "file"), str(tmp_path / "file" / "below"), "a\0b", "a\udcffb", "x" * 5000):
        with pytest.raises(ValueError, match="must be"):
            parsers.folder(text)


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parsers.folder("~/data") == tmp_path / "data"
    with pytest.raises(ValueError, match="no home"):
        parsers.folder("~nobody-of-this-name/data")


def test_an_interpreter_must_be_there_and_executable(tmp_path: Path) -> None:
    (tmp_path / "python").touch(mode=0o644)
    for text in (str(tmp_path / "none"), str(tmp_path), str(tmp_path / "python")):
        with pytest.raises(ValueError, match="Python executable"):
            parsers.interpreter(text)


def test_an_interpreter_keeps_the_link_that_makes_it_an_environments(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to("/bin/sh")
    assert parsers.interpreter(str(link)) == link


@given(st.text())
def test_every_setting_reads_any_text_or_says_what_is_wrong(text: str) -> None:
    for spec in SETTINGS:
        assert told_of(spec, text).partition(" ")[0] in ("", "must", "cannot"), spec.name


def told_of(spec: Setting[object], text: str) -> str:
    try:
        spec.parse(text)
    except ValueError as error:
        return str(error)
    return ""


def test_a_secret_is_equal_to_the_same_secret_only() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
