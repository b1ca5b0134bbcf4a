"""Where the assistant's code runs: isolated on this machine, or in dynamic sessions of Azure Container Apps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from typing_extensions import override

from adapters.sandbox.code_result import CodeSandbox, IsolationLevel, SandboxError
from adapters.sandbox.dynamic_sessions import DynamicSessions
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from adapters.sandbox.session_pool import SCOPE, SessionPool, SessionsToken
from adapters.teams.bot_token import BotToken, TokenCredential, TokenUnavailableError
from bot.diagnosis import Finding
from bot.errors import BotError
from bot.media import picture_type
from service.data_dir import kept_key, prepare_data_dir
from service.settings import Backend, Settings
from service.settings.table import default_sandbox_python
from service.teams_edge import open_bot_token

_PLOT: Final = """
import matplotlib.pyplot as plt
plt.plot([-2, -1, 0, 1, 2], [4, 1, 0, 1, 4])
plt.show()
"""


class SandboxTooWeakError(BotError):
    """The machine has no isolation as strong as SANDBOX_AT_LEAST demands."""


@asynccontextmanager
async def open_sandbox(settings: Settings) -> AsyncIterator[CodeSandbox]:
    """The session pool of the settings, else the best isolation of this machine, or one that says why there is none.

    Raises SandboxTooWeakError where SANDBOX_AT_LEAST is demanded of a bot with an app id and cannot be had.
    """
    if settings.dynamic_sessions is not None:
        async with _open_dynamic_sessions(settings, settings.dynamic_sessions) as sessions:
            yield sessions
        return
    at_least, runs_code = settings.sandbox_at_least or IsolationLevel.LANDLOCK, settings.backend is Backend.EMBEDDED
    sandbox = await Sandbox.open(SandboxSettings(python=settings.sandbox_python, at_least=at_least))
    try:
        # On another node the same settings could mean a weaker isolation, which nobody would notice for a long time.
        if settings.is_public and settings.sandbox_at_least and runs_code and sandbox.isolation is None:
            raise SandboxTooWeakError(sandbox.reason)
        yield sandbox
    finally:
        await sandbox.close()


async def check_sandbox(sandbox: CodeSandbox, settings: Settings) -> Finding:
    """Whether code runs in it and draws a plot."""
    in_pool = settings.dynamic_sessions is not None
    if sandbox.isolation is None:
        return Finding.failed(sandbox.reason, "docs/sandbox.md says what the sandbox needs of the machine.")
    if in_pool:
        try:
            await sandbox.put("doctor", "check.txt", b"a check")
        except SandboxError as error:
            return Finding.failed(str(error), error.fix or "See the session pool in the Azure portal.")
    result = await sandbox.run("doctor", _PLOT)
    if in_pool:
        await sandbox.forget("doctor")
    if not any(picture_type(image.data) for image in result.images):
        if in_pool:
            fix = "Use a session pool of container type PythonLTS."
        elif settings.sandbox_python != default_sandbox_python():
            fix = "Install what sandbox.lock lists into the environment of TEAMSBOT_SANDBOX_PYTHON, or unset it."
        else:
            fix = "Make the sandbox's environment again: remove .sandbox, then run make run."
        said = result.logs.strip()[-200:] or result.reason or result.status
        return Finding.failed(f"Code runs, and draws nothing: {said}", fix)
    return Finding.passed(f"drew a plot, isolated by {sandbox.isolation}; {sandbox.counted_by}")


@asynccontextmanager
async def _open_dynamic_sessions(settings: Settings, endpoint: str) -> AsyncIterator[DynamicSessions]:
    """Nothing is asked of the pool before there is code to run: the bot starts while Azure is down."""
    if settings.link_signing_keys:
        key = settings.link_signing_keys[0]
    else:
        key, _ = kept_key(prepare_data_dir(settings.data_dir) / "sessions.key", None)
    async with (
        _open_token(settings) as token,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        pool = SessionPool(endpoint=endpoint, token=_PoolToken(token), http=http)
        sessions = DynamicSessions(pool=pool, key=key.reveal().encode())
        try:
            yield sessions
        finally:
            await sessions.close()


@asynccontextmanager
async def _open_token(settings: Settings) -> AsyncIterator[BotToken]:
    """By the credential of the app registration; without one, by the identity that this process has where it runs."""
    async with open_bot_token(settings, scope=SCOPE) as token:
        if token is not None:
            yield token
            return
    own = BotToken(open_credential=_own_identity, scope=SCOPE)
    try:
        yield own
    finally:
        await own.close()


def _own_identity() -> TokenCredential:
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(retry_total=1)


class _PoolToken(SessionsToken):
    """The bot's token, with the errors that the sandbox knows."""

    def __init__(self, token: BotToken) -> None:
        self._token = token

    @override
    async def get(self) -> str:
        try:
            return await self._token.get()
        except TokenUnavailableError as error:
            raise _no_token(error) from None

    @override
    async def renew(self, refused: str) -> str:
        try:
            return await self._token.renew(refused)
        except TokenUnavailableError as error:
            raise _no_token(error) from None


def _no_token(error: TokenUnavailableError) -> SandboxError:
    return SandboxError(
        f"Code cannot be run now: the bot gets no token for the session pool ({error.reason}).",
        fix="See the check `token`. Without an app id the machine needs a managed identity, or a developer's login.",
    )
