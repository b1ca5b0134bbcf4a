"""Files and pictures of people in Teams, through the whole bot with signed activities."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.test_files import png
from tests.support.scripted_model import RunCode
from tests.support.signed_bot import SignedBot, signed_bot
from tests.support.signed_teams import BOT_TOKEN

CSV = b"a,b\n1,2\n2,4\n"
READ = RunCode(code="print(open('/mnt/data/data.csv').read())", then=lambda output: f"It says {output}")


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    async with signed_bot(tmp_path, monkeypatch) as made:
        yield made


def uploaded(url: str, name: str = "data.csv") -> dict[str, Any]:
    """A file as Teams tells of it in a personal chat."""
    return {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "contentUrl": "https://contoso-my.sharepoint.com/personal/ada/Documents/Microsoft%20Teams%20Chat%20Files/data.csv",
        "name": name,
        "content": {"downloadUrl": url, "uniqueId": "1150d938-8870-4044-9f2c-5bbdebba70c9", "fileType": "csv"},
    }


async def test_a_file_from_a_personal_chat_is_read_and_asked_for_without_a_token(bot: SignedBot) -> None:
    bot.host.files["/download.aspx"] = CSV
    bot.model.script.append(READ)
    async with bot.started():
        [answer] = await bot.say("Read it", uploaded(f"{bot.host.origin}/download.aspx?UniqueId=1&tempauth=eyJ"))
    assert "1,2" in answer.text
    assert [(asked.path, asked.authorization) for asked in bot.host.asked] == [("/download.aspx", None)]
    assert {posted.headers["Authorization"] for posted in bot.connector.messages} == {f"Bearer {BOT_TOKEN}"}


async def test_a_pasted_picture_is_shown_to_the_model_and_asked_for_with_the_bots_token(bot: SignedBot) -> None:
    bot.connector.files["0-weu-d1-1"] = png(20, 10)
    async with bot.started():
        picture = {"contentType": "image/*", "contentUrl": bot.connector.file_url("0-weu-d1-1")}
        await bot.say("What is this?", picture)
    assert [posted.headers.get("Authorization") for posted in bot.connector.fetched] == [f"Bearer {BOT_TOKEN}"]
    content = bot.model.requests[-1]["messages"][-1]["content"]
    assert [part["type"] for part in content if part["type"] != "text"] == ["image_url"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://evil.example/a.csv",
        "https://localhost/a.csv",
        "http://{host}@evil.example/a.csv",
        "http://localhost:{port}/a.csv",
        "https://contoso.sharepoint.com.evil.example/a.csv",
    ],
)
async def test_a_hostile_address_is_not_asked_and_the_person_is_told(bot: SignedBot, url: str) -> None:
    port = bot.host.origin.rpartition(":")[2]
    async with bot.started():
        [answer] = await bot.say("Read it", uploaded(url.format(port=port, host=f"127.0.0.1:{port}")))
    assert "may not fetch data.csv" in answer.words
    assert bot.host.asked == []
