"""What the tutor says in English when it does not answer."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "strange": "I did not understand this part of your question: {details}. I would rather not guess.",
    "too_long": "This question is too long for me. Please ask for one thing at a time.",
    "no_mathematics": "I found no mathematics in this that I can work out.",
    "no_subject": "I do not know which function or equation you mean. Please write it out.",
    "no_demand": "I have noted that. What shall I do with it: plot it, differentiate it, solve it?",
    "no_point": "I do not know for which value. Please add it, for example: for x = 3.",
    "no_range": "I do not know from where to where. Please add it, for example: from 0 to 3.",
    "left_over": "I understood the words, but not how they belong together, so I have calculated nothing.",
    "unable": "This is a kind of mathematics that I cannot do.",
    "ambiguous power": "I do not know how far the exponent reaches: e^2x can mean e^(2x) or (e^2)·x, and x^1/2 can"
    " mean x^(1/2) or x/2. Please write the parentheses.",
    "ambiguous argument": "I do not know how far the function or the root reaches. Please put parentheses around it,"
    " for example sin(x/2) or sqrt(x + 1).",
    "ambiguous index": "x2 can mean x^2 or x_2. Please write one of them.",
    "ambiguous log": "log can mean the natural logarithm or the one of base 10. Please write ln(x) or log10(x).",
    "ambiguous percent": "A number plus or minus a percentage can mean two things: 100 + 10% is 110 or 100.1. Please"
    " write 100 * 1.1, or 100 + 0.1.",
    "ambiguous comma": "A comma as in 1,5 can mean one number or two. Please write 1.5, or a blank after the comma.",
    "too_big": "The numbers in this would become too large to work out here.",
    "parameters": "I need a value for {details} before I can do this, for example: for {details} = 2.",
    "undefined": "I do not know what {details} is. Please write it out, for example: {details}(x) = x^2.",
    "several_unknowns": "There are several unknowns here: {details}. Please say for which one to solve, or give"
    " values to the others.",
    "no_tool": "I calculate only by running code, and Code Interpreter is not switched on for this request.",
    "no_file": "I see no file in this conversation. Please attach a csv file.",
    "no_column": "I did not find which columns you mean. The file has these: {details}.",
    "not_numeric": "The column {details} does not hold numbers.",
    "follow_up": "I do not know what you mean by this after the last question. Please write the whole question.",
    "no_plot": "There is no plot yet that I could change. Please say what to draw, for example: plot x^2 in red.",
    "plot_change": "I did not understand what to change in the plot. I can add and remove curves, and change their"
    " colours, the"
    " range of x, the title, the grid and the legend. For example: also plot x^3; make it red; zoom in on 0 to 2.",
    "which_curve": "I do not know which curve you mean. The plot shows: {details}. You can say, for example: make"
    " the first"
    " one red; remove {last}.",
    "only_curve": "{details} is the only curve in the plot. Please say what to draw instead.",
    "both": "I know only one curve here, {details}. Please write out the other one, for example: plot it with y ="
    " 2x + 1.",
    "which_numbers": "I do not know by which column. These hold numbers: {details}.",
    "strange_in_table": "I did not understand this part of your question: {details}. The file has these columns:"
    " {choices}.",
    "nothing to explain": "I gave no answer to the last question, so there is nothing to explain. {reason}",
    "ask for help": "Ask “help” to see what I can do.",
    "connect elsewhere": "I am the built-in tutor: no language model, but exact mathematics and tables. If you"
    " need more,"
    " ask the person who runs this bot to connect a language model.",
    "failed": "The code did not finish, so I have no result. {details}",
    "examples": "For example, you can ask:\n- Solve the equation y = x^2 + 3 for x = 3 and plot the function"
    " graph.\n- What is the derivative of x^3 sin(x)?\n- Is f(x) = ln(x) concave on [1, 5]?",
    "connect": "I am the built-in tutor: no language model, but exact mathematics. For everything else, connect a"
    " language model with two lines in `.env`:\n\n`OPENAI_BASE_URL=...` (or `OPENAI_API_KEY=...`)\n\n`MODEL=...`",
    "hello": "Hello! I am the built-in mathematics tutor. I calculate, solve equations, differentiate, integrate and"
    " draw graphs.",
    "thanks": "You are welcome. Ask me the next one whenever you like.",
    "goodbye": "Goodbye!",
    "help": "I am the built-in mathematics tutor, no language model. I calculate, solve equations, systems and"
    " inequalities, find roots, extrema, limits and inflection points, differentiate, integrate, draw graphs, make"
    " tables, and plot the data of a csv file.",
}
