"""What people say of an answer, and a factorial at the end of a sentence."""

from __future__ import annotations

import json
import time

import pytest

from adapters.embedded.models.port import ModelMessage, Speaker
from tests.unit.tutor.test_tutor_model import ran, reply_to, user
from tutor.claims import claim_in, equality_in, restated
from tutor.formulas.formula_text import code
from tutor.formulas.statements import Doubt
from tutor.language.vocabulary import Language
from tutor.reading.question_reader import read


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        ("isn't it 43?", "43"),
        ("But isn’t the answer 3/4 ?", "3/4"),
        ("hmm, I get 3x^2", "3x^2"),
        ("so 12?", "12"),
        ("12, right?", "12"),
        ("thanks, but I think it's 150", "150"),
        ("my teacher says the answer is -2.5", "-2.5"),
        ("isn't x = 2 also a solution?", "x = 2"),
        ("are you sure it's not 7?", "7"),
        ("you said 12", "12"),
        ("ist das nicht 13?", "13"),
        ("also 12, oder?", "12"),
        ("ich habe 12 raus", "12"),
        ("is het niet 12,5?", "12,5"),
        ("ik kom op 12", "12"),
        ("that's wrong", ""),
        ("Das stimmt nicht!", ""),
        ("klopt dat?", ""),
        ("x=2, y=1, right?", "x=2, y=1"),
        ("I get 2 and -2", "2 and -2"),
        ("so x is 3?", "x is 3"),
    ],
)
def test_a_claim_about_the_answer_is_told_from_a_question(said: str, claim: str) -> None:
    assert claim_in(said) == claim


@pytest.mark.parametrize(
    "said",
    [
        "is 91?",
        "and 5?",
        "so f(3)?",
        "I have y = x^2",
        "it should be x^3",
        "solve x^2 = 4",
        "I think it is nice",
        "2 + 2",
    ],
)
def test_another_question_is_no_claim(said: str) -> None:
    assert claim_in(said) is None


def test_a_claim_in_words_is_asked_as_a_question() -> None:
    assert restated("but you said it was concave") == "is it concave?"
    assert restated("ich dachte, es ist konvex") == "ist es konvex?"
    assert restated("plot x^2") == "plot x^2"


@pytest.mark.parametrize(
    ("said", "sides"),
    [
        ("is 2 + 2 = 5?", ("2 + 2", "5")),
        ("sqrt(16)=4, right?", ("sqrt(16)", "4")),
        ("2x = 4", None),
        ("y = 3", None),
        ("2 + 2 = ?", None),
        ("x = 1, 2", None),
    ],
)
def test_an_equality_of_numbers_is_a_claim_about_its_left_side(said: str, sides: tuple[str, str] | None) -> None:
    assert equality_in(said) == sides


async def judged(question: str, output: str, claim: str) -> str:
    """The first paragraph said to a claim, once the question's code has run again."""
    asked = [user(question), user(claim)]
    [call] = (await reply_to(*asked)).tool_calls
    assert call.arguments == (await reply_to(user(question))).tool_calls[0].arguments
    heard = ModelMessage(speaker=Speaker.TOOL, text=output, tool_call_id=call.id)
    return (await reply_to(*asked, heard)).text.partition("\n\n")[0]


SUM = 'RESULT {"exact": "7/12", "decimal": "0.583333333333333"}'
ROOTS = (
    'RESULT {"solutions": [{"exact": "2", "decimal": "2.0"}, {"exact": "3", "decimal": "3.0"}], "sure": true, '
    '"every": false, "families": [], "complex": []}'
)


@pytest.mark.parametrize(
    ("question", "output", "claim", "said"),
    [
        ("1/3 + 1/4", SUM, "isn't it 7/12?", "**Yes, 7/12 is right.**"),
        ("1/3 + 1/4", SUM, "I get 0.58", "**Yes, 0.58 is right**, rounded."),
        ("1/3 + 1/4", SUM, "so 58%?", "**Yes, 58 % is right**, rounded."),
        ("1/3 + 1/4", SUM, "but you said 12", "**No, it is not 12.**"),
        ("Was ist 1/3 + 1/4?", SUM, "ist das nicht 0,6?", "**Ja, 0,6 ist richtig**, gerundet."),
        ("hoeveel is 1/3 + 1/4?", SUM, "ik kom op 0,7", "**Nee, 0,7 klopt niet.**"),
        ("1/3 + 1/4", SUM, "that's wrong", "I calculated it again, with this result:"),
        ("solve x^2 - 5x + 6 = 0", ROOTS, "isn't x = 2 a solution?", "**Yes, x = 2 is one of the solutions.**"),
        ("solve x^2 - 5x + 6 = 0", ROOTS, "I thought x = 4", "**No, it is not x = 4.**"),
    ],
)
async def test_a_claim_is_judged_by_the_result_and_not_by_what_is_said(
    question: str, output: str, claim: str, said: str
) -> None:
    assert await judged(question, output, claim) == said


async def test_a_claimed_formula_is_compared_by_code() -> None:
    asked = [user("derivative of x^3"), user("isn't it 3x?")]
    [first] = (await reply_to(*asked)).tool_calls
    heard = ModelMessage(speaker=Speaker.TOOL, text='RESULT {"exact": "3*x**2", "values": []}', tool_call_id=first.id)
    [second] = (await reply_to(*asked, heard)).tool_calls
    assert 'sp.sympify("3*x", rational=True)' in json.loads(second.arguments)["code"]
    for same, said in ((True, "**Yes, 3x is right.**"), (False, "**No, it is not 3x.**")):
        result = f'RESULT {{"check": {json.dumps(same)}, "value": "3.0*x"}}'
        compared = ModelMessage(speaker=Speaker.TOOL, text=result, tool_call_id=second.id)
        assert (await reply_to(*asked, heard, compared)).text.startswith(said)


@pytest.mark.parametrize("said", ["I have x^2 + 1", "so x^2?"])
async def test_a_formula_after_a_number_is_another_subject_and_no_claim(said: str) -> None:
    reply = await reply_to(user("what is 2+2"), user(said))  # review 16
    assert (reply.tool_calls, "plot it" in reply.text) == ((), True)


async def test_an_answer_to_what_was_asked_back_is_no_claim() -> None:
    [call] = (await reply_to(user("draw a circle"), user("it is 3"))).tool_calls
    assert "x**2 + y**2 - 3**2" in json.loads(call.arguments)["code"]


@pytest.mark.parametrize("said", ["isn't it " + "3+" * 50, "so " * 40, "it is it is " * 9, "I think it's " + "x " * 50])
def test_a_long_claim_is_read_at_once(said: str) -> None:
    started = time.process_time()
    claim_in(said)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("said", "formula"),
    [
        ("3 + 4!", "3 + factorial(4)"),
        ("What is 10 - 3!", "10 - factorial(3)"),
        ("was ist 2*3!", "2*factorial(3)"),
        ("(2+3)!", "factorial(2 + 3)"),
        ("What is 5! Thanks", "factorial(5)"),
        ("Hi! What is 2 + 3", "2 + 3"),
        ("2 + 3 !", "2 + 3"),
    ],
)
def test_a_factorial_at_the_end_of_a_sum_is_one(said: str, formula: str) -> None:
    subjects = [each for clause in read(said, otherwise=Language.ENGLISH).clauses for each in clause.subjects]
    assert code(subjects[0].parts[0]) == formula


@pytest.mark.parametrize(
    ("said", "is_doubtful"), [("solve x^2 = 9!", True), ("plot x^2 from 0 to 5!", False), ("Great!", False)]
)
def test_an_exclamation_mark_that_may_be_a_factorial_is_named(said: str, is_doubtful: bool) -> None:
    question = read(said, otherwise=Language.ENGLISH)
    assert (Doubt.EXCLAMATION in question.doubts) is is_doubtful


async def test_the_answer_says_how_the_exclamation_mark_was_read() -> None:
    assert "exclamation mark" in (await ran("solve x^2 - 5x + 6 = 0!", ROOTS)).text
    assert "exclamation mark" not in (await ran("1/3 + 1/4", SUM)).text
    assert "(4!)" in (await ran("Solve x^2 - 5x + 6 = 4!", ROOTS)).text  # review 13: the number that was written
    assert "(2.000!)" in (await ran("Summe von 1.000, 2.000!", SUM)).text


@pytest.mark.parametrize(
    "said",
    [
        "sum of 100 000 200",
        "mean of 1 000 2 000 3 000",
        "sum of 1 000, 2 500",
        "Summe von 100 200 und 300",
        "histogram of 1 000 2 000 3 000",
    ],
)
async def test_a_blank_that_may_stand_inside_of_a_number_is_asked_about(said: str) -> None:
    refused = await reply_to(user(said))  # review 19: the sum of 100, 000 and 200
    assert not refused.tool_calls
    assert "1 000" in refused.text


async def test_a_function_in_an_answer_has_the_decimal_sign_of_the_language() -> None:
    drawn = 'RESULT {"left": -3.0, "right": 3.0, "seen": 1, "unseen": []}'
    assert "f(x) = 0,5x² − 2 ist" in (await ran("Zeichne f(x) = 0,5x² - 2 von -3 bis 3", drawn)).text
