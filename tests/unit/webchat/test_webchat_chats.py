from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.errors import AssistantUnavailableError
from bot.run import Exchange
from bot.timeline import StepDone, Timeline
from bot.turn_record import ANSWERED
from tests.support.web_chat_client import Chat, Site, running_site


async def get(chat: Chat, path: str) -> tuple[int, Any]:
    async with chat.client.get(f"{chat.address}{path}", headers=chat.allowed) as response:
        return response.status, await response.json()


async def send(chat: Chat, method: str, path: str, body: object = None) -> int:
    async with chat.client.request(method, f"{chat.address}{path}", json=body, headers=chat.allowed) as response:
        return response.status


async def test_a_chat_keeps_the_assistant_that_it_was_begun_with(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chosen, usual = await site.open(assistant="asst_other"), await site.open()
        assert (chosen.assistant, usual.assistant) == ("asst_other", "asst_usual")
        assert (await site.open(chosen.conversation, assistant="asst_third")).assistant == "asst_other"
    async with running_site(tmp_path) as site:  # after a restart
        assert (await site.open(chosen.conversation)).assistant == "asst_other"
        assert site.page.transcripts.assistant_of(chosen.conversation) == "asst_other"
        assert site.page.transcripts.assistant_of(usual.conversation) is None


@pytest.mark.parametrize("wish", ["../x", "", 7, {"a": 1}, "x" * 101])
async def test_what_is_no_id_chooses_nobody(tmp_path: Path, wish: object) -> None:
    async with running_site(tmp_path) as site:
        wished = {"conversation": None, "assistant": wish}
        async with site.client.post(f"{site.address}/chat/tokens", json=wished) as response:
            assert response.status == 400


async def test_a_chat_is_renamed_and_deleted_by_the_holder_of_its_token(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat, other = await site.open(), await site.open()
        await chat.say("hello")
        await other.say("another")
        site.api.threads[chat.conversation] = "thread_1"
        path = f"/chat/conversations/{chat.conversation}"
        assert await send(other, "PUT", path, {"title": "stolen"}) == 403
        assert await send(other, "DELETE", path) == 403

        assert await send(chat, "PUT", path, {"title": "  My\nchat "}) == 204
        assert [one["title"] for one in await site.chats()] == ["another", "My chat"]
        assert await send(chat, "DELETE", path) == 204
        assert [one["title"] for one in await site.chats()] == ["another"]
        assert await chat.transcript() == []
        assert site.api.threads == {}


async def test_the_list_tells_when_something_was_said_last_and_is_searched(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat, other = await site.open(), await site.open()
        await chat.say("Plot a parabola")
        await other.say("another")
        await site.answer(chat, text="Its vertex is (0; 0).")

        assert [one["title"] for one in await site.chats()] == ["Plot a parabola", "another"]
        latest = max(datetime.fromisoformat(one["last_at"]) for one in await site.chats())
        assert abs((datetime.now(UTC) - latest).total_seconds()) < 60
        [found] = await site.chats(find="VERTEX")
        assert (found["id"], found["excerpt"]) == (chat.conversation, "Its vertex is (0; 0).")
        assert await site.chats(find="hyperbola") == []


@pytest.mark.parametrize("title", ["", "  ", "x" * 101, None, 7])
async def test_a_title_that_is_none_is_refused(tmp_path: Path, title: object) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        assert await send(chat, "PUT", f"/chat/conversations/{chat.conversation}", {"title": title}) == 400


async def test_the_page_makes_an_assistant(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        assert await send(chat, "POST", "/chat/assistants", {"name": " A\nname ", "instructions": "Be brief."}) == 201
        assert site.api.made == [("A name", "Be brief.")]
        for wrong in ({"name": "", "instructions": ""}, {"name": "a"}, {"name": "x" * 257, "instructions": ""}):
            assert await send(chat, "POST", "/chat/assistants", wrong) == 400
        site.api.error = AssistantUnavailableError("down")
        assert await send(chat, "POST", "/chat/assistants", {"name": "a", "instructions": ""}) == 502


def line(number: int, message_id: str) -> Timeline:
    steps = (StepDone(name="run/0/thread_old", done_at_s=2.0), StepDone(name="reply/0", done_at_s=3.0))
    return Timeline(
        number=number,
        message_id=message_id,
        conversation_hash="abc",
        accepted_at_s=1.0,
        started_at_s=1.5,
        attempts=1,
        steps=steps,
        ended_at_s=4.0,
        outcome=ANSWERED,
    )


async def asked(site: Site) -> Chat:
    """A chat with one turn that is done."""
    chat = await site.open()
    _, said = await chat.say("a question")
    site.api.turns[chat.conversation] = [line(12, said["id"])]
    return chat


async def test_a_turn_is_told_with_what_was_asked_its_steps_and_its_calls(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await asked(site)
        [turn] = (await get(chat, "/chat/turns"))[1]
        site.page.calls.note(
            Exchange(
                turn=turn["name"],
                method="POST",
                path="/threads",
                asked="{}",
                status=200,
                answered="{}",
                began_at_s=1.0,
                took_s=0.1,
            )
        )
        assert (turn["text"], turn["outcome"], turn["threads"]) == ("a question", "answered", ["thread_old"])
        shown = (await get(chat, "/chat/turns/12"))[1]
        assert [step["name"] for step in shown["steps"]] == ["run/0/thread_old", "reply/0"]
        assert [(call["method"], call["path"], call["times"]) for call in shown["calls"]] == [("POST", "/threads", 1)]


async def test_turns_of_another_chat_are_not_told(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        await asked(site)
        other = await site.open()
        assert await get(other, "/chat/turns") == (200, [])
        assert (await get(other, "/chat/turns/12"))[0] == 404
        async with site.client.get(f"{site.address}/chat/turns") as response:
            assert response.status == 403


async def test_a_thread_that_the_chat_had_before_can_be_read(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await asked(site)
        assert (await chat.api("/threads/thread_old/runs"))[0] == 200
        assert (await chat.api("/threads/thread_of_others/runs"))[0] == 403
