"""What nobody should send and somebody will, through the whole bot with signed activities (issue 12, "Bad input")."""

from __future__ import annotations

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
