"""The whole bot in every place it can be added to: welcome, mentions, edits; and what the classic Emulator sends."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sentences import STARTERS
from tests.scenario.conftest import Person, Rig
from tests.support.connector_double import Posted
from tests.support.scripted_model import ScriptedModel
from tests.support.teams_client import recorded
from tests.support.waiting import until

_BOT = {"id": "28:bot", "name": "Data Bot"}
_MENTION = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": _BOT}


async def tell(person: Person, shape: str, **changes: Any) -> int:
    """Post a recorded activity as it is, but for the connector's address."""
    activity = recorded(shape, serviceUrl=person.connector.service_url, **changes)
    async with person.session.post(f"{person.bot_url}/api/messages", json=activity) as response:
        return response.status


def place(id_: str, kind: str) -> dict[str, Any]:
    return {"id": id_, "conversationType": kind, "isGroup": True, "tenantId": Person.tenant}


async def ask_there(person: Person, conversation: dict[str, Any], text: str, *, parts: int) -> str:
    """What the bot says to a mention in a shared place, all parts of it."""
    before = len(in_place(person, conversation["id"]))
    await person.say(f"<at>Data Bot</at> {text}", entities=[_MENTION], conversation=conversation)
    said = await person.connector.wait_for_messages(before + parts, conversation=conversation["id"])
    return "\n".join(posted.words for posted in said[before:])


def in_place(person: Person, conversation: str) -> list[Posted]:
    return [posted for posted in person.connector.messages if posted.conversation == conversation]


async def test_the_welcome_comes_once_whatever_comes_again_and_after_a_restart(rig: Rig) -> None:
    for _ in range(2):
        async with rig.started() as person:
            for shape in ["installation_update", "conversation_update_personal"] * 2:
                assert await tell(person, shape) == 202
            await person.ask("hello")  # in another conversation
    conversation = recorded("installation_update")["conversation"]["id"]
    [welcome] = in_place(person, conversation)
    assert "replyToId" not in welcome.activity
    assert [posted.type for posted in rig.connector.posted if posted.conversation == conversation] == ["message"]


async def test_a_question_of_the_welcome_is_asked_in_the_name_of_the_person_who_pressed_it(rig: Rig) -> None:
    async with rig.started() as person:
        await tell(person, "conversation_update_channel")
        [welcome] = await person.connector.wait_for_messages(1)
        _, *rows = welcome.cards[0]["body"]
        assert [row["selectAction"]["title"] for row in rows] == list(STARTERS)

        await tell(person, "channel", text=None, value=rows[0]["selectAction"]["data"], entities=None)
        _, answer = await person.connector.wait_for_messages(2)
        assert "y = x^2 + 3" in answer.text
        assert "Mention me" in welcome.words


async def test_two_reply_chains_of_a_channel_think_of_their_own_function(tutor_rig: Rig) -> None:
    bowl, hill = (place(f"19:c@thread.tacv2;messageid={number}", "channel") for number in (1, 2))
    async with tutor_rig.started() as person:
        await ask_there(person, bowl, "plot x^2 + 3", parts=2)
        await ask_there(person, hill, "plot 5 - x^2", parts=2)
        of_bowl = await ask_there(person, bowl, "Is this a concave function?", parts=1)
        of_hill = await ask_there(person, hill, "Is this a concave function?", parts=1)
        assert "convex" in of_bowl.lower()
        assert "convex" not in of_hill.lower()
        assert "concave" in of_hill.lower()


@pytest.mark.parametrize("kind", ["groupChat", "channel"])
async def test_words_without_a_mention_get_nothing_not_even_typing(rig: Rig, kind: str) -> None:
    there = place("19:shared@thread.v2", kind)
    async with rig.started() as person:
        assert (await person.say("among ourselves", conversation=there)).status == 202
        await ask_there(person, there, "/help", parts=1)  # whatever was to be said before it has been said
        assert [posted.type for posted in person.connector.posted] == ["message"]


@pytest.mark.parametrize(("command", "words"), [("/help", "/new"), ("/new", "new conversation"), ("/stop", "nothing")])
async def test_commands_work_by_mention(rig: Rig, command: str, words: str) -> None:
    async with rig.started() as person:
        assert words in await ask_there(person, place("19:g@thread.v2", "groupChat"), command, parts=1)


async def test_an_edit_counts_until_a_turn_begins_and_a_deleted_message_is_not_answered(
    rig: Rig, model: ScriptedModel
) -> None:
    async with rig.started() as person:
        model.may_answer.clear()
        await person.say("first", id="m1")
        await until(lambda: model.requests != [])
        await person.say("secnd", id="m2")
        await person.say("third", id="m3")
        for id_, text in [("m1", "first, too late"), ("m2", "second")]:
            await person.say(text, id=id_, type="messageUpdate", channelData={"eventType": "editMessage"})
        await person.say("", id="m3", type="messageDelete", channelData={"eventType": "softDeleteMessage"})
        model.may_answer.set()
        await person.say("fourth", id="m4")
        await until(lambda: "You said: fourth" in texts(person))
        answers = [text for text in texts(person) if text.startswith("You said")]
        assert answers == ["You said: first", "You said: second", "You said: fourth"]


async def test_the_classic_emulator_gets_its_welcome_and_its_answers(rig: Rig) -> None:
    here = recorded("classic_emulator")["conversation"]["id"]
    bot, user = (recorded("classic_emulator")[who] for who in ("recipient", "from"))
    async with rig.started() as person:
        for number, member in enumerate([bot, user]):  # it tells each in an event of its own
            event = {"type": "conversationUpdate", "membersAdded": [member], "text": None, "id": f"joined {number}"}
            assert await tell(person, "classic_emulator", **event) == 202
        assert await tell(person, "classic_emulator") == 202
        welcome, answer = await person.connector.wait_for_messages(2, conversation=here)
        assert welcome.cards
        assert answer.text == "You said: hello"


@pytest.mark.parametrize(
    ("type_", "status"),
    [
        ("typing", 202),
        ("ping", 202),
        ("endOfConversation", 202),
        ("messageReaction", 202),
        ("contactRelationUpdate", 202),
        ("deleteUserData", 202),
        ("invoke", 501),
    ],
)
async def test_whatever_else_the_classic_emulator_sends_is_no_error(rig: Rig, type_: str, status: int) -> None:
    event = {"type": type_, "text": None, "id": "e1", "reactionsAdded": [{"type": "like"}], "action": "add"}
    async with rig.started() as person:
        assert await tell(person, "classic_emulator", **event) == status
        await person.ask("hello")
        assert len(person.connector.messages) == 1


def texts(person: Person) -> list[str]:
    return [posted.text for posted in person.connector.messages]
