"""How the tutor answers: its language, its explanation, its code, and whether it may or must call."""

from __future__ import annotations

import json

import pytest

from adapters.embedded.models.port import CODE_INTERPRETER, ModelRequest
from adapters.embedded.models.tutor_model import TutorModel
from tests.unit.tutor.test_tutor_model import ran, reply_to, user
from tutor.asides import without_asides
from tutor.dialogue import UserMessage
from tutor.language.spelling import corrected
from tutor.language.vocabulary import Language, language_of
from tutor.reading.number_wording import number_tasks
from tutor.reading.plot_wording import Colour, Colours, Grid, PlotChange, Title, plot_wording

RESULT = 'RESULT {"exact": "5", "decimal": "5.0"}'


@pytest.mark.parametrize(
    "aside", ["why?", "Show me the code, please", "in German please", "warum?", "How did you do that?"]
)
async def test_a_word_about_the_answer_before_asks_the_question_before_again(aside: str) -> None:
    [first] = (await reply_to(user("mean of 3, 4, 8"))).tool_calls
    [again] = (await reply_to(user("mean of 3, 4, 8"), user(aside))).tool_calls
    assert json.loads(again.arguments) == json.loads(first.arguments)


@pytest.mark.parametrize(
    ("said", "language"),
    [("Solve x = 3, answer in German", Language.GERMAN), ("plot x^2 auf Englisch bitte", Language.ENGLISH)],
)
def test_the_language_asked_for_is_told_apart_from_the_question(said: str, language: Language) -> None:
    [question], wishes = without_asides([UserMessage(text=said)])
    assert wishes.language is language
    assert question.text in {"Solve x = 3", "plot x^2"}


def test_an_aside_that_opens_a_thread_is_read_as_a_question() -> None:
    [question], _ = without_asides([UserMessage(text="why?")])
    assert question.text == "why?"


@pytest.mark.parametrize(
    "instructions",
    [
        "Do not explain code.",
        "Never explain anything",
        "Only the result, please.",
        "Erkläre den Code nicht",
        "Be brief",
    ],
)
async def test_instructions_can_wave_the_explanation(instructions: str) -> None:
    assert "Why I used code" not in (await ran("2 + 3", RESULT, instructions=instructions)).text


async def test_without_such_instructions_the_code_is_explained() -> None:
    assert "Why I used code" in (await ran("2 + 3", RESULT, instructions="Explain why you used the code")).text


@pytest.mark.parametrize("instructions", ["Answer in German.", "Antworte immer auf Deutsch", "Speak German"])
async def test_instructions_settle_the_language_of_answers_and_refusals(instructions: str) -> None:
    assert "Warum Code" in (await ran("2 + 3", RESULT, instructions=instructions)).text
    refused = await reply_to(user("What is love?"), instructions=instructions)
    assert "Zum Beispiel" in refused.text


@pytest.mark.parametrize("choice", ["required", CODE_INTERPRETER])
async def test_a_caller_that_insists_on_code_gets_a_call_even_for_a_greeting(choice: str) -> None:
    [call] = (await reply_to(user("Hello"), tool_choice=choice)).tool_calls
    assert "nothing to calculate" in call.arguments


@pytest.mark.parametrize("choice", ["auto", "none"])
async def test_nobody_else_gets_code_for_a_greeting(choice: str) -> None:
    reply = await reply_to(user("Hello"), tool_choice=choice)
    assert (reply.tool_calls, "Hello" in reply.text) == ((), True)


@pytest.mark.parametrize(
    "text",
    ["mean of x, 4, 8", "mean of 3, 4, 8 apples", "is x prime", "mean of 1,5 and 7", "gcd of 4", "5 is what percent"],
)
def test_a_question_about_numbers_is_taken_whole_or_not_at_all(text: str) -> None:
    assert not number_tasks(text, Language.ENGLISH, ())


@pytest.mark.parametrize(("channel", "names_settings"), [("", True), ("webchat", True), ("msteams", False)])
async def test_only_on_this_machine_a_refusal_names_the_settings(channel: str, *, names_settings: bool) -> None:
    # ux 3.3
    request = ModelRequest(instructions="", messages=(user("What is love?"),), channel=channel)
    refused = (await TutorModel().complete(request)).text
    assert (".env" in refused) is names_settings
    assert ("ask the person who runs this bot" in refused) is not names_settings


@pytest.mark.parametrize(
    ("said", "language", "words"),
    [
        ("x^2", "de", "Das habe ich mir gemerkt"),
        ("x^2", "nl", "Dat heb ik genoteerd"),
        ("x^2", "", "I have noted that"),
        ("What is love?", "de", "I did not understand"),
        ("Wat is liefde?", "de", "niet begrepen"),
        ("help", "nl", "wiskundetutor"),
    ],
)
async def test_a_refusal_is_in_the_language_of_the_question_else_in_that_of_the_client(
    said: str, language: str, words: str
) -> None:
    request = ModelRequest(instructions="", messages=(user(said),), language=language)
    assert words in (await TutorModel().complete(request)).text


async def test_examples_come_with_the_first_refusal_only() -> None:
    first = (await reply_to(user("What is love?"))).text
    second = (await reply_to(user("What is love?"), user("What is hate?"))).text
    assert ("For example" in first, "For example" in second, "“help”" in second) == (True, False, True)


def test_only_a_word_with_one_neighbour_that_means_something_is_put_right() -> None:
    assert corrected("slove x = 3", Language.ENGLISH) == ("solve x = 3", (("slove", "solve"),))
    assert corrected("slope of hoese, mode and love", Language.ENGLISH)[1] == ()
    assert corrected("revenu by reigon", Language.ENGLISH, ["revenue", "region"])[0] == "revenue by region"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("make the second line green", (Colour("green", "the second line"),)),
        ("färbe x^2 rot", (Colour("red", "x^2"),)),
        ("make them red and blue", (Colours(("red", "blue")),)),
        ("title it Growth of 2024", (Title("Growth of 2024"),)),
        ("please remove the grid", (Grid(shown=False),)),
        ("plot x^2 with title, labels and a legend", ()),
        ("give the plot a title, labels and a legend", ()),
    ],
)
def test_wishes_about_the_looks_of_a_plot_are_read(text: str, changes: tuple[PlotChange, ...]) -> None:
    assert plot_wording(text).changes == changes


@pytest.mark.parametrize(
    "text", ["¿cuál es la derivada de x^2?", "quelle est la dérivée de x^2 ?", "qual è la derivata di x^2?"]
)
def test_a_question_in_a_language_that_nobody_speaks_here_is_refused_in_the_one_before(text: str) -> None:
    # ux 2: it was refused in German
    assert {language_of(text, language) for language in Language} == set(Language)


@pytest.mark.parametrize(
    ("said", "count"),
    [("1) 2+2 2) 3*3", 2), ("a) 2+3 b) 4*5 c) solve x^2 = 4", 3), ("2(3+4)", 1), ("Plot x^2 :)", 1)],
)
async def test_numbered_questions_get_an_answer_each(said: str, count: int) -> None:
    [call] = (await reply_to(user(said))).tool_calls
    assert json.loads(call.arguments)["code"].count('print("RESULT"') == count


async def test_a_percentage_added_to_a_number_is_no_curve_of_the_plot_before() -> None:
    [call] = (await reply_to(user("plot sin x"), user("add 19% to 100"))).tool_calls
    assert "plt." not in json.loads(call.arguments)["code"]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("VAT (19%) on 250", "numbers[0] / 100 * numbers[1]"),
        ("a tip of 15% on 42.50", "numbers[0] / 100 * numbers[1]"),
        ("price 120 after 25% discount", "numbers[0] * (1 - numbers[1] / 100)"),
        ("Wie viel ist 120 mit 25 % Rabatt?", "numbers[0] * (1 - numbers[1] / 100)"),
        ("1.000,50 + 2", "1000.50 + 2"),
        ("2[3(4+5)-1]", "2*(3*(4 + 5) - 1)"),
    ],
)
async def test_amounts_are_read_as_offices_write_them(said: str, value: str) -> None:
    [call] = (await reply_to(user(said))).tool_calls
    assert value in json.loads(call.arguments)["code"]
