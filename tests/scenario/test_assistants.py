"""Several assistants over real HTTP with signed tokens: choices by text and by button, kept, refused and taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.server import open_service
from service.settings import Settings
from tests.crash.bot_process import BotProcess
from tests.support.scripted_model import RunCode, ScriptedModel
from tests.support.signed_bot import GROUP, MENTION, SignedBot, signed_bot
from tests.support.signed_teams import ADA, SignedTeams

ASSISTANTS = f"""
[[assistant]]
name = "Statistics Tutor"
description = "Samples and tests"
instructions = "You know samples."
model = "another"
starters = ["What is a p-value?"]
files = ["handbook.csv"]

[[assistant]]
name = "HR"
instructions = "You know salaries."
users = ["{ADA}"]
"""
BOB = {"id": "29:bob", "name": "Bob", "aadObjectId": "44444444-5555-6666-7777-888888888888"}
STATISTICS, HR, MATH = "You know samples.", "You know salaries.", "mathematics tutor"


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    (tmp_path / "assistants.toml").write_text(ASSISTANTS)
    (tmp_path / "handbook.csv").write_text("canary,4711")
    async with signed_bot(tmp_path, monkeypatch) as bot:
        yield bot


def told(model: ScriptedModel) -> str:
    """The system prompt of the last request to the model."""
    return str(model.requests[-1]["messages"][0]["content"])


def rows(card: dict[str, Any]) -> dict[str, Any]:
    """What can be pressed on a card, by its title."""
    actions = [block["selectAction"] for block in card["body"] if "selectAction" in block]
    return {action["title"]: action["data"] for action in actions}


async def test_a_choice_by_button_is_kept_across_restarts_until_the_assistant_is_taken_away(bot: SignedBot) -> None:
    async with bot.started():
        await bot.say("How are you?")
        assert MATH in told(bot.model)
        [listed] = await bot.say("/assistant")
        assert list(rows(listed.cards[0])) == ["Math Tutor", "Statistics Tutor", "HR"]
        assert "✓ Math Tutor" in str(listed.cards[0])
        [chosen] = await bot.say("", value=rows(listed.cards[0])["Statistics Tutor"])
        assert "Statistics Tutor answers here now, and knows what we said last." in str(chosen.cards[0])
        assert list(rows(chosen.cards[0])) == ["What is a p-value?"]
        bot.model.script.append(RunCode(code="print(open('/mnt/data/handbook.csv').read())", then=str.strip))
        [answer] = await bot.say("What does the handbook say?")
        assert "canary,4711" in answer.text
        assert STATISTICS in told(bot.model)
        assert bot.model.requests[-1]["model"] == "another"
        assert "How are you?" in str(bot.model.conversations[-1])
    async with bot.started():
        await bot.say("And now?")
        assert STATISTICS in told(bot.model)
    bot.folder.joinpath("assistants.toml").write_text(ASSISTANTS.replace("Statistics Tutor", "Data Tutor"))
    async with bot.started():
        [news] = await bot.say("Who are you?")
        assert "Statistics Tutor is not available any more, so Math Tutor answers" in news.text
        assert MATH in told(bot.model)
        assert "And now?" in str(bot.model.conversations[-1])
        assert "available" not in (await bot.say("Again?"))[0].text


async def test_in_a_group_a_choice_holds_for_all_and_who_may_not_use_it_is_told_so(bot: SignedBot) -> None:
    group: dict[str, Any] = {"conversation": GROUP, "entities": [MENTION]}
    bobs: dict[str, Any] = {**group, "from": BOB}
    async with bot.started():
        [refused] = await bot.say("<at>Data Bot</at> /assistant hr", **bobs)
        assert "HR is not open to you" in refused.text
        [listed] = await bot.say("<at>Data Bot</at> /assistant", **bobs)
        assert "HR" not in rows(listed.cards[0])
        await bot.say("<at>Data Bot</at> /assistant hr", **group)
        await bot.say("<at>Data Bot</at> What does Bob earn?", **group)
        assert HR in told(bot.model)
        asked = len(bot.model.requests)
        [refused] = await bot.say("<at>Data Bot</at> What do I earn?", **bobs)
        assert "HR is not open to you" in refused.text
        assert len(bot.model.requests) == asked
        await bot.say("<at>Data Bot</at> /assistant Math Tutor", **bobs)
        await bot.say("<at>Data Bot</at> And 1 + 1?", **bobs)
        assert MATH in told(bot.model)


async def test_the_chat_page_is_told_who_answers_with_starters_and_the_default_is_the_files(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    (tmp_path / "assistants.toml").write_text(ASSISTANTS.replace('model = "another"', "default = true"))
    (tmp_path / "handbook.csv").write_text("canary,4711")
    settings = Settings.read({"DATA_DIR": str(tmp_path / "data"), "PORT": "0"}, tmp_path / ".env")
    async with open_service(settings) as life:
        async with session.get(life.address) as response:
            page = await response.text()
        assert "What is a p-value?" in page
        assert "<title>Statistics Tutor</title>" in page
        async with session.post(f"{life.address}/chat/tokens", json={}) as response:
            opened = await response.json()
        [statistics, hr] = opened["assistants"]
        assert (statistics["starters"], statistics["answers"]) == (["What is a p-value?"], True)
        assert (hr["name"], hr["answers"]) == ("HR", False)
        said = {"type": "message", "text": "/assistant hr", "from": {"id": "user"}}
        allowed = {"Authorization": f"Bearer {opened['token']}"}
        activities = f"{life.address}/v3/directline/conversations/{opened['conversation']}/activities"
        async with session.post(activities, json=said, headers=allowed) as response:
            assert response.status == 200

        async def answering() -> list[str]:
            wish = {"conversation": opened["conversation"]}
            async with session.post(f"{life.address}/chat/tokens", json=wish) as response:
                return [each["name"] for each in (await response.json())["assistants"] if each["answers"]]

        async with asyncio.timeout(30):
            while await answering() != ["HR"]:
                await asyncio.sleep(0.05)


async def test_a_kill_between_the_choice_and_the_question_forgets_neither(tmp_path: Path) -> None:
    (tmp_path / "assistants.toml").write_text(ASSISTANTS)
    (tmp_path / "handbook.csv").write_text("canary,4711")
    async with ScriptedModel() as model, SignedTeams() as teams:
        bot = BotProcess(
            data_dir=tmp_path / "data",
            service_address=model.base_url,
            **teams.environ,
            ASSISTANTS_FILE=str(tmp_path / "assistants.toml"),
            MODEL="scripted",
        )
        for name in ("ASSISTANT_BACKEND", "ASSISTANT_ID"):
            del bot.environ[name]
        teams.bot_url = bot.url
        try:
            await bot.start()
            [chosen] = await teams.ask("/assistant statistics tutor", scope="channel")
            assert "Statistics Tutor answers here now" in chosen.words
            model.may_answer.clear()
            assert await teams.say("What is a sample?", scope="channel") == 202
            bot.kill()
            await bot.ended()
            model.may_answer.set()
            await bot.start()
            await teams.connector.wait_for_messages(2, deadline_s=60)
            assert STATISTICS in told(model)
            [answer] = await teams.ask("And a population?", scope="channel")
            assert "You said" in answer.words
            assert STATISTICS in told(model)
        finally:
            await bot.end()
