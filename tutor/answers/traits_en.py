"""What the tutor says in English of traits of whole functions."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "domain": "{what} is defined for **{values}**.",
    "domain everywhere": "{what} is defined for **every {variable}**.",
    "domain except": "{what} is defined for **every {variable} except {gaps}**.",
    "domain nowhere": "{what} is defined for **no real number**.",
    "domain unsolved": "{what} is defined where **{conditions}**.",
    "domain because": "The formula has a value where {conditions}.",
    "values": "{what} takes the values **{values}**.",
    "all values": "{what} takes **every real value**.",
    "values unknown": "I could not find out with certainty which values {what} takes.",
    "is even": "{what} is **even**: −{variable} gives the same value as {variable}, so the graph is symmetric about the"
    " vertical axis.",
    "is odd": "{what} is **odd**: −{variable} gives the opposite of the value at {variable}, so the graph is symmetric"
    " about the origin.",
    "is neither even nor odd": "{what} is **neither even nor odd**: −{variable} in place of {variable} gives"
    " {mirrored}, which is neither the function nor its opposite.",
    "other axis": "Its graph is symmetric all the same, about the line **{variable} = {at}**.",
    "other center": "Its graph is symmetric all the same, about the point **{point}**.",
    "perhaps other symmetry": "I did not look for symmetry about any other line or point.",
    "parity unknown": "I could not find out with certainty whether {what} is even or odd.",
    "inverse": "**Yes**, {what} has an inverse: **y = {value}**, for each {variable} that the function takes as a"
    " value.",
    "no inverse": "{what} has **no inverse** on its whole domain: it rises and falls, so it takes some values more than"
    " once.",
    "periodic without inverse": "{what} has **no inverse** on its whole domain: it repeats, so it takes each value more"
    " than once.",
    "branches": "On a part where it only rises or only falls, the inverse is {values}.",
    "inverse without formula": "**Yes**, {what} has an inverse, since it only rises or only falls; I found no"
    " formula for"
    " it.",
    "inverse unknown": "I could not find out with certainty whether {what} has an inverse.",
    "vertical asymptote": "{what} has the vertical asymptote **{values}**.",
    "vertical asymptotes": "{what} has vertical asymptotes at **{values}**.",
    "horizontal asymptote": "{what} has the horizontal asymptote **y = {value}**{where}.",
    "slant asymptote": "{what} has the slant asymptote **y = {value}**{where}.",
    "far right": " for {variable} → ∞",
    "far left": " for {variable} → −∞",
    "no asymptotes": "{what} has **no asymptotes**.",
    "asymptotes unknown": "I could not find the asymptotes of {what} with certainty.",
    "period": "The period of {what} is **{value}**.",
    "never repeats": "{what} is **not periodic**.",
    "period unknown": "I found no period of {what}.",
    "how normal": "it takes the slope of the curve at the point and puts a line through it that crosses the curve at a"
    " right angle",
    "how domain": "it lists what each denominator, root and logarithm asks for, solves that, and tests it at 601"
    " points",
    "how values": "it compares the heights at the turning points, at gaps and far out, and tests the result at many"
    " points",
    "how parity": "it puts the opposite number in and compares, with formulas and with 400 numbers",
    "how inverse": "it looks where the function rises and falls, solves for the variable, and checks with numbers that"
    " this leads back",
    "how asymptotes": "it takes limits beside the gaps and far out, and checks them with numbers",
    "how period": "it looks for the shortest stretch after which the values repeat, and checks it with 500 numbers",
}
