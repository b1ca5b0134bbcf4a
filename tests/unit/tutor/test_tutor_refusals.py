"""What the tutor does not understand it says; nothing that a word would change is answered without that word."""

from __future__ import annotations

import pytest

from tests.tutor.plans import refusal_of
from tutor.answers.refusals import declined
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.question_reader import read

REFUSED = [
    ("What is the capital of France?", Reason.STRANGE),
    ("A train travels 120 km in 2 hours. How fast is it?", Reason.STRANGE),
    ("What is the volume of the solid when y = x^2 is rotated about the x-axis?", Reason.STRANGE),
    ("Find the minimum distance between x^2 and the point (0, 3)", Reason.STRANGE),
    ("find k so that x^2 + kx + 4 = 0 has one solution", Reason.STRANGE),
    ("For which k does x^2 + kx + 4 = 0 have real solutions?", Reason.LEFT_OVER),
    ("Integrate x^2 from 0 to 1 and from 1 to 2", Reason.LEFT_OVER),
    ("What is the average value of x^2 from 0 to 3?", Reason.LEFT_OVER),
    ("sum of the roots of x^2 - 5x + 6", Reason.LEFT_OVER),
    ("What is 20% off 50", Reason.LEFT_OVER),
    ("Increase 50 by 10%", Reason.LEFT_OVER),
    ("x^2 > 9 or x < 1", Reason.LEFT_OVER),
    ("derivative of x^2 at x = 3 and y = 2", Reason.LEFT_OVER),
    ("find the derivative of the derivative of x^3", Reason.LEFT_OVER),
    ("Is pi rational?", Reason.LEFT_OVER),
    ("derivative of x^2 + y^2", Reason.SEVERAL_UNKNOWNS),
    ("solve x + y = 3", Reason.SEVERAL_UNKNOWNS),
    ("Plot y = a x^2", Reason.PARAMETERS),
    ("What is f(3)?", Reason.UNDEFINED),
    ("plot it", Reason.NO_SUBJECT),
    ("Is this a concave function?", Reason.NO_SUBJECT),
    ("Evaluate x^2 + 1", Reason.NO_POINT),
    ("What is the area under x^2?", Reason.NO_RANGE),
    ("what is x^2", Reason.NO_DEMAND),
    ("Solve log(x) = 2", Reason.AMBIGUOUS),
    ("e^2x at x = 1", Reason.AMBIGUOUS),
    ("1,5 + 2", Reason.AMBIGUOUS),
    ("9**9**9**9", Reason.TOO_BIG),
    ("x^2 for x = 10^(10^10)", Reason.TOO_BIG),
    ("What is the determinant of a matrix?", Reason.UNABLE),
    ("100 + 10% - 5", Reason.AMBIGUOUS),
    ("log_0(5)", Reason.STRANGE),
    ("log(5, 1)", Reason.STRANGE),
    ("Is 7 odd?", Reason.LEFT_OVER),
    ("range of floor(x)", Reason.UNABLE),
    ("plot the inverse of x^3", Reason.LEFT_OVER),
    ("plot x^2 from 3 to 3", Reason.NO_RANGE),
    ("hello", Reason.NO_MATHEMATICS),
    ("", Reason.NO_MATHEMATICS),
    ("?" * 400, Reason.TOO_LONG),
    ("x" * 10_000_000, Reason.TOO_LONG),
    ("__import__('os').system('ls')", Reason.STRANGE),
    ("Wer ist Bundeskanzler?", Reason.STRANGE),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_what_was_not_understood_is_refused_with_its_reason(text: str, reason: Reason) -> None:
    assert refusal_of(text) is reason


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("language", list(Language))
def test_every_reason_has_a_sentence_in_every_language(reason: Reason, language: Language) -> None:
    details = ("power",) if reason is Reason.AMBIGUOUS else ("x",)
    question = read("", otherwise=language)
    assert len(declined(question, Refusal(reason, details))) > 20


def test_a_word_that_was_not_understood_is_repeated_without_markup_and_not_at_length() -> None:
    question = read("what", otherwise=Language.ENGLISH)
    said = declined(question, Refusal(Reason.STRANGE, ("[x](http://evil)**" + "y" * 500,)))
    assert "](" not in said
    assert "y" * 41 not in said


def test_a_refusal_shows_three_examples_and_the_two_lines_that_connect_a_model() -> None:
    said = declined(read("what", otherwise=Language.ENGLISH), Refusal(Reason.STRANGE, ("joke",)))
    assert said.count("\n- ") == 3
    assert "OPENAI_BASE_URL=" in said
    assert "MODEL=" in said
    assert "`.env`" in said


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("hello", "Hello!"),
        ("Thank you!", "You are welcome"),
        ("What can you do?", "I am the built-in"),
        ("Hallo", "Hallo!"),
        ("Danke", "Gern geschehen"),
        ("bye", "Goodbye"),
    ],
)
def test_small_talk_gets_a_short_friendly_answer(text: str, begins: str) -> None:
    said = declined(read(text, otherwise=Language.ENGLISH), Refusal(Reason.NO_MATHEMATICS))
    assert said.startswith(begins)
    assert "OPENAI_BASE_URL" not in said
