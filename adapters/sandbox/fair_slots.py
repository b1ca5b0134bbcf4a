"""Who may run code next where more want to than processor cores can bear (S10)."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSlots:
    """A number of slots. A free one goes to the waiting user who holds the fewest, and who was served longest ago.

    Each of a user's conversations gets its turn in the same way. So nobody keeps more than one slot for long while
    others wait, however many conversations they have code running in.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._numbers = itertools.count(1)
        self._held: Counter[str] = Counter()
        self._served: dict[str, int] = {}  # when each user was served last, as a number that grows
        # Conversations in the order of their turns: one goes to the end when it is served.
        self._waiting: dict[str, dict[str, deque[asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def slot(self, user: str, conversation: str) -> AsyncIterator[None]:
        """Hold a slot for as long as the block takes; wait for it if none is free."""
        if self._free and not self._waiting:
            self._take(user)
        else:
            await self._wait(user, conversation)
        try:
            yield
        finally:
            self._give_back(user)

    async def _wait(self, user: str, conversation: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, {}).setdefault(conversation, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was served in the very moment in which it gave up
                self._give_back(user)
            else:
                self._leave(user, conversation, turn)
            raise

    def _take(self, user: str) -> None:
        self._free -= 1
        self._held[user] += 1
        self._served[user] = next(self._numbers)

    def _give_back(self, user: str) -> None:
        self._free += 1
        self._held[user] -= 1
        self._held += Counter()  # forgets who holds none
        while self._free and self._waiting:
            self._serve(min(self._waiting, key=lambda waiting: (self._held[waiting], self._served.get(waiting, 0))))
        if not self._waiting:
            self._served = {holder: self._served[holder] for holder in self._held}

    def _serve(self, user: str) -> None:
        conversations = self._waiting.pop(user)
        conversation, turns = next(iter(conversations.items()))
        del conversations[conversation]
        turn = turns.popleft()
        if turns:
            conversations[conversation] = turns
        if conversations:
            self._waiting[user] = conversations
        if not turn.done():  # else it has just been given up
            self._take(user)
            turn.set_result(None)

    def _leave(self, user: str, conversation: str, turn: asyncio.Future[None]) -> None:
        conversations = self._waiting.get(user, {})
        turns = conversations.get(conversation, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            conversations.pop(conversation, None)
        if not conversations:
            self._waiting.pop(user, None)
