"""Owns the task of each active run: starts, wakes and cancels it, ends it in time, takes it up after a restart."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from adapters.embedded import moves
from adapters.embedded.ids import RunId
from adapters.embedded.journal import RunJournal
from adapters.embedded.run_loop import RunLoop
from adapters.embedded.run_objects import ACTIVE, LastError, Run, RunStatus
from adapters.embedded.store import Store, StoreError

log = logging.getLogger(__name__)

SETTLE_TRIES = 20
MAX_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    task: asyncio.Task[None]
    work: asyncio.Task[None]
    outputs_came: asyncio.Event = field(default_factory=asyncio.Event)


class RunTasks:
    """All runs that are under way in this process."""

    def __init__(self, *, store: Store, journal: RunJournal, loop: RunLoop) -> None:
        self._store = store
        self._journal = journal
        self._loop = loop
        self._live: dict[RunId, _Live] = {}

    async def recover(self) -> None:
        """Take up every run that an earlier process left unfinished."""
        unfinished = await self._store.transact(
            lambda rows: [run for status in ACTIVE for run in rows.all(Run, status=status)]
        )
        for run in unfinished:
            log.info("run taken up after a restart", extra={"run": run.id, "status": run.status})
            self.start(run)
            if run.status is RunStatus.CANCELLING:
                self.cancel(run)

    def start(self, run: Run) -> None:
        """Work on a run until it ends."""
        outputs_came = asyncio.Event()
        work = asyncio.create_task(self._loop.drive(run.id, outputs_came), name=f"work on {run.id}")
        task = asyncio.create_task(self._see_through(run, work), name=f"{run.id}")
        self._live[run.id] = _Live(task=task, work=work, outputs_came=outputs_came)
        task.add_done_callback(lambda _: self._live.pop(run.id, None))

    def wake(self, run_id: RunId) -> None:
        """Tell a run that its tool outputs have come."""
        if live := self._live.get(run_id):
            live.outputs_came.set()

    def cancel(self, run: Run) -> None:
        """Stop the work on a run whose cancelling is written down, or whose thread is gone."""
        if run.id not in self._live:
            self.start(run)
        self._live[run.id].work.cancel()

    async def stop(self) -> None:
        """Let go of all runs; they stay as they are, for the next start."""
        tasks = [task for live in self._live.values() for task in (live.task, live.work)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _see_through(self, run: Run, work: asyncio.Task[None]) -> None:
        left_s = (run.expires_at or 0) - self._journal.now()
        await asyncio.wait({work}, timeout=max(0, left_s))
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
            await self._settle(run.id, RunStatus.EXPIRED)
        elif not work.cancelled() and (error := work.exception()):
            log.error("run broke off", extra={"run": run.id}, exc_info=error)
            await self._settle(run.id, RunStatus.FAILED, str(error) if isinstance(error, StoreError) else "")
        else:
            # Ends a run whose cancelling was written while its last move was being made; any other has ended by itself.
            await self._settle(run.id, RunStatus.CANCELLED)

    async def _settle(self, run_id: RunId, status: RunStatus, reason: str = "") -> None:
        """Write the end down; a disk that is full may have room in a moment."""
        error = None
        if status is RunStatus.FAILED:
            error = LastError(code="server_error", message=reason or "The server broke off this run; its log says why.")
        for tried in range(SETTLE_TRIES):
            try:
                await self._journal.write(moves.end, run_id, status=status, error=error)
            except StoreError as fault:
                log.warning("end of run not written", extra={"run": run_id, "why": str(fault)})
                await asyncio.sleep(min(2.0**tried, MAX_PAUSE_S))
            else:
                return
