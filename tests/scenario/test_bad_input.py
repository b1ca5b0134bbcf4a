"""What nobody should send and somebody will, through the whole bot with signed activities (issue 12, "Bad input")."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.test_teams_files import CSV, uploaded
from tests.support.scripted_model import RunCode
from tests.support.signed_bot import CHANNEL, GROUP, MENTION, SignedBot, signed_bot

NAME = "..\\..\\etc/Q1 \u202egnp.csv"
SEEN = RunCode(code="import os; print(sorted(os.listdir('/mnt/data')))", then=lambda output: f"There is {output}")


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    async with signed_bot(tmp_path, monkeypatch) as made:
        yield made


async def test_a_name_with_folders_and_marks_of_direction_is_a_plain_name_everywhere(bot: SignedBot) -> None:
    bot.host.files["/download.aspx"] = CSV
    bot.model.script.append(SEEN)
    async with bot.started():
        given = uploaded(f"{bot.host.origin}/download.aspx?UniqueId=1", name=NAME)
        [answer] = await bot.say("What is there?", given)
        assert answer.text.replace("\\", "") == "There is ['Q1 _gnp.csv']"
        _, card = await bot.say("/files", parts=2)
        [row] = card.cards[0]["body"]
        link, delete = row["columns"][0]["items"][0]["text"], row["columns"][1]["items"][0]["actions"][0]
        # The person opens the file where it is theirs; the link with which Teams let the bot in is on no card.
        assert link == f"[Q1 \\_gnp.csv]({given['contentUrl']}) ({len(CSV)} bytes), attached here"
        assert bot.host.origin not in str(card.cards)
        [deleted] = await bot.say("", value=delete["data"])
        assert deleted.text.startswith("Deleted: Q1 ")
        [left] = await bot.say("/files")
        assert left.text == "There are no plots or files in this conversation yet."


def html(markup: str) -> dict[str, Any]:
    return {"contentType": "text/html", "content": markup}


CARD = "application/vnd.microsoft.card"
VOICE = html('<div><span itemid="b" itemtype="http://schema.skype.com/InputExtension"></span></div>')
SNIPPET = (html('<attachment id="0dcd31a4"></attachment>'), {"contentType": f"{CARD}.codesnippet", "content": {}})
LOOP = (html('<attachment id="x"></attachment>'), {"contentType": f"{CARD}.fluidEmbedCard", "content": {}})


async def test_what_teams_shows_and_hands_over_to_no_bot_is_told_by_what_it_is(bot: SignedBot) -> None:
    async with bot.started():
        for given, words in (
            ((VOICE,), "I cannot hear voice messages."),
            (({"contentType": f"{CARD}.audio", "content": {"duration": "PT13S"}},), "I cannot hear voice messages."),
            (SNIPPET, "Please paste the code into the message itself."),
            (LOOP, "I cannot open Loop components."),
            (({"contentType": f"{CARD}.adaptive", "content": {"type": "AdaptiveCard"}},), "I cannot see the card"),
        ):
            [told] = await bot.say("", *given)
            assert words in told.text
        assert bot.model.requests == []
        [answer] = await bot.say("What does it do?", *SNIPPET)
        assert answer.text.startswith("Teams does not give me code snippets.")
        assert "You said: What does it do?" in answer.text
        [answer] = await bot.say("Look at https://example.com", {"contentType": f"{CARD}.thumbnail", "content": {}})
        assert "card" not in answer.text


async def test_a_mention_that_was_forgotten_and_added_by_an_edit_is_answered_once(bot: SignedBot) -> None:
    now_ms = int(time.time() * 1000)
    edited = {
        "type": "messageUpdate",
        "text": "<at>Data Bot</at> hello",
        "entities": [MENTION],
        "conversation": GROUP,
        "channelData": {"tenant": {"id": GROUP["tenantId"]}, "eventType": "editMessage"},
    }
    async with bot.started():
        assert (await bot.post(id=str(now_ms), text="hello", conversation=GROUP))[0] == 202
        for _ in range(2):
            assert (await bot.post(id=str(now_ms), timestamp="2026-11-29T08:55:00Z", **edited))[0] == 202
        assert (await bot.post(id=str(now_ms - 90_000_000), **edited))[0] == 202  # of yesterday
        await bot.connector.wait_for_messages(1)
        [answer] = await bot.say("<at>Data Bot</at> bye", conversation=GROUP, entities=[MENTION])
    assert [posted.text.count("hello") for posted in bot.connector.messages] == [1, 0]
    assert "bye" in answer.text


async def test_submits_that_no_card_offers_unknown_locales_and_a_stop_after_the_end_do_no_harm(bot: SignedBot) -> None:
    values: list[Any] = [
        {"teamsbot": "retry"},
        {"teamsbot": "ask", "question": ["/forget"]},
        {"teamsbot": {"question": "x"}},
        {"question": "/forget"},
        {"x": {"y": "z" * 10_000}},
        [1, 2],
        "ask",
    ]
    async with bot.started():
        [answer] = await bot.say("hello")
        for value in values:
            [told] = await bot.say("", value=value)
            assert told.text.startswith("Hello! Ask me something")
        asked = len(bot.model.requests)
        for locale in ("xx-XX", "de-", "../../etc/passwd", "é" * 1_000, "  "):
            [told] = await bot.say("/fiels", locale=locale)
            assert ("Did you mean /files?" in told.text) is (locale != "de-")
        [told] = await bot.say("/stop")
        assert told.text == "There is nothing left to stop."
        assert len(bot.model.requests) == asked

        rating = {"actionName": "feedback", "actionValue": {"reaction": "like", "feedback": '{"feedbackText":"x"}'}}
        for rated in ("never-sent", "", answer.activity_id):
            kept = await bot.post(type="invoke", name="message/submitAction", value=rating, replyToId=rated)
            assert kept == (200, {})
        [receipt] = await bot.say("/forget")
        assert "- 1 opinion on an answer" in receipt.text


@pytest.mark.parametrize("place", [GROUP, CHANNEL], ids=["group", "channel"])
async def test_an_unknown_command_is_answered_where_it_was_typed_and_a_path_is_asked(
    bot: SignedBot, place: dict[str, Any]
) -> None:
    async with bot.started():
        [told] = await bot.say("<at>Data Bot</at> /flies", conversation=place, entities=[MENTION])
        assert told.text.endswith("I do not know the command /flies. Did you mean /files?")
        assert bot.model.requests == []
        [answer] = await bot.say("<at>Data Bot</at> /usr/bin", conversation=place, entities=[MENTION])
        assert "You said" in answer.text
