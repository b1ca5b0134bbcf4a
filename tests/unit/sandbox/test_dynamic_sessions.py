"""Sessions of a pool, against the stand-in over real HTTP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.sandbox.code_result import SESSION_ENDED, CodeStatus, IsolationLevel, SandboxError
from adapters.sandbox.dynamic_sessions import DynamicSessions
from adapters.sandbox.session_pool import SessionPool
from service.settings.table import default_sandbox_python
from tests.support.dynamic_sessions_service import TOKEN, DynamicSessionsService, refusal
from tests.support.waiting import until

KEY = b"a key of at least thirty-two bytes."
_numbers = itertools.count(1)


class Token:
    """Gives a token, and after a refusal another one."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.refused: list[str] = []

    async def get(self) -> str:
        return self.token

    async def renew(self, refused: str) -> str:
        self.refused.append(refused)
        self.token = f"{TOKEN}-{len(self.refused) + 1}"
        return self.token


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[DynamicSessionsService]:
    async with DynamicSessionsService(tmp_path / "pool", default_sandbox_python()) as started:
        yield started


@pytest.fixture
def paused() -> list[float]:
    """The pauses that were made, without waiting for them."""
    return []


@pytest.fixture
def token() -> Token:
    return Token()


@pytest.fixture
async def sandbox(pool: DynamicSessionsService, token: Token, paused: list[float]) -> AsyncIterator[DynamicSessions]:
    async with aiohttp.ClientSession() as http:
        yield opened(pool.endpoint, token, http, paused)


def opened(endpoint: str, token: Token, http: aiohttp.ClientSession, paused: list[float]) -> DynamicSessions:
    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await asyncio.sleep(0)

    client = SessionPool(endpoint=endpoint, token=token, http=http, sleep=pause, clock=lambda: sum(paused))
    return DynamicSessions(pool=client, key=KEY)


@pytest.fixture
def session() -> str:
    return f"tenant/thread-{next(_numbers)}"


async def test_a_session_is_named_by_a_keyed_hash_of_tenant_and_thread(
    sandbox: DynamicSessions, pool: DynamicSessionsService
) -> None:  # trap 20
    await sandbox.run("tenant-a/thread_1", "x = 1")
    await sandbox.run("tenant-b/thread_1", "x = 2")
    used = list(dict.fromkeys(identifier for _, _, identifier in pool.requests))
    assert used == [sandbox.identifier("tenant-a/thread_1"), sandbox.identifier("tenant-b/thread_1")]
    assert all(len(identifier) == 43 and "thread" not in identifier for identifier in used)
    assert (await sandbox.run("tenant-a/thread_1", "x")).logs == "1\n"


async def test_another_key_gives_other_names_and_a_short_one_is_refused(sandbox: DynamicSessions) -> None:
    other = DynamicSessions(pool=sandbox._pool, key=KEY + b"!")
    assert other.identifier("t/1") != sandbox.identifier("t/1")
    with pytest.raises(ValueError, match="32 bytes"):
        DynamicSessions(pool=sandbox._pool, key=b"short")


async def test_it_is_the_strongest_isolation(sandbox: DynamicSessions) -> None:
    assert sandbox.level is IsolationLevel.DYNAMIC_SESSIONS
    assert next(iter(IsolationLevel)) is IsolationLevel.DYNAMIC_SESSIONS


async def test_a_session_that_the_pool_ended_is_noticed_before_code_runs_in_an_empty_one(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    await sandbox.put(session, "table.csv", b"a\n1\n")
    assert (await sandbox.run(session, "x = open('table.csv').read()")).status is CodeStatus.OK
    assert sandbox.alive(session)
    await pool.expire()
    lost = await sandbox.run(session, "print('ran')")
    assert (lost.status, lost.session_lost, lost.logs) == (CodeStatus.EXPIRED, True, "")
    assert not sandbox.alive(session)
    await sandbox.put(session, "table.csv", b"a\n1\n")
    assert (await sandbox.run(session, "print('x' in globals(), open('table.csv').read())")).logs == "False a\n1\n\n"


async def test_a_new_start_of_the_service_goes_on_in_the_same_session(
    pool: DynamicSessionsService, token: Token, session: str, paused: list[float]
) -> None:
    async with aiohttp.ClientSession() as http:
        await opened(pool.endpoint, token, http, paused).run(session, "x = 5")
        again = opened(pool.endpoint, token, http, paused)
        assert not again.alive(session)  # so files are laid into it anew
        assert (await again.run(session, "x")).logs == "5\n"


async def test_forgetting_a_session_ends_it_in_the_pool(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    await sandbox.run(session, "x = 1")
    await sandbox.forget(session)
    assert sandbox.identifier(session) not in pool.sessions
    assert (await sandbox.run(session, "'x' in globals()")).logs == "False\n"


async def test_a_refused_token_is_renewed_once(
    sandbox: DynamicSessions, pool: DynamicSessionsService, token: Token, session: str
) -> None:
    pool.tokens = {f"{TOKEN}-2"}
    assert (await sandbox.run(session, "1 + 1")).logs == "2\n"
    assert token.refused == [TOKEN]
    pool.tokens = {"none that anybody has"}
    result = await sandbox.run(session, "1 + 1")
    assert (result.status, len(token.refused)) == (CodeStatus.UNAVAILABLE, 2)
    assert "refuses this bot (401)" in result.reason


async def test_a_missing_role_is_told_with_its_fix(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    pool.instead.append(refusal(403, "Forbidden"))
    with pytest.raises(SandboxError, match=r"refuses this bot \(403\)") as caught:
        await sandbox.put(session, "a.csv", b"")
    assert "Session Executor" in caught.value.fix


async def test_a_busy_pool_is_waited_for_as_long_as_it_says(
    sandbox: DynamicSessions, pool: DynamicSessionsService, paused: list[float], session: str
) -> None:
    pool.instead += [refusal(429, "TooManyRequests", **{"Retry-After": "7"}), refusal(503, "Unavailable")]
    assert (await sandbox.run(session, "1 + 1")).logs == "2\n"
    assert paused == [7.0, 2.0]


async def test_a_pool_that_stays_busy_is_told_and_not_waited_for(
    sandbox: DynamicSessions, pool: DynamicSessionsService, paused: list[float], session: str
) -> None:
    pool.instead.append(refusal(429, "TooManyRequests", **{"Retry-After": "3600"}))
    result = await sandbox.run(session, "1 + 1")
    assert (result.status, paused) == (CodeStatus.UNAVAILABLE, [])
    assert "too much of it is running" in result.reason


async def test_a_pool_without_a_free_session_is_told(tmp_path: Path, token: Token, paused: list[float]) -> None:
    async with (
        DynamicSessionsService(tmp_path, default_sandbox_python(), max_sessions=0) as full,
        aiohttp.ClientSession() as http,
    ):
        result = await opened(full.endpoint, token, http, paused).run("t/1", "1 + 1")
    assert result.status is CodeStatus.UNAVAILABLE
    assert "too much of it is running" in result.reason


@pytest.mark.parametrize("trouble", ["cut", "cut after", refusal(500, "Internal"), refusal(504, "Timeout")])
async def test_code_whose_outcome_is_unknown_is_not_run_a_second_time(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str, trouble: str | web.Response
) -> None:
    await sandbox.run(session, "x = 1")
    ran, instead = len(pool.code), trouble
    pool.instead.append(instead)
    result = await sandbox.run(session, "x = 2")
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert "did not say what became of it" in result.reason
    assert len(pool.code) <= ran + 1
    assert sandbox.identifier(session) not in pool.sessions  # whatever may run there still


async def test_no_redirect_is_followed_and_nobody_else_sees_the_token(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    seen: list[str] = []

    async def steal(request: web.Request) -> web.Response:
        seen.append(str(request.headers))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", steal)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    elsewhere = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    pool.instead.append(web.Response(status=307, headers={"Location": elsewhere}))
    result = await sandbox.run(session, "1 + 1")
    await runner.cleanup()
    assert (result.status, seen) == (CodeStatus.UNAVAILABLE, [])


async def test_a_pool_that_cannot_be_reached_is_told(token: Token, paused: list[float]) -> None:
    async with aiohttp.ClientSession() as http:
        result = await opened("http://127.0.0.1:9/pool", token, http, paused).run("t/1", "1 + 1")
    assert result.status is CodeStatus.UNAVAILABLE
    assert "does not answer" in result.reason
    assert len(paused) > 2


@pytest.mark.parametrize("name", ["it's [mine] + yours!.csv", "plain.csv", "Zahlen für 2026.csv"])
async def test_any_name_can_be_given_to_a_file(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str, name: str
) -> None:
    await sandbox.put(session, name, b"a\n1\n")
    result = await sandbox.run(session, "import os\nprint(os.listdir('/mnt/data'))")
    assert result.logs == f"{[name]}\n"
    assert result.files == ()


async def test_what_code_forges_costs_its_own_session(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    forge = """
import threading, time
def forge():
    while True:
        open("/mnt/data/teamsbot-result", "w").write("{}")
threading.Thread(target=forge, daemon=True).start()
"""
    result = await sandbox.run(session, forge)
    async with asyncio.timeout(30):
        while result.status is CodeStatus.OK:  # the true result was fetched before a forged one took its place
            result = await sandbox.run(session, "import time; time.sleep(0.1)")
    assert result.status is CodeStatus.KILLED
    assert "interfered with the sandbox" in result.reason
    assert sandbox.identifier(session) not in pool.sessions


async def test_a_run_that_is_cancelled_ends_its_session(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    await sandbox.run(session, "x = 1")
    running = asyncio.create_task(sandbox.run(session, "import time; time.sleep(60)"))
    ran = len(pool.code)
    while len(pool.code) == ran:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sandbox.identifier(session) not in pool.sessions


async def test_code_that_outlives_its_service_is_found_again_and_not_run_twice(
    sandbox: DynamicSessions, pool: DynamicSessionsService, token: Token, session: str
) -> None:
    noted: list[int] = []

    async def note(number: int) -> None:
        assert pool.code == []  # it is written down before anything is sent
        noted.append(number)

    code = "import time\ntime.sleep(1)\nx = 6 * 7\nprint(x)"
    forgotten = asyncio.create_task(sandbox.run(session, code, note=note))
    await until(lambda: len(pool.code) == 1)
    async with aiohttp.ClientSession() as http:
        client = SessionPool(endpoint=pool.endpoint, token=token, http=http)
        again = DynamicSessions(pool=client, key=KEY)  # another life of the service, while the code runs
        result = await again.recall(session, noted[0], age_s=0.0)
        assert (result.status, result.logs, result.session_lost) == (CodeStatus.OK, "42\n", False)
        assert len(pool.code) == 1
        assert (await again.run(session, "print(x + 1)")).logs == "43\n"
    await forgotten


async def test_code_whose_session_ended_with_its_service_is_not_asked_for(
    sandbox: DynamicSessions, pool: DynamicSessionsService, paused: list[float], session: str
) -> None:
    noted: list[int] = []

    async def note(number: int) -> None:
        noted.append(number)

    await sandbox.run(session, "x = 1")
    running = asyncio.create_task(sandbox.run(session, "import time; time.sleep(60)", note=note))
    await until(lambda: len(pool.code) == 2)
    running.cancel()  # as an orderly stop does
    with pytest.raises(asyncio.CancelledError):
        await running
    asked = len(pool.requests)
    result = await sandbox.recall(session, noted[-1], age_s=0.0)
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert "It was not run again" in result.reason
    assert (pool.requests[asked:], paused) == ([], [])


async def test_code_that_was_looked_for_in_vain_at_an_orderly_stop_is_not_asked_for_again(
    pool: DynamicSessionsService, token: Token, session: str
) -> None:
    noted: list[int] = []

    async def note(number: int) -> None:
        noted.append(number)

    async with aiohttp.ClientSession() as http:
        client = SessionPool(endpoint=pool.endpoint, token=token, http=http)
        sandbox = DynamicSessions(pool=client, key=KEY)
        await sandbox.run(session, "x = 1")
        asked = len(pool.requests)
        looking = asyncio.create_task(sandbox.recall(session, 12345, age_s=0.0, note=note))
        await until(lambda: len(pool.requests) > asked)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
    assert noted == [SESSION_ENDED]
    assert pool.requests[-1][1] == "session"


async def test_the_start_of_code_is_told_when_it_no_longer_waits_for_its_session(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    started: list[str] = []
    await sandbox.run(session, "x = 1")
    first = asyncio.create_task(
        sandbox.run(session, "import time; time.sleep(60)", on_start=lambda: started.append("first"))
    )
    await until(lambda: len(pool.code) == 2)
    second = asyncio.create_task(sandbox.run(session, "x", on_start=lambda: started.append("second")))
    await asyncio.sleep(0)
    assert started == ["first"]
    first.cancel()
    await asyncio.wait({first, second}, timeout=60)
    assert started == ["first", "second"]


async def test_a_cancelled_run_ends_as_such_though_its_end_cannot_be_written_down(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    noted: list[int] = []

    async def note(number: int) -> None:
        noted.append(number)
        if number == SESSION_ENDED:
            raise OSError("no room")

    await sandbox.run(session, "x = 1")
    running = asyncio.create_task(sandbox.run(session, "import time; time.sleep(60)", note=note))
    await until(lambda: len(pool.code) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert noted[1:] == [SESSION_ENDED]


async def test_code_whose_session_could_not_be_ended_is_still_asked_for(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    noted: list[int] = []

    async def note(number: int) -> None:
        noted.append(number)

    await sandbox.run(session, "x = 1")
    running = asyncio.create_task(sandbox.run(session, "import time; time.sleep(60)", note=note))
    await until(lambda: len(pool.code) == 2)
    pool.tokens = set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert SESSION_ENDED not in noted


async def test_code_of_which_nothing_is_left_is_not_run_again_and_its_session_is_ended(
    sandbox: DynamicSessions, pool: DynamicSessionsService, paused: list[float], session: str
) -> None:
    await sandbox.run(session, "x = 1")
    ran = len(pool.code)
    result = await sandbox.recall(session, 12345, age_s=50.0)  # what lies there is of another execution
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert "It was not run again" in result.reason
    assert sum(paused) == pytest.approx(26)  # of the 75 s in which it may come
    assert (len(pool.code), pool.sessions) == (ran, {})


async def test_code_that_cannot_be_written_down_is_not_run(
    sandbox: DynamicSessions, pool: DynamicSessionsService, session: str
) -> None:
    async def full(_: int) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await sandbox.run(session, "x = 1", note=full)
    assert pool.code == []
