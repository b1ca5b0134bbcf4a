"""What tests of ledgers share: an engine's side that remembers what it was handed, and two ways to look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.ports import Ledger, LedgerEntry


class Adopted(list[LedgerEntry]):
    """Stands where the engine would: takes turns over, and lets go of them when told."""

    def __init__(self) -> None:
        super().__init__()
        self.drops = 0
        self.on_drop: Callable[[], object] = list

    def __call__(self, entries: Sequence[LedgerEntry]) -> None:
        self.extend(entries)

    @property
    def ids(self) -> list[str]:
        return [entry.id for entry in self]

    async def drop(self) -> None:
        self.drops += 1
        self.on_drop()
        self.clear()


async def started(ledger: Ledger) -> Adopted:
    adopted = Adopted()
    await ledger.start(adopted, adopted.drop)
    return adopted


async def unfinished(ledger: Ledger) -> list[LedgerEntry]:
    """What the next life of the process finds; it goes on with that life."""
    await ledger.stop()
    return list(await started(ledger))


async def accepted(ledger: Ledger, conversation: str = "c", message_id: str = "m", payload: str = "x") -> int:
    number = await ledger.add(conversation, message_id, payload)
    assert number is not None
    return number


async def refused(work: Awaitable[object], error: type[Exception]) -> str:
    """What an error says."""
    try:
        await work
    except error as told:
        return str(told)
    raise AssertionError(f"no {error.__name__}")
