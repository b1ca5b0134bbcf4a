from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.teams_client import Door, open_door, recorded


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


async def test_a_message_is_acknowledged_once_it_is_accepted(door: Door) -> None:
    assert await door.post(recorded("personal")) == (202, None)
    assert [message.text for message in door.accepted.messages] == ["hello"]


async def test_a_message_that_comes_again_is_acknowledged_again_and_accepted_once(door: Door) -> None:
    answers = [await door.post(recorded("personal")) for _ in range(3)]

    assert answers == [(202, None)] * 3
    assert len(door.accepted.messages) == 1


async def test_a_message_that_cannot_be_stored_is_not_acknowledged(door: Door) -> None:
    door.accepted.full = True
    url = f"http://127.0.0.1:{door.port}/api/messages"

    async with door.client.post(url, json=recorded("personal")) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["error"]["code"] == "NotStored"


@pytest.mark.parametrize("data", [None, {}, {"eventType": "channelDeleted"}, {"eventType": "invented"}])
@pytest.mark.parametrize(
    "type_",
    [
        "conversationUpdate",
        "messageUpdate",
        "messageDelete",
        "messageReaction",
        "event",
        "typing",
        "endOfConversation",
        "installationUpdate",
        "trace",
        "handoff",
        "somethingNew",
    ],
)
async def test_every_other_kind_of_activity_is_acknowledged_known_or_not(
    door: Door, type_: str, data: dict[str, str] | None
) -> None:
    members = [{"id": "29:ann"}]
    activity = recorded("personal", type=type_, channelData=data, membersAdded=members, membersRemoved=members)

    assert await door.post(activity) == (202, None)
    assert door.accepted.messages == []


@pytest.mark.parametrize("shape", ["invoke_feedback", "invoke_card_action"])
async def test_an_invoke_is_answered_at_once_with_not_implemented(door: Door, shape: str) -> None:
    status, answer = await door.post(recorded(shape))

    assert (status, answer["error"]["code"]) == (501, "NotImplemented")


@pytest.mark.parametrize("name", [None, "fileConsent/invoke", "task/fetch", "signin/verifyState", "tab/fetch", "x"])
@pytest.mark.parametrize("value", [None, 5, "x", {"a": []}])
async def test_no_invoke_whatever_its_value_breaks_anything(door: Door, name: str | None, value: object) -> None:
    assert (await door.post(recorded("invoke_feedback", name=name, value=value)))[0] == 501


async def test_words_not_meant_for_the_bot_are_acknowledged_and_dropped(door: Door) -> None:
    assert await door.post(recorded("group", text="among ourselves", entities=[])) == (202, None)
    assert door.accepted.messages == []


async def test_the_log_holds_ids_and_no_words(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await door.post(recorded("personal", text="my secret question"))
    await door.post(recorded("personal", text="my secret question"))
    await door.post(recorded("group", text="our secret question", entities=[]))

    assert "secret" not in " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    ignored = "7a1966aa-c430-4b78-a790-b6c68f917d60"
    assert ignored in {vars(record).get("activity") for record in caplog.records}


@pytest.mark.parametrize("event", ["editMessage", "undeleteMessage"])
async def test_an_edit_takes_the_place_of_the_message(door: Door, event: str) -> None:
    await door.post(recorded("personal"))
    edit = recorded("personal", type="messageUpdate", text="hello, edited")
    edit["channelData"]["eventType"] = event

    assert await door.post(edit) == (202, None)
    assert [message.text for message in door.accepted.messages] == ["hello, edited"]


async def test_a_deleted_message_is_withdrawn(door: Door) -> None:
    await door.post(recorded("personal"))
    deletion = recorded("personal", type="messageDelete", text=None)
    deletion["channelData"]["eventType"] = "softDeleteMessage"

    assert await door.post(deletion) == (202, None)
    assert door.accepted.deleted == [message.id for message in door.accepted.messages]


async def test_an_edit_that_takes_the_mention_away_changes_nothing(door: Door) -> None:
    await door.post(recorded("group"))

    assert await door.post(recorded("group", type="messageUpdate", text="to all", entities=[])) == (202, None)
    assert [message.text for message in door.accepted.messages] == ["reply"]


@pytest.mark.parametrize("type_", ["messageUpdate", "messageDelete"])
async def test_a_change_that_cannot_be_read_changes_nothing(door: Door, type_: str) -> None:
    assert await door.post(recorded("personal", type=type_, id=None, recipient=None)) == (202, None)


@pytest.mark.parametrize("type_", ["messageUpdate", "messageDelete"])
async def test_a_change_that_cannot_be_stored_is_to_be_sent_again(door: Door, type_: str) -> None:
    await door.post(recorded("personal"))
    door.accepted.full = True

    assert (await door.post(recorded("personal", type=type_)))[0] == 503


@pytest.mark.parametrize("channel", ["webchat", "terminal"])
async def test_nobody_outside_speaks_in_a_channel_of_this_program(door: Door, channel: str) -> None:  # S4
    status, answer = await door.post(recorded("personal", channelId=channel))

    assert (status, answer["error"]["code"]) == (403, "ForeignChannel")
    assert door.accepted.messages == []


@pytest.mark.parametrize("field", ["attachments", "entities", "membersAdded", "membersRemoved"])
@pytest.mark.parametrize("type_", ["message", "messageUpdate", "conversationUpdate", "installationUpdate", "invoke"])
async def test_null_entries_of_lists_are_ignored_and_other_strange_ones_refused(
    door: Door, field: str, type_: str
) -> None:
    assert (await door.post(recorded("personal", **{field: [None, None]}, type=type_)))[0] in (202, 501)
    strange: tuple[object, ...] = (5, "x", [], True)
    for entry in strange:
        status, answer = await door.post(recorded("personal", **{field: [entry]}, type=type_))
        assert (status, answer["error"]["code"]) == (400, "NotAnActivity")


async def test_a_sender_who_waits_for_the_answer_in_the_response_is_told_that_this_is_not_done(door: Door) -> None:
    """F16."""
    status, answer = await door.post(recorded("personal", deliveryMode="expectReplies"))
    assert (status, answer["error"]["code"]) == (501, "ExpectRepliesNotSupported")
    assert door.accepted.messages == []
    assert (await door.post(recorded("personal", deliveryMode="normal")))[0] == 202


async def test_tenants_that_differ_are_refused_and_nothing_is_accepted(door: Door) -> None:
    activity = recorded("personal")
    activity["conversation"]["tenantId"] = "another"
    status, answer = await door.post(activity)
    assert (status, answer["error"]["code"], door.accepted.messages) == (403, "TenantMismatch", [])
