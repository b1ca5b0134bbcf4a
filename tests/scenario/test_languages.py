"""People read the bot's own sentences in the language of their activity, also after a restart."""

from __future__ import annotations

import pytest

from tests.scenario.conftest import Rig
from tests.support.scripted_model import ScriptedModel
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("de-AT", "Das ist eine neue Unterhaltung"),
        ("nl-NL", "Dit is een nieuw gesprek"),
        ("en-US", "This is a new conversation"),
        ("xx-Latn-QQ", "This is a new conversation"),
        ("", "This is a new conversation"),
    ],
)
async def test_an_answer_of_the_bot_is_in_the_language_of_the_activity(rig: Rig, locale: str, words: str) -> None:
    # ux 3.24
    async with rig.started() as person:
        await person.say("/new", locale=locale)
        [answer] = await person.connector.wait_for_messages(1)
        assert answer.text.startswith(words)


async def test_the_language_of_a_message_is_kept_over_a_restart(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        model.delay_s = 20
        await person.say("eine lange Frage", locale="de-DE")
        await until(lambda: model.requests != [])
    async with rig.started() as person:
        await person.say("/stop", locale="en-US")
        [stopped] = await person.connector.wait_for_messages(1)
        assert stopped.text == "Abgebrochen. Deine Frage wurde nicht beantwortet."
