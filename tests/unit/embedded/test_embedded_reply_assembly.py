"""How the chunks of a streamed answer are put together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.embedded.models.chat_stream import ReplyAssembly, ReplyStream
from tests.support.chat_endpoint import chunk, event


def test_only_a_chunk_that_says_nothing_ends_an_answer_by_its_reason() -> None:
    assembly = ReplyAssembly()
    call = {"index": 0, "function": {"name": "weather", "arguments": "{}"}}
    for delta in ({"content": "a"}, {"reasoning_content": "b"}, {"tool_calls": [call]}, {"refusal": "c"}):
        assembly.add(json.dumps(chunk(delta, "stop")))
        assert assembly.may_end
        assert not assembly.is_finished
        assembly.add(json.dumps(chunk({"role": "assistant", "content": "", "tool_calls": None}, "stop")))
        assert assembly.is_finished


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param([{"extra": ["a"]}, {"extra": [{"index": 0, "text": "b"}]}], id="a text where an object continues"),
        pytest.param([{"extra": [1, None]}, {"extra": [{"index": 0}]}], id="a number"),
        pytest.param([{"extra": {"a": 1}}, {"extra": "b"}, {"extra": None}, {"extra": ["c"]}], id="changing kinds"),
    ],
)
def test_odd_fields_beside_the_words_do_no_harm(deltas: list[dict[str, Any]]) -> None:
    stream = ReplyStream()
    data = b"".join(event(chunk(delta)) for delta in [*deltas, {"content": "Twelve."}])
    assert stream.feed(data) == "Twelve."
    assert stream.assembly.completion()["choices"][0]["message"]["content"] == "Twelve."


def test_fields_of_many_pieces_are_joined_once() -> None:
    assembly, pieces = ReplyAssembly(), [f"{number} " for number in range(2_000)]
    call = {"index": 0, "function": {"name": "weather", "arguments": ""}}
    for piece in pieces:
        details = [{"type": "reasoning.text", "index": 0, "text": piece}]
        delta = {"reasoning": piece, "reasoning_details": details, "tool_calls": [{**call, "signature": piece}]}
        assembly.add(json.dumps(chunk(delta)))
    grown = [text for _, _, text in assembly._fields._grown]
    assert [text.pieces for text in grown] == [pieces, pieces]
    text = "".join(pieces)
    message = assembly.completion()["choices"][0]["message"]
    assert message["reasoning"] == text
    assert message["reasoning_details"] == [{"type": "reasoning.text", "index": 0, "text": text}]
    assert message["tool_calls"][0]["signature"] == text
    assert assembly.completion()["choices"][0]["message"] == message


def arguments_of(*pieces: Any) -> str:
    assembly, name = ReplyAssembly(), {"name": "weather"}
    for piece in pieces:
        call = {"index": 0, "function": {**name, "arguments": piece}}
        assembly.add(json.dumps(chunk({"tool_calls": [call]})))
        name = {}
    (call,) = assembly.completion()["choices"][0]["message"]["tool_calls"]
    return str(call["function"]["arguments"])


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(('{"a"', ': {"a": 1}', "}"), id="piece by piece"),
        pytest.param(('{"a":', ' {"a": 1}}'), id="a piece that could be whole"),
        pytest.param(('{"a"', '{"a": {"a"', '{"a": {"a": 1}}'), id="each with all before it"),
        pytest.param(({}, '{"a": ', '{"a": 1}}'), id="an empty object first"),
        pytest.param(("{}", '{"a": ', '{"a": 1}}'), id="its text first"),
        pytest.param(({"a": {"a": 1}},), id="unpacked"),
    ],
)
def test_arguments_are_put_together_however_they_are_cut(pieces: tuple[Any, ...]) -> None:
    assert json.loads(arguments_of(*pieces)) == {"a": {"a": 1}}


def test_the_words_of_the_older_interface_and_of_a_first_choice_in_any_writing_are_heard() -> None:
    stream = ReplyStream()
    first, second = [{"index": "0", "text": "Twelve"}], [{"index": 1, "text": "no"}, {"text": "."}]
    data = event({"choices": first}) + event({"choices": second}) + b'data: "[done]"\n\n'
    assert stream.feed(data) == "Twelve."
    assert stream.is_done
