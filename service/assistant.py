"""Who answers: the embedded server, started here with sandbox and model, or the service named; and its client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.embedded.assistants_server import AssistantsServer, open_server
from adapters.embedded.object_store import StoreError, StoreInUseError
from adapters.openai.assistant_setup import AssistantProfile, ensure_assistant
from adapters.openai.assistants import AssistantsBackend, nobody
from adapters.openai.client import Client, Endpoint
from adapters.openai.polling import PollingPace
from adapters.sandbox.confined_pictures import ConfinedPictures
from adapters.sandbox.picture_header import PictureKind
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from adapters.webchat.weather import Weather
from bot.errors import StorageError, StorageInUseError
from service.chat_page import PageMemory
from service.data_dir import kept_key
from service.listening import LOOPBACK
from service.model import TUTOR, model_behind
from service.settings import AzureEndpoint, Backend, OpenAIEndpoint, Settings
from service.settings.secret import Secret
from service.weather import WeatheredModel

_UPLOADS_KEPT_S = 30 * 24 * 60 * 60  # in our own server, the most that the API allows; others keep them as they do


@asynccontextmanager
async def opened_sandbox(settings: Settings) -> AsyncIterator[Sandbox]:
    """The sandbox behind the best walls of this machine, or one that refuses to run code and says why."""
    sandbox = await Sandbox.open(SandboxSettings(python=settings.sandbox_python))
    try:
        yield sandbox
    finally:
        await sandbox.close()


@asynccontextmanager
async def opened_server(
    settings: Settings, sandbox: Sandbox, key: Secret, *, port: int = 0, weather: Weather | None = None
) -> AsyncIterator[AssistantsServer]:
    """The embedded Assistants server, with whichever model the settings name behind it."""
    model = model_behind(settings)
    model = WeatheredModel(model, weather=weather) if weather else model
    try:
        server = await open_server(
            data_dir=settings.data_dir / "assistants",
            model=model,
            sandbox=sandbox,
            api_key=key.reveal(),
            pictures=ConfinedPictures(sandbox=sandbox, unchanged=frozenset({PictureKind.PNG, PictureKind.JPEG})),
            host=LOOPBACK,
            port=port,
            run_deadline_s=int(settings.run_deadline_s),
        )
    except StoreInUseError as error:
        raise StorageInUseError(str(error)) from error
    except StoreError as error:
        raise StorageError(str(error)) from error
    try:
        yield server
    finally:
        await server.stop()
        await model.close()


@asynccontextmanager
async def opened_assistant(settings: Settings, sandbox: Sandbox) -> AsyncIterator[AssistantsBackend]:
    """The assistant that answers."""
    async with opened_client(settings, sandbox) as client:
        yield await assistant_at(client, settings)


@asynccontextmanager
async def opened_client(
    settings: Settings, sandbox: Sandbox, memory: PageMemory | None = None
) -> AsyncIterator[Client]:
    """A client of the embedded server, which is started for it, or of the service named."""
    async with AsyncExitStack() as stack:
        if settings.backend is Backend.EMBEDDED:
            key, _ = kept_key(settings.data_dir / "assistants.key", settings.assistants_api_key)
            server = await stack.enter_async_context(
                opened_server(settings, sandbox, key, weather=memory.weather if memory else None)
            )
            endpoint = Endpoint(base_url=server.base_url, api_key=key.reveal())
        else:
            endpoint = _endpoint_of(settings)
        client = Client(endpoint=endpoint, listener=memory.calls if memory else None)
        stack.push_async_callback(client.close)
        yield client


async def assistant_at(client: Client, settings: Settings, memory: PageMemory | None = None) -> AssistantsBackend:
    """The assistant that the settings name, or the usual one, which is made if need be. Raises AssistantError."""
    profile = AssistantProfile(
        name=settings.assistant_name,
        instructions=settings.assistant_instructions,
        model=settings.model or TUTOR,
    )
    return AssistantsBackend(
        assistant_id=settings.assistant_id or await ensure_assistant(client, profile),
        client=client,
        chosen=memory.assistant_of if memory else nobody,
        uploads_kept_s=_UPLOADS_KEPT_S if settings.backend is Backend.EMBEDDED else None,
        pace=PollingPace(deadline_s=settings.run_deadline_s),
    )


def _endpoint_of(settings: Settings) -> Endpoint:
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url, api_key=key):
            return Endpoint(base_url=url, api_key=key.reveal() if key else "none")
        case AzureEndpoint(url=url, api_key=key, api_version=version):
            return Endpoint(base_url=f"{url}/openai", api_key=key.reveal(), api_version=version or "", azure_key=True)
        case None:
            raise AssertionError("the settings demand an address for this backend")
