"""The slots of one clause, filled item by item: each statement gets its role from the word before it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from tutor.formulas.expression import Expression, Number, Symbol, is_constant
from tutor.formulas.formula_tokens import TokenKind
from tutor.formulas.statements import Bounds, Relation, Values
from tutor.language.cues import (
    DEMANDS,
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    Cue,
    Word,
)
from tutor.reading.clause import UNCLEAR, Clause
from tutor.reading.items import (
    Item,
    Mark,
    following_cue,
    in_words,
    meaning,
    preceded_by,
    starts_with,
)

OF_DERIVATIVE: Final = (
    EXTREMA_CUES
    | MONOTONY_CUES
    | SHAPE_CUES
    | frozenset(
        {
            Cue.ROOTS,
            Cue.LIMIT,
            Cue.TABLE,
            Cue.INTERCEPT,
            Cue.INTEGRAL,
            Cue.AREA,
            Cue.PLOT,
        }
    )
)
"""What can be asked of a derivative as of any function."""

_FAMILIES: Final = (
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    frozenset({Cue.INTEGRAL, Cue.AREA}),
    frozenset({Cue.DOMAIN, Cue.VALUES_TAKEN}),
)
_GENERAL: Final = frozenset({Cue.EVALUATE, Cue.SOLVE, Cue.ANALYSIS})
"""Words that add nothing to the demand beside them: `evaluate the integral`."""


class Pair(Enum):
    """How a demand goes with the one right before it."""

    BOTH = auto()  # two sides of one question: concave or convex
    LATER_ALONE = auto()  # evaluate the integral
    EARLIER_ALONE = auto()  # the derivative's value
    EARLIER_OF_LATER = auto()  # plot the derivative
    LATER_OF_EARLIER = auto()  # is the derivative increasing
    UNCLEAR = auto()


def pair_of(earlier: Cue, later: Cue) -> Pair:
    """The meaning of two demands with no `and` between them."""
    meanings = {
        Pair.BOTH: any(earlier in family and later in family for family in _FAMILIES),
        Pair.LATER_ALONE: earlier in _GENERAL,
        Pair.EARLIER_ALONE: later in _GENERAL,
        Pair.EARLIER_OF_LATER: (later is Cue.DERIVATIVE and earlier in OF_DERIVATIVE)
        or (earlier is Cue.PLOT and later in {Cue.INTEGRAL, Cue.TANGENT}),
        Pair.LATER_OF_EARLIER: earlier is Cue.DERIVATIVE and later in OF_DERIVATIVE,
    }
    drawn = Cue.PLOT in {earlier, later} and (earlier, later) != (Cue.PLOT, Cue.INVERSE)
    otherwise = Pair.BOTH if drawn else Pair.UNCLEAR
    return next((pair for pair, holds in meanings.items() if holds), otherwise)


_CURVES: Final = frozenset({Cue.PLOT, Cue.INTERSECTION, Cue.AREA})


@dataclass(slots=True, kw_only=True)
class Slots:
    """Filled one after the other, then made a Clause."""

    demands: list[Cue] = field(default_factory=list)
    cues: set[Cue] = field(default_factory=set)
    of: Cue | None = None
    declined: set[Cue] = field(default_factory=set)
    subjects: list[Relation] = field(default_factory=list)
    values: dict[str, tuple[Expression, ...]] = field(default_factory=dict)
    points: list[Expression] = field(default_factory=list)
    conditions: list[Relation] = field(default_factory=list)
    bounds: Bounds | None = None
    unknowns: list[str] = field(default_factory=list)
    towards: Expression | None = None
    side: str = "+-"
    numbers: dict[Cue, Expression] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    @property
    def last_demand(self) -> Cue | None:
        """The last thing asked for by name."""
        return next((demand for demand in reversed(self.demands) if demand is not Cue.FIND), None)

    def add_demand(self, later: Cue) -> None:
        """A demand right after another, with no `and` between them."""
        earlier = self.last_demand
        if earlier is None or earlier is later or later is Cue.FIND:
            self.demands.append(later)
            return
        others = [demand for demand in self.demands if demand is not earlier]
        match pair_of(earlier, later):
            case Pair.BOTH:
                self.demands.append(later)
            case Pair.LATER_ALONE:
                self.demands = [*others, later]
            case Pair.EARLIER_ALONE:
                pass
            case Pair.EARLIER_OF_LATER:
                self.of = later
            case Pair.LATER_OF_EARLIER:
                self.of, self.demands = earlier, [*others, later]
            case Pair.UNCLEAR:
                self.strange.append(UNCLEAR)

    def asks_about_parameter(self) -> bool:
        """Whether a letter beside the unknowns is in an equation: `for which k has x^2 + kx + 4 = 0 solutions`."""
        return bool(self.unknowns) and any(set(each.letters) - set(self.unknowns) for each in self.subjects)

    def set_bounds(self, bounds: Bounds) -> None:
        """A clause has one range; a second one would silently replace the first."""
        if self.bounds is not None:
            self.strange.append(UNCLEAR)
        self.bounds = bounds

    def add_value(self, name: str, value: Expression) -> None:
        """One more value of a letter."""
        self.values[name] = (*self.values.get(name, ()), value)

    def add_values(self, variable: str, values: tuple[Expression, ...]) -> None:
        """`{1, 2, 3}`, of the letter before it or of the variable that is not named."""
        if variable:
            self.values[variable] = values
        elif all(is_constant(value) for value in values):
            self.points += values
        else:
            self.strange.append("{ }")

    def clause(self, *, joined: bool) -> Clause:
        """What was heard."""
        self._lift_level_lines()
        demands = tuple(dict.fromkeys(map(self._with_axis, self.demands)))
        if Cue.TABLE in demands:  # "a csv file with the values of sin(x)"
            demands = tuple(demand for demand in demands if demand is not Cue.EVALUATE)
        return Clause(
            demands=self._implied() or tuple(each for each in demands if each is not Cue.FIND) or demands,
            cues=frozenset(self.cues),
            of=self.of,
            declined=frozenset(self.declined),
            subjects=tuple(self.subjects),
            values=self.values,
            points=tuple(self.points),
            conditions=tuple(self.conditions),
            bounds=self.bounds,
            unknowns=tuple(dict.fromkeys(self.unknowns)),
            towards=self.towards,
            side=self.side,
            numbers=self.numbers,
            joined=joined,
            strange=tuple(self.strange),
        )

    def _implied(self) -> tuple[Cue, ...]:
        """What is asked for without its name: a limit by an arrow, a plot by `can you show me the graph of x^2`."""
        if self.last_demand is not None:
            return ()
        if self.towards is not None:
            return (Cue.LIMIT,)
        return (Cue.PLOT,) if Cue.GRAPH in self.cues and self.subjects else ()

    def _with_axis(self, demand: Cue) -> Cue:
        """Curves that cross an axis have zeros or an intercept."""
        axis = Cue.ROOTS if Cue.X_AXIS in self.cues else Cue.INTERCEPT if Cue.Y_AXIS in self.cues else demand
        return axis if demand is Cue.INTERSECTION else demand

    def _lift_level_lines(self) -> None:
        """`plot y = 3`: a curve, not a value."""
        if _CURVES & set(self.demands):
            self.subjects += [Relation((Symbol("y"), value), ("=",)) for value in self.values.pop("y", ())]


_STRUCTURE: Final = frozenset(
    {
        Cue.FROM,
        Cue.TO,
        Cue.BETWEEN,
        Cue.FOR,
        Cue.AT,
        Cue.ON,
        Cue.RESPECT,
        Cue.APPROACHES,
        Cue.STEP,
        Cue.AND,
        Cue.OF,
        Cue.UNKNOWN,
        Cue.OR,
        Cue.OVER,
    }
)
_SEPARATES: Final = frozenset({Cue.AND, Cue.OR, Cue.THEN, Cue.ALSO})
_NEGATES: Final = frozenset({Cue.WITHOUT, Cue.NOT})
_CAN_BE_DECLINED: Final = frozenset({Cue.PLOT, Cue.EXPLAIN, Cue.TABLE})
_AMOUNTS: Final = frozenset({Cue.STEP, Cue.POINTS, Cue.PLACES})
_RANGES: Final = frozenset({Cue.FROM, Cue.BETWEEN, Cue.ON, Cue.APPROACHES, Cue.TO})
_INTRODUCES_UNKNOWN: Final = frozenset({Cue.FOR, Cue.RESPECT, Cue.UNKNOWN, Cue.FIND, Cue.SOLVE, Cue.EVALUATE, Cue.ON})
_INTRODUCES_CONDITION: Final = frozenset({Cue.FOR, Cue.ON, Cue.AT, Cue.AND, Cue.UNKNOWN})
_OWN_FUNCTIONS: Final = frozenset("fghFGH")


class ClauseBuilder:
    """Hears the items of one clause in order and says in the end what they meant."""

    def __init__(self, items: Sequence[Item], start: int) -> None:
        self._items = items
        self._start = start
        self._cue: Cue | None = None  # the last word that gives the next statement its role
        self._low: Expression | None = None  # of a range whose end has not come yet
        self._continues: str | None = None  # what a further number after a comma would be
        self._variable = ""  # the lone letter that a range or list belongs to
        self._separated = True  # since the last demand: by "and" or a comma
        self._negated = False
        self._last_meaning: Cue | None = None
        self._parentheses = 0
        self._slots = Slots()

    def ends_before(self, cue: Cue | None) -> bool:
        """Whether a word of this meaning begins another clause: a demand after the subject of an earlier demand."""
        asked = any(demand is not Cue.FIND for demand in self._slots.demands)
        again = cue in self._slots.demands and (cue is Cue.TABLE or not self._separated)  # a table ... as csv
        further = cue in DEMANDS and not again and (self._separated or asked)
        return bool(self._slots.subjects) and (cue is Cue.AGAIN or further)

    def hear(self, at: int) -> None:
        """Take in the item at `at`."""
        match self._items[at]:
            case Word(text=text):
                self._hear_word(text, meaning(self._items, at))
            case Relation() as relation:
                self._hear_relation(relation, at)
            case Bounds() as bounds:
                self._hear_bounds(bounds)
            case Values(values):
                self._hear_values(values)
            case Mark() as mark:
                self._hear_mark(mark, at)

    def clause(self) -> Clause:
        """What was heard."""
        if self._low is not None or self._negated:
            self._slots.strange.append(UNCLEAR)
        return self._slots.clause(joined=self._is_joined())

    def _is_joined(self) -> bool:
        """Whether "and" stands before the clause, or opens the message."""
        opening = self._items[self._start + 1 :] if self._start else self._items  # after the mark that ends a sentence
        opens = isinstance(self._items[self._start], Mark) if self._start else True
        if opens and (starts_with(opening, Cue.AND) or starts_with(opening, Cue.ALSO)):
            return True
        return bool(self._start) and preceded_by(self._items, self._start, Cue.AND)

    # -- words

    def _hear_word(self, text: str, cue: Cue | None) -> None:
        if cue is Cue.DIFFERENTIAL:
            self._slots.unknowns.append(text[1])
        if cue is None:
            self._slots.strange.append(text)
        elif cue in _NEGATES:
            self._negated = True
        elif self._negated and cue in _CAN_BE_DECLINED:
            self._slots.declined.add(cue)
            self._negated = False
        else:
            self._hear_meaning(cue)

    def _hear_meaning(self, cue: Cue) -> None:
        if cue in DEMANDS:
            self._hear_demand(cue)
        if cue in _STRUCTURE:
            pending = self._cue is Cue.BETWEEN and cue is Cue.AND and self._low is not None
            of_function = cue is Cue.OF and self._last_meaning is Cue.FUNCTION
            self._cue = Cue.BETWEEN if pending else Cue.RESPECT if of_function else cue
        self._separated |= cue in _SEPARATES
        if cue is not Cue.FILLER:
            self._last_meaning = cue
            self._slots.cues.add(cue)

    def _hear_demand(self, cue: Cue) -> None:
        slots = self._slots
        again = slots.last_demand is cue is Cue.DERIVATIVE and not self._separated
        if again or (cue in {Cue.SOLVE, Cue.ROOTS} and slots.asks_about_parameter()):
            slots.strange.append(UNCLEAR)
        if self._separated:
            slots.demands.append(cue)
        else:
            slots.add_demand(cue)
        self._separated = False
        self._cue = cue if cue in _INTRODUCES_UNKNOWN else None
        self._continues = None

    # -- statements

    def _hear_relation(self, relation: Relation, at: int) -> None:
        cue, self._cue = self._cue, None
        value = relation.parts[-1]
        constant = relation.is_bare and is_constant(value)
        if self._ranges(cue, relation, at) or (constant and self._measures(cue, value, at)):
            return
        if relation.is_assignment:
            self._assign(relation)
        elif (constant and (cue is Cue.FOR or self._goes_on(cue))) or self._is_symbolic_point(cue, relation):
            self._further_value(value)
        elif relation.is_bare and isinstance(value, Symbol) and self._is_named_only(cue, value, at):
            self._hear_letter(cue, value.name, at)
        elif relation.is_inequality and self._is_condition(relation, cue):
            self._slots.conditions.append(relation)
        else:
            self._slots.subjects.append(relation)
            self._continues = None
            self._separated = False

    def _ranges(self, cue: Cue | None, relation: Relation, at: int) -> bool:
        """`from 0 to 3`, `between x = 0 and x = 3`, `x = 0 to 3`: remembers the low end, completes with the high."""
        if not (relation.is_assignment or (relation.is_bare and is_constant(relation.parts[0]))):
            return False
        value = relation.parts[-1]
        if self._low is None and cue is Cue.TO and self._continues in self._slots.values:
            self._low = self._slots.values.pop(str(self._continues))[-1]
        if self._low is not None and cue in {Cue.TO, Cue.BETWEEN, Cue.AND, Cue.APPROACHES}:
            self._slots.set_bounds(Bounds(self._low, value))
            self._low = None
        elif cue is Cue.BETWEEN or (cue is Cue.FROM and following_cue(self._items, at) is Cue.TO):
            self._low = value
            self._cue = Cue.BETWEEN if cue is Cue.BETWEEN else None
        else:
            return False
        return True

    def _measures(self, cue: Cue | None, value: Expression, at: int) -> bool:
        """`step 0.5`, `5 points`, `in 10 steps`, `x -> 0`."""
        following = following_cue(self._items, at)
        amount = cue if cue in _AMOUNTS else following if following in _AMOUNTS else None
        if cue is Cue.APPROACHES or (cue is Cue.TO and Cue.LIMIT in self._slots.demands):
            self._slots.towards = value
        elif amount is Cue.STEP and cue is not Cue.STEP and _is_count(value):
            self._slots.numbers[Cue.INTERVAL] = value
        elif amount is not None:
            self._slots.numbers[amount] = value
        else:
            return False
        return True

    def _assign(self, relation: Relation) -> None:
        name = relation.parts[0]
        if isinstance(name, Symbol):
            self._slots.add_value(name.name, relation.parts[1])
            self._separated = False
            self._continues = name.name

    def _goes_on(self, cue: Cue | None) -> bool:
        """Whether a number follows in the list of `x = 1, 2 and 3`."""
        return self._continues is not None and cue in {None, Cue.AND, Cue.OR}

    def _is_symbolic_point(self, cue: Cue | None, relation: Relation) -> bool:
        """`at 3`, and `at a` once it is known what is looked at."""
        return relation.is_bare and cue is Cue.AT and (bool(self._slots.subjects) or is_constant(relation.parts[0]))

    def _further_value(self, value: Expression) -> None:
        if self._continues in self._slots.values:
            self._slots.add_value(str(self._continues), value)
        else:
            self._slots.points.append(value)
            self._continues = ""

    def _is_condition(self, relation: Relation, cue: Cue | None) -> bool:
        """`for x > 0`, `0 <= x <= 5`: one lone variable between constants, said of something else."""
        lone = [part for part in relation.parts if isinstance(part, Symbol)]
        others = [part for part in relation.parts if is_constant(part)]
        said_of_other = cue in _INTRODUCES_CONDITION or bool(self._slots.subjects)
        return len(lone) == 1 and len(others) == len(relation.parts) - 1 and said_of_other

    # -- single letters

    def _is_named_only(self, cue: Cue | None, letter: Symbol, at: int) -> bool:
        """Whether a lone letter names the variable rather than being the function `x` itself."""
        if following_cue(self._items, at) in {*_RANGES, Cue.BE} and cue not in {Cue.OF, Cue.FROM}:
            return True
        if letter.name in _OWN_FUNCTIONS:
            return False
        if cue in {Cue.AND, Cue.OR, None} and self._slots.unknowns and self._continues is None:
            return True
        if cue in {Cue.OF, Cue.FROM}:
            return self._slots.demands[-1:] == [Cue.EVALUATE]
        return cue in _INTRODUCES_UNKNOWN

    def _hear_letter(self, cue: Cue | None, name: str, at: int) -> None:
        self._variable = name
        if following_cue(self._items, at) not in _RANGES or cue is Cue.RESPECT:
            self._slots.unknowns.append(name)

    # -- intervals, lists, marks

    def _hear_bounds(self, bounds: Bounds) -> None:
        cue, self._cue = self._cue, None
        round_pair = bounds.open_low and bounds.open_high
        if cue is Cue.OVER:
            self._slots.cues.discard(Cue.OVER)
        if round_pair and cue not in {Cue.ON, Cue.FOR, Cue.BETWEEN, Cue.FROM, Cue.OVER} and not self._variable:
            self._slots.strange.append("( , )")
        self._slots.set_bounds(bounds)

    def _hear_values(self, values: tuple[Expression, ...]) -> None:
        self._cue = None
        self._slots.add_values(self._variable, values)

    def _hear_mark(self, mark: Mark, at: int) -> None:
        match mark.kind:
            case TokenKind.ARROW:
                self._cue = Cue.APPROACHES
            case TokenKind.COMMA | TokenKind.SEMICOLON | TokenKind.STOP:
                self._cue = None
                self._separated = True
            case TokenKind.OPEN | TokenKind.CLOSE:
                self._hear_parenthesis(mark, at)
            case _:
                self._hear_sign(mark)

    def _hear_sign(self, mark: Mark) -> None:
        if mark.text == "!":
            self._cue, self._separated = None, True
        elif mark.text in {"+", "-"} and self._slots.towards is not None:
            self._slots.side = mark.text
        elif unicodedata.category(mark.text[0]) not in {"So", "Sk", "Cf", "Mn"}:  # pictures say nothing here
            self._slots.strange.append(mark.text)

    def _hear_parenthesis(self, mark: Mark, at: int) -> None:
        """Parentheses around words are punctuation; around mathematics they would have been read as such."""
        if mark.kind is TokenKind.OPEN and in_words(self._items, at):
            self._parentheses += 1
        elif mark.kind is TokenKind.CLOSE and self._parentheses:
            self._parentheses -= 1
        else:
            self._slots.strange.append(mark.text)


def _is_count(value: Expression) -> bool:
    """Whether a number before `steps` counts them, rather than being their width: 10, not 0.5."""
    return isinstance(value, Number) and value.text.isdigit() and int(value.text) > 1
