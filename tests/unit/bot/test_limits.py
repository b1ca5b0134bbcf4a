"""Limits of questions and tokens: told kindly, with the time of reset; and what `/usage` shows."""

from __future__ import annotations

import pytest

from bot.language import speaking
from bot.limits import Limits, bars
from bot.parts import TextPart
from bot.run import CodeBudget
from bot.turn_record import ANSWERED, LIMITED, Outcome, Usage
from bot.turn_story import run_turn
from tests.support.fakes import message
from tests.support.turn_fixtures import World, texts

NOW_S = 1_800_000_005.0  # 2027-01-15 08:00:05 UTC
SPENT = Usage(input_tokens=900, output_tokens=100, code_runs=2, code_ms=45_000)
TODAY_S = NOW_S - 3_600


async def ask(world: World, text: str = "hello") -> tuple[Outcome, str]:
    before = len(world.channel.said)
    world.steps.clear()
    outcome = await run_turn(world.turn(text), world.deps)
    return outcome, texts(world.channel.said[before:])


def world_with(limits: Limits, *spent: tuple[float, str]) -> World:
    world = World(limits=limits, now_s=NOW_S)
    world.usage.spent = [(at_s, who, SPENT) for at_s, who in spent]
    return world


@pytest.mark.parametrize(
    ("limits", "spent", "words"),
    [
        (Limits(questions_per_minute=2), [(NOW_S - 1, "ada")] * 2, ["2 questions a minute", "in 55 seconds, at 08:01"]),
        (Limits(tokens_per_day=2_000), [(TODAY_S, "ada")] * 2, ["2,000 tokens", "in about 16 hours, at 00:00 UTC"]),
        (
            Limits(tenant_questions_per_minute=2),
            [(NOW_S - 1, "bob"), (NOW_S - 1, "eve")],
            ["Many people", "in 55 seconds"],
        ),
        (Limits(tenant_tokens_per_day=2_000), [(TODAY_S, "bob")] * 2, ["Your organization", "00:00 UTC"]),
        (
            Limits(code_s_per_hour=90),
            [(NOW_S - 1, "ada")] * 2,
            ["at most 1.5 minutes", "60 minutes, at 09:00"],
        ),
        (Limits(code_s_per_hour=60), [(NOW_S - 1, "ada")] * 2, ["at most 1 minute of it"]),
        (Limits(code_s_per_hour=1), [(NOW_S - 1, "ada")] * 2, ["at most 1 second of it"]),
    ],
)
async def test_at_a_limit_people_are_told_until_when_and_nothing_is_asked(
    limits: Limits, spent: list[tuple[float, str]], words: list[str]
) -> None:
    world = world_with(limits, *spent)
    outcome, told = await ask(world)
    assert outcome == LIMITED
    assert all(word in told for word in words), told
    assert world.assistant.runs == {}


@pytest.mark.parametrize(
    ("limits", "spent"),
    [
        (Limits(), [(NOW_S, "ada")] * 1000),
        (Limits(questions_per_minute=2, tokens_per_day=2_000), [(NOW_S - 1, "ada")]),
        (Limits(questions_per_minute=2, tokens_per_day=2_000), [(NOW_S - 1, "bob")] * 5),
        (Limits(questions_per_minute=2), [(NOW_S - 70, "ada")] * 5),
        (Limits(tokens_per_day=2_000), [(NOW_S - 9 * 3_600, "ada")] * 5),
        (Limits(code_s_per_hour=90), [(NOW_S - 1, "ada"), (NOW_S - 10, "ada"), (NOW_S - 1, "bob")]),
    ],
)
async def test_below_the_limits_and_after_the_reset_people_are_answered(
    limits: Limits, spent: list[tuple[float, str]]
) -> None:
    assert (await ask(world_with(limits, *spent)))[0] == ANSWERED


async def test_commands_work_at_a_limit() -> None:
    world = world_with(Limits(questions_per_minute=1), (NOW_S, "ada"))
    assert "no plots or files" in (await ask(world, "/files"))[1]


async def test_a_turn_that_has_asked_is_answered_after_a_crash_whatever_was_used_meanwhile() -> None:
    world = world_with(Limits(questions_per_minute=1))
    world.die_at = "reply/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn("hello"), world.deps)
    world.die_at = ""
    world.usage.spent = [(NOW_S, "ada", SPENT)] * 5
    assert await run_turn(world.turn("hello", attempts=1), world.deps) == ANSWERED
    assert world.channel.said == [TextPart(text="You said: hello")]


async def test_a_limit_is_told_in_the_persons_language() -> None:
    world = world_with(Limits(tokens_per_day=2_000), *[(TODAY_S, "ada")] * 2)
    with speaking("de-DE"):
        told = (await ask(world))[1]
    assert "2.000 Token" in told
    assert "in etwa 16 Stunden, um 00:00 UTC" in told


async def test_usage_without_tokens_has_no_chart_of_nothing() -> None:
    told = (await ask(world_with(Limits()), "/usage"))[1]
    assert "0 tokens" in told
    assert "highest" not in told


async def test_usage_shows_today_the_last_days_the_limit_and_a_chart() -> None:
    world = world_with(Limits(tokens_per_day=10_000), (TODAY_S, "ada"), (NOW_S - 3 * 86_400, "ada"), (TODAY_S, "bob"))
    told = (await ask(world, "/usage"))[1]
    assert "Today: 1 question, 1,000 tokens (900 read, 100 written), 2 runs of code" in told
    assert "Last 14 days: 2 questions, 2,000 tokens" in told
    assert "10.0 % of your 10,000 tokens a day, which start anew in about 16 hours, at 00:00 UTC" in told
    assert "`▁▁▁▁▁▁▁▁▁▁█▁▁█`" in told


async def test_where_the_service_refuses_code_alone_a_question_is_asked_with_what_is_left_of_the_hour() -> None:
    for spent, left_ms in ((1, 45_000), (2, 0), (3, 0)):
        world = world_with(Limits(code_s_per_hour=90), *[(NOW_S - 1, "ada")] * spent)
        world.refuses_code = True
        assert (await ask(world))[0] == ANSWERED
        assert world.assistant.asked[-1][1].code_budget == CodeBudget(left_ms=left_ms, resets_at_s=1_800_003_600)
    world = world_with(Limits(), (NOW_S - 1, "ada"))
    await ask(world)
    assert world.assistant.asked[-1][1].code_budget is None


async def test_usage_shows_what_is_left_of_the_hours_code() -> None:
    world = world_with(Limits(code_s_per_hour=600), (NOW_S - 1, "ada"), (NOW_S - 2, "ada"), (NOW_S - 3, "bob"))
    told = (await ask(world, "/usage"))[1]
    assert (
        "- Code in this hour: 1.5 minutes of 10 minutes used, 8.5 minutes left; the next hour begins in about" in told
    )
    assert "60 minutes, at 09:00 UTC" in told
    with speaking("de"):
        assert "1,5 Minuten von 10 Minuten verbraucht, 8,5 Minuten übrig" in (await ask(world, "/usage"))[1]
    assert "Code in this hour" not in (await ask(world_with(Limits()), "/usage"))[1]


def test_a_chart_of_nothing_is_flat() -> None:
    assert (bars([0, 0]), bars([0, 1, 50, 100])) == ("▁▁", "▁▂▅█")


def test_the_person_of_the_fixtures_is_ada() -> None:
    assert message().reference.user.key == "ada"
