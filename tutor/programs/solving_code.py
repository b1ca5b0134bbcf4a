"""Equations, systems and inequalities."""

from __future__ import annotations

from tutor.formulas.expression import (
    Expression,
    Number,
    Operation,
    is_constant,
    walk,
)
from tutor.planning.tasks import (
    Inequality,
    Intersection,
    Roots,
    Solve,
    SolveSystem,
)
from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, ZEROS, Script


def solve(script: Script, task: Solve) -> None:
    """An equation: both sides brought to one, then its zeros."""
    letters = task.equation.letters
    if len(letters) > 1:
        _with_parameters(script, task)
        return
    left, right = task.equation.parts
    difference = left if right == Number("0") else Operation("-", left, right)
    variable = script.symbol(task.unknown)
    script.section(
        "Bring everything to one side; the solutions are the zeros of the difference.",
        f"""
        difference = {script.exact(difference)}
    """,
    )
    _zeros(script, variable, script.domain(task.bounds), difference, is_complex=task.is_complex)


def _with_parameters(script: Script, task: Solve) -> None:
    left, right = (script.text(part) for part in task.equation.parts)
    script.section(
        f"Solve for {script.symbol(task.unknown)}; the other letters stay as they are.",
        f"""
        solutions = sp.solve(sp.Eq({left}, {right}), {script.symbol(task.unknown)})
        print("Solutions:", solutions)
        print("{MARK}", json.dumps({{"{Key.FORMULAS}": [str(solution) for solution in solutions]}}))
    """,
    )


def roots(script: Script, task: Roots) -> None:
    """The zeros of a function."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section("The function is zero where", f"difference = {name}")
    _zeros(script, variable, script.domain(task.bounds), task.function.expression, is_complex=task.is_complex)


def intersection(script: Script, task: Intersection) -> None:
    """Where two functions are equal, and the height there."""
    first, second = script.function(task.first), script.function(task.second)
    variable = script.symbol(task.first.variable)
    script.section("Two curves meet where their difference is zero.", f"difference = {first} - {second}")
    both = Operation("-", task.first.expression, task.second.expression)
    _zeros(script, variable, script.domain(task.bounds), both, heights=first)


def _zeros(
    script: Script,
    variable: str,
    domain: str,
    expression: Expression,
    *,
    heights: str = "",
    is_complex: bool = False,
) -> None:
    """Gives the result line of what makes `difference` zero."""
    script.uses("sp", "np", "brentq")
    script.helper(BOTH, ZEROS)
    below = ", ".join(
        script.exact(node.right)
        for node in walk(expression)
        if isinstance(node, Operation) and node.operator == "/" and not is_constant(node.right)
    )
    allowed = (
        f"solutions = [root for root in solutions"
        f" if all(sp.simplify(divisor.subs({variable}, root)) != 0 for divisor in [{below}])]"
        if below
        else ""
    )
    height = f', "{Key.Y}": both(sp.simplify({heights}.subs({variable}, root)))' if heights else ""
    script.section(
        "Find the zeros.",
        f"""
        domain = {domain}
        solutions, sure = zeros(difference, {variable}, domain)
        {allowed}
        every = sp.simplify(difference) == 0
        general = sp.solveset(difference, {variable}, domain) if not sure else sp.S.EmptySet
        families = [family.lamda.expr.subs(family.lamda.variables[0], sp.Symbol("n"))
                    for family in (general.args if isinstance(general, sp.Union) else [general])
                    if isinstance(family, sp.ImageSet)]
        complex_roots = []
        if {"" if is_complex else "not solutions and "}sure and not every and difference.is_polynomial({variable}):
            complex_roots = [str(root) for root in sp.solve(difference.subs({variable}, sp.Symbol("z")))]
        print("Solutions:", solutions, families)
        print("{MARK}", json.dumps({{
            "{Key.SOLUTIONS}": [{{**both(root){height}}} for root in solutions],
            "{Key.SURE}": sure, "{Key.EVERY}": bool(every),
            "{Key.FAMILIES}": [str(family) for family in families], "{Key.COMPLEX}": complex_roots,
        }}))
    """,
    )


def system(script: Script, task: SolveSystem) -> None:
    """Several equations at once, each solution put in again as a check."""
    script.helper(BOTH)
    equations = ",\n    ".join(
        f"sp.Eq({script.text(left)}, {script.text(right)})" for left, right in (each.parts for each in task.equations)
    )
    unknowns = ", ".join(script.symbol(name) for name in task.unknowns)
    script.section("The equations.", f"equations = [\n    {equations},\n]")
    script.section(
        "Solve them together and put each solution in again as a check.",
        f"""
        solutions = sp.solve(equations, [{unknowns}], dict=True)
        checks = [
            all(sp.simplify((each.lhs - each.rhs).subs(solution)) == 0 for each in equations if isinstance(each, sp.Eq))
            for solution in solutions
        ]
        print("Solutions:", solutions, "checked:", checks)
        print("{MARK}", json.dumps({{"{Key.CHECKED}": all(checks), "{Key.SOLUTIONS}": [
            {{str(name): both(value) for name, value in solution.items()}} for solution in solutions
        ]}}))
    """,
    )


def inequality(script: Script, task: Inequality) -> None:
    """Where it holds: a union of intervals, tested at many points."""
    script.uses("sp", "np")
    script.helper(BOTH)
    variable = script.symbol(task.unknown)
    pairs = list(zip(task.relation.parts, task.relation.signs, task.relation.parts[1:], strict=False))
    relations = ", ".join(f"{script.exact(left)} {sign} {script.exact(right)}" for left, sign, right in pairs)
    script.section(
        "Where each inequality holds; all must hold at once.",
        f"""
        relations = [{relations}]
        holds = {script.domain(task.bounds)}
        for relation in relations:
            if relation not in (True, False):
                holds = holds.intersect(sp.solveset(relation, {variable}, sp.S.Reals))
            elif relation == False:
                holds = sp.S.EmptySet
        print("Solution set:", holds)
    """,
    )
    script.section(
        "Check at many points, and list the intervals.",
        f"""
        def is_true(relation, place):
            return relation if isinstance(relation, bool) else relation.subs({variable}, place) == True

        tests = [sp.Rational(number, 7) for number in range(-150, 151) if number % 7]
        tests = [test for test in tests if {script.domain(task.bounds)}.contains(test) == True]
        checked = all(
            all(is_true(relation, test) for relation in relations) == (holds.contains(test) == True) for test in tests
        )
        pieces = [sp.Interval(-sp.oo, sp.oo)] if holds == sp.S.Reals else (
            list(holds.args) if isinstance(holds, sp.Union) else [holds])
        rows = [{{"{Key.LOW}": both(piece.inf), "{Key.HIGH}": both(piece.sup), "{Key.OPEN_LOW}": bool(piece.left_open),
                 "{Key.OPEN_HIGH}": bool(piece.right_open)}} for piece in pieces if isinstance(piece, sp.Interval)]
        rows += [{{"{Key.LOW}": both(point), "{Key.HIGH}": both(point),
                   "{Key.OPEN_LOW}": False, "{Key.OPEN_HIGH}": False}}
                 for piece in pieces if isinstance(piece, sp.FiniteSet) for point in piece]
        simple = holds == sp.S.EmptySet or bool(rows)
        print("{MARK}", json.dumps({{"{Key.ROWS}": rows,
                                   "{Key.CHECKED}": checked and simple}}))
    """,
    )
