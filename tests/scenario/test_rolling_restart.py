"""Two replicas behind a load balancer, as a company runs them: signed traffic, PostgreSQL, Azure Blob Storage."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio

from tests.crash.bot_process import BotProcess
from tests.scenario.test_replicas import PNG_1X1
from tests.support.azurite_storage import Azurite
from tests.support.connector_double import Fault, Posted, StandInConnector
from tests.support.entra_server import BOT_TOKEN, EntraServer
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, image, text
from tests.support.postgres_server import PostgresServer
from tests.support.round_robin_proxy import RoundRobinProxy
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, token
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
ANSWERED_S = 90.0


@dataclass(kw_only=True)
class Company:
    """Two replicas that listen on every address of their machine, and everybody who talks to them.

    It serves the tests of a file, each in conversations of its own.
    """

    replicas: list[BotProcess]
    proxy: RoundRobinProxy
    connector: StandInConnector
    service: FakeAssistants
    teams: aiohttp.ClientSession
    acked: list[str] = field(default_factory=list)
    test: int = 0

    async def begin(self) -> None:
        """Let another test begin, with all replicas alive."""
        self.test += 1
        self.acked.clear()
        self.connector.weather_of = lambda _: None
        await asyncio.gather(*(bot.start() for bot in self.replicas if not bot.is_alive))

    async def say(self, conversation: str, said: str) -> None:
        """As Teams does it: delivered again while it is not acknowledged."""
        activity = {
            "type": "message",
            "id": f"{said}/{self.test}",
            "channelId": "msteams",
            "serviceUrl": self.connector.service_url,
            "conversation": {"id": f"{conversation}/{self.test}", "conversationType": "personal", "tenantId": TENANT},
            "from": {"id": f"29:{conversation}/{self.test}"},  # one person a chat: a person has a limit a minute
            "recipient": {"id": "28:bot"},
            "text": said,
            "channelData": {"tenant": {"id": TENANT}},
        }
        headers = {"Authorization": f"Bearer {token(serviceurl=self.connector.service_url)}"}
        async with asyncio.timeout(60):
            while True:
                async with self.teams.post(
                    f"{self.proxy.url}/api/messages", json=activity, headers=headers
                ) as response:
                    if response.status == 202:
                        break
                    assert response.status in {502, 503}, await response.text()
                await asyncio.sleep(0.3)
        self.acked.append(said)

    def heard(self) -> list[Posted]:
        """What came in the conversations of this test."""
        return [posted for posted in self.connector.messages if posted.conversation.endswith(f"/{self.test}")]

    def answers(self) -> list[Posted]:
        return [posted for posted in self.heard() if posted.text.startswith("You said: ")]

    def pictures(self) -> list[str]:
        blocks = [block for posted in self.heard() for card in posted.cards for block in card["body"]]
        return [block["url"] for block in blocks if block["type"] == "Image"]

    async def all_answered(self) -> Counter[str]:
        """How often each acknowledged message was answered, once each was."""
        async with asyncio.timeout(ANSWERED_S):
            while {f"You said: {said}" for said in self.acked} - {posted.text for posted in self.answers()}:
                await asyncio.sleep(0.2)
        return Counter(posted.text.removeprefix("You said: ") for posted in self.answers())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(
    postgres: PostgresServer, storage: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Company]:
    tmp_path = tmp_path_factory.mktemp("company")
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(TokenIssuer())
        entra = await stack.enter_async_context(EntraServer(tmp_path))
        service = await stack.enter_async_context(FakeAssistants())
        connector = await stack.enter_async_context(StandInConnector())
        proxy = await stack.enter_async_context(RoundRobinProxy())
        teams = await stack.enter_async_context(aiohttp.ClientSession())
        service.state.files["plot"] = PNG_1X1
        environ = {
            "HOST": "0.0.0.0",  # noqa: S104 - as in a container
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppPassword": "canary-secret",
            "MicrosoftAppTenantId": TENANT,
            "SSL_CERT_FILE": str(entra.certificate),
            "ToChannelFromBotLoginUrl": entra.origin,
            "ToBotFromChannelOpenIdMetadataUrl": issuer.metadata_url,
            "TRUSTED_SERVICE_URLS": connector.service_url.removesuffix("/_connector"),
            "PUBLIC_URL": proxy.url,
            "LINK_SIGNING_KEY": "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u",
            "DATABASE_URL": postgres.url(postgres.new_database()),
            "AZURE_STORAGE_CONNECTION_STRING": storage.connection_string,
            "AZURE_STORAGE_CONTAINER": storage.new_container(),
        }
        replicas = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            bot = BotProcess(data_dir=tmp_path / name / "data", service_address=service.base_url, **environ)
            stack.push_async_callback(bot.end)
            replicas.append(bot)
        await asyncio.gather(*(bot.start() for bot in replicas))
        proxy.replicas = [bot.url for bot in replicas]
        yield Company(replicas=replicas, proxy=proxy, connector=connector, service=service, teams=teams)


@pytest_asyncio.fixture(loop_scope="module")
async def company(everybody: Company) -> Company:
    await everybody.begin()
    return everybody


async def test_a_rolling_restart_under_load_loses_nothing(company: Company) -> None:
    company.service.state.plan = lambda said: Plan(run_s=0.5, messages=[[image("plot"), text(f"You said: {said}")]])
    over = asyncio.Event()

    async def chat(conversation: str) -> None:
        number = 0
        while not over.is_set():
            await company.say(conversation, f"{conversation}#{number}")
            number += 1
            await asyncio.sleep(1.0)

    people = [asyncio.create_task(chat(f"a:{n}")) for n in range(8)]
    for bot in company.replicas:
        await asyncio.sleep(2.0)
        assert await bot.stop() == 0
        await asyncio.sleep(0.5)
        await bot.start()
    await until(lambda: len(company.acked) >= 30)
    over.set()
    await asyncio.gather(*people)
    heard = await company.all_answered()
    assert set(heard.values()) == {1}, "an orderly stop repeats nothing"
    assert all(company.proxy.passed.get(bot.url) for bot in company.replicas)
    assert {posted.headers["Authorization"] for posted in company.answers()} == {f"Bearer {BOT_TOKEN}"}
    await until(lambda: len(company.pictures()) >= len(company.acked))  # each comes after its words
    pictures = company.pictures()
    assert len(pictures) == len(company.acked)
    for url in pictures[-4:]:  # from whichever replica the load balancer chooses
        assert url.startswith(company.proxy.url)
        async with company.teams.get(url) as picture:
            assert await picture.read() == PNG_1X1


async def test_the_limit_of_the_tenant_is_shared_so_that_no_answer_is_lost_to_429(company: Company) -> None:
    limit_per_s = 10  # two replicas that each keep to 42 break it at once
    taken: deque[float] = deque()
    refused = 0

    def limited(posted: Posted) -> Fault | None:
        nonlocal refused
        now_s = time.monotonic()
        while taken and now_s - taken[0] > 1:
            taken.popleft()
        if len(taken) >= limit_per_s:
            refused += 1
            return Fault.named(429, "Throttled", Retry_After="1")
        taken.append(now_s)
        return None

    company.connector.weather_of = limited
    company.service.state.plan = lambda said: Plan(run_s=0.2, messages=[[text(f"You said: {said}")]])
    await asyncio.gather(*(company.say(f"a:{n}", f"m{n}") for n in range(80)))
    heard = await company.all_answered()
    assert refused > 10, "void: the limit was not reached"
    assert len(heard) == 80
    assert set(heard.values()) == {1}
    print(f"80 answers, {refused} requests refused with 429")
