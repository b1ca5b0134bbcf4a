"""Wishes about a plot in words: `make it red`, `zoom in on 0 to 2`, `remove x^3`, `title it "Waves"`, `without a grid`.

Each pattern describes a whole message, so that no word of it is passed over. Wishes that come with a new plot (`plot
x^2 in red`) are taken out of the message, and the rest is read as usual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tutor.reading.question_reader import MAX_CHARACTERS


@dataclass(frozen=True, slots=True)
class Colour:
    """A curve's colour; `curve` is what the person called it, empty for the only one or all."""

    name: str  # matplotlib's
    curve: str = ""


@dataclass(frozen=True, slots=True)
class Colours:
    """Several colours at once, in the order of the curves."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Title:
    """The words above the plot."""

    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines behind the curves."""

    shown: bool


@dataclass(frozen=True, slots=True)
class Legend:
    """The box that names the curves."""

    shown: bool


@dataclass(frozen=True, slots=True)
class Zoom:
    """The range becomes this much of what it was."""

    factor: float


@dataclass(frozen=True, slots=True)
class Size:
    """The picture becomes this much larger."""

    factor: float


@dataclass(frozen=True, slots=True)
class Remove:
    """All curves but this one stay."""

    curve: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Only this curve stays."""

    curve: str


@dataclass(frozen=True, slots=True)
class PiTicks:
    """Marks on the axis at multiples of π."""

    shown: bool


PlotChange = PiTicks | Colour | Colours | Title | Grid | Legend | Zoom | Size | Remove | Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotWording:
    """The wishes of a message, and the rest of it, which is empty where it holds nothing else."""

    rest: str
    changes: tuple[PlotChange, ...] = ()


_COLOURS: Final = {
    "red": "red|rot|rote[rn]?|rood|rode",
    "blue": "blue|blau|blaue[rn]?|blauwe?",
    "green": "green|grün|grüne[rn]?|groene?",
    "darkorange": "orange|oranje",
    "purple": "purple|violet|violett|lila|paarse?",
    "black": "black|schwarz|zwarte?",
    "gray": "gr[ae]y|grau|grijze?",
    "saddlebrown": "brown|braun|bruine?",
    "hotpink": "pink|rosa|roze",
    "gold": "yellow|gelb|gold|geel|gele",
    "teal": "teal|turquoise|türkis|turkoois",
    "cyan": "cyan",
    "magenta": "magenta",
    "navy": "navy|dark blue|dunkelblau|donkerblauw",
}
_COLOUR: Final = "(?:" + "|".join(_COLOURS.values()) + ")"
_ENDS: Final = re.compile(
    r"\A(?:(?:please|pls|can you|could you|would you|will you|now|and|then|but|ok|okay|so|i want to|i'd like to|let's"
    r"|bitte|kannst du|könntest du|jetzt|und|aber|nun|mal|kun je|kan je|wil je|nu|en|maar|graag)\b[\s,]*)+"
    r"|[\s,]*\b(?:please|pls|now|instead|again|bitte|jetzt|nochmal|thanks|alsjeblieft|aub|graag|nu|maar)\Z|[\s?.!]+\Z",
    re.IGNORECASE,
)
_PLOT: Final = r"(?:it|this|that|them|the (?:plot|graph|chart|diagram|figure|picture|image|drawing)|es|sie|ihn" \
    r"|den (?:plot|graphen)|das (?:diagramm|bild|schaubild)|die (?:grafik|zeichnung)"  \
    r"|hem|het|dit|ze|de (?:grafiek|plot|tekening|figuur)|het (?:diagram|plaatje))"  # fmt: skip
_ONE_COLOUR: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:(?:use|with|in|try|as|mit|met|het) )?(?:the colou?r |de kleur )?(?P<colour>{_COLOUR})(?: colou?r)?",
        rf"(?:use|try) (?:the colou?r )?(?P<colour>{_COLOUR}) (?:for|on) (?P<curve>.+)",
        rf"(?:make|colou?r|paint|turn|set|mach|mache|färbe|maak|kleur) (?P<curve>.+?) (?:in |to |into |het )?(?P<colour>{_COLOUR})(?: ein)?",
        rf"(?:change|set|switch|verander) (?:the |de )?(?:colou?r|kleur)(?: (?:of|van) (?P<curve>.+?))? (?:to|into|naar|in) (?P<colour>{_COLOUR})",
        rf"(?:i want|i'd like|show|draw|plot|zeichne|zeige|male|teken|toon) (?P<curve>{_PLOT}|the (?:curve|line|function)|de (?:kromme|lijn|functie)"
        rf"|die (?:kurve|linie|funktion)) in (?P<colour>{_COLOUR})",
        rf"(?P<curve>.+?) (?:should|shall|must|soll|moet) (?:be |in |het )?(?P<colour>{_COLOUR})(?: sein| werden| zijn| worden)?",
    )
)
_SEVERAL_COLOURS: Final = re.compile(
    rf"(?:make|colou?r|paint|draw|mach|mache|färbe|zeichne) (?:{_PLOT}|the (?:curves|lines|graphs)|die (?:kurven|linien)) "
    rf"(?:in )?(?P<colours>{_COLOUR}(?:(?:, | and | und |, and ){_COLOUR})+)",
    re.IGNORECASE,
)
_TWO_OF_COLOURS: Final = re.compile(
    rf"(?:make|colou?r|paint|draw|mach|mache|färbe) (?P<first>.+?) (?:in )?(?P<one>{_COLOUR}),? (?:and|und) "
    rf"(?P<second>.+?) (?:in )?(?P<two>{_COLOUR})",
    re.IGNORECASE,
)
_TITLE: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:title|call|name|rename|entitle|nenne|betitle|noem) {_PLOT}(?: to| as|:)? (?P<title>.+)",
        rf"(?:(?:add|give|set|use|put|change|make|with|insert|gib|setze|füge|ändere|voeg|geef|zet|verander) )?(?:{_PLOT} )?(?:on )?"
        r"(?:a |an |the |den |einen |een |de |als )?(?:title|titel|heading|headline|überschrift)(?: of " + _PLOT + r")?"
        r"(?:\s*:\s*| to | as | of | called | named | saying | is | be | auf | in | naar |\s+(?=[\"“„'‘]))(?P<title>.+?)(?: hinzu| ein| toe)?",
    )
)  # fmt: skip
_ON: Final = r"(?:(?:add|show|with|turn on|switch on|put|draw|enable|include|use|i want|mit|zeige|zeichne|met|toon|voeg|teken) )?(?:a |the |ein |das |eine |die |een |het |de )?"
_OFF: Final = r"(?:remove|without|hide|turn off|switch off|drop|no|delete|disable|take away|ohne|kein|keine|entferne|zonder|geen|verwijder|haal) (?:a |the |any |ein |das |eine |die |een |het |de )?"
_GRID: Final = r"(?:grid ?lines?|grid|gitter|raster|gitternetz|rooster|rasterlijnen)"
_LEGEND: Final = r"(?:legend|legende|legenda)"
_PI_TICKS: Final = (
    r"(?:(?:pi|π)[- ]?(?:ticks?|axis|marks?|labels?|scale|steps|teilung|achse|schritten?)"
    r"|(?:ticks?|marks?|labels?|axis)(?: at| in| as)(?: the)?(?: multiples of| units of| steps of)? (?:pi|π)"
    r"|vielfachen? von (?:pi|π))"
)
_TO_PLOT: Final = r"(?: (?:on|off|to|in|from|of) ?(?:" + _PLOT + r")?| hinzu| weg| toe| eruit)?"
_SWITCHES: Final = tuple(
    (re.compile(words + what + _TO_PLOT, re.IGNORECASE), change)
    for words, what, change in (
        (_ON, _GRID, Grid(shown=True)),
        (_OFF, _GRID, Grid(shown=False)),
        (_ON, _LEGEND, Legend(shown=True)),
        (_OFF, _LEGEND, Legend(shown=False)),
        (_OFF, r"(?:title|titel|heading|überschrift)", Title(" ")),
        (_ON, _PI_TICKS, PiTicks(shown=True)),
        (_OFF, _PI_TICKS, PiTicks(shown=False)),
    )
)
_MORE: Final = r"(?: (?:more|further|a bit|a little|some more|again|weiter|etwas|verder|een beetje|iets|nog))*"
_FACTORS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), change)
    for pattern, change in (
        (rf"zoom(?: {_PLOT})? in{_MORE}|(?:go |come )?closer|zoom{_MORE}|zoome?{_MORE} (?:hinein|rein|heran|ran)|kom dichterbij", Zoom(0.5)),
        (rf"zoom(?: {_PLOT})? out{_MORE}|(?:go )?further out|zoome?{_MORE} (?:heraus|raus|uit){_MORE}", Zoom(2.0)),
        (rf"(?:(?:make|draw|show|mach|mache|zeichne|maak|teken) {_PLOT} )?(?:bigger|larger|größer|groter)", Size(1.5)),
        (rf"(?:(?:make|draw|show|mach|mache|zeichne|maak|teken) {_PLOT} )?(?:smaller|kleiner)", Size(0.7)),
    )
)  # fmt: skip
_REMOVE: Final = re.compile(
    rf"(?:(?:remove|delete|erase|hide|drop|leave out|get rid of|take (?:away|out|off)|without|entferne|lösche|streiche|ohne|verwijder|zonder|wis)"
    rf" (?P<curve>.+?)(?: (?:from|in|of|off|out of|aus|von|im|uit|van) (?:{_PLOT}|dem (?:plot|diagramm|bild)))?"
    r"|(?:take|nimm|nehme|haal) (?P<taken>.+?) (?:away|out|off|weg|raus|heraus|eruit)(?: of| from)?(?: the plot| the graph| it)?)",
    re.IGNORECASE,
)
_KEEP: Final = re.compile(
    rf"(?:(?:show|plot|draw|keep|leave|zeige|zeichne|teken|toon) )?(?:only|just|nur|alleen) (?P<curve>.+?)(?: in {_PLOT})?"
    rf"|(?:keep|leave) only (?P<kept>.+)",
    re.IGNORECASE,
)
_END_OF_RANGE: Final = r"-?\s?(?:\d+(?:[.,]\d+)?\s?(?:pi|π)?|pi|π)(?:/\d+)?"
_ZOOMED: Final = re.compile(
    rf"(?:zoom|zoome|focus)(?: {_PLOT})?(?: in| out| rein| hinein)?(?: more| closer)?(?: (?:on|to|into|in|onto|auf|at|in op|op|naar))?"
    r"(?: the| den| das| de| het)?(?: (?:range|interval|part|area|region|section|bereich|intervall|bereik|gebied))?"
    rf"(?: (?:from|between|of|for|von|zwischen|van|tussen))?(?: x ?=)? ?[\[(]?\s*(?P<low>{_END_OF_RANGE})\s*"
    rf"(?:to|and|until|bis|und|tot|en|,|;|\.\.+|-|–)\s*(?:x ?= ?)?(?P<high>{_END_OF_RANGE})\s*[\])]?(?: rein| hinein)?",
    re.IGNORECASE,
)
_IN_COLOUR: Final = re.compile(
    rf"\s+in (?:the colou?r |der farbe |de kleur |het )?(?P<colour>{_COLOUR})\b(?! ?[-+*/^=])", re.IGNORECASE
)
_WITH_TITLE: Final = re.compile(
    r",?\s+(?:(?:with|and|mit|und|met|en)(?: the| a| dem| de| een| als)? (?:title|titel)|titled|entitled|called)\s*:?\s*"
    r"[\"“„'‘](?P<title>[^\"”“'’]{1,80})[\"”“'’]",
    re.IGNORECASE,
)
_WITHOUT: Final = tuple(
    (re.compile(rf",?\s+(?:without|with no|and no|ohne|zonder)(?: a| the| any| een)? {what}\b", re.IGNORECASE), change)
    for what, change in ((_GRID, Grid(shown=False)), (_LEGEND, Legend(shown=False)))
)
_WITH_PI_TICKS: Final = re.compile(rf",?\s+(?:with|using|mit|in)(?: a| the)? {_PI_TICKS}\b", re.IGNORECASE)
_DRAWS: Final = re.compile(
    r"\b(?:plot|draw|graph|sketch|chart|show|zeichne|plotte|skizziere|zeig|zeige|teken|schets|toon)\b", re.IGNORECASE
)
_IS_GERMAN: Final = re.compile(r"\b(?:zoome|bis|auf|und|bereich|von|rein)\b", re.IGNORECASE)
_IS_DUTCH: Final = re.compile(r"\b(?:op|tot|en|bereik|van|tussen|naar)\b", re.IGNORECASE)
_MAX_TITLE_CHARS: Final = 80


def plot_wording(text: str) -> PlotWording:
    """What a message says of the looks of a plot, and what else it says."""
    if len(text) > MAX_CHARACTERS:
        return PlotWording(rest=text)
    asked = re.sub(r"\s+", " ", text).strip()
    while (shorter := _ENDS.sub("", asked).strip()) != asked:
        asked = shorter
    if zoomed := _ZOOMED.fullmatch(asked):
        if _IS_GERMAN.search(asked):
            return PlotWording(rest=f"zeichne es von {zoomed['low']} bis {zoomed['high']}")
        if _IS_DUTCH.search(asked):
            return PlotWording(rest=f"teken het van {zoomed['low']} tot {zoomed['high']}")
        return PlotWording(rest=f"plot it from {zoomed['low']} to {zoomed['high']}")
    change = _whole(asked)
    if change is not None:
        return PlotWording(rest="", changes=change)
    return _beside_a_plot(text) if _DRAWS.search(text) else PlotWording(rest=text)


def _whole(asked: str) -> tuple[PlotChange, ...] | None:  # noqa: C901, PLR0911 - one case a form of wish
    for pattern, change in (*_SWITCHES, *_FACTORS):
        if pattern.fullmatch(asked):
            return (change,)
    if found := _SEVERAL_COLOURS.fullmatch(asked):
        return (Colours(tuple(map(_colour, re.findall(rf"\b{_COLOUR}\b", found["colours"], re.IGNORECASE)))),)
    if found := _TWO_OF_COLOURS.fullmatch(asked):
        return (Colour(_colour(found["one"]), found["first"]), Colour(_colour(found["two"]), found["second"]))
    for pattern in _TITLE:
        if found := pattern.fullmatch(asked):
            return (Title(found["title"].strip(" \"“”„'‘’")[:_MAX_TITLE_CHARS]),)
    for pattern in _ONE_COLOUR:
        if found := pattern.fullmatch(asked):
            return (Colour(_colour(found["colour"]), found.groupdict().get("curve") or ""),)
    if found := _REMOVE.fullmatch(asked):
        return (Remove(found["curve"] or found["taken"]),)
    if found := _KEEP.fullmatch(asked):
        return (Keep(found["curve"] or found["kept"]),)
    return None


def _beside_a_plot(text: str) -> PlotWording:
    """`plot x^2 in red, with the title "Waves"`: the looks, and the plot."""
    changes: list[PlotChange] = []
    if found := _WITH_TITLE.search(text):
        changes.append(Title(found["title"].strip()))
        text = _WITH_TITLE.sub("", text, count=1)
    for pattern, change in (*_WITHOUT, (_WITH_PI_TICKS, PiTicks(shown=True))):
        if pattern.search(text):
            changes.append(change)
            text = pattern.sub("", text)
    colours = [_colour(found["colour"]) for found in _IN_COLOUR.finditer(text)]
    if colours:
        changes.append(Colours(tuple(colours)))
        text = _IN_COLOUR.sub("", text)
    return PlotWording(rest=text, changes=tuple(changes))


def _colour(word: str) -> str:
    return next(name for name, pattern in _COLOURS.items() if re.fullmatch(pattern, word, re.IGNORECASE))
