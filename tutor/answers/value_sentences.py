"""Numbers, values, other forms, tables."""

from __future__ import annotations

from tutor.answers.results import Result, text_of
from tutor.answers.say import Told, is_complex, is_infinite, is_undefined
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.expression import substituted
from tutor.formulas.formula_text import pretty
from tutor.planning.tasks import Arithmetic, Evaluate, Rewrite, Table, head
from tutor.programs.result_keys import Key

_MAX_FORM_CHARS = 400


def arithmetic(told: Told, task: Arithmetic, result: Result) -> None:
    """`2 + 3 = 5`."""
    say, what = told.say, told.say.formula(task.expression)
    if is_undefined(result) or is_infinite(result):
        told.line(Sentence.NO_NUMBER, what=what)
    elif is_complex(result):
        told.line(Sentence.COMPLEX_NUMBER, what=what, value=pretty(text_of(result, Key.EXACT)))
    elif say.both(result) == what:
        told.line(Sentence.IS_ITSELF, what=what)
    else:
        told.line(
            Sentence.VALUE, what=what, equals=say.equals(result).removeprefix(f"= {what} ").removesuffix(f" = {what}")
        )
    told.step(Sentence.HOW_ARITHMETIC)
    told.reason(Sentence.WHY_EXACT)


def evaluate(told: Told, task: Evaluate, result: Result) -> None:
    """`y = 12 for x = 3: y = 3² + 3 = 12`."""
    say, function = told.say, task.function
    at = say.formula(task.at)
    what = say.localised(_value_name(told, task, at))
    where = {"variable": function.variable, "at": at}
    if is_undefined(result) or is_infinite(result):
        told.line(Sentence.NOT_DEFINED, what=told.say.label(function), **where)
    elif is_complex(result):
        told.line(
            Sentence.COMPLEX_VALUE, what=told.say.label(function), value=pretty(text_of(result, Key.EXACT)), **where
        )
    else:
        told.line(Sentence.VALUE_AT, what=what, equals=say.equals(result), **where)
        if function.name and not function.derived:
            inserted = say.formula(substituted(function.expression, {function.variable: task.at}))
            told.line(
                Sentence.INSERTED, what=told.say.label(function), inserted=inserted, equals=say.equals(result), **where
            )
    told.step(Sentence.HOW_EVALUATE, **where)
    told.reason(Sentence.WHY_EXACT)


def _value_name(told: Told, task: Evaluate, at: str) -> str:
    function = task.function
    if function.derived:
        return told.say.label(function)
    return f"{function.name}({at})" if function.is_called and function.name else head(function)


def rewrite(told: Told, task: Rewrite, result: Result) -> None:
    """`(x + 1)² = x² + 2x + 1`."""
    what, value = told.say.formula(task.expression), told.say.localised(pretty(text_of(result, Key.EXACT)))
    if len(value) > _MAX_FORM_CHARS:
        told.line(Sentence.TOO_LONG, what=what)
    elif value == what:
        told.line(Sentence.ALREADY, what=what, how=told.say(Sentence(task.how)))
    else:
        told.line(Sentence.REWRITTEN, what=what, value=value, how=told.say(Sentence(task.how)))
    told.step(Sentence.HOW_REWRITE)
    told.reason(Sentence.WHY_EXACT)


def table(told: Told, task: Table, result: Result) -> None:
    """The first rows, and the file."""
    say = told.say
    rows = result.get(Key.ROWS)
    names = [task.functions[0].variable, *(head(function) for function in task.functions)]
    what = say.listed([told.say.label(function) for function in task.functions])
    count = result.get(Key.COUNT)
    told.line(Sentence.TABLE, what=what, count=count if isinstance(count, int) else 0)
    shown = [row for row in rows if isinstance(row, list)] if isinstance(rows, list) else []
    lines = (", ".join(_cell(told, name, value) for name, value in zip(names, row, strict=False)) for row in shown)
    told.lines.append("\n".join(f"- {line}" for line in lines))
    if isinstance(count, int) and count > len(shown):
        told.line(Sentence.MORE_ROWS, count=count - len(shown))
    told.step(Sentence.HOW_TABLE)
    told.reason(Sentence.WHY_TABLE)


def _cell(told: Told, name: str, value: object) -> str:
    if isinstance(value, int | float):
        return f"{name} = {told.say.decimal(float(value))}"
    return told.say(Sentence.CELL_NOT_DEFINED, what=name)
