"""The assistant itself: found by its name, brought up to date, or made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from adapters.openai.client import Client, path_to
from adapters.openai.wire import Fields
from bot.errors import AssistantRefusedError, Refusal
from bot.functions import FunctionDefinition

_PAGE = 100
_MAX_PAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantProfile:
    """What an assistant is to be."""

    name: str
    instructions: str
    model: str
    functions: tuple[FunctionDefinition, ...] = ()

    @property
    def tools(self) -> list[dict[str, object]]:
        """Code Interpreter is what this bot is for."""
        return [{"type": "code_interpreter"}, *function_tools(self.functions)]

    def body(self) -> dict[str, object]:
        """As the service wants it."""
        return {"name": self.name, "instructions": self.instructions, "model": self.model, "tools": self.tools}


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
    had_functions = any(tool.text_if_any("type") == "function" for tool in found.objects_if_any("tools"))
    changed = (found.text_if_any("instructions"), found.text_if_any("model")) != (profile.instructions, profile.model)
    if changed or had_functions or profile.functions:
        await client.post(path_to("assistants", assistant_id), profile.body(), repeatable=True)
    return assistant_id


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
