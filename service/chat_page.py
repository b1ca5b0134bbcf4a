"""The local chat page: what it keeps, what it may change about the bot it shows, and its restart of this program.

The page orders faults ("weather") to show what the bot does in trouble. They reach the bot as `Hooks` only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from aiohttp import web
from typing_extensions import override

from adapters.embedded.models.port import Model, ModelError, ModelReply, ModelRequest, OnWords
from adapters.embedded.models.tutor_model import NAME as TUTOR
from adapters.openai.assistant_setup import AssistantProfile, make_assistant
from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client, path_to
from adapters.openai.service_errors import FileGoneError
from adapters.openai.wire import Fields
from adapters.sandbox.process_tree import descendants
from adapters.webchat.assistant_editing import AssistantEdit, AssistantEditor, AssistantFile, EditedAssistant
from adapters.webchat.chats import OfferedAssistant
from adapters.webchat.page import PageFacts, Starter
from adapters.webchat.transcripts import Transcripts
from adapters.webchat.turns import Calls
from adapters.webchat.weather import MODEL_PAUSE_S, MODEL_RETRY_AFTER_S, Kind, Weather
from adapters.webchat.web_chat import PageDependencies, WebChatSettings, open_web_chat, page_url_of, service_url_of
from bot.conversation import PAGE_CHANNEL, ConversationKey
from httpkit.loopback import can_tell_users_apart
from service.compose import Bot, Hooks, endings_taken
from service.data_dir import kept_key
from service.greeting import speaker_of
from service.listen_socket import url_of
from service.settings import Backend, Secret, Settings

_WITHOUT_MODEL: Final = (Kind.CONNECTOR_DOWN, Kind.REDELIVERY)
_POSSIBLE: Final = {
    Backend.EMBEDDED: tuple(Kind),
    Backend.RESPONSES: _WITHOUT_MODEL,
    Backend.ASSISTANTS: _WITHOUT_MODEL,
}
_FETCHED: Final = Path(sys.prefix).parent / ".cache"  # where `make run` puts what is fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPage:
    """The page's memory: chats on disk; API calls and ordered faults in this process alone."""

    settings: Settings
    key: Secret
    transcripts: Transcripts
    weather: Weather
    calls: Calls = field(default_factory=Calls)

    def hooks(self) -> Hooks:
        """The page's part in answers."""
        return Hooks(
            wrap_model=partial(FaultyModel, weather=self.weather),
            call_listener=self.calls,
            assistant_of=self.assistant_of,
        )

    def assistant_of(self, key: ConversationKey) -> str | None:
        """The assistant that a chat of the page was started with."""
        return self.transcripts.assistant_of(key.conversation) if key.channel == PAGE_CHANNEL else None

    def own_channels(self, address: str) -> dict[str, str]:
        """The page's channel, and the only address that the bot's answers to it may go to."""
        return {PAGE_CHANNEL: service_url_of(address, self.key.reveal())}

    def url(self, address: str) -> str:
        """The page's address for people; with a key where this machine does not tell whose a connection is."""
        return f"{address}/" if can_tell_users_apart() else page_url_of(address, self.key.reveal())

    @asynccontextmanager
    async def served(self, app: web.Application, bot: Bot, *, port: socket.socket) -> AsyncIterator[None]:
        """The page in an application that will listen on `port`."""
        setting = "CHAT_PAGE_PORT" if self.settings.is_public else "PORT"
        profiles, usual = self.settings.profiles, self.settings.model or TUTOR
        own = profiles.default.starters
        page = WebChatSettings(
            uploads=self.settings.data_dir / "uploads",
            key=self.key.reveal(),
            address=url_of(port),
            files_url=bot.storage.links.origin,
            bundle=_FETCHED / "webchat" / "dist" / "webchat.js",
            highlighter=_FETCHED / "highlight" / "es" / "highlight.min.js",
            facts=PageFacts(
                assistant=profiles.default.name,
                assistant_id=bot.assistant.assistant_id,
                speaker=speaker_of(self.settings, profiles.default),
                can_connect=self.settings.endpoint is None,
                endings=endings_taken(self.settings),
                starters=None if own is None else tuple(Starter(question=each) for each in own),
            ),
        )
        has_threads = self.settings.backend is not Backend.RESPONSES
        deps = PageDependencies(
            session=bot.teams.session,
            transcripts=self.transcripts,
            conversations=bot.stores.conversations,
            turns=bot.stores.timelines,
            calls=self.calls,
            weather=self.weather,
            read=partial(_read, bot.client) if has_threads else None,
            make=partial(_make, bot.client, self.settings) if has_threads else None,
            forget=bot.forget,
            offered=partial(self._offered, bot),
            editor=EmbeddedAssistants(
                bot.client,
                in_settings=bot.assistant.named_ids,
                models=tuple(dict.fromkeys([usual, *filter(None, (each.model for each in profiles.all))])),
            )
            if isinstance(bot.assistant, AssistantsBackend) and self.settings.backend is Backend.EMBEDDED
            else None,
            restart=partial(restart_program, port.getsockname()[1], setting=setting)
            if sys.platform == "linux"
            else None,
        )
        async with open_web_chat(page, deps, app):
            yield

    async def _offered(self, bot: Bot, key: ConversationKey) -> list[OfferedAssistant]:
        answering = await bot.answering(key)
        return [
            OfferedAssistant(
                name=profile.name,
                description=profile.description,
                speaker=speaker_of(self.settings, profile),
                starters=profile.questions,
                is_usual=profile is self.settings.profiles.default,
                answers=profile is answering,
            )
            for profile in self.settings.profiles.all
        ]


@asynccontextmanager
async def open_local_page(settings: Settings) -> AsyncIterator[LocalPage]:
    """Opened before the first turn resumes, because turns ask which assistant answers. Raises StorageError."""
    key, _ = kept_key(settings.data_dir / "webchat.key", None)
    transcripts = await Transcripts.open(settings.data_dir / "webchat.sqlite")
    try:
        weather = Weather(possible=_POSSIBLE[settings.backend])
        yield LocalPage(settings=settings, key=key, transcripts=transcripts, weather=weather)
    finally:
        await transcripts.close()


async def _read(client: Client, path: str, query: Mapping[str, object]) -> object:
    return (await client.get(path, query)).body


async def _make(client: Client, settings: Settings, name: str, instructions: str) -> object:
    profile = AssistantProfile(name=name, instructions=instructions, model=settings.model or TUTOR)
    return await make_assistant(client, profile)


class FaultyModel(Model):
    """A model that is as slow, or as much over its rate limit, as the page's switches say."""

    def __init__(self, model: Model, *, weather: Weather) -> None:
        self._model = model
        self._weather = weather

    @property
    @override
    def sees(self) -> bool:
        return self._model.sees

    @override
    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        if self._weather.strikes(Kind.SLOW_MODEL):
            await asyncio.sleep(min(MODEL_PAUSE_S, self._weather.left_s(Kind.SLOW_MODEL)))
        if self._weather.strikes(Kind.MODEL_LIMIT):
            words = "The model's endpoint is over its rate limit or its quota (429); "
            words += f"try again in {MODEL_RETRY_AFTER_S:g}s."
            raise ModelError(words, code="rate_limit_exceeded", retry_after_s=MODEL_RETRY_AFTER_S)
        return await self._model.complete(request, on_words)

    @override
    async def close(self) -> None:
        await self._model.close()


def restart_program(port: int, *, setting: str) -> NoReturn:
    """Replace this process by a new run of the same program, as abruptly as SIGKILL and a supervisor would.

    Nothing is finished, written or closed: `exec` drops all memory, threads, sockets and locks in one instant. The
    process id stays, so a terminal, `make` or a supervisor that waits for it keeps waiting. Linux only: elsewhere the
    children of this process cannot be found, and would outlive it.
    """
    # The sandbox's processes end with their parent, but exec keeps the parent alive: end them, and reap them, because
    # nobody will ask for their exit status again.
    ends_at = time.monotonic() + 1.0
    while time.monotonic() < ends_at and (children := descendants(os.getpid())[1:]):
        for pid in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)
    os.environ[setting] = str(port)  # open pages find the program where it was, even if that was any free port
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the program that is running


_CODE: Final = "code_interpreter"


class EmbeddedAssistants(AssistantEditor):
    """Assistants of the embedded server, as the chat page changes and deletes them.

    Through the server's own API, so that what is changed here is what every client of it sees.
    """

    def __init__(self, client: Client, *, in_settings: Collection[str], models: Sequence[str]) -> None:
        """`in_settings`: ids of the assistants that a start makes or brings up to date."""
        self._client = client
        self._in_settings = in_settings
        self._models = models

    @property
    @override
    def models(self) -> Sequence[str]:
        return self._models

    @override
    def is_in_settings(self, assistant_id: str) -> bool:
        return assistant_id in self._in_settings

    @override
    async def read(self, assistant_id: str) -> EditedAssistant:
        found = await self._assistant(assistant_id)
        current = AssistantEdit(
            name=found.text_if_any("name"),
            instructions=found.text_if_any("instructions"),
            model=found.text_if_any("model"),
            temperature=found.number_if_any("temperature"),
            runs_code=any(tool.text_if_any("type") == _CODE for tool in found.objects_if_any("tools")),
            functions=tuple(filter(None, map(_function_name, found.objects_if_any("tools")))),
            files=_file_ids(found),
        )
        files = [file for file_id in current.files if (file := await self._file(file_id))]
        return EditedAssistant(current=current, files=tuple(files))

    @override
    async def change(self, assistant_id: str, edit: AssistantEdit) -> None:
        found = await self._assistant(assistant_id)
        functions = [tool.raw for tool in found.objects_if_any("tools") if _function_name(tool) in edit.functions]
        kept = [file_id for file_id in _file_ids(found) if file_id in edit.files]
        body = {
            "name": edit.name,
            "instructions": edit.instructions,
            "model": edit.model,
            "temperature": edit.temperature,
            "tools": [*([{"type": _CODE}] if edit.runs_code else []), *functions],
            "tool_resources": {_CODE: {"file_ids": kept}},
        }
        await self._client.post(path_to("assistants", assistant_id), body, repeatable=True)
        await self._delete_unused(set(_file_ids(found)) - set(kept))

    @override
    async def add_file(self, assistant_id: str, name: str, content: Path) -> None:
        fields = {"purpose": "assistants"}
        file_id = await self._client.upload(path_to("files"), name=name, content=content, fields=fields)
        has = _file_ids(await self._assistant(assistant_id))
        body = {"tool_resources": {_CODE: {"file_ids": [*has, file_id]}}}
        await self._client.post(path_to("assistants", assistant_id), body, repeatable=True)

    @override
    async def delete(self, assistant_id: str) -> None:
        files = _file_ids(await self._assistant(assistant_id))
        await self._client.delete(path_to("assistants", assistant_id))
        await self._delete_unused(set(files))

    async def _assistant(self, assistant_id: str) -> Fields:
        return Fields((await self._client.get(path_to("assistants", assistant_id))).body, "an assistant")

    async def _file(self, file_id: str) -> AssistantFile | None:
        try:
            file = Fields((await self._client.get(path_to("files", file_id))).body, "a file")
        except FileGoneError:
            return None
        return AssistantFile(id=file_id, name=file.text_if_any("filename"), size_bytes=file.count_if_any("bytes"))

    async def _delete_unused(self, files: set[str]) -> None:
        if not files:
            return
        every = Fields((await self._client.get(path_to("assistants"), {"limit": 100})).body, "a list of assistants")
        for other in every.objects("data"):
            files -= set(_file_ids(other))
        for file_id in files:
            await self._client.delete(path_to("files", file_id))


def _function_name(tool: Fields) -> str:
    match tool.raw:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            return ""


def _file_ids(assistant: Fields) -> tuple[str, ...]:
    match assistant.raw:
        case {"tool_resources": {"code_interpreter": {"file_ids": list(ids)}}}:
            return tuple(map(str, ids))
        case _:
            return ()
