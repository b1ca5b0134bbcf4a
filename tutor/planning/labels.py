"""What a function is called in legends and answers."""

from __future__ import annotations

from tutor.formulas.everyday import pretty_expression
from tutor.formulas.statements import Relation
from tutor.planning.tasks import Function


def written(relation: Relation) -> str:
    """`x² + y² = 4`."""
    parts = [pretty_expression(part) for part in relation.parts]
    return parts[0] + "".join(f" {sign} {part}" for sign, part in zip(relation.signs, parts[1:], strict=True))


def head(function: Function) -> str:
    """`y`, `f(x)`, or the formula where the user gave no name."""
    if not function.name:
        return pretty_expression(function.expression)
    return f"{function.name}({function.variable})" if function.is_called else function.name


def label(function: Function) -> str:
    """`y = x² + 3`, `f(x) = ...`, or just the formula; of a derivative, `d/dx (x² + 3)`."""
    formula, variable = pretty_expression(function.expression), function.variable
    if function.derived < 0:
        return f"∫ ({formula}) d{variable}"
    if function.derived:
        order = "" if function.derived == 1 else "²³⁴⁵⁶⁷⁸⁹"[function.derived - 2]
        return f"d{order}/d{variable}{order} ({formula})"
    return f"{head(function)} = {formula}" if function.name else formula
