"""A stand-in Assistants service on loopback. It remembers every call, and has a switch for each way to misbehave.

async with FakeAssistants() as service:
    service.state.plan = lambda said: Plan(messages=[[text("y = 12"), image("file-1")]])
    service.fail(Endpoint.CREATE_RUN, Fault.LOST_ANSWER)          # the next call of this kind
    service.weather = lambda endpoint: random.choice(faults)      # all calls for which nothing is planned
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

from aiohttp import web
from typing_extensions import override

from tests.support.fake_assistants_state import FakeRun, FakeState
from tests.support.openai_stand_in import (
    KEY,
    Handler,
    Json,
    RefusalError,
    StandIn,
    in_pieces,
    listed,
    page,
    send_event,
    transport_of,
)


class Endpoint(StrEnum):
    """What can be called."""

    LIST_ASSISTANTS = "list assistants"
    CREATE_ASSISTANT = "create assistant"
    UPDATE_ASSISTANT = "update assistant"
    GET_ASSISTANT = "get assistant"
    CREATE_THREAD = "create thread"
    DELETE_THREAD = "delete thread"
    DELETE_FILE = "delete file"
    CREATE_RUN = "create run"
    LIST_RUNS = "list runs"
    GET_RUN = "get run"
    LIST_STEPS = "list steps"
    CANCEL = "cancel"
    SUBMIT = "submit"
    LIST_MESSAGES = "list messages"
    ADD_MESSAGE = "add message"
    UPLOAD = "upload"
    GET_FILE = "get file"
    GET_CONTENT = "get content"


class FakeAssistants(StandIn[Endpoint]):
    """The service."""

    def __init__(self) -> None:
        self.state = FakeState()
        super().__init__()
        self.poll_after_ms: str | None = None
        self.word_pause_s = 0.0  # after each word of a message in a stream; else it comes in two pieces
        self.tells_whole_messages = True  # in a stream; else only their pieces
        self.refuses_streams = False  # with a 400
        self.refuses_streams_after_tools = False
        self.events_until_silence: int | None = None  # nothing more comes after so many
        self.garbled_events = False
        self.ends_lists = True  # else there is always more of the steps of a run

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"{self.address}/v1"

    @override
    def _application(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        for path, endpoint, handler in self._routes():
            method = "GET" if endpoint.startswith(("get", "list")) else "POST"
            method = "DELETE" if endpoint.startswith("delete") else method
            app.router.add_route(method, f"/v1/{path}", self.serve(endpoint, handler))
        return app

    def _routes(self) -> Sequence[tuple[str, Endpoint, Handler]]:
        state, run = self.state, "threads/{thread}/runs/{run}"
        return (
            ("assistants", Endpoint.LIST_ASSISTANTS, lambda r, _: page(r, list(state.assistants.values()))),
            ("assistants", Endpoint.CREATE_ASSISTANT, lambda _, body: web.json_response(state.create_assistant(body))),
            ("assistants/{assistant}", Endpoint.UPDATE_ASSISTANT, self._update_assistant),
            ("assistants/{assistant}", Endpoint.GET_ASSISTANT, self._get_assistant),
            ("threads", Endpoint.CREATE_THREAD, lambda _, __: web.json_response(state.create_thread())),
            ("threads/{thread}/runs", Endpoint.CREATE_RUN, self._create_run),
            ("threads/{thread}/runs", Endpoint.LIST_RUNS, lambda r, _: page(r, state.runs_of(_in(r, "thread")))),
            ("threads/{thread}", Endpoint.DELETE_THREAD, self._delete_thread),
            ("files/{file}", Endpoint.DELETE_FILE, self._delete_file),
            (run, Endpoint.GET_RUN, self._get_run),
            (f"{run}/steps", Endpoint.LIST_STEPS, self._list_steps),
            (f"{run}/cancel", Endpoint.CANCEL, self._cancel),
            (f"{run}/submit_tool_outputs", Endpoint.SUBMIT, self._submit),
            ("threads/{thread}/messages", Endpoint.LIST_MESSAGES, self._list_messages),
            ("threads/{thread}/messages", Endpoint.ADD_MESSAGE, self._add_message),
            ("files", Endpoint.UPLOAD, lambda _, body: web.json_response(state.upload(body))),
            ("files/{file}", Endpoint.GET_FILE, self._get_file),
            ("files/{file}/content", Endpoint.GET_CONTENT, lambda r, _: in_pieces(r, state.file(_in(r, "file")))),
        )

    @override
    async def _do_unseen(self, to: Endpoint, handler: Handler, request: web.Request, body: Any) -> None:
        if to is Endpoint.CREATE_RUN:
            self._new_run(request, body)
        elif to is not Endpoint.GET_CONTENT:
            await super()._do_unseen(to, handler, request, body)

    @override
    def _authenticate(self, request: web.Request) -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if KEY not in (bearer, request.headers.get("api-key")):
            raise RefusalError(401, f"Incorrect API key provided: {bearer}", "invalid_api_key")

    async def _send_events(self, request: web.Request, stream: web.StreamResponse, run: FakeRun) -> None:
        """The events of a run, one chunk each; a message comes in two deltas."""
        sent = 0
        async for name, data in self._events(run):
            if not name:  # a sign of life, by which a client's going away is noticed
                await stream.write(b": still running\n\n")
                continue
            if sent == self.events_until_cut:
                transport_of(request).abort()
                break
            if sent == self.events_until_silence:
                await self.closing.wait()
            await send_event(stream, name, "{" if self.garbled_events and sent else data)
            sent += 1
        else:
            await send_event(stream, "done", "[DONE]")

    async def _events(self, run: FakeRun) -> AsyncIterator[tuple[str, Json]]:
        yield "thread.run.created", {**run.shown(), "status": "queued"}
        yield "thread.run.queued", {**run.shown(), "status": "queued"}
        yield "thread.run.in_progress", {**run.shown(), "status": "in_progress"}
        while run.is_active and run.status != "requires_action":
            await asyncio.sleep(0.005)
            yield "", {}
        self.state.run(run.thread, run.id)  # it speaks
        for message in self.state.messages_of(run.thread, run.id):
            yield "thread.message.created", {**message, "content": []}
            for index, part in enumerate(message["content"]):
                value = part["text"]["value"] if part["type"] == "text" else None
                for piece in self._pieces(value) if value is not None else ():
                    await asyncio.sleep(self.word_pause_s)
                    content = [{"index": index, "type": "text", "text": {"value": piece, "annotations": []}}]
                    yield "thread.message.delta", {"id": message["id"], "delta": {"content": content}}
            if self.tells_whole_messages:
                yield "thread.message.completed", message
        yield f"thread.run.{run.status}", run.shown()

    def _pieces(self, value: str) -> list[str]:
        return re.findall(r"\s*\S+", value) if self.word_pause_s else [value[:2], value[2:]]

    def _update_assistant(self, request: web.Request, body: Json) -> web.Response:
        assistant = self.state.assistants[_in(request, "assistant")]
        assistant.update(body)
        return web.json_response(assistant)

    def _get_assistant(self, request: web.Request, _body: Any) -> web.Response:
        return web.json_response(self.state.assistants[_in(request, "assistant")])

    def _new_run(self, request: web.Request, body: Json) -> FakeRun:
        if self.refuses_streams and "stream" in body:
            raise RefusalError(400, "Unknown parameter: 'stream'.", "unknown_parameter")
        return self.state.create_run(_in(request, "thread"), body)

    async def _create_run(self, request: web.Request, body: Json) -> web.StreamResponse:
        run = self._new_run(request, body)
        if not (self.streams and body.get("stream")):
            return _run(run)
        async with self.event_stream(request) as stream:
            await self._send_events(request, stream, run)
        return stream

    def _add_message(self, request: web.Request, body: Json) -> web.Response:
        return web.json_response(self.state.add_given(_in(request, "thread"), body))

    def _delete_thread(self, request: web.Request, _body: Json) -> web.Response:
        thread = _in(request, "thread")
        self.state.delete_thread(thread)
        return web.json_response({"id": thread, "object": "thread.deleted", "deleted": True})

    def _delete_file(self, request: web.Request, _body: Json) -> web.Response:
        file = _in(request, "file")
        self.state.file(file)  # raises where there is none
        del self.state.files[file]
        return web.json_response({"id": file, "object": "file", "deleted": True})

    def _get_run(self, request: web.Request, _body: Any) -> web.Response:
        headers = {"openai-poll-after-ms": self.poll_after_ms} if self.poll_after_ms else {}
        return web.json_response(self._run_of(request).shown(), headers=headers)

    def _list_steps(self, request: web.Request, _body: Any) -> web.Response:
        steps = self._run_of(request).plan.steps
        return page(request, steps) if self.ends_lists else web.json_response(listed(list(steps), has_more=True))

    def _cancel(self, request: web.Request, _body: Any) -> web.Response:
        self.state.cancel(self._run_of(request))
        return _run(self._run_of(request))

    def _submit(self, request: web.Request, body: Json) -> web.Response:
        if self.refuses_streams_after_tools and "stream" in body:
            raise RefusalError(400, "Unknown parameter: 'stream'.", "unknown_parameter")
        self.state.submit(self._run_of(request), body["tool_outputs"])
        return _run(self._run_of(request))

    def _list_messages(self, request: web.Request, _body: Any) -> web.Response:
        return page(request, self.state.messages_of(_in(request, "thread"), request.query.get("run_id")))

    def _get_file(self, request: web.Request, _body: Any) -> web.Response:
        file = _in(request, "file")
        size_bytes = len(self.state.file(file))
        return web.json_response({"id": file, "object": "file", "bytes": size_bytes, "filename": f"{file}.pdf"})

    def _run_of(self, request: web.Request) -> FakeRun:
        return self.state.run(_in(request, "thread"), _in(request, "run"))


def _in(request: web.Request, name: str) -> str:
    return request.match_info[name]


def _run(run: FakeRun) -> web.Response:
    return web.json_response(run.shown())
