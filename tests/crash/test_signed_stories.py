"""The article's story and the csv story in a company's Teams: signed activities, every place, plots that stay open."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.bot_process import BotProcess
from tests.support.connector_double import Posted
from tests.support.file_host import FileHost
from tests.support.signed_teams import SignedTeams
from tests.support.token_issuer import APP_ID, TENANT
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)

SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
CONCAVE = "Is this a concave function?"
PNG = b"\x89PNG\r\n\x1a\n"
CSV = b"a,b\n1,2\n2,4\n3,6\n4,8\n"
DAY_S = 86_400


@pytest.fixture
async def teams() -> AsyncIterator[SignedTeams]:
    async with SignedTeams() as started:
        yield started


@pytest.fixture
async def host() -> AsyncIterator[FileHost]:
    async with FileHost() as started:
        yield started


@pytest.fixture
async def bot(teams: SignedTeams, host: FileHost, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """`teamsbot serve` with an app id and the built-in tutor."""
    process = BotProcess(data_dir=tmp_path / "data", service_address="", **teams.environ)
    for name in ("ASSISTANT_BACKEND", "ASSISTANT_ID", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        del process.environ[name]
    process.environ["TRUSTED_FILE_ORIGINS"] = host.origin
    teams.bot_url = process.url
    yield process
    await process.end()


def plots(teams: SignedTeams) -> list[str]:
    """The addresses of all plots that were sent."""
    cards = [card for posted in teams.connector.messages for card in posted.cards]
    return [block["url"] for card in cards for block in card["body"] if block["type"] == "Image"]


async def is_png(teams: SignedTeams, url: str) -> bool:
    status, body = await teams.fetch(url)
    return status == 200 and body.startswith(PNG)


async def said(teams: SignedTeams, scope: str, text: str, words: str, **fields: Any) -> Posted:
    """Ask, and wait for an answer that holds these words."""
    before = len(teams.connector.messages)
    assert await teams.say(text, scope=scope, **fields) == 202

    def found() -> list[Posted]:
        return [posted for posted in teams.connector.messages[before:] if words in posted.words.lower()]

    await until(lambda: found() != [], deadline_s=90)
    return found()[0]


@pytest.mark.parametrize("scope", ["personal", "groupChat", "channel"])
async def test_the_articles_story_and_that_of_a_csv_end_in_plots_that_open(
    teams: SignedTeams, bot: BotProcess, host: FileHost, scope: str
) -> None:
    await bot.start()
    await said(teams, scope, SOLVE, "12")
    await until(lambda: len(plots(teams)) == 1, deadline_s=60)
    assert "convex" in (await said(teams, scope, CONCAVE, "convex")).text.lower()

    host.files["/download.aspx"] = CSV
    table = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "contentUrl": "https://contoso-my.sharepoint.com/personal/ada/Documents/data.csv",
        "name": "data.csv",
        "content": {"downloadUrl": f"{host.origin}/download.aspx?tempauth=t", "uniqueId": "1", "fileType": "csv"},
    }
    await said(teams, scope, "Plot b against a", "4 points", attachments=[table])
    await until(lambda: len(plots(teams)) == 2, deadline_s=60)
    assert [await is_png(teams, url) for url in plots(teams)] == [True, True]
    for url in plots(teams):  # and nothing opens with a changed signature
        assert (await teams.fetch(url.replace("/files/", "/files/x")))[0] == 404


async def test_a_plot_that_was_stored_but_not_sent_when_the_bot_was_killed_arrives_and_opens(
    teams: SignedTeams, bot: BotProcess
) -> None:
    await bot.start()

    def dies_at_the_card(posted: Posted) -> None:
        if posted.cards:
            bot.kill()

    teams.connector.weather_of = dies_at_the_card
    assert await teams.say(SOLVE) == 202
    await until(lambda: not bot.is_alive, deadline_s=90)
    await bot.ended()
    teams.connector.weather_of = lambda _: None
    seen = len(plots(teams))
    await bot.start()
    await until(lambda: len(plots(teams)) > seen, deadline_s=60)
    assert await is_png(teams, plots(teams)[-1])


async def test_a_plot_opens_eighty_days_later_and_no_more_after_ninety(
    teams: SignedTeams, bot: BotProcess, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    wrapper = (sys.executable, str(Path(__file__).with_name("jumping_clock.py")), str(clock))
    await bot.start(*wrapper)
    await said(teams, "personal", SOLVE, "12")
    await until(lambda: len(plots(teams)) == 1, deadline_s=60)
    [url] = plots(teams)
    clock.write_text(str(80 * DAY_S))
    assert await is_png(teams, url)
    await bot.stop()
    await bot.start(*wrapper)
    assert await is_png(teams, url)
    clock.write_text(str(91 * DAY_S))
    assert (await teams.fetch(url))[0] == 410


async def test_one_activity_id_in_two_conversations_and_two_tenants_is_answered_in_each(
    teams: SignedTeams, bot: BotProcess
) -> None:
    bot.environ["ALLOWED_TENANTS"] = f"{TENANT},{APP_ID}"
    await bot.start()
    places = [("a:one", TENANT), ("a:two", TENANT), ("a:one", APP_ID)]
    for _ in range(2):  # and each of them is known when it comes again
        for conversation, tenant in places:
            there = {"id": conversation, "conversationType": "personal", "tenantId": tenant}
            assert await teams.say("what is 6 * 7?", tenant=tenant, conversation=there, id="same") == 202
    await until(lambda: len(teams.connector.messages) == 3, deadline_s=60)
    await asyncio.sleep(1)
    assert sorted(posted.conversation for posted in teams.connector.messages) == ["a:one", "a:one", "a:two"]
    assert all("42" in posted.text for posted in teams.connector.messages)
