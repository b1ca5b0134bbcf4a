"""The bot ends while code runs in a dynamic session, which may live on: the code is never run a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.settings.table import default_sandbox_python
from tests.crash.bot_process import BotProcess
from tests.support.dynamic_sessions_service import DynamicSessionsService
from tests.support.scripted_model import RunCode, ScriptedModel
from tests.support.signed_teams import BOT_TOKEN, SignedTeams
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)

CODE = """
import time
with open("begun.txt", "w"):
    pass
time.sleep(4)
with open("times.txt", "a") as file:
    file.write("once ")
print(open("times.txt").read())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A bot whose code runs in a pool, and whose model asks for CODE."""

    teams: SignedTeams
    pool: DynamicSessionsService
    bot: BotProcess

    def code_runs(self) -> bool:
        return any((session.folder / "begun.txt").exists() for session in self.pool.sessions.values())

    def answers(self) -> list[str]:
        return [words for words in self.teams.heard() if "It says" in words]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with (
        SignedTeams() as teams,
        ScriptedModel() as model,
        DynamicSessionsService(tmp_path / "pool", default_sandbox_python()) as pool,
    ):
        pool.tokens = {BOT_TOKEN}
        model.script.append(RunCode(code=CODE, then=lambda output: f"It says: {output}"))
        bot = BotProcess(data_dir=tmp_path / "data", service_address=model.base_url, **teams.environ)
        del bot.environ["ASSISTANT_ID"]
        bot.environ |= {
            "ASSISTANT_BACKEND": "embedded",
            "MODEL": "scripted",
            "SANDBOX": "dynamic-sessions",
            "DYNAMIC_SESSIONS_ENDPOINT": pool.endpoint,
        }
        teams.bot_url = bot.url
        await bot.start()
        try:
            yield Rig(teams=teams, pool=pool, bot=bot)
        finally:
            await bot.end()


async def test_code_that_runs_in_a_pool_while_the_bot_is_killed_runs_once_and_is_answered(rig: Rig) -> None:
    assert await rig.teams.say("Count") == 202
    await until(rig.code_runs)
    rig.bot.kill()
    await rig.bot.end()
    await rig.bot.start()
    await until(lambda: len(rig.answers()) > 0, deadline_s=120)
    await rig.bot.end()
    [answer] = rig.answers()
    assert "once" in answer
    assert "once once" not in answer
    assert len(rig.pool.code) == 1


async def test_code_that_an_orderly_stop_ended_is_not_waited_for_by_the_next_start(rig: Rig) -> None:
    assert await rig.teams.say("Count") == 202
    await until(rig.code_runs)
    assert await rig.bot.stop() == 0
    asked = len(rig.pool.requests)
    await rig.bot.start()
    await until(lambda: len(rig.answers()) > 0, deadline_s=120)
    assert "It was not run again" in rig.answers()[0]
    assert not any(path.startswith("files/teamsbot-result") for _, path, _ in rig.pool.requests[asked:])
    assert len(rig.pool.code) == 1
