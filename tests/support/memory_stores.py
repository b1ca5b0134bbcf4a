"""Stores in memory: what conversations have, what people used and think of it."""

from __future__ import annotations

from bot.belongings import Belonging
from bot.conversation import ConversationKey
from bot.feedback import Feedback, FeedbackRecord
from bot.timeline import Timeline
from bot.turn_record import Usage, UsageSum


class MemoryBelongings:
    def __init__(self) -> None:
        self.kept: dict[ConversationKey, list[Belonging]] = {}
        self.ended_turns: dict[ConversationKey, int] = {}
        self.opinions: dict[ConversationKey, int] = {}

    async def add(self, key: ConversationKey, belonging: Belonging) -> None:
        known = self.kept.setdefault(key, [])
        if not any((each.kind, each.ref) == (belonging.kind, belonging.ref) for each in known):
            known.append(belonging)

    async def of(self, key: ConversationKey) -> list[Belonging]:
        return list(self.kept.get(key, []))

    async def remove(self, key: ConversationKey, belonging: Belonging) -> None:
        kept = self.kept.get(key, [])
        self.kept[key] = [each for each in kept if (each.kind, each.ref) != (belonging.kind, belonging.ref)]

    async def forget_turns(self, key: ConversationKey) -> int:
        return self.ended_turns.pop(key, 0)

    async def forget_feedback(self, key: ConversationKey) -> int:
        return self.opinions.pop(key, 0)


class MemoryUsage:
    """What each person used, as times and amounts."""

    def __init__(self) -> None:
        self.spent: list[tuple[float, str, Usage]] = []  # when, by whom, how much

    async def used(self, tenant: str, since_s: float, person: str | None = None) -> UsageSum:
        found = [spent for at_s, who, spent in self.spent if at_s >= since_s and person in (None, who)]
        return UsageSum(turns=len(found), usage=sum(found, Usage()))


class NoTurns:
    """Knows no turn."""

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        return []


class MemoryFeedback:
    """Keeps what is said of any message."""

    def __init__(self) -> None:
        self.kept: list[Feedback] = []

    async def keep(self, feedback: Feedback) -> bool:
        self.kept.append(feedback)
        return True

    async def page(self, after: int, limit: int) -> list[FeedbackRecord]:
        return []

    async def forget(self, key: ConversationKey) -> int:
        return 0
