"""Whatever is written, the tutor answers, and its program holds nothing of the text but numbers, letters and signs."""

from __future__ import annotations

import ast
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.embedded.models.port import CODE_INTERPRETER, ModelMessage, ModelRequest, ModelTool, Speaker
from adapters.embedded.models.tutor_model import TutorModel
from tutor.language import english_words, german_words

TOOL = ModelTool(name=CODE_INTERPRETER, description="", parameters={})
VOCABULARY = [line for language in (english_words, german_words) for line in language.CUES.values()]
WORDS = [phrase.strip() for line in VOCABULARY for phrase in line.split("|")]
FORMULAS = [  # with the spaces between them that belong to each
    *"x y a t f x^2 sin(x) f(3) f'(x) e^x 0.5 √ 1/2x ∞ lambda |x| 20% 5! x_1 {1,2} [0,1]".split(),  # noqa: SIM905
    *("f(x) = x^3 - 1", "x = 2", "ln x", "-> 0", "2x + 1 = 5", "x > 0", "∫ x dx"),
]
SIGNS = list("=()+-/,.?!|'<…°;:")
PIECES = st.sampled_from(WORDS) | st.sampled_from(FORMULAS) | st.sampled_from(SIGNS)
SENTENCES = st.lists(PIECES, max_size=10).map(" ".join)
SAFE_TEXT = re.compile(r"[A-Za-z0-9_ ().,+*/-]*")
NAMES = {
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "exp",
    "log",
    "sqrt",
    "cbrt",
    "real_root",
    "Abs",
    "sign",
    "floor",
    "ceiling",
    "factorial",
    "pi",
    "E",
    "oo",
}


async def program_for(*messages: str) -> str | None:
    """The code that the last message leads to."""
    thread = tuple(ModelMessage(speaker=Speaker.USER, text=text) for text in messages)
    reply = await TutorModel().complete(ModelRequest(instructions="", messages=thread, tools=(TOOL,)))
    assert reply.text or reply.tool_calls
    return json.loads(reply.tool_calls[0].arguments)["code"] if reply.tool_calls else None


@settings(max_examples=300)
@given(st.text(max_size=200))
async def test_any_text_gets_an_answer(text: str) -> None:
    await program_for(text)


@settings(max_examples=600)
@given(st.lists(SENTENCES, min_size=1, max_size=3))
async def test_any_sentence_gets_an_answer_and_only_plain_formulas_reach_sympy(messages: list[str]) -> None:
    code = await program_for(*messages)
    for node in ast.walk(ast.parse(code or "")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sympify":
            [text] = node.args
            assert isinstance(text, ast.Constant)
            formula = str(text.value)
            assert SAFE_TEXT.fullmatch(formula)
            long_names = {name for name in re.findall(r"[A-Za-z]\w*", formula) if len(name) > 1 and "_" not in name}
            known = {keyword.arg for keyword in node.keywords}
            symbols = {
                str(key.value)
                for keyword in node.keywords
                if isinstance(keyword.value, ast.Dict)
                for key in keyword.value.keys
                if isinstance(key, ast.Constant)
            }
            assert long_names <= NAMES | symbols
            assert "rational" in known
