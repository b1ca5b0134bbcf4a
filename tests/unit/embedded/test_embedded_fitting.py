"""A conversation is cut where nothing is torn: the question and its work stay, outputs stay with their calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.embedded.models.context_window import cut_in_the_middle, cut_to_fit
from adapters.embedded.models.port import CODE_INTERPRETER, ModelMessage, ModelPicture, ModelToolCall, Speaker


def asked(text: str) -> ModelMessage:
    return ModelMessage(speaker=Speaker.USER, text=text)


def worked(id_: str, output: str) -> list[ModelMessage]:
    call = ModelToolCall(id=id_, name=CODE_INTERPRETER, arguments="{}")
    return [
        ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,)),
        ModelMessage(speaker=Speaker.TOOL, text=output, tool_call_id=id_),
    ]


def answered(text: str) -> ModelMessage:
    return ModelMessage(speaker=Speaker.ASSISTANT, text=text)


def test_what_fits_stays_as_it_is() -> None:
    messages = [asked("a"), *worked("c1", "1"), answered("b"), asked("c")]
    assert list(cut_to_fit(messages, 100)) == messages


def test_the_oldest_messages_go_first() -> None:
    messages = [asked("x" * 50), answered("y" * 50), asked("z" * 50), answered("!" * 10), asked("now?")]
    assert list(cut_to_fit(messages, 70)) == messages[2:]


def test_an_output_goes_with_its_call() -> None:
    messages = [asked("x"), *worked("c1", "o" * 50), answered("y" * 10), asked("now?")]
    assert list(cut_to_fit(messages, 64)) == messages[3:]


def test_of_the_work_at_hand_the_oldest_outputs_are_cut_first() -> None:
    messages = [asked("now?"), *worked("c1", "o" * 5000), *worked("c2", "p" * 5000)]
    _, _, first, _, second = cut_to_fit(messages, 7000)
    assert len(first.text) < 1100
    assert second.text == "p" * 5000


def test_pictures_count() -> None:
    seen = ModelMessage(speaker=Speaker.USER, text="see", pictures=(ModelPicture(media_type="image/png", data=b""),))
    assert list(cut_to_fit([seen, asked("now?")], 3000)) == [asked("now?")]


exchange = st.tuples(st.integers(0, 400), st.lists(st.integers(0, 3000), max_size=3), st.integers(0, 400))


@given(st.lists(exchange, max_size=8), st.lists(st.integers(0, 3000), max_size=4), st.integers(-500, 9000))
def test_nothing_is_torn_whatever_the_room(
    past: list[tuple[int, list[int], int]], outputs: list[int], max_chars: int
) -> None:
    messages: list[ModelMessage] = []
    for number, (question, sizes, answer) in enumerate(past):
        messages.append(asked("q" * question))
        messages.extend(part for n, size in enumerate(sizes) for part in worked(f"{number}.{n}", "o" * size))
        messages.append(answered("a" * answer))
    work = [part for n, size in enumerate(outputs) for part in worked(f"now.{n}", "o" * size)]
    kept = cut_to_fit([*messages, asked("now?"), *work], max_chars)
    calls = [call.id for message in kept for call in message.tool_calls]
    assert [message.tool_call_id for message in kept if message.speaker is Speaker.TOOL] == calls
    assert asked("now?") in kept
    assert len(kept) >= 1 + len(work)


@given(st.text(max_size=300), st.integers(0, 200))
def test_what_is_cut_keeps_its_head_and_tail(text: str, max_chars: int) -> None:
    cut = cut_in_the_middle(text, max_chars)
    half = max_chars // 2
    assert cut == text if len(text) <= max_chars else cut.startswith(text[:half])
    assert len(cut) <= max(max_chars, 0) + 40
