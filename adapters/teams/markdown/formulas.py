"""LaTeX as text, where it is simple enough to be read as such; what stands above and below the line."""

from __future__ import annotations

import re
from typing import Final

# Names in LaTeX, each with its sign.
_SIGNS: Final = """
    cdot · times × div ÷ pm ± mp ∓ ast * circ ∘ leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ approx ≈ equiv ≡ sim ∼ ll ≪ gg ≫
    propto ∝ lt < gt > in ∈ notin ∉ subset ⊂ subseteq ⊆ cup ∪ cap ∩ emptyset ∅ forall ∀ exists ∃ neg ¬ land ∧ lor ∨
    to → rightarrow → leftarrow ← Rightarrow ⇒ implies ⇒ Leftrightarrow ⇔ iff ⇔ mapsto ↦ infty ∞ partial ∂ nabla ∇
    int ∫ sum ∑ prod ∏ ldots … cdots … dots … degree ° prime ′ lvert | rvert | vert | mid |
    mathbb{R} ℝ mathbb{N} ℕ mathbb{Z} ℤ mathbb{Q} ℚ mathbb{C} ℂ
    alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ
    pi π rho ρ sigma σ tau τ phi φ varphi φ chi χ psi ψ omega ω
    Gamma Γ Delta Δ Theta Θ Lambda Λ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω
"""
_FUNCTIONS: Final = "sin cos tan arcsin arccos arctan sinh cosh tanh ln log exp lim min max det gcd mod"
_SYMBOLS: Final = {
    **dict(zip(_SIGNS.split()[::2], _SIGNS.split()[1::2], strict=True)),
    **{name: name for name in _FUNCTIONS.split()},
}
_SYMBOL: Final = re.compile(r"\\(mathbb\{[A-Z]\}|[A-Za-z]+)\s?")
_RAISED: Final = dict(zip("0123456789+-=()nixyabck", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣʸᵃᵇᶜᵏ", strict=True))
_LOWERED: Final = dict(zip("0123456789+-=()aeijknx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₙₓ", strict=True))

_DECORATION: Final = re.compile(r"\\(?:left|right|bigg?|Bigg?|displaystyle|limits)(?![A-Za-z])\.?")
_SPACE: Final = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~")
_GROUP: Final = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|boxed)\{([^{}]*)\}")
_FRACTION: Final = re.compile(r"(?P<whole>(?<![\d.,])\d{1,9})?\\[dt]?frac\{(?P<above>[^{}]*)\}\{(?P<below>[^{}]*)\}")
_ROOT: Final = re.compile(r"\\sqrt\{([^{}]*)\}")
_SCRIPT: Final = re.compile(r"([\^_])(?:\{([^{}]*)\}|([0-9A-Za-zα-ω∞]))")
_SCRIPTS: Final = "".join({*_RAISED.values(), *_LOWERED.values()})
# A number, a letter, a differential, a name of three letters or more; not a product, as in a/2b.
_ONE_FACTOR: Final = re.compile(rf"√?(?:\d+(?:\.\d+)?|d?[A-Za-zΑ-ω]|[A-Za-z]{{3,}})[{_SCRIPTS}]*")
_POSTFIX: Final = ("!", "'", "^", "\ue000", *_RAISED.values())  # written behind what it applies to
_MAX_DEPTH: Final = 8
_KEPT: Final = {"^": "\ue000", "_": "\ue001"}  # signs of scripts that stay, so that they are not read once more


def readable(latex: str) -> str | None:
    """A formula in letters and signs, or None for one that needs more than a line of them."""
    text = _SPACE.sub(" ", _DECORATION.sub("", latex))
    text = _SYMBOL.sub(_sign, text)
    for _ in range(_MAX_DEPTH):
        simpler = _simpler(text)
        if simpler == text:
            break
        text = simpler
    text = _with_signs(text.replace(r"\%", "%").replace(r"\$", "$"))
    return None if re.search(r"[\\{}&]", text) else " ".join(text.split())


def _sign(found: re.Match[str]) -> str:
    sign = _SYMBOLS.get(found[1])
    if sign is None:
        return found[0]
    spaced = found[0][-1].isspace() or sign.isalpha()
    return f"{sign} " if spaced else sign


def _simpler(text: str) -> str:
    """The innermost groups in braces resolved."""
    text = _GROUP.sub(r"\1", text)
    text = _SCRIPT.sub(_script, text)
    text = _ROOT.sub(_root, text)
    return _FRACTION.sub(_fraction, text)


def scripted(sign: str, words: str, *, is_glued: bool = False) -> str:
    """What stands above (`^`) or below (`_`) a line, with letters made for that where there are some.

    `is_glued` if what follows directly would be read as a part of it.
    """
    letters = _RAISED if sign == "^" else _LOWERED
    if all(letter in letters for letter in words):
        return "".join(letters[letter] for letter in words)
    is_one = len(words) == 1 or (sign == "_" and words.isalnum())
    return sign + (words if is_one and not is_glued else f"({words})")


# Words that are set above the line and are no exponents, by what they complete.
_SUPERSCRIPT_WORDS: Final = tuple(
    (re.compile(completed + r"\Z"), re.compile(words))
    for completed, words in (
        (r"\d\.?", r"st|nd|rd|th|er|re|e|de|ste|te|ten"),
        (r"(?<![A-Za-z])[IVXLCM]+", r"er|re|e"),  # Roman numerals
        (r"(?<![A-Za-z])[A-Za-z]", r"th|ste|te"),  # the nth
        (r"\S", r"TM|SM|[™®©°º]|\[[^\[\]]{1,20}\]"),  # the last one is the number of a footnote
    )
)


def is_superscript_word(before: str, words: str) -> bool:
    """Whether words above the line are no exponent of what stands before: the end of an ordinal, a mark, a note."""
    behind = before[-20:]
    return any(
        kind.fullmatch(words) is not None and completed.search(behind) is not None
        for completed, kind in _SUPERSCRIPT_WORDS
    )


def _script(found: re.Match[str]) -> str:
    words = (found[2] if found[2] is not None else found[3]).strip()
    script = scripted(found[1], words, is_glued=goes_on(found))
    return script if script[:1] != found[1] else _KEPT[found[1]] + script[1:]


def _root(found: re.Match[str]) -> str:
    if found.string.startswith(_POSTFIX, found.end()):
        return f"(√{_in_brackets(found[1])})"
    return "√" + _in_brackets(found[1], always=goes_on(found))


def _fraction(found: re.Match[str]) -> str:
    above, below, whole = found["above"].strip(), found["below"].strip(), found["whole"] or ""
    below = below if _ONE_FACTOR.fullmatch(below) else f"({below})"
    fraction = f"{_in_brackets(above)}/{below}"
    is_followed = goes_on(found) or found.string.startswith(("|", "/", *_POSTFIX), found.end())
    if whole and above.isdigit() and below.isdigit():
        fraction = f"{whole} {fraction}"  # 2 1/2, and not 21/2
        return f"({fraction})" if is_followed else fraction
    before = whole or found.string[: found.start()][-1:]
    is_bound = before.isalnum() or before in (")", "^", "_", "/", "÷", ":", *_RAISED.values())
    return f"{whole}({fraction})" if is_bound or is_followed else fraction


def goes_on(found: re.Match[str]) -> bool:
    """Whether something stands directly behind, of which a reader could not tell that it is no part of this."""
    behind = found.string[found.end() : found.end() + 6]
    return behind[:1].isalnum() or behind.startswith(("(", "√", "\\sqrt", "\\frac", "\\dfrac", "\\tfrac"))


def _in_brackets(words: str, *, always: bool = False) -> str:
    is_one = re.fullmatch(r"√?\w+|\d+\.\d+", words.strip()) is not None
    return words if is_one and not always else f"({words.strip()})"


def _with_signs(text: str) -> str:
    for sign, kept in _KEPT.items():
        text = text.replace(kept, sign)
    return text
