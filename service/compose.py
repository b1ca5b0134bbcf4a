"""The composition root: which object is built from which setting, and who is handed what.

Each part is a context manager, so what is opened first is closed last. Nothing here knows the chat page: what takes
part in answers besides the usual objects is passed in as `Hooks`. Libraries that only some settings need (asyncpg,
Azure's) are imported where they are used, which keeps other starts short.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from adapters.embedded.assistants_server import AssistantsServer, open_server
from adapters.embedded.models.chat_completions import ChatCompletions
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import Model, NamedModels
from adapters.embedded.models.tutor_model import NAME as TUTOR
from adapters.embedded.models.tutor_model import TutorModel
from adapters.embedded.object_store import StoreError, StoreInUseError
from adapters.functions.function_folder import FunctionFolder
from adapters.openai.assistant_setup import AssistantProfile, ensure_assistant, tools_with
from adapters.openai.assistants import AssistantsBackend, ServedAssistant, nobody
from adapters.openai.client import Client, Endpoint
from adapters.openai.polling import PollingPace
from adapters.openai.responses.responses_backend import ResponsesBackend
from adapters.sandbox.code_result import CodeSandbox
from adapters.sandbox.confined_pictures import ConfinedPictures, PictureKind
from bot.attachments import ENDINGS, HOSTED_ENDINGS
from bot.commands import present_assistant
from bot.conversation import ConversationKey
from bot.dependencies import Dependencies, itself
from bot.engine import Engine, everybody
from bot.errors import StorageError, StorageInUseError
from bot.file_offer import FileOffers
from bot.forgetting import RecordedFiles, forget_conversation
from bot.functions import NoFunctions
from bot.intake import Intake
from bot.links import LinkRules
from bot.ports import (
    Assistant,
    Belongings,
    Channel,
    Conversations,
    Exchanges,
    FeedbackStore,
    FileStore,
    Functions,
    IncomingFiles,
    Ledger,
    PastTurns,
    ThreadStates,
    TurnsOfConversation,
    UsageReader,
)
from bot.profiles import Profile
from bot.reply import ReplyWriter
from bot.runs import cancel_runs
from bot.turn_story import give_up, run_turn
from service.code_sandbox import open_sandbox
from service.data_dir import kept_key
from service.file_storage import FileStorage, open_file_storage
from service.hosted_assistants import (
    instructions_of,
    offered,
    open_service_endpoint,
    responses_backend,
    shutdown_watched,
    upload_knowledge,
)
from service.listen_socket import LOOPBACK
from service.settings import (
    AzureEndpoint,
    Backend,
    FoundryEndpoint,
    OpenAIEndpoint,
    Secret,
    Settings,
)
from service.teams_edge import TeamsEdge, access_list, offers_files, open_teams
from service.turn_lookup import serve_timelines
from storage.belongings_sqlite import SqliteBelongings
from storage.conversations_sqlite import SqliteConversations
from storage.feedback_sqlite import SqliteFeedback
from storage.ledger_sqlite import SqliteLedger
from storage.sqlite import SqliteFile
from storage.timelines_sqlite import SqliteTimelines

log = logging.getLogger(__name__)

UPLOADS_KEPT_S: Final = 30 * 24 * 60 * 60
"""How long the embedded server keeps people's files: the longest time that the API allows."""

_DRAIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What takes part in answers besides the objects that the settings name. Without a chat page there is none.

    `wrap_model` may put something between the embedded server and its model. `call_listener` gets each call of the
    assistant's API. `assistant_of` names the assistant that a conversation chose, if it chose one.
    """

    wrap_model: Callable[[Model], Model] = lambda model: model
    call_listener: Exchanges | None = None
    assistant_of: Callable[[ConversationKey], str | None] = nobody


class KeptConversations(Conversations, ThreadStates, PastTurns, Protocol):
    """Which thread a conversation has, what its backend keeps with it, and what was said last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStores:
    """Where turns are, and which thread a conversation has. Usable once the ledger has started."""

    ledger: Ledger
    conversations: KeptConversations
    belongings: Belongings
    timelines: TurnsOfConversation
    feedback: FeedbackStore
    usage: UsageReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a bot shares with its caller, and how long it may take to end."""

    sandbox: CodeSandbox
    storage: FileStorage
    drain_s: float


Forget = Callable[[ConversationKey], Awaitable[None]]
"""Ends the work on a conversation, and deletes all that it has. Raises StorageError if something is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A bot at work, without a listener: `intake` takes what people say, `storage` holds the files that it sent."""

    intake: Intake
    teams: TeamsEdge
    storage: FileStorage
    stores: TurnStores
    sandbox: CodeSandbox
    client: Client
    assistant: AssistantsBackend | ResponsesBackend
    answering: Callable[[ConversationKey], Awaitable[Profile | None]]  # None: one that was made on the chat page
    forget: Forget


@asynccontextmanager
async def open_bot(
    settings: Settings, stores: TurnStores, *, address: str, hooks: Hooks | None = None, shared: Shared | None = None
) -> AsyncIterator[Bot]:
    """The bot for Teams, at work on the turns that an earlier process left. At the end it drains. Raises BotError.

    `address` is where it listens; links begin with it unless the settings name a public address. What is `shared` is
    used instead of what the settings name, and stays open.
    """
    hooks = hooks or Hooks()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        # Who answers, and where its code runs.
        sandbox = shared.sandbox if shared else await enter(open_sandbox(settings))
        client, assistant, functions = await enter(open_assistant(settings, stores.conversations, sandbox, hooks))
        await enter(shutdown_watched(settings, client))
        # Where answers and files go.
        storage = shared.storage if shared else await enter(open_file_storage(settings, address))
        files = RecordedFiles(storage.files, stores.belongings)
        teams = await enter(open_teams(settings, storage.links))
        # What a turn is given of all this.
        deps = turn_dependencies(
            settings,
            stores,
            assistant=assistant,
            channel=teams.channel,
            incoming=teams.incoming,
            writer=ReplyWriter(
                assistant=assistant,
                files=files,
                pictures=ConfinedPictures(sandbox=sandbox),
                extras=settings.extras,
                max_wait_s=settings.storage_wait_s,
            ),
            functions=functions,
            links=link_rules(settings, storage.links.origin),
            offers=FileOffers(
                offered_in=partial(offers_files, settings),
                stored=storage.files,
                uploads=teams.uploads,
                turns=stores.timelines,
            ),
            started_with=started_with(assistant, hooks),
        )
        engine = Engine(
            ledger=stores.ledger,
            handler=partial(run_turn, deps=deps),
            give_up=partial(give_up, deps=deps),
            refuses=access_list(settings.teams).refusal_of if settings.teams else everybody,
            cancel=partial(cancel_runs, assistant=assistant, conversations=stores.conversations),
        )
        await engine.start()  # from here on the turns of an earlier process go on
        stack.push_async_callback(engine.stop, deadline_s=shared.drain_s if shared else _DRAIN_S)
        # The way in.
        intake = Intake(
            engine=engine,
            channel=teams.channel,
            turns=stores.timelines,
            feedback=stores.feedback,
            max_context=settings.max_context,
        )
        stack.push_async_callback(intake.stop)
        yield Bot(
            intake=intake,
            teams=teams,
            storage=storage,
            stores=stores,
            sandbox=sandbox,
            client=client,
            assistant=assistant,
            answering=partial(present_assistant, deps=deps),
            forget=partial(_forget, engine=engine, assistant=assistant, files=files, stores=stores),
        )


def turn_dependencies(  # noqa: PLR0913 - what differs between Teams and a terminal
    settings: Settings,
    stores: TurnStores,
    *,
    assistant: AssistantsBackend | ResponsesBackend,
    channel: Channel,
    incoming: IncomingFiles,
    writer: ReplyWriter,
    functions: Functions,
    links: LinkRules,
    offers: FileOffers | None = None,
    started_with: Callable[[ConversationKey], str | None] = nobody,
) -> Dependencies:
    """What a turn needs, whichever channel it came by."""
    return Dependencies(
        assistant=assistant,
        channel=channel,
        conversations=stores.conversations,
        belongings=stores.belongings,
        usage=stores.usage,
        past=stores.conversations,
        files=incoming,
        writer=writer,
        functions=functions,
        links=links,
        offers=offers,
        started_with=started_with,
        profiles=settings.profiles,
        name_at_service=assistant.shown_name if isinstance(assistant, AssistantsBackend) else itself,
        limits=settings.limits,
        endings=endings_taken(settings),
        refuses_code=settings.backend is Backend.EMBEDDED,
        service_keeps=settings.endpoint is not None,
        asker_is_operator=not settings.is_public,
    )


def endings_taken(settings: Settings) -> Collection[str] | None:
    """Of the files that people may send; None for any: a model's code here opens what Python opens."""
    if settings.backend is not Backend.EMBEDDED:
        return HOSTED_ENDINGS
    return ENDINGS if settings.model in (None, TUTOR) else None


async def _forget(
    key: ConversationKey, engine: Engine, assistant: Assistant, files: FileStore, stores: TurnStores
) -> None:
    await engine.interrupt(key, deadline_s=_DRAIN_S)
    forgotten = await forget_conversation(key, assistant, files, stores.conversations, stores.belongings)
    if forgotten.failures:
        raise StorageError(f"{forgotten.failures} things of a conversation could not be deleted")


async def open_functions(settings: Settings) -> Functions:
    """The functions in the folder that the settings name. Raises FunctionsError."""
    own = settings.functions
    if own is None:
        return NoFunctions()
    functions = await FunctionFolder.open(own.folder, deadline_s=own.deadline_s, environment=own.environment)
    log.info("functions loaded", extra={"functions": [definition.name for definition in functions.definitions]})
    return functions


@asynccontextmanager
async def open_assistants_server(
    settings: Settings, sandbox: CodeSandbox, key: Secret, *, port: int = 0, hooks: Hooks | None = None
) -> AsyncIterator[AssistantsServer]:
    """The embedded Assistants server on loopback, with the model that the settings name. Raises StorageError."""
    model = (hooks or Hooks()).wrap_model(_models(settings))
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


def _models(settings: Settings) -> Model:
    """The model that the settings name, and those that assistants name."""
    usual = _model(settings, settings.model or "")
    names = {profile.model for profile in settings.profiles.all} - {None, settings.model}
    named = {name: TutorModel() if name == TUTOR else _model(settings, name) for name in names if name}
    return NamedModels(usual, named) if named else usual


def _model(settings: Settings, model: str) -> Model:
    match settings.endpoint:
        case None:
            return TutorModel()
        case OpenAIEndpoint(base_url=url, api_key=key):
            return ChatCompletions(
                base_url=url,
                api_key=key.reveal() if key else "none",
                model=model,
                settings=SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL"),
            )
        case AzureEndpoint(url=url, api_key=key, api_version=version):
            return ChatCompletions.on_azure(
                endpoint=url,
                api_key=key.reveal() if key else "none",
                api_version=version,
                model=model,
                settings=SettingNames(url="AZURE_OPENAI_ENDPOINT", key="AZURE_OPENAI_API_KEY", model="MODEL"),
            )
        case FoundryEndpoint():
            raise AssertionError("the settings put no Foundry project behind the embedded server")


@asynccontextmanager
async def open_client(settings: Settings, sandbox: CodeSandbox, hooks: Hooks) -> AsyncIterator[Client]:
    """A client of the embedded server, which is started for it, or of the service that the settings name."""
    async with AsyncExitStack() as stack:
        if settings.backend is Backend.EMBEDDED:
            key, _ = kept_key(settings.data_dir / "assistants.key", settings.assistants_api_key)
            server = await stack.enter_async_context(open_assistants_server(settings, sandbox, key, hooks=hooks))
            endpoint = Endpoint(base_url=server.base_url, api_key=key.reveal())
        else:
            endpoint = await stack.enter_async_context(open_service_endpoint(settings))
        client = Client(endpoint=endpoint, listener=hooks.call_listener)
        stack.push_async_callback(client.close)
        yield client


@asynccontextmanager
async def open_assistant(
    settings: Settings, states: ThreadStates, sandbox: CodeSandbox, hooks: Hooks | None = None
) -> AsyncIterator[tuple[Client, AssistantsBackend | ResponsesBackend, Functions]]:
    """The assistants that the operator describes, the client of their service, and the functions that they may call.

    Raises AssistantError, FunctionsError, StorageError.
    """
    hooks = hooks or Hooks()
    functions = await open_functions(settings)
    async with open_client(settings, sandbox, hooks) as client:
        assistant = await find_assistant(client, settings, states, functions, hooks)
        try:
            yield client, assistant, functions
        finally:
            await assistant.close()


async def find_assistant(
    client: Client, settings: Settings, states: ThreadStates, functions: Functions, hooks: Hooks
) -> AssistantsBackend | ResponsesBackend:
    """The assistants that the operator describes, which are made if they are not there.

    Raises AssistantError, FunctionsError, StorageError.
    """
    if settings.backend is Backend.RESPONSES:
        return await responses_backend(settings, client, states, functions.definitions)
    knowledge = await upload_knowledge(settings, client)
    named: dict[str, ServedAssistant] = {}
    for profile in settings.profiles.all:
        may_call = offered(profile, functions.definitions)
        if profile.service_id is not None:
            tools = await tools_with(client, profile.service_id, may_call) if may_call else []
            named[profile.name] = ServedAssistant(id=profile.service_id, tools=tuple(tools))
            continue
        wanted = AssistantProfile(
            name=profile.name,
            instructions=instructions_of(profile),
            model=profile.model or settings.model or TUTOR,
            functions=may_call,
            runs_code=profile.runs_code,
            files=tuple(knowledge[path] for path in profile.files),
        )
        assistant_id = await ensure_assistant(client, wanted)
        # With each run too: assistants that were made on the chat page have the functions of that day.
        named[profile.name] = ServedAssistant(id=assistant_id, tools=tuple(wanted.tools) if may_call else ())
    usual = named[settings.profiles.default.name]
    return AssistantsBackend(
        assistant_id=usual.id,
        client=client,
        named=named,
        tools=usual.tools,
        chosen=hooks.assistant_of,
        uploads_kept_s=UPLOADS_KEPT_S if settings.backend is Backend.EMBEDDED else None,
        tells_users=settings.backend is Backend.EMBEDDED,
        pace=PollingPace(deadline_s=settings.run_deadline_s),
    )


def started_with(
    assistant: AssistantsBackend | ResponsesBackend, hooks: Hooks
) -> Callable[[ConversationKey], str | None]:
    """The assistant that a chat of the chat page was started with, by its name; an id where it was made there."""
    if isinstance(assistant, ResponsesBackend):
        return nobody
    return lambda key: assistant.name_of(hooks.assistant_of(key))


@asynccontextmanager
async def open_turn_stores(settings: Settings, folder: Path) -> AsyncIterator[TurnStores]:
    """In the PostgreSQL that the settings name, else in a file that `teamsbot turns` can ask for. Raises StorageError.

    A PostgreSQL session is opened and closed by its ledger.
    """
    if settings.database_url is not None:
        from storage.belongings_postgres import PostgresBelongings
        from storage.conversations_postgres import PostgresConversations
        from storage.feedback_postgres import PostgresFeedback
        from storage.ledger_postgres import PostgresLedger
        from storage.postgres import PostgresSession
        from storage.timelines_postgres import PostgresTimelines

        session = PostgresSession(settings.database_url.reveal())
        yield TurnStores(
            ledger=PostgresLedger(session),
            belongings=PostgresBelongings(session),
            conversations=PostgresConversations(session, backend=settings.backend),
            timelines=PostgresTimelines(session),
            feedback=PostgresFeedback(session),
            usage=PostgresTimelines(session),
        )
        return
    database = SqliteFile(folder / "teamsbot.sqlite")
    await database.open()
    try:
        stores = stores_in(database, settings)
        async with serve_timelines(SqliteTimelines(database), folder, stores.feedback):
            yield stores
    finally:
        await database.close()


def stores_in(database: SqliteFile, settings: Settings) -> TurnStores:
    """All stores of turns in one SQLite file, which the ledger opens where it is not open."""
    timelines = SqliteTimelines(database)
    return TurnStores(
        ledger=SqliteLedger(database),
        conversations=SqliteConversations(database, backend=settings.backend),
        belongings=SqliteBelongings(database),
        timelines=timelines,
        feedback=SqliteFeedback(database),
        usage=timelines,
    )


def link_rules(settings: Settings, *origins: str) -> LinkRules:
    """Where answers may link to: hosts that the operator named, and the origins of this service itself."""
    own = frozenset(urlsplit(origin).netloc.lower() for origin in origins)
    return LinkRules(own=own, hosts=frozenset(host.removeprefix("www.") for host in settings.link_hosts))
