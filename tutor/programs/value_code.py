"""Numbers: arithmetic, a function's value, an expression in another form, tables of values."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tutor.formulas.expression import Expression, Operation, is_constant, walk
from tutor.formulas.formula_text import code
from tutor.planning.tasks import Arithmetic, Evaluate, Function, Rewrite, Table, label
from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, Script


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


FILE = "table.csv"
MAX_ROWS = 1000


def table(script: Script, task: Table) -> None:
    """Values at equal steps, one column a function."""
    script.uses("pd", "sp")
    variable = script.symbol(task.functions[0].variable)
    columns = ", ".join(
        f"{json.dumps(label(each), ensure_ascii=False)}: {script.real_function(each)}" for each in task.functions
    )
    low, high, step = (script.exact(each) for each in (task.bounds.low, task.bounds.high, task.step))
    script.section(
        "The values of the variable, at equal steps.",
        f"""
        low, high, step = {low}, {high}, {step}
        count = min(int(sp.floor((high - low) / step)) + 1, {MAX_ROWS})
        values = [low + number * step for number in range(count)]
    """,
    )
    script.section(
        "Work out each row, show the table and save it as a csv file.",
        f"""
        columns = {{{columns}}}
        rows = pd.DataFrame({{"{variable}": [float(value) for value in values]}})
        for name, formula in columns.items():
            heights = [formula.subs({variable}, value).evalf() for value in values]
            rows[name] = [float(height) if height.is_real and height.is_finite else None for height in heights]
        print(rows.to_string(index=False))
        rows.to_csv("{FILE}", index=False)
        shown = rows.head(12).astype(object).where(rows.head(12).notna(), None).values.tolist()
        print("{MARK}", json.dumps({{"{Key.ROWS}": shown, "{Key.COUNT}": len(rows)}}))
    """,
    )
