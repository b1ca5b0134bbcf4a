"""The events by which Teams and other clients tell that the bot was added somewhere, or that somebody came later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.codec import message_from_json, message_to_json
from bot.conversation import Installed, Scope
from tests.support.teams_client import Door, open_door, recorded


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


async def test_both_events_of_one_installation_and_their_repetitions_are_one_welcome(door: Door) -> None:
    for shape in ["installation_update", "conversation_update_personal"] * 2:
        assert await door.post(recorded(shape)) == (202, None)

    [message] = door.accepted.messages
    assert isinstance(message, Installed)
    assert message.reference.scope is Scope.PERSONAL
    assert message.reference.reply_to is None  # there is nothing to reply to


async def test_each_place_is_welcomed_for_itself(door: Door) -> None:
    for shape in ["installation_update", "conversation_update_channel"]:
        await door.post(recorded(shape))

    assert [message.reference.scope for message in door.accepted.messages] == [Scope.PERSONAL, Scope.CHANNEL]


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ("installation_update", {"action": "remove"}),
        ("installation_update", {"action": "add-upgrade"}),
        ("installation_update", {"action": None}),
        ("installation_update", {"from": None}),
        ("installation_update", {"conversation": None}),
        ("conversation_update_channel", {"membersAdded": [{"id": "29:late"}]}),
        ("conversation_update_channel", {"membersAdded": [None, {}, {"id": None}]}),
        ("conversation_update_channel", {"membersAdded": []}),
        ("conversation_update_channel", {"membersAdded": None, "membersRemoved": [{"id": "28:bot"}]}),
        ("conversation_update_channel", {"recipient": None}),
    ],
)
async def test_whatever_else_is_told_of_a_place_is_let_go(door: Door, shape: str, changes: dict[str, Any]) -> None:
    assert await door.post(recorded(shape, **changes)) == (202, None)
    assert door.accepted.messages == []


async def test_a_place_that_removed_the_bot_is_left_and_one_that_upgrades_it_is_not(door: Door) -> None:
    for action in ("remove-upgrade", "add-upgrade", "remove"):
        assert await door.post(recorded("installation_update", action=action)) == (202, None)

    [left] = door.accepted.left
    assert left.conversation == recorded("installation_update")["conversation"]["id"]
    door.accepted.full = True
    assert (await door.post(recorded("installation_update", action="remove")))[0] == 503


async def test_an_installation_that_cannot_be_stored_is_to_be_told_again(door: Door) -> None:
    door.accepted.full = True

    assert (await door.post(recorded("installation_update")))[0] == 503


async def test_a_stored_installation_still_replies_to_nothing(door: Door) -> None:
    await door.post(recorded("installation_update"))
    [message] = door.accepted.messages

    assert message_from_json(message_to_json(message))[0] == message


async def test_the_bot_is_found_among_a_hundred_who_were_added(door: Door) -> None:
    added = [{"id": f"29:{number}"} for number in range(99)]
    activity = recorded("conversation_update_channel")
    assert await door.post({**activity, "membersAdded": [*added, activity["recipient"]]}) == (202, None)
    assert [type(message) for message in door.accepted.messages] == [Installed]
