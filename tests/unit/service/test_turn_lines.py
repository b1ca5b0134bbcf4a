from __future__ import annotations

import json
from dataclasses import replace

from bot.timeline import StepDone, Timeline, turn_name
from bot.turn_record import UNKNOWN, Outcome, Usage
from service.turn_lookup import as_json, explained, listed

LINE = Timeline(
    number=245_363,
    message_id="m1",
    conversation_hash="0123456789ab",
    accepted_at_s=1_795_420_800.0,
    started_at_s=1_795_420_803.5,
    attempts=2,
    steps=(
        StepDone(name="run/0/thread_1", done_at_s=1_795_420_800.25),
        StepDone(name="reply/0", done_at_s=1_795_420_812.0),
    ),
    ended_at_s=1_795_420_812.5,
    outcome=Outcome("failed:run_too_slow"),
)


def test_a_turn_is_explained_moment_by_moment_whichever_life_did_it() -> None:
    assert explained(LINE).splitlines() == [
        "Turn T-7FKK: failed:run_too_slow",
        "In the log: turn=245363-m1 conversation=0123456789ab",
        "",
        "  2026-11-23 08:00:00.000Z  accepted                    +0.000 s",
        "  2026-11-23 08:00:00.250Z  done: run/0/thread_1        +0.250 s",
        "  2026-11-23 08:00:03.500Z  started, attempt 2          +3.250 s",
        "  2026-11-23 08:00:12.000Z  done: reply/0               +8.500 s",
        "  2026-11-23 08:00:12.500Z  ended: failed:run_too_slow  +0.500 s",
    ]


def test_a_turn_is_named_as_in_the_log_however_long_the_id_of_its_message_is() -> None:
    line = replace(LINE, message_id="m" * 2_000)
    assert f"In the log: turn={turn_name(line.number, line.message_id)} conversation=" in explained(line)


def test_a_turn_is_listed_on_one_line_with_its_state() -> None:
    begun = replace(LINE, ended_at_s=None, outcome=None, attempts=1)
    waiting = replace(begun, started_at_s=None, attempts=0)
    old = replace(LINE, outcome=None)
    assert listed(LINE) == ("2026-11-23 08:00:00Z  T-7FKK  0123456789ab    12.5 s  failed:run_too_slow  2 attempts")
    assert [listed(line).split()[-1] for line in (begun, waiting)] == ["running", "waiting"]
    assert "  ended  " in listed(old)


def test_programs_get_the_code_and_everything_else() -> None:
    told = json.loads(as_json(LINE))
    assert (told["code"], told["state"], told["attempts"]) == ("T-7FKK", "failed:run_too_slow", 2)
    assert told["steps"][0] == {"name": "run/0/thread_1", "done_at_s": 1_795_420_800.25}


def test_an_explanation_says_that_the_arrival_of_an_answer_is_unknown_and_what_to_do() -> None:
    told = explained(replace(LINE, outcome=UNKNOWN))
    assert told.startswith("Turn T-7FKK: unknown\nIt is not known whether every message of the answer arrived")
    assert "Look into the chat" in told


def test_an_explanation_of_a_service_in_trouble_says_what_to_do() -> None:
    refused = explained(replace(LINE, outcome=Outcome("failed:assistant_refused"))).splitlines()
    away = explained(replace(LINE, outcome=Outcome("failed:assistant_unavailable"))).splitlines()
    assert "refused what the bot asked. `teamsbot doctor` finds out why" in refused[1]
    assert "could not be reached, or answered too late. `teamsbot doctor` finds out why" in away[1]


def test_an_explanation_of_a_refused_bot_names_the_setting_to_look_at() -> None:
    for outcome, setting in (("key", "OPENAI_API_KEY"), ("model", "MODEL"), ("address", "OPENAI_BASE_URL")):
        told = explained(replace(LINE, outcome=Outcome(f"failed:assistant_refused_{outcome}"))).splitlines()[1]
        assert setting in told
        assert told.endswith("`teamsbot doctor` tries it.")


USED = Usage(input_tokens=1_234, cached_tokens=1_000, output_tokens=56, reasoning_tokens=12, code_runs=2)


def test_a_turn_says_what_it_consumed() -> None:
    line = replace(LINE, usage=USED)
    assert (
        "Used: 1,234 tokens in (1,000 cached), 56 out (12 for reasoning), code runs: 2" in explained(line).splitlines()
    )
    assert listed(line).endswith("  2 attempts  1,234+56 tokens")
    assert "tokens" not in listed(replace(LINE, usage=Usage(code_runs=1)))
    assert json.loads(as_json(line))["usage"]["cached_tokens"] == 1_000
    assert Timeline.from_json(json.loads(json.dumps(line.to_json()))) == line


def test_an_explanation_names_the_request_that_failed_at_the_service() -> None:
    line = replace(LINE, steps=(StepDone(name="request/0/req_7f", done_at_s=1_795_420_801.0),))
    assert "failed at the service as req_7f" in explained(line)
