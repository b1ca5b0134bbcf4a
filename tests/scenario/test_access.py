"""Who is answered: people of the tenants, and those people, that the operator named. Others are told so once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sentences import NOT_SERVED
from service.server import open_service
from service.settings import Settings
from tests.support.connector_double import Fault
from tests.support.scripted_model import ScriptedModel
from tests.support.signed_teams import ADA, BOT, BOT_TOKEN, SignedTeams
from tests.support.token_issuer import APP_ID, token
from tests.support.waiting import until

FOREIGN = APP_ID  # any id that is not the tenant's
SOMEBODY_ELSE = "44444444-4444-4444-4444-444444444444"


@pytest.fixture
async def teams(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedTeams]:
    async with SignedTeams() as started:
        for name, value in started.identity_environ.items():
            monkeypatch.setenv(name, value)
        yield started


class Bot:
    """Lives of one bot, whose settings may differ."""

    def __init__(self, teams: SignedTeams, model: ScriptedModel, folder: Path) -> None:
        self.teams = teams
        self.environ = teams.environ | {
            "DATA_DIR": str(folder / "data"),
            "PORT": "0",
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk-test",
            "MODEL": "scripted",
        }

    @asynccontextmanager
    async def life(self, **changes: str) -> AsyncIterator[str]:
        """The address of the chat page, if there is one."""
        settings = Settings.read(self.environ | changes, Path("no .env file"))
        async with open_service(settings) as started:
            self.teams.bot_url = started.address
            yield started.chat_url or ""


@pytest.fixture
def bot(teams: SignedTeams, model: ScriptedModel, tmp_path: Path) -> Bot:
    return Bot(teams, model, tmp_path)


async def test_a_person_of_another_tenant_is_told_once_and_no_model_is_asked(
    bot: Bot, teams: SignedTeams, model: ScriptedModel
) -> None:
    for _ in range(2):
        async with bot.life():
            for _ in range(3):
                there = {"id": "a:stranger", "conversationType": "personal", "tenantId": FOREIGN}
                stranger = teams.activity("plot x^2", tenant=FOREIGN, conversation=there)
                status, body = await teams.post(stranger)
                assert (status, body["error"]["code"]) == (403, "TenantNotAllowed")
            await teams.ask("hello")
            await until(lambda: any(posted.text == NOT_SERVED for posted in teams.connector.messages))
    assert [posted.text for posted in teams.connector.messages].count(NOT_SERVED) == 1
    [refusal] = [posted for posted in teams.connector.messages if posted.text == NOT_SERVED]
    assert refusal.headers["Authorization"] == f"Bearer {BOT_TOKEN}"
    assert len(model.requests) == 2
    assert "plot x^2" not in str(model.requests)


async def test_each_person_in_a_group_is_told_when_they_mention_the_bot_and_not_before(
    bot: Bot, teams: SignedTeams
) -> None:
    async with bot.life(ALLOWED_USERS=ADA):
        for name in ("29:bob", "29:eve", "29:bob"):
            person: Any = {"from": {"id": name, "name": name, "aadObjectId": SOMEBODY_ELSE}}
            assert await teams.say("among us", scope="groupChat", entities=None, **person) == 403
            assert await teams.say("hello", scope="groupChat", **person) == 403
        assert await teams.say("hello", scope="groupChat") == 202
        await until(lambda: len(teams.heard("groupChat")) == 3, deadline_s=60)
    said = teams.heard("groupChat")
    assert [words.endswith(NOT_SERVED) for words in said].count(True) == 2
    assert sorted(name for name in ("29:bob", "29:eve") for words in said if f"<at>{name}</at>" in words) == [
        "29:bob",
        "29:eve",
    ]


async def test_a_guest_is_told_unless_guests_are_allowed(bot: Bot, teams: SignedTeams) -> None:
    guest: Any = {"from": {"id": "29:guest", "name": "Guest", "aadObjectId": SOMEBODY_ELSE, "tenantId": FOREIGN}}
    async with bot.life():
        assert await teams.say("hello", **guest) == 403
        await until(lambda: teams.heard() == [NOT_SERVED])
    async with bot.life(ALLOW_GUESTS="on"):
        [answer] = await teams.ask("hello", **guest)
        assert "hello" in answer.text


async def test_installations_by_others_get_the_refusal_instead_of_a_welcome_and_invokes_nothing(
    bot: Bot, teams: SignedTeams
) -> None:
    async with bot.life():
        added = teams.activity(tenant=FOREIGN, type="installationUpdate", action="add", text=None)
        assert (await teams.post(added))[0] == 403
        joined = teams.activity(tenant=FOREIGN, type="conversationUpdate", membersAdded=[BOT], text=None)
        assert (await teams.post(joined))[0] == 403
        for name in ("message/submitAction", "adaptiveCard/action", "fileConsent/invoke", "anything"):
            invoke = teams.activity(tenant=FOREIGN, type="invoke", name=name, text=None, value={})
            assert (await teams.post(invoke))[0] == 403
        await teams.ask("hello", conversation={"id": "a:other", "conversationType": "personal"})
    assert teams.heard() == [NOT_SERVED]


async def test_turns_that_were_stored_are_judged_again_when_they_start(
    bot: Bot, teams: SignedTeams, model: ScriptedModel
) -> None:  # trap 11
    async with bot.life():
        model.may_answer.clear()
        for text in ("first secret", "second secret", "third secret"):
            assert await teams.say(text) == 202
        await until(lambda: model.requests != [])
    async with bot.life(ALLOWED_USERS=SOMEBODY_ELSE):
        await until(lambda: NOT_SERVED in teams.heard())
        model.may_answer.set()
        other: Any = {"from": {"id": "29:else", "name": "Else", "aadObjectId": SOMEBODY_ELSE}}
        await teams.ask("hello", **other)
    assert teams.heard().count(NOT_SERVED) == 1
    # The embedded server had taken the first run up before; its turn cancelled it.
    assert not any("secret" in words for words in teams.heard())
    assert "second secret" not in str(model.requests)
    assert "third secret" not in str(model.requests)


async def test_no_refusal_and_no_token_goes_to_an_unknown_host(bot: Bot, teams: SignedTeams) -> None:
    elsewhere = SignedTeams()
    async with elsewhere, bot.life():
        url = elsewhere.connector.service_url
        activity = teams.activity("hello", tenant=FOREIGN, serviceUrl=url)
        status, body = await teams.post(activity, token(serviceurl=url))
        assert (status, body["error"]["code"]) == (403, "ForeignServiceUrl")
        await teams.ask("hello")
        assert elsewhere.connector.requests == []


async def test_a_refusal_that_cannot_be_delivered_yet_is_delivered_by_the_next_life(
    bot: Bot, teams: SignedTeams
) -> None:
    teams.connector.weather = lambda: Fault(status=503)
    async with bot.life():
        assert await teams.say("hello", tenant=FOREIGN) == 403
        await until(lambda: teams.connector.requests != [])
    teams.connector.weather = lambda: None
    async with bot.life():
        await until(lambda: teams.heard() == [NOT_SERVED])


async def test_beside_the_chat_page_nobody_on_this_machine_speaks_without_a_token(
    bot: Bot, teams: SignedTeams, session: aiohttp.ClientSession
) -> None:
    async with bot.life(CHAT_PAGE="on", CHAT_PAGE_PORT="0") as page_url:
        page = page_url.split("/?")[0].rstrip("/")
        for channel in ("msteams", "emulator", "directline", "webchat", "terminal"):
            activity = teams.activity("hello", channelId=channel)
            async with session.post(f"{page}/api/messages", json=activity) as response:
                assert response.status == 403
                assert (await response.json())["error"]["code"] == "ForeignChannel"
