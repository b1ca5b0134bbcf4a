"""Reads numbers and formulas back from an answer's text, as a person would."""

from __future__ import annotations

import math
import re
from enum import Enum

BOLD = re.compile(r"\*\*(.+?)\*\*")
NUMBER = r"-?\d+(?:\.\d+)?(?:·10\^?-?\d+)?"
REFUSALS = (
    "I did not understand", "too long for me", "found no mathematics", "do not know", "What shall I do", "understood the",
    "cannot do", "can mean", "too large", "I need a value", "several unknowns", "could not", "did not finish", "confirm",
    "nicht verstanden", "zu lang", "keine Mathematik", "weiß nicht", "Was soll ich", "kann ich nicht", "bedeuten",
    "zu groß", "brauche", "mehrere Unbekannte", "konnte ich nicht", "nicht zu Ende", "gefunden, die ich",
)


class Verdict(Enum):
    """What an answer is worth."""

    RIGHT = "right"
    DECLINED = "declined"
    WRONG = "wrong"


def declined(text: str) -> bool:
    """Whether the answer says honestly that there is none."""
    return any(phrase in text.split("**How the code")[0].split("**Wie der Code")[0] for phrase in REFUSALS)


def normal(text: str) -> str:
    """The answer in plain signs; superscript exponents of ten with ^."""
    text = text.replace("−", "-").replace(";", ",")
    return re.sub(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: "10^" + power[1].translate(_PLAIN), text)


_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def number(text: str) -> float:
    """The value of `7/3 ≈ 2.33333`, `= 12`, `1/2 = 0.5`, `√2 ≈ 1.41421`, `2π ≈ 6.28319`."""
    last = re.split(r"[≈=]", normal(text))[-1].strip()
    mantissa, _, exponent = last.partition("·10^")
    return float(mantissa) * 10.0 ** int(exponent or 0)


def bold_values(text: str, name: str) -> list[float]:
    """All that stands as `**name = value**`, in order."""
    found = []
    for part in BOLD.findall(normal(text)):
        head, _, rest = re.sub("≈", "=", part, count=0).partition("=")
        if head.strip() == name and rest:
            found.append(number(part))
    return found


def formula(text: str, letter: str) -> str:
    """Everyday notation as Python of x: `2x² − √x·ln(x)` for numpy."""
    text = normal(text)
    text = re.sub(r"([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: f"**({power[1].translate(_PLAIN)})", text)
    text = re.sub(r"\|([^|]*)\|", r"np.abs(\1)", text)
    text = text.replace("^", "**").replace("·", "*").replace("π", "np.pi")
    text = re.sub(r"√(\w+|np\.pi)", r"np.sqrt(\1)", text).replace("√(", "np.sqrt(")
    names = {"ln": "np.log", "sin": "np.sin", "cos": "np.cos", "tan": "np.tan", "arctan": "np.arctan", "sign": "np.sign"}
    text = re.sub(r"\b(ln|sin|cos|tan|arctan|sign)\(", lambda found: f"{names[found[1]]}(", text)
    text = re.sub(rf"\b{letter}\b|(?<=\d){letter}\b", "x", text)
    text = re.sub(r"(?<![a-zA-Z0-9_.])e(?![a-zA-Z0-9_])|(?<=\d)e(?![a-zA-Z0-9_])", "E", text)
    text = re.sub(r"(\d)(?=[a-zA-DF-Z(]|E)", r"\1*", text)
    return text.replace("E", "np.e")


def close(found: float, expected: float, *, tolerance: float = 1e-4) -> bool:
    """Equal to about five digits."""
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)


def same(found: list[float], expected: list[float]) -> bool:
    """The same numbers in any order."""
    return len(found) == len(expected) and all(
        close(first, second) for first, second in zip(sorted(found), sorted(expected), strict=True)
    )
