"""The ways people write formulas, read by the tutor's grammar; nothing is calculated here."""

from __future__ import annotations

import pytest

from tests.tutor.plans import formula
from tutor.formulas.formula_text import code, pretty
from tutor.formulas.notation import plain, with_decimal_points
from tutor.formulas.size import TooBigError, magnitude
from tutor.formulas.statements import Doubt
from tutor.language.vocabulary import Language
from tutor.reading.question_reader import read


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("x² − 3·x + ½", "x**2 - 3*x + 1/2"),
        ("2x(x+1)", "2*x*(x + 1)"),
        ("3xy", "3*x*y"),
        ("x^2y", "x**2*y"),
        ("sin 2x + cos x", "sin(2*x) + cos(x)"),
        ("sin^2 x", "sin(x)**2"),
        ("sin²(x)", "sin(x)**2"),
        ("sin^-1(x)", "asin(x)"),
        ("sinx cosx", "sin(x)*cos(x)"),
        ("√(x+1) + √2", "sqrt(x + 1) + sqrt(2)"),
        ("e^(-x^2)", "E**(-x**2)"),
        ("xe^x", "x*E**x"),
        ("|x-2|", "Abs(x - 2)"),
        ("2|x|", "2*Abs(x)"),
        ("ln(x)/x", "log(x)/x"),
        ("log10(x) + log_2(x)", "log(x, 10) + log(x, 2)"),
        ("(x+1)/(x-1)", "(x + 1)/(x - 1)"),
        ("-x^2", "-x**2"),
        ("(-2)^2 - -3", "(-2)**2 - (-3)"),
        ("2^3^2", "2**3**2"),
        ("2^-x", "2**(-x)"),
        ("sin 30°", "sin(30*pi/180)"),
        ("5! + 20%", "factorial(5) + 20/100"),
        ("2πr", "2*pi*r"),
        ("α + θ", "alpha + theta"),
        (r"\frac{1}{2}x^{10} + \sqrt{x}", "1/2*x**10 + sqrt(x)"),
        ("x squared plus three times the square root of x", "x**2 + 3*sqrt(x)"),
        ("15% of 80", "15/100*80"),
        ("the sum of 3 and 5", "3 + 5"),
        ("1,234.5 + 1", "1234.5 + 1"),
        ("3 x 4", "3*4"),
    ],
)
def test_a_formula_is_read_as_a_person_means_it(written: str, read_as: str) -> None:
    assert formula(written).replace("30*(pi/180)", "30*pi/180") == read_as


@pytest.mark.parametrize(
    ("written", "doubt"),
    [
        ("e^2x", Doubt.POWER),
        ("x^1/2", Doubt.POWER),
        ("sin x/2", Doubt.ARGUMENT),
        ("sqrt x+1", Doubt.ARGUMENT),
        ("square root of x plus 1", Doubt.ARGUMENT),
        ("x2 + 1", Doubt.INDEX),
        ("1/2x", Doubt.FRACTION),
        ("log(x)", Doubt.LOG),
        ("sin(30)", Doubt.DEGREES),
    ],
)
def test_a_notation_with_two_meanings_leaves_a_doubt(written: str, doubt: Doubt) -> None:
    [clause] = read(written, otherwise=Language.ENGLISH).clauses
    assert clause.subjects[0].doubts == {doubt}


@pytest.mark.parametrize("written", ["x^2y", "2sin x", "3/4", "sin pi/4", "(1/2)x", "x/2", "sin x / x", "ln(x)/2"])
def test_a_usual_notation_leaves_none(written: str) -> None:
    [clause] = read(written, otherwise=Language.ENGLISH).clauses
    assert not clause.subjects[0].doubts


@pytest.mark.parametrize("written", ["(x+1", "x+1)", "x^2 +", "* x", "2 2", "f(", "|x", "(" * 60 + "x" + ")" * 60])
def test_what_is_no_formula_is_left_over_or_parted_and_never_guessed(written: str) -> None:
    clauses = read(written, otherwise=Language.ENGLISH).clauses
    assert any(clause.strange for clause in clauses) or sum(len(clause.subjects) for clause in clauses) > 1


@pytest.mark.parametrize("tower", ["9**9**9**9", "2^100000", "(x+1)^1000", "1000!", "10^(10^10)", "e^(e^(e^10))"])
def test_a_number_that_would_take_ages_is_too_big(tower: str) -> None:
    [clause] = read(tower, otherwise=Language.ENGLISH).clauses
    with pytest.raises(TooBigError):
        magnitude(clause.subjects[0].parts[0])


@pytest.mark.parametrize("fine", ["2^1000", "100!", "x^20", "e^x^2", "0.001^5", "2^x^2"])
def test_an_ordinary_number_is_not(fine: str) -> None:
    [clause] = read(fine, otherwise=Language.ENGLISH).clauses
    assert magnitude(clause.subjects[0].parts[0]) >= 0


@pytest.mark.parametrize(
    ("text", "is_factorial"),
    [("Plot x!", True), ("Zeichne x!", True), ("What is 5!", True), ("Find x!", False), ("Solve x^2 = 4!", False)],
)
def test_a_sign_at_the_end_is_a_factorial_where_a_lone_letter_is_drawn(text: str, is_factorial: bool) -> None:
    subjects = [each for clause in read(text, otherwise=Language.ENGLISH).clauses for each in clause.subjects]
    assert any("factorial" in str(each.parts) for each in subjects) is is_factorial


def test_a_german_comma_is_a_decimal_sign_but_between_brackets_it_parts_two_ends() -> None:
    assert with_decimal_points("0,5 + 1.234,5 auf [0,5]", decimal_comma=True) == "0.5 + 1234.5 auf [0;5]"
    assert with_decimal_points("für x = 1,2,3", decimal_comma=True) == "für x = 1;2;3"


def test_signs_that_only_mathematics_has_become_words_that_every_vocabulary_knows() -> None:
    assert plain("d²/dx² sin x").split() == ["second", "derivative", "wrt", "x", "of", "sin", "x"]
    assert plain("∫_0^1 x dx").split() == ["integral", "from", "0", "to", "1", "of", "x", "dx"]


@pytest.mark.parametrize(
    ("sympy", "shown"),
    [
        ("2*x**2 - sqrt(x)*log(x)/3", "2x² − √x·ln(x)/3"),
        ("5*exp(-2*x)", "5e^(−2x)"),
        ("x**2*y**2/2", "x²·y²/2"),
        ("x**(1/3)", "x^(1/3)"),
        ("2**3**2", "2^3²"),
        ("Abs(x - 2)", "|x − 2|"),
        ("log(x, 10)", "log₁₀(x)"),
        ("(-b - sqrt(-4*a*c + b**2))/(2*a)", "(−b − √(−4a·c + b²))/(2a)"),
        ("45*(pi/180)", "45°"),
        ("x_1 + lamda", "x₁ + λ"),
        ("factorial(factorial(x))", "(x!)!"),
        ("factorial(x + 1)*Abs(Abs(x) - 1)", "(x + 1)!·||x| − 1|"),
    ],
)
def test_sympys_text_is_shown_in_everyday_notation(sympy: str, shown: str) -> None:
    assert pretty(sympy) == shown


@pytest.mark.parametrize(
    ("written", "ascii_text"),
    [
        ("1'000 * 2", "1000 * 2"),
        ("1 000 000 / 3", "1000000 / 3"),
        ("100 200 300", "100 200 300"),
        ("f'000", "f'000"),
        ("1 000 5", "1 000 5"),
    ],
)
def test_thousands_set_apart_are_one_number(written: str, ascii_text: str) -> None:
    assert plain(written) == ascii_text


def test_a_variable_called_like_a_number_of_sympys_stays_a_variable() -> None:
    [relation] = [
        each for clause in read("I = U/R, solve for R", otherwise=Language.ENGLISH).clauses for each in clause.subjects
    ]
    assert relation.letters == ("I", "U", "R")
    assert code(relation.parts[0]) == "I_"
    assert pretty("U/I_ + E_*exp(x) + I") == "U/I + E·e^x + i"


def test_a_decimal_factor_is_written_without_a_dot_for_times() -> None:
    assert pretty("0.5*x**2 + 2.5*(x + 1)") == "0.5x² + 2.5(x + 1)"
