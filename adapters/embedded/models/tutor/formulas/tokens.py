"""The ways people write mathematics in a chat, brought to one: characters, then tokens.

x², √x, 3·4, ½, −1, π and the commoner bits of LaTeX become plain ASCII; then the text is cut into tokens. Nothing is
judged here: whether a token is mathematics or a word of the language is decided by the grammar and the reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TokenKind(StrEnum):
    """What a token looks like."""

    NUMBER = "number"
    LETTER = "letter"          # a variable: x, theta, x_1
    CONSTANT = "constant"      # pi, oo
    FUNCTION = "function"      # by sympy's name
    WORD = "word"
    OPERATOR = "operator"      # + - * / ** ! % °
    RELATION = "relation"      # = < > <= >= !=
    OPEN = "open"              # ( [ {
    CLOSE = "close"
    BAR = "bar"
    PRIME = "prime"
    ARROW = "arrow"            # x -> 0
    COMMA = "comma"
    SEMICOLON = "semicolon"
    STOP = "stop"              # the end of a sentence or clause: . ? ! : newline
    OTHER = "other"            # a character that means nothing here


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One piece of the question; `spaced` tells whether a blank stands before it."""

    kind: TokenKind
    text: str
    spaced: bool = False


FUNCTIONS: Final = {
    **{name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "asin", "acos")},
    **{name: name for name in ("atan", "asinh", "acosh", "atanh", "exp", "log", "sqrt", "cbrt", "sign", "floor")},
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "ln", "lg": "log10", "abs": "Abs", "sgn": "sign",
    "ceil": "ceiling", "ceiling": "ceiling", "wurzel": "sqrt", "tg": "tan", "ctg": "cot", "cosec": "csc",
}
"""Names people write and the functions they mean; `ln`, `log` (which base?) and `log10` are settled by the grammar."""

GREEK: Final = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
}
_GREEK_NAMES: Final = frozenset(GREEK.values())
_CONSTANTS: Final = {"pi": "pi", "oo": "oo", "infinity": "oo", "infty": "oo", "inf": "oo", "unendlich": "oo"}

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣ", "0123456789+-()nx")
_SUBSCRIPTS: Final = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_FRACTIONS: Final = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_CHARACTERS: Final = {
    **{character: f"({fraction})" for character, fraction in _FRACTIONS.items()},
    **{character: f" {name} " for character, name in GREEK.items()},
    **dict.fromkeys("−‒–﹣－", "-"), **dict.fromkeys("×·⋅∙∗✕", "*"), **dict.fromkeys("’‘′´", "'"), "″": "''",
    **dict.fromkeys("“”„«»\"`\u200b\u200c\u200d\ufeff\u2060\x00", " "), "÷": "/", "∕": "/", "⁄": "/", "π": " pi ",
    "∞": " oo ", "√": " sqrt ", "∛": " cbrt ", "≤": "<=", "≥": ">=", "≠": "!=", "⩽": "<=", "⩾": ">=", "→": "->",
    "∫": " integral ", "∈": " in ", "\u00a0": " ", "\u202f": " ", "—": " , ", "…": " ", "（": "(", "）": ")", "，": ", ",
}
_LATEX_WORDS: Final = {
    "cdot": "*", "times": "*", "div": "/", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "neq": "!=", "to": "->",
    "left": "", "right": "", "quad": " ", "displaystyle": "", "dfrac": "\\frac", "tfrac": "\\frac", "int": " integral ",
}
_LATEX_FRACTION: Final = re.compile(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LATEX_ROOT: Final = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_INTEGRAL_BOUNDS: Final = re.compile(r"integral\s*_\s*(\([^()]*\)|[\w.-]+)\s*\^\s*(\([^()]*\)|[\w.-]+)")

_PIECES: Final = re.compile(
    r"""(?P<blank>\s+)
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+(?![\w]))? | \.\d+)
      | (?P<differential>d(?:\^\(?\d\)?)?[a-zA-Z]?/d[a-z](?:\^\(?\d\)?)?(?![a-zA-Z]))
      | (?P<subscript>[a-zA-Z]_(?:\w|\{\w+\})(?!\w))
      | (?P<log>log_\(?(?:10|2|e)\)?|log10|log2)
      | (?P<axis>[xyzXYZ]-[^\W\d_]{4,})
      | (?P<word>(?!(?:arc|a?sin|a?cos|a?tan|ln|log|exp|sqrt)[a-z]*-)[^\W\d_]{3,}-[^\W\d_]{3,}
          | [^\W\d_]{2,}'[^\W\d_]{1,2}(?![\w(])|I'[^\W\d_]{1,2} | [^\W\d_]+)
      | (?P<arrow>-+>)
      | (?P<relation><=|>=|=<|=>|!=|<>|==|:=|[=<>])
      | (?P<operator>\*\*|[-+*/^!%°])
      | (?P<rest>.)""",
    re.VERBOSE | re.DOTALL,
)
_RELATIONS: Final = {"=<": "<=", "=>": ">=", "<>": "!=", "==": "=", ":=": "="}
_MARKS: Final = {
    **dict.fromkeys("([{", TokenKind.OPEN), **dict.fromkeys(")]}", TokenKind.CLOSE), "|": TokenKind.BAR,
    "'": TokenKind.PRIME, ",": TokenKind.COMMA, ";": TokenKind.SEMICOLON, **dict.fromkeys(".?:", TokenKind.STOP),
}


def plain(text: str) -> str:
    """The text in ASCII notation.

    >>> plain("y = x² − ½√x")
    'y = x^(2) - (1/2) sqrt x'
    """
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣ]+", lambda run: f"^({run[0].translate(_SUPERSCRIPTS)})", text)
    text = re.sub(r"([a-zA-Z])([₀-₉]+)", lambda run: f"{run[1]}_{run[2].translate(_SUBSCRIPTS)}", text)
    text = "".join(_CHARACTERS.get(character, character) for character in text)
    text = _without_latex(text)
    return _INTEGRAL_BOUNDS.sub(r"integral from \1 to \2 of ", text)


def _without_latex(text: str) -> str:
    for _ in range(text.count("\\frac") + text.count("\\sqrt") + text.count("frac{")):
        text = _LATEX_ROOT.sub(r" sqrt(\1)", _LATEX_FRACTION.sub(r"((\1)/(\2))", text))
    text = re.sub(r"\\([a-zA-Z]+)", lambda word: _LATEX_WORDS.get(word[1], f" {word[1]} "), text)
    return text.replace("$", " ").replace("\\", " ")


def tokens(text: str, *, is_word: Callable[[str], bool], decimal_comma: bool = False) -> list[Token]:
    """The question cut into tokens; with `decimal_comma` 1,5 is one number, else a comma separates.

    `is_word` knows the words of the languages, so that `xy` and `sinx` come apart and `to` does not.
    """
    text = plain(text)
    if decimal_comma:
        text = re.sub(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})+)(?![\d.])", lambda number: number[1].replace(".", ""), text)
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
        text = re.sub(r"(?<=\d) ?: ?(?=\d)", "/", text)
    else:
        text = re.sub(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])", lambda number: number[0].replace(",", ""), text)
    return _unglued(_cut(text), is_word)


def _cut(text: str) -> list[Token]:
    found: list[Token] = []
    spaced = True
    for piece in _PIECES.finditer(text):
        kind = str(piece.lastgroup)
        if kind == "blank":
            spaced = True
            if "\n" in piece[0]:
                found.append(Token(kind=TokenKind.STOP, text="\n", spaced=True))
            continue
        found.extend(_classified(kind, piece[0], spaced=spaced))
        spaced = False
    return found


def _classified(kind: str, text: str, *, spaced: bool) -> list[Token]:
    match kind:
        case "number":
            return [Token(kind=TokenKind.NUMBER, text=text, spaced=spaced)]
        case "word":
            return _named(text, spaced=spaced)
        case "subscript":
            return [Token(kind=TokenKind.LETTER, text=text.replace("{", "").replace("}", ""), spaced=spaced)]
        case "log":
            base = "log10" if "10" in text else "ln" if "e" in text else "log2"
            return [Token(kind=TokenKind.FUNCTION, text=base, spaced=spaced)]
        case "differential" | "axis":
            return [Token(kind=TokenKind.WORD, text=text.lower(), spaced=spaced)]
        case "arrow":
            return [Token(kind=TokenKind.ARROW, text="->", spaced=spaced)]
        case "relation":
            return [Token(kind=TokenKind.RELATION, text=_RELATIONS.get(text, text), spaced=spaced)]
        case "operator":
            return [Token(kind=TokenKind.OPERATOR, text="**" if text == "^" else text, spaced=spaced)]
        case _:
            return [Token(kind=_MARKS.get(text, TokenKind.OTHER), text=text, spaced=spaced)]


def _named(text: str, *, spaced: bool) -> list[Token]:
    lower = text.lower()
    if len(text) == 1 and text.isascii():
        return [Token(kind=TokenKind.LETTER, text=text, spaced=spaced)]
    if lower in _GREEK_NAMES:
        return [Token(kind=TokenKind.LETTER, text=lower, spaced=spaced)]
    if lower in _CONSTANTS:
        return [Token(kind=TokenKind.CONSTANT, text=_CONSTANTS[lower], spaced=spaced)]
    if lower in FUNCTIONS:
        return [Token(kind=TokenKind.FUNCTION, text=FUNCTIONS[lower], spaced=spaced)]
    return [Token(kind=TokenKind.WORD, text=text, spaced=spaced)]


_GLUED: Final = re.compile(
    r"(?:a?sinh?|a?cosh?|a?tanh?|arcsin|arccos|arctan|cot|exp|sqrt|ln|log|[abckmnpqrstuvxyze])+?", re.ASCII
)
_GLUED_PIECE: Final = re.compile(r"arcsin|arccos|arctan|a?sinh?|a?cosh?|a?tanh?|cot|exp|sqrt|ln|log|[a-z]", re.ASCII)
_MATHEMATICAL: Final = frozenset({
    TokenKind.NUMBER, TokenKind.OPERATOR, TokenKind.RELATION, TokenKind.OPEN, TokenKind.CLOSE, TokenKind.BAR,
})


def _unglued(found: list[Token], is_word: Callable[[str], bool]) -> list[Token]:
    """`sinx`, `xy`, `xe` taken apart where mathematics stands beside them and no language knows the word."""
    result: list[Token] = []
    for at, token in enumerate(found):
        glued = token.kind is TokenKind.WORD and len(token.text) < 9 and not is_word(token.text.lower())
        pieces = _pieces(token.text) if glued else []
        beside = found[max(at - 1, 0):at] if not token.spaced else []
        mathematical = any(other.kind in _MATHEMATICAL for other in beside + found[at + 1:at + 2])
        if pieces and (mathematical or len(pieces[0]) > 1):
            for number, piece in enumerate(pieces):
                result.extend(_named(piece, spaced=token.spaced and number == 0))
        else:
            result.append(token)
    return result


def _pieces(word: str) -> list[str]:
    if not _GLUED.fullmatch(word):
        return []
    pieces: list[str] = _GLUED_PIECE.findall(word)
    letters = sum(len(piece) == 1 for piece in pieces)
    return pieces if letters <= 3 else []
