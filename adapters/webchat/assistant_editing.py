"""The dialog in which assistants are changed and deleted, where this program keeps them itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

from aiohttp import web

from adapters.webchat.page_access import Tokens, allowed, from_own_page, read_object
from adapters.webchat.panel import MAX_INSTRUCTIONS, MAX_NAME
from adapters.webchat.transcripts import Activity
from adapters.webchat.uploads import UploadForm, Uploads, read_form
from bot.errors import AssistantError, AssistantRefusedError, AttachmentError
from httpkit.http_errors import RequestRefusedError

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_FILES: Final = 20
"""As many files may an assistant have for its code; https://platform.openai.com/docs/assistants/tools."""

_MAX_TEMPERATURE: Final = 2
_DEADLINE_S: Final = 15.0
_UPLOAD_DEADLINE_S: Final = 60.0
_ELSEWHERE: Final = (
    "The assistant's service keeps this assistant. It is made, changed and deleted there: in the service's portal, "
    "such as Microsoft Foundry's, or through its API."
)
_IN_SETTINGS: Final = (
    "This assistant comes from the settings, which count again at each start. Change them (ASSISTANT_INSTRUCTIONS in "
    ".env, or assistants.toml) and start the bot again. To try something else now, make a new assistant."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantFile:
    """A file that the assistant's code finds in /mnt/data."""

    id: str
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantEdit:
    """What can be changed. `functions` are names, `files` ids: of those that the assistant has, the ones that stay.

    `temperature` is None where the model's own counts.
    """

    name: str
    instructions: str
    model: str
    temperature: float | None
    runs_code: bool
    functions: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedAssistant:
    """An assistant as it is now."""

    current: AssistantEdit
    files: tuple[AssistantFile, ...]


class AssistantEditor(Protocol):
    """Assistants where this program keeps them. Every method raises AssistantError and nothing else."""

    @property
    def models(self) -> Sequence[str]:
        """Models that an assistant can have, the usual one first."""
        ...

    def is_in_settings(self, assistant_id: str) -> bool:
        """Whether the settings say what it is, again at each start."""
        ...

    async def read(self, assistant_id: str) -> EditedAssistant:
        """What it is now."""
        ...

    async def change(self, assistant_id: str, edit: AssistantEdit) -> None:
        """Make it so; files that do not stay are deleted unless another assistant has them."""
        ...

    async def add_file(self, assistant_id: str, name: str, content: Path) -> None:
        """Give its code one more file."""
        ...

    async def delete(self, assistant_id: str) -> None:
        """Delete it, and its files unless another assistant has them. Chats with it get no answers any more."""
        ...


class AssistantRoutes:
    """Routes below `/chat/assistants/{id}`, for pages that hold a token. `editor` is None where others keep them."""

    def __init__(self, *, tokens: Tokens, uploads: Uploads, editor: AssistantEditor | None) -> None:
        self._tokens = tokens
        self._uploads = uploads
        self._editor = editor

    def add_routes(self, app: web.Application) -> None:
        """Serve them."""
        one = "/chat/assistants/{id:[A-Za-z0-9_-]{1,100}}"
        app.add_routes(
            [
                web.get(one, from_own_page(self._show)),
                web.put(one, from_own_page(self._change)),
                web.delete(one, from_own_page(self._delete)),
                web.post(f"{one}/files", from_own_page(self._add_file)),
            ]
        )

    async def _show(self, request: web.Request) -> web.Response:
        """The assistant, or in a sentence why it is not changed here."""
        allowed(request, self._tokens)
        assistant_id = request.match_info["id"]
        if self._editor is None or self._editor.is_in_settings(assistant_id):
            code, message = ("KeptElsewhere", _ELSEWHERE) if self._editor is None else ("InSettings", _IN_SETTINGS)
            return web.json_response({"fixed": {"code": code, "message": message}})
        now = await _done(self._editor.read(assistant_id))
        files = [asdict(file) for file in now.files]
        return web.json_response(asdict(now.current) | {"files": files, "models": list(self._editor.models)})

    async def _change(self, request: web.Request) -> web.Response:
        editor, assistant_id = self._editable(request)
        now = await _done(editor.read(assistant_id))
        edit = _edit_of(await read_object(request), (*editor.models, now.current.model))
        await _done(editor.change(assistant_id, edit))
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        editor, assistant_id = self._editable(request)
        await _done(editor.delete(assistant_id))
        return web.Response(status=204)

    async def _add_file(self, request: web.Request) -> web.Response:
        editor, assistant_id = self._editable(request)
        form = UploadForm(conversation=allowed(request, self._tokens))
        with ExitStack() as undo:
            undo.callback(self._uploads.drop, form.attachments)  # the assistant's service has its own copy then
            try:
                await read_form(request, self._uploads, form)
            except AttachmentError as error:
                raise RequestRefusedError(413, "FileNotTaken", error.apology) from None
            has = len((await _done(editor.read(assistant_id))).files)
            if has + len(form.attachments) > MAX_FILES:
                raise RequestRefusedError(400, "TooManyFiles", f"An assistant has at most {MAX_FILES} files.")
            for attachment in form.attachments:
                content = self._uploads.path_of(attachment)
                await _done(editor.add_file(assistant_id, attachment.name, content), within_s=_UPLOAD_DEADLINE_S)
        return web.Response(status=204)

    def _editable(self, request: web.Request) -> tuple[AssistantEditor, str]:
        allowed(request, self._tokens)
        assistant_id = request.match_info["id"]
        if self._editor is None:
            raise RequestRefusedError(409, "KeptElsewhere", _ELSEWHERE)
        if self._editor.is_in_settings(assistant_id):
            raise RequestRefusedError(409, "InSettings", _IN_SETTINGS)
        return self._editor, assistant_id


def _edit_of(body: Activity, models: Sequence[str]) -> AssistantEdit:
    name, instructions, model = body.get("name"), body.get("instructions"), body.get("model")
    temperature = body.get("temperature")
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise RequestRefusedError(400, "NoName", f"A name has 1 to {MAX_NAME} characters.")
    if not isinstance(instructions, str) or len(instructions) > MAX_INSTRUCTIONS:
        raise RequestRefusedError(400, "NoInstructions", f"Instructions have at most {MAX_INSTRUCTIONS:,} characters.")
    if not isinstance(model, str) or model not in models:
        raise RequestRefusedError(400, "NoSuchModel", f"Choose one of these models: {', '.join(models)}.")
    if temperature is not None and (
        isinstance(temperature, bool)
        or not isinstance(temperature, int | float)
        or not 0 <= temperature <= _MAX_TEMPERATURE
    ):
        raise RequestRefusedError(400, "NoTemperature", f"A temperature is a number from 0 to {_MAX_TEMPERATURE}.")
    return AssistantEdit(
        name=" ".join(name.split()),
        instructions=instructions,
        model=model,
        temperature=temperature,
        runs_code=body.get("runs_code") is True,
        functions=_texts(body.get("functions")),
        files=_texts(body.get("files")),
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RequestRefusedError(400, "NoList", "Functions and files are lists of texts.")
    return tuple(value)


async def _done(work: Awaitable[T], *, within_s: float = _DEADLINE_S) -> T:
    """The result, or a sentence for the person who sees the dialog."""
    try:
        async with asyncio.timeout(within_s):
            return await work
    except TimeoutError:
        raise RequestRefusedError(504, "NoAnswer", "The assistants' server took too long. Try again.") from None
    except AssistantRefusedError:
        gone = "The assistants' server refused this. The assistant may have been deleted: reload the page."
        raise RequestRefusedError(404, "Refused", gone) from None
    except AssistantError as error:
        log.info("assistant not changed", extra={"error": type(error).__name__})
        raise RequestRefusedError(502, "NoAnswer", "The assistants' server did not answer. Try again.") from None
