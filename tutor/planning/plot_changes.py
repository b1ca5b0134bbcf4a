"""The last plot with other curves, colours, range, title or grid. What cannot be placed is asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tutor.formulas.expression import Applied, Expression, Symbol
from tutor.formulas.statements import Relation
from tutor.language.vocabulary import Language
from tutor.planning.function_plans import Definitions
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import CurveOfEquation, Function, Plot, PlotLooks, label, written
from tutor.reading.plot_wording import (
    Colour,
    Colours,
    Grid,
    Keep,
    Legend,
    PiTicks,
    PlotChange,
    Remove,
    Size,
    Title,
    Zoom,
)
from tutor.reading.question_reader import read

_MAX_SCALE: Final = 2.5
_MIN_SCALE: Final = 0.4
_ARTICLES: Final = re.compile(
    r"\A(?:the|my|its|of|plot of|graph of|line of|curve|graph|line|function|plot|lines|curves|die|den|das|der|kurve"
    r"|linie|funktion|graphen|graph|de|het|kromme|lijn|functie|grafiek van|grafiek)\b\s*|\s*\b(?:curve|line|graph"
    r"|function|one|kurve|linie|again|kromme|lijn|grafiek)\Z",
    re.IGNORECASE,
)
_ALL: Final = frozenset(
    {"", "it", "them", "this", "that", "both", "all", "all of them", "everything", "es", "sie", "ihn", "beide", "alle",
     "het", "hem", "ze", "dit", "allebei", "alles", "plot", "tekening", "figuur", "plaatje",
     "graphs", "plots", "chart", "diagram", "figure"}
)  # fmt: skip
_PLACES: Final = {
    "first": 0, "1st": 0, "erste": 0, "ersten": 0, "second": 1, "2nd": 1, "zweite": 1, "zweiten": 1, "third": 2,
    "3rd": 2, "dritte": 2, "dritten": 2, "last": -1, "latest": -1, "letzte": -1, "letzten": -1,
    "eerste": 0, "tweede": 1, "derde": 2, "laatste": -1,
}  # fmt: skip
_DERIVED: Final = frozenset({"derivative", "slope", "ableitung", "afgeleide"})


def changed(plot: Plot | CurveOfEquation, changes: Sequence[PlotChange], known: Definitions) -> Plot | CurveOfEquation:
    """The plot after these changes, in order. Raises Refusal, which names the curves there are."""
    for change in changes:
        plot = _changed(plot, change, known)
    return plot


def curve_names(plot: Plot | CurveOfEquation) -> tuple[str, ...]:
    """What its curves are called."""
    if isinstance(plot, CurveOfEquation):
        return tuple(map(written, plot.equations))
    return tuple(map(label, plot.functions))


def _changed(  # noqa: C901, PLR0911 - one case a kind of change
    plot: Plot | CurveOfEquation, change: PlotChange, known: Definitions
) -> Plot | CurveOfEquation:
    looks = plot.looks
    match change:
        case Title(text):
            return replace(plot, looks=replace(looks, title=text))
        case Grid(shown):
            return replace(plot, looks=replace(looks, grid=shown))
        case Legend(shown):
            return replace(plot, looks=replace(looks, legend=shown))
        case PiTicks(shown):
            return replace(plot, looks=replace(looks, pi_ticks=shown))
        case Size(factor):
            scale = max(_MIN_SCALE, min(looks.scale * factor, _MAX_SCALE))
            return replace(plot, looks=replace(looks, scale=scale))
        case Zoom(factor):
            return replace(plot, looks=replace(looks, zoom=looks.zoom * factor))
        case Colour(name, curve):
            return _coloured(plot, name, _chosen(plot, curve, known))
        case Colours(names):
            count = len(curve_names(plot))
            if len(names) != count:
                raise Refusal(Reason.WHICH_CURVE, curve_names(plot))
            return replace(plot, looks=replace(looks, colours=names))
        case Remove(curve):
            gone = _chosen(plot, curve, known)
            return _with_curves(plot, [at for at in range(len(curve_names(plot))) if at not in gone])
        case Keep(curve):
            return _with_curves(plot, _chosen(plot, curve, known))


def _coloured(plot: Plot | CurveOfEquation, name: str, places: Sequence[int]) -> Plot | CurveOfEquation:
    count = len(curve_names(plot))
    if len(places) > 1:
        raise Refusal(Reason.WHICH_CURVE, curve_names(plot))
    colours = [*plot.looks.colours, *[""] * count][:count]
    for place in places:
        colours[place] = name
    return replace(plot, looks=replace(plot.looks, colours=tuple(colours)))


def _with_curves(plot: Plot | CurveOfEquation, places: Sequence[int]) -> Plot | CurveOfEquation:
    """Only the curves at these places. A picture without curves would be none: Raises Refusal."""
    if not places:
        raise Refusal(Reason.ONLY_CURVE if len(curve_names(plot)) == 1 else Reason.WHICH_CURVE, curve_names(plot))
    colours = plot.looks.colours
    looks = replace(plot.looks, colours=tuple(colours[at] for at in places) if colours else ())
    if isinstance(plot, CurveOfEquation):
        return replace(plot, equations=tuple(plot.equations[at] for at in places), looks=looks)
    kept = replace(plot, functions=tuple(plot.functions[at] for at in places), looks=looks)
    if 0 in places:
        return kept
    return replace(kept, marks=(), tangent_at=None, normal_at=None, turns=None)  # these belonged to the first curve


def _chosen(plot: Plot | CurveOfEquation, spoken: str, known: Definitions) -> list[int]:
    """The places of the curves that are meant. Raises Refusal where there is no such curve."""
    count = len(curve_names(plot))
    word = spoken.strip().lower()
    while (shorter := _ARTICLES.sub("", word).strip()) != word:
        word = shorter
    if word in _ALL:
        return list(range(count))
    if word in _PLACES and -count <= _PLACES[word] < count:
        return [_PLACES[word] % count]
    places = [at for at in range(count) if _is_meant(plot, at, word, spoken, known)]
    if len(places) != 1:
        raise Refusal(Reason.WHICH_CURVE, curve_names(plot))
    return places


def _is_meant(plot: Plot | CurveOfEquation, at: int, word: str, spoken: str, known: Definitions) -> bool:
    relation = _relation(word, known) or _relation(spoken, known)
    if isinstance(plot, CurveOfEquation):
        return relation is not None and relation == plot.equations[at]
    function = plot.functions[at]
    if word in _DERIVED:
        return function.derived > 0
    if relation is None or function.derived:
        return False
    return _is_named(function, relation) or relation.parts[-1] == function.expression


def _is_named(function: Function, relation: Relation) -> bool:
    """`f`, `f(x)` and `y` for a function of that name."""
    named: Expression = relation.parts[0]
    if not relation.is_bare or not function.name:
        return False
    name = named.name if isinstance(named, Symbol) else named.function if isinstance(named, Applied) else ""
    return name == function.name


def _relation(text: str, known: Definitions) -> Relation | None:
    question = read(text, otherwise=Language.ENGLISH, functions=frozenset(known))
    clauses = question.clauses
    if len(clauses) != 1 or clauses[0].strange:
        return None
    if len(clauses[0].subjects) == 1:
        return clauses[0].subjects[0]
    if clauses[0].unknowns == (text,):
        return Relation((Symbol(text),))
    values = [(name, value) for name, each in clauses[0].values.items() for value in each]
    return Relation((Symbol(values[0][0]), values[0][1]), ("=",)) if len(values) == 1 else None


def added(
    plot: Plot | CurveOfEquation, new: Plot | CurveOfEquation, *, looks: PlotLooks | None = None
) -> Plot | CurveOfEquation:
    """Both in one diagram: what was drawn, then what is new. Raises Refusal where they have other variables."""
    bounds = new.bounds or plot.bounds
    looks = looks or plot.looks
    if isinstance(plot, Plot) and isinstance(new, Plot):
        variables = {each.variable for each in (*plot.functions, *new.functions)}
        functions = tuple(dict.fromkeys((*plot.functions, *new.functions)))
        if len(variables) > 1:
            raise Refusal(Reason.SEVERAL_UNKNOWNS, tuple(sorted(variables)))
        return replace(
            plot,
            functions=functions,
            bounds=bounds,
            looks=looks,
            marks=plot.marks or new.marks,
            tangent_at=new.tangent_at or plot.tangent_at,
            normal_at=new.normal_at or plot.normal_at,
        )
    equations = tuple(dict.fromkeys((*_equations(plot), *_equations(new))))
    if looks.colours:  # one for each curve: the new ones have the usual colours
        looks = replace(looks, colours=tuple([*looks.colours, *[""] * len(equations)][: len(equations)]))
    return CurveOfEquation(equations=equations, bounds=bounds, looks=looks)


def _equations(plot: Plot | CurveOfEquation) -> tuple[Relation, ...]:
    if isinstance(plot, CurveOfEquation):
        return plot.equations
    if any(each.derived or each.variable != "x" for each in plot.functions):
        raise Refusal(Reason.LEFT_OVER)
    return tuple(Relation((Symbol("y"), each.expression), ("=",)) for each in plot.functions)
