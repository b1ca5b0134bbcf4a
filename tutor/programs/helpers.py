"""Small functions that a program may need more than once; each is written into it at most once, above its sections."""

from __future__ import annotations

from typing import Final

from tutor.programs.result_keys import Key

BOTH: Final = f'''
def both(value):
    """A number exactly and as a decimal."""
    return {{"{Key.EXACT}": str(value), "{Key.DECIMAL}": str(sp.N(value, 15))}}
'''

ZEROS: Final = '''
def zeros(expression, symbol, domain):
    """Where an expression is zero in a domain, and whether we can be sure that these are all."""
    top, bottom = sp.together(expression).as_numer_denom()
    if top == 0:
        return [], True
    if top.is_polynomial(symbol) and all(number.is_rational for number in sp.Poly(top, symbol).coeffs()):
        roots = [root for root, _ in sp.real_roots(sp.Poly(top, symbol), multiple=False)]
        roots = [root for root in roots if bottom.subs(symbol, root) != 0]
        return [root for root in roots if True in (domain.contains(root), domain.contains(root.evalf(30)))], True
    exact = sp.solveset(expression, symbol, domain)
    found = sorted(exact, key=float) if isinstance(exact, sp.FiniteSet) else []
    found = [root for root in found if abs(expression.subs(symbol, root).evalf()) < 1e-9]
    # Look at many points as well: a change of sign shows a zero that has no formula.
    curve = sp.lambdify(symbol, expression, ["scipy", "numpy"])
    grid = np.linspace(max(float(domain.inf), -20.0), min(float(domain.sup), 20.0), 4003)
    with np.errstate(all="ignore"):
        heights = np.real_if_close(curve(grid) + 0 * grid)
        new = [
            brentq(curve, left, right) for left, right, low, high in zip(grid, grid[1:], heights, heights[1:])
            if low <= 0 < high or high <= 0 < low
        ]
        new = [root for root in new if abs(curve(root)) < 1e-6 and domain.contains(root) == True]
    new = [sp.Float(root) for root in new if all(abs(root - float(other)) > 1e-6 for other in found)]
    return sorted(found + new, key=float), (exact == sp.S.EmptySet or isinstance(exact, sp.FiniteSet)) and not new
'''

PARTS: Final = '''
def parts(domain):
    """The intervals a domain consists of, from left to right; none if it is more complicated."""
    pieces = list(domain.args) if isinstance(domain, sp.Union) else [domain]
    pieces = [sp.Interval(-sp.oo, sp.oo) if piece == sp.S.Reals else piece for piece in pieces]
    simple = all(isinstance(piece, sp.Interval) for piece in pieces)
    return sorted(pieces, key=lambda piece: float(piece.inf)) if simple else []
'''

SIGNS: Final = f'''
def signs(expression, symbol, intervals, cuts):
    """The sign of an expression between neighbouring cuts, tested at several points of each piece."""
    rows = []
    for number, interval in enumerate(intervals):
        ends = [interval.inf, *(cut for cut in cuts if interval.inf < cut < interval.sup), interval.sup]
        for low, high in zip(ends, ends[1:]):
            left = low if low.is_finite else (high if high.is_finite else sp.Integer(3)) - 6
            right = high if high.is_finite else left + 6
            places = [left + (right - left) * sp.Rational(number, 11) for number in range(1, 11)]
            tests = [expression.subs(symbol, place).evalf() for place in places]
            found = {{int(sp.sign(test)) if test.is_real else None for test in tests}}
            rows.append({{"{Key.PART}": number, "{Key.LOW}": str(low), "{Key.HIGH}": str(high),
                         "{Key.SIGN}": found.pop() if len(found) == 1 else None}})
    return rows
'''
