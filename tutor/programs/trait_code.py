"""Traits of a whole function; each is checked with numbers before it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tutor.planning.function_traits import Trait, conditions_of
from tutor.planning.tasks import Function, TraitOf
from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, PARTS, Script
from tutor.programs.shape_code import examine

PIECES: Final = '''
def pieces_of(values):
    """The intervals and single points of a set; none if it is more complicated."""
    found = list(values.args) if isinstance(values, sp.Union) else [values]
    found = [sp.Interval(-sp.oo, sp.oo) if piece == sp.S.Reals else piece for piece in found]
    found = [single for piece in found
             for single in (map(sp.FiniteSet, piece) if isinstance(piece, sp.FiniteSet) else [piece])]
    if not all(isinstance(piece, (sp.Interval, sp.FiniteSet)) for piece in found):
        return []
    return [{"low": both(piece.inf), "high": both(piece.sup), "open_low": piece.inf not in piece,
             "open_high": piece.sup not in piece} for piece in found]
'''
NUMERIC: Final = '''
def numeric(expression, symbol):
    """The function for numbers: nan where it has no real value."""
    curve = sp.lambdify(symbol, expression, ["scipy", "numpy"])

    def heights(places):
        with np.errstate(all="ignore"):
            return np.asarray(curve(places) + 0 * places, dtype=float)

    return heights
'''


def trait(script: Script, task: TraitOf) -> None:
    """What was asked of the function."""
    script.uses("np", "sp")
    script.helper(BOTH)
    _WRITERS[task.asked](script, task.function)


def _domain(script: Script, function: Function) -> None:
    variable = script.symbol(function.variable)
    listed = ", ".join(f'({script.exact(each)}, "{sign}")' for each, sign in conditions_of(function.expression))
    script.helper(PIECES, NUMERIC)
    script.section(
        "What must hold for the formula to have a value: each part compared with 0.",
        f"""
        conditions = [{listed}]
        defined = sp.S.Reals
        for part, sign in conditions:
            if sign == "!=":
                defined = defined - sp.solveset(part, {variable}, sp.S.Reals)
            else:
                comparison = part > 0 if sign == ">" else part >= 0
                defined = defined.intersect(sp.solveset(comparison, {variable}, sp.S.Reals))
        print("Conditions:", conditions, "hold on", defined)
    """,
    )
    script.section(
        "Check at many points.",
        f"""
        places = np.linspace(-30, 30, 601) + 0.0123
        fits = np.full(places.shape, True)
        for part, sign in conditions:
            values = numeric(part, {variable})(places)
            fits &= np.isfinite(values) & ((values != 0) if sign == "!=" else (values > 0))
        pieces = pieces_of(defined)
        agrees = all((defined.contains(sp.Float(place)) == True) == fit for place, fit in zip(places, fits)) if (
            pieces) else False
        gaps = sp.S.Reals - defined
        print("{MARK}", json.dumps({{
            "{Key.ROWS}": pieces, "{Key.CHECKED}": bool(agrees), "{Key.EMPTY}": defined == sp.S.EmptySet,
            "{Key.GAPS}": [both(gap) for gap in gaps] if isinstance(gaps, sp.FiniteSet) else [],
            "{Key.CONDITIONS}": [[str(part), sign] for part, sign in conditions],
        }}))
    """,
    )


def _values(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    script.helper(PIECES, NUMERIC)
    _periodic(script, function)
    examine(script, function, "sp.Interval(0, period) if period else sp.S.Reals", order=1)
    script.section(
        "Between its turns the curve takes every value from the one height to the next.",
        f"""
        reached, certain = sp.S.EmptySet, bool(sure and not window and intervals and None not in
                                               [row["sign"] for row in rows])
        for interval in intervals if certain else []:
            inside = [cut for cut in cuts if interval.contains(cut) == True]
            heights = [(sp.simplify({name}.subs({variable}, cut)), True) for cut in inside]
            left, right = (interval.inf, interval.left_open, "+"), (interval.sup, interval.right_open, "-")
            for end, is_open, side in (left, right):
                height = sp.limit({name}, {variable}, end, side) if is_open else {name}.subs({variable}, end)
                heights.append((height, not is_open))
            certain &= all(height.is_extended_real is True for height, _ in heights)
            if not certain:
                break
            low, high = (pick([height for height, _ in heights], key=float) for pick in (min, max))
            closed = [height for height, is_taken in heights if is_taken]
            reached |= sp.Interval(low, high, low not in closed, high not in closed)
        print("Values:", reached)
        pieces = pieces_of(reached) if certain else []
        taken = numeric({name}, {variable})(np.linspace(-50, 50, 20011))
        taken = taken[np.isfinite(taken)]
        inside = np.full(taken.shape, False)
        for piece in pieces:
            low, high = (float(piece[end]["decimal"].replace("oo", "inf")) for end in ("low", "high"))
            inside |= (taken > low - 1e-6) & (taken < high + 1e-6)
        print("{MARK}", json.dumps({{"{Key.ROWS}": pieces,
                                   "{Key.CHECKED}": bool(pieces and len(taken) and inside.all())}}))
    """,
    )


def _parity(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    script.helper(NUMERIC)
    script.section(
        "Put -x in place of x, and compare; numbers check it.",
        f"""
        mirrored = {name}.subs({variable}, -{variable})
        even = sp.simplify(mirrored - {name}) == 0
        odd = sp.simplify(mirrored + {name}) == 0
        places = np.linspace(0.013, 9.7, 400)
        right, left = (numeric({name}, {variable})(places * side) for side in (1, -1))
        seen_even = np.allclose(left, right, rtol=1e-7, atol=1e-9, equal_nan=True)
        seen_odd = np.allclose(left, -right, rtol=1e-7, atol=1e-9, equal_nan=True)
        print("Mirrored:", mirrored, "even:", even, "odd:", odd)
        axis, center = "", []
        if {name}.is_polynomial({variable}) and not (even or odd):
            highest, second, *_ = sp.Poly({name}, {variable}).all_coeffs()
            middle = -second / (sp.degree({name}, {variable}) * highest)  # no other place is in question
            moved, back = ({name}.subs({variable}, middle + side * {variable}) for side in (1, -1))
            axis = str(middle) if sp.expand(moved - back) == 0 else ""
            height = {name}.subs({variable}, middle)
            center = [str(middle), str(height)] if sp.expand(moved + back - 2 * height) == 0 else []
        print("{MARK}", json.dumps({{
            "{Key.MIRRORED}": min(map(str, (sp.expand(mirrored), sp.simplify(mirrored), mirrored)), key=len),
            "{Key.EVEN}": bool(even), "{Key.ODD}": bool(odd),
            "{Key.AXIS}": axis, "{Key.CENTER}": center, "{Key.CERTAIN}": bool({name}.is_polynomial({variable})),
            "{Key.CHECKED}": bool(even == seen_even and odd == seen_odd and np.isfinite([*left, *right]).any()),
        }}))
    """,
    )


def _inverse(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    script.helper(NUMERIC, PARTS)
    _periodic(script, function)
    examine(script, function, "sp.Interval.open(-period / 2, period / 2) if period else sp.S.Reals", order=1)
    script.section(
        "Solve for the variable; the inverse must lead back from every height.",
        f"""
        height = sp.Symbol("height_", real=True)
        try:
            branches = sp.solve(sp.Eq({name}, height), {variable})
        except NotImplementedError:
            branches = []
        def is_odd_root(each):
            return each.is_Pow and each.exp.is_Rational and each.exp.q % 2 == 1 and each.exp.q > 1 and each.exp.p == 1

        def real(branch):
            return branch.replace(is_odd_root, lambda each: sp.sign(each.base) * sp.Abs(each.base) ** each.exp)

        places = np.linspace(-7, 7, 1401) + 0.00123
        heights = numeric({name}, {variable})(places)
        known = np.isfinite(heights) & (np.abs(heights) < 1e6) & (np.abs(heights) > 1e-6)
        leads_back = [branch for branch in branches if known.any() and not branch.has(sp.I) and np.allclose(
            numeric(real(branch), height)(heights[known]), places[known], rtol=1e-4, atol=1e-4)]
        directions = {{row["sign"] for row in rows}}
        turns = any({{-1, 1}} <= {{row["sign"] for row in rows if row["part"] == part}}
                    for part in range(len(intervals)))
        rises = sure and len(intervals) == 1 and len(directions) == 1 and directions <= {{-1, 1}}
        unique = bool(leads_back) and (rises or (len(branches) == 1 and not window))
        print("Branches:", branches, "leads back:", leads_back)
        print("{MARK}", json.dumps({{
            "{Key.EXISTS}": bool(unique or rises), "{Key.DENIED}": bool(turns or period),
            "{Key.EXACT}": str(leads_back[0].subs(height, {variable})) if unique else "",
            "{Key.PERIODIC}": bool(period),
            "{Key.BRANCHES}": [str(branch.subs(height, {variable})) for branch in branches[:3]],
        }}))
    """,
    )


def _asymptotes(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    parts = ", ".join(script.exact(each) for each, _ in conditions_of(function.expression))
    script.helper(NUMERIC)
    script.section(
        "Vertical ones lie where the formula stops having a value and the curve grows without bound.",
        f"""
        curve = numeric({name}, {variable})
        places, complete = set(), True
        for part in [{parts}]:
            zeros_of_part = sp.solveset(part, {variable}, sp.S.Reals)
            complete &= isinstance(zeros_of_part, sp.FiniteSet) or zeros_of_part == sp.S.EmptySet
            places |= set(zeros_of_part) if isinstance(zeros_of_part, sp.FiniteSet) else set()
        vertical = []
        for place in sorted(places, key=float):
            for side, sign in (("+", 1), ("-", -1)):
                near = np.abs(curve(float(place) + sign * np.array([1e-2, 1e-4, 1e-6])))
                if not np.isnan(near).any() and abs(sp.limit({name}, {variable}, place, side)) == sp.oo:
                    complete &= bool(near[0] < near[1] <= near[2])
                    vertical.append(place)
        vertical = list(dict.fromkeys(vertical))
        print("Vertical asymptotes at", vertical)
    """,
    )
    script.section(
        "Others are lines that the curve approaches far out, to the right and to the left.",
        f"""
        lines = []
        for end, far in ((sp.oo, np.array([1e3, 1e5])), (-sp.oo, np.array([-1e3, -1e5]))):
            if np.isnan(curve(far)).all():
                continue
            level, slope = sp.limit({name}, {variable}, end), sp.Integer(0)
            if level.is_infinite:
                slope = sp.limit({name} / {variable}, {variable}, end)
                level = sp.limit({name} - slope * {variable}, {variable}, end) if slope.is_finite and slope else sp.nan
            line = slope * {variable} + level
            if level.is_number and level.is_finite and level.is_real and sp.simplify({name} - line) != 0:
                beside = np.abs(curve(far) - (float(slope) * far + float(level)))
                complete &= bool(beside[1] <= beside[0] + 1e-4 and beside[1] < 0.2)
                lines.append({{"{Key.LINE}": str(line), "{Key.LEVEL}": slope == 0, "{Key.RIGHT}": end == sp.oo}})
            elif level.has(sp.AccumBounds) or level.has(sp.Limit):
                complete &= level.has(sp.AccumBounds)
        print("Lines:", lines)
        print("{MARK}", json.dumps({{"{Key.VERTICAL}": [str(place) for place in vertical], "{Key.LINES}": lines,
                                   "{Key.COMPLETE}": bool(complete)}}))
    """,
    )


def _periodic(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    script.helper(NUMERIC)
    script.section(
        "The shortest stretch after which the curve repeats, if there is one; numbers check it.",
        f"""
        def repeats(stretch):
            places = np.linspace(-9, 9, 500) + 0.0123
            before, after = (numeric({name}, {variable})(places + move) for move in (0, float(stretch)))
            return np.allclose(before, after, rtol=1e-6, atol=1e-6, equal_nan=True) and np.isfinite(before).any()

        try:
            period = sp.periodicity({name}, {variable}) or 0
        except (NotImplementedError, TypeError):
            period = 0
        if period and not repeats(period):
            period = 0
        period = next((period / parts for parts in range(12, 0, -1) if repeats(period / parts)), 0) if period else 0
    """,
    )


def _period(script: Script, function: Function) -> None:
    name, variable = script.function(function), script.symbol(function.variable)
    script.uses("sp")
    _periodic(script, function)
    script.section(
        "The result: a fraction of polynomials never repeats.",
        f"""
        print("Period:", period)
        print("{MARK}", json.dumps({{**both(period), "{Key.NEVER}": bool({name}.is_rational_function({variable}))}}))
    """,
    )


_WRITERS: Final[Mapping[Trait, Callable[[Script, Function], None]]] = {
    Trait.DOMAIN: _domain,
    Trait.VALUES: _values,
    Trait.PARITY: _parity,
    Trait.INVERSE: _inverse,
    Trait.ASYMPTOTES: _asymptotes,
    Trait.PERIOD: _period,
}
