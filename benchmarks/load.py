"""People who all talk to a bot at once, and what it cost them."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import orjson

from benchmarks.stand_ins import Seen, StandIns

TENANTS = 40
_FIRST_TYPING_GRACE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`conversations` people, each saying `messages` things one after another, all starting within `within_s`."""

    conversations: int
    messages: int
    run_s: float
    within_s: float = 1.0
    tenants: int = TENANTS
    deadline_s: float = 120.0
    scope: str = "personal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured; milliseconds where the name says so."""

    asked: int
    lost: int
    doubled: int
    out_of_order: int
    ack_p50_ms: float
    ack_p99_ms: float
    ack_max_ms: float
    overhead_p50_ms: float
    overhead_p99_ms: float
    lag_p50_ms: float
    turns_per_s: float
    calls_per_turn: float
    typing_per_turn: float
    typing_gap_max_s: float
    typing_after_answer: int
    connector_peak_per_s: int
    faults: int
    first_sign_p50_ms: float  # from the message to what a person sees first
    first_words_p50_ms: float  # from the model's first token to the first words in the chat; 0 where none are shown
    updates_peak_per_s: int  # of one chat, its answers left out


def tenant_id(number: int) -> str:
    """The id of a tenant."""
    return f"99999999-8888-7777-6666-{number:012d}"


async def apply(
    load: Load, outside: StandIns, bot_url: str, service_url: str, *, bearer: str = "", seed: int = 1
) -> Figures:
    """Talk to the bot until everything is answered, or the deadline has passed; with a token if there is one."""
    dice = random.Random(seed)  # noqa: S311 - replays the run
    limits = aiohttp.ClientTimeout(total=load.deadline_s)
    began_s = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limits) as session:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        crowd = _Crowd(
            session=session, load=load, outside=outside, bot_url=bot_url, service_url=service_url, headers=headers
        )
        people = [
            crowd.person(number, dice.uniform(0, load.within_s), dice.random()) for number in range(load.conversations)
        ]
        try:
            async with asyncio.timeout(load.deadline_s):
                await asyncio.gather(*people)
        except TimeoutError:
            pass
    await asyncio.sleep(0.3)
    return _figures(load, outside, began_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crowd:
    session: aiohttp.ClientSession
    load: Load
    outside: StandIns
    bot_url: str
    service_url: str
    headers: Mapping[str, str]

    async def person(self, number: int, pause_s: float, share: float) -> None:
        """Say one thing after another, each when the one before was answered."""
        await asyncio.sleep(pause_s)
        for count in range(self.load.messages):
            run_s = self.load.run_s * (0.75 + 0.5 * ((share * 7 + count * 0.37) % 1))  # +-25 %: nothing falls in step
            tag = f"{number}.{count}"
            seen = self.outside.seen.setdefault(tag, Seen())
            seen.conversation, seen.sent_at_s = f"c{number}", time.monotonic()
            body = orjson.dumps(_activity(tag, run_s, number, number % self.load.tenants, self))
            if await self._say(body) >= 300:
                return
            seen.acked_at_s = time.monotonic()
            while not seen.answered_at_s:
                await asyncio.sleep(0.01)

    async def _say(self, body: bytes) -> int:
        async with self.session.post(self.bot_url, data=body, headers=self.headers) as response:
            await response.read()
            return response.status


def _activity(tag: str, run_s: float, conversation: int, tenant: int, crowd: _Crowd) -> dict[str, object]:
    scope = crowd.load.scope
    is_shared = scope != "personal"
    mention = {"type": "mention", "text": "<at>Bot</at>", "mentioned": {"id": "bot", "name": "Bot"}}
    return {
        "entities": [mention] if is_shared else [],
        "type": "message",
        "id": f"m{tag}",
        "channelId": "msteams",
        "serviceUrl": crowd.service_url,
        "conversation": {"id": f"c{conversation}", "conversationType": scope, "tenantId": tenant_id(tenant)},
        "from": {"id": f"u{conversation}", "name": "U"},
        "recipient": {"id": "bot", "name": "Bot"},
        "text": f"{'<at>Bot</at> ' if is_shared else ''}{tag} {run_s:.3f}",
        "textFormat": "plain",
        "channelData": {"tenant": {"id": tenant_id(tenant)}},
        "timestamp": "2026-01-01T00:00:00.000Z",
        "locale": "en-US",
    }


def _figures(load: Load, outside: StandIns, began_s: float) -> Figures:
    signs = {"status", "answer"} if load.scope == "channel" else {"typing", "informative", "streaming", "answer"}
    messages = [seen for seen in outside.seen.values() if seen.sent_at_s]
    answered = [seen for seen in messages if seen.answered_at_s]
    asked = load.conversations * load.messages
    acks = [seen.acked_at_s - seen.sent_at_s for seen in messages if seen.acked_at_s]
    overheads = [seen.answered_at_s[0] - seen.sent_at_s - seen.run_s for seen in answered]
    lags = [seen.answered_at_s[0] - seen.run_ends_at_s for seen in answered if seen.run_ends_at_s]  # an echo has no run
    ended_s = max((seen.answered_at_s[0] for seen in answered), default=began_s)
    return Figures(
        asked=asked,
        lost=asked - len(answered),
        doubled=sum(len(seen.answered_at_s) - 1 for seen in answered),
        out_of_order=sum(tags != sorted(tags, key=_place) for tags in outside.said.values()),
        ack_p50_ms=percentile(acks, 50) * 1e3,
        ack_p99_ms=percentile(acks, 99) * 1e3,
        ack_max_ms=max(acks, default=0) * 1e3,
        overhead_p50_ms=percentile(overheads, 50) * 1e3,
        overhead_p99_ms=percentile(overheads, 99) * 1e3,
        lag_p50_ms=percentile(lags, 50) * 1e3,
        turns_per_s=len(answered) / (ended_s - began_s) if ended_s > began_s else 0.0,
        calls_per_turn=outside.calls / max(1, len(answered)),
        typing_per_turn=sum(map(len, outside.typing.values())) / max(1, len(answered)),
        typing_gap_max_s=max((_typing_gap_s(seen, outside) for seen in answered), default=0.0),
        typing_after_answer=_typing_after_answer(outside, answered) if load.messages == 1 else 0,
        connector_peak_per_s=_peak(outside.connector_times_s),
        faults=outside.faults,
        first_sign_p50_ms=percentile([_first_shown_s(seen, outside, signs) - seen.sent_at_s for seen in answered], 50)
        * 1e3,
        first_words_p50_ms=percentile(
            [
                max(0.0, _first_shown_s(seen, outside, {"streaming", "answer"}) - seen.first_token_at_s)
                for seen in answered
                if seen.first_token_at_s
            ],
            50,
        )
        * 1e3,
        updates_peak_per_s=max((_peak(_updates_s(outside, place)) for place in outside.shown), default=0),
    )


def _first_shown_s(seen: Seen, outside: StandIns, kinds: Collection[str]) -> float:
    """When something of these kinds was shown first after the message."""
    shown = outside.shown.get(seen.conversation, [])
    return next((at_s for at_s, kind in shown if at_s >= seen.sent_at_s and kind in kinds), seen.answered_at_s[0])


def _updates_s(outside: StandIns, conversation: str) -> list[float]:
    return [at_s for at_s, kind in outside.shown[conversation] if kind not in {"typing", "answer"}]


def _typing_gap_s(seen: Seen, outside: StandIns) -> float:
    """The longest time without a sign of work between the acknowledgement and the answer.

    Clients show typing for some 3 seconds; a stream or a status message stays until the answer takes its place.
    """
    begin_s = seen.acked_at_s + _FIRST_TYPING_GRACE_S
    stays = (at_s for at_s in _updates_s(outside, seen.conversation) if at_s >= seen.sent_at_s)
    end_s = min([seen.answered_at_s[0], *stays])
    times = [at_s for at_s in outside.typing.get(seen.conversation, []) if seen.acked_at_s - 1 <= at_s <= end_s]
    marks = [min(begin_s, *times)] if times else [begin_s]
    marks += [*times, end_s]
    return max((after - before for before, after in itertools.pairwise(marks)), default=0.0)


def _typing_after_answer(outside: StandIns, answered: Sequence[Seen]) -> int:
    return sum(at_s > seen.answered_at_s[0] for seen in answered for at_s in outside.typing.get(seen.conversation, []))


def _place(tag: str) -> int:
    number = tag.partition(".")[2]
    return int(number) if number.isdigit() else -1  # an apology has no place


def _peak(times_s: Sequence[float]) -> int:
    """The most requests within any second."""
    ordered, start, peak = sorted(times_s), 0, 0
    for end, at_s in enumerate(ordered):
        while at_s - ordered[start] >= 1:
            start += 1
        peak = max(peak, end - start + 1)
    return peak


def percentile(values: Sequence[float], share: int) -> float:
    """Of seconds or whatever; 0 for none."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]
