"""What a generated question is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.tutor.judging import Judge

GERMAN_SHARE = 0.3


@dataclass(frozen=True)
class Question:
    """Messages of one thread; the judge sees the answer to the last."""

    kind: str
    messages: tuple[str, ...]
    judge: Judge
    files: dict[str, str] = field(default_factory=dict)


Kind = Callable[[random.Random], Question]


def pick(rng: random.Random, english: Sequence[str], german: Sequence[str] = ()) -> str:
    """One of several ways of saying it."""
    return rng.choice(german if german and rng.random() < GERMAN_SHARE else english)
