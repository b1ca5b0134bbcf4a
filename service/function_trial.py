"""`teamsbot functions`: an operator looks at the functions of a folder and calls them, without a bot and a model."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict

from adapters.functions.function_folder import FunctionFolder
from bot.functions import Caller
from service.settings import FunctionsSettings


async def listed(own: FunctionsSettings) -> str:
    """Each function with its file, its arguments and the first line of its docstring. Raises FunctionsError."""
    functions = await _open(own)
    lines = []
    for function in functions.definitions:
        required = function.parameters.get("required", ())
        names = (name if name in required else f"[{name}]" for name in function.parameters["properties"])
        again = ", repeatable" if functions.may_repeat(function.name) else ""
        lines += [
            f"{function.name}({', '.join(names)})  {functions.file_of(function.name)}{again}",
            f"    {function.description.splitlines()[0]}",
        ]
    return "\n".join(lines)


async def as_json(own: FunctionsSettings) -> str:
    """What a backend is given of them. Raises FunctionsError."""
    return json.dumps([asdict(function) for function in (await _open(own)).definitions], indent=2, ensure_ascii=False)


async def called(own: FunctionsSettings, name: str, arguments: str) -> str:
    """What the model would read of this call. Raises FunctionsError."""
    caller = Caller(
        turn="T-0000",
        call="T-0000-trial",
        person=getpass.getuser(),
        name=getpass.getuser(),
        directory_id="",
        tenant="",
        channel="terminal",
        conversation="trial",
        scope="personal",
        locale="",
    )
    return await (await _open(own)).call(name, arguments, caller)


async def _open(own: FunctionsSettings) -> FunctionFolder:
    return await FunctionFolder.open(
        own.folder, deadline_s=own.deadline_s, environment=own.environment, shows_output=True
    )
