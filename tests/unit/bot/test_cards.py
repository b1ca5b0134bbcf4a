from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft6Validator
from markdown_it import MarkdownIt

from bot.apology import MAX_REPEATED
from bot.cards import (
    MAX_ALT_TEXT,
    MAX_CARD_BYTES,
    MAX_LINKS,
    apology_card,
    choice_card,
    feedback_card,
    files_card,
    picture_card,
    question_in,
    size,
    table_card,
    welcome_card,
)
from bot.commands import MAX_FILES_SHOWN
from bot.native_charts import MAX_POINTS_SHOWN, MAX_SERIES
from bot.parts import (
    ApologyPart,
    Chart,
    ChartKind,
    ChartSeries,
    Choice,
    ChoicePart,
    Details,
    FilesPart,
    PicturePart,
    StoredFile,
    Table,
    WelcomePart,
)
from bot.run import CodeCell
from bot.turn_record import TurnCode

SCHEMA = json.loads(files("adaptive_cards").joinpath("schemas/schema-1.5.json").read_text())
TEAMS_OWN = "msteams"  # Teams' fields, which the official schema does not know
CHART = {"xAxisTitle", "colorSet", "data", "fallback"}
TEAMS_ELEMENTS = {  # and its elements, with their fields
    "CodeBlock": {"codeSnippet", "language", "fallback"},
    "Chart.Line": CHART,
    "Chart.VerticalBar.Grouped": CHART,
}


def faults(card: Any) -> list[str]:
    """What the official schema says, node by node: for a whole card it only says that something is wrong."""
    return [fault for node in nodes(card) for fault in faults_of(node)]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if name != TEAMS_OWN}
        if "type" in value:
            yield value
    inner_values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for inner in inner_values:
        yield from nodes(inner)


def faults_of(node: dict[str, Any]) -> list[str]:
    if node["type"] in TEAMS_ELEMENTS:
        return [f"no such field: {name}" for name in node.keys() - TEAMS_ELEMENTS[node["type"]] - {"type"}]
    if node["type"] not in SCHEMA["definitions"]:
        return [f"no such element: {node['type']}"]
    flat = {name: [] if isinstance(value, list) else value for name, value in node.items()}
    schema = {"definitions": SCHEMA["definitions"], "$ref": f"#/definitions/{node['type']}"}
    return [error.message for error in Draft6Validator(schema).iter_errors(flat)]


def picture(url: str = "https://bot.example/files/t/plot.png", alt_text: str = "Line plot of x² + 3") -> dict[str, Any]:
    plot = StoredFile(token="t", name="plot.png", size_bytes=1234)
    return picture_card(PicturePart(file=plot, alt_text=alt_text), url)


def detailed(details: Details, data_url: str = "") -> dict[str, Any]:
    plot = StoredFile(token="t", name="plot.png", size_bytes=1234)
    return picture_card(PicturePart(file=plot, alt_text="x", details=details), "https://bot.example/p.png", data_url)


def listing(*names: str, url: str = "https://bot.example/files/t/x", size_bytes: int = 1234) -> dict[str, Any]:
    files = tuple(StoredFile(token="t", name=name, size_bytes=size_bytes) for name in names)
    return files_card(FilesPart(files=files), [url] * len(files))


def lines(card: dict[str, Any]) -> list[str]:
    return [line["text"] for line in card["body"]]


def test_the_check_of_cards_can_fail() -> None:
    assert faults({"type": "Image"})
    assert faults({"type": "Picture", "url": "x"})
    assert faults({"type": "AdaptiveCard", "body": [{"type": "Image", "url": "x", "size": "huge"}]})
    assert faults({"type": "AdaptiveCard", "actions": [{"type": "Action.OpenUrl", "link": "x"}]})


def test_the_cards_are_valid_adaptive_cards_1_5() -> None:
    for card in (picture(), picture(alt_text=""), listing("a.csv"), listing(*["a.csv"] * 99)):
        assert faults(card) == []
        assert card["version"] == "1.5"


def test_a_picture_is_shown_over_the_full_width_with_words_for_those_who_cannot_see_it() -> None:
    card = picture()

    [image] = card["body"]
    assert image["url"] == "https://bot.example/files/t/plot.png"
    assert image["altText"] == "Line plot of x² + 3"
    assert image["size"] == "stretch"
    assert card["msteams"] == {"width": "Full"}


def test_a_button_opens_the_picture_in_full_size() -> None:
    [button] = picture()["actions"]

    assert button == {
        "type": "Action.OpenUrl",
        "title": "Open full size",
        "url": "https://bot.example/files/t/plot.png",
    }
    assert "selectAction" not in json.dumps(picture())


def test_a_picture_nobody_described_still_has_words() -> None:
    assert picture(alt_text=" \n ")["body"][0]["altText"] == "A picture made by the assistant's code"


def test_a_long_description_is_cut() -> None:
    alt_text = picture(alt_text="x" * 5000)["body"][0]["altText"]

    assert len(alt_text) == MAX_ALT_TEXT
    assert alt_text.endswith("…")


def test_files_are_links_with_their_sizes() -> None:
    assert lines(listing("table.csv")) == [r"[table.csv](https://bot.example/files/t/x) (1.2 KB)"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a_b.csv", "a_b.csv"),
        ("_b_.csv", r"\_b\_.csv"),
        ("Hello! (1-2) #3 + 4.csv", "Hello! (1-2) #3 + 4.csv"),
        ("x](https://evil.example).csv", r"x\](https://evil.example).csv"),
        ("![x](y)", r"!\[x\](y)"),
        ("<at>Ada</at>", r"\<at>Ada\</at>"),
        ("{{DATE(2026-11-24T00:00:00Z)}}", r"\{\{DATE(2026-11-24T00:00:00Z)}}"),
        ("a\nb.csv", "a b.csv"),
        ("fdp\u202egpj.exe", "fdpgpj.exe"),
        ("a\u200bb", "ab"),
        ("données 表 📈.csv", "données 表 📈.csv"),
        ("", "file"),
        ("x" * 300, "x" * 99 + "…"),
    ],
)
def test_a_name_is_shown_as_it_is_and_never_read_as_markup(name: str, shown: str) -> None:
    assert lines(listing(name)) == [f"[{shown}](https://bot.example/files/t/x) (1.2 KB)"]


def test_an_address_cannot_break_out_of_its_link() -> None:
    [line] = lines(listing("a", url="https://bot.example/files/t/a (1) [x]<y>\n.csv"))

    assert line == "[a](https://bot.example/files/t/a%20%281%29%20[x]%3Cy%3E%0A.csv) (1.2 KB)"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "sandbox:/x", "x", ""]
)
def test_only_the_web_is_linked(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        picture(url=url)
    with pytest.raises(ValueError, match="http"):
        listing("a", url=url)


def test_very_many_files_are_counted_rather_than_listed() -> None:
    said = lines(listing(*["a.csv"] * (MAX_LINKS + 7)))

    assert len(said) == MAX_LINKS + 1
    assert said[-1] == "and 7 more"


def test_a_card_stays_far_below_what_teams_takes() -> None:
    url = "https://bot.example.com/" + "t" * 200
    for name in ("表" * 300, "\u202e" + "محمد" * 60, "𝑥" * 100, "*_[]()`" * 14):
        file = StoredFile(token="t" * 43, name=name, size_bytes=1)
        for worst in (
            files_card(FilesPart(files=(file,) * 500), [url] * MAX_LINKS),
            files_card(FilesPart(files=(file,) * MAX_FILES_SHOWN, can_be_deleted=True), [url] * MAX_FILES_SHOWN),
        ):
            assert len(json.dumps(worst, ensure_ascii=False).encode()) < 28_000
            assert faults(worst) == []
            assert worst["fallbackText"]


@pytest.mark.parametrize("letter", ["x", "表", "م", "🧮", "*"])
def test_twenty_assistants_with_the_longest_names_fit_a_card(letter: str) -> None:
    name = letter * 64
    choices = (Choice(name=name, description=letter * 200, says=f"/assistant {name}"),) * 20
    card: dict[str, Any] = choice_card(ChoicePart(text="Who shall answer?", choices=choices))
    assert len(json.dumps(card, ensure_ascii=False).encode()) < 28_000
    assert faults(card) == []
    assert [question_in(row["selectAction"]["data"]) for row in card["body"][1:]] == [f"/assistant {name}"] * 20
    assert len(card["fallbackText"]) <= 2 * 1_000


def apology(
    question: str = "plot x^2", text: str = "It broke.\n\nThe service says: [x](http://evil)"
) -> dict[str, Any]:
    return apology_card(ApologyPart(text=text, code=TurnCode("T-7F3K"), question=question))


def test_an_apology_says_why_in_plain_words_and_ends_in_the_code() -> None:
    assert lines(apology()) == ["It broke.", r"The service says: [x\](http://evil)", "Code T-7F3K."]
    assert faults(apology()) == []


def test_the_button_of_an_apology_holds_the_question_and_is_missing_where_there_is_none() -> None:
    [button] = apology()["actions"]
    assert (button["type"], question_in(button["data"])) == ("Action.Submit", "plot x^2")
    assert "actions" not in apology(question="")
    assert faults(apology(question="")) == []


def test_an_apology_with_the_longest_question_stays_below_what_teams_takes() -> None:
    assert len(json.dumps(apology("表" * MAX_REPEATED), ensure_ascii=False).encode()) < 28_000


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (12_345, "12 KB"),
        (9_960, "10 KB"),
        (999_499, "999 KB"),
        (999_999, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (5_000_000_000, "5.0 GB"),
    ],
)
def test_sizes_are_said_as_people_say_them(size_bytes: int, said: str) -> None:
    assert size(size_bytes) == said


def test_a_question_to_begin_with_is_pressed_as_a_whole_row_and_asks_itself() -> None:
    card = welcome_card(WelcomePart(text="Hello *you*", starters=("plot a_1",)))

    assert faults(card) == []
    words, row = cast(list[dict[str, Any]], card["body"])
    assert (words["text"], card["fallbackText"]) == (r"Hello \*you\*", r"Hello \*you\*")
    assert row["items"][0]["wrap"]
    assert (row["selectAction"]["type"], row["selectAction"]["title"]) == ("Action.Submit", "plot a_1")
    assert question_in(row["selectAction"]["data"]) == "plot a_1"


def test_the_help_is_a_list_with_the_commands_in_bold_and_everything_else_as_it_is_written() -> None:
    card = welcome_card(WelcomePart(text="Ask me.\n\n- **/new** starts *a_new*\n- **/help** shows this", starters=()))

    assert faults(card) == []
    sentence, commands = cast(list[dict[str, Any]], card["body"])
    assert sentence["text"] == "Ask me."
    assert commands["text"] == "- **/new** starts \\*a_new\\*\n- **/help** shows this"


def test_no_button_bears_what_the_agents_playground_fails_at() -> None:
    """It freezes a card and then writes into an action's data wherever that has this key: pressing does nothing."""
    welcome = welcome_card(WelcomePart(text="Hello", starters=("plot x",)))
    for card in (welcome, apology(), picture()):
        actions = [node for node in nodes(card) if node["type"].startswith("Action.")]
        assert actions
        assert [action for action in actions if "msteams" in str(action.get("data")).lower()] == []


def test_the_code_and_the_explanation_of_a_plot_are_hidden_until_a_button_is_pressed() -> None:
    cell = CodeCell(code="import math\nprint(math.pi)", output="3.14\n")
    card = detailed(Details(explanation="**How the code works.** It *adds*.", code=(cell,)))
    _, explanation, code = card["body"]
    toggles = [action for action in card["actions"] if action["type"] == "Action.ToggleVisibility"]
    assert [action["title"] for action in toggles] == ["How I worked this out", "Show code"]
    assert [action["targetElements"] for action in toggles] == [[explanation["id"]], [code["id"]]]
    assert not explanation["isVisible"]
    assert not code["isVisible"]
    assert explanation["items"][0]["text"] == "How the code works. It adds."
    card = detailed(Details(explanation="So:\n\n* one_1\n  + *two*\n3. [x](y)\n# no"))
    assert [line["text"] for line in card["body"][1]["items"]] == ["So:", "- one_1\n- two\n3. [x\\](y)\nno"]
    block, _, output = code["items"]
    assert (block["codeSnippet"], block["language"]) == (cell.code, "Python")
    assert output["codeSnippet"] == "3.14"


def test_code_is_readable_where_a_client_knows_no_code_blocks() -> None:
    card = detailed(Details(code=(CodeCell(code="if x:\n    y = [1](2) * **3**"),)))
    fallback = card["body"][1]["items"][0]["fallback"]
    assert fallback["fontType"] == "Monospace"
    assert fallback["wrap"]
    assert "\u00a0\u00a0\u00a0\u00a0y" in fallback["text"]
    assert "[1](2)" not in fallback["text"]


def test_the_data_of_a_plot_is_a_button_of_its_card() -> None:
    card = detailed(Details(data=StoredFile(token="d", name="d.csv", size_bytes=1)), "https://bot.example/d.csv")
    assert [action["title"] for action in card["actions"]] == ["Open full size", "Data (csv)"]


@pytest.mark.parametrize("letter", ["x", "表", "\ud83d", '"', "\\", "*", "\n"])
def test_a_card_with_endless_code_fits_a_message_and_says_that_it_is_cut(letter: str) -> None:
    cell = CodeCell(code=letter * 200_000, output=letter * 200_000)
    card = detailed(Details(explanation=letter * 200_000, code=(cell, cell)))
    assert len(json.dumps(card, ensure_ascii=False).encode(errors="replace")) <= MAX_CARD_BYTES
    if letter != "\n":
        assert "longer than a card" in card["body"][-1]["items"][-1]["text"]


@pytest.mark.parametrize(
    "details",
    [
        Details(explanation="a\n\n- b\n\n```\nc\n```"),
        Details(code=(CodeCell(code="1"), CodeCell(code="2", output="2"))),
    ],
)
def test_a_card_with_details_is_valid(details: Details) -> None:
    assert faults(detailed(details)) == []


def rendered(text: str) -> str:
    """The words that a reader of Markdown sees in a paragraph, or what it makes of it instead."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    inner = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in tokens} | {child.type for child in inner}
    if kinds - {"paragraph_open", "inline", "paragraph_close", "text", "softbreak", "hardbreak"}:
        return f"not words: {sorted(kinds)}"
    return "".join(child.content or ("\n" if child.type.endswith("break") else "") for child in inner)


def spaced(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("ab1 \n\\`*_{}[]()<>#+!|~&-.=:;/?\"'at"), max_size=25))
@example("- a\n- b")
@example("a\n===")
@example("| a |\n|---|")
@example("[a]: http://evil\n\n[a]")
@example("    code")
@example("&lt;b&gt; <b>")
@example("~~a~~ **b** __c__ `d`")
@example("\n\n\n")
def test_words_on_a_card_are_read_as_nothing_but_words(text: str) -> None:
    card = apology(text=re.sub("\n+", "\n", text))  # one paragraph
    [words, _code] = card["body"]
    assert spaced(rendered(words["text"])) == spaced(text)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("ab1 \\`*_{}[]()<>#+!|~&-.=:;/?\"'"), min_size=1, max_size=25))
@example("x](https://evil.example)")
@example("a\\")
def test_a_name_in_a_link_is_read_as_nothing_but_words(name: str) -> None:
    [line] = lines(listing(name))
    [paragraph] = [token for token in MarkdownIt("commonmark").parse(line) if token.type == "inline"]
    kinds = [child.type for child in paragraph.children or []]
    assert (kinds[0], kinds.count("link_open"), kinds[-1]) == ("link_open", 1, "text")
    assert set(kinds) == {"link_open", "text", "link_close"}
    shown = "".join(child.content for child in (paragraph.children or [])[:-1])
    assert spaced(shown) == (spaced(name) or "file")


def test_what_people_gave_is_marked_and_linked_only_where_they_can_open_it() -> None:
    files = [
        StoredFile(token="f1", name="a.csv", size_bytes=8, is_given=True, link="https://a.sharepoint.com/a.csv"),
        StoredFile(token="f2", name="b.csv", size_bytes=0, is_given=True),
    ]
    card = files_card(FilesPart(files=tuple(files), can_be_deleted=True), [file.link for file in files])
    assert faults(card) == []
    texts = [row["columns"][0]["items"][0]["text"] for row in cast(list[dict[str, Any]], card["body"])]
    assert texts == ["[a.csv](https://a.sharepoint.com/a.csv) (8 bytes), attached here", "b.csv, attached here"]


def test_the_form_for_feedback_is_a_valid_card_with_one_field() -> None:
    card = feedback_card(100)
    assert faults(card) == []
    [field] = cast(list[dict[str, Any]], card["body"])
    assert (field["id"], field["maxLength"]) == ("feedbackText", 100)


def table(*rows: tuple[str, ...], sides: tuple[str, ...] = ("left", "right")) -> Table:
    block = "\n".join("  ".join(row) for row in rows)
    return Table(header=rows[0], rows=rows[1:], sides=sides, block=f"```\n{block}\n```")


def test_a_table_is_a_table_of_the_official_schema_and_its_words_are_words() -> None:
    card = table_card(table(("city", "a*b*"), ("Bonn", "[x](http://evil.example)"), ("", "{{DATE(1)}}")))
    assert faults(card) == []
    [element] = cast("Any", card["body"])
    cells = [[cell["items"][0] for cell in row["cells"]] for row in element["rows"]]
    assert [cell["text"] for cell in cells[0]] == ["city", "a\\*b\\*"]
    assert cells[0][0]["weight"] == "Bolder"
    assert cells[1][1]["text"].startswith("[x\\](")
    assert cells[2][0]["text"] == "\u00a0"
    assert cells[2][1]["text"].startswith("\\{\\{")


def test_the_largest_table_of_its_own_fits_a_card() -> None:
    cell = "*" * 23
    widest = table(*[(cell,) * 5] * 26, sides=("left",) * 5)
    card = table_card(widest)
    assert len(json.dumps(card, ensure_ascii=False).encode()) <= MAX_CARD_BYTES
    assert faults(card) == []


@pytest.mark.parametrize("kind", ChartKind)
def test_a_chart_has_the_picture_as_its_fallback_and_fits_a_card(kind: ChartKind) -> None:
    points = tuple((float(place), 0.1 + place / 3) for place in range(MAX_POINTS_SHOWN))
    chart = Chart(kind=kind, across="x", series=(ChartSeries(name="n" * 60, points=points),) * MAX_SERIES)
    plot = StoredFile(token="t", name="plot.png", size_bytes=1234)
    cell = CodeCell(code="print(1)\n" * 1_000)
    part = PicturePart(file=plot, alt_text="Line plot", chart=chart, details=Details(code=(cell,)))
    card = picture_card(part, "https://bot.example/p.png")
    [element, *_] = cast("Any", card["body"])
    assert element["type"].startswith("Chart.")
    assert element["fallback"]["type"] == "Image"
    assert element["data"][0]["values"][1]["x"] == ("1.0" if kind is ChartKind.BARS else 1.0)
    assert len(json.dumps(card, ensure_ascii=False).encode()) <= MAX_CARD_BYTES
    assert faults(card) == []


def test_where_no_card_is_drawn_the_introduction_has_its_marks_and_no_backslashes() -> None:
    card = welcome_card(WelcomePart(text="Ask me.\n\n- **/new** begins anew\n- **/help** shows this", starters=()))
    assert card["fallbackText"] == "Ask me.\n\n- **/new** begins anew\n- **/help** shows this"
