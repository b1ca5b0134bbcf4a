"""The bot is killed while code runs in a dynamic session, which lives on: the code is never run a second time."""

from __future__ import annotations

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
time.sleep(4)
with open("times.txt", "a") as file:
    file.write("once ")
print(open("times.txt").read())
"""


async def test_code_that_runs_in_a_pool_while_the_bot_is_killed_runs_once_and_is_answered(tmp_path: Path) -> None:
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
        assert await teams.say("Count") == 202
        await until(lambda: len(pool.code) == 1)
        bot.kill()
        await bot.end()
        await bot.start()
        await until(lambda: any("It says" in words for words in teams.heard()), deadline_s=120)
        await bot.end()
    [answer] = [words for words in teams.heard() if "It says" in words]
    assert "once" in answer
    assert "once once" not in answer
    assert len(pool.code) == 1
