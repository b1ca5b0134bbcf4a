"""The ways people write mathematics in a chat, brought to one: x², √x, 3·4, ½, −1, π, bits of LaTeX become ASCII."""

from __future__ import annotations

import re
from typing import Final

GREEK: Final = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "θ": "theta",
    "λ": "lambda",
    "μ": "mu",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "phi",
    "ω": "omega",
}

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣ", "0123456789+-()nx")
_SUBSCRIPTS: Final = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_FRACTIONS: Final = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_CHARACTERS: Final = {
    **{character: f"({fraction})" for character, fraction in _FRACTIONS.items()},
    **{character: f" {name} " for character, name in GREEK.items()},
    **dict.fromkeys("−‒–﹣－", "-"),
    **dict.fromkeys("×·⋅∙∗✕", "*"),
    **dict.fromkeys("’‘′´", "'"),
    "″": "''",
    "÷": "/",
    "∕": "/",
    "⁄": "/",
    "π": " pi ",
    "—": " , ",
    "…": " ... ",
    "（": "(",
    "）": ")",
    "，": ", ",
    **dict.fromkeys('“”„«»"`\u200b\u200c\u200d\ufeff\u2060\x00', " "),
    "∞": " oo ",
    "√": " sqrt ",
    "∛": " cbrt ",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "⩽": "<=",
    "⩾": ">=",
    "→": "->",
    "∫": " integral ",
    "∈": " in ",
    "\u00a0": " ",
    "\u202f": " ",
}
_LATEX_WORDS: Final = {
    "cdot": "*",
    "times": "*",
    "div": "/",
    "le": "<=",
    "leq": "<=",
    "ge": ">=",
    "geq": ">=",
    "neq": "!=",
    "to": "->",
    "left": "",
    "right": "",
    "quad": " ",
    "displaystyle": "",
    "int": " integral ",
    "circ": "°",
    "infty": " oo ",
}
_LATEX_FRACTION: Final = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LATEX_ROOT: Final = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_LATEX_POWER: Final = re.compile(r"\^\s*\{([^{}]*)\}")
_MAX_NESTED_LATEX: Final = 6
_NUMBER: Final = r"[-+]?\s?(?:oo|inf(?:inity|ty)?|unendlich|pi|\d+(?:\.\d+)?)(?:\s?[/*]\s?(?:\d+|pi))?"
_END: Final = r"-?(?:\d+(?:\.\d+)?\s?\*?\s?(?:pi)?|pi)"
_LEADS_TO_RANGE: Final = frozenset(
    {"from", "von", "in", "im", "between", "for", "on", "auf", "over", "range", "bereich"}
)
_LOG_OF: Final = r"\d+(?:\.\d+)?|[a-z]"


def _leads_to_range(word: str) -> bool:
    return word.endswith(("=", "[", "(", "{", ",")) or word.lower() in _LEADS_TO_RANGE


_SENTENCES: Final = (
    (re.compile(r"(?<=\d) [xX] (?=\d)"), " * "),  # 3 x 4
    (
        re.compile(r"integral\s*_\s*[({]?([^(){}^]*?)[)}]?\s*\^\s*(?:\(([^()]*)\)|(-?[\w.]+))"),
        r"integral from \1 to \2\3 of ",
    ),
    (re.compile(r"\blim\s*_?\s*[({]([^(){}]*->[^(){}]*)[)}]"), r"lim \1 of "),
    (  # (1+1/n)^n n -> oo: no product with n
        re.compile(r"(?<!lim)(?<!limit)(?<!for)(?<!as)(?<!when)(?<!für)(?<!voor)(?<=[\w)])\s+([a-z])\s*->"),
        r" , \1 ->",
    ),
    (re.compile(rf"(->\s*{_NUMBER}[-+]?)(?=\s+\S)"), r"\1 , "),  # x -> 0 sin(x)/x: no product of 0
    (
        re.compile(rf"(\S+)\s+({_END})\s*\.\.+\s*({_END})(?![\w.])"),  # sin x 0..2pi
        lambda found: f"{found[1]} {'' if _leads_to_range(found[1]) else 'from '}{found[2]} to {found[3]}",
    ),
    (re.compile(r"=\s*\?"), "?"),  # f'(x) = ?
    (re.compile(r"(,|\s)\s*\.{2,}\s*,?|\.{3,}\s*,"), " … "),  # 1, 2, ..., 10
    (re.compile(r"(?<=\d)\s*\.\.+\s*(?=-?\d)"), " to "),  # 0..5
    (
        re.compile(
            rf"\blog(?:arithm)?(?: to)?(?: the)? base (\d+) of (?:({_LOG_OF})(?=\s*(?:[?.!,=]|$| [a-z]{{2}}))|(?=\())",
            re.I,
        ),
        lambda found: f"log_{found[1]}" + (f"({found[2]})" if found[2] else ""),
    ),
    (
        re.compile(
            rf"\blog(?:arithm(?:us)?)? (?:of|von) ({_LOG_OF}) (?:to|with|in|zur)(?: the)? (?:base|basis) (\d+)",
            re.I,
        ),
        r"log_\2(\1)",
    ),
)
_DIFFERENTIAL: Final = re.compile(
    r"(?<!\w)d(?:\^\(?(?P<order>[2-4])\)?)?(?:[a-zA-Z]|\s)?/\s?d(?P<letter>[a-z])"
    r"(?:\^\(?[2-4]\)?)?(?![a-zA-Z])"
)
_ORDERS: Final = {"2": "second ", "3": "third ", "4": "fourth "}


_GROUPED: Final = re.compile(
    r"(?<![\w.,'’])(?:[1-9]\d{0,2}(?:['’\u00a0\u202f]\d{3})+|[1-9]\d{0,2}(?: 000)+)(?![\w'’]|[ \u00a0]\d)"
)
"""1'000 and 1 000 000: one number; 100 200 300 may be three."""


def plain(text: str) -> str:
    """The text in ASCII notation; what only signs say comes out in a few words that every vocabulary knows.

    >>> plain("y = x² − ½√x")
    'y = x^(2) - (1/2) sqrt x'
    >>> plain("d²/dx² sin x")
    'second derivative wrt x of  sin x'
    """
    text = _GROUPED.sub(lambda number: re.sub(r"\D", "", number[0]), text)
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣ]+", lambda run: f"^({run[0].translate(_SUPERSCRIPTS)})", text)
    text = re.sub(r"([a-zA-Z])([₀-₉]+)", lambda run: f"{run[1]}_{run[2].translate(_SUBSCRIPTS)}", text)
    text = "".join(_CHARACTERS.get(character, character) for character in text)
    text = _without_latex(text)
    for pattern, replacement in _SENTENCES:
        text = pattern.sub(replacement, text)
    return _DIFFERENTIAL.sub(
        lambda found: f"{_ORDERS.get(found['order'] or '', '')}derivative wrt {found['letter']} of ",
        text,
    )


def _without_latex(text: str) -> str:
    for _ in range(_MAX_NESTED_LATEX):
        text = _LATEX_ROOT.sub(r" sqrt(\1)", _LATEX_FRACTION.sub(r"((\1)/(\2))", _LATEX_POWER.sub(r"^(\1)", text)))
    text = re.sub(r"\\([a-zA-Z]+)", lambda word: _LATEX_WORDS.get(word[1], f" {word[1]} "), text)
    return text.replace("$", " ").replace("\\", " ")


_DECIMAL_COMMA: Final = (
    (re.compile(r"(?<=[\[{])\s*(-?\d+),\s*(-?\d+)\s*(?=[\]}])"), r"\1;\2"),  # [0,5] has two ends
    (re.compile(r"(\blog\(\d+),(\d+\))"), r"\1;\2"),  # a base
    (re.compile(r"(?<![\d,])\d+(?:,\d+){2,}(?![\d,])"), lambda run: run[0].replace(",", ";")),  # 1,2,3 is a list
    (re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])"), lambda number: number[0].replace(".", "")),
    (re.compile(r"(?<=\d),(?=\d)"), "."),
    (re.compile(r"(?<=\d)(?::| : )(?=\d)"), "/"),
)
_EUROPEAN: Final = re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:\.\d{3})+,\d+(?![\d,.])")
"""1.000,50: one number in any language."""

_THOUSANDS: Final = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")


def with_decimal_points(text: str, *, decimal_comma: bool) -> str:
    """Numbers written 1234.5; from 1.234,5 where the comma is the decimal sign, else from 1,234.5.

    >>> with_decimal_points("0,5 und 6:2 auf [0,5]", decimal_comma=True)
    '0.5 und 6/2 auf [0;5]'
    """
    text = _EUROPEAN.sub(lambda number: number[0].replace(".", "").replace(",", "," if decimal_comma else "."), text)
    if not decimal_comma:
        return _THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
    for pattern, replacement in _DECIMAL_COMMA:
        text = pattern.sub(replacement, text)
    return text
