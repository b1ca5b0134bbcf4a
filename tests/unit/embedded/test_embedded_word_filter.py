"""What is shown of an answer while it comes is the beginning of what is made of the whole of it, and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded.models.argument_repair import code_in
from adapters.embedded.models.chat_reply import has_unmarked_thought, reply_of
from adapters.embedded.models.chat_stream import ReplyStream
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelError,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    Speaker,
)
from adapters.embedded.models.reply_repair import may_run, repair_reply
from adapters.embedded.models.word_filter import WordFilter
from tests.support.chat_endpoint import DONE, event, split
from tests.unit.embedded import test_embedded_model_help

SHAPES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in (Path(__file__).parents[2] / "model_shapes").glob("answer_*.json")
    if "openrouter_error" not in path.stem  # which is no answer
}
REQUEST = ModelRequest(
    instructions="",
    tools=(
        ModelTool(name=CODE_INTERPRETER, description="Python", parameters={"type": "object"}),
        ModelTool(name="weather", description="Tells it", parameters={"type": "object"}),
    ),
    messages=(ModelMessage(speaker=Speaker.USER, text="What is y at 3?"),),
)
MARKS = ("<", "[", "{", "◁", "```json", "functools", "to=")


def as_stream(body: dict[str, Any], size: int) -> bytes:
    """A completion as its endpoint would stream it, with texts and arguments in pieces of this size."""
    choice = body["choices"][0]
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    for name, value in choice["message"].items():
        if name == "role":
            continue
        if isinstance(value, str):
            deltas += [{name: piece} for piece in split(value, size)]
        elif name == "content" and isinstance(value, list):
            deltas += [{name: [part]} for part in value]
        elif name == "tool_calls" and value:
            for index, call in enumerate(value):
                function = call["function"]
                arguments = function.get("arguments")
                pieces = split(arguments, size) if isinstance(arguments, str) else [arguments]
                deltas.append({name: [{**call, "index": index, "function": {**function, "arguments": ""}}]})
                deltas += [{name: [{"index": index, "function": {"arguments": piece}}]} for piece in pieces]
        else:
            deltas.append({name: value})
    chunks = [{"model": body.get("model"), "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    last = {**body, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    return b"".join(map(event, [*chunks, last])) + DONE


def told_of(words: WordFilter, text: str, size: int) -> str:
    return "".join(words.add(piece) for piece in split(text, size))


def new_filter(request: ModelRequest = REQUEST, *, thinks_first: bool | None = None) -> WordFilter:
    offered = {tool.name for tool in request.tools}
    return WordFilter(offered=offered, runs_programs=may_run(request), thinks_first=thinks_first)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_streamed_answer_is_the_answer_that_comes_whole_and_nothing_else_of_it_is_shown(name: str) -> None:
    body = SHAPES[name]["body"]
    for size in (1, 2, 3, 7, 40, 10_000):
        data, stream, words, told = as_stream(body, size), ReplyStream(), new_filter(), ""
        try:
            whole = reply_of(body)
        except ModelError as error:
            stream.feed(data)
            with pytest.raises(ModelError, match=str(error)):
                reply_of(stream.assembly.completion())
            continue
        for piece in [data[at : at + 50 * size] for at in range(0, len(data), 50 * size)]:
            text = stream.feed(piece)
            words.meet(stream.assembly.model)
            if stream.assembly.thinks_apart:
                words.think_apart()
            told += words.add(text)
        reply = reply_of(stream.assembly.completion())
        assert (reply.text, reply.finish, reply.usage, reply.model) == (
            whole.text,
            whole.finish,
            whole.usage,
            whole.model,
        )
        assert reply.tool_calls == whole.tool_calls
        shown = repair_reply(reply, REQUEST, told).text
        assert shown.strip().startswith(told), size
        assert shown == repair_reply(whole, REQUEST, told).text


def texts_of_the_repair_tests() -> list[str]:
    """All texts that tests of a model's habits know: what is learned there is to be held back here."""
    tests = [test for name, test in vars(test_embedded_model_help).items() if name.startswith("test")]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    rows = [getattr(row, "values", row) for mark in marks for row in mark.args[1]]
    cells = [cell for row in rows for cell in (row if isinstance(row, list | tuple) else [row])]
    return sorted({cell for cell in cells if isinstance(cell, str) and 8 < len(cell) < 2_000})


@pytest.mark.parametrize("text", texts_of_the_repair_tests())
def test_no_habit_that_is_repaired_is_seen_before_it_is(text: str) -> None:
    for question in ("What is y at 3?", "Write a Python script."):
        asking = ModelMessage(speaker=Speaker.USER, text=question)
        request = ModelRequest(instructions="", tools=REQUEST.tools, messages=(asking,))
        for size in (1, 2, 5, 1000):
            told = told_of(new_filter(request, thinks_first=has_unmarked_thought(text)), text, size)
            assert repair_reply(ModelReply(text=text), request, told).text.strip().startswith(told), size


def test_the_texts_of_the_repair_tests_are_found() -> None:
    assert len(texts_of_the_repair_tests()) > 60


@pytest.mark.parametrize(
    "text",
    [
        "For x = 3, y = 12.",
        "f(x) = x^2 is convex. Action: none is needed.\nAction: rest\nand so on.",
        "[1] and [2] are notes; tools call for care, and functional programs do too.",
        "If a < b and b > c then a<b. See [it](sandbox:/mnt/data/a.csv), [1], $\\{1, 2\\}$.\n\n- [ ] one\n- two\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\nto be, or not to be; functools is a module, and to=5 a text.",
        "So:\n\n```c\nint main()\n{\n    return 0;\n}\n```\n\nThat is all.",
        "A matrix:\n[[1, 2], [3, 4]]\nand that is its end, of which there is more to say than fits into a line or two. "
        * 3,
        'JSON:\n```json\n{"a": 1, "b": [1, 2]}\n```\nand that is its end, of which there is more to say. '
        + "So. " * 60,
        "<p>HTML</p> and <br> and <custom-tag> and `<code>` stay.",
        "Umlauts äöü, 漢字 and 😀, as they are.",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_ordinary_words_are_shown_to_their_end(text: str, size: int) -> None:
    words = new_filter()
    told = told_of(words, text, size)
    assert text.startswith(told)
    assert len(text) - len(told) < 64


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think>I add 9 and 3.</think>\n\nTwelve it is.", "Twelve it is."),
        ("  <THINKING>a</THINKING> <think>b</think>Twelve it is.", "Twelve it is."),
        ("[THINK]a < b[/THINK]Twelve it is.", "Twelve it is."),
        ("◁think▷hm◁/think▷Twelve it is.", "Twelve it is."),
        ("<think>never ends", ""),
        ("Twelve it is.<|im_end|>\n<|im_start|>user\nthanks", "Twelve it is."),
        (
            "<|im_start|>assistant\nTwelve it is, and more so than one may think at first sight.",
            "Twelve it is, and more",
        ),
        ("Let me see.\n<tool_call>\n{}", "Let me see."),
        ("Let me see. <function=weather>", "Let me see."),
        ("Let me see.\nfunctools[{", "Let me see."),
        ("Let me see. [TOOL_CALLS]", "Let me see."),
        ('Let me see.\n{"name": "weather", "arguments": {}}', "Let me see."),
        (
            'Let me see:\n```json\n{"name": "weather", "arguments": {"city": "Rome"}}\n```\nSo. ' + "x " * 90,
            "Let me see:",
        ),
        ("commentary to=functions.weather <|constrain|>json<|message|>{}", "commentary"),
        ("So:\n```python\nprint(1)\n```\nIt is 1.", "So:"),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Twelve.", ""),
        ('[weather(city="Rome")]', ""),
        ("[weather_report] is the name of a function.", "[weather_report] is"),
    ],
)
def test_thinking_calls_and_marks_are_never_shown(text: str, shown: str) -> None:
    for size in (1, 2, 3, 8, 1000):
        told = told_of(new_filter(), text, size)
        assert told.startswith(shown), size
        if shown.endswith((".", ":", "")) and "<|im_start|>assistant" not in text:
            assert not any(mark in told for mark in MARKS if mark not in shown), size


def test_thinking_without_a_mark_at_its_beginning_is_held_back_where_the_models_name_or_its_habit_says_so() -> None:
    text = "Nine and three, so.\n</think>\n\nTwelve it is."
    for size in (1, 3, 1000):
        named = new_filter()
        named.meet("deepseek-r1:8b")
        assert told_of(named, text, size) == "Twelve it is."
        assert told_of(new_filter(thinks_first=True), text, size) == "Twelve it is."
        apart = new_filter(thinks_first=True)
        apart.think_apart()
        assert told_of(apart, "Twelve it is.", size) == "Twelve it is."


def test_a_block_of_python_is_shown_where_it_is_there_to_be_read() -> None:
    text = "So:\n```python\nprint(1)\n```\nThat is all of it."
    asking = ModelMessage(speaker=Speaker.USER, text="Write a Python script that prints 1.")
    request = ModelRequest(instructions="", tools=REQUEST.tools, messages=(asking,))
    assert told_of(new_filter(request), text, 3) == text


@pytest.mark.parametrize(
    "text", ["word " * 60_000, "\n{ " * 60_000, " " * 300_000, "[" * 300_000, "<think>" + "x" * 300_000]
)
def test_the_work_for_a_long_answer_is_in_proportion_to_it(text: str) -> None:
    words, looked_at = new_filter(), 0
    for piece in split(text, 4):
        words.add(piece)
        looked_at += len(words._text)  # what it looks at again with the next piece
    assert looked_at < 20 * len(text)


N = 20_000
BLANKS = " " * N


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```{BLANKS}é!\n", id="a fence and blanks"),
        pytest.param(f"\nAction:{BLANKS}é!\n", id="an action and blanks"),
        pytest.param(f"\nAction: a{BLANKS}é!\n", id="a named action and blanks"),
        pytest.param(f"\n~~~{BLANKS}é!\n", id="tildes and blanks"),
        pytest.param("```json\n" + "\n" * N + "é", id="JSON of empty lines"),
        pytest.param("`" * N, id="backticks"),
        pytest.param("``` " * (N // 4), id="many fences in a line"),
        pytest.param("x\n```python\nf.write" + "a" * N + "\n```", id="a long name in a program"),
        pytest.param(f"</s>{BLANKS}x", id="the end of a turn and blanks"),
        pytest.param(f"<tool_call>weather{BLANKS}é!", id="a name and blanks"),
        pytest.param("<tool_call><invoke name=a>" + '<parameter name="a">' * (N // 10), id="parameters without an end"),
        pytest.param("<tool_call><invoke name=a>" + "<parameter=a " * (N // 6), id="unfinished parameters"),
        pytest.param("<tool_call>a" + "<arg_key>a</arg_key><arg_value>" * (N // 10), id="values without an end"),
        pytest.param("<bos>" * N, id="marks of a template"),
        pytest.param('<tool_call>{"code":"a"' + BLANKS + 'x"}', id="arguments with blanks"),
    ],
)
def test_no_text_in_one_piece_holds_everything_else_up(text: str) -> None:
    began_s = time.process_time()
    for runs_programs in (True, False):
        words = WordFilter(offered={CODE_INTERPRETER}, runs_programs=runs_programs, thinks_first=None)
        told = words.add("Let me see. ") + words.add(text)
        repair_reply(ModelReply(text="Let me see. " + text), REQUEST, told)
        repair_reply(ModelReply(text=text), REQUEST)
    code_in(text)
    code_in(text.removeprefix("<tool_call>"))
    # Some hundredths of a second; many seconds, if the work grows with the square of the length.
    assert time.process_time() - began_s < 5


def test_no_output_of_code_holds_everything_else_up() -> None:
    call = ModelToolCall(id="c", name=CODE_INTERPRETER, arguments="{}")
    messages = (
        ModelMessage(speaker=Speaker.USER, text="What is y at 3?"),
        ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,)),
        ModelMessage(speaker=Speaker.TOOL, text="\n" * 100_000, tool_call_id="c"),
    )
    began_s = time.process_time()
    assert not may_run(ModelRequest(instructions="", tools=REQUEST.tools, messages=messages))
    assert time.process_time() - began_s < 5
