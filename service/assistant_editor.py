"""Assistants of the embedded server, as the chat page changes and deletes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from typing_extensions import override

from adapters.openai.client import Client, path_to
from adapters.openai.service_errors import FileGoneError
from adapters.openai.wire import Fields
from adapters.webchat.assistant_editing import AssistantEdit, AssistantEditor, AssistantFile, EditedAssistant

_CODE: Final = "code_interpreter"


class EmbeddedAssistants(AssistantEditor):
    """Through the server's own API, so that what is changed here is what every client of it sees."""

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
