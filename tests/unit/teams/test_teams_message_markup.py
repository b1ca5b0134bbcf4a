"""HTML that Teams sends instead of a text, and mentions, as they are heard."""

from __future__ import annotations

from typing import cast

import pytest
from botbuilder.schema import Activity

from adapters.teams.activities import read_message
from adapters.teams.message_markup import read_html
from bot.conversation import Question
from tests.support.teams_client import recorded


@pytest.mark.parametrize(
    ("markup", "heard"),
    [
        (
            "<p>run:</p><codeblock class='Python'><code>for i in x:<br>&nbsp;&nbsp;print(i)</code></codeblock>",
            "run:\nfor i in x:\n  print(i)",
        ),
        ("<pre>if a:\n\tb\n  c</pre><p>and   so</p>", "if a:\n\tb\n  c\nand so"),
        ("<p>see <a href='https://a.example/d?x=1&amp;y=2'>this</a> now", "see this (https://a.example/d?x=1&y=2) now"),
        (
            "<a href='https://a.example/'>https://a.example</a> <a href='http://b.example'>b.example</a>",
            "https://a.example b.example",
        ),
        ("<a href='javascript:alert(1)'>here</a>", "here"),
        (
            "<ol><li>one</li><li><p>two</p><ul><li>in</li></ul></li><li>three</li></ol>",
            "1. one\n2. two\n- in\n3. three",
        ),
        ("x<sup>2</sup> + y<sup>10</sup> on the 1<sup>st</sup>, H<sub>2</sub>O", "x^2 + y^10 on the 1st, H2O"),
        (
            'nice <emoji id="p" alt="🎉" title="Party"></emoji> <customemoji id="a" alt="parrot"></customemoji>',
            "nice 🎉 parrot",
        ),
        ("</sup></a></li></ol></pre><li>a</li>", "a"),
        ('<ol start="3"><li>c</li><li>d</li></ol><ol start=x><li>a</li></ol>', "3. c\n4. d\n1. a"),
        ("a\ue002\ue000b", "ab"),
        ("<pre>a&#xE000;b</pre>", "ab"),
        ('<emoji alt="a&#xE002;&#57347;b"></emoji>', "ab"),
        ("e<sup>ix</sup> = a<sup>mn</sup>", "e^(ix) = a^(mn)"),
        ("x<sup>n+1</sup>y", "x^(n+1)y"),
        ("x<sup>2</sup>3 + e<sup>2</sup>x", "x^(2)3 + e^(2)x"),
        ("10<sup>-3</sup> m, x<sup>0.5</sup>, <b>x</b><sup>2 </sup>y", "10^-3 m, x^0.5, x^2 y"),
        ("e<sup>st</sup>, y<sup>de</sup>", "e^(st), y^(de)"),
        (
            "21<sup>er</sup>, 2<sup>de</sup>, XIX<sup>e</sup>, n<sup>th</sup>, Foo<sup>TM</sup>, 20<sup>°</sup>C",
            "21er, 2de, XIXe, nth, FooTM, 20°C",
        ),
        ("water<sup>[1]</sup> and words<sup>see the note</sup>", "water[1] and wordssee the note"),
        ("e<sup>-x<sup>2</sup></sup>", "e^(-x^2)"),
        ("a<sub>n+1</sub> = a<sub>n</sub>, v<sub>max</sub>t", "a_(n+1) = a_n, v_(max)t"),
    ],
)
def test_what_html_means_is_heard_with_its_words(markup: str, heard: str) -> None:
    assert read_html(markup).words == heard


def test_character_references_bring_no_letter_of_this_reader_back() -> None:
    """Such letters open marks that no other ends: a search for the end from each of them takes seconds."""
    for markup in ("&#xE002;" * 25_000, "a&#xE002;&#57344;&#xE003;b", "<a href='https://a.example/&#xE002;'>x</a>"):
        read = read_html(markup)
        assert not set("\ue000\ue001\ue002\ue003") & set(read.words + read.letters)


@pytest.mark.parametrize("nested", [50, 5_000])
def test_scripts_within_scripts_are_read_however_deep(nested: int) -> None:
    assert read_html("a<sup>" * nested + "x" + "</sup>" * nested).words.startswith("a")


def test_what_stands_for_tags_is_no_reason_to_doubt_that_text_and_html_are_the_same() -> None:
    markup = "<ul><li>is 1 &lt; 2?</li><li>x<sup>2</sup></li></ul>"
    activity = recorded(
        "personal", text="is 1 &lt; 2?\r\nx2", attachments=[{"contentType": "text/html", "content": markup}]
    )
    assert said(activity) == "is 1 < 2?\r\nx2"


def test_beyond_as_many_mentions_as_are_looked_for_people_stay_by_name_too() -> None:
    names = [f"P{number}" for number in range(70)]
    mentions = [{"type": "mention", "mentioned": {"id": f"29:{name}"}, "text": f"<at>{name}</at>"} for name in names]
    text = " ".join(f"<at>{name}</at>" for name in names)
    assert said(recorded("personal", text=text, entities=mentions)) == " ".join(names)


def said(activity: dict[str, object]) -> str:
    message = read_message(cast(Activity, Activity().deserialize(activity)))
    assert isinstance(message, Question)
    return message.text
