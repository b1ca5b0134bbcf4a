"""What the tutor says in English."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = {
    "value": "**{what} = {value}**",
    "value at": "**{what} = {value}** for {variable} = {at}.",
    "not defined": "**{what}** is **not defined** for {variable} = {at}.",
    "plotted": "The graph of {what} is drawn from {variable} = {left} to {right}.",
    "marked": "The point ({at}, {value}) is marked.",
    "derivative": "The derivative of {what} is **{value}**.",
    "derivative of order": "The derivative of order {order} of {what} is **{value}**.",
    "derivative at": "At {variable} = {at} it is **{value}**.",
    "antiderivative": "An antiderivative of {what} is **{value} + C**.",
    "integral": "The integral of {what} from {low} to {high} is **{value}**.",
    "area": "The area between {what} and the {variable}-axis from {low} to {high} is **{value}**.",
    "limit": "The limit of {what} for {variable} → {at} is **{value}**.",
    "limit from": "The limit of {what} for {variable} → {at} from the {side} is **{value}**.",
    "no limit": "**There is no limit** of {what} for {variable} → {at}: from the left it is {left}, from the right"
    " {right}.",
    "left": "left", "right": "right",
    "tangent": "The tangent to {what} at {variable} = {at} is **y = {value}**.",
    "rewritten": "**{what} = {value}**",
    "yes": "**Yes**, ", "no": "**No**, ",
    "convex": "{what} is **convex**{where}.", "not concave": "{what} is **not concave: it is convex**{where}.",
    "concave": "{what} is **concave**{where}.", "not convex": "{what} is **not convex: it is concave**{where}.",
    "linear": "{what} is linear, so it is **both convex and concave**, and neither strictly.",
    "neither": "{what} is **neither convex nor concave**{where}: it is convex on {convex} and concave on {concave}.",
    "because positive": "The reason is its second derivative, {second}: it is nowhere negative there.",
    "because negative": "The reason is its second derivative, {second}: it is nowhere positive there.",
    "because constant positive": "The reason is its second derivative: it is {second}, and {second} > 0 everywhere.",
    "because constant negative": "The reason is its second derivative: it is {second}, and {second} < 0 everywhere.",
    "because changes": "The reason is its second derivative, {second}, which changes its sign.",
    "on": " on {domain}",
    "solutions": "The solutions of {what} are {values}.", "solution": "The solution of {what} is {values}.",
    "no solution": "{what} has **no real solution**.",
    "all solutions": "{what} holds for **every {variable}** in {domain}.",
    "solution set": "The solutions of {what} are **{value}**.",
    "and": " and ",
    "how evaluate": "it puts the number in place of {variable} and works out the value exactly",
    "how arithmetic": "it works with exact numbers, so nothing is rounded on the way",
    "how plot": "it works out {count} points of each curve and joins them to a line",
    "how derivative": "it applies the rules of differentiation to the formula",
    "how integral": "it looks for an antiderivative of the formula",
    "how limit": "it approaches the point from the left and from the right",
    "how curvature": "it differentiates the function twice and looks where the second derivative is positive or"
    " negative",
    "how solve": "it transforms the equation exactly until the unknown stands alone",
    "how rewrite": "it applies the rules of algebra to the formula",
    "how tangent": "it takes the slope of the curve at the point and puts a line of that slope through it",
    "how": "**How the code works:** it reads the formula with sympy; then {steps}.",
    "why": "**Why code:** {reasons}.",
    "why compute": "a computer algebra system calculates exactly and makes no slips, and you can check each step in"
    " the code",
    "why plot": "a graph drawn from hundreds of calculated points is truer than a sketch",
    "refused": "I did not answer this, because {reason}.",
    "strange": "I did not understand {details}", "too_long": "the question is too long for me",
    "no_mathematics": "I found no mathematics in it", "no_subject": "I do not know which function is meant",
    "no_demand": "you did not say what I should do with it", "no_point": "I do not know at which point",
    "no_range": "I do not know from where to where", "left_over": "I did not know what to do with a part of it",
    "unable": "it asks for a kind of mathematics that I do not know", "ambiguous": "it can be read in two ways",
    "too_big": "the numbers in it are too large", "parameters": "I need a value for {details}",
    "undefined": "I do not know what {details} is", "several_unknowns": "it has several unknowns: {details}",
    "no_tool": "I calculate only with the Code Interpreter tool, which is not offered to me here",
    "no_file": "there is no file",
    "failed": "The code did not finish, so I have no result: {reason}",
    "examples": "I am the built-in tutor: no language model, but exact mathematics. Try for example:\n"
    "- Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.\n"
    "- What is the derivative of x^3 sin(x)?\n"
    "- Is f(x) = ln(x) concave on [1, 5]?",
    "connect": "For everything else connect a language model with two lines in `.env`:\n"
    "`OPENAI_BASE_URL=...` (or `OPENAI_API_KEY=...`)\n`MODEL=...`",
    "hello": "Hello! Ask me a question of mathematics.", "thanks": "You are welcome.",
    "goodbye": "Goodbye!",
}
