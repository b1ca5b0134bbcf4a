"""What an answer shows beside its words: label, thumbs, sources, next questions; code and explanation on request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.codec import reply_from_json, reply_to_json
from bot.conversation import PAGE_CHANNEL, ConversationReference
from bot.errors import AssistantUnavailableError
from bot.links import NO_LINKS, LinkRules
from bot.native_charts import MAX_POINTS_SHOWN, chart_of
from bot.parts import (
    Chart,
    ChartKind,
    ChartSeries,
    Details,
    FilesPart,
    Marks,
    Part,
    PicturePart,
    Reply,
    Source,
    Table,
    TablePart,
    TextPart,
)
from bot.reply import (
    MAX_SHOWN_CODE_CHARS,
    Extras,
    ReplyWriter,
    number_citations,
    preview_of,
    split_explanation,
    split_follow_ups,
    split_to_fit,
)
from bot.run import Answer, AnswerFile, AnswerImage, Citation, CodeCell, FileRef
from tests.support.fakes import PNG, FakeAssistant, FakeChannel, FakePictures, MemoryFiles, message

ALL = Extras(ai_label=True, feedback=True, follow_ups=True, details=True, citations=True)
PLOT = AnswerImage(file=FileRef("f1"), alt_text="a plot")
TABLE = AnswerFile(file=FileRef("f2"), name="points.csv")
TEXT = "y = **12**\n\n**How the code works.** It solves.\n\n**Why I used code.** It is exact."


def written(answer: Answer, *, extras: Extras = ALL, alone: bool = True, channel: str = "msteams") -> tuple[Part, ...]:
    assistant = FakeAssistant()
    assistant.files |= {FileRef("f1"): PNG, FileRef("f2"): b"x,y\n1,2\n", FileRef("f3"): b"x,y\n0,1\n"}
    writer = ReplyWriter(assistant=assistant, files=MemoryFiles(), pictures=FakePictures(), extras=extras)
    return asyncio.run(writer.write(answer, replace(message().key, channel=channel), alone=alone))


def marks_of(part: Part) -> Marks:
    assert isinstance(part, TextPart | PicturePart | FilesPart)
    return part.marks or Marks()


def test_every_part_of_an_answer_is_labelled_and_feedback_is_asked_for_once() -> None:
    parts = written(Answer(text="Here", images=(PLOT,), files=(AnswerFile(file=FileRef("f2"), name="a.xlsx"),)))
    assert [marks_of(part).is_ai_generated for part in parts] == [True, True, True]
    assert [marks_of(part).takes_feedback for part in parts] == [True, False, False]


def test_nothing_is_marked_that_is_switched_off() -> None:
    parts = written(Answer(text=f"{TEXT}\n\nYou could ask next:\n- Why?", images=(PLOT,)), extras=Extras())
    assert parts[0] == TextPart(text=f"{TEXT}\n\nYou could ask next:\n- Why?")
    assert parts[1] == PicturePart(file=parts[1].file, alt_text="a plot")  # type: ignore[union-attr]


def test_the_explanation_and_the_code_of_a_plot_are_on_its_card_and_the_text_is_the_result() -> None:
    cell = CodeCell(code="print(12)", output="12")
    text, plot = written(Answer(text=TEXT, images=(PLOT,), code=(cell,)))
    assert isinstance(text, TextPart)
    assert isinstance(plot, PicturePart)
    assert text.text == "y = **12**"
    assert plot.details == Details(explanation=TEXT.partition("\n\n")[2], code=(cell,))


def test_an_explanation_stays_in_the_text_where_there_is_no_card_for_it() -> None:
    [part] = written(Answer(text=TEXT))
    assert isinstance(part, TextPart)
    assert part.text == TEXT


def test_the_code_of_an_answer_without_a_plot_comes_with_its_text_on_the_page_within_limits_and_is_kept() -> None:
    cells = (
        CodeCell(code="print(12)", output="12"),
        CodeCell(code="x" * 30_000, output="y" * 90_000),
        CodeCell(code="z"),
    )
    [part] = parts = written(Answer(text="12", code=cells), channel=PAGE_CHANNEL)
    assert isinstance(part, TextPart)
    [first, cut] = part.code
    assert first == cells[0]
    assert len(cut.code) == len(cut.output) == MAX_SHOWN_CODE_CHARS - len("print(12)")
    reply = Reply(parts=parts)
    assert reply_from_json(reply_to_json(reply)) == reply
    [last] = [piece for piece in split_to_fit(parts, FakeChannel()) if isinstance(piece, TextPart) and piece.code]
    assert last.code == part.code

    for switched, channel in ((replace(ALL, details=False), PAGE_CHANNEL), (ALL, "msteams")):  # Teams shows none
        [silent] = written(Answer(text="12", code=cells), extras=switched, channel=channel)
        assert silent == TextPart(text="12", marks=part.marks)


def test_the_data_of_a_plot_goes_with_it_and_is_linked_once() -> None:
    # ux 3.27
    _, plot = written(Answer(text="Here", images=(PLOT,), files=(TABLE,)))
    assert isinstance(plot, PicturePart)
    assert plot.details is not None
    assert plot.details.data is not None
    assert plot.details.data.name == "points.csv"


@pytest.mark.parametrize(
    "heading", ["You could ask next:", "**Follow-up questions:**", "### Next questions", "You can also ask:"]
)
def test_questions_at_the_end_of_an_answer_become_buttons_of_its_last_part(heading: str) -> None:
    text = f'It is 12.\n\n{heading}\n\n- Is it convex?\n- **Where is the minimum?**\n- "Plot it."\n'
    parts = written(Answer(text=text, images=(PLOT,)))
    assert parts[0] == TextPart(text="It is 12.", marks=Marks(is_ai_generated=True, takes_feedback=True))
    assert marks_of(parts[-1]).follow_ups == ("Is it convex?", "Where is the minimum?", "Plot it.")


def test_a_question_may_name_a_file() -> None:
    text = "It is 12.\n\nYou could ask next:\n- Plot sales.csv by month?"
    assert split_follow_ups(text) == ("It is 12.", ("Plot sales.csv by month?",))


def test_where_others_read_along_the_questions_stay_words() -> None:
    text = "It is 12.\n\nYou could ask next:\n- Is it convex?"
    [part] = written(Answer(text=text), alone=False)
    assert isinstance(part, TextPart)
    assert part.text == text


@pytest.mark.parametrize(
    "text",
    [
        "You could ask next:\n- only questions?",
        "It is 12.\n\nYou could ask next:\n- " + "long " * 30,
        "It is 12.\n\nYou could ask next:\n- 1\n- 2\n- 3\n- 4",
        "You could ask next: your teacher.",
        "It is 12.\n\nYou could ask next:\n- a?\n\nBye.",
        "It is 12.\n\nYou could ask next:\n- Is https://evil.example/a right?",
        "It is 12.\n\nYou could ask next:\n- What does evil.example say?",
        "It is 12.\n\nYou could ask next:\n- Is https://evil.md/?d=secret right?",
        "It is 12.\n\nYou could ask next:\n- Is http://localhost/a.csv right?",
        "It is 12.\n\nYou could ask next:\n- What does www.evil.csv say?",
        "It is 12.\n\nYou could ask next:\n- What does evil.tab say?",
    ],
)
def test_what_is_no_short_list_of_questions_at_the_end_stays_as_it_is(text: str) -> None:
    assert split_follow_ups(text) == (text, ())


def test_citations_are_numbers_and_the_names_of_files() -> None:
    citations = (
        Citation(file=FileRef("a"), placeholder="【4:0†source】", name="report.pdf"),
        Citation(file=FileRef("b"), placeholder="【4:1†source】", name="data.xlsx"),
        Citation(file=FileRef("a"), placeholder="【4:2†source】", name="report.pdf"),
        Citation(file=FileRef("c"), placeholder="【4:3†source】"),
    )
    text = "Up【4:0†source】. Down 【4:1†source】. Both【4:2†source】. Gone【4:3†source】."
    assert number_citations(text, citations) == (
        "Up [1]. Down [2]. Both [1]. Gone.",
        (Source(position=1, name="report.pdf"), Source(position=2, name="data.xlsx")),
    )


def test_no_more_sources_are_named_than_teams_takes() -> None:
    citations = [Citation(file=FileRef(f"{n}"), placeholder=f"【{n}:0†s】", name=f"{n}.pdf") for n in range(30)]
    text, sources = number_citations("".join(citation.placeholder for citation in citations), citations)
    assert len(sources) == 20
    assert "【" not in text


def test_each_piece_of_a_long_answer_names_its_own_sources_and_the_last_takes_the_rest() -> None:
    class Halving(FakeChannel):
        def split(
            self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
        ) -> tuple[str, ...]:
            return text[: len(text) // 2], text[len(text) // 2 :]

    sources = (Source(position=1, name="a"), Source(position=2, name="b"))
    marks = Marks(is_ai_generated=True, takes_feedback=True, sources=sources, follow_ups=("Why?",))
    first, last = split_to_fit([TextPart(text="a [1]b [2]", marks=marks)], Halving())
    assert marks_of(first) == Marks(is_ai_generated=True, sources=sources[:1])
    assert marks_of(last) == Marks(is_ai_generated=True, takes_feedback=True, sources=sources[1:], follow_ups=("Why?",))


def test_a_stream_shows_the_result_alone() -> None:
    assert preview_of("y = 12【4:0†source】\n\n**How the code works.** It") == "y = 12"
    assert split_explanation("**How the code works.** only") == ("**How the code works.** only", "")


def test_a_reply_with_all_its_marks_is_read_from_disk_as_it_was_written() -> None:
    citation = Citation(file=FileRef("a"), placeholder="【4:0†source】", name="report.pdf")
    answer = Answer(
        text=f"Up【4:0†source】.\n\n{TEXT}\n\nYou could ask next:\n- Why?",
        images=(PLOT,),
        files=(TABLE, AnswerFile(file=FileRef("f2"), name="a.xlsx")),
        citations=(citation,),
        code=(CodeCell(code="1", output="2"),),
    )
    reply = Reply(parts=written(answer))
    assert reply_from_json(reply_to_json(reply)) == reply


def test_questions_that_may_become_buttons_are_held_back_while_an_answer_grows() -> None:
    whole = "It is 12.\n\n**You could ask next:**\n- Why?\n- Plot it\n"
    shown = [preview_of(whole[:end]) for end in range(whole.index("ask next") + 3, len(whole) + 1)]
    assert {text.strip() for text in shown} == {"It is 12."}
    assert preview_of("Du kannst als Nächstes fragen:\n") == ""


@pytest.mark.parametrize(
    "text",
    [
        "You can ask the service:\n\n- slowly\n- fast\n\nBoth work.",
        "You can ask:\n" + "- one more\n" * 9,
        "You can ask her about it. She knows: much.",
    ],
)
def test_words_that_only_look_like_such_questions_are_shown(text: str) -> None:
    assert preview_of(text) == text


def test_a_table_that_is_a_part_of_its_own_is_marked_and_stored_like_any_other() -> None:
    table = Table(header=("a", "b"), rows=(("1", "[1]"),), sides=("left", "right"), block="```\na  b\n1  [1]\n```")

    class WithTables(FakeChannel):
        def split(
            self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
        ) -> tuple[str | Table, ...]:
            return ("Before", table)

    source = Source(position=1, name="a.csv")
    marks = Marks(is_ai_generated=True, takes_feedback=True, sources=(source,), follow_ups=("Why?",))
    parts = tuple(split_to_fit([TextPart(text="", marks=marks)], WithTables()))
    assert parts == (
        TextPart(text="Before", marks=Marks(is_ai_generated=True)),
        TablePart(table=table, marks=marks),
    )
    assert reply_from_json(json.loads(json.dumps(reply_to_json(Reply(parts=parts))))) == Reply(parts=parts)


DRAWN = AnswerImage(file=FileRef("f1"), alt_text="Line plot: x from 0 to 1", data=FileRef("f3"))


def test_the_points_of_a_plot_are_its_data_unless_the_code_saved_a_file_of_its_own() -> None:
    for files, name, size_bytes in (((), "plot-1.csv", 8), ((TABLE,), "points.csv", 8)):
        _, plot = written(Answer(text="Here", images=(DRAWN,), files=files))
        assert isinstance(plot, PicturePart)
        assert plot.details is not None
        assert plot.details.data is not None
        assert (plot.details.data.name, plot.details.data.size_bytes) == (name, size_bytes)
    _, plot = written(Answer(text="Here", images=(DRAWN,)), extras=Extras())
    assert isinstance(plot, PicturePart)
    assert (plot.details, plot.chart) == (None, None)


def test_a_plot_whose_points_cannot_be_had_is_shown_without_them() -> None:
    class Forgetful(FakeAssistant):
        @asynccontextmanager
        async def open_file(self, file: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
            if file == "gone":
                raise AssistantUnavailableError("gone")
            async with super().open_file(file) as chunks:
                yield chunks

    assistant = Forgetful()
    assistant.files[FileRef("f1")] = PNG
    writer = ReplyWriter(assistant=assistant, files=MemoryFiles(), pictures=FakePictures(), extras=ALL)
    answer = Answer(text="Here", images=(replace(DRAWN, data=FileRef("gone")),))
    _, plot = asyncio.run(writer.write(answer, message().key))
    assert isinstance(plot, PicturePart)
    assert plot.details is None


def test_a_chart_goes_with_a_plot_where_it_is_switched_on_and_is_stored_with_it() -> None:
    parts = written(Answer(text="Here", images=(DRAWN,)), extras=Extras(charts=True))
    _, plot = parts
    assert isinstance(plot, PicturePart)
    assert plot.chart == Chart(kind=ChartKind.LINE, across="x", series=(ChartSeries(name="y", points=((0.0, 1.0),)),))
    assert reply_from_json(json.loads(json.dumps(reply_to_json(Reply(parts=parts))))) == Reply(parts=parts)


@pytest.mark.parametrize(
    ("alt_text", "points", "shown"),
    [
        ("Line plot", "x,a,a\n0,1,2\n1,2,3\n", [("a", ((0.0, 1.0), (1.0, 2.0))), ("a", ((0.0, 2.0), (1.0, 3.0)))]),
        ("Line plot", "series,t,y\na,0,1\nb,5,2\n", [("a", ((0.0, 1.0),)), ("b", ((5.0, 2.0),))]),
        ("Bar chart", "x,sold\nN,1\nS,2\n", [("sold", (("N", 1.0), ("S", 2.0)))]),
        ("Line plot", "x,y\n2024-01-01,1\n2024-01-02,2\n", [("y", (("2024-01-01", 1.0), ("2024-01-02", 2.0)))]),
        ("Line plot", "x,y\n0,1\n1,\n", None),
        ("Line plot", "x,y\n,1\n", None),
        ("Line plot", "x,y\n0,nan\n", None),
        ("Line plot", "x\n0\n", None),
        ("Line plot", "x,y\n0,1,2\n", None),
        ("Line plot", "", None),
        ("Line plot", "x,1,2,3,4,5,6,7\n0,1,2,3,4,5,6,7\n", None),
        ("Bar chart", "x,y\n" + "a,1\n" * 41, None),
        ("Scatter plot", "x,y\n0,1\n", None),
        ("Histogram", "x from,count\n0,1\n", None),
    ],
)
def test_only_lines_and_bars_of_few_points_without_gaps_are_charts(
    alt_text: str, points: str, shown: list[tuple[str, object]] | None
) -> None:
    chart = chart_of(alt_text, points.encode())
    assert (chart and [(series.name, series.points) for series in chart.series]) == shown


def test_a_long_line_is_shown_by_few_of_its_points_with_both_ends() -> None:
    chart = chart_of("Line plot", ("x,y\n" + "".join(f"{n},{n * n}\n" for n in range(1001))).encode())
    assert chart is not None
    [series] = chart.series
    assert len(series.points) <= MAX_POINTS_SHOWN + 1
    assert (series.points[0], series.points[-1]) == ((0.0, 0.0), (1000.0, 1_000_000.0))


def test_a_question_of_nothing_but_blanks_is_read_in_one_pass() -> None:
    text = "It is 12.\n\nYou could also ask next:\n  -" + " " * 20_000 + "\n\nx"
    assert split_follow_ups(text) == (text, ())
