"""The tutor as a Model: what it asks to run, what it says to what comes back, and how it takes hostile text."""

from __future__ import annotations

import ast
import json
import time

import pytest

from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    Speaker,
)
from adapters.embedded.models.tutor_model import TutorModel

TOOL = ModelTool(name=CODE_INTERPRETER, description="Runs Python.", parameters={})
QUESTION = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."


async def reply_to(
    *messages: ModelMessage,
    tools: tuple[ModelTool, ...] = (TOOL,),
    tool_choice: str = "auto",
    instructions: str = "",
) -> ModelReply:
    """One exchange."""
    request = ModelRequest(instructions=instructions, messages=messages, tools=tools, tool_choice=tool_choice)
    return await TutorModel().complete(request)


def user(text: str, *files: str) -> ModelMessage:
    """Someone's message."""
    return ModelMessage(speaker=Speaker.USER, text=text, file_names=files)


async def ran(question: str, output: str, *, instructions: str = "") -> ModelReply:
    """The reply once the code has given this output."""
    call = await reply_to(user(question))
    asked = ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=call.tool_calls)
    heard = ModelMessage(speaker=Speaker.TOOL, text=output, tool_call_id=call.tool_calls[0].id)
    return await reply_to(user(question), asked, heard, instructions=instructions)


async def test_a_question_becomes_a_call_with_readable_python() -> None:
    reply = await reply_to(user(QUESTION))
    [call] = reply.tool_calls
    assert call.name == CODE_INTERPRETER
    assert reply.finish is ModelFinish.TOOL_CALLS
    assert reply.model == "built-in tutor"
    code = json.loads(call.arguments)["code"]
    ast.parse(code)
    assert 'sp.sympify("x**2 + 3", locals={"x": x}, rational=True)' in code
    assert "plt.title" in code
    assert max(map(len, code.splitlines())) <= 120
    assert len(code.splitlines()) < 80


async def test_the_output_becomes_the_answer() -> None:
    reply = await ran(QUESTION, 'RESULT {"exact": "12", "decimal": "12.0"}\nRESULT {"left": -5.0, "right": 5.0}')
    assert not reply.tool_calls
    assert reply.finish is ModelFinish.STOP
    assert reply.text.startswith("**y = 12** for x = 3.")
    assert "**Why I used code.**" in reply.text


async def test_instructions_to_be_brief_leave_the_explanation_out() -> None:
    reply = await ran("2+2", 'RESULT {"exact": "4", "decimal": "4.0"}', instructions="Be brief.")
    assert reply.text == "**2 + 2 = 4**"


async def test_instructions_can_set_the_language() -> None:
    reply = await ran("2+2 =", 'RESULT {"exact": "4", "decimal": "4.0"}', instructions="Antworte auf Deutsch.")
    assert "Wie der Code arbeitet" in reply.text


async def test_without_a_tool_it_says_that_it_cannot_compute() -> None:
    for reply in (await reply_to(user(QUESTION), tools=()), await reply_to(user(QUESTION), tool_choice="none")):
        assert not reply.tool_calls
        assert "Code Interpreter" in reply.text


@pytest.mark.parametrize(
    "output",
    [
        "There are no walls on this machine, so nothing was run. Install bubblewrap.",
        "Traceback (most recent call last):\nZeroDivisionError: division by zero",
        "The code was stopped after 60 seconds.",
        "The code used more than 1 GB of memory and was stopped.",
        "",
    ],
)
async def test_code_that_did_not_finish_is_told_honestly(output: str) -> None:
    reply = await ran(QUESTION, output)
    assert "no result" in reply.text
    assert (output.splitlines() or [""])[-1] in reply.text


async def test_the_same_thread_gives_the_same_reply_for_nothing_is_kept_between_exchanges() -> None:
    first, second = await reply_to(user(QUESTION)), await reply_to(user(QUESTION))
    assert first == second


async def test_a_thread_without_a_question_gets_a_greeting() -> None:
    assert "Hello" in (await reply_to()).text


async def test_the_line_that_says_who_speaks_in_a_group_is_no_part_of_the_question() -> None:
    [call] = (await reply_to(user("Ada Lovelace wrote:\nwhat is 6 * 7?"))).tool_calls
    assert "6*7" in call.arguments


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('rm -rf /')",
        'x = 3; "); import os; os.system("ls") #',
        'f(x) = x^2""" + open(\'/etc/passwd\').read()',
        "x" * 10_000_000,
        "(" * 100_000,
        "-" * 1400 + "x",
        "x^" * 700,
        "2+" * 700 + "2",
        "\x00\x01\ud800 x^2",
        "plot x^2 \n\n\r\n\t '''\\\"",
        "9**9**9**9**9",
        "||||||||||x",
        "sin " * 300 + "x",
        "f'" * 300,
        "[" * 500 + "1,2" + "]" * 500,
        "\U0001f600" * 300,
        "x = " * 300 + "1",
        "and " * 370,
    ],
    ids=lambda text: repr(text[:20]),
)
async def test_hostile_text_gets_an_honest_answer_at_once(text: str) -> None:
    began = time.process_time()
    reply = await reply_to(user(text), user("Plot x^2"), user(text))
    assert reply.text or reply.tool_calls
    assert time.process_time() - began < 2.0
    for call in reply.tool_calls:
        assert "import os" not in json.loads(call.arguments)["code"]


@pytest.mark.parametrize(
    "unit",
    [
        *(" ", "\t", "\n", "\n ", "\N{NO-BREAK SPACE}", "|", "-", "|--", "1", ",", "1,", "1, ", "(", "[", "x", "a="),
        *("rent 800, ", "word ", "1% ", "! ", "? ", "a = 1, ", "\n1,2", "\n| a | 1 |", " |-(1,x "),
    ],
    ids=repr,
)
async def test_a_long_line_of_any_signs_is_read_in_the_time_of_its_length(unit: str) -> None:
    for length in (1300, 19_000):
        line = (unit * length)[:length]
        for text in (line, f"plot the chart{line}x", f"plot bars\n{line}x\n1,2\n", f"mean of {line} 1 and"):
            began = time.process_time()
            reply = await reply_to(user("Plot x^2"), user(text))
            assert reply.text or reply.tool_calls
            assert time.process_time() - began < 5.0


@pytest.mark.parametrize(
    "text",
    [
        "plot x^2" + "!" * 30 + "x",
        "make it red" + " please" * 30 + " x",
        "mean of " + "1, " * 30 + "foo",
        "mean of " + "1 , " * 30 + "foo",
        "histogram of " + "1, " * 30 + "foo",
        "points " + "( 1,1) and " * 30 + "x",
        "nein nein " * 30 + "x",
    ],
    ids=lambda text: text[:20],
)
async def test_a_further_repetition_does_not_double_the_time_of_reading(text: str) -> None:
    began = time.process_time()
    await reply_to(user("Plot x^2"), user(text))
    assert time.process_time() - began < 5.0


async def test_a_file_is_first_looked_at_then_worked_on_then_told_of() -> None:
    question = user("Plot b against a", "data.csv")
    [look] = (await reply_to(question)).tool_calls
    assert '"data.csv"' in json.loads(look.arguments)["code"]
    columns = 'RESULT {"columns": [{"name": "a", "kind": "number"}, {"name": "b", "kind": "number"}], "rows": 3}'
    looked = (
        ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(look,)),
        ModelMessage(speaker=Speaker.TOOL, text=columns, tool_call_id=look.id),
    )
    [plot] = (await reply_to(question, *looked)).tool_calls
    assert "plt.scatter" in json.loads(plot.arguments)["code"]
    drawn = (
        ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(plot,)),
        ModelMessage(speaker=Speaker.TOOL, text='RESULT {"count": 3, "fits": []}', tool_call_id=plot.id),
    )
    reply = await reply_to(question, *looked, *drawn)
    assert "b against a, with 3 points" in reply.text


async def test_a_question_about_a_file_that_is_not_there_is_told_so() -> None:
    assert "no file" in (await reply_to(user("Draw a histogram of the column price"))).text


@pytest.mark.parametrize(
    ("question", "until", "said"),
    [
        ("what is 6 * 7?", " until 09:00 UTC", "No code runs for you until 09:00 UTC: the time for it is used up."),
        ("Löse x^2 = 9", " until 09:00 UTC", "Bis 09:00 UTC läuft für dich kein Code"),
        ("Los op x^2 = 9", " until 09:00 UTC", "Tot 09:00 UTC wordt er voor jou geen code uitgevoerd"),
        ("Löse x^2 = 9", "", "Im Moment läuft für dich kein Code"),
    ],
)
async def test_that_the_time_for_code_is_used_up_is_said_in_the_language_of_the_question(
    question: str, until: str, said: str
) -> None:
    reply = await ran(question, f"No code runs for you{until}: the time for it is used up.\nDo not call code again.")
    assert reply.text.startswith(said)
    assert "code again" not in reply.text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("summarize this", "I cannot read report.pdf"),
        ("", "I cannot read report.pdf"),
        ("zeichne ein Balkendiagramm", "Deshalb kann ich report.pdf nicht lesen"),
        ("teken een staafdiagram van de kolom prijs", "Daarom kan ik report.pdf niet lezen"),
    ],
)
async def test_a_file_that_is_no_table_is_named_with_the_kinds_that_are_read(question: str, said: str) -> None:
    reply = await reply_to(user(question, "report.pdf"))
    assert said in reply.text
    assert all(kind in reply.text for kind in ("csv", "tsv", "xlsx"))
    assert (await reply_to(user("plot x^2", "report.pdf"))).tool_calls


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("mean of a", "line 4 has 5 cells"),
        ("Mittelwert von a", "Zeile 4 hat 5 Zellen"),
        ("gemiddelde van a", "regel 4 heeft 5 cellen"),
    ],
)
async def test_a_line_with_too_many_cells_is_named_by_its_number(question: str, said: str) -> None:
    asked = user(question, "data.csv")
    [look] = (await reply_to(asked)).tool_calls
    trouble = "ParserError: Error tokenizing data. C error: Expected 3 fields in line 4, saw 5\n"
    heard = ModelMessage(speaker=Speaker.TOOL, text=trouble, tool_call_id=look.id)
    reply = await reply_to(asked, ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(look,)), heard)
    assert said in reply.text
    assert "did not finish" not in reply.text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("mean of c1700", "The file has 2000 columns. I look at the first ones and at those that you name"),
        ("Mittelwert von c1700", "Die Datei hat 2000 Spalten. Ich sehe mir die ersten an und die, die du nennst"),
        ("gemiddelde van c1700", "Het bestand heeft 2000 kolommen. Ik bekijk de eerste en de kolommen die je noemt"),
    ],
)
async def test_a_column_of_a_wide_table_that_is_not_found_is_asked_for_by_its_name(question: str, said: str) -> None:
    asked = user(question, "data.csv")
    [look] = (await reply_to(asked)).tool_calls
    columns = 'RESULT {"columns": [{"name": "c1", "kind": "number"}], "rows": 3, "width": 2000}'
    heard = ModelMessage(speaker=Speaker.TOOL, text=columns, tool_call_id=look.id)
    reply = await reply_to(asked, ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(look,)), heard)
    assert reply.text.startswith(said)


@pytest.mark.parametrize(
    "question", ["2/8 as percent", "What is 2/8 as a percentage?", "2/8 in Prozent", "2/8 als procent"]
)
async def test_a_fraction_as_percent_is_a_share(question: str) -> None:
    [asked], [share] = (
        (await reply_to(user(question))).tool_calls,
        (await reply_to(user("2 is what % of 8"))).tool_calls,
    )
    assert asked.arguments == share.arguments
