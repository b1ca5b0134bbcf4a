"""A stand-in of the Responses API on loopback: OpenAI's, Azure OpenAI's and a Foundry project's, with their limits.

It is strict: each request is held against OpenAI's public description. It remembers every call, and has a switch for
each way to misbehave. By hand, with a model that knows mathematics and runs code for real:

    python -m tests.support.responses_service --port 8123

prints the lines for `.env`. A message that holds a Python block (three backticks) has that code run.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from typing_extensions import override

from tests.support.openai_schemas import description
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
from tests.support.responses_state import Response, ResponsesState

MODEL = "gpt-6-luna"
SHUTDOWN = "2028-03-31"

_CREATE = "/components/schemas/CreateResponse"
_CREATE_CONVERSATION = "/components/schemas/CreateConversationBody"
_CREATE_ITEMS = "/paths/~1conversations~1{conversation_id}~1items/post/requestBody/content/application~1json/schema"
_MAX_PAGE = 100


class Provider(StrEnum):
    """Whose limits it has."""

    OPENAI = "openai"
    AZURE = "azure"  # no conversations; another purpose of files; pictures as data URLs
    FOUNDRY = "foundry"  # agents; conversations on the project


class To(StrEnum):
    """What can be called."""

    CREATE_CONVERSATION = "create conversation"
    GET_CONVERSATION = "get conversation"
    DELETE_CONVERSATION = "delete conversation"
    LIST_ITEMS = "list items"
    ADD_ITEMS = "add items"
    CREATE_RESPONSE = "create response"
    GET_RESPONSE = "get response"
    CANCEL = "cancel"
    LIST_CONTAINER_FILES = "list container files"
    GET_CONTAINER_FILE = "get container file"
    UPLOAD = "upload"
    GET_FILE = "get file"
    DELETE_FILE = "delete file"
    DELETE_RESPONSE = "delete response"
    LIST_MODELS = "list models"
    GET_MODEL = "get model"


class ResponsesService(StandIn[To]):
    """The service."""

    def __init__(self, provider: Provider = Provider.OPENAI, *, port: int = 0) -> None:
        self.provider = provider
        self.state = ResponsesState()
        super().__init__()
        self.key = KEY
        self.streams = True
        self.resumes_streams = True
        self.models = {MODEL: SHUTDOWN}
        self._port = port

    @property
    def base_url(self) -> str:
        """What a client is given."""
        path = {Provider.OPENAI: "/v1", Provider.AZURE: "", Provider.FOUNDRY: "/api/projects/tutors"}[self.provider]
        return f"{self.address}{path}"

    @override
    async def __aenter__(self) -> Self:
        await asyncio.to_thread(description)
        return await super().__aenter__()

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        tasks = [response.task for response in self.state.responses.values() if response.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().__aexit__(kind, error, trace)

    @override
    def _application(self) -> web.Application:
        app = web.Application(client_max_size=2**27)
        root = {Provider.OPENAI: "/v1", Provider.AZURE: "/openai/v1", Provider.FOUNDRY: "/api/projects/{p}/openai/v1"}
        for method, path, to, handler in self._routes():
            app.router.add_route(method, f"{root[self.provider]}/{path}", self.serve(to, handler))
        return app

    def _routes(self) -> Sequence[tuple[str, str, To, Handler]]:
        conversation, files = "conversations/{conversation}", "containers/{container}/files"
        routes: list[tuple[str, str, To, Handler]] = [
            ("POST", "responses", To.CREATE_RESPONSE, self._create_response),
            ("GET", "responses/{response}", To.GET_RESPONSE, self._get_response),
            ("DELETE", "responses/{response}", To.DELETE_RESPONSE, self._delete_response),
            ("POST", "responses/{response}/cancel", To.CANCEL, self._cancel),
            ("GET", files, To.LIST_CONTAINER_FILES, self._list_container_files),
            ("GET", f"{files}/{{file}}/content", To.GET_CONTAINER_FILE, self._get_container_file),
            ("POST", "files", To.UPLOAD, self._upload),
            ("GET", "files/{file}", To.GET_FILE, self._get_file),
            ("DELETE", "files/{file}", To.DELETE_FILE, self._delete_file),
            ("GET", "models", To.LIST_MODELS, self._list_models),
            ("GET", "models/{model}", To.GET_MODEL, self._get_model),
        ]
        if self.provider is not Provider.AZURE:
            routes += [
                ("POST", "conversations", To.CREATE_CONVERSATION, self._create_conversation),
                ("GET", conversation, To.GET_CONVERSATION, self._get_conversation),
                ("DELETE", conversation, To.DELETE_CONVERSATION, self._delete_conversation),
                ("GET", f"{conversation}/items", To.LIST_ITEMS, self._list_items),
                ("POST", f"{conversation}/items", To.ADD_ITEMS, self._add_items),
            ]
        return routes

    @override
    async def _do_unseen(self, to: To, handler: Handler, request: web.Request, body: Any) -> None:
        if to is To.CREATE_RESPONSE:
            self._checked_response(body)
        else:
            await super()._do_unseen(to, handler, request, body)

    @override
    def _authenticate(self, request: web.Request) -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.provider is Provider.FOUNDRY:
            if not bearer or bearer == KEY:
                raise RefusalError(401, "Foundry takes Microsoft Entra tokens alone.", "Unauthorized")
        elif self.key not in (bearer, request.headers.get("api-key")) and bearer.count(".") != 2:
            raise RefusalError(401, f"Incorrect API key provided: {bearer}", "invalid_api_key")

    # ------------------------------------------------------------------------------------------------------ responses

    def _checked_response(self, body: Json) -> Response:
        """Start a response if its request is right in every way that is known."""
        agent = body.pop("agent_reference", None)
        if strange := set(body) - description().names_in(_CREATE):
            raise RefusalError(400, f"Unknown parameter: '{min(strange)}'.", "unknown_parameter")
        if fault := description().fault_in(body, _CREATE):
            raise RefusalError(400, fault, "invalid_value")
        if (agent is not None) != (self.provider is Provider.FOUNDRY and "model" not in body):
            raise RefusalError(400, "Exactly one of model and agent_reference is needed here.")
        if agent is None and body["model"] not in self.models:
            code = "DeploymentNotFound" if self.provider is Provider.AZURE else "model_not_found"
            raise RefusalError(404, f"The model '{body['model']}' does not exist.", code)
        if isinstance(body["input"], str):  # short for one message of a person
            body["input"] = [{"type": "message", "role": "user", "content": body["input"]}]
        for part in (part for item in body["input"] for part in item.get("content", ()) if isinstance(part, dict)):
            if part["type"] == "input_image" and part.get("file_id") and self.provider is not Provider.OPENAI:
                raise RefusalError(400, "Images cannot be referred to by file_id.")
        return self.state.create(body)

    async def _create_response(self, request: web.Request, body: Json) -> web.StreamResponse:
        wants_stream = bool(body.get("stream")) and self.streams
        response = self._checked_response(body)
        if wants_stream:
            return await self._stream(request, response, after=-1)
        return web.json_response(response.shown)

    async def _get_response(self, request: web.Request, _body: Any) -> web.StreamResponse:
        response = self.state.response(request.match_info["response"])
        if request.query.get("stream") == "true" and self.resumes_streams:
            return await self._stream(request, response, after=int(request.query.get("starting_after", -1)))
        return web.json_response(_with_included(response.shown, request.query.getall("include[]", [])))

    async def _cancel(self, request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response((await self.state.cancel(request.match_info["response"])).shown)

    async def _stream(self, request: web.Request, response: Response, *, after: int) -> web.StreamResponse:
        async with self.event_stream(request) as stream:
            await self._send_events(request, stream, response, after)
        return stream

    async def _send_events(
        self, request: web.Request, stream: web.StreamResponse, response: Response, after: int
    ) -> None:
        sent, at = 0, after + 1
        while response.is_active or at < len(response.events):
            async with response.changed:
                if at >= len(response.events):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(response.changed.wait(), timeout=0.05)
            if at >= len(response.events):
                await stream.write(b": still at work\n\n")  # by which a client's going away is noticed
                continue
            if sent == self.events_until_cut:
                self.events_until_cut = None
                transport_of(request).abort()
                return
            event = response.events[at]
            await send_event(stream, event["type"], event)
            sent, at = sent + 1, at + 1

    # -------------------------------------------------------------------------------------------------- conversations

    async def _create_conversation(self, _request: web.Request, body: Json) -> web.StreamResponse:
        _check(body, _CREATE_CONVERSATION)
        return web.json_response(self.state.open_conversation(body or {}))

    async def _get_conversation(self, request: web.Request, _body: Any) -> web.StreamResponse:
        conversation = request.match_info["conversation"]
        self.state.items_of(conversation)
        return web.json_response({"id": conversation, "object": "conversation", "created_at": 0, "metadata": {}})

    async def _delete_conversation(self, request: web.Request, _body: Any) -> web.StreamResponse:
        conversation = request.match_info["conversation"]
        self.state.items_of(conversation)
        del self.state.conversations[conversation]
        return web.json_response({"id": conversation, "object": "conversation.deleted", "deleted": True})

    async def _list_items(self, request: web.Request, _body: Any) -> web.StreamResponse:
        return _page(request, self.state.items_of(request.match_info["conversation"]))

    async def _add_items(self, request: web.Request, body: Json) -> web.StreamResponse:
        _check(body, _CREATE_ITEMS)
        added = self.state.add_items(request.match_info["conversation"], body["items"])
        return web.json_response(listed(added, has_more=False))

    # ---------------------------------------------------------------------------------------------------------- files

    async def _list_container_files(self, request: web.Request, _body: Any) -> web.StreamResponse:
        files = self.state.container(request.match_info["container"]).files.values()
        return _page(request, [shown for shown, _ in files])

    async def _get_container_file(self, request: web.Request, _body: Any) -> web.StreamResponse:
        _, data = self.state.container_file(request.match_info["container"], request.match_info["file"])
        return await in_pieces(request, data)

    async def _upload(self, _request: web.Request, body: Json) -> web.StreamResponse:
        purposes = {"assistants"} if self.provider is not Provider.OPENAI else {"assistants", "user_data", "vision"}
        if body["purpose"] not in purposes:
            raise RefusalError(400, f"Invalid value for purpose: {body['purpose']}.", param="purpose")
        id_ = self.state.id("file")
        shown = {
            "id": id_,
            "object": "file",
            "bytes": len(body["content"]),
            "created_at": int(time.time()),
            "filename": body["name"],
            "purpose": body["purpose"],
            "status": "processed",
        }
        self.state.files[id_] = (shown, body["content"])
        return web.json_response(shown)

    async def _get_file(self, request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response(self._file(request)[0])

    async def _delete_response(self, request: web.Request, _body: Any) -> web.StreamResponse:
        response = self.state.responses.pop(self.state.response(request.match_info["response"]).shown["id"])
        return web.json_response({"id": response.shown["id"], "object": "response", "deleted": True})

    async def _delete_file(self, request: web.Request, _body: Any) -> web.StreamResponse:
        file = self._file(request)[0]["id"]
        del self.state.files[file]
        return web.json_response({"id": file, "object": "file", "deleted": True})

    def _file(self, request: web.Request) -> tuple[Json, bytes]:
        file = request.match_info["file"]
        if file not in self.state.files:
            raise RefusalError(404, f"No such File object: {file}")
        return self.state.files[file]

    async def _get_model(self, request: web.Request, _body: Any) -> web.StreamResponse:
        name = request.match_info["model"]
        if name not in self.models:
            raise RefusalError(404, f"The model '{name}' does not exist.", "model_not_found")
        return web.json_response(self._model(name))

    async def _list_models(self, _request: web.Request, _body: Any) -> web.StreamResponse:
        models = [self._model(name) for name in self.models]
        return web.json_response({"object": "list", "data": models})

    def _model(self, name: str) -> Json:
        shutdown = self.models[name]
        return {"id": name, "object": "model", "created": 0, "owned_by": "openai", "shutdown_date": shutdown}


def _check(body: object, pointer: str) -> None:
    if body is not None and (fault := description().fault_in(body, pointer)):
        raise RefusalError(400, fault, "invalid_value")


def _with_included(shown: Json, include: list[str]) -> Json:
    """A response as it is fetched: outputs of code are there where they are asked for."""
    if "code_interpreter_call.outputs" in include:
        return shown
    output = [{**i, "outputs": None} if i["type"] == "code_interpreter_call" else i for i in shown["output"]]
    return {**shown, "output": output}


def _page(request: web.Request, items: Sequence[Json]) -> web.Response:
    if not 1 <= int(request.query.get("limit", 20)) <= _MAX_PAGE:
        raise RefusalError(400, f"Invalid 'limit': integer above maximum value of {_MAX_PAGE}.")
    return page(request, items)


async def _serve_by_hand(port: int, provider: Provider) -> None:
    from tests.support.responses_tutor import tutor_brain

    service = ResponsesService(provider, port=port)
    async with tutor_brain() as brain, service:
        service.state.brain = brain
        url, key, model = service.base_url, KEY, MODEL
        lines = {
            Provider.OPENAI: f"OPENAI_BASE_URL={url}\nOPENAI_API_KEY={key}\nMODEL={model}",
            Provider.AZURE: f"AZURE_OPENAI_ENDPOINT={url}\nAZURE_OPENAI_API_KEY={key}\nMODEL={model}",
            Provider.FOUNDRY: f"AZURE_AI_PROJECT_ENDPOINT={url}\nAZURE_AI_AGENT_NAME=math-tutor",
        }
        print(f"ASSISTANT_BACKEND=responses\n{lines[provider]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A stand-in of the Responses API, for trying the backend by hand.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--provider", type=Provider, choices=list(Provider), default=Provider.OPENAI)
    given = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve_by_hand(given.port, given.provider))
