"""A model's reply as it should have been: calls where it meant to call, and no words that it wrote for itself."""

from __future__ import annotations

import logging
from dataclasses import replace

from adapters.embedded.models.code_calls import code_call, proper_call
from adapters.embedded.models.markdown_code import may_run, program_in
from adapters.embedded.models.port import CODE_INTERPRETER, ModelFinish, ModelReply, ModelRequest
from adapters.embedded.models.text_calls import spoken_calls
from adapters.embedded.models.thinking import without_thinking

log = logging.getLogger(__name__)


def helped(reply: ModelReply, request: ModelRequest) -> ModelReply:
    """Help a model that does not keep to the protocol; one that does is left as it is."""
    offered = frozenset(tool.name for tool in request.tools)
    words = replace(reply, text=without_thinking(reply.text))
    if not offered or request.tool_choice == "none":
        return replace(words, tool_calls=())
    if words.tool_calls:
        return replace(words, tool_calls=tuple(proper_call(call, offered) for call in words.tool_calls))
    return _with_spoken_calls(words, offered) or _with_program(words, request, offered) or words


def _with_spoken_calls(reply: ModelReply, offered: frozenset[str]) -> ModelReply | None:
    spoken = spoken_calls(reply.text, offered)
    if spoken is None:
        return None
    log.info("calls read out of a model's words", extra={"calls": len(spoken.calls)})
    return replace(reply, text=spoken.said, tool_calls=spoken.calls, finish=ModelFinish.TOOL_CALLS)


def _with_program(reply: ModelReply, request: ModelRequest, offered: frozenset[str]) -> ModelReply | None:
    """What stands round the code is dropped: it was written before there was an output, or makes one up."""
    if CODE_INTERPRETER not in offered or reply.finish is ModelFinish.LENGTH or not may_run(request):
        return None
    program = program_in(reply.text)
    if program is None:
        return None
    log.info("a block of code in a model's words is run", extra={"size_chars": len(program)})
    return replace(reply, text="", tool_calls=(code_call(program),), finish=ModelFinish.TOOL_CALLS)
