"""The built-in tutor: a Model that is no language model, but reads questions of mathematics and writes Python for them.

It keeps nothing between exchanges: the thread's messages say all, and reading them twice gives the same. An exchange
ends either in a call of Code Interpreter or, once its output is there, in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from adapters.embedded.models.port import (
    CODE_INTERPRETER, ModelFinish, ModelMessage, ModelReply, ModelRequest, ModelToolCall, Speaker,
)
from adapters.embedded.models.tutor.answers.answer import answer, say
from adapters.embedded.models.tutor.language.cues import Cue
from adapters.embedded.models.tutor.planning.planning import Context, Plan, planned
from adapters.embedded.models.tutor.programs.write import program
from adapters.embedded.models.tutor.reading.reading import read
from adapters.embedded.models.tutor.planning.refusal import Reason, Refusal
from adapters.embedded.models.tutor.reading.clause import Question
from adapters.embedded.models.tutor.answers.results import results_in
from adapters.embedded.models.tutor.language.vocabulary import Language

NAME: Final = "built-in tutor"
_MESSAGES_READ: Final = 30


class Tutor:
    """Answers from the thread alone; needs no connection and no account."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """A call of Code Interpreter, or words."""
        heard = [message for message in request.messages if message.speaker is Speaker.USER][-_MESSAGES_READ:]
        if not heard:
            return _words(say("hello"))
        outputs = _outputs_since_last_question(request.messages)
        question, plan = _understood(heard)
        if isinstance(plan, Refusal):
            return _words(_declined(question, plan))
        if not any(tool.name == CODE_INTERPRETER for tool in request.tools) or request.tool_choice == "none":
            return _words(_declined(question, Refusal(Reason.NO_TOOL)))
        if not outputs:
            return _call(program(plan.tasks), len(request.messages))
        results = results_in(outputs[-1])
        if not results:
            return _words(say("failed", reason=outputs[-1].strip().splitlines()[-1][:300] if outputs[-1].strip() else ""))
        return _words(answer(plan.tasks, results, explains=True))

    async def close(self) -> None:
        """There is nothing to let go of."""


def _understood(heard: Sequence[ModelMessage]) -> tuple[Question, Plan | Refusal]:
    context = Context()
    language = Language.ENGLISH
    question, plan = None, None
    for message in heard:
        question = read(message.text, otherwise=language, functions=frozenset(context.definitions))
        language = question.language
        try:
            plan = planned(question, context)
            context = plan.context
        except Refusal as refusal:
            plan = refusal
    assert question is not None and plan is not None
    return question, plan


def _outputs_since_last_question(messages: Sequence[ModelMessage]) -> list[str]:
    outputs: list[str] = []
    for message in messages:
        if message.speaker is Speaker.USER:
            outputs = []
        elif message.speaker is Speaker.TOOL:
            outputs.append(message.text)
    return outputs


def _declined(question: Question, refusal: Refusal) -> str:
    smalltalk = {Cue.HELLO: "hello", Cue.THANKS: "thanks", Cue.GOODBYE: "goodbye"}
    for cue, key in smalltalk.items():
        if cue in question.cues and refusal.reason is Reason.NO_MATHEMATICS:
            return say(key) + "\n\n" + say("examples")
    details = ", ".join(f"“{detail}”" for detail in refusal.details)
    reason = say("refused", reason=say(refusal.reason, details=details))
    return "\n\n".join([reason, say("examples"), say("connect")])


def _call(code: str, number: int) -> ModelReply:
    call = ModelToolCall(id=f"call_tutor_{number}", name=CODE_INTERPRETER, arguments=json.dumps({"code": code}))
    return ModelReply(text="", tool_calls=(call,), finish=ModelFinish.TOOL_CALLS, model=NAME)


def _words(text: str) -> ModelReply:
    return ModelReply(text=text, model=NAME)
