"""The article's story, as `make run` gives it: no account, no model, a chat with the built-in tutor."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.scenario.conftest import Person, Rig

SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
CONCAVE = "Is this a concave function?"


async def fetch_picture(person: Person, card: dict[str, Any]) -> bytes:
    [image] = [block for block in card["body"] if block["type"] == "Image"]  # each card of a plot holds one
    async with person.session.get(image["url"]) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "image/png"
        return await response.read()


def hidden_words(card: dict[str, Any], name: str) -> str:
    """What a button of the card shows."""
    [container] = [block for block in card["body"] if block.get("id") == name]
    assert not container["isVisible"]
    return "\n".join(str(item.get("text", item.get("codeSnippet"))) for item in container["items"])


async def test_the_equation_is_solved_plotted_and_remembered(tutor_rig: Rig) -> None:
    async with tutor_rig.started() as person:
        text, plot = await person.ask(SOLVE, parts=2)
        assert "12" in text.text
        [card] = plot.cards
        assert "code" in hidden_words(card, "explanation").lower()
        assert "sympy" in hidden_words(card, "code")
        picture = await fetch_picture(person, card)
        width, height = struct.unpack(">II", picture[16:24])
        assert 300 <= width <= 1024
        assert 200 <= height <= 1024
        [verdict] = await person.ask(CONCAVE)
        assert "convex" in verdict.text.lower()


async def test_typing_is_shown_before_each_answer_and_never_after_it(tutor_rig: Rig) -> None:
    async with tutor_rig.started() as person:
        await person.ask(SOLVE, parts=2)
        kinds = [posted.type for posted in person.connector.posted]
        assert kinds[0] == "typing"
        assert "typing" not in kinds[kinds.index("message") :]


async def test_a_conversation_goes_on_after_a_restart(tutor_rig: Rig) -> None:
    async with tutor_rig.started() as person:
        await person.ask(SOLVE, parts=2)
    async with tutor_rig.started() as person:
        [verdict] = await person.ask(CONCAVE)
        assert "convex" in verdict.text.lower()


async def test_the_plot_has_a_text_for_people_who_cannot_see_it(tutor_rig: Rig) -> None:
    async with tutor_rig.started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
        alt_text = plot.cards[0]["body"][0]["altText"]
        assert "x" in alt_text
        assert "from" in alt_text


@pytest.mark.parametrize("text", ["", "<at>Data Bot</at>", "   "])
async def test_a_message_of_nothing_but_a_mention_gets_a_hint(tutor_rig: Rig, text: str) -> None:
    mention = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": {"id": "28:bot", "name": "Data Bot"}}
    async with tutor_rig.started() as person:
        await person.say(text, entities=[mention])
        [hint] = await person.connector.wait_for_messages(1)
        assert "Solve the equation" in hint.text


async def test_in_a_group_the_question_of_a_named_person_is_understood(tutor_rig: Rig) -> None:
    mention = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": {"id": "28:bot", "name": "Data Bot"}}
    group = {"id": "19:group@thread.v2", "conversationType": "groupChat", "isGroup": True, "tenantId": Person.tenant}
    async with tutor_rig.started() as person:
        await person.say("<at>Data Bot</at> what is 6 * 7?", entities=[mention], conversation=group)
        [answer] = await person.connector.wait_for_messages(1)
        assert "42" in answer.text
        assert answer.conversation == "19:group@thread.v2"
