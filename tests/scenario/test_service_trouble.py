"""Each way in which a run can go wrong: an honest sentence within its deadline, and the conversation goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.scenario.conftest import Rig
from tests.support.connector_double import StandInConnector
from tests.support.fake_assistants import Endpoint, FakeAssistants
from tests.support.fake_assistants_state import Plan, echo, function_call, text
from tests.support.openai_stand_in import KEY, Fault

RUN_DEADLINE_S = 1


def failed(code: str, words: str) -> Plan:
    return Plan(status="failed", extra={"last_error": {"code": code, "message": words}})


TROUBLES = {
    "fails": (failed("server_error", "Sorry, something went wrong."), "ran into a problem"),
    "is rate limited": (failed("rate_limit_exceeded", "Rate limit reached."), "too much to do right now"),
    "is rate limited for long": (
        failed("rate_limit_exceeded", "Rate limit reached. Please try again in 1m30s."),
        "in about 90 seconds",
    ),
    "does not take the question": (failed("invalid_prompt", "No."), "put it in another way"),
    "expires": (Plan(status="expired"), "longer than the assistant's service allows"),
    "is cancelled by someone else": (Plan(status="cancelled"), "was cancelled"),
    "is cut short": (
        Plan(
            status="incomplete",
            messages=[[text("As far as I came.")]],
            extra={"incomplete_details": {"reason": "max_completion_tokens"}},
        ),
        "The answer ends here because it became too long.",
    ),
    "is stuck in the queue": (Plan(run_s=60, before="queued"), "longer than I may wait"),
    "works for ever": (Plan(run_s=60), "longer than I may wait"),
    "has a status nobody knows": (Plan(run_s=60, before="pondering"), "longer than I may wait"),
}


@pytest.fixture
async def service() -> AsyncIterator[FakeAssistants]:
    async with FakeAssistants() as started:
        yield started


@pytest.fixture
def hosted(tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession, service: FakeAssistants) -> Rig:
    """A bot whose assistant lives at a service."""
    environ = {
        "ASSISTANT_BACKEND": "assistants",
        "ASSISTANT_ID": "asst_1",
        "OPENAI_BASE_URL": service.base_url,
        "OPENAI_API_KEY": KEY,
        "TEAMSBOT_RUN_DEADLINE_S": str(RUN_DEADLINE_S),
    }
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ=environ)


@pytest.mark.parametrize("what", TROUBLES)
async def test_a_run_that(what: str, hosted: Rig, service: FakeAssistants) -> None:
    plan, words = TROUBLES[what]
    async with hosted.started() as person:
        service.state.plan = lambda _said: plan
        [told] = await person.ask("first", deadline_s=RUN_DEADLINE_S + 10)
        assert words in told.words
        service.state.plan = echo
        assert (await person.ask("second"))[0].text == "You said: second"
    assert len({run.thread for run in service.state.runs.values()}) == 1
    assert all(not run.is_active for run in service.state.runs.values())


async def test_a_short_rate_limit_inside_a_run_is_waited_for(hosted: Rig, service: FakeAssistants) -> None:
    plans = [failed("rate_limit_exceeded", "Please try again in 300ms."), echo("hello")]
    service.state.plan = lambda _said: plans.pop(0)
    async with hosted.started() as person:
        assert (await person.ask("hello"))[0].text == "You said: hello"


async def test_a_tool_that_nobody_knows_is_answered_and_the_run_goes_on(hosted: Rig, service: FakeAssistants) -> None:
    service.state.plan = lambda said: Plan(tool_calls=[function_call("call", "launch")], messages=[[text(said)]])
    async with hosted.started() as person:
        assert (await person.ask("hello"))[0].text == "hello"
    [run] = service.state.runs.values()
    assert run.outputs is not None
    assert "not available" in run.outputs[0]["output"]


async def test_a_thread_that_is_gone_is_replaced_and_said_to_be(hosted: Rig, service: FakeAssistants) -> None:
    async with hosted.started() as person:
        await person.ask("first")
        service.state.messages.clear()
        [told] = await person.ask("second")
        assert "starts afresh" in told.text
        assert told.text.endswith("You said: second")
        assert (await person.ask("third"))[0].text == "You said: third"


async def test_a_thread_that_someone_else_uses_is_waited_for(hosted: Rig, service: FakeAssistants) -> None:
    async with hosted.started() as person:
        await person.ask("first")
        [thread] = service.state.messages
        service.state.plan = lambda _said: Plan(run_s=1.0)
        service.state.create_run(thread, {"additional_messages": [{"content": "theirs"}], "metadata": {}})
        service.state.plan = echo
        assert (await person.ask("second"))[0].text == "You said: second"
    assert len(service.called(Endpoint.CREATE_RUN)) > 2


async def test_a_service_that_is_down_costs_one_sentence_and_is_asked_again_by_the_next_message(
    hosted: Rig, service: FakeAssistants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.openai.client.RetryPolicy.pause_s", lambda _self, _tried: 0.01)
    async with hosted.started() as person:
        service.weather = lambda _to: Fault.SERVER_ERROR
        [told] = await person.ask("first")
        assert "cannot be reached at the moment" in told.words
        service.weather = lambda _to: None
        assert (await person.ask("second"))[0].text == "You said: second"
