"""From the results of code to words; all languages say the same."""

from __future__ import annotations

import string

import pytest

from tutor.answers.results import Result, results_in
from tutor.answers.say import Explanation, Say
from tutor.answers.sentence_catalogue import Sentence, catalogue
from tutor.answers.whole_answer import answer
from tutor.language.vocabulary import Language
from tutor.planning.context import Context
from tutor.planning.planning import planned
from tutor.programs.result_keys import Key
from tutor.reading.question_reader import read

ENGLISH = Say(language=Language.ENGLISH)
PARABOLA: Result = {
    Key.DERIVATIVE: "2",
    Key.SURE: True,
    Key.WINDOW: False,
    Key.KINKS: [],
    Key.TURNS: [],
    Key.ROWS: [{Key.PART: 0, Key.LOW: "-oo", Key.HIGH: "oo", Key.SIGN: 1}],
}


def told(question: str, *results: Result, explains: bool = False) -> str:
    """The answer that these results give."""
    read_question = read(question, otherwise=Language.ENGLISH)
    plan = planned(read_question, Context())
    say = Say(language=read_question.language, places=plan.places)
    return answer(
        say,
        plan.tasks,
        results,
        doubts=plan.doubts,
        explanation=Explanation.FULL if explains else Explanation.NONE,
        trouble="it was stopped",
    )


@pytest.mark.parametrize("language", Language)
def test_a_catalogue_has_every_sentence_once_and_nothing_else(language: Language) -> None:
    assert set(catalogue(language)) == set(Sentence)


def test_all_languages_have_the_same_gaps_in_each_sentence() -> None:
    def gaps(language: Language) -> dict[Sentence, set[str | None]]:
        words = catalogue(language).items()
        return {key: {gap for _, gap, _, _ in string.Formatter().parse(text)} for key, text in words}

    assert gaps(Language.ENGLISH) == gaps(Language.GERMAN) == gaps(Language.DUTCH)


@pytest.mark.parametrize(
    ("exact", "decimal", "shown"),
    [
        ("12", "12.0000000000000", "12"),
        ("7/3", "2.33333333333333", "7/3 ≈ 2.33333"),
        ("1/2", "0.5", "1/2 = 0.5"),
        ("sqrt(2)", "1.41421356237310", "√2 ≈ 1.41421"),
        ("-1", "-1.0", "−1"),
        ("oo", "oo", "∞"),
        ("CRootOf(x**5 - x - 1, 0)", "1.16730397826142", "≈ 1.1673"),
        ("0.7390851332", "0.7390851332", "≈ 0.739085"),
        ("1234567/1000", "1234.56700000000", "1234567/1000 = 1234.567"),
        ("1/10000000", "1.0e-7", "1/10000000 ≈ 1·10⁻⁷"),
        ("2" * 70, "2.2e69", "2.22222·10⁶⁹ (a number of 70 digits)"),
    ],
)
def test_a_number_is_shown_exactly_and_as_a_decimal(exact: str, decimal: str, shown: str) -> None:
    assert ENGLISH.both({Key.EXACT: exact, Key.DECIMAL: decimal}) == shown


def test_german_numbers_have_a_comma_and_places_are_kept() -> None:
    say = Say(language=Language.GERMAN, places=3)
    assert say.both({Key.EXACT: "sqrt(2)", Key.DECIMAL: "1.41421356237310"}) == "√2 ≈ 1,414"


def test_the_result_comes_first_then_how_then_why() -> None:
    text = told("Solve y = x^2 + 3 for x = 3", {Key.EXACT: "12", Key.DECIMAL: "12.0"}, explains=True)
    assert text.startswith("**y = 12** for x = 3.")
    assert text.index("3² + 3 = 12") < text.index("**How the code works.**") < text.index("**Why I used code.**")


def test_the_articles_second_question_is_answered_with_the_reason() -> None:
    text = told("Is x^2 + 3 a concave function?", PARABOLA)
    assert text.startswith("**No**, x² + 3 is **not concave; it is convex**.")
    assert "second derivative" in text
    assert "2, which is greater than 0" in text


def test_a_question_in_german_is_answered_in_german() -> None:
    assert told("Ist x^2 + 3 konkav?", PARABOLA).startswith("**Nein**, x² + 3 ist **nicht konkav, sondern konvex**.")


def test_a_shape_that_was_only_tested_is_not_claimed_as_proven() -> None:
    assert "cannot prove it" in told("Is x^2 convex?", {**PARABOLA, Key.SURE: False})


def test_a_sign_that_the_tests_did_not_settle_is_no_verdict() -> None:
    rows = [{Key.PART: 0, Key.LOW: "-oo", Key.HIGH: "oo", Key.SIGN: None}]
    assert "could not find out" in told("Is x^2 convex?", {**PARABOLA, Key.ROWS: rows})


def test_an_integral_that_the_strips_contradict_is_not_claimed() -> None:
    result: Result = {Key.EXACT: "9", Key.DECIMAL: "9.0", Key.STRIPS: "7.5", Key.ERROR: "1e-9"}
    assert "**9**" not in told("Integrate x^2 from 0 to 3", result)


def test_a_limit_that_values_nearby_contradict_is_not_claimed() -> None:
    near = {Key.LEFT: "4.0", Key.RIGHT: "4.0"}
    assert "could not confirm" in told("limit of x^2 as x -> 1", {Key.LEFT: "1", Key.RIGHT: "1", Key.NEAR: near})


def test_an_antiderivative_whose_derivative_is_something_else_is_not_claimed() -> None:
    assert "could confirm" in told("Integrate x^2", {Key.EXACT: "x**4", Key.FOUND: True, Key.CHECK: False})


def test_a_value_that_does_not_exist_is_said_to_be_undefined() -> None:
    assert "**not defined**" in told("What is 1/x for x = 0?", {Key.EXACT: "zoo", Key.DECIMAL: "zoo"})


def test_where_the_code_stopped_half_way_the_answer_says_what_is_missing() -> None:
    text = told("What is x^2 for x = 2? Plot it.", {Key.EXACT: "4", Key.DECIMAL: "4.0"})
    assert "**x² = 4**" in text
    assert "it was stopped" in text


def test_only_whole_marked_lines_are_read_from_the_output() -> None:
    output = 'RESULT {"x": 1}\nRESULT {broken\n RESULT {"y": 2}\nRESULTS {"x": 3}\nnoise RESULT {"y": 4}\nRESULT [5]'
    assert results_in(output) == [{Key.X: 1}]


def test_nonsense_in_a_result_line_makes_an_answer_and_no_crash() -> None:
    nonsense: Result = {
        Key.ROWS: 7,
        Key.SOLUTIONS: {"x": 1},
        Key.EXACT: 5,
        Key.DERIVATIVE: None,
        Key.LEFT: "x",
        Key.VALUES: [1],
    }
    for question in (
        "2+2",
        "Solve x^2 = 4",
        "Is x^2 convex?",
        "plot x^2",
        "x^2 > 4",
        "derivative of x^2 at 1",
        "extrema of x^2",
        "table of x^2",
        "integrate x^2 from 0 to 1",
        "limit of x^2 as x -> 0",
    ):
        assert told(question, nonsense)
