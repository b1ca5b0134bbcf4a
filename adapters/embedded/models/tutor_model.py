"""The built-in tutor behind the Model port: a thread of Chat Completions messages in, words or a tool call out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    NO_MORE_CODE,
    SAYS_WHO,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelToolCall,
    OnWords,
    Speaker,
)
from tutor.dialogue import CodeUse, Place, RunCode, Thread, UserMessage, Words
from tutor.tutor import reply_to

NAME: Final = "built-in tutor"
_CODE_AGAIN: Final = re.compile(rf"{NO_MORE_CODE}(?: until (\d\d:\d\d UTC))?:")
_FAR_CHANNELS: Final = frozenset({"msteams"})  # whose readers cannot change this bot's settings


class TutorModel:
    """Answers from the thread alone; needs no connection and no account."""

    @property
    def sees(self) -> bool:
        """The tutor reads words only."""
        return False

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        """Ask the tutor; the run loop runs the program it may want and calls again with the output."""
        match reply_to(_thread(request)):
            case Words(text):
                return ModelReply(text=text, model=NAME)
            case RunCode(code):
                call = ModelToolCall(
                    id=f"call_tutor_{len(request.messages)}",  # grows with the thread, so it is unique in it
                    name=CODE_INTERPRETER,
                    arguments=json.dumps({"code": code}),
                )
                return ModelReply(text="", tool_calls=(call,), finish=ModelFinish.TOOL_CALLS, model=NAME)

    async def close(self) -> None:
        """Nothing is open."""


def _thread(request: ModelRequest) -> Thread:
    asked = [message for message in request.messages if message.speaker is Speaker.USER]
    outputs = _outputs_since_question(request.messages)
    refused = _CODE_AGAIN.match(outputs[-1]) if outputs else None
    return Thread(
        messages=tuple(
            UserMessage(text=SAYS_WHO.sub("", message.text), file_names=message.file_names) for message in asked
        ),
        outputs=tuple(outputs),
        code_again=(refused[1] or "") if refused else None,
        instructions=request.instructions,
        code_use=_code_use(request),
        language=request.language,
        place=Place.ELSEWHERE if request.channel in _FAR_CHANNELS else Place.THIS_MACHINE,
    )


def _outputs_since_question(messages: Sequence[ModelMessage]) -> list[str]:
    outputs: list[str] = []
    for message in messages:
        if message.speaker is Speaker.USER:
            outputs = []
        elif message.speaker is Speaker.TOOL:
            outputs.append(message.text)
    return outputs


def _code_use(request: ModelRequest) -> CodeUse:
    if request.tool_choice == "none" or all(tool.name != CODE_INTERPRETER for tool in request.tools):
        return CodeUse.FORBIDDEN
    return CodeUse.REQUIRED if request.tool_choice in {"required", CODE_INTERPRETER} else CodeUse.ALLOWED
