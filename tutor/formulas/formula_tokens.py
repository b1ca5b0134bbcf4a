"""The question cut into tokens.

Nothing is judged here: whether a token is mathematics or a word of the language is decided by the grammar and the
reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tutor.formulas.notation import GREEK, plain, with_decimal_points


class TokenKind(StrEnum):
    """What a token looks like."""

    NUMBER = "number"
    LETTER = "letter"  # a variable: x, theta, x_1
    CONSTANT = "constant"  # pi, oo
    FUNCTION = "function"  # by sympy's name
    WORD = "word"
    OPERATOR = "operator"  # + - * / ** ! % °
    RELATION = "relation"  # = < > <= >= !=
    OPEN = "open"  # ( [ {
    CLOSE = "close"
    BAR = "bar"
    PRIME = "prime"
    ARROW = "arrow"  # x -> 0
    COMMA = "comma"
    SEMICOLON = "semicolon"
    STOP = "stop"  # the end of a sentence or clause: . ? : newline
    OTHER = "other"  # a character that means nothing here


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One piece of the question; `spaced` tells whether a blank stands before it."""

    kind: TokenKind
    text: str
    spaced: bool = False


FUNCTIONS: Final = {
    **{name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "asin", "acos")},
    **{name: name for name in ("atan", "asinh", "acosh", "atanh", "exp", "log", "sqrt", "cbrt", "sign", "floor")},
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "ln": "ln",
    "lg": "log10",
    "abs": "Abs",
    "sgn": "sign",
    "ceil": "ceiling",
    "ceiling": "ceiling",
}
"""Names people write and the functions they mean; `ln`, `log` (which base?) and `log10` are settled by the grammar."""

_GREEK_NAMES: Final = frozenset(GREEK.values())
_CONSTANTS: Final = {"pi": "pi", "oo": "oo", "infinity": "oo", "infty": "oo", "inf": "oo", "unendlich": "oo"}

_PIECES: Final = re.compile(
    r"""(?P<blank>\s+)
      | (?P<ordinal>[0-9]+(?:st|nd|rd|th)(?![a-z]))
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3}(?!\w))? | \.[0-9]+)
      | (?P<subscript>[a-zA-Z]_(?:\w|\{\w+\})(?!\w))
      | (?P<log>log_\(?(?:[0-9]{1,6}|e)\)?|log10|log2)
      | (?P<axis>[xyzXYZ]-(?:ax[ie]s|intercepts?|values?|coordinates?|Achsen?\w*|Werte?\w*|Koordinaten?)(?!\w))
      | (?P<word>(?!(?:arc|a?sin|a?cos|a?tan|ln|log|exp|sqrt)[a-z]*-)[^\W\d_]{3,}-[^\W\d_]{3,}
          | [^\W\d_]{2,}'[^\W\d_]{1,2}(?![\w(]) | I'[^\W\d_]{1,2} | [^\W\d_]+)
      | (?P<arrow>-+>)
      | (?P<relation><=|>=|=<|=>|!=|<>|==|:=|[=<>])
      | (?P<operator>\*\*|[-+*/^!%°])
      | (?P<rest>.)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_RELATIONS: Final = {"=<": "<=", "=>": ">=", "<>": "!=", "==": "=", ":=": "="}
_MARKS: Final = {
    **dict.fromkeys("([{", TokenKind.OPEN),
    **dict.fromkeys(")]}", TokenKind.CLOSE),
    "|": TokenKind.BAR,
    "'": TokenKind.PRIME,
    ",": TokenKind.COMMA,
    ";": TokenKind.SEMICOLON,
    **dict.fromkeys(".?:", TokenKind.STOP),
}


def tokens(text: str, *, is_word: Callable[[str], bool], decimal_comma: bool = False) -> list[Token]:
    """The question cut into tokens; with `decimal_comma` 1,5 is one number, else a comma separates.

    `is_word` knows the words of the languages, so that `xy` and `sinx` come apart and `to` does not.
    """
    found: list[Token] = []
    spaced = True
    for piece in _PIECES.finditer(with_decimal_points(plain(text), decimal_comma=decimal_comma)):
        if piece.lastgroup == "blank":
            if "\n" in piece[0]:
                found.append(Token(kind=TokenKind.STOP, text="\n", spaced=True))
        else:
            found.append(_token(str(piece.lastgroup), piece[0], spaced=spaced))
        spaced = piece.lastgroup == "blank"
    return _unglued(found, is_word)


def _token(kind: str, text: str, *, spaced: bool) -> Token:
    match kind:
        case "word":
            return _named(text, spaced=spaced)
        case "rest":
            return Token(kind=_MARKS.get(text, TokenKind.OTHER), text=text, spaced=spaced)
        case "operator":
            text = "**" if text == "^" else text
        case "relation":
            text = _RELATIONS.get(text, text)
        case "subscript":
            text = text.replace("{", "").replace("}", "")
        case "log":
            base = text.lower().removeprefix("log").strip("_()")
            text = "ln" if base == "e" else f"log{base}"
        case _:
            text = text.lower()
    return Token(kind=_KINDS.get(kind) or TokenKind(kind), text=text, spaced=spaced)


_KINDS: Final = {
    "ordinal": TokenKind.WORD,
    "axis": TokenKind.WORD,
    "subscript": TokenKind.LETTER,
    "log": TokenKind.FUNCTION,
}


def _named(text: str, *, spaced: bool) -> Token:
    lower = text.lower()
    if len(text) == 1 and text.isascii():
        return Token(kind=TokenKind.LETTER, text=text, spaced=spaced)
    if lower in _GREEK_NAMES:
        return Token(kind=TokenKind.LETTER, text=lower, spaced=spaced)
    if lower in _CONSTANTS:
        return Token(kind=TokenKind.CONSTANT, text=_CONSTANTS[lower], spaced=spaced)
    if lower in FUNCTIONS:
        return Token(kind=TokenKind.FUNCTION, text=FUNCTIONS[lower], spaced=spaced)
    return Token(kind=TokenKind.WORD, text=text, spaced=spaced)


_FUNCTION_NAMES: Final = r"arcsin|arccos|arctan|a?sinh?|a?cosh?|a?tanh?|cot|exp|sqrt|ln|log"
_GLUED: Final = re.compile(rf"(?:{_FUNCTION_NAMES}|pi|[abckmnpqrstuvxyze])+?")
_GLUED_PIECE: Final = re.compile(rf"{_FUNCTION_NAMES}|pi|[a-z]")
_ENGLISH_WORDS: Final = frozenset(
    {
        "tax",
        "sky",
        "try",
        "buy",
        "pay",
        "say",
        "any",
        "may",
        "ray",
        "max",
        "bay",
        "key",
        "tex",
        "cost",
        "tank",
        "tans",
        "cosy",
        "exam",
        "exact",
        "expense",
        "spy",
        "cry",
        "easy",
        "my",
        "by",
        "vs",
        "am",
        "an",
        "at",
        "as",
        "us",
        "be",
        "me",
    }
)
"""Words made of nothing but variable letters, which a chat may hold."""
_MATHEMATICAL: Final = frozenset(
    {
        TokenKind.NUMBER,
        TokenKind.OPERATOR,
        TokenKind.RELATION,
        TokenKind.OPEN,
        TokenKind.CLOSE,
        TokenKind.BAR,
    }
)


def _unglued(found: list[Token], is_word: Callable[[str], bool]) -> list[Token]:
    """`sinx`, `xy`, `xe` taken apart where mathematics stands beside them and no language knows the word."""
    result: list[Token] = []
    for at, token in enumerate(found):
        pieces = _pieces(token.text) if token.kind is TokenKind.WORD and not is_word(token.text.lower()) else []
        before = [] if token.spaced else found[max(at - 1, 0) : at]
        beside = any(other.kind in _MATHEMATICAL for other in before + found[at + 1 : at + 2])
        if pieces and (beside or len(pieces[0]) > 1):
            result += [_named(piece, spaced=token.spaced and first == 0) for first, piece in enumerate(pieces)]
        else:
            result.append(token)
    return result


def is_glued_formula(word: str) -> bool:
    """Whether a word is made of nothing but variables and functions: `sinx`, `xy`."""
    return bool(_pieces(word))


def _pieces(word: str) -> list[str]:
    if len(word) > 8 or word.lower() in _ENGLISH_WORDS or not _GLUED.fullmatch(word):
        return []
    pieces: list[str] = _GLUED_PIECE.findall(word)
    return pieces if sum(len(piece) == 1 for piece in pieces) <= 3 else []
