"""What the stand-in of the Responses API knows: conversations, responses at work, containers and files."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.openai_stand_in import Json, RefusalError

ENDED = frozenset({"completed", "failed", "cancelled", "incomplete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the model is given."""

    items: list[Json]  # of the conversation, with the input of this response at its end
    files: dict[str, bytes]  # in the container, by name
    instructions: str
    container: str = ""

    @property
    def text(self) -> str:
        """The last words of a person."""
        return next((said for item in reversed(self.items) if (said := words_of(item)) and item["role"] == "user"), "")

    @property
    def outputs(self) -> list[str]:
        """Function outputs since those words."""
        found: list[str] = []
        for item in reversed(self.items):
            if item["type"] == "message" and item["role"] == "user":
                break
            if item["type"] == "function_call_output":
                found.append(item["output"])
        return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a response does."""

    takes_s: float = 0.0
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()  # functions to call: name and arguments
    code: str = ""
    shown: tuple[bytes, ...] = ()  # pictures in the outputs of code
    saved: Mapping[str, bytes] = field(default_factory=dict)  # files that code writes into its container
    cited: bool | None = True  # the text cites them; None: with indexes 0, 0, as OpenAI's guide shows it
    status: str = "completed"
    error: Json | None = None
    reason: str | None = None  # of `incomplete`
    before: str = "in_progress"  # the status until it ends
    extra: Json = field(default_factory=dict)  # fields of the response


Brain = Callable[[Asked], Awaitable[Plan]]


async def echo(asked: Asked) -> Plan:
    """Repeat what was said."""
    return Plan(text=f"You said: {asked.text}")


def words_of(item: Json) -> str:
    """The first words of a message."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    return next((part["text"] for part in content or () if part["type"] in {"input_text", "output_text"}), "")


def unanswered(items: Iterable[Json]) -> list[str]:
    """Calls without an output."""
    calls: list[str] = []
    for item in items:
        if item["type"] == "function_call":
            calls.append(item["call_id"])
        elif item["type"] == "function_call_output" and item["call_id"] in calls:
            calls.remove(item["call_id"])
    return calls


@dataclass
class Container:
    """A machine for code."""

    id: str
    files: dict[str, tuple[Json, bytes]] = field(default_factory=dict)  # by id
    is_expired: bool = False


@dataclass
class Response:
    """A response and the events that it sent."""

    shown: Json
    input: list[Json]
    conversation: str | None
    previous: str | None
    include: list[str]
    events: list[Json] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    task: asyncio.Task[None] | None = None

    @property
    def is_active(self) -> bool:
        return self.shown["status"] not in ENDED


class ResponsesState:
    """Everything the service holds."""

    def __init__(self) -> None:
        self.brain: Brain = echo
        self.conversations: dict[str, list[Json]] = {}
        self.responses: dict[str, Response] = {}
        self.containers: dict[str, Container] = {}
        self.files: dict[str, tuple[Json, bytes]] = {}
        self.lands_failed = False  # whether the words of a failed or cancelled response get into its conversation
        self.reuses_containers = True
        self._ids = itertools.count(1)
        self._container_of: dict[str, str] = {}  # by conversation or chain

    def id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):06d}"

    # -------------------------------------------------------------------------------------------------- conversations

    def open_conversation(self, body: Json) -> Json:
        id_ = self.id("conv")
        self.conversations[id_] = []
        self.add_items(id_, body.get("items") or [])
        return {
            "id": id_,
            "object": "conversation",
            "created_at": int(time.time()),
            "metadata": body.get("metadata") or {},
        }

    def items_of(self, conversation: str) -> list[Json]:
        if conversation not in self.conversations:
            raise RefusalError(404, f"Conversation with id '{conversation}' not found.")
        return self.conversations[conversation]

    def add_items(self, conversation: str, items: list[Json]) -> list[Json]:
        if self.active_in(conversation):
            raise RefusalError(400, LOCKED, "conversation_locked", param="conversation")
        added = [self._stored(item) for item in items]
        self.items_of(conversation).extend(added)
        return added

    def _stored(self, item: Json) -> Json:
        prefix = {"message": "msg", "function_call": "fc", "function_call_output": "fco"}.get(item["type"], "item")
        content = item.get("content")
        if isinstance(content, str):
            item = {**item, "content": [{"type": "input_text", "text": content}]}
        return {"status": "completed", **item, "id": item.get("id") or self.id(prefix)}

    def active_in(self, conversation: str) -> Response | None:
        return next((r for r in self.responses.values() if r.conversation == conversation and r.is_active), None)

    # ------------------------------------------------------------------------------------------------------ responses

    def create(self, body: Json) -> Response:
        """Start a response. Raises RefusalError."""
        conversation, previous = body.get("conversation"), body.get("previous_response_id")
        if isinstance(conversation, dict):
            conversation = conversation["id"]
        if conversation and previous:
            raise RefusalError(400, "Mutually exclusive parameters: 'conversation' and 'previous_response_id'.")
        if body.get("background") and not body.get("store", True):
            raise RefusalError(400, "Background mode requires store to be true.")
        given = body["input"]
        items = [self._stored(item) for item in given] if isinstance(given, list) else []
        before = self._before(conversation, previous)
        for output in (item for item in items if item["type"] == "function_call_output"):
            if output["call_id"] not in unanswered(before):
                raise RefusalError(
                    400, f"No tool call found for function call output with call_id {output['call_id']}."
                )
        if waiting := unanswered([*before, *items]):
            raise RefusalError(400, f"No tool output found for function call {waiting[0]}.", "invalid_request_error")
        files = self._container_files(body, [*before, *items])
        shown = {
            "id": self.id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "queued",
            "background": bool(body.get("background")),
            "conversation": {"id": conversation} if conversation else None,
            "previous_response_id": previous,
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "model": body.get("model", "agent's"),
            "output": [],
            "parallel_tool_calls": True,
            "metadata": body.get("metadata") or {},
            "tool_choice": "auto",
            "tools": body.get("tools") or [],
            "temperature": 1.0,
            "top_p": 1.0,
            "usage": None,
        }
        response = Response(
            shown=shown,
            input=items,
            conversation=conversation,
            previous=previous,
            include=body.get("include") or [],
        )
        self.responses[shown["id"]] = response
        asked = Asked(items=[*before, *items], files=files, instructions=body.get("instructions") or "")
        response.task = asyncio.create_task(self._run(response, asked))
        return response

    def response(self, id_: str) -> Response:
        if id_ not in self.responses:
            raise RefusalError(404, f"Response with id '{id_}' not found.")
        return self.responses[id_]

    async def cancel(self, id_: str) -> Response:
        response = self.response(id_)
        if not response.shown["background"]:
            raise RefusalError(400, "Only background responses can be cancelled.")
        if response.shown["status"] != "cancelled" and not response.is_active:
            raise RefusalError(400, "Cannot cancel a completed response.")
        if response.is_active and response.task is not None:
            response.task.cancel()
            await asyncio.gather(response.task, return_exceptions=True)
            if response.is_active:
                await self._end(response, "cancelled")
        return response

    def _before(self, conversation: str | None, previous: str | None) -> list[Json]:
        if conversation:
            if self.active_in(conversation):
                raise RefusalError(400, LOCKED, "conversation_locked", param="conversation")
            return list(self.items_of(conversation))
        items: list[Json] = []
        while previous:
            if previous not in self.responses:
                missing = f"Previous response with id '{previous}' not found."
                raise RefusalError(400, missing, "previous_response_not_found", param="previous_response_id")
            response = self.responses[previous]
            items = [*response.input, *response.shown["output"], *items]
            previous = response.previous
        return items

    def _container_files(self, body: Json, items: list[Json]) -> dict[str, bytes]:
        given: list[str] = []
        for tool in body.get("tools") or ():
            container = tool.get("container") if tool["type"] == "code_interpreter" else None
            given += container.get("file_ids") or [] if isinstance(container, dict) else []
        for item in items:
            content = item.get("content")
            parts = content if isinstance(content, list) else []
            given += [part["file_id"] for part in parts if part.get("file_id")]
        for file in given:
            if file not in self.files:
                raise RefusalError(400, f"File with id '{file}' not found.", param="tools")
        return {self.files[file][0]["filename"]: self.files[file][1] for file in dict.fromkeys(given)}

    async def _run(self, response: Response, asked: Asked) -> None:
        await self._tell(response, "response.created")
        await self._tell(response, "response.queued")
        container = self._container(response)
        asked = Asked(items=asked.items, files=asked.files, instructions=asked.instructions, container=container.id)
        plan = await self.brain(asked)
        response.shown["status"] = plan.before
        if plan.before == "in_progress":
            await self._tell(response, "response.in_progress")
        if plan.code or plan.shown or plan.saved:
            await self._tell(response, "response.code_interpreter_call.interpreting", output_index=0, item_id="ci")
        await asyncio.sleep(plan.takes_s)
        output = response.shown["output"]
        if plan.code or plan.shown or plan.saved:
            output.append(self._code_call(plan, container))
            for name, data in plan.saved.items():
                self.save(container, name, data)
        if plan.text:
            place, half = len(output), len(plan.text) // 2
            for piece in (plan.text[:half], plan.text[half:]):
                await self._tell(
                    response,
                    "response.output_text.delta",
                    output_index=place,
                    content_index=0,
                    item_id="m",
                    delta=piece,
                )
            output.append(self._message(plan, container))
        for name, arguments in plan.calls:
            call = {"type": "function_call", "call_id": self.id("call"), "name": name, "arguments": arguments}
            output.append(self._stored(call))
        response.shown.update(plan.extra)
        await self._end(response, plan.status, error=plan.error, reason=plan.reason)

    async def _end(
        self, response: Response, status: str, *, error: Json | None = None, reason: str | None = None
    ) -> None:
        response.shown["status"] = status
        response.shown["error"] = error
        response.shown["incomplete_details"] = {"reason": reason} if reason else None
        response.shown["usage"] = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 10},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        }
        landed = status in {"completed", "incomplete"} or self.lands_failed
        if response.conversation in self.conversations and landed:
            said = [] if status in {"failed", "cancelled"} else response.shown["output"]
            self.conversations[response.conversation] += [*response.input, *said]
        await self._tell(response, f"response.{status}")

    async def _tell(self, response: Response, kind: str, **more: Any) -> None:
        event: Json = {"type": kind, "sequence_number": len(response.events), **more}
        if not more:
            event["response"] = response.shown
        async with response.changed:
            response.events.append({**event, "response": dict(response.shown)} if not more else event)
            response.changed.notify_all()

    # ----------------------------------------------------------------------------------------------------- containers

    def _container(self, response: Response) -> Container:
        key = response.conversation or ""
        known = self.containers.get(self._container_of.get(key, "")) if key and self.reuses_containers else None
        if known is None or known.is_expired:
            known = Container(id=self.id("cntr"))
            self.containers[known.id] = known
            self._container_of[key] = known.id
        return known

    def save(self, container: Container, name: str, data: bytes) -> str:
        """Write a file into a container, as code does; its id."""
        id_ = self.id("cfile")
        shown = {
            "id": id_,
            "object": "container.file",
            "created_at": int(time.time()),
            "bytes": len(data),
            "container_id": container.id,
            "path": f"/mnt/data/{name}",
            "source": "assistant",
        }
        container.files = {k: kept for k, kept in container.files.items() if kept[0]["path"] != shown["path"]}
        container.files[id_] = (shown, data)
        return id_

    def container(self, id_: str) -> Container:
        container = self.containers.get(id_)
        if container is None or container.is_expired:
            raise RefusalError(404, "Container is expired." if container else f"Container with id '{id_}' not found.")
        return container

    def container_file(self, container: str, file: str) -> tuple[Json, bytes]:
        files = self.container(container).files
        if file not in files:
            raise RefusalError(404, f"Container file with id '{file}' not found.")
        return files[file]

    def _code_call(self, plan: Plan, container: Container) -> Json:
        outputs: list[Json] = [{"type": "logs", "logs": "done\n"}]
        for picture in plan.shown:
            url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
            outputs += [{"type": "image", "url": url}]
        return {
            "type": "code_interpreter_call",
            "id": self.id("ci"),
            "status": "completed",
            "container_id": container.id,
            "code": plan.code or "draw()",
            "outputs": outputs,
        }

    def _message(self, plan: Plan, container: Container) -> Json:
        annotations = []
        by_name = {shown["path"].rsplit("/", 1)[-1]: id_ for id_, (shown, _) in container.files.items()}
        for name in plan.saved if plan.cited is not False else ():
            link = f"sandbox:/mnt/data/{name}"
            begin = plan.text.find(link) if plan.cited else -1
            annotations.append(
                {
                    "type": "container_file_citation",
                    "container_id": container.id,
                    "file_id": by_name[name],
                    "filename": name if plan.cited else f"{by_name[name]}.{name.rpartition('.')[2]}",
                    "start_index": max(begin, 0),
                    "end_index": begin + len(link) if begin >= 0 else 0,
                }
            )
        part = {"type": "output_text", "text": plan.text, "annotations": annotations, "logprobs": []}
        return {"type": "message", "id": self.id("msg"), "role": "assistant", "status": "completed", "content": [part]}


LOCKED = "Another process is currently operating on this conversation. Please retry in a few seconds."
