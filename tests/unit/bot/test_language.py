"""Every sentence of the bot is in the catalogues of all languages, and none is outside them."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cards import size
from bot.language import _FOLDER, ENGLISH, LANGUAGES, _, language_of, ngettext, number, read_po, speaking

ROOT = Path(__file__).parents[3]
MARKS = {"_", "N_", "ngettext"}
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
TECHNICAL = {  # calls whose words people in a chat never read
    "RequestRefusedError", "TokenRefusedError", "error_response", "error_body", "RefusedError", "compile",
    "debug", "info", "warning", "error", "exception", "critical", "ValueError", "TypeVar", "NewType",
    "passed", "warned", "failed", "skipped",  # findings of `teamsbot doctor`
}  # fmt: skip
NOT_FOR_PEOPLE = {  # files whose words go to a model, or to the operator
    "adapters/webchat/assistant_editing.py",
    "adapters/webchat/panel.py",
    "adapters/teams/app_registration.py",
    "adapters/teams/bot_token.py",
    "adapters/webchat/page.py",
    "bot/functions.py",
    "adapters/terminal_line.py",
}
BEGINS = re.compile(r"\W*(?:I|[A-Z][a-z']+)[,:]?\s+\w")
ENDS = re.compile(r"[a-z]+ [a-z]+[.!?]\W*$")
SHOWN = {"title", "altText", "placeholder", "text"}  # fields of cards


def spoken() -> Iterator[Path]:
    """The files whose words may reach a chat."""
    folders = ("bot", "adapters/teams", "adapters/webchat")
    for path in (
        *(path for folder in folders for path in (ROOT / folder).rglob("*.py")),
        ROOT / "adapters/terminal.py",
    ):
        if str(path.relative_to(ROOT)) not in NOT_FOR_PEOPLE:
            yield path


def called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _other:
            return ""


def marked() -> dict[str, str]:
    """Each sentence in the code, as a key of a catalogue, and where it stands."""
    found = {}
    for path in (*spoken(), *(ROOT / "service").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if called(node) in MARKS:
                assert isinstance(node, ast.Call)
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                words = [
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                assert not any(isinstance(each, ast.JoinedStr) for each in node.args), f"{where}: use str.format"
                if words:
                    found["\0".join(words)] = where
    return found


def outside() -> Iterator[str]:
    """What looks like a sentence for people and is not marked."""
    for path in spoken():
        tree = ast.parse(path.read_text("utf-8"))
        excused = {part for node in ast.walk(tree) for part in excused_by(node)}
        for node in ast.walk(tree):
            if node not in excused and looks_like_a_sentence(node):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"  # type: ignore[attr-defined]
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in SHOWN and is_text(value):
                        yield f"{path.relative_to(ROOT)}:{value.lineno}: {ast.unparse(value)}"


def excused_by(node: ast.AST) -> Iterator[ast.AST]:
    """What stands within this node and is for no person in a chat."""
    match node:
        case ast.Expr(value=ast.Constant() as docstring):
            yield docstring
        case ast.JoinedStr(values=values):
            yield from values
        case ast.keyword(arg="name"):  # of a task
            yield from ast.walk(node)
        case ast.Call() if called(node) in MARKS | TECHNICAL:
            yield from ast.walk(node)
        case _other:
            pass


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def looks_like_a_sentence(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return BEGINS.match(text) is not None
        case ast.JoinedStr(values=values):
            texts = [each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            return any(map(BEGINS.match, texts)) or any(map(ENDS.search, texts[-1:]))
        case _other:
            return False


def gaps(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


def test_no_sentence_stands_outside_the_catalogues() -> None:
    assert list(outside()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_each_sentence_is_in_the_catalogue_and_none_that_is_gone(language: str) -> None:
    catalogue = read_po((_FOLDER / f"{language}.po").read_text("utf-8"))
    sentences = marked()
    assert [f"{where}: {key}" for key, where in sentences.items() if not catalogue.get(key)] == []
    assert [key for key in catalogue if key and key not in sentences] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_loses_its_numbers_names_or_commands(language: str) -> None:
    for key, translation in read_po((_FOLDER / f"{language}.po").read_text("utf-8")).items():
        if not key:
            continue
        for form in translation.split("\0"):
            assert form, key
            assert gaps(form) in [gaps(each) for each in key.split("\0")], key
            assert set(re.findall(r"/[a-z]+\b", form)) == set(re.findall(r"/[a-z]+\b", key)), key


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de-DE", "de"),
        ("de_AT.UTF-8", "de"),
        ("NL", "nl"),
        ("nl-BE", "nl"),
        ("en-GB", "en"),
        ("", "en"),
        ("xx-YY", "en"),
    ]
    + [(odd, "en") for odd in ("-", "../de", "d" * 10_000, "\0", "de/../nl", "zh-Hant-TW")],
)
def test_a_locale_falls_back_to_its_language_and_then_to_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_numbers_have_the_separators_of_the_language() -> None:
    said = []
    for locale in ("", "de-CH-1996", "nl"):
        with speaking(locale):
            said.append((number(1234567), size(1_234_000), size(1)))
    assert said == [
        ("1,234,567", "1.2 MB", "1 byte"),
        ("1.234.567", "1,2 MB", "1 Byte"),
        ("1.234.567", "1,2 MB", "1 byte"),
    ]


def test_singular_and_plural_are_the_languages_own() -> None:
    with speaking("de"):
        forms = [ngettext("I will come to this after one other message.",
                          "I will come to this after {count} other messages.", count) for count in (1, 2)]  # fmt: skip
        assert _("Stopped. Your question was not answered.") == "Abgebrochen. Deine Frage wurde nicht beantwortet."
    assert forms[0] != forms[1]
    assert _("Stopped. Your question was not answered.").startswith("Stopped")


@pytest.mark.parametrize("text", ["msgid no quotes", '"before any keyword"', 'msgid "open', 'msgstr[x] "a"'])
def test_a_broken_catalogue_is_refused(text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        read_po(text)
