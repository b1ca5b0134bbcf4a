"""Words that a model wrote for itself, which no person is meant to read.

Endpoints keep them in a field of their own (`reasoning_content`, `reasoning`), unless the server was started without
the parser for its model: then they stand before the answer, in the marks of the model's template.
"""

from __future__ import annotations

import re

_THOUGHT = re.compile(
    r"\s*(?:<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z))", re.S | re.I
)
_OPENED = re.compile(r"<think(?:ing)?>", re.I)
_CLOSED = re.compile(r"</think(?:ing)?>", re.I)
# gpt-oss: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...<|return|>
_CHANNEL = "<|channel|>"
_FINAL = re.compile(r".*<\|channel\|>final[^<]*<\|message\|>(.*?)(?:<\|(?:end|return)\|>|\Z)", re.S)
_ANALYSIS = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|\Z)", re.S)


def without_thinking(text: str) -> str:
    """The answer alone. Thinking that was cut off before its end leaves nothing."""
    if _CHANNEL in text:
        final = _FINAL.match(text)
        return final[1] if final else _ANALYSIS.sub("", text)
    closed = _CLOSED.search(text)
    # Some templates open the thinking in the prompt, so that only its end is in the answer.
    if closed and not _OPENED.search(text, 0, closed.start()):
        return text[closed.end() :]
    while thought := _THOUGHT.match(text):
        text = text[thought.end() :]
    return text
