from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientWebSocketResponse, WSCloseCode

from adapters.webchat.transcripts import Activity, ConversationId, Transcripts
from bot.conversation import MAX_TEXT_CHARS
from tests.support.web_chat_client import Site, running_site

_DEADLINE_S = 5.0


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


async def shown(stream: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """The next activities that an open page is shown."""
    activities: list[dict[str, Any]] = []
    async with asyncio.timeout(_DEADLINE_S):
        while len(activities) < count:
            activities += (await stream.receive_json())["activities"]
    return activities


async def test_a_message_reaches_the_bot_in_the_shape_of_a_web_chat_activity(site: Site) -> None:
    chat = await site.open()
    status, said = await chat.say("hello", locale="de-DE", channelData={"clientActivityID": "c1"})

    assert status == 200
    [heard] = site.bot.heard
    assert (heard["type"], heard["text"], heard["locale"]) == ("message", "hello", "de-DE")
    assert (heard["id"], heard["channelId"], heard["conversation"]) == (
        said["id"],
        "webchat",
        {"id": chat.conversation},
    )
    assert heard["serviceUrl"].startswith(site.address)
    assert heard["from"]["role"] == "user"
    assert heard["recipient"] == {"id": "bot", "name": "Math <Tutor>", "role": "bot"}


@pytest.mark.parametrize("letter", ["x", "é", "表", "📈", '"'])
async def test_the_longest_text_reaches_the_bot_in_whichever_letters(site: Site, letter: str) -> None:
    chat = await site.open()
    for length, status in ((MAX_TEXT_CHARS, 200), (MAX_TEXT_CHARS + 1, 400)):
        body = json.dumps({"type": "message", "text": letter * length}, ensure_ascii=False)  # as a browser writes it
        headers = {**chat.allowed, "Content-Type": "application/json"}
        async with site.client.post(f"{chat.url}/activities", data=body.encode(), headers=headers) as response:
            assert response.status == status
    assert [len(heard["text"]) for heard in site.bot.heard] == [MAX_TEXT_CHARS]


async def test_a_button_that_asks_again_says_its_question_in_words(site: Site) -> None:
    chat = await site.open()
    await chat.say("", value={"teamsbot": "retry", "turn": "T-0001", "question": "What is 6 times 7?"})

    assert [heard["text"] for heard in site.bot.heard] == ["What is 6 times 7?"]
    assert [shown["text"] for shown in await chat.transcript()] == ["What is 6 times 7?"]
    assert (await chat.say("", value={"other": "button"}))[0] == 400


async def test_what_a_page_makes_up_beside_its_words_is_left_out(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello", id="mine", serviceUrl="http://localhost:1", recipient={"id": "x"}, entities=[{"type": "a"}])

    [heard] = site.bot.heard
    assert heard["id"] != "mine"
    assert heard["serviceUrl"].startswith(site.address)
    assert heard["recipient"]["id"] == "bot"
    assert "entities" not in heard


async def test_the_page_sees_its_message_again_with_the_mark_that_it_gave_it(site: Site) -> None:
    chat = await site.open()
    async with chat.stream() as stream:
        await chat.say("hello", channelData={"clientActivityID": "c1", "other": "x"})
        [echo] = await shown(stream, 1)

    assert (echo["text"], echo["channelData"]) == ("hello", {"clientActivityID": "c1"})


async def test_answers_come_in_order_and_typing_leaves_no_trace(site: Site) -> None:
    chat = await site.open()
    async with chat.stream() as stream:
        await chat.say("hello")
        await shown(stream, 1)
        assert (await site.answer(chat, type="typing"))[0] == 202
        assert [activity["type"] for activity in await shown(stream, 1)] == ["typing"]
        status, first = await site.answer(chat, text="one")
        await site.answer(chat, text="two")
        activities = await shown(stream, 2)

    assert (status, first["id"]) == (201, activities[0]["id"])
    assert [activity["text"] for activity in activities] == ["one", "two"]
    assert activities[0]["from"] == {"id": "bot", "name": "Math <Tutor>", "role": "bot"}
    assert [activity["type"] for activity in await chat.transcript()] == ["message"] * 3


async def test_a_changed_answer_is_shown_in_its_place(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello")
    _, sent = await site.answer(chat, text="one")
    before = (await chat.transcript())[-1]
    status, _ = await site.answer(chat, "PUT", sent["id"], text="one, changed")

    after = (await chat.transcript())[-1]
    assert (status, after["text"]) == (200, "one, changed")
    assert (after["id"], after["timestamp"]) == (before["id"], before["timestamp"])


async def test_an_answer_that_was_taken_back_becomes_word_of_its_deletion(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello")
    _, sent = await site.answer(chat, text="wrong")
    await site.answer(chat, "DELETE", sent["id"])

    deletion = (await chat.transcript())[-1]
    assert (deletion["type"], deletion["name"], deletion["value"]) == ("event", "webchat/deleted", sent["id"])
    assert "wrong" not in str(await chat.transcript())


async def test_the_bot_can_change_only_what_it_said_itself(site: Site) -> None:
    chat = await site.open()
    _, said = await chat.say("hello")

    assert (await site.answer(chat, "PUT", said["id"], text="forged"))[0] == 404
    assert (await site.answer(chat, "DELETE", "unknown"))[0] == 404


async def test_an_answer_too_deep_to_be_shown_is_refused_and_the_page_goes_on(site: Site) -> None:
    chat = await site.open()
    nested: object = 1
    for _ in range(252):  # read without complaint, kept too, but two levels too deep for the frame that shows it
        nested = [nested]
    async with chat.stream() as stream:
        await chat.say("hello")
        await shown(stream, 1)
        assert (await site.answer(chat, text="deep", value=nested))[0] == 400
        assert (await site.answer(chat, text="one"))[0] == 201
        assert [activity["text"] for activity in await shown(stream, 1)] == ["one"]


async def test_a_page_that_comes_back_gets_what_it_missed_and_no_more(site: Site) -> None:
    chat = await site.open()
    async with chat.stream() as stream:
        await chat.say("one")
        frame = await stream.receive_json()
    await chat.say("two")

    assert [activity["text"] for activity in await chat.transcript(frame["watermark"])] == ["two"]


async def test_two_conversations_hear_nothing_of_each_other(site: Site) -> None:
    first, second = await site.open(), await site.open()
    async with first.stream() as here, second.stream() as there:
        await first.say("for the first")
        await second.say("for the second")
        [one], [other] = await shown(here, 1), await shown(there, 1)

    assert (one["text"], other["text"]) == ("for the first", "for the second")


async def test_a_token_opens_its_own_conversation_only(site: Site) -> None:
    first, second = await site.open(), await site.open()
    stolen = {"Authorization": f"Bearer {second.token}"}
    for token in (stolen, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {first.token}0"}, {}):
        async with site.client.get(f"{first.url}/activities", headers=token) as response:
            assert response.status == 403
            assert (await response.json())["error"]["code"] == "BadToken"


async def test_a_message_that_the_bot_does_not_take_is_refused_and_forgotten(site: Site) -> None:
    chat = await site.open()
    site.bot.status = 503
    status, answer = await chat.say("hello")

    assert (status, answer["error"]["code"]) == (502, "NotTaken")
    assert await chat.transcript() == []
    assert await site.chats() == []


async def test_a_message_that_is_sent_again_under_its_id_is_one_message(site: Site) -> None:
    # ux 3.8
    chat = await site.open()
    async with chat.stream() as stream:
        ids = [
            (await chat.say("hello", channelData={"messageId": "m1", "clientActivityID": attempt}))[1]["id"]
            for attempt in ("c1", "c2")
        ]
        seen = await shown(stream, 2)
    assert ids[0] == ids[1]
    assert {heard["id"] for heard in site.bot.heard} == {ids[0]}
    assert [activity["id"] for activity in await chat.transcript()] == [ids[0]]
    assert [activity["channelData"]["clientActivityID"] for activity in seen] == [
        "c1",
        "c2",
    ]  # each attempt is answered

    assert (await chat.say("hello", channelData={"messageId": "m2"}))[1]["id"] != ids[0]
    other = await site.open()
    assert (await other.say("hello", channelData={"messageId": "m1"}))[1]["id"] != ids[0]


async def test_an_attempt_that_fails_takes_away_nothing_that_was_sent_before(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello", channelData={"messageId": "m1"})
    site.bot.status = 503
    assert (await chat.say("hello", channelData={"messageId": "m1"}))[0] == 502
    assert [activity["text"] for activity in await chat.transcript()] == ["hello"]


async def test_an_attempt_waits_for_the_one_before_it(site: Site) -> None:
    chat = await site.open()
    site.bot.may_answer.clear()
    first = asyncio.create_task(chat.say("hello", channelData={"messageId": "m1"}))
    await asyncio.wait_for(site.bot.has_heard.wait(), _DEADLINE_S)
    assert (await chat.say("hello", channelData={"messageId": "m1"}))[0] == 503
    site.bot.may_answer.set()
    assert (await first)[0] == 200


@pytest.mark.parametrize("message_id", ["", "x" * 101, 7, {"a": 1}])
async def test_an_id_that_no_page_makes_does_no_harm(site: Site, message_id: object) -> None:
    chat = await site.open()
    status, said = await chat.say("hello", channelData={"messageId": message_id})
    assert (status, len(said["id"])) == (200, 32)
    assert len(await chat.transcript()) == len(site.bot.heard)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 100_001])
async def test_a_message_without_words_or_with_too_many_is_refused(site: Site, text: str) -> None:
    chat = await site.open()

    assert (await chat.say(text))[0] == 400
    assert site.bot.heard == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"type":"message","text":"\\ud800"}', b"\xff" * 9])
async def test_a_body_that_is_no_activity_is_refused(site: Site, body: bytes) -> None:
    chat = await site.open()
    headers = {**chat.allowed, "Content-Type": "application/json"}
    async with site.client.post(f"{chat.url}/activities", data=body, headers=headers) as response:
        assert response.status == 400


async def test_a_body_without_end_is_refused_early(site: Site) -> None:
    chat = await site.open()
    headers = {**chat.allowed, "Content-Type": "application/json"}
    async with site.client.post(
        f"{chat.url}/activities", data=io.BytesIO(b"x" * 2_000_000), headers=headers
    ) as response:
        assert response.status == 413


async def test_typing_and_events_of_the_page_are_taken_and_go_no_further(site: Site) -> None:
    chat = await site.open()

    assert (await chat.say("", type="typing"))[0] == 200
    assert site.bot.heard == []
    assert await chat.transcript() == []


async def test_a_restart_keeps_conversations_and_tokens(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        await chat.say("hello   there")
    async with running_site(tmp_path) as site:
        again = await site.open(chat.conversation)
        assert (again.token, again.empty) == (chat.token, False)
        assert [activity["text"] for activity in await again.transcript()] == ["hello   there"]
        assert [(one["id"], one["title"]) for one in await site.chats()] == [(chat.conversation, "hello there")]


async def test_a_message_that_was_kept_when_a_crash_came_reaches_the_bot_once(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
    transcripts = await Transcripts.open(tmp_path / "webchat.sqlite")
    message: Activity = {"type": "message", "id": "kept", "text": "hello", "timestamp": "2026-01-01T00:00:00Z"}
    await transcripts.put(ConversationId(chat.conversation), message, by_person=True)
    await transcripts.close()

    async with running_site(tmp_path) as site:
        again = await site.open(chat.conversation)
        site.bot.status = 503
        async with again.stream() as stream:
            assert [activity["id"] for activity in await shown(stream, 1)] == ["kept"]
        site.bot.status = 202
        for _ in range(2):
            async with again.stream():
                pass
        assert [heard["id"] for heard in site.bot.heard] == ["kept", "kept"]  # refused, then taken
        await again.say("and this")
        async with again.stream():
            assert len(site.bot.heard) == 3


async def test_a_second_tab_does_not_bring_a_message_that_is_under_way(site: Site) -> None:
    chat = await site.open()
    site.bot.may_answer.clear()
    saying = asyncio.create_task(chat.say("hello"))
    await asyncio.wait_for(site.bot.has_heard.wait(), _DEADLINE_S)
    async with asyncio.timeout(_DEADLINE_S), chat.stream():
        assert len(site.bot.heard) == 1
    site.bot.may_answer.set()
    assert (await saying)[0] == 200


async def test_an_open_page_is_let_go_when_the_program_stops(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        stream = await site.client.ws_connect(f"{chat.url}/stream?t={chat.token}")
        stopping = asyncio.create_task(stream.receive(timeout=_DEADLINE_S))
    assert (await stopping).data == WSCloseCode.GOING_AWAY


async def test_the_list_has_the_latest_conversation_first(site: Site) -> None:
    first, second = await site.open(), await site.open()
    await first.say("first")
    await second.say("second " * 20)
    assert [chat["id"] for chat in await site.chats()] == [second.conversation, first.conversation]
    await first.say("again")
    assert [chat["title"] for chat in await site.chats()] == [
        "first",
        "second second second second second second second second sec…",
    ]
