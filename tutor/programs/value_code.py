"""Numbers: arithmetic, a function's value, an expression in another form."""

from __future__ import annotations

from collections.abc import Sequence

from tutor.formulas.expression import Expression, Operation, is_constant, walk
from tutor.formulas.sympy_text import code
from tutor.planning.tasks import Arithmetic, Evaluate, Function, Rewrite
from tutor.programs.helpers import BOTH
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script


def arithmetic(script: Script, task: Arithmetic) -> None:
    """Exact value and decimal."""
    script.helper(BOTH)
    script.section(
        "Work out the number exactly, then as a decimal.",
        f"""
        number = sp.nsimplify({script.exact(task.expression)}, rational=None)
        number = sp.simplify(number)
        print("Value:", number, "=", sp.N(number, 10))
        print("{MARK}", json.dumps(both(number)))
    """,
    )


def denominators(function: Function) -> Sequence[Expression]:
    """What the function divides by, as written, before sympy cancels anything: x/x is not defined at 0."""
    return tuple(
        node.right
        for node in walk(function.expression)
        if isinstance(node, Operation) and node.operator == "/" and not is_constant(node.right)
    )


def evaluate(script: Script, task: Evaluate) -> None:
    """The value at one point."""
    script.helper(BOTH)
    name, at = script.real_function(task.function), script.text(task.at)
    variable = script.symbol(task.function.variable)
    below = ", ".join(script.text(each) for each in denominators(task.function))
    check = (
        f"""
if any(sp.simplify(divisor.subs({variable}, {at})) == 0 for divisor in [{below}]):
    value = sp.nan  # division by zero"""
        if below
        else ""
    )
    script.section(
        f"Put {variable} = {code(task.at)} into the function.",
        f"""
value = sp.simplify({name}.subs({variable}, {at})){check}
print("{name}({code(task.at)}) =", value)
print("{MARK}", json.dumps(both(value)))
""",
    )


def rewrite(script: Script, task: Rewrite) -> None:
    """Simplified, expanded or factored."""
    script.section(
        f"{task.how.capitalize()} the expression.",
        f"""
        expression = {script.exact(task.expression)}
        rewritten = sp.{task.how}(expression)
        print(expression, "=", rewritten)
        print("{MARK}", json.dumps({{"{Key.EXACT}": str(rewritten)}}))
    """,
    )
