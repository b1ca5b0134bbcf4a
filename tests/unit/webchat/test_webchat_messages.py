from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.web_chat_client import Chat, Site, running_site
from tests.unit.webchat.test_webchat_direct_line import shown


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


def streamed(kind: str, text: str, stream: str = "") -> dict[str, Any]:
    data = {"streamType": kind, "status": "Running code, 1 s", **({"streamId": stream} if stream else {})}
    return {"type": "message" if kind == "final" else "typing", "text": text, "channelData": data}


async def post(chat: Chat, path: str, body: dict[str, Any]) -> int:
    async with chat.client.post(f"{chat.address}{path}", json=body, headers=chat.allowed) as response:
        return response.status


async def test_a_streamed_answer_grows_in_one_place_and_its_end_alone_is_kept(site: Site) -> None:
    chat = await site.open()
    async with chat.stream() as stream:
        await chat.say("hello")
        await shown(stream, 1)
        status, begun = await site.answer(chat, **streamed("informative", "Running code, 1 s"))
        await site.answer(chat, **streamed("streaming", "y =", begun["id"]))
        [first, second] = await shown(stream, 2)
        assert [each["type"] for each in await chat.transcript()] == ["message"]
        await site.answer(chat, **streamed("final", "y = 12", begun["id"]))
        [last] = await shown(stream, 1)

    assert status == 201
    assert {first["id"], second["id"], last["id"]} == {begun["id"]}
    assert first["timestamp"] == second["timestamp"] == last["timestamp"]
    assert second["channelData"]["status"] == "Running code, 1 s"
    assert [each["text"] for each in await chat.transcript()] == ["hello", "y = 12"]


async def test_the_end_of_a_stream_that_an_earlier_life_began_is_kept_once(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello")
    for _ in range(2):
        status, kept = await site.answer(chat, **streamed("final", "y = 12", "from-before"))
        assert (status, kept["id"]) == (201, "from-before")

    assert [each["text"] for each in await chat.transcript()] == ["hello", "y = 12"]


async def test_a_stream_that_is_taken_back_goes_from_open_pages(site: Site) -> None:
    chat = await site.open()
    async with chat.stream() as stream:
        await chat.say("hello")
        await shown(stream, 1)
        _, begun = await site.answer(chat, **streamed("streaming", "y ="))
        assert (await site.answer(chat, "DELETE", begun["id"]))[0] == 200
        [_, deletion] = await shown(stream, 2)

    assert (deletion["name"], deletion["value"]) == ("webchat/deleted", begun["id"])
    assert (await site.answer(chat, "DELETE", begun["id"]))[0] == 404


async def test_a_stream_never_takes_the_place_of_what_a_person_said(site: Site) -> None:
    chat = await site.open()
    _, said = await chat.say("hello")

    assert (await site.answer(chat, **streamed("final", "forged", said["id"])))[0] == 403
    assert [each["text"] for each in await chat.transcript()] == ["hello"]


async def test_a_card_is_heard_by_what_its_picture_shows(site: Site) -> None:
    # ux 3.17
    chat = await site.open()
    await chat.say("plot")
    await site.answer(chat, summary="Line plot of y = x", attachments=[{"contentType": "x", "content": {}}])

    assert (await chat.transcript())[-1]["channelData"]["webchat:fallback-text"] == "Line plot of y = x"


async def test_stop_is_said_to_the_bot_and_not_shown(site: Site) -> None:
    chat = await site.open()
    await chat.say("plot")
    assert await post(chat, "/chat/stop", {"locale": "de-DE"}) == 204

    assert [(heard["type"], heard["text"], heard["locale"]) for heard in site.bot.heard] == [
        ("message", "plot", "en-US"),
        ("message", "/stop", "de-DE"),
    ]
    assert [each["text"] for each in await chat.transcript()] == ["plot"]
    site.bot.status = 503
    assert await post(chat, "/chat/stop", {}) == 502


async def test_a_thumb_reaches_the_bot_as_teams_sends_it_and_a_reload_shows_it(site: Site) -> None:
    chat = await site.open()
    await chat.say("plot")
    _, sent = await site.answer(chat, text="y = 12")
    site.bot.status = 200
    wish = {"activity": sent["id"], "reaction": "dislike", "comment": "too short"}
    assert await post(chat, "/chat/feedback", wish) == 204

    heard = site.bot.heard[-1]
    assert (heard["type"], heard["name"], heard["replyToId"]) == ("invoke", "message/submitAction", sent["id"])
    assert heard["value"]["actionValue"]["reaction"] == "dislike"
    assert json.loads(heard["value"]["actionValue"]["feedback"]) == {"feedbackText": "too short"}
    assert (await chat.transcript())[-1]["channelData"]["rated"] == "dislike"


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"reaction": "love"}, 400),
        ({"reaction": "like", "comment": "x" * 4001}, 400),
        ({"reaction": "like", "comment": 3}, 400),
        ({"reaction": "like", "activity": "none"}, 404),
        ({"reaction": "like", "activity": ["x"]}, 404),
        ({"reaction": ["like"]}, 400),
    ],
)
async def test_what_is_no_opinion_of_an_answer_is_refused(site: Site, wish: dict[str, Any], status: int) -> None:
    chat = await site.open()
    await chat.say("plot")
    _, sent = await site.answer(chat, text="y = 12")

    assert await post(chat, "/chat/feedback", {"activity": sent["id"], **wish}) == status
    assert len(site.bot.heard) == 1


async def test_a_thumb_does_not_move_a_chat_up_in_the_list(site: Site) -> None:
    old, new = await site.open(), await site.open()
    await old.say("old")
    _, sent = await site.answer(old, text="an answer")
    await new.say("new")
    listed = await site.chats()
    site.bot.status = 200
    assert await post(old, "/chat/feedback", {"activity": sent["id"], "reaction": "like"}) == 204
    assert await site.chats() == listed
    assert [chat["title"] for chat in listed] == ["new", "old"]


async def test_nobody_rates_their_own_words(site: Site) -> None:
    chat = await site.open()
    _, said = await chat.say("plot")

    assert await post(chat, "/chat/feedback", {"activity": said["id"], "reaction": "like"}) == 404
