"""What ended runs wrote, kept until it is read."""

from __future__ import annotations

from adapters.openai.event_stream import MAX_STREAMS, EndedRunShelf
from adapters.openai.wire import chars_in
from bot.run import RunId


def test_what_ended_runs_wrote_is_kept_until_it_is_too_much() -> None:
    shelf: EndedRunShelf[str] = EndedRunShelf(max_chars=10)
    for run in ("a", "b", "c"):
        shelf.put(RunId(run), run.upper(), chars=4)
    assert [shelf.get(RunId(run)) for run in ("a", "b", "c")] == [None, "B", "C"]
    shelf.put(RunId("c"), "again", chars=6)  # in the place of the first
    assert [shelf.get(RunId(run)) for run in ("b", "c")] == ["B", "again"]
    shelf.drop(RunId("b"))
    shelf.put(RunId("d"), "D", chars=4)
    assert [shelf.get(RunId(run)) for run in ("b", "c", "d")] == [None, "again", "D"]
    shelf.put(RunId("e"), "E", chars=11)
    assert [shelf.get(RunId(run)) for run in ("c", "d", "e")] == [None, None, None]


def test_what_ended_runs_wrote_is_kept_until_they_are_too_many() -> None:
    shelf: EndedRunShelf[int] = EndedRunShelf()
    for number in range(MAX_STREAMS + 1):
        shelf.put(RunId(str(number)), number, chars=1)
    assert (shelf.get(RunId("0")), shelf.get(RunId("1"))) == (None, 1)


def test_the_size_of_a_response_is_that_of_its_texts() -> None:
    assert (
        chars_in({"output": [{"url": "12345"}, {"logs": "678"}], "status": "90", "created_at": 1, "error": None}) == 10
    )
