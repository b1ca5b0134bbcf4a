"""A model in the weather of the chat page, and a process that is killed and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from adapters.embedded.models.port import Model, ModelError, ModelReply, ModelRequest
from adapters.sandbox.process_tree import descendants
from adapters.webchat.weather import MODEL_PAUSE_S, MODEL_WISH_S, Kind, Weather


class WeatheredModel:
    """Whoever answers, as slow or as much over its limit as the weather says. Implements the `Model` port."""

    def __init__(self, model: Model, *, weather: Weather) -> None:
        self._model = model
        self._weather = weather

    @property
    def sees(self) -> bool:
        """As the model itself."""
        return self._model.sees

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One exchange, if the weather lets it pass."""
        if self._weather.strikes(Kind.SLOW_MODEL, f"The model takes {MODEL_PAUSE_S:g} seconds longer."):
            await asyncio.sleep(min(MODEL_PAUSE_S, self._weather.left_s(Kind.SLOW_MODEL)))
        if self._weather.strikes(Kind.MODEL_LIMIT, f"The model answers 429: try again in {MODEL_WISH_S:g} seconds."):
            words = f"The model's endpoint is over its rate limit or its quota (429); try again in {MODEL_WISH_S:g}s."
            raise ModelError(words, code="rate_limit_exceeded", retry_after_s=MODEL_WISH_S)
        return await self._model.complete(request)

    async def close(self) -> None:
        """Let the model go."""
        await self._model.close()


def can_restart() -> bool:
    """Whether this system tells which processes are ours; where it does not, they would outlive the kill."""
    return sys.platform == "linux"


def restart_at_once(*, port: int) -> NoReturn:
    """Begin this very program again in place of this process, which ends as SIGKILL would end it.

    Nothing is finished, written or closed: `exec` throws away all memory, threads, sockets and locks in one instant.
    The number of the process stays, so a terminal, `make` or a supervisor that waits for it waits on. The code that
    ran in the sandbox dies with it, as the walls see to when a process is really killed.
    """
    _end_children(within_s=1.0)
    os.environ["PORT"] = str(port)  # the page finds it where it was, even if that was any free port
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - what runs already


def _end_children(*, within_s: float) -> None:
    """And bury them: nobody else will ever ask how they ended."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at and (children := descendants(os.getpid())[1:]):
        for pid in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)
