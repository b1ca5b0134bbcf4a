"""Words within a line of an answer: formulas, pictures, HTML that models write where Markdown has nothing."""

from __future__ import annotations

import pytest

from adapters.teams.markdown.pieces import teams_markdown
from bot.links import LinkRules


def shown(text: str) -> str:
    """What one message says to a person who named no host."""
    [piece] = teams_markdown(text, links=LinkRules())
    return piece


@pytest.mark.parametrize("image", ["![plot](sandbox:/mnt/data/p.png)", "![plot](p.png)", "![plot](/mnt/data/p.png)"])
def test_a_picture_of_this_answer_says_nothing_within_the_words(image: str) -> None:
    assert shown(f"before {image} after").split() == ["before", "after"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see ![the *plot*](https://a.example/p.png) here", "see the plot (a.example) here"),
        ("![r]\n\n[r]: https://a.example/p.png", "r (a.example)"),
        ("![](https://a.example/p.png)", "(a.example)"),
        ("![a.example](https://a.example/p.png)", "a.example"),
        ("![a logo](//a.example/p.png)", "a logo (a.example)"),
        ("![a dot](data:image/png;base64,iVBORw0KGgo=)", "a dot"),
        ("[![build](https://img.example/b.svg)](https://ci.example/job)", "build (img.example) (ci.example)"),
        (
            "- ![one](https://a.example/1.png)\n- ![two](https://a.example/2.png)",
            "- one (a.example)\n- two (a.example)",
        ),
        ("| a |\n|---|\n| ![one](https://a.example/1.png) |", "```\na\n---------------\none (a.example)\n```"),
        ("# ![**t**](https://a.example/1.png)", "**t (a.example)**"),
    ],
)
def test_a_picture_from_elsewhere_is_its_alternative_text_and_its_host(text: str, expected: str) -> None:  # F3
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\(x^2 + 3\)", "x² + 3"),
        (r"so \[ y = \frac{a+1}{2} \]", "so y = (a+1)/2"),
        (r"$$\sqrt{x} \leq \pi$$", "√x ≤ π"),
        (r"let $x_1 = 5$ and $x_{12} = 6$", "let x₁ = 5 and x₁₂ = 6"),
        (r"\(f'(x) = 2x \cdot \sin(x)\)", "f'(x) = 2x · sin (x)"),
        (r"\(e^{-x^2}\)", "e^(-x²)"),
        (r"\(\int_0^1 x\,dx = \frac{1}{2}\)", "∫₀¹ x dx = 1/2"),
        (r"\(\left( a \right)\)", "( a )"),
        (r"\(x \in \mathbb{R}\)", "x ∈ ℝ"),
        (r"\(\text{area} = 5\%\)", "area = 5%"),
        (r"\(\{1, 2\}\)", r"`\{1, 2\}`"),
        (r"$$\begin{pmatrix} 1 & 2 \end{pmatrix}$$", r"`\begin{pmatrix} 1 & 2 \end{pmatrix}`"),
        ("$$\na = b\n$$", "a = b"),
        (r"it costs $5 and $6", "it costs $5 and $6"),
        (r"a citation \[1\]", "a citation [1]"),
        (r"**\(x^2\)**", "**x²**"),
        (r"\(e^{i\pi}+1=0\)", "e^(iπ)+1=0"),
        (r"\(2^{10m}\)", "2^(10m)"),
        (r"\(v_{12m}\)", r"v_12m"),
        (r"\(v_{max}t\)", r"v\_(max)t"),
        (r"\(e^{\pi}x\)", "e^(π)x"),
        (r"\(2\frac{1}{2}\)", "2 1/2"),
        (r"\(\frac{1}{2}mv^2\)", "(1/2)mv²"),
        (r"\(x\frac{a}{b}\)", "x(a/b)"),
        (r"\(\sqrt{2}x\)", "√(2)x"),
        (r"\(-\frac{1}{2} + \frac{1}{3}\)", "-1/2 + 1/3"),
        (r"\(x^\frac{1}{2} + a_\frac{1}{2} + e^\frac{x}{2}y\)", r"x^(1/2) + a\_(1/2) + e^(x/2)y"),
        (r"\(\frac{x}{y}! + \sqrt{2}! + \frac{1}{2}|x|\)", "(x/y)! + (√2)! + (1/2)|x|"),
        (r"\(\frac{1}{2}^{-1} + \sqrt{2}^2\)", "(1/2)⁻¹ + (√2)²"),
        (r"\(\frac{-b\pm\sqrt{b^2-4ac}}{2a}\)", "(-b±√(b²-4ac))/(2a)"),
        (r"\(3\frac{1}{2}x + 2^3\frac{1}{2}\)", "(3 1/2)x + 2³(1/2)"),
        (r"\(1/\frac{1}{2} + \frac{1}{2}/3\)", "1/(1/2) + (1/2)/3"),
        (r"\(\frac{dy}{dx} + \frac{1}{RC}\)", "dy/dx + 1/(RC)"),
        (r"\(\frac{\text{distance}}{\text{time}}\)", "distance/time"),
        (r"| f |\n|---|", r"| f |\n|---|"),
    ],
)
def test_formulas_read_like_text_where_they_can(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H<sub>2</sub>O and x<sup>2</sup>", "H₂O and x²"),
        ("10<SUP>-3</SUP> m, v<sub>max</sub>, e<sup>2π</sup>", "10⁻³ m, v_max, e^(2π)"),
        ("the 10<sup>th</sup> of **May**<sup>1</sup>", "the 10th of **May**¹"),
        ("e<sup>ix</sup> and a<sup>mn</sup>, e<sup>st</sup>x", "eⁱˣ and a^(mn), e^(st)x"),
        ("x<sup>0.5</sup>y, e<sup>π</sup>x, v<sub>max</sub>t", r"x^(0.5)y, e^(π)x, v\_(max)t"),
        ("n<sup>th</sup>, 2<sup>e</sup>, Foo<sup>TM</sup>, water<sup>[1]</sup>", "nth, 2e, FooTM, water[1]"),
        ("a<sup>*b*</sup>", "a&lt;sup>*b*&lt;/sup>"),
        ("a<BR>b<br  />c", "a  \nb  \nc"),
        ("`x<sup>2</sup>`", "`x<sup>2</sup>`"),
    ],
)
def test_what_html_sets_above_or_below_the_line_is_shown_there(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("info", "first_line"),
    [
        ('python title="my file.py" {1,3-5}', "print(1)"),
        ("js {linenos=table} highlight='1 2'", "print(1)"),
        ("python only the first lines", "only the first lines"),
    ],
)
def test_options_of_a_highlighter_are_no_code(info: str, first_line: str) -> None:
    assert shown(f"```{info}\nprint(1)\n```").splitlines()[1] == first_line
