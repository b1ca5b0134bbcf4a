"""Files of answers in one-to-one chats of Teams: offered, and put into the person's OneDrive once they agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.connector_double import Fault, Posted
from tests.support.scripted_model import RunCode
from tests.support.signed_bot import GROUP, MENTION, PERSONAL, SignedBot, signed_bot
from tests.support.token_issuer import TENANT

CSV = b"a,b\n1,2\n"
WRITE = RunCode(
    code="open('/mnt/data/out.csv', 'w').write('a,b\\n1,2\\n')", then="Here it is: [out.csv](sandbox:/mnt/data/out.csv)"
)
CONSENT = "application/vnd.microsoft.teams.card.file.consent"
INFO = "application/vnd.microsoft.teams.card.file.info"


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    async with signed_bot(tmp_path, monkeypatch) as made:
        yield made


async def offered(bot: SignedBot, **changes: Any) -> tuple[dict[str, Any], str]:
    """The context of an offer that the bot makes, and the id of its card."""
    bot.model.script.append(WRITE)
    _, offer = await bot.say("Write a table", parts=2, **changes)
    [card] = offer.activity["attachments"]
    assert (card["contentType"], card["name"], card["content"]["sizeInBytes"]) == (CONSENT, "out.csv", len(CSV))
    assert card["content"]["acceptContext"] == card["content"]["declineContext"]
    return card["content"]["acceptContext"], offer.activity_id


async def decide(bot: SignedBot, context: object, card: str, action: str = "accept", **changes: Any) -> list[Posted]:
    """Press a button of the card: what the bot says."""
    before = len(bot.connector.messages)
    await press(bot, context, card, action, **changes)
    return (await bot.connector.wait_for_messages(before + 1))[before:]


async def press(bot: SignedBot, context: object, card: str, action: str = "accept", **changes: Any) -> None:
    value: dict[str, Any] = {"type": "fileUpload", "action": action, "context": context}
    if action == "accept":
        url = changes.pop("upload_url", f"{bot.host.origin}/upload/1?tempauth=x")
        value["uploadInfo"] = {
            "contentUrl": "https://contoso-my.sharepoint.com/personal/ada/Documents/Applications/Bot/out.csv",
            "name": "out.csv",
            "uploadUrl": url,
            "uniqueId": "1150D938-8870-4044-9F2C-5BBDEBBA70C9",
            "fileType": "csv",
        }
    status, body = await bot.post(type="invoke", name="fileConsent/invoke", value=value, replyToId=card, **changes)
    assert (status, body) == (200, {})


async def test_an_offered_file_is_uploaded_once_its_person_agrees_and_shown_as_theirs(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        [said] = await decide(bot, context, card)
    [shown] = said.activity["attachments"]
    assert shown["contentType"] == INFO
    assert shown["contentUrl"].endswith("/Bot/out.csv")
    assert shown["content"] == {"uniqueId": "1150D938-8870-4044-9F2C-5BBDEBBA70C9", "fileType": "csv"}
    [put] = bot.host.asked
    assert (put.method, put.body, put.content_range, put.authorization) == ("PUT", CSV, "bytes 0-7/8", None)
    assert [posted.activity_id for posted in bot.connector.posted if posted.method == "DELETE"] == [card]


async def test_a_file_that_is_declined_stays_where_it_is_and_that_is_said(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        [said] = await decide(bot, context, card, "decline")
    assert said.text == "All right, I did not save out.csv."
    assert bot.host.asked == []


async def test_the_same_press_that_comes_again_under_another_id_and_after_a_restart_is_answered_once(
    bot: SignedBot,
) -> None:
    async with bot.started():
        context, card = await offered(bot)
        await decide(bot, context, card)
        await press(bot, context, card)
    async with bot.started():
        await press(bot, context, card)
        await bot.say("hello")
    assert len(bot.host.asked) == 1
    assert len([posted for posted in bot.connector.messages if INFO in str(posted.activity)]) == 1


async def test_a_second_press_is_told_that_the_file_is_there(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        await decide(bot, context, card)
        [said] = await decide(bot, context, card, upload_url=f"{bot.host.origin}/upload/2")
    assert said.text == "out.csv is in your files already."
    assert len(bot.host.asked) == 1


async def test_a_press_after_a_failed_one_brings_the_file(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        failed = await decide(bot, context, card, upload_url="https://elsewhere.example.com/upload/1")
        assert "could not save out.csv" in failed[0].text
        await bot.connector.wait_for_messages(4)
        [said] = await decide(bot, context, card, upload_url=f"{bot.host.origin}/upload/2")
    assert said.activity["attachments"][0]["contentType"] == INFO
    assert len(bot.host.asked) == 1


@pytest.mark.parametrize(
    "context",
    [None, "x", {}, {"teamsbot": "file"}, {"teamsbot": "file", "token": "../../etc", "name": "a"}, {"token": "A" * 32}],
)
async def test_what_the_bot_never_offered_is_left_alone(bot: SignedBot, context: object) -> None:
    async with bot.started():
        [said] = await decide(bot, context, "17")
    assert "I did not offer this file" in said.text or "no longer there" in said.text
    assert bot.host.asked == []


async def test_a_file_of_another_chat_is_left_alone(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        other = {"id": "a:2", "conversationType": "personal", "tenantId": TENANT}
        [said] = await decide(bot, context, card, conversation=other)
    assert said.text == "I did not offer this file in this chat, so I leave it alone."
    assert bot.host.asked == []


async def test_a_file_that_is_gone_is_told(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        folder = bot.folder / "data" / "files" / context["token"]
        (folder / "name").unlink()
        [said] = await decide(bot, context, card)
    assert said.text == "out.csv is no longer there. Please ask me for it again."


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/x", "https://evil.example/upload", "http://127.0.0.1:1/x", "file:///etc/passwd", ""],
)
async def test_a_hostile_place_gets_nothing_and_the_file_is_linked(bot: SignedBot, url: str) -> None:
    async with bot.started():
        context, card = await offered(bot)
        before = len(bot.connector.messages)
        await press(bot, context, card, upload_url=url)
        said, link = (await bot.connector.wait_for_messages(before + 2))[before:]
    assert said.text == "I could not save out.csv to your files. Here is a link to it instead."
    assert "https://bot.example.com/files/" in str(link.cards)
    assert bot.host.asked == []


async def test_an_upload_that_is_refused_ends_in_a_link(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        bot.host.statuses.extend([503, 403])
        before = len(bot.connector.messages)
        await press(bot, context, card)
        said, _ = (await bot.connector.wait_for_messages(before + 2))[before:]
    assert "Here is a link to it instead." in said.text
    assert len(bot.host.asked) == 2


async def test_a_file_without_a_byte_has_nothing_to_upload_and_is_linked(bot: SignedBot) -> None:
    async with bot.started():
        bot.model.script.append(
            RunCode(code="open('/mnt/data/none.csv', 'w').close()", then="Here: [none.csv](sandbox:/mnt/data/none.csv)")
        )
        _, offer = await bot.say("Write an empty table", parts=2)
        [card] = offer.activity["attachments"]
        before = len(bot.connector.messages)
        await press(bot, card["content"]["acceptContext"], offer.activity_id)
        said, link = (await bot.connector.wait_for_messages(before + 2))[before:]
    assert said.text == "I could not save none.csv to your files. Here is a link to it instead."
    assert "https://bot.example.com/files/" in str(link.cards)
    assert bot.host.asked == []


async def test_in_groups_and_where_the_operator_says_so_files_are_links(bot: SignedBot) -> None:
    async with bot.started():
        bot.model.script.append(WRITE)
        _, card = await bot.say("<at>Data Bot</at> write", parts=2, conversation=GROUP, entities=[MENTION])
        assert "https://bot.example.com/files/" in str(card.cards)
    async with bot.started(FILE_CONSENT="off"):
        bot.model.script.append(WRITE)
        _, card = await bot.say("write", parts=2, conversation=PERSONAL)
        assert "https://bot.example.com/files/" in str(card.cards)


async def test_where_teams_refuses_the_offer_the_file_is_linked(bot: SignedBot) -> None:
    def refuse(posted: Posted) -> Fault | None:
        return Fault.named(400, "BadArgument", "Unknown attachment type") if CONSENT in str(posted.activity) else None

    bot.connector.weather_of = refuse
    async with bot.started():
        bot.model.script.append(WRITE)
        _, card = await bot.say("write", parts=2)
    assert "https://bot.example.com/files/" in str(card.cards)


async def test_a_file_in_a_channel_is_out_of_reach_and_the_words_are_answered(bot: SignedBot) -> None:
    html = {"contentType": "text/html", "content": '<p>read <attachment id="1150d938"></attachment></p>'}
    async with bot.started():
        [answer] = await bot.say("<at>Data Bot</at> read", html, conversation=GROUP, entities=[MENTION])
    assert "Please send them to me in a one-to-one chat." in answer.text
    assert "You said" in answer.text


async def test_a_press_is_kept_by_a_bot_that_is_killed_before_it_acts(bot: SignedBot) -> None:
    async with bot.started():
        context, card = await offered(bot)
        bot.host.statuses.extend([503] * 3)
        await press(bot, context, card)
        await asyncio.sleep(0.2)
    before = len(bot.connector.messages)
    async with bot.started():
        [said] = (await bot.connector.wait_for_messages(before + 1))[before:]
    assert INFO in str(said.activity)
