"""What a model's endpoint takes, learned from refusals anew after an hour; and how its model writes, from answers.

There is no common way to ask a server whether its model sees pictures or calls tools. So it is asked as if it could,
and again without the part that it refuses. The patterns are words of real refusals; tests/model_shapes holds them with
their sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.embedded.models.chat_errors import RefusedError
from adapters.embedded.models.context_window import size_chars
from adapters.embedded.models.port import ModelRequest, Speaker

CHARS_PER_TOKEN = 3
"""Of code, figures and German; English has four."""
MIN_CHARS = 2_000
LIFETIME_S = 3600.0
"""A server may be set up anew, or a refusal be misread; then this is how long it matters."""


class Feature(StrEnum):
    """A part of a request that may be left out, or said in another way. The order is that in which it is tried."""

    STREAM_USAGE = "stream_options"  # the tokens of a streamed answer
    STREAM = "stream"  # the answer comes whole
    PICTURES = "pictures"
    TOOL_CHOICE = "tool_choice"  # the model is left to choose
    PARALLEL = "parallel_tool_calls"
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    NEW_LIMIT = "max_completion_tokens"  # `max_tokens` is its older name
    THINKING = "thinking"  # switched off: some services demand it of answers that come whole
    NULL_CONTENT = "null content"  # an empty text in its place
    MODEL_IDS = "ids of the model's"  # of calls; ours in their place, of nine letters and digits
    EXTRAS = "extra fields"  # of the model's own messages
    ROLES = "roles"  # no system message, user and assistant by turns
    TOOLS = "tools"  # calls are spoken of in words
    CALLS = "earlier calls"  # spoken of in words, while tools stay on offer


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCapabilities:
    """What an endpoint takes: the features to leave out, and the length of a conversation."""

    without: frozenset[Feature] = frozenset()
    max_chars: int | None = None  # of all messages together
    once: frozenset[Feature] = frozenset()  # left out for one request only
    shortened: bool = False  # for the current request
    streams: bool = False  # it has streamed an answer, so that no refusal in other words can be of that
    # How its model writes, which shows only when an answer is whole.
    thinks_first: bool | None = None  # in words that begin with thinking of which only the end is marked
    writes_programs: bool = False  # as Markdown, where it was to call: so it did when it could last

    def after(
        self, refusal: RefusedError, request: ModelRequest, *, matters: Callable[[Feature], bool], has_called: bool
    ) -> EndpointCapabilities | None:
        """Return the capabilities to try next; None when nothing is left to leave out.

        `matters` tells whether leaving a feature out changes the request. `has_called` says that this model has made
        a call before, so that no refusal can mean that it cannot.
        """
        if refusal.too_long:
            hopeless = self.shortened or size_chars(request) <= MIN_CHARS
            return None if hopeless else replace(self, shortened=True, max_chars=_room(refusal, request))

        def can_leave_out(part: Feature) -> bool:
            if part is Feature.TOOL_CHOICE and request.tool_choice in {"auto", "none"}:
                return False
            return part not in self.without and matters(part)

        words = refusal.words
        named = [part for part, pattern in _REFUSALS.items() if pattern.search(words) and can_leave_out(part)]
        if Feature.EXTRAS in named and _DEMANDS_EXTRAS.search(words):
            named.remove(Feature.EXTRAS)
        if has_called and Feature.TOOLS in named:
            named.remove(Feature.TOOLS)
        if named:
            part = named[0]
            lasting = part not in _INABILITY or _INABILITY[part].search(words) is not None
        else:
            # Servers refuse the shape of earlier calls in words that name no shape, or the wrong one.
            shapes = [Feature.NULL_CONTENT, Feature.MODEL_IDS, Feature.EXTRAS, Feature.CALLS]
            holds_calls = any(message.speaker is Speaker.TOOL for message in request.messages)
            last_resort = [Feature.TOOLS] if _REFUSALS[Feature.TOOLS].search(words) else []
            stream = [] if self.streams else [Feature.STREAM_USAGE, Feature.STREAM]
            candidates = [*(shapes if holds_calls else []), *stream, *last_resort]
            rest = [part for part in candidates if can_leave_out(part)]
            if not rest:
                return None
            part, lasting = rest[0], rest[0] in _LASTING
        return replace(self, without=self.without | {part}, once=self.once | (frozenset() if lasting else {part}))

    def kept(self) -> EndpointCapabilities:
        """Return what the next request starts with."""
        return replace(self, without=self.without - self.once, once=frozenset(), shortened=False)

    def habits(self) -> EndpointCapabilities:
        """Return what is known of how the model writes: were that forgotten, a thought would be shown each time."""
        return EndpointCapabilities(thinks_first=self.thinks_first, writes_programs=self.writes_programs)

    def with_learned(self, learned: EndpointCapabilities, *, since: EndpointCapabilities) -> EndpointCapabilities:
        """Return these with what one exchange has learned since it began; others may have learned meanwhile."""
        changed = {
            name: getattr(learned, name)
            for name in ("max_chars", "streams", "thinks_first", "writes_programs")
            if getattr(learned, name) != getattr(since, name)
        }
        return replace(self, without=self.without | (learned.without - since.without), **changed)

    def having_seen(
        self, *, streams: bool, thinks_first: bool | None, writes_programs: bool | None
    ) -> EndpointCapabilities:
        """Return what is known after an answer; None: a habit did not show either way.

        Thinking that showed once is a habit for good, since it must not be shown. Programs are one until the next
        answer that could have held one and does not: all that is lost is words before a block, which stay.
        """
        if thinks_first is None or self.thinks_first:
            thinks_first = self.thinks_first
        return replace(
            self,
            streams=self.streams or streams,
            thinks_first=thinks_first,
            writes_programs=self.writes_programs if writes_programs is None else writes_programs,
        )


_REFUSALS = {
    Feature.STREAM_USAGE: re.compile(r"stream_options|include_usage"),
    Feature.STREAM: re.compile(r"\bstream(?:ing|ed)?\b"),
    Feature.PICTURES: re.compile(r"image|picture|multi-?modal|vision|content.{0,40}(?:string|text)|mmproj"),
    Feature.TOOL_CHOICE: re.compile(r"tool[_ ]choice"),
    Feature.PARALLEL: re.compile(r"parallel[_ ]tool"),
    Feature.TEMPERATURE: re.compile(r"temperature"),
    Feature.TOP_P: re.compile(r"top_p"),
    Feature.NEW_LIMIT: re.compile(r"max_completion_tokens"),
    Feature.THINKING: re.compile(r"enable_thinking"),
    Feature.NULL_CONTENT: re.compile(r"content|\bnull\b|<nil>|none_?type|not none"),
    Feature.MODEL_IDS: re.compile(r"call[ _]?ids?\b|alphanumeric|length of 9|\bid\b.{0,40}(?:length|format|pattern)"),
    Feature.EXTRAS: re.compile(
        r"reasoning|thinking|extra_content|extra (?:inputs|fields|keys)|additional propert|"
        r"unexpected (?:key|field|prop)|"
        r"(?:unknown|unsupported|unrecognized) (?:field|propert|key|parameter|name|request argument)"
    ),
    Feature.ROLES: re.compile(r"alternat|system role|role.{0,20}system|roles must"),
    Feature.TOOLS: re.compile(r"tool|function"),
}
_LASTING = frozenset({Feature.NULL_CONTENT, Feature.MODEL_IDS, Feature.STREAM_USAGE, Feature.STREAM})
"""Left out for good where it helped, whatever the refusal said: nothing is lost but speed."""
_DEMANDS_EXTRAS = re.compile(r"must be passed|is missing|are missing|missing a|is required|required field")
# What tells a model that cannot from one picture or one call that was wrong.
_INABILITY = {
    Feature.PICTURES: re.compile(
        r"(?:not|n't|only|certain|no endpoints).{0,40}(?:support|multi-?modal|string|vision)|support.{0,20}certain|"
        r"unsupported content|unknown variant|mmproj|should be 'text'|at most 0|missing data required"
    ),
    Feature.TOOLS: re.compile(
        r"(?:not|n't|no endpoints?).{0,40}(?:support|accept|allow).{0,40}(?:tool|function)|"
        r"(?:tool|function)s?\b.{0,60}(?:(?:not|n't|un).{0,20}(?:support|permit|allow|enabled|available)|unsupported)|"
        r"(?:tool|function).{0,40}requires? --|(?:unrecognized|unknown|unsupported).{0,40}['\"`]?(?:tool|function)s?\b|"
        r"(?:tool|function)s?['\"`]?\W{0,5}(?:extra|additional)|(?:extra|additional).{0,60}not permitted"
    ),
}
_TOKENS = re.compile(r"(?:context (?:length|size|window)\D{0,20}|n_ctx\D{0,4})(\d{3,7})")


def _room(refusal: RefusedError, request: ModelRequest) -> int:
    """A quarter of the model's room stays free for its answer; where it does not tell, a quarter of what was sent."""
    told = _TOKENS.search(refusal.words)
    room = int(told[1]) * CHARS_PER_TOKEN * 3 // 4 if told else size_chars(request) // 4
    return max(MIN_CHARS, min(room, size_chars(request) // 2))
