"""How long to wait before a request is made again."""

from __future__ import annotations

import math
import random


def backoff_s(attempt: int, *, first_s: float, max_s: float = math.inf, jitter: tuple[float, float] = (1, 1)) -> float:
    """The pause after this attempt (the first is 1): twice as long each time, up to `max_s`.

    It is multiplied by a random factor between the two of `jitter`, so that many callers do not come back at once.
    """
    return min(first_s * 2.0 ** (attempt - 1), max_s) * random.uniform(*jitter)  # noqa: S311 - guards nothing
