"""What a service may answer instead of an answer, and what people and the operator are told then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from adapters.openai.responses.response_objects import FileRules
from bot.errors import AttachmentError
from tests.support.hosted_talk import HostedTalk, does, next_is_answered, talking, words_in
from tests.support.openai_stand_in import KEY, Fault
from tests.support.responses_service import MODEL, SHUTDOWN, Provider, ResponsesService, To
from tests.support.responses_state import Plan, echo


@pytest.fixture
async def azure() -> AsyncIterator[ResponsesService]:
    async with ResponsesService(Provider.AZURE) as started:
        yield started


@pytest.fixture
async def talk() -> AsyncIterator[HostedTalk]:
    async with ResponsesService() as service, talking(service) as talk_begun:
        yield talk_begun


REFUSALS = {
    Fault.NO_QUOTA: "operator of this bot has been told",
    Fault.CONTENT_FILTER: "put it in another way",
    Fault.REDIRECT: "operator of this bot has been told",
    Fault.SERVER_ERROR: "cannot be reached",
    Fault.GARBAGE: "cannot be reached",
    Fault.SILENCE: "cannot be reached",
    Fault.RATE_LIMIT: "cannot be reached",
}


@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_service_that_does_not_answer_costs_one_honest_sentence(talk: HostedTalk, fault: Fault) -> None:
    talk.service.weather = lambda to: fault if to is To.CREATE_RESPONSE else None
    if fault is Fault.GARBAGE:
        talk.service.state.brain = does(Plan(status="failed", error={"code": "server_error", "message": "no"}))
    [words] = await talk.ask("go")
    assert REFUSALS[fault] in words
    assert not any(call.path.endswith("elsewhere") for call in talk.service.calls)
    await next_is_answered(talk)


NO_QUOTA: Final[dict[str, Any]] = {
    "code": "insufficient_quota",
    "message": "You exceeded your quota of organization org-secret.",
}
SETUPS: dict[str, tuple[Callable[[ResponsesService], None], str, str]] = {
    "wrong key": (lambda it: setattr(it, "key", "another"), "_key", "AZURE_OPENAI_API_KEY"),
    "unknown deployment": (lambda it: it.models.clear(), "_model", "MODEL"),
    "no quota": (lambda it: it.fail(To.CREATE_RESPONSE, Fault.NO_QUOTA), "_quota", "quota"),
    "quota used up in the middle": (
        lambda it: setattr(it.state, "brain", does(Plan(status="failed", error=NO_QUOTA))),
        "_quota",
        "quota",
    ),
    "another host": (lambda it: it.fail(To.CREATE_RESPONSE, Fault.REDIRECT), "_address", "AZURE_OPENAI_ENDPOINT"),
    "wrong path": (lambda it: it.fail(To.CREATE_RESPONSE, Fault.NOT_FOUND), "_address", "AZURE_OPENAI_ENDPOINT"),
    "no right": (lambda it: it.fail(To.CREATE_RESPONSE, Fault.FORBIDDEN), "_key", "role"),
}


@pytest.mark.parametrize("what", SETUPS)
async def test_what_only_the_operator_can_mend_is_told_to_the_operator(
    azure: ResponsesService, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, outcome, fix = SETUPS[what]
    async with talking(azure) as talk:
        spoil(azure)
        asked = talk.begin("go")
        assert await asyncio.wait_for(asked, 10) == f"failed:assistant_refused{outcome}"
        [words] = words_in(talk.channel.said)
        assert (
            words == "The assistant is not available at the moment. The operator of this bot has been told the reason."
        )
        assert len(azure.called(To.CREATE_RESPONSE)) == 1, "asking again would not help"
        azure.key, azure.models = KEY, {MODEL: SHUTDOWN}
        await next_is_answered(talk)
    [told] = [record for record in caplog.records if record.getMessage() == "turn ends in an apology"]
    assert told.levelname == "ERROR"
    assert fix in told.fix  # type: ignore[attr-defined]
    assert "org-secret" not in caplog.text


async def test_who_runs_the_bot_on_their_own_machine_reads_the_cause_and_what_to_do(azure: ResponsesService) -> None:
    azure.models.clear()
    async with talking(azure) as talk:
        talk.to_operator = True
        [words] = await talk.ask("go")
    assert "answered 404 (DeploymentNotFound" in words
    assert "Check MODEL (at Azure the name of a deployment)" in words


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
async def test_a_sentence_of_the_service_that_is_not_about_the_question_is_not_repeated(
    talk: HostedTalk, code: str
) -> None:
    error = {"code": code, "message": "Limit 30000 reached in organization org-secret, check OPENAI_API_KEY."}
    talk.service.state.brain = does(Plan(status="failed", error=error))
    [words] = await talk.ask("go")
    assert "org-secret" not in words
    assert "OPENAI_API_KEY" not in words


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(status="incomplete", reason="content_filter", text="As far"), "content filter"),
        (Plan(status="incomplete", reason="max_output_tokens", text="As far"), "became too long"),
        (Plan(status="failed", error={"code": "invalid_prompt", "message": "No."}), "put it in another way"),
        (Plan(status="failed", error={"code": "brand_new", "message": "Hm."}), "ran into a problem"),
        (Plan(text=""), "without an answer"),
        (Plan(status="cancelled"), "was cancelled"),
    ],
)
async def test_a_response_that_is_no_whole_answer_says_why(talk: HostedTalk, plan: Plan, words: str) -> None:
    talk.service.state.brain = does(plan)
    assert words in "\n".join(await talk.ask("go"))
    await next_is_answered(talk)


async def test_an_answer_of_half_a_megabyte_is_read_whole(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="word " * 100_000))
    await talk.ask("go")
    assert talk.linked["answer.md"].decode().strip() == ("word " * 100_000).strip()


async def test_only_the_final_answer_is_shown_where_a_model_comments_on_its_work(talk: HostedTalk) -> None:
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    said = [
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "phase": "commentary",
            "content": [{**part, "text": "Hm"}],
        },
        {
            "type": "message",
            "id": "m2",
            "role": "assistant",
            "phase": "final_answer",
            "content": [{**part, "text": "42"}],
        },
    ]
    talk.service.state.brain = does(Plan(extra={"output": said}))
    assert await talk.ask("go") == ["42"]


async def test_words_of_a_failed_turn_are_in_the_chain_of_the_next(azure: ResponsesService) -> None:
    async with talking(azure) as talk:
        azure.state.brain = does(Plan(status="failed", error={"code": "invalid_prompt", "message": "No."}))
        await talk.ask("lost words")
        azure.state.brain = echo
        assert await talk.ask("next") == ["You said: next"]
        sent = azure.called(To.CREATE_RESPONSE)[-1].body["input"]
        assert [item["content"][0]["text"] for item in sent] == ["lost words", "next"]


def test_a_workbook_that_the_service_does_not_take_is_refused_before_it_is_sent() -> None:
    assert FileRules().fields_for("a.xlsx") == {"purpose": "user_data"}
    with pytest.raises(AttachmentError) as refused:
        FileRules().fields_for("a.XLS")
    assert refused.value.apology == "I cannot read a.XLS in this format. Please save it as xlsx and send it again."
