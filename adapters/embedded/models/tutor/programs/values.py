"""Numbers: arithmetic, a function's value, an expression in another form."""

from __future__ import annotations

from adapters.embedded.models.tutor.formulas.expression import code
from adapters.embedded.models.tutor.programs.script import MARK, Script
from adapters.embedded.models.tutor.planning.tasks import Arithmetic, Evaluate, Rewrite


def arithmetic(script: Script, task: Arithmetic) -> None:
    """Exact value and decimal."""
    script.uses("sp")
    script.section("Work out the number exactly, then as a decimal.", f"""
        number = sp.sympify("{code(task.expression)}", rational=True)
        number = sp.simplify(number)
        print("Value:", number, "=", number.evalf(10))
        print("{MARK}", json.dumps({{"exact": str(number), "decimal": str(number.evalf(15))}}))
    """)


def evaluate(script: Script, task: Evaluate) -> None:
    """The value at one point."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section(f"Put {variable} = {code(task.at)} into the function.", f"""
        value = sp.simplify({name}.subs({variable}, {script.text(task.at)}))
        print("{task.function.name or 'Value'} =", value)
        print("{MARK}", json.dumps({{"exact": str(value), "decimal": str(value.evalf(15))}}))
    """)


def rewrite(script: Script, task: Rewrite) -> None:
    """Simplified, expanded or factored."""
    script.section(f"{task.how.capitalize()} the expression.", f"""
        expression = {script.text(task.expression)}
        rewritten = sp.{task.how}(expression)
        print(expression, "=", rewritten)
        print("{MARK}", json.dumps({{"exact": str(rewritten)}}))
    """)
