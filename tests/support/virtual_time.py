"""Waiting that takes no time: an event loop whose clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TICK_S: Final = 1e-7  # a clock that stands still would hold up those who ask again until a moment has passed


def in_warped_time(story: Coroutine[Any, Any, T]) -> T:
    """Run a story that waits for nothing but the clock; `asyncio.get_running_loop().time()` tells its seconds."""
    with asyncio.Runner(loop_factory=_WarpedLoop) as runner:
        return runner.run(story)


class _WarpedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now_s

    def jump(self, wait_s: float) -> None:
        self._now_s += wait_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: _WarpedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.jump(max(timeout or 0.0, _TICK_S))
        return super().select(0)
