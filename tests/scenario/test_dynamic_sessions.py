"""The article's story and the story of a table, with code in a pool of dynamic sessions, through signed activities."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.sandbox.code_result import IsolationLevel
from service.settings.table import default_sandbox_python
from tests.scenario.test_teams_files import uploaded
from tests.support.doctor_runs import findings, says
from tests.support.dynamic_sessions_service import DynamicSessionsService, refusal
from tests.support.scripted_model import RunCode
from tests.support.signed_bot import PERSONAL, SignedBot, signed_bot
from tests.support.signed_teams import BOT_TOKEN

TUTOR = {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": "", "MODEL": ""}
SOLVE = "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
CSV = b"month,sales\nJan,10\nFeb,30\nMar,20\n"


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[DynamicSessionsService]:
    async with DynamicSessionsService(tmp_path / "pool", default_sandbox_python()) as started:
        started.tokens = {BOT_TOKEN}
        yield started


@pytest.fixture
async def bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: DynamicSessionsService
) -> AsyncIterator[SignedBot]:
    async with signed_bot(tmp_path, monkeypatch) as made:
        made.environ |= {
            "SANDBOX": "dynamic-sessions",
            "DYNAMIC_SESSIONS_ENDPOINT": pool.endpoint,
            "SANDBOX_AT_LEAST": "dynamic-sessions",
        }
        yield made


async def picture(bot: SignedBot, url: str) -> bytes:
    """The bytes behind a link, which begins with the public address."""
    async with bot.teams.client.get(url.replace("https://bot.example.com", bot.url)) as response:
        assert response.status == 200
        return await response.read()


async def test_the_article_s_story_and_that_of_a_table(bot: SignedBot, pool: DynamicSessionsService) -> None:
    bot.host.files["/download.aspx"] = CSV
    async with bot.started(**TUTOR):
        async with bot.teams.client.get(f"{bot.url}/readyz") as ready:
            assert await ready.json() == {"status": "ready", "sandbox": IsolationLevel.DYNAMIC_SESSIONS}
        text, plot = await bot.say(SOLVE, parts=2)
        assert "12" in text.text
        assert "3 to" in plot.cards[0]["body"][0]["altText"]
        [image] = [block for block in plot.cards[0]["body"] if block["type"] == "Image"]
        assert (await picture(bot, image["url"])).startswith(b"\x89PNG")
        [verdict] = await bot.say("Is this a concave function?")
        assert "convex" in verdict.text.lower()

        file = uploaded(f"{bot.host.origin}/download.aspx?UniqueId=1", "sales.csv")
        [mean] = await bot.say("What is the mean of sales?", file)
        assert "20" in mean.text
        await pool.expire()
        [total] = await bot.say("What is the sum of sales?")  # the table is laid into a new session
        assert "60" in total.text
    identifiers = {identifier for _, _, identifier in pool.requests}
    assert len(identifiers) == 1  # one conversation of one tenant
    assert "files" in {path for _, path, _ in pool.requests}
    assert set(pool.authorizations) == {f"Bearer {BOT_TOKEN}"}


async def test_who_lost_variables_is_told_and_the_model_reads_why(bot: SignedBot, pool: DynamicSessionsService) -> None:
    async with bot.started():
        bot.model.script.append(RunCode(code="x = 1", then="Done."))
        await bot.say("Begin")
        await pool.expire()
        bot.model.script.append(RunCode(code="print('x' in globals())", then=lambda output: f"It says: {output}"))
        [answer] = await bot.say("Go on")
    assert "False" in answer.text
    assert "The session had expired" in answer.text
    assert set(pool.started.values()) == {2}


async def test_two_people_have_two_sessions_and_deletion_ends_one(bot: SignedBot, pool: DynamicSessionsService) -> None:
    other = {"id": "a:2", "conversationType": "personal", "tenantId": bot.environ["MicrosoftAppTenantId"]}
    async with bot.started():
        for conversation in (PERSONAL, other):
            bot.model.script.append(RunCode(code="x = 1", then="Done."))
            await bot.say("Begin", conversation=conversation)
        assert len(pool.sessions) == 2
        await bot.say("/forget")
        [left] = pool.sessions
    assert left in {identifier for _, _, identifier in pool.requests}


async def test_a_pool_that_refuses_is_told_to_people_and_nothing_is_run_elsewhere(
    bot: SignedBot, pool: DynamicSessionsService
) -> None:
    pool.tokens = {"another"}
    async with bot.started():
        bot.model.script.append(RunCode(code="1 + 1", then=lambda output: f"It says: {output}"))
        [answer] = await bot.say("Calculate")
    assert "the session pool refuses this bot (401)" in answer.text
    assert pool.code == []


async def test_the_doctor_draws_a_plot_in_the_pool_and_names_a_missing_role(
    bot: SignedBot, pool: DynamicSessionsService
) -> None:
    says((await findings(bot.environ, "sandbox"))["sandbox"], "pass", "dynamic sessions of Azure Container Apps")
    assert pool.sessions == {}  # it leaves none behind
    pool.instead.append(refusal(403, "Forbidden"))
    says((await findings(bot.environ, "sandbox"))["sandbox"], "fail", "refuses this bot (403)", "Session Executor")
    unreachable = bot.environ | {"DYNAMIC_SESSIONS_ENDPOINT": "http://127.0.0.1:9/pool", "IDENTITY_ENDPOINT": "x"}
    says((await findings(unreachable, "sandbox", offline=True))["sandbox"], "skip", "--offline")


async def test_a_bot_without_an_app_id_uses_the_identity_of_its_machine(
    tmp_path: Path, bot: SignedBot, pool: DynamicSessionsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "managedidentitycredential")
    environ = {"DATA_DIR": str(tmp_path / "other"), "DYNAMIC_SESSIONS_ENDPOINT": pool.endpoint}
    says((await findings(environ, "sandbox"))["sandbox"], "pass", "drew a plot")
    key = tmp_path / "other" / "sessions.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert set(pool.authorizations) == {f"Bearer {BOT_TOKEN}"}
