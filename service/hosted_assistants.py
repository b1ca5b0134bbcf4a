"""The services that run assistants elsewhere: their addresses, and what this bot proves itself with."""

from __future__ import annotations

import asyncio
import difflib
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from azure.core.exceptions import AzureError

from adapters.openai.assistant_setup import upload_once
from adapters.openai.client import Client, Endpoint, TokenSource, path_to
from adapters.openai.polling import PollingPace
from adapters.openai.responses.response_objects import Assistance, FileRules
from adapters.openai.responses.responses_backend import ResponsesBackend
from adapters.openai.service_errors import refused
from bot.errors import AssistantError, AssistantUnavailableError, FunctionsError, Refusal
from bot.functions import FunctionDefinition
from bot.ports import ThreadStates
from bot.profiles import Profile
from service.settings import AzureEndpoint, Backend, FoundryEndpoint, OpenAIEndpoint, Settings
from service.settings.assistants_file import CODE_INTERPRETER

log = logging.getLogger(__name__)

_SCOPE: Final = "https://ai.azure.com/.default"
_TOKEN_DEADLINE_S: Final = 15.0
_V1: Final = "/openai/v1"
_WARN_DAYS: Final = 90
_WEEK_S: Final = 7 * 24 * 3600.0
_SHUTDOWN_DEADLINE_S: Final = 10.0


@asynccontextmanager
async def open_service_endpoint(settings: Settings) -> AsyncIterator[Endpoint]:
    """Where the service of the `assistants` or `responses` backend is, and how it knows this bot."""
    beta = "" if settings.backend is Backend.RESPONSES else "assistants=v2"
    api_version = settings.assistants_api_version or ""
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url, api_key=key):
            yield Endpoint(base_url=url, api_key=key.reveal() if key else "none", api_version=api_version, beta=beta)
        case AzureEndpoint(url=url, api_key=key, api_version=version) if settings.backend is Backend.ASSISTANTS:
            api_key = key.reveal() if key else ""
            yield Endpoint(base_url=f"{url}/openai", api_key=api_key, api_version=version or "", azure_key=True)
        case AzureEndpoint(url=url, api_key=key) if key is not None:
            yield Endpoint(base_url=_v1(url), api_key=key.reveal(), azure_key=True, beta=beta)
        case FoundryEndpoint(url=url) if settings.backend is Backend.ASSISTANTS:  # its agents (classic)
            async with _entra() as token:
                yield Endpoint(base_url=url, token=token, api_version=api_version or "v1")
        case AzureEndpoint(url=url) | FoundryEndpoint(url=url):
            async with _entra() as token:
                yield Endpoint(base_url=_v1(url), token=token, beta=beta)
        case None:
            raise AssertionError("the settings demand an address for this backend")


async def responses_backend(
    settings: Settings, client: Client, states: ThreadStates, functions: tuple[FunctionDefinition, ...]
) -> ResponsesBackend:
    """The assistants of the `responses` backend, as the operator describes them.

    Raises AssistantError, FunctionsError, StorageError.
    """
    is_openai = isinstance(settings.endpoint, OpenAIEndpoint)
    rules = FileRules() if is_openai else FileRules(purpose="assistants", pictures_inline=True)
    knowledge = await upload_knowledge(settings, client, purpose=rules.purpose)
    named = {
        profile.name: Assistance(
            model=profile.model or settings.model,
            instructions=instructions_of(profile),
            agent=profile.agent,
            functions=offered(profile, functions),
            runs_code=profile.runs_code,
            knowledge=tuple(knowledge[path] for path in profile.files),
        )
        for profile in settings.profiles.all
    }
    return ResponsesBackend(
        assistance=named[settings.profiles.default.name],
        named=named,
        client=client,
        states=states,
        files=rules,
        pace=PollingPace(first_s=0.5, max_s=3.0, deadline_s=settings.run_deadline_s),
    )


async def upload_knowledge(settings: Settings, client: Client, *, purpose: str = "assistants") -> dict[Path, str]:
    """The files of all assistants, by their ids at the service. Raises AssistantError, StorageError."""
    files = [path for profile in settings.profiles.all for path in profile.files]
    # Of each backend: an id of one service says nothing at another.
    memory = settings.data_dir / f"knowledge-{settings.backend}.json"
    return await upload_once(client, files, memory, purpose=purpose) if files or memory.exists() else {}


def offered(profile: Profile, functions: tuple[FunctionDefinition, ...]) -> tuple[FunctionDefinition, ...]:
    """The functions that an assistant may call. Raises FunctionsError for one that does not exist."""
    if profile.functions is None:
        return functions
    known = {function.name: function for function in functions}
    for name in profile.functions:
        if name not in known:
            close = difflib.get_close_matches(name, [CODE_INTERPRETER, *known], n=1)
            guess = f' Did you mean "{close[0]}"?' if close else ""
            raise FunctionsError(
                f'the assistant {profile.name} has the tool "{name}", which is no function of FUNCTIONS_DIR.{guess}'
            )
    return tuple(known[name] for name in profile.functions)


def instructions_of(profile: Profile) -> str:
    """What an assistant is told to do, and which files it has."""
    if not profile.files:
        return profile.instructions
    names = ", ".join(path.name for path in profile.files)
    return f"{profile.instructions}\n\nThese files are yours; code finds them in /mnt/data: {names}"


@asynccontextmanager
async def shutdown_watched(settings: Settings, client: Client) -> AsyncIterator[None]:
    """Log once a week, from the start on, if the service says that the model will be switched off soon."""
    models = {profile.model or settings.model for profile in settings.profiles.all if profile.agent is None}
    if settings.backend is not Backend.RESPONSES:
        models = set()
    watching = [
        asyncio.create_task(_watch_shutdown(client, model), name="shutdown date of a model")
        for model in models
        if model
    ]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _watch_shutdown(client: Client, model: str) -> None:
    while True:
        try:
            reply = await client.get_once(path_to("models", model), within_s=_SHUTDOWN_DEADLINE_S)
            told = reply.body.get("shutdown_date") if isinstance(reply.body, dict) else None
        except AssistantError as error:  # some services have no list of models
            log.info("shutdown date of the model not known", extra={"why": str(error)})
            told = None
        if (left := days_left(told, now_s=time.time())) is not None and left <= _WARN_DAYS:
            log.warning("the model will be switched off; set MODEL to another", extra={"model": model, "days": left})
        await asyncio.sleep(_WEEK_S)


def days_left(shutdown: object, *, now_s: float) -> int | None:
    """Whole days until a date that a service names as YYYY-MM-DD or in unix seconds; None if it names none."""
    if isinstance(shutdown, str):
        try:
            at_s = datetime.fromisoformat(shutdown).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
    elif isinstance(shutdown, int | float) and not isinstance(shutdown, bool):
        at_s = shutdown
    else:
        return None
    return math.floor((at_s - now_s) / 86_400)


def _v1(url: str) -> str:
    return url if url.endswith(_V1) else f"{url}{_V1}"


@asynccontextmanager
async def _entra() -> AsyncIterator[TokenSource]:
    """Tokens of the identity that this process has where it runs: a managed one, or a developer's login.

    azure-identity keeps a token until shortly before its end, so most calls of the source cost nothing.
    """
    from azure.identity.aio import DefaultAzureCredential

    async with DefaultAzureCredential(retry_total=1) as credential:

        async def token() -> str:
            try:
                async with asyncio.timeout(_TOKEN_DEADLINE_S):
                    return (await credential.get_token(_SCOPE)).token
            except AzureError as error:
                why = f"Microsoft Entra gave no token: {type(error).__name__}"
                raise refused(why, Refusal.KEY) from None
            except (TimeoutError, OSError) as error:
                raise AssistantUnavailableError(f"Microsoft Entra did not answer: {type(error).__name__}") from None

        yield token
