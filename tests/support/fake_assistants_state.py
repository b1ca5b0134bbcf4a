"""Threads, runs, messages and files of the stand-in Assistants service, with no HTTP around them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.openai_stand_in import Json, RefusalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: be `before` for `run_s`, want `tool_calls` answered, then have `status` and have spoken.

    It stays `before` until `may_end` says so, too.
    """

    run_s: float = 0.0
    may_end: Callable[[], bool] = lambda: True
    before: str = "in_progress"
    tool_calls: Sequence[Json] = ()
    status: str = "completed"
    messages: Sequence[Sequence[Json]] = ()  # content parts of each
    metadata: Mapping[str, str] = field(default_factory=dict)  # of each message
    steps: Sequence[Json] = ()  # as their list shows them; a stream leaves them out
    extra: Mapping[str, Any] = field(default_factory=dict)  # of the ended run: last_error, incomplete_details


def text(value: str, *annotations: Json) -> Json:
    """A text part."""
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def image(file: str) -> Json:
    """A picture part."""
    return {"type": "image_file", "image_file": {"file_id": file, "detail": "auto"}}


def file_path(placeholder: str, file: str) -> Json:
    """An annotation for a written file; its indexes are those of a service that gives none."""
    return {"type": "file_path", "text": placeholder, "start_index": 0, "end_index": 0, "file_path": {"file_id": file}}


def citation(placeholder: str, file: str) -> Json:
    """An annotation for a file that was read."""
    return {
        "type": "file_citation",
        "text": placeholder,
        "start_index": 0,
        "end_index": 0,
        "file_citation": {"file_id": file},
    }


def code_step(code: str, *, took_ms: int) -> Json:
    """A step in which code ran; for how long is the embedded server's own field."""
    call = {"type": "code_interpreter", "code_interpreter": {"input": code, "outputs": [], "took_ms": took_ms}}
    return {"id": f"step_{took_ms}", "step_details": {"type": "tool_calls", "tool_calls": [call]}}


def function_call(call: str, name: str, arguments: str = "{}") -> Json:
    """A tool call a run wants answered."""
    return {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}


def echo(said: str) -> Plan:
    """The plan of a run for which nothing else is planned."""
    return Plan(messages=[[text(f"You said: {said}")]])


@dataclass(slots=True, kw_only=True)
class FakeRun:
    """A run on its way through its plan."""

    id: str
    thread: str
    plan: Plan
    metadata: dict[str, str]
    born: float = field(default_factory=time.monotonic)
    outputs: list[dict[str, str]] | None = None
    is_cancelled: bool = False
    has_spoken: bool = False

    @property
    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled"
        if time.monotonic() - self.born < self.plan.run_s or not self.plan.may_end():
            return self.plan.before
        return "requires_action" if self.plan.tool_calls and self.outputs is None else self.plan.status

    @property
    def is_active(self) -> bool:
        return self.status not in {"completed", "failed", "cancelled", "expired", "incomplete"}

    def shown(self) -> Json:
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": list(self.plan.tool_calls)}}
        ended = {"last_error": None, "incomplete_details": None, **(self.plan.extra if not self.is_active else {})}
        return {
            "id": self.id,
            "object": "thread.run",
            "thread_id": self.thread,
            "status": self.status,
            "metadata": self.metadata,
            "required_action": action if self.status == "requires_action" else None,
            **ended,
        }


class FakeState:
    """Everything the service knows. Tests read it and write to it as they like."""

    def __init__(self) -> None:
        self.plan: Callable[[str], Plan] = echo  # from what the user said
        self.assistants: dict[str, Json] = {}
        self.runs: dict[str, FakeRun] = {}
        self.messages: dict[str, list[Json]] = {}  # by thread
        self.files: dict[str, bytes] = {}
        self.hidden_lists = 0  # so many of the next lists of runs do not show any
        self._ids = itertools.count(1)

    def create_assistant(self, body: Json) -> Json:
        assistant = {"id": f"asst_{next(self._ids)}", "object": "assistant", **body}
        self.assistants[assistant["id"]] = assistant
        return assistant

    def create_thread(self) -> Json:
        thread = f"thread_{next(self._ids)}"
        self.messages[thread] = []
        return {"id": thread, "object": "thread", "created_at": 0, "metadata": {}, "tool_resources": {}}

    def delete_thread(self, thread: str) -> None:
        self._messages_of(thread)  # raises where there is none
        del self.messages[thread]

    def create_run(self, thread: str, body: Json) -> FakeRun:
        self._messages_of(thread)
        active = next((run for run in self.runs.values() if run.thread == thread and run.is_active), None)
        if active:
            raise RefusalError(400, f"Thread {thread} already has an active run {active.id}.")
        for message in body["additional_messages"]:
            self.add_given(thread, message)
        said = "".join(part["text"]["value"] for part in self.messages[thread][-1]["content"] if part["type"] == "text")
        run = FakeRun(id=f"run_{next(self._ids)}", thread=thread, plan=self.plan(said), metadata=body["metadata"])
        self.runs[run.id] = run
        return run

    def upload(self, body: Json) -> Json:
        file = f"file-{next(self._ids)}"
        self.files[file] = body["content"]
        return {"id": file, "object": "file", "bytes": len(body["content"]), "filename": body["name"]}

    def add_given(self, thread: str, body: Json) -> Json:
        """A user's message as a client gives it, which must name files that are there."""
        given = body["content"] if isinstance(body["content"], list) else [{"type": "text", "text": body["content"]}]
        attachments = body.get("attachments", [])
        for named in [*attachments, *(part["image_file"] for part in given if part["type"] == "image_file")]:
            self.file(named["file_id"])
        parts = [text(part["text"]) if part["type"] == "text" else part for part in given]
        return self._add_message(thread, "user", parts, attachments=attachments)

    def runs_of(self, thread: str) -> list[Json]:
        self._messages_of(thread)
        if self.hidden_lists:
            self.hidden_lists -= 1
            return []
        return [run.shown() for run in self.runs.values() if run.thread == thread]

    def run(self, thread: str, run: str) -> FakeRun:
        self._messages_of(thread)
        if run not in self.runs:
            raise RefusalError(404, f"No run found with id '{run}'.")
        self._speak(self.runs[run])
        return self.runs[run]

    def cancel(self, run: FakeRun) -> None:
        if not run.is_active:
            raise RefusalError(400, f"Cannot cancel run with status '{run.status}'.")
        run.is_cancelled = True

    def submit(self, run: FakeRun, outputs: list[dict[str, str]]) -> None:
        if run.status != "requires_action":
            raise RefusalError(400, f'Runs in status "{run.status}" do not accept tool outputs.')
        wanted, given = [call["id"] for call in run.plan.tool_calls], [output["tool_call_id"] for output in outputs]
        if sorted(wanted) != sorted(given):
            raise RefusalError(400, f"Expected tool outputs for call_ids {wanted}, got {given}")
        run.outputs = outputs

    def messages_of(self, thread: str, run: str | None) -> list[Json]:
        for each in self.runs.values():
            if each.thread == thread:
                self._speak(each)  # one may have ended between two looks at the clock
        return [message for message in self._messages_of(thread) if run in (None, message["run_id"])]

    def file(self, file: str) -> bytes:
        if file not in self.files:
            raise RefusalError(404, f"No such File object: {file}")
        return self.files[file]

    def _messages_of(self, thread: str) -> list[Json]:
        if thread not in self.messages:
            raise RefusalError(404, f"No thread found with id '{thread}'.")
        return self.messages[thread]

    def _speak(self, run: FakeRun) -> None:
        if run.status in ("completed", "incomplete") and not run.has_spoken:
            run.has_spoken = True
            for content in run.plan.messages:
                self._add_message(run.thread, "assistant", content, run)

    def _add_message(
        self,
        thread: str,
        role: str,
        content: Sequence[Json],
        run: FakeRun | None = None,
        *,
        attachments: Sequence[Json] = (),
    ) -> Json:
        self._messages_of(thread).append(
            {
                "id": f"msg_{next(self._ids)}",
                "object": "thread.message",
                "created_at": 0,
                "thread_id": thread,
                "role": role,
                "status": "completed",
                "content": list(content),
                "run_id": run.id if run else None,
                "assistant_id": None,
                "metadata": dict(run.plan.metadata) if run else {},
                "attachments": list(attachments),
            }
        )
        return self.messages[thread][-1]
