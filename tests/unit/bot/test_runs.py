"""The runs of a turn: followed, resumed with tool outputs, taken up after a crash, cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot import sentences
from bot.conversation import ThreadId
from bot.errors import (
    AssistantUnavailableError,
    RunTooSlowError,
    ThreadBusyError,
    ThreadGoneError,
    TurnStoppedError,
)
from bot.functions import INTERRUPTED
from bot.run import (
    Answer,
    FailureCode,
    Progress,
    RunEnd,
    RunId,
    RunName,
    RunPhase,
    TextSoFar,
    ToolCall,
    ToolCallId,
    ToolOutput,
    ToolsWanted,
)
from bot.turn_record import STOPPED, TurnUsage, Usage
from bot.turn_story import run_turn
from tests.support.fakes import (
    COMPLETED,
    FAILED,
    FakeAssistant,
    ended,
)
from tests.support.turn_fixtures import World, texts
from tests.support.waiting import settled


async def test_a_run_that_does_not_end_is_cancelled() -> None:
    world = World()
    world.assistant.ends = [RunTooSlowError("at its deadline")]
    await world.answer()
    assert world.assistant.cancelled == ["run_1"]


async def test_what_a_run_does_is_shown_while_it_works() -> None:
    world = World()
    phases = [Progress(phase=RunPhase.QUEUED), Progress(phase=RunPhase.CODE)]
    world.assistant.on_the_way = [*phases, TextSoFar(text="y ="), TextSoFar(text="y = 12")]
    await world.answer()
    assert world.channel.shown == [
        *(sentences.PHASES[event.phase] for event in phases),
        sentences.WRITING,
        "y =",
        "y = 12",
    ]


def test_every_phase_of_a_run_has_words() -> None:
    assert set(sentences.PHASES) == set(RunPhase)


async def test_a_run_that_fails_at_the_services_side_is_followed_by_one_more() -> None:
    world = World()
    world.assistant.ends = [FAILED]
    assert texts(await world.answer("hi")) == "You said: hi"
    assert [text for _, _, text in world.assistant.runs.values()] == ["hi", "hi"]


async def test_a_short_rate_limit_is_waited_for_once() -> None:
    world = World()
    limited = ended(RunEnd.FAILED, FailureCode.RATE_LIMIT, retry_after_s=0.02)
    world.assistant.ends = [limited]
    began_s = time.monotonic()
    assert texts(await world.answer("hi")) == "You said: hi"
    assert time.monotonic() - began_s >= 0.02
    world.steps.clear()
    world.assistant.ends = [limited, limited]
    assert "too much to do" in texts(await world.answer("again"))


async def test_a_wait_for_a_rate_limit_ends_with_a_stop() -> None:
    world = World()
    world.assistant.ends = [ended(RunEnd.FAILED, FailureCode.RATE_LIMIT, retry_after_s=30)]
    turn = world.turn()
    task = asyncio.create_task(run_turn(turn, world.deps))
    while world.assistant.ends:
        await asyncio.sleep(0)
    await settled()
    world.stop()
    assert (await asyncio.wait_for(task, 30), len(world.assistant.runs)) == (STOPPED, 1)


@pytest.mark.parametrize("step", ["run/1/thread_1", "reply/0"])
async def test_a_turn_that_died_in_its_second_run_makes_no_third(step: str) -> None:
    world = World()
    world.assistant.ends = [FAILED]
    world.die_at = step
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [FAILED]
    await run_turn(world.turn(attempts=1), world.deps)
    assert len(world.assistant.runs) == 2
    assert texts(world.channel.said) == "You said: hello"


async def test_every_tool_call_is_answered_even_for_tools_that_do_not_exist() -> None:
    world = World()
    calls = tuple(ToolCall(id=ToolCallId(f"call_{n}"), name="weather", arguments="{}") for n in range(2))
    world.assistant.ends = [ToolsWanted(calls=calls)]
    assert "You said" in texts(await world.answer())
    assert [output.call for output in world.assistant.submitted] == ["call_0", "call_1"]
    assert {output.output for output in world.assistant.submitted} == {
        "This function is not available. The functions on offer are: none."
    }


def wanting(*calls: str) -> ToolsWanted:
    return ToolsWanted(calls=tuple(ToolCall(id=ToolCallId(call), name="weather", arguments="{}") for call in calls))


async def test_the_calls_of_a_round_are_made_side_by_side_for_the_person_who_asked() -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.functions.may_return.clear()
    world.assistant.ends = [wanting("call_0", "call_1")]
    turn = world.turn()
    task = asyncio.create_task(run_turn(turn, world.deps))
    while len(world.functions.calls) < 2:
        await asyncio.sleep(0)
    world.functions.may_return.set()
    await task
    assert [(output.call, output.output) for output in world.assistant.submitted] == [
        ("call_0", "warm"),
        ("call_1", "warm"),
    ]
    _, arguments, caller = world.functions.calls[0]
    assert (arguments, caller.person, caller.tenant, caller.scope) == ("{}", "ada", "t1", "personal")
    assert (caller.turn, caller.call) == (turn.code, f"{turn.code}-call_0")
    assert sentences.PHASES[RunPhase.FUNCTIONS] in world.channel.shown


@pytest.mark.parametrize(
    ("repeatable", "made", "read"), [(False, 1, INTERRUPTED), (True, 2, "warm")], ids=["any", "repeatable"]
)
async def test_a_call_that_a_crash_cut_off_is_made_again_only_if_its_function_allows_it(
    *, repeatable: bool, made: int, read: str
) -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.functions.repeatable = {"weather"} if repeatable else set()
    world.functions.may_return.clear()
    world.assistant.ends = [wanting("call_1")]
    crashing = asyncio.create_task(run_turn(world.turn(), world.deps))
    while not world.functions.calls:
        await asyncio.sleep(0)
    crashing.cancel()
    await asyncio.gather(crashing, return_exceptions=True)
    world.functions.may_return.set()
    world.assistant.ends = [wanting("call_1")]
    await run_turn(world.turn(attempts=1), world.deps)
    assert len(world.functions.calls) == made
    assert [output.output for output in world.assistant.submitted] == [read]
    assert texts(world.channel.said) == "You said: hello"


async def test_a_call_whose_output_is_written_down_is_not_made_again_before_it_is_given() -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.die_at = "tools/0/run_1"
    world.assistant.ends = [wanting("call_1")]
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [wanting("call_1")]
    await run_turn(world.turn(attempts=1), world.deps)
    assert len(world.functions.calls) == 1
    assert {output.output for output in world.assistant.submitted} == {"warm"}


async def test_a_stop_ends_the_calls_that_are_being_made() -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.functions.may_return.clear()
    world.assistant.ends = [wanting("call_0", "call_1")]
    task = asyncio.create_task(run_turn(world.turn(), world.deps))
    while len(world.functions.calls) < 2:
        await asyncio.sleep(0)
    world.stop()
    assert await asyncio.wait_for(task, 30) == STOPPED
    assert (world.functions.ended, world.assistant.submitted, world.assistant.cancelled) == (2, [], ["run_1"])


@pytest.mark.parametrize(("repeatable", "runs"), [(False, 1), (True, 2)], ids=["any", "repeatable"])
async def test_a_run_that_fails_after_a_call_is_followed_by_another_only_if_the_call_may_be_made_again(
    *, repeatable: bool, runs: int
) -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.functions.repeatable = {"weather"} if repeatable else set()
    world.assistant.ends = [wanting("call_1"), FAILED]
    await world.answer()
    assert len(world.assistant.runs) == runs


@pytest.mark.parametrize(("may_repeat", "runs"), [(True, 2), (False, 1)])
async def test_a_run_that_expired_while_functions_ran_is_followed_by_another_if_the_calls_may_be_made_again(
    *, may_repeat: bool, runs: int
) -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.functions.repeatable = {"weather"} if may_repeat else set()
    expired = ended(RunEnd.EXPIRED)
    world.assistant.ends = [wanting("call_1"), expired]
    told = texts(await world.answer())
    assert len(world.assistant.runs) == runs
    assert ("You said" in told) is may_repeat
    assert ("longer than" in told) is not may_repeat


async def test_a_run_that_expired_by_itself_is_not_asked_again() -> None:
    world = World()
    world.assistant.ends = [ended(RunEnd.EXPIRED)]
    assert "longer than" in texts(await world.answer())
    assert len(world.assistant.runs) == 1


async def test_a_second_run_is_taken_up_after_a_crash_although_it_made_a_call() -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.assistant.ends = [FAILED, wanting("call_1")]
    world.die_at = "reply/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [FAILED, COMPLETED]
    await run_turn(world.turn(attempts=1), world.deps)
    assert texts(world.channel.said) == "You said: hello"
    assert len(world.functions.calls) == 1


async def test_a_thread_that_vanishes_after_a_call_is_not_asked_again_in_another() -> None:
    world = World()
    world.functions.outputs = {"weather": "warm"}
    world.assistant.ends = [wanting("call_1"), ThreadGoneError("gone")]
    assert ThreadGoneError.apology in texts(await world.answer())
    assert len(world.assistant.threads) == 1


async def test_tool_outputs_that_were_given_before_a_crash_are_not_given_again() -> None:
    world = World()
    world.assistant.ends = [wanting("call_1")]
    world.die_at = "reply/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [wanting("call_1")]
    await run_turn(world.turn(attempts=1), world.deps)
    assert [output.call for output in world.assistant.submitted] == ["call_1"]
    assert texts(world.channel.said) == "You said: hello"


async def test_a_turn_that_died_between_two_rounds_of_tools_gives_the_second_alone() -> None:
    world = World()
    world.assistant.ends = [wanting("call_1"), wanting("call_2")]
    world.die_at = "tools/1/run_1"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [wanting("call_2"), wanting("call_2")]
    await run_turn(world.turn(attempts=1), world.deps)
    # The second is in doubt: a service takes outputs that it has already without harm.
    assert [output.call for output in world.assistant.submitted] == ["call_1", "call_2", "call_2"]
    assert texts(world.channel.said) == "You said: hello"


class AnotherRunEachRound(FakeAssistant):
    """As a service that goes on with tool outputs in a new run."""

    async def resume(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput], name: RunName) -> RunId:
        await super().resume(thread, run, outputs, name)
        resumed = RunId(f"run_{len(self.runs) + 1}")
        self.runs[resumed] = (thread, name, "")
        return resumed

    async def answer(self, thread: ThreadId, runs: Sequence[RunId]) -> Answer:
        return Answer(text=f"of {', '.join(runs)}")


async def test_an_answer_is_read_from_all_runs_of_the_chain() -> None:
    world = World(assistant=AnotherRunEachRound())
    world.assistant.ends = [wanting("call_1"), wanting("call_2")]
    assert texts(await world.answer()) == "of run_1, run_2, run_3"


async def test_a_run_whose_resumption_was_not_written_down_is_found_and_not_resumed_twice() -> None:
    world = World(assistant=AnotherRunEachRound())
    world.assistant.ends = [wanting("call_1")]
    world.die_at = "tools/0/run_1"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    world.assistant.ends = [wanting("call_1")]
    await run_turn(world.turn(attempts=1), world.deps)
    assert (list(world.assistant.runs), len(world.assistant.submitted)) == (["run_1", "run_2"], 1)
    assert texts(world.channel.said) == "of run_1, run_2"


async def test_a_stop_cancels_the_run_that_goes_on_with_the_tool_outputs() -> None:
    world = World(assistant=AnotherRunEachRound())
    world.assistant.ends = [wanting("call_1"), TurnStoppedError("stopped")]
    await world.answer()
    assert world.assistant.cancelled == ["run_2"]


async def test_a_run_that_the_service_cannot_be_asked_for_is_started_again_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.assistant.cannot_find = True
    world.die_at = "run/0/thread_1"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    await run_turn(world.turn(attempts=1), world.deps)
    assert len(world.assistant.runs) == 2
    assert texts(world.channel.said) == "You said: hello"
    assert "run may be started twice: the service cannot be asked for it" in caplog.messages


async def test_a_run_that_asks_for_tools_without_end_is_stopped() -> None:
    world = World()
    call = ToolCall(id=ToolCallId("call_1"), name="weather", arguments="{}")
    world.assistant.ends = [ToolsWanted(calls=(call,))] * 50
    assert RunTooSlowError.apology in texts(await world.answer())
    assert world.assistant.cancelled == ["run_1"]


@pytest.mark.parametrize("trouble", [AssistantUnavailableError("502"), ThreadBusyError("tool outputs")])
async def test_a_run_that_is_not_followed_to_its_end_is_cancelled_for_it_holds_the_thread(trouble: Exception) -> None:
    world = World()
    world.assistant.ends = [trouble]
    await world.answer()
    assert world.assistant.cancelled == list(world.assistant.runs)


SPENT = Usage(input_tokens=7, output_tokens=3)


async def test_a_turn_counts_what_all_its_runs_consumed_once_though_it_dies_in_between() -> None:
    world = World()
    spent = replace(COMPLETED, usage=SPENT)
    world.assistant.ends = [replace(wanting("call_1"), usage=SPENT), replace(FAILED, usage=SPENT), spent]
    world.die_at = "reply/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = "part/0"
    world.assistant.ends = [replace(wanting("call_1"), usage=SPENT), replace(FAILED, usage=SPENT), spent]
    with pytest.raises(SystemError):
        await run_turn(world.turn(attempts=1), world.deps)
    world.die_at = ""
    turn = world.turn(attempts=2)
    await run_turn(turn, world.deps)
    assert turn.used == TurnUsage(tenant="t1", person="ada", usage=SPENT + SPENT + SPENT)


async def test_a_turn_counts_even_if_the_service_does_not_say_what_it_consumed_or_the_person_stops_it() -> None:
    world = World()
    world.assistant.ends = [TurnStoppedError("stopped")]
    turn = world.turn()
    await run_turn(turn, world.deps)
    assert turn.used == TurnUsage(tenant="t1", person="ada", usage=Usage())
    world = World()
    command = world.turn("/help")
    await run_turn(command, world.deps)
    assert command.used is None


async def test_the_id_of_a_request_that_failed_is_kept_for_the_operator_and_not_told() -> None:
    world = World()
    error = AssistantUnavailableError("502")
    error.request_id = "req_7f"
    world.assistant.ends = [error]
    assert "req_7f" not in texts(await world.answer())
    assert "request/0/req_7f" in world.steps
