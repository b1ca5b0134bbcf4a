"""The German words the tutor understands."""

from __future__ import annotations

from typing import Final

from adapters.embedded.models.tutor.language.cues import Cue

CUES: Final = {
    Cue.PLOT: "zeichne",
    Cue.SOLVE: "löse",
    Cue.FILLER: "die | der | das",
}
OPERATORS: Final = {"plus": "+", "mal": "*"}
POSTFIXES: Final = {"quadrat": "** 2"}
PREFIXES: Final = {"wurzel aus": "sqrt"}
FORMULAS: Final = {"sinus": "sin(x)"}
NUMBERS: Final = {"zwei": "2"}
