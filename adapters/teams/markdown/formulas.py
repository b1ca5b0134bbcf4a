"""LaTeX as text, where it is simple enough to be read as such."""

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
_FRACTION: Final = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_ROOT: Final = re.compile(r"\\sqrt\{([^{}]*)\}")
_SCRIPT: Final = re.compile(r"([\^_])(?:\{([^{}]*)\}|([0-9A-Za-zα-ω∞]))")
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
    text = _ROOT.sub(lambda found: "√" + _in_brackets(found[1], always=_goes_on(found)), text)
    return _FRACTION.sub(_fraction, text)


def scripted(sign: str, words: str) -> str:
    """What stands above (`^`) or below (`_`) a line, with letters made for that where there are some."""
    letters = _RAISED if sign == "^" else _LOWERED
    if all(letter in letters for letter in words):
        return "".join(letters[letter] for letter in words)
    return sign + (words if len(words) == 1 or (sign == "_" and words.isalnum()) else f"({words})")


def _script(found: re.Match[str]) -> str:
    words = (found[2] if found[2] is not None else found[3]).strip()
    script = scripted(found[1], words)
    if script[:1] != found[1]:
        return script
    # What follows directly would be read as a part of it.
    return _KEPT[found[1]] + (f"({words})" if _goes_on(found) and script[1] != "(" else script[1:])


def _fraction(found: re.Match[str]) -> str:
    above, below = found[1].strip(), found[2].strip()
    fraction = f"{_in_brackets(above)}/{_in_brackets(below)}"
    before = found.string[: found.start()][-1:]
    if before.isdigit() and above.isdigit() and below.isdigit():
        fraction = f" {fraction}"  # 2 1/2, and not 21/2
    elif before.isalnum() or before == ")" or _goes_on(found):
        fraction = f"({fraction})"
    return fraction


def _goes_on(found: re.Match[str]) -> bool:
    """Whether something stands directly behind, of which a reader could not tell that it is no part of this."""
    return found.string[found.end() :][:1].isalnum() or found.string.startswith(
        ("(", "√", "\\sqrt", "\\frac"), found.end()
    )


def _in_brackets(words: str, *, always: bool = False) -> str:
    is_one = re.fullmatch(r"√?\w+|\d+\.\d+", words.strip()) is not None
    return words if is_one and not always else f"({words.strip()})"


def _with_signs(text: str) -> str:
    for sign, kept in _KEPT.items():
        text = text.replace(kept, sign)
    return text
