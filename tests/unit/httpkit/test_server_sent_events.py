"""Server-sent events are read as the standard says, in whatever pieces they come."""

from __future__ import annotations

import pytest

from httpkit.server_sent_events import EventParser, EventTooLargeError

EVENTS = (
    "\ufeff: a comment\nevent: one\ndata: {\ndata: }\n\nevent:two\nid: 7\nretry: 1\ndata:  ä€😀\n\n\n"
    "data: no name\n\nevent: no data\n\ndata\n\nevent: cut off\ndata: x\n"
)
READ = [("one", "{\n}"), ("two", " ä€😀"), ("", "no name"), ("no data", ""), ("", "")]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_events_are_the_same_in_whatever_pieces_they_come(size: int, line_end: str) -> None:
    data, parser = EVENTS.replace("\n", line_end).encode(), EventParser()
    events = [event for at in range(0, len(data), size) for event in parser.feed(data[at : at + size])]
    assert [(event.name, event.data) for event in events] == READ


def test_an_event_without_end_is_refused_and_ordinary_ones_do_not_add_up() -> None:
    parser, mebibyte = EventParser(), b"data: " + b"x" * 2**20
    assert [len(parser.feed(mebibyte + b"\n\n")) for _ in range(20)] == [1] * 20
    with pytest.raises(EventTooLargeError):
        parser.feed(mebibyte * 20)


@pytest.mark.parametrize(
    "sent",
    [b'data: {"a": 1}\ndata: {"b": 2}\ndata: [DONE]', b'data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\ndata:[DONE]\r\n'],
)
def test_a_lenient_parser_reads_events_without_empty_lines_between_them_and_at_the_end(sent: bytes) -> None:
    parser = EventParser(is_lenient=True)
    events = [*parser.feed(sent), *parser.end()]
    assert [event.data for event in events] == ['{"a": 1}', '{"b": 2}', "[DONE]"]


def test_a_letter_that_is_cut_off_by_the_end_of_the_stream_is_shown_as_one_that_is_not_known() -> None:
    parser = EventParser()
    assert parser.feed("data: 7 €".encode()[:-1]) == []
    assert [event.data for event in parser.end()] == ["7 \ufffd"]
