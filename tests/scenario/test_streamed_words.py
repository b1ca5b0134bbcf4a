"""A language model's words reach people while it writes them, in Teams and on the chat page."""

from __future__ import annotations

import pytest

from tests.scenario.conftest import Rig
from tests.support.connector_double import Posted, StandInConnector
from tests.support.scripted_model import RunCode, ScriptedModel
from tests.support.waiting import until

ANSWER = "The vertex of this parabola is its lowest point, and it lies at the origin."


def streamed(connector: StandInConnector) -> list[Posted]:
    return [posted for posted in connector.posted if posted.stream.get("streamType") == "streaming"]


@pytest.fixture
def model(model: ScriptedModel) -> ScriptedModel:
    model.streams = True
    return model


async def test_words_of_a_language_model_are_streamed_and_end_in_the_answer(
    rig: Rig, model: ScriptedModel, connector: StandInConnector
) -> None:
    model.script.append(ANSWER)
    model.words_before_pause = 6
    async with rig.started() as ada:
        await ada.say("Where is its vertex?")
        await until(lambda: bool(streamed(connector)))
        assert ANSWER.startswith(streamed(connector)[0].text)
        assert "parabola" in streamed(connector)[0].text
        assert not connector.messages
        model.may_go_on.set()
        [answer] = await connector.wait_for_messages(1, deadline_s=30)
    assert answer.text == ANSWER
    assert answer.stream["streamType"] == "final"
    assert len(connector.chat(ada.conversation)) == 1
    assert model.requests[0]["stream_options"] == {"include_usage": True}


async def test_neither_thinking_nor_calls_are_seen_in_a_stream(
    rig: Rig, model: ScriptedModel, connector: StandInConnector
) -> None:
    model.script.append(RunCode(code="print(6*7)", then=f"<think>Now I tell it.</think>{ANSWER}"))
    model.words_before_pause = 9
    async with rig.started() as ada:
        await ada.say("What is six by seven?")
        await until(lambda: len(model.requests) == 2 and bool(streamed(connector)))
        model.may_go_on.set()
        [answer] = await connector.wait_for_messages(1, deadline_s=30)
    assert answer.text == ANSWER
    assert all(ANSWER.startswith(posted.text) for posted in streamed(connector))


async def test_a_stop_in_the_midst_of_the_words_ends_the_request_to_the_model(
    rig: Rig, model: ScriptedModel, connector: StandInConnector
) -> None:
    model.script.append(ANSWER)
    model.words_before_pause = 6
    async with rig.started() as ada:
        await ada.say("Where is its vertex?")
        await until(lambda: bool(streamed(connector)))
        await ada.say("/stop")
        await until(model.hung_up.is_set)
        await connector.wait_for_messages(1, deadline_s=30)
        model.words_before_pause = 0
        [*_, answer] = await ada.ask("And now?")
    assert answer.text == "You said: And now?"
