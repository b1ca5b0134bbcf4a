"""The page's own words: every sentence is in the catalogues of all languages, and none stands outside them."""

from __future__ import annotations

import re
import string
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import pytest_asyncio
from typing_extensions import override

from adapters.webchat import assistant_editing, page_words, panel
from adapters.webchat.page import PageTemplate, built_in_starters
from adapters.webchat.page_words import CATALOGUES, LANGUAGE_COOKIE
from adapters.webchat.weather import Kind
from bot.conversation import MAX_TEXT_CHARS
from bot.feedback import MAX_COMMENT_CHARS
from bot.language import ENGLISH, LANGUAGES
from bot.profiles import SpeakerKind
from tests.support.web_chat_client import Site, running_site

PAGE = Path(page_words.__file__).with_name("page")
SCRIPTS = sorted(PAGE.glob("*.js"))
ENGLISH_WORDS = CATALOGUES[ENGLISH]
SHOWN = {"aria-label", "title", "placeholder", "alt"}
NAMES = {"Teams Assistants Bot"}  # the same in every language
# Literals of scripts that no person reads: names of keys, headers, elements of cards, fonts.
TECHNICAL = {
    "AIGeneratedContent", "Action.ShowCard", "Action.ToggleVisibility", "AdaptiveCard", "ArrowDown", "ArrowLeft",
    "ArrowRight", "ArrowUp", "Authorization", "Bearer", "CodeBlock", "Container", "Content-Type", "Escape", "Files",
    "Image", "Segoe UI", "TextBlock", "teamsbot explain",
}  # fmt: skip
SELECTORS = tuple("#.[:(")
SAYS = re.compile(r'\bsay\("([a-z0-9-]+)"')
MADE = {  # keys that scripts and the server put together
    *(f"answered-by-{kind}" for kind in SpeakerKind),
    *(f"{kind}{part}" for kind in Kind for part in ("", "-about", "-note")),
}  # fmt: skip
SERVER = {"language-name", "language-browser", "with-file"}
PREFIXES = ("error-", "end-", "outcome-", "starter-")


class Texts(HTMLParser):
    """What people see or hear of a page, as it stands in the source."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within.append(tag)
        self.found += [value for name, value in attrs if name in SHOWN and value]

    @override
    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass

    @override
    def handle_data(self, data: str) -> None:
        if not {"script", "style", "pre", "code"}.intersection(self._within[-1:]):
            self.found.append(data)


def literals(script: str) -> Iterator[str]:
    """The texts of string literals, without what is filled in."""
    code = re.sub(r"(?m)(^|\s)//.*$", "", script)
    code = re.sub(r"(?m)^import .*$", "", code)
    yield from re.findall(r'"((?:[^"\\\n]|\\.)*)"', code)
    for template in re.findall(r"`((?:[^`\\]|\\.)*)`", code):
        yield re.sub(r"\$\{[^}]*\}+", "", template)


def is_for_people(text: str) -> bool:
    """Words with blanks between them, or one with a capital."""
    if text[:1] in SELECTORS or "<" in text or "--" in text or text.strip() in TECHNICAL:
        return False
    return re.search(r"[A-Za-z]{2,} [a-z]{2,}", text) is not None or re.match(r"\W*[A-Z][a-z]{2,}", text) is not None


def gaps(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


def said() -> set[str]:
    """Keys that the page's HTML and scripts name."""
    template = PageTemplate((PAGE / "index.html").read_text("utf-8"))
    keys = {name for name in template.get_identifiers() if name in ENGLISH_WORDS}
    for script in SCRIPTS:
        keys.update(SAYS.findall(script.read_text("utf-8")))
    return keys


def test_all_languages_have_the_same_keys_with_the_same_gaps_and_no_empty_sentence() -> None:
    assert set(CATALOGUES) == set(LANGUAGES)
    for language, words in CATALOGUES.items():
        assert words.keys() == ENGLISH_WORDS.keys(), language
        assert all(words.values()), language
        differ = {key for key, text in words.items() if gaps(text) != gaps(ENGLISH_WORDS[key])}
        assert differ == set(), language


def test_whatever_is_said_is_in_the_catalogues_and_nothing_else_is() -> None:
    known = {re.sub(r"-(one|other)$", "", key) for key in ENGLISH_WORDS}
    assert said() - known == set()
    mentioned = said().union(*(literals(script.read_text("utf-8")) for script in SCRIPTS))
    assert {key for key in known - mentioned - MADE - SERVER if not key.startswith(PREFIXES)} == set()


def test_no_words_stand_in_the_pages_html() -> None:
    texts = Texts()
    texts.feed((PAGE / "index.html").read_text("utf-8"))
    outside = [re.sub(r"\$\{[a-z0-9-]+\}|\$[a-z_]+", "", text).strip() for text in texts.found]
    assert [text for text in outside if re.search(r"[A-Za-z]", text) and text not in NAMES] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_words_stand_in_the_pages_scripts(script: Path) -> None:
    assert [text for text in literals(script.read_text("utf-8")) if is_for_people(text)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_name_in_a_script_hides_one_that_it_imports(script: Path) -> None:
    text = script.read_text("utf-8")
    imported = {name.strip() for names in re.findall(r"(?m)^import \{([^}]*)\}", text) for name in names.split(",")}
    declared = re.findall(r"\b(?:let|const)\s+(\w+)", text)
    declared += [name for names in re.findall(r"function \w*\(([^)]*)\)", text) for name in re.findall(r"\w+", names)]
    assert imported.intersection(declared) == set()


@pytest.mark.parametrize("text", ["Stop", "The bot did not answer", "${count} found here", 'aria "Copy code"'])
def test_words_in_a_script_would_be_found(text: str) -> None:
    assert any(map(is_for_people, literals(f"tell(`{text}`);\n")))


def test_numbers_in_refusals_are_those_that_the_server_holds() -> None:
    limits = {
        "error-NoText": MAX_TEXT_CHARS,
        "error-NoName": panel.MAX_NAME,
        "error-NoInstructions": panel.MAX_INSTRUCTIONS,
        "error-TooManyFiles": assistant_editing.MAX_FILES,
        "error-NoReaction": MAX_COMMENT_CHARS,
    }
    for words in CATALOGUES.values():
        for key, limit in limits.items():
            assert str(limit) in words[key].replace(".", "").replace(",", ""), words[key]


def test_every_language_begins_with_the_same_kinds_of_questions() -> None:
    for language in LANGUAGES:
        starters = built_in_starters(language)
        assert [(PAGE / starter.file).is_file() for starter in starters if starter.file] == [True], language
        assert len({starter.question for starter in starters}) == 4


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


@pytest.mark.parametrize(
    ("accepted", "chosen", "spoken"),
    [
        ("", "", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "", "de"),
        ("fr-FR,fr;q=0.9,nl;q=0.5,en;q=0.4", "", "nl"),
        ("en;q=0.3, de ; q=0.7", "", "de"),
        ("de;q=0,en;q=0", "", "en"),
        ("de;q=9,*,;;;", "", "en"),
        ("de-" + "x" * 5000, "", "en"),
        ("de", "nl", "nl"),
        ("de", "tlh", "de"),
        ("en", "<script>", "en"),
    ],
)
async def test_the_page_speaks_the_browsers_language_or_the_one_that_was_chosen(
    site: Site, accepted: str, chosen: str, spoken: str
) -> None:
    headers = {"Accept-Language": accepted} | ({"Cookie": f"{LANGUAGE_COOKIE}={chosen}"} if chosen else {})
    async with site.client.get(site.address, headers=headers) as response:
        page = await response.text()
        assert response.headers["Vary"] == "Accept-Language, Cookie"
    assert f'<html lang="{spoken}">' in page
    assert f"<span>{CATALOGUES[spoken]['connect']}</span>" in page
    checked = re.findall(r'name="language" value="(\w*)" checked', page)
    assert checked == [chosen if chosen in LANGUAGES else ""]
    assert "${" not in page
    assert "$assistant" not in page


async def test_the_words_for_scripts_are_data_that_no_sentence_can_leave(site: Site) -> None:
    async with site.client.get(site.address) as response:
        page = await response.text()
    [data] = re.findall(r'<script id="words" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert "<" not in data
