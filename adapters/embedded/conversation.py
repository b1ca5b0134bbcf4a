"""A thread and a run's steps, as what a model is asked."""

from __future__ import annotations

import json

from adapters.embedded.ids import FileId
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    Speaker,
)
from adapters.embedded.objects import File, Message, TextPart, Tool
from adapters.embedded.products import FOLDER, Product
from adapters.embedded.rows import Rows, Window
from adapters.embedded.run_objects import CodeCall, CodeLogs, FunctionCall, MessageCreation, Run, RunStep, ToolChoice
from adapters.embedded.workspace import attached
from adapters.sandbox.names import clean_name

CONTEXT_CHARS = 100_000
CONTEXT_MESSAGES = 200
OUTPUT_CHARS = 20_000
CHARS_PER_TOKEN = 4

_CODE_TOOL = ModelTool(
    name=CODE_INTERPRETER,
    description=(
        "Runs Python in a sandbox that keeps variables and files for this conversation and has no network. numpy, "
        "pandas, matplotlib, scipy, sympy, seaborn, openpyxl and pillow are there. Print what you want to read. Each "
        f"matplotlib figure that is shown, and each file saved in {FOLDER}, is given to the user."
    ),
    parameters={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "Python source to run"}},
        "required": ["code"],
    },
)


def request_of(rows: Rows, run: Run) -> ModelRequest:
    """What the model is asked next in a run: the thread, then the calls of the run with what came of them."""
    steps = rows.all(RunStep, run_id=run.id)
    called = _exchanges(rows, run, steps)
    return ModelRequest(
        instructions=run.instructions,
        messages=(*_bounded(_history(rows, run), run), *called),
        tools=tuple(_offered(tool) for tool in run.tools),
        tool_choice="auto" if called else _choice(run.tool_choice),
        model=run.model,
        temperature=run.temperature,
        top_p=run.top_p,
        max_completion_tokens=_tokens_left(run, steps),
        response_format=run.response_format if isinstance(run.response_format, dict) else None,
    )


def _history(rows: Rows, run: Run) -> list[ModelMessage]:
    newest_first, _ = rows.page(Message, Window(limit=CONTEXT_MESSAGES), thread_id=run.thread_id)
    return [_spoken(rows, message) for message in newest_first[::-1] if message.run_id != run.id]


def _exchanges(rows: Rows, run: Run, steps: list[RunStep]) -> list[ModelMessage]:
    """What the model has said and called in this run, and what came of each call."""
    products = [product for product in rows.products(run.thread_id) if product.run_id == run.id]
    exchanges, said = [], ""
    for step in steps:
        if isinstance(step.step_details, MessageCreation):
            said = _text(rows.get(Message, step.step_details.message_creation.message_id))
            continue
        calls = step.step_details.tool_calls
        asked = tuple(_as_asked(call) for call in calls)
        exchanges.append(ModelMessage(speaker=Speaker.ASSISTANT, text=said, tool_calls=asked))
        exchanges.extend(
            ModelMessage(speaker=Speaker.TOOL, text=_told(call, products), tool_call_id=call.id) for call in calls
        )
        said = ""
    return exchanges


def _spoken(rows: Rows, message: Message) -> ModelMessage:
    return ModelMessage(
        speaker=Speaker(message.role),
        text=_text(message),
        file_names=tuple(_names(rows, attached(message))) if message.role == "user" else (),
    )


def _text(message: Message) -> str:
    return "\n\n".join(part.text.value for part in message.content if isinstance(part, TextPart))


def _names(rows: Rows, file_ids: list[FileId]) -> list[str]:
    files = [rows.find(File, file_id) for file_id in file_ids]
    return [clean_name(file.filename) for file in files if file]


def _as_asked(call: CodeCall | FunctionCall) -> ModelToolCall:
    if isinstance(call, FunctionCall):
        return ModelToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
    arguments = json.dumps({"code": call.code_interpreter.input}, ensure_ascii=False)
    return ModelToolCall(id=call.id, name=CODE_INTERPRETER, arguments=arguments)


def _told(call: CodeCall | FunctionCall, products: list[Product]) -> str:
    """What the model is told of a call: the output first, then the files that came of it."""
    if isinstance(call, FunctionCall):
        return _shortened(call.function.output or "")
    logs = [output.logs for output in call.code_interpreter.outputs if isinstance(output, CodeLogs)]
    made = [_presented(product) for product in products if product.call_id == call.id]
    return "\n".join(part for part in (*map(_shortened, logs), *made) if part) or "The code ran and printed nothing."


def _presented(product: Product) -> str:
    if product.picture:
        return f"[The user sees the picture {product.filename}: {product.alt_text or 'no description'}]"
    return f"[The user gets the file {FOLDER}/{product.filename}]"


def _offered(tool: Tool) -> ModelTool:
    if tool["type"] == "code_interpreter":
        return _CODE_TOOL
    function = tool["function"]
    return ModelTool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=function.get("parameters") or {"type": "object", "properties": {}},
    )


def _choice(choice: ToolChoice) -> str:
    if isinstance(choice, str):
        return choice
    return choice["function"]["name"] if "function" in choice else choice["type"]


def _bounded(history: list[ModelMessage], run: Run) -> list[ModelMessage]:
    """The end of the thread that fits: `last_messages` by count, else by length; the last message always fits."""
    if run.truncation_strategy["type"] == "last_messages":
        history = history[-(run.truncation_strategy.get("last_messages") or 1) :]
    budget = min(CONTEXT_CHARS, (run.max_prompt_tokens or CONTEXT_CHARS) * CHARS_PER_TOKEN)
    kept: list[ModelMessage] = []
    for message in reversed(history):
        budget -= len(message.text)
        if budget < 0 and kept:
            break
        kept.append(message)
    return kept[::-1]


def _tokens_left(run: Run, steps: list[RunStep]) -> int | None:
    if run.max_completion_tokens is None:
        return None
    return run.max_completion_tokens - sum(step.usage.completion_tokens for step in steps if step.usage)


def _shortened(text: str) -> str:
    """Head and tail of a long output: the model has to read it, and its room is small."""
    if len(text) <= OUTPUT_CHARS:
        return text
    half = OUTPUT_CHARS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
