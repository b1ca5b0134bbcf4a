from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from bot.codec import message_from_json, message_to_json
from bot.conversation import EDIT_MARK, ActivityId
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
        "command",
        "commandResult",
        "suggestion",
        "contactRelationUpdate",
        "deleteUserData",
        "invokeResponse",
        "tokens/response",
        "Message",
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


async def test_an_invoke_that_the_bot_never_offered_is_answered_at_once_with_not_implemented(door: Door) -> None:
    names = (
        *(
            f"composeExtension/{name}"
            for name in ("query", "queryLink", "anonymousQueryLink", "fetchTask", "submitAction")
        ),
        *(f"composeExtension/{name}" for name in ("selectItem", "querySettingUrl", "setting", "onCardButtonClicked")),
        *("task/fetch", "task/submit", "signin/verifyState", "signin/tokenExchange", "signin/failure"),
        *("fileConsent/invoke", "message/submitAction", "message/fetchTask", "config/fetch", "config/submit"),
        *("tab/fetch", "tab/submit", "actionableMessage/executeAction", "application/search", "adaptiveCard/action"),
        *("healthCheck", "handoff/action", ""),
    )
    action = {"type": "Action.Execute", "verb": "x", "data": None}
    values: tuple[object, ...] = (None, {"action": "x"}, {"commandId": "x"}, {"action": action}, [], "x")
    for name in names:
        for value in values:
            status, answer = await door.post(recorded("invoke_card_action", name=name, value=value))
            assert (status, answer["error"]["code"]) == (501, "NotImplemented"), name
    assert door.accepted.messages == []


def feedback(reaction: object = "like", comment: object = '{"feedbackText":"Well done"}', **changes: Any) -> Any:
    value = {"actionName": "feedback", "actionValue": {"reaction": reaction, "feedback": comment}}
    return recorded("invoke_feedback", **{"value": value, "replyToId": "answer-1", **changes})


@pytest.mark.parametrize(
    ("comment", "heard"),
    [
        ('{"feedbackText":" Well done "}', "Well done"),
        ({"feedbackText": "Well done"}, "Well done"),
        ("bad", "bad"),  # as the Agents Playground sends it
        ("{no json", "{no json"),
        ('{"feedbackText":5}', ""),
        ('{"feedbackText":"%s"}' % ("x" * 10_000), "x" * 4_000),
        ("", ""),
        (None, ""),
        (["x"], ""),
    ],
)
async def test_feedback_is_answered_with_an_empty_object_and_kept(door: Door, comment: object, heard: str) -> None:
    assert await door.post(feedback("dislike", comment)) == (200, {})
    [rated] = door.accepted.rated
    assert (rated.rated, rated.reaction, rated.comment) == ("answer-1", "dislike", heard)


FORM = {name: recorded("feedback_form")[name] for name in ("name", "value")}


async def test_the_form_of_custom_feedback_is_a_dialog_and_what_is_typed_there_is_kept(door: Door) -> None:
    for locale, title in (("en-GB", "Your feedback"), ("de-DE", "Deine Rückmeldung"), ("xx-XX", "Your feedback")):
        status, answer = await door.post(recorded("invoke_feedback", **FORM, locale=locale))
        assert (status, answer["task"]["type"]) == (200, "continue")
        assert answer["task"]["value"]["title"] == title
        [typed] = answer["task"]["value"]["card"]["content"]["body"]
    comment = json.dumps({typed["id"]: "Well done"})
    assert await door.post(feedback(comment=comment)) == (200, {})
    assert door.accepted.rated[-1].comment == "Well done"


@pytest.mark.parametrize("value", [None, {}, {"data": {"actionName": "x"}}, {"data": {"actionName": "feedback"}}, "x"])
async def test_a_dialog_that_is_none_of_feedback_is_not_implemented(door: Door, value: object) -> None:
    assert (await door.post(recorded("invoke_feedback", name=FORM["name"], value=value)))[0] == 501


async def test_feedback_that_cannot_be_stored_is_to_be_sent_again(door: Door) -> None:
    door.accepted.full = True
    assert (await door.post(feedback()))[0] == 503


@pytest.mark.parametrize(
    "value",
    [
        {"actionName": "feedback"},
        {"actionName": "feedback", "actionValue": {"reaction": "love"}},
        {"actionName": "feedback", "actionValue": {"reaction": 5}},
        {"actionName": "another", "actionValue": {"reaction": "like"}},
        "feedback",
        None,
    ],
)
async def test_what_is_no_feedback_is_not_implemented(door: Door, value: object) -> None:
    assert (await door.post(feedback(value=value)))[0] == 501
    assert door.accepted.rated == []


_OFFERED = {"teamsbot": "ask", "question": "plot x^2"}


@pytest.mark.parametrize(
    ("name", "value", "body"),
    [
        ("adaptiveCard/action", {"action": {"type": "Action.Execute", "verb": "ask", "data": _OFFERED}}, True),
        ("suggestedActions/submit", _OFFERED, False),
        ("suggestedAction/submit", {"action": {"data": _OFFERED}}, False),
    ],
)
async def test_what_is_pressed_is_asked_once_also_when_the_invoke_comes_again_under_a_new_id(
    door: Door, name: str, value: object, *, body: bool
) -> None:
    for id_ in ("i1", "i1", "i2"):
        press = recorded("invoke_card_action", name=name, value=value, id=id_, timestamp=f"2026-11-29T08:00:0{id_[1]}Z")
        status, answer = await door.post(press)
        assert (status, bool(answer)) == (200, body)
    [asked] = door.accepted.messages
    assert asked.text == "plot x^2"
    assert asked.reference.reply_to == recorded("invoke_card_action")["replyToId"]
    await door.post(recorded("invoke_card_action", name=name, value=value, **{"from": {"id": "29:bob"}}))
    assert len(door.accepted.messages) == 2


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


async def test_an_edit_of_the_latest_message_is_a_new_message_that_replies_to_it_and_comes_once(door: Door) -> None:
    await door.post(recorded("personal"))
    [asked] = door.accepted.messages
    door.accepted.messages[0] = replace(asked, id=ActivityId(asked.id + ";edit=0"))  # not waiting any more
    edit = recorded("personal", type="messageUpdate", text="hello, edited", timestamp="2026-11-29T08:00:00Z")
    for _ in range(2):
        assert await door.post(edit) == (202, None)
    _, again = door.accepted.messages
    assert again.text == "hello, edited"
    assert again.id.startswith(f"{asked.id};edit=")
    assert again.reference.reply_to == asked.id
    edit["channelData"]["eventType"] = "undeleteMessage"
    await door.post({**edit, "text": "back again"})
    assert len(door.accepted.messages) == 2


@pytest.mark.parametrize(
    ("sent", "hashed"),
    [
        ("2026-11-29T08:00:00Z", "2026-11-29 08:00:00+00:00"),
        ("2026-11-29T08:00:00.1234567Z", "2026-11-29 08:00:00.123456+00:00"),
        ("yesterday", "yesterday"),
    ],
)
async def test_an_edit_has_the_id_that_replicas_of_earlier_versions_give_it(door: Door, sent: str, hashed: str) -> None:
    await door.post(recorded("personal"))
    [asked] = door.accepted.messages
    door.accepted.messages[0] = replace(asked, id=ActivityId(f"{asked.id}{EDIT_MARK}0"))  # not waiting any more
    await door.post(recorded("personal", type="messageUpdate", text="hello, edited", timestamp=sent))
    edit = hashlib.sha256(f"hello, edited\0{hashed}".encode()).hexdigest()[:16]
    assert [message.id for message in door.accepted.messages[1:]] == [f"{asked.id}{EDIT_MARK}{edit}"]


async def test_what_is_said_to_others_is_overheard_and_not_accepted(door: Door) -> None:
    await door.post(recorded("group", text="among ourselves", entities=[]))
    await door.post(recorded("personal", text="to the bot", entities=[]))
    assert [message.text for message in door.accepted.overheard] == ["among ourselves"]
    assert [message.text for message in door.accepted.messages] == ["to the bot"]


async def test_a_targeted_message_is_for_the_bot_and_a_conversation_of_its_own(door: Door) -> None:
    activity = recorded("group", text="between us", entities=[])
    activity["recipient"]["isTargeted"] = True
    await door.post(activity)
    await door.post(recorded("group"))
    private, shared = door.accepted.messages
    assert (private.text, private.key.private_to) == ("between us", activity["from"]["id"])
    assert private.key.conversation == shared.key.conversation
    assert str(private.key) != str(shared.key)
    assert message_from_json(message_to_json(private))[0] == private


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


@pytest.mark.parametrize(("mode", "code"), [("ExpectReplies", "ExpectReplies"), ("stream", "Stream")])
async def test_every_mode_that_wants_the_answer_in_the_response_is_refused(door: Door, mode: str, code: str) -> None:
    status, answer = await door.post(recorded("personal", deliveryMode=mode))
    assert (status, answer["error"]["code"]) == (501, f"{code}NotSupported")


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
