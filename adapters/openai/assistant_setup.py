"""The assistant itself: found by its name, brought up to date, or made."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.openai.client import Client, path_to
from adapters.openai.service_errors import FileGoneError
from adapters.openai.wire import Fields
from bot.errors import AssistantError, AssistantRefusedError, AssistantUnavailableError, Refusal, StorageError
from bot.functions import FunctionDefinition
from httpkit.atomic_write import write_atomically

_PAGE = 100
_MAX_PAGES = 50
_CODE = "code_interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantProfile:
    """What an assistant is to be."""

    name: str
    instructions: str
    model: str
    functions: tuple[FunctionDefinition, ...] = ()
    runs_code: bool = True
    files: tuple[str, ...] = ()  # ids at the service, for its code

    @property
    def tools(self) -> list[dict[str, object]]:
        """Code Interpreter is what this bot is for."""
        code: list[dict[str, object]] = [{"type": _CODE}] if self.runs_code else []
        return [*code, *function_tools(self.functions)]

    def body(self) -> dict[str, object]:
        """As the service wants it."""
        return {
            "name": self.name,
            "instructions": self.instructions,
            "model": self.model,
            "tools": self.tools,
            **({"tool_resources": {_CODE: {"file_ids": list(self.files)}}} if self.files else {}),
        }


def function_tools(functions: Sequence[FunctionDefinition]) -> list[dict[str, object]]:
    """Functions as tools of an assistant or of a run."""
    return [
        {
            "type": "function",
            "function": {"name": it.name, "description": it.description, "parameters": dict(it.parameters)},
        }
        for it in functions
    ]


async def tools_with(client: Client, assistant_id: str, functions: Sequence[FunctionDefinition]) -> list[object]:
    """The tools that an assistant has at its service, and these functions. Raises AssistantError.

    A function of the same name that the assistant has is left out.
    """
    body = (await client.get(path_to("assistants", assistant_id))).body
    own = body.get("tools") if isinstance(body, dict) else None
    names = {function.name for function in functions}
    kept = [tool for tool in own or () if not (isinstance(tool, dict) and _function_name(tool) in names)]
    return [*kept, *function_tools(functions)]


def _function_name(tool: dict[str, object]) -> object:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else None


async def ensure_assistant(client: Client, profile: AssistantProfile) -> str:
    """The id of the assistant with this name, made or brought up to date if need be. Raises AssistantError.

    A start with the same name is a start with the same assistant, so its threads go on.
    """
    found = await _find(client, profile.name)
    if found is None:
        return await client.make(path_to("assistants"), profile.body(), find=partial(_find_id, client, profile.name))
    assistant_id = found.text("id")
    had_tools = [tool.text_if_any("type") for tool in found.objects_if_any("tools")]
    changed = (found.text_if_any("instructions"), found.text_if_any("model")) != (profile.instructions, profile.model)
    had_files = _files_of(found)
    changed = changed or profile.runs_code is not (_CODE in had_tools) or had_files != profile.files
    if changed or "function" in had_tools or profile.functions:
        none_left: dict[str, object] = {"tool_resources": {_CODE: {"file_ids": []}}} if had_files else {}
        await client.post(path_to("assistants", assistant_id), none_left | profile.body(), repeatable=True)
    return assistant_id


def _files_of(assistant: Fields) -> tuple[str, ...]:
    match assistant.raw:
        case {"tool_resources": {"code_interpreter": {"file_ids": list(ids)}}}:
            return tuple(map(str, ids))
        case _:
            return ()


async def upload_once(client: Client, files: Iterable[Path], memory: Path, *, purpose: str) -> dict[Path, str]:
    """The id at the service of each file, which is uploaded if it is new or changed, or the service lost it.

    `memory` is a file that remembers the ids. A content that is not wanted any more is deleted at the service. Raises
    AssistantError, StorageError.
    """
    try:
        known, digests = await asyncio.to_thread(_read, files, memory)
        ids: dict[str, str] = {}
        for path, digest in digests.items():
            file_id = ids.get(digest) or known.get(digest)
            if file_id is None or (digest not in ids and not await _is_there(client, file_id)):
                fields = {"purpose": purpose}
                file_id = await client.upload(path_to("files"), name=path.name, content=path, fields=fields)
            ids[digest] = file_id
        for digest in known.keys() - ids:
            with contextlib.suppress(AssistantRefusedError, FileGoneError):
                await client.delete(path_to("files", known[digest]))
        if known != ids:
            await asyncio.to_thread(write_atomically, memory, json.dumps(ids, indent=1).encode())
    except OSError as error:
        raise StorageError(f"the files of assistants: {error.filename or memory}: {error.strerror}") from error
    return {path: ids[digest] for path, digest in digests.items()}


def _read(files: Iterable[Path], memory: Path) -> tuple[dict[str, str], dict[Path, str]]:
    """The ids that are known, and what each file is known by: its content and its name. Raises OSError."""
    try:
        known = json.loads(memory.read_bytes())
    except (FileNotFoundError, ValueError):  # one that is damaged costs an upload
        known = {}
    digests = {}
    for path in files:
        with path.open("rb") as file:
            digests[path] = f"{hashlib.file_digest(file, 'sha256').hexdigest()} {path.name}"
    return {str(digest): str(file_id) for digest, file_id in known.items()} if isinstance(known, dict) else {}, digests


async def _is_there(client: Client, file_id: str) -> bool:
    try:
        await client.get(path_to("files", file_id))
    except AssistantUnavailableError:
        raise
    except AssistantError:
        return False
    return True


async def make_assistant(client: Client, profile: AssistantProfile) -> object:
    """One more assistant, whatever others are called; its JSON. Raises AssistantError."""
    return (await client.post(path_to("assistants"), profile.body())).body


async def _find_id(client: Client, name: str) -> str | None:
    found = await _find(client, name)
    return found.text("id") if found else None


async def _find(client: Client, name: str) -> Fields | None:
    query: dict[str, object] = {"order": "asc", "limit": _PAGE}
    for _ in range(_MAX_PAGES):
        page = Fields((await client.get(path_to("assistants"), query)).body, "a list of assistants")
        assistants = page.objects("data")
        for assistant in assistants:
            if assistant.text_if_any("name") == name:
                return assistant
        if not assistants or not page.flag("has_more"):
            return None
        query["after"] = assistants[-1].text("id")
    more = f"there are more than {_PAGE * _MAX_PAGES} assistants"
    raise AssistantRefusedError(more, refusal=Refusal.MODEL, fix="Set ASSISTANT_ID.")
