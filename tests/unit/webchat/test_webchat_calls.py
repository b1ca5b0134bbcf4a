from __future__ import annotations

from adapters.webchat.turns import Calls
from bot.run import Exchange


def exchange(path: str = "/threads", *, turn: str = "1-m", method: str = "POST", answered: str = "{}") -> Exchange:
    return Exchange(
        turn=turn, method=method, path=path, asked="{}", status=200, answered=answered, began_at_s=1.0, took_s=0.1
    )


def test_calls_are_kept_by_turn_in_their_order() -> None:
    calls = Calls()
    for path, turn in (("/threads", "1-m"), ("/threads/t/runs", "1-m"), ("/threads", "2-n")):
        calls.note(exchange(path, turn=turn))

    assert [call.exchange.path for call in calls.of("1-m")] == ["/threads", "/threads/t/runs"]
    assert [call.exchange.path for call in calls.of("2-n")] == ["/threads"]
    assert calls.of("3-o") == []


def test_the_same_question_again_and_again_is_one_call_with_its_last_answer() -> None:
    calls = Calls()
    for answer in ("queued", "in_progress", "completed"):
        calls.note(exchange("/threads/t/runs/r", method="GET", answered=answer))

    [call] = calls.of("1-m")
    assert (call.times, call.exchange.answered) == (3, "completed")


def test_two_posts_are_two_calls() -> None:
    calls = Calls()
    calls.note(exchange())
    calls.note(exchange())
    assert [call.times for call in calls.of("1-m")] == [1, 1]


def test_what_no_turn_asked_for_is_not_kept() -> None:
    calls = Calls()
    calls.note(exchange(turn=""))
    assert calls.of("") == []


def test_the_oldest_turns_go_when_there_is_too_much() -> None:
    calls = Calls(max_chars=10_000)
    for number in range(100):
        calls.note(exchange(turn=f"{number}-m", answered="x" * 900))

    assert [number for number in range(100) if calls.of(f"{number}-m")] == list(range(90, 100))


def test_a_long_body_is_cut_and_says_so() -> None:
    calls = Calls()
    calls.note(exchange(answered="x" * 1_000_000))

    [call] = calls.of("1-m")
    assert call.exchange.answered is not None
    assert len(call.exchange.answered) < 65_000
    assert call.exchange.answered.endswith("936,000 characters more")


def test_a_turn_of_very_many_calls_keeps_the_latest() -> None:
    calls = Calls()
    for number in range(1_000):
        calls.note(exchange(f"/threads/{number}"))

    assert len(calls.of("1-m")) == 200
    assert calls.of("1-m")[-1].exchange.path == "/threads/999"
