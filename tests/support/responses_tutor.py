"""A model for the stand-in of the Responses API: the built-in tutor, whose code runs in the real sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    Speaker,
)
from adapters.embedded.models.tutor_model import TutorModel
from adapters.sandbox.code_result import CodeResult
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from service.settings.table import default_sandbox_python
from tests.support.responses_state import Asked, Brain, Plan, words_of

_CODE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)
_TOOL = ModelTool(name=CODE_INTERPRETER, description="Runs Python.", parameters={"type": "object"})


@asynccontextmanager
async def tutor_brain(python: Path | None = None) -> AsyncIterator[Brain]:
    """Answers like the embedded server with its tutor; code that a message holds is run as it is."""
    sandbox = await Sandbox.open(SandboxSettings(python=python or default_sandbox_python()))
    model = TutorModel()

    async def run(asked: Asked, code: str) -> CodeResult:
        session = asked.container.replace("_", "-")
        for name, data in asked.files.items():
            await sandbox.put(session, name, data)
        return await sandbox.run(session, code)

    async def think(asked: Asked) -> Plan:
        if given := _CODE.search(asked.text):
            return _plan(await run(asked, given[1]), "Done.", given[1])
        messages = [
            ModelMessage(speaker=_SPEAKERS[item["role"]], text=words_of(item), file_names=tuple(asked.files))
            for item in asked.items
            if item["type"] == "message"
        ]
        result, code = None, ""
        while True:
            request = ModelRequest(instructions=asked.instructions, messages=tuple(messages), tools=(_TOOL,))
            reply = await model.complete(request)
            if not reply.tool_calls:
                return Plan(text=reply.text) if result is None else _plan(result, reply.text, code)
            [call] = reply.tool_calls
            code = _argument(call)
            result = await run(asked, code)
            messages.append(ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,)))
            messages.append(ModelMessage(speaker=Speaker.TOOL, text=result.logs, tool_call_id=call.id))

    try:
        yield think
    finally:
        await sandbox.close()


_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT, "system": Speaker.USER, "developer": Speaker.USER}


def _plan(result: CodeResult, text: str, code: str) -> Plan:
    saved = {file.name: file.data for file in result.files}
    links = [f"[{name}](sandbox:/mnt/data/{name})" for name in saved if f"/{name}" not in text]
    shown = tuple(image.data for image in result.images)
    return Plan(text="\n\n".join([text, *links]), code=code, shown=shown, saved=saved)


def _argument(call: ModelToolCall) -> str:
    return str(json.loads(call.arguments)["code"])
