"""What an endpoint takes: learned from what it refuses, kept for as long as the process lives.

There is no common way to ask a server whether its model sees pictures or calls tools. So it is asked as if it could,
and again without the part that it refuses. The patterns are words of real refusals; tests/model_shapes holds them with
their sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.embedded.models.chat_errors import RefusedError
from adapters.embedded.models.context_window import size_chars
from adapters.embedded.models.port import ModelRequest

CHARS_PER_TOKEN = 3
"""Of code, figures and German; English has four."""
MIN_CHARS = 2_000


class Feature(StrEnum):
    """A part of a request that may be left out."""

    PICTURES = "pictures"
    TOOL_CHOICE = "tool_choice"  # the model is left to choose
    TOOLS = "tools"  # calls are spoken of in words
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    NEW_LIMIT = "max_completion_tokens"  # `max_tokens` is its older name
    ROLES = "roles"  # no system message, user and assistant by turns


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCapabilities:
    """What an endpoint takes: the features to leave out, and the length of a conversation."""

    without: frozenset[Feature] = frozenset()
    max_chars: int | None = None  # of all messages together
    once: frozenset[Feature] = frozenset()  # left out for one request only
    shortened: bool = False  # for the current request

    def after(self, refusal: RefusedError, request: ModelRequest) -> EndpointCapabilities | None:
        """Return the capabilities to try next; None when nothing is left to leave out."""
        if refusal.too_long:
            hopeless = self.shortened or size_chars(request) <= MIN_CHARS
            return None if hopeless else replace(self, shortened=True, max_chars=_room(refusal, request))
        part = next(
            (part for part in Feature if part not in self.without and _is_refused(part, refusal, request)), None
        )
        if part is None:
            return None
        lasting = part not in _INABILITY or _INABILITY[part].search(refusal.words)
        return replace(self, without=self.without | {part}, once=self.once | (frozenset() if lasting else {part}))

    def kept(self) -> EndpointCapabilities:
        """Return what the next request starts with."""
        return EndpointCapabilities(without=self.without - self.once, max_chars=self.max_chars)


def _is_refused(part: Feature, refusal: RefusedError, request: ModelRequest) -> bool:
    used = {
        Feature.PICTURES: any(message.pictures for message in request.messages),
        Feature.TOOL_CHOICE: bool(request.tools) and request.tool_choice not in {"auto", "none"},
        Feature.TOOLS: bool(request.tools),
        Feature.TEMPERATURE: request.temperature is not None,
        Feature.TOP_P: request.top_p is not None,
        Feature.NEW_LIMIT: request.max_completion_tokens is not None,
        Feature.ROLES: True,
    }[part]
    return used and _REFUSALS[part].search(refusal.words) is not None


_REFUSALS = {
    Feature.PICTURES: re.compile(r"image|picture|multi-?modal|vision|content.{0,40}(?:string|text)|mmproj"),
    Feature.TOOL_CHOICE: re.compile(r"tool[_ ]choice"),
    Feature.TOOLS: re.compile(r"tool|function"),
    Feature.TEMPERATURE: re.compile(r"temperature"),
    Feature.TOP_P: re.compile(r"top_p"),
    Feature.NEW_LIMIT: re.compile(r"max_completion_tokens"),
    Feature.ROLES: re.compile(r"alternat|system role|role.{0,20}system|roles must"),
}
# What tells a model that cannot from one picture or one call that was wrong.
_INABILITY = {
    Feature.PICTURES: re.compile(
        r"(?:not|n't|only|certain|no endpoints).{0,40}(?:support|multi-?modal|string|vision)|support.{0,20}certain|"
        r"unsupported content|unknown variant|mmproj|should be 'text'|at most 0|missing data required"
    ),
    Feature.TOOLS: re.compile(r"support|requires|enable|permitted|not allowed|unrecognized|unknown"),
}
_TOKENS = re.compile(r"(?:context (?:length|size|window)\D{0,20}|n_ctx\D{0,4})(\d{3,7})")


def _room(refusal: RefusedError, request: ModelRequest) -> int:
    """A quarter of the model's room stays free for its answer; where it does not tell, a quarter of what was sent."""
    told = _TOKENS.search(refusal.words)
    room = int(told[1]) * CHARS_PER_TOKEN * 3 // 4 if told else size_chars(request) // 4
    return max(MIN_CHARS, min(room, size_chars(request) // 2))
