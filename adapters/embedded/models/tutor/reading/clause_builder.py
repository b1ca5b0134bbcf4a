"""The slots of one clause, filled item by item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.embedded.models.tutor.language.cues import DEMANDS, Cue, Word
from adapters.embedded.models.tutor.formulas.expression import Expression, Symbol, is_constant
from adapters.embedded.models.tutor.formulas.tokens import TokenKind
from adapters.embedded.models.tutor.reading.clause import Clause
from adapters.embedded.models.tutor.formulas.statements import Bounds, Item, Mark, Relation, Values

_STRUCTURE: Final = frozenset({
    Cue.FROM, Cue.TO, Cue.BETWEEN, Cue.FOR, Cue.AT, Cue.ON, Cue.RESPECT, Cue.APPROACHES, Cue.STEP, Cue.AND, Cue.OF,
    Cue.UNKNOWN, Cue.OR, Cue.OVER,
})
_PASSED_OVER: Final = frozenset({Cue.FILLER, Cue.FUNCTION, Cue.EQUATION, Cue.THEN, Cue.PRONOUN, Cue.REAL})
_AMOUNTS: Final = frozenset({Cue.STEP, Cue.POINTS, Cue.PLACES})
_INTRODUCES_UNKNOWN: Final = frozenset({Cue.FOR, Cue.RESPECT, Cue.UNKNOWN, Cue.FIND, Cue.SOLVE, Cue.EVALUATE})


class ClauseBuilder:
    """Hears the items of one clause in order and says in the end what they meant."""

    def __init__(self, items: Sequence[Item], start: int) -> None:
        self._items = items
        self._start = start
        self._cue: Cue | None = None          # the last word that gives the next statement its role
        self._low: Expression | None = None   # of a range whose end has not come yet
        self._continues: str | None = None    # what a further number after a comma would be
        self._demands: list[Cue] = []
        self._cues: set[Cue] = set()
        self._subjects: list[Relation] = []
        self._values: dict[str, tuple[Expression, ...]] = {}
        self._points: list[Expression] = []
        self._conditions: list[Relation] = []
        self._bounds: Bounds | None = None
        self._unknowns: list[str] = []
        self._towards: Expression | None = None
        self._side = "+-"
        self._numbers: dict[Cue, Expression] = {}
        self._plots_result = False
        self._strange: list[str] = []
        self._parentheses = 0
        self._variable = ""                   # the lone letter that a range or list belongs to

    @property
    def is_complete(self) -> bool:
        """True once a subject was heard, so that a further demand begins another clause."""
        return bool(self._subjects)

    def hear(self, at: int) -> None:
        """Take in the item at `at`."""
        match self._items[at]:
            case Word() as word:
                self._hear_word(word)
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
        if self._low is not None:
            self._strange.append("from")
        demands = tuple(dict.fromkeys(self._demands))
        strong = tuple(demand for demand in demands if demand is not Cue.FIND)
        return Clause(
            demands=strong or demands, cues=frozenset(self._cues), subjects=tuple(self._subjects), values=self._values,
            points=tuple(self._points), conditions=tuple(self._conditions), bounds=self._bounds,
            unknowns=tuple(dict.fromkeys(self._unknowns)), towards=self._towards, side=self._side,
            numbers=self._numbers, plots_result=self._plots_result, joined=self._is_joined(),
            strange=tuple(self._strange),
        )

    def _is_joined(self) -> bool:
        before = self._items[self._start - 1] if self._start else None
        return isinstance(before, Word) and before.cue is Cue.AND

    # -- words

    def _hear_word(self, word: Word) -> None:
        cue = word.cue
        if cue is None:
            self._strange.append(word.text)
            return
        if cue in DEMANDS:
            self._hear_demand(cue)
        if cue in _STRUCTURE:
            self._cue = Cue.BETWEEN if self._cue is Cue.BETWEEN and cue is Cue.AND and self._low is not None else cue
        if cue is not Cue.FILLER:
            self._cues.add(cue)

    def _hear_demand(self, cue: Cue) -> None:
        directly = self._cue is not Cue.AND and self._demands[-1:] == [Cue.PLOT]
        if directly and cue in {Cue.DERIVATIVE, Cue.INTEGRAL, Cue.TANGENT}:
            self._plots_result = True
        self._demands.append(cue)
        self._cue = cue if cue in {Cue.FIND, Cue.SOLVE, Cue.EVALUATE} else None
        self._continues = None

    # -- statements

    def _hear_relation(self, relation: Relation, at: int) -> None:
        cue, self._cue = self._cue, None
        value = relation.parts[-1]
        constant = relation.is_bare and is_constant(value)
        if self._ranges(cue, relation) or self._measures(cue, relation, at, constant=constant):
            return
        if relation.is_assignment:
            self._assign(relation)
        elif constant and (cue in {Cue.AT, Cue.FOR} or self._goes_on(cue)):
            self._further_value(value)
        elif relation.is_bare and isinstance(value, Symbol) and self._is_named_only(cue, value, at):
            self._hear_letter(cue, value.name, at)
        elif relation.is_inequality and self._is_condition(relation, cue):
            self._conditions.append(relation)
        else:
            self._subjects.append(relation)
            self._continues = None

    def _ranges(self, cue: Cue | None, relation: Relation) -> bool:
        """`from 0 to 3`, `between x = 0 and x = 3`: remembers the low end, completes with the high one."""
        ends = relation.is_assignment or (relation.is_bare and is_constant(relation.parts[0]))
        if not ends:
            return False
        value = relation.parts[-1]
        if self._low is not None and cue in {Cue.TO, Cue.BETWEEN, Cue.AND, Cue.APPROACHES}:
            self._bounds, self._low = Bounds(self._low, value), None
            return True
        if cue in {Cue.FROM, Cue.BETWEEN}:
            self._low = value
            self._cue = Cue.BETWEEN if cue is Cue.BETWEEN else None
            return True
        return False

    def _measures(self, cue: Cue | None, relation: Relation, at: int, *, constant: bool) -> bool:
        """`step 0.5`, `5 points`, `x -> 0`."""
        if not constant:
            return False
        following = self._following_cue(at)
        if cue is Cue.APPROACHES:
            self._towards = relation.parts[0]
            return True
        amount = cue if cue in _AMOUNTS else following if following in _AMOUNTS else None
        if amount is None:
            return False
        self._numbers[amount] = relation.parts[0]
        return True

    def _assign(self, relation: Relation) -> None:
        name = relation.parts[0]
        if isinstance(name, Symbol):
            self._values[name.name] = (*self._values.get(name.name, ()), relation.parts[1])
            self._continues = name.name

    def _goes_on(self, cue: Cue | None) -> bool:
        """Whether a number follows in the list of `x = 1, 2 and 3`."""
        return self._continues is not None and cue in {None, Cue.AND, Cue.OR}

    def _further_value(self, value: Expression) -> None:
        if self._continues and self._continues != "points":
            self._values[self._continues] = (*self._values[self._continues], value)
        else:
            self._points.append(value)
            self._continues = "points"

    def _is_condition(self, relation: Relation, cue: Cue | None) -> bool:
        """`for x > 0`, `0 <= x <= 5`: one lone variable between constants, said of something else."""
        lone = [part for part in relation.parts if isinstance(part, Symbol)]
        others = [part for part in relation.parts if is_constant(part)]
        return len(lone) == 1 and len(others) == len(relation.parts) - 1 and (cue is not None or bool(self._subjects))

    # -- single letters

    def _is_named_only(self, cue: Cue | None, letter: Symbol, at: int) -> bool:
        """Whether a lone letter names the variable rather than being the function `x` itself."""
        if self._following_cue(at) in {Cue.FROM, Cue.BETWEEN, Cue.ON, Cue.APPROACHES, Cue.TO, Cue.BE}:
            return True
        if cue in {Cue.AND, Cue.OR, None} and self._unknowns and self._continues is None:
            return True
        if cue is Cue.OF:
            return self._demands[-1:] == [Cue.EVALUATE]
        return cue in _INTRODUCES_UNKNOWN

    def _hear_letter(self, cue: Cue | None, name: str, at: int) -> None:
        self._variable = name
        if self._following_cue(at) in {Cue.FROM, Cue.BETWEEN, Cue.ON, Cue.APPROACHES, Cue.TO} and cue is not Cue.RESPECT:
            return
        self._unknowns.append(name)

    def _following_cue(self, at: int) -> Cue | None:
        """The meaning of the next word that matters; None at the next statement or the end."""
        for item in self._items[at + 1:at + 4]:
            if isinstance(item, Mark):
                return Cue.APPROACHES if item.kind is TokenKind.ARROW else None
            if not isinstance(item, Word):
                return None
            if item.cue not in _PASSED_OVER:
                return item.cue
        return None

    # -- intervals, lists, marks

    def _hear_bounds(self, bounds: Bounds) -> None:
        cue, self._cue = self._cue, None
        round_pair = bounds.open_low and bounds.open_high
        if round_pair and cue not in {Cue.ON, Cue.FOR, Cue.BETWEEN, Cue.FROM, Cue.OVER} and not self._variable:
            self._strange.append("( , )")
        self._bounds = bounds

    def _hear_values(self, values: tuple[Expression, ...]) -> None:
        self._cue = None
        if self._variable:
            self._values[self._variable] = values
        elif all(is_constant(value) for value in values):
            self._points.extend(values)
        else:
            self._strange.append("{ }")

    def _hear_mark(self, mark: Mark, at: int) -> None:
        match mark.kind:
            case TokenKind.ARROW:
                self._cue = Cue.APPROACHES
            case TokenKind.COMMA | TokenKind.SEMICOLON | TokenKind.STOP:
                self._cue = None
            case TokenKind.OPEN | TokenKind.CLOSE:
                self._hear_parenthesis(mark, at)
            case TokenKind.OPERATOR if mark.text in "+-" and self._towards is not None:
                self._side = mark.text
            case _ if mark.text.isascii():
                self._strange.append(mark.text)

    def _hear_parenthesis(self, mark: Mark, at: int) -> None:
        """Parentheses around words are punctuation; around mathematics they would have been read as such."""
        around_words = isinstance(self._items[at + 1] if at + 1 < len(self._items) else None, Word)
        if mark.kind is TokenKind.OPEN and around_words:
            self._parentheses += 1
        elif mark.kind is TokenKind.CLOSE and self._parentheses:
            self._parentheses -= 1
        else:
            self._strange.append(mark.text)
