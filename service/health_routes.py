"""`GET /healthz` and `GET /readyz`, for supervisors and load balancers.

Anybody may ask on the public listener, so the answers name no version, no setting and no host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from bot.conversation import ConversationKey
from bot.errors import StorageError
from bot.ports import Conversations, Ledger

_CHECK_INTERVAL_S: Final = 1.0
_CHECK_DEADLINE_S: Final = 2.0
_PROBE: Final = ConversationKey(channel="readyz", tenant="", conversation="")
_NO_STORE: Final = {"Cache-Control": "no-store"}


class HealthRoutes:
    """Alive: the event loop answers. Ready: the database would take a message now, as far as it tells without one.

    A store of files that is down does not count: all replicas share it, and most answers need no file. `sandbox` says
    what isolates the assistant's code, or `none`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        conversations: Conversations,
        sandbox: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._conversations = conversations
        self._sandbox = sandbox
        self._clock = clock
        self._lock = asyncio.Lock()
        self._is_ready = False
        self._checked_at_s = -_CHECK_INTERVAL_S

    def add_routes(self, app: web.Application) -> None:
        """Serve both."""
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"}, headers=_NO_STORE)

    async def _readiness(self, request: web.Request) -> web.Response:
        # One check at a time, whose result all callers share: a flood of requests must not become one of queries.
        async with self._lock:
            if self._clock() - self._checked_at_s >= _CHECK_INTERVAL_S:
                try:
                    async with asyncio.timeout(_CHECK_DEADLINE_S):
                        await self._ledger.check()
                        await self._conversations.thread_of(_PROBE)
                    self._is_ready = True
                except (StorageError, TimeoutError):
                    self._is_ready = False
                self._checked_at_s = self._clock()
        if self._is_ready:
            return web.json_response({"status": "ready", "sandbox": self._sandbox}, headers=_NO_STORE)
        return web.json_response(
            {"status": "unavailable", "sandbox": self._sandbox}, status=503, headers={**_NO_STORE, "Retry-After": "1"}
        )
