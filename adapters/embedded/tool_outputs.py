"""The body with which a client hands in the outputs of functions it ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.embedded.wire import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What one call gave; no output counts as an empty one."""

    tool_call_id: str
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutputs:
    """All of them."""

    tool_outputs: tuple[ToolOutput, ...]


def outputs_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Outputs by the id of their call. Raises ApiError (400)."""
    submitted = parse(ToolOutputs, fields)
    return {output.tool_call_id: output.output or "" for output in submitted.tool_outputs}
