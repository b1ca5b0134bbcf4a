"""PostgreSQL through one session, which is opened anew when it is lost. What waits together is sent together.

One task does all the talking, so nothing here runs beside a statement, and one statement carries hundreds of writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bot.errors import StorageError
from storage.postgres_connection import Connection, RefusedError, RolledBackError, SessionLostError

log = logging.getLogger(__name__)

A = TypeVar("A")
Q = TypeVar("Q")

POLL_S = 1.0
"""How often something is said at least, so that PostgreSQL and this process know of each other's life."""

_MAX_IN_ONE_STATEMENT = 500
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_FAREWELL_S = 5.0

Send = Callable[[Connection, Sequence[Q]], Awaitable[Sequence[A]]]
"""Does many requests with one statement, and gives the answer to each."""


class SessionListener(Protocol):
    """Is called as the session begins, works and ends: it may hold locks in it."""

    async def on_open(self, connection: Connection) -> None:
        """A session began; nothing of an earlier one is left."""
        ...

    async def on_tick(self, connection: Connection) -> None:
        """Called after each round of requests, after `wake`, and at least each POLL_S."""
        ...

    async def on_close(self, connection: Connection) -> None:
        """The process stops: leave things tidy for others. Not called when the session is lost."""
        ...

    async def on_end(self) -> None:
        """Nothing may be written any more in the belief that a lock is held. The next session waits for this."""
        ...


class NullListener:
    """Implements `SessionListener` for programs that only read."""

    async def on_open(self, connection: Connection) -> None:
        """Nothing to prepare."""

    async def on_tick(self, connection: Connection) -> None:
        """Nothing to look after."""

    async def on_close(self, connection: Connection) -> None:
        """Nothing to leave behind."""

    async def on_end(self) -> None:
        """Nothing was believed."""


@dataclass(frozen=True, slots=True)
class _Call:
    request: Any
    answer: asyncio.Future[Any]
    only_reads: bool


class PostgresSession:
    """Open it before use; `send` is the only way to ask something."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[Send[Any, Any], list[_Call]] = {}
        self._wake = asyncio.Event()
        self._usable = False
        self._settled = asyncio.Event()  # `on_tick` was called for the first time
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    async def open(self, listener: SessionListener, *, deadline_s: float = 15.0) -> None:
        """Connect, and from now on stay connected. Raises StorageError at once if that cannot work, else in the end."""
        self._closing = False
        self._settled.clear()
        connection = await self._first_connection(deadline_s)
        self._keeper = asyncio.create_task(self._keep(connection, listener), name="PostgreSQL session")
        self._keeper.add_done_callback(_log_failure)
        try:
            async with asyncio.timeout(deadline_s):
                await self._settled.wait()
        except TimeoutError:
            await self.close()
            raise StorageError("PostgreSQL can be reached, but a session does not last") from None

    async def send(self, send: Send[Q, A], request: Q) -> A:
        """The answer to this request, which is sent with all others for the same `send` that wait at this moment.

        Raises StorageError: at once when there is no session, so that nothing is promised that cannot be kept.
        """
        return await self._ask(send, request, only_reads=False)

    async def read(self, send: Send[Q, A], request: Q) -> A:
        """The same where `send` writes nothing: it may then be repeated for each request, whatever failed."""
        return await self._ask(send, request, only_reads=True)

    async def _ask(self, send: Send[Q, A], request: Q, *, only_reads: bool) -> A:
        if not self._usable:
            raise StorageError("there is no session with PostgreSQL at the moment")
        call = _Call(request, asyncio.get_running_loop().create_future(), only_reads)
        self._waiting.setdefault(send, []).append(call)
        self._wake.set()
        return await call.answer  # type: ignore[no-any-return]  # what `send` gave for this request

    def wake(self) -> None:
        """Have `on_tick` called now."""
        self._wake.set()

    async def close(self) -> None:
        """Send what waits, let the listener close, and end the session."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        self._closing = True
        self._wake.set()
        await asyncio.wait({keeper}, timeout=_FAREWELL_S)
        keeper.cancel()
        await asyncio.wait({keeper}, timeout=_FAREWELL_S)

    async def _first_connection(self, deadline_s: float) -> Connection:
        end_s = asyncio.get_running_loop().time() + deadline_s
        while True:
            try:
                return await Connection.open(self._url)
            except SessionLostError as error:
                if asyncio.get_running_loop().time() + POLL_S > end_s:
                    raise
                log.warning("waiting for PostgreSQL", extra={"why": str(error)})
                await asyncio.sleep(POLL_S)

    async def _keep(self, first: Connection, listener: SessionListener) -> None:
        connection: Connection | None = first
        failures = 0
        while not self._closing:
            try:
                connection = connection or await Connection.open(self._url)
                failures = 0
                await self._use(connection, listener)
            except StorageError as error:
                log.warning("without PostgreSQL", extra={"why": str(error)})
            finally:
                await self._end(connection, listener)
                connection = None
            if not self._closing:
                await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
                failures += 1

    async def _use(self, connection: Connection, listener: SessionListener) -> None:
        await listener.on_open(connection)
        self._usable = True
        log.info("session with PostgreSQL began")
        while not connection.closed:
            self._wake.clear()
            await self._send_what_waits(connection)
            await listener.on_tick(connection)
            self._settled.set()
            if self._closing:
                self._usable = False
                await self._send_what_waits(connection)
                return await listener.on_close(connection)
            await self._woken()
        raise SessionLostError("PostgreSQL ended the session")

    async def _end(self, connection: Connection | None, listener: SessionListener) -> None:
        self._usable = False
        waiting, self._waiting = self._waiting, {}
        _refuse(call for calls in waiting.values() for call in calls)
        await listener.on_end()
        if connection is not None:
            await connection.close()

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send_what_waits(self, connection: Connection) -> None:
        waiting, self._waiting = self._waiting, {}
        try:
            for send, calls in waiting.items():
                wanted = [call for call in calls if not call.answer.cancelled()]
                for start in range(0, len(wanted), _MAX_IN_ONE_STATEMENT):
                    await _send_together(connection, send, wanted[start : start + _MAX_IN_ONE_STATEMENT])
        finally:  # nobody may wait for ever
            _refuse(call for calls in waiting.values() for call in calls)


async def _send_together(
    connection: Connection, send: Send[Any, Any], calls: Sequence[_Call], *, is_repeated: bool = False
) -> None:
    """Send requests as one, and each by itself where one of them makes all fail: the others must not suffer with it.

    Not where `send` has changed something before it failed: each statement is a transaction of its own.
    """
    done = connection.done
    try:
        answers = await send(connection, [call.request for call in calls])
    except SessionLostError:
        raise
    except StorageError as error:
        reason: str | Exception = str(error)
        may_pass_alone = len(calls) > 1 and isinstance(error, RefusedError)
        may_repeat = may_pass_alone or (isinstance(error, RolledBackError) and not is_repeated)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # `send` cannot read a row, or has a mistake: that is for who asked, and does not end the session of all.
        may_repeat = len(calls) > 1
        reason = f"what PostgreSQL answered cannot be read: {type(error).__name__}" if may_repeat else error
    else:
        _answer(calls, answers)
        return
    if not may_repeat or (connection.done != done and not all(call.only_reads for call in calls)):
        _refuse(calls, reason)
        return
    for call in calls:
        await _send_together(connection, send, [call], is_repeated=len(calls) == 1)


def _answer(calls: Sequence[_Call], answers: Sequence[Any]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        if not call.answer.done():
            call.answer.set_result(answer)


def _refuse(calls: Iterable[_Call], reason: str | Exception = "the session with PostgreSQL ended") -> None:
    for call in calls:
        if not call.answer.done():  # an error for each, since each caller adds to its traceback
            call.answer.set_exception(StorageError(reason) if isinstance(reason, str) else reason)


def _log_failure(keeper: asyncio.Task[None]) -> None:
    if not keeper.cancelled() and keeper.exception() is not None:
        log.critical("the session with PostgreSQL is not kept any more", exc_info=keeper.exception())
