"""S11: an answer leads only where a person or the operator named the host, and carries nothing there."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.teams.markdown.pieces import teams_markdown
from bot.links import BARE_ADDRESS, NO_LINKS, LinkRules, judged_markdown, shown_host

RULES = LinkRules(own=frozenset({"bot.example.com", "127.0.0.1:3978"}), hosts=frozenset({"docs.python.org"}))
SECRET = "c2VjcmV0LW9mLXRoZS1jaGF0LWFzLWJhc2U2NA"
LINKS = ["[x]({})", "{}", "<{}>", "[x][r]\n\n[r]: {}", "see {}.", "({})"]


def clickable(url: str, words: str = "", rules: LinkRules = RULES) -> bool:
    return rules.with_words(words).judge(url).address is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.python.org/3/library/math.html",
        "https://www.docs.python.org/",
        "https://bot.example.com/files/" + SECRET,
        "http://127.0.0.1:3978/files/" + SECRET,
    ],
)
def test_the_operators_hosts_and_this_service_may_be_linked(url: str) -> None:
    assert clickable(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://secret.docs.python.org/",
        "https://docs.python.org.evil.example/",
        "https://docs.python.org:8443/",
        "https://docs.python.org@evil.example/",
        "https://docs.python.org/?q=1",
        f"https://docs.python.org/{SECRET}",
        "https://docs.python.org/3/" + "a-b/" * 60,
        "https://docs.python.org/1234/5678/9012/34567",
        "https://docs.python.org/" + "%41%42" * 15,
        "https://bot.example.com/?q=1",
        "http://127.0.0.1:3979/",
        "javascript:alert(1)",
    ],
)
def test_no_other_host_and_nothing_that_carries_data(url: str) -> None:
    assert not clickable(url)


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("What does numpy.org say?", "https://numpy.org/doc/stable/"),
        ("What does www.numpy.org say?", "https://numpy.org/doc/stable/"),
        ("see numpy.org.", "https://www.numpy.org/"),
        ("see (https://numpy.org/doc)", "https://numpy.org/other"),
        ("Read https://a.example/p?q=1, please", "https://a.example/p?q=1"),
        ("https://a.example/p?q=Übung", "https://a.example/p?q=%C3%9Cbung"),
        ("https://a.example/" + SECRET, "https://a.example/" + SECRET),
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("http://10.0.0.5:8080/x", "http://10.0.0.5:8080/y"),
        ("NUMPY.ORG", "https://numpy.org/"),
        ("> quoted\n\nnumpy.org", "https://numpy.org/"),
    ],
)
def test_a_host_in_the_persons_own_words_may_be_linked_and_an_address_repeated(words: str, url: str) -> None:
    assert clickable(url, words)


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("evil.example", f"https://{SECRET.lower()[:20]}.evil.example/"),
        ("evil.example", "https://evil.example/?q=1"),
        ("evil.example", f"https://evil.example/{SECRET}"),
        ("Read https://a.example/p?q=1", "https://a.example/p?q=2"),
        ("Read https://a.example/p?q=1", "https://a.example/p?q=1&r=2"),
        ("ada@contoso.com wrote", "https://contoso.com/"),
        ("> see https://evil.example/\n\nand why?", "https://evil.example/"),
        ("divide 3.14 by 2.5", "https://3.14/"),
        ("https://good.example@evil.example/", "https://good.example/x"),
        ("", "https://a.example/"),
    ],
)
def test_no_other_host_is_named_by_words_and_no_address_changed(words: str, url: str) -> None:
    assert not clickable(url, words)


@pytest.mark.parametrize("form", LINKS)
def test_the_host_of_a_link_that_cannot_be_clicked_is_text_in_every_channel(form: str) -> None:
    text = form.format("https://evil.example/the/path")
    for shown in ("\n".join(teams_markdown(text)), judged_markdown(text, NO_LINKS)):
        assert "://" not in shown
        assert "evil.example" in shown
        assert "the/path" not in shown


@pytest.mark.parametrize("form", LINKS)
def test_a_link_that_may_be_clicked_stays_in_every_channel(form: str) -> None:
    text = form.format("https://evil.example/the/path")
    rules = NO_LINKS.with_words("What is at evil.example?")
    for shown in ("\n".join(teams_markdown(text, links=rules)), judged_markdown(text, rules)):
        assert "https://evil.example/the/path" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https&colon;//evil.example/SECRET",
        "https:\\/\\/evil.example/SECRET",
        "[a](https://evil.example/SECRET)[b](https://evil.example/SECRET)",
        f"evil.example/SECRET{SECRET}",
        "www.evil.example/SECRET",
        f"https://SECRET-{SECRET}.evil.example/",
        "\\`https://evil.example/SECRET\\`",
    ],
)
def test_no_writing_of_an_address_gets_past_the_terminal(text: str) -> None:
    assert "SECRET" not in judged_markdown(text, NO_LINKS)


def test_code_keeps_its_addresses_and_words_stay_as_they_are() -> None:
    code = "Use `https://a.example/b` and\n```\nget('https://a.example/b')\n```"
    text = f"{code}\ntrain.csv/test.csv and/or 1/2 a.b/c &lt; \\*"
    assert judged_markdown(text, NO_LINKS) == text


def test_a_host_with_room_for_a_secret_is_shown_by_its_end() -> None:
    assert shown_host("docs.python.org") == "docs.python.org"
    assert shown_host(f"{SECRET}.evil.example") == "….evil.example"
    assert shown_host("a.b.c.d.e.evil.example") == "….evil.example"


words = st.text(st.characters(exclude_characters="`~"), max_size=200)  # no code, which keeps its addresses


@given(words, words)
def test_no_text_leads_to_a_host_that_nobody_named(text: str, words: str) -> None:
    rules = NO_LINKS.with_words(words)
    named = rules.hosts
    for found in BARE_ADDRESS.finditer(judged_markdown(f"{text} https://evil.example/{text}", rules)):
        assert "evil.example" in named or "evil.example/" not in found[0]


@pytest.mark.parametrize("piece", ["a.", "a.bb/", "https://", "www.", "&colon;", "\\", "`", "http://a.b/?", "é.", "@"])
def test_hostile_words_take_no_time(piece: str) -> None:
    began = time.process_time()
    text = piece * (100_000 // len(piece))
    judged_markdown(text, NO_LINKS.with_words(text))
    assert time.process_time() - began < 1.0
