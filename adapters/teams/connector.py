"""The Bot Connector's REST interface, as far as this bot speaks it.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.pace import Pace
from adapters.teams.retries import Attempts, Failure, Idempotency, RetryPolicy, failure_of
from adapters.teams.trusted_addresses import LoopbackServices, TrustedServices
from bot.errors import ConversationGoneError, DeliveryError, DeliveryUnknownError
from httpkit.http_headers import retry_after_s
from httpkit.json_body import json_bytes, read_start

log = logging.getLogger(__name__)

_MAX_ANSWER_BYTES: Final = 65_536

# Error codes after which nothing said into the conversation will be heard: Teams' page "Status codes from bot APIs".
_GONE: Final = frozenset(
    {
        "BotDisabledByAdmin",
        "BotNotInConversationRoster",
        "ConversationBlockedByUser",
        "ConversationNotFound",
        "ForbiddenOperationException",
        "MessageWritesBlocked",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: object = None  # the JSON, or None for anything else: gateways answer in HTML
    retry_after_s: float | None = None

    @property
    def id(self) -> str | None:
        """The id of what was posted; typing and split messages get none."""
        match self.body:
            case {"id": str(id_)} if id_:
                return id_
            case _:
                return None

    @property
    def code(self) -> str:
        """The error's code, in the connector's two ways of writing it."""
        match self.body:
            case {"error": {"code": str(code)}} | {"code": str(code)}:
                return code
            case _:
                return ""

    @property
    def says_gone(self) -> bool:
        """Whether the conversation is closed to the bot, by the error's code or by a `subCode` beside it."""
        match self.body:
            case {"error": {"subCode": str(code)}} | {"subCode": str(code)}:
                return code in _GONE or self.code in _GONE
            case _:
                return self.code in _GONE

    @property
    def explanation(self) -> str:
        """The error's sentence."""
        match self.body:
            case {"error": {"message": str(sentence)}} | {"message": str(sentence)}:
                return sentence
            case _:
                return ""


class ActivityRefusedError(DeliveryError):
    """The connector refuses this activity, and would refuse it again; `explanation` is its own sentence.

    `is_in_doubt`: it may have posted it all the same, as it failed over it (500), or at an attempt before this one.
    """

    def __init__(self, message: str, *, code: str, explanation: str, is_in_doubt: bool = False) -> None:
        super().__init__(message, retryable=False)
        self.code = code
        self.explanation = explanation
        self.is_in_doubt = is_in_doubt


class Connector:
    """Posts activities into conversations. Every method raises DeliveryError or ConversationGoneError.

    `create` raises DeliveryUnknownError too. Nothing else is raised.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        services: TrustedServices | None = None,
        token: BotToken | None = None,
    ) -> None:
        """`services` are the addresses that are posted to: without them those of this machine, and no token."""
        self._session = session
        self._services = services or LoopbackServices()
        self._token = token
        self._policy = policy or RetryPolicy()
        self._pace = Pace() if pace is None else pace
        self._next_success: dict[str, asyncio.Event] = {}  # by service address, while somebody waits for it

    async def create(self, place: Place, activity: dict[str, object], *, is_repetition: bool = False) -> str | None:
        """Post a new activity, once Teams' limits allow it; its id, if it got one.

        After an attempt whose outcome is unknown (504, no answer, a cut connection) it is posted once more within
        `RetryPolicy.max_unknown_s`. If that outcome is unknown too, DeliveryUnknownError is raised.
        `is_repetition`: this is already that second time, after an ActivityRefusedError that is in doubt.
        """
        attempts = Attempts(self._policy, Idempotency.NON_IDEMPOTENT, is_repetition=is_repetition)
        if is_repetition:
            await asyncio.sleep(self._policy.first_pause_s)
        return (await self._call("POST", place, None, attempts, activity)).id

    def has_room(self, place: Place) -> bool:
        """Whether an activity could be posted now without making others wait for Teams' rate limits."""
        return not place.is_paced or self._pace.has_room(place.tenant, place.conversation)

    async def send_ephemeral(self, place: Place, activity: dict[str, object]) -> str | None:
        """Post an activity that is worth something only now, such as typing, without a retry; its id, if it got one.

        It is dropped where it would make other requests wait for Teams' rate limits.
        """
        if self.has_room(place):
            return (await self._call("POST", place, None, self._attempts(Idempotency.EPHEMERAL), activity)).id
        log.debug("ephemeral activity dropped")
        return None

    async def end_stream(self, place: Place, activity: dict[str, object]) -> None:
        """Post the last activity of a stream. Repeated freely: of a stream, Teams takes one such activity."""
        await self._call("POST", place, None, self._attempts(Idempotency.IDEMPOTENT), activity)

    async def update(self, place: Place, activity_id: str, activity: dict[str, object]) -> None:
        """Replace an activity of the bot's own."""
        await self._call("PUT", place, activity_id, self._attempts(Idempotency.IDEMPOTENT), activity)

    async def update_ephemeral(self, place: Place, activity_id: str, activity: dict[str, object]) -> None:
        """Replace an activity by one that is worth something only now, without a retry; dropped like others of them."""
        if self.has_room(place):
            await self._call("PUT", place, activity_id, self._attempts(Idempotency.EPHEMERAL), activity)

    async def delete(self, place: Place, activity_id: str) -> None:
        """Take back an activity of the bot's own."""
        await self._call("DELETE", place, activity_id, self._attempts(Idempotency.IDEMPOTENT), None)

    async def group_of_team(self, place: Place, team: str) -> str:
        """The directory id of a team by the id of its thread, which is all that some activities tell.

        https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
        """
        url = place.url(self._services).origin()
        path = f"{URL(place.service_url).path.rstrip('/')}/v3/teams/{quote(team, safe='')}"
        answer = await self._ask_with_token("GET", place, URL(f"{url}{path}", encoded=True), None)
        match answer:
            case _Answer(status=200, body={"aadGroupId": str(group)}):
                return group
            case _:
                raise _error("GET", answer)

    async def _call(
        self,
        method: str,
        place: Place,
        activity_id: str | None,
        attempts: Attempts,
        activity: dict[str, object] | None,
    ) -> _Answer:
        if method == "PUT" and place.is_targeted and activity is not None:
            # Who sees a targeted message cannot be changed, so its update must not name anybody.
            activity = {name: value for name, value in activity.items() if name != "recipient"}
        try:
            return await self._repeated(method, place, activity_id, attempts, activity)
        except DeliveryError as error:
            if attempts.repeat_until_s is None:
                raise
            if isinstance(error, ActivityRefusedError) and not error.is_in_doubt:
                error.is_in_doubt = True  # this attempt posted nothing, but the one before may have
                raise
            # Whatever else fails after an unknown outcome (no token, Teams' limits, a 503) leaves that one unknown.
            what = f"{method}: the connector did not say whether it took the activity"
            raise DeliveryUnknownError(f"{what}, and could not be asked again") from None

    async def _repeated(
        self,
        method: str,
        place: Place,
        activity_id: str | None,
        attempts: Attempts,
        activity: dict[str, object] | None,
    ) -> _Answer:
        while True:
            await self._wait_in_line(method, place, attempts.repeat_until_s)
            answer = await self._ask_with_token(method, place, place.url(self._services, activity_id), activity)
            if isinstance(answer, _Answer) and answer.status < 300:
                if (waited_for := self._next_success.pop(place.service_url, None)) is not None:
                    waited_for.set()
                return answer
            if isinstance(answer, _Answer):
                failure, pause_s = failure_of(answer.status), answer.retry_after_s
            else:
                failure, pause_s = answer, None
            pause_s = attempts.pause_s(failure, pause_s)
            if pause_s is None:
                raise _error(method, answer)
            log.info("asking the connector again", extra={"method": method, "pause_s": pause_s})
            await asyncio.sleep(pause_s)

    def _attempts(self, idempotency: Idempotency) -> Attempts:
        return Attempts(self._policy, idempotency)

    async def wait_for_success(self, service_url: str) -> None:
        """Wait until the connector at this address takes a request, whichever it is."""
        await self._next_success.setdefault(service_url, asyncio.Event()).wait()

    async def _wait_in_line(self, method: str, place: Place, repeat_until_s: float | None) -> None:
        if not place.is_paced:
            return
        deadline_s = asyncio.get_running_loop().time() + self._policy.max_queue_wait_s
        try:
            async with asyncio.timeout_at(deadline_s if repeat_until_s is None else repeat_until_s):
                await self._pace.take(place.tenant, place.conversation)
        except TimeoutError:
            raise DeliveryError(f"{method}: too many requests wait for Teams' limits", retryable=True) from None

    async def _ask_with_token(
        self, method: str, place: Place, url: URL, activity: dict[str, object] | None
    ) -> _Answer | Failure:
        """One request, and a second with another token if the first one's was refused."""
        if self._token is None or not self._services.takes_token(place.service_url):
            return await self._ask(method, url, activity, None)
        try:
            token = await self._token.get()
            answer = await self._ask(method, url, activity, token)
            if isinstance(answer, _Answer) and answer.status == 401:
                log.info("bot token refused, renewing it", extra={"method": method})
                answer = await self._ask(method, url, activity, await self._token.renew(token))
        except TokenUnavailableError as error:
            raise DeliveryError(f"{method}: {error}", retryable=True) from None
        return answer

    async def _ask(
        self, method: str, url: URL, activity: dict[str, object] | None, token: str | None
    ) -> _Answer | Failure:
        """One request, and what its failure says if no answer came.

        A redirect is an answer: an activity goes to the address we judged.
        """
        body = None if activity is None else json_bytes(activity)
        headers = {"Content-Type": "application/json"} if body else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        answer: _Answer | None = None
        try:
            request = self._session.request(method, url, data=body, headers=headers, allow_redirects=False)
            async with request as response:
                # The status alone tells what happened; the rest may be cut off without making that unknown again.
                answer = _Answer(status=response.status, retry_after_s=retry_after_s(response.headers))
                return replace(answer, body=_json(await read_start(response.content, max_bytes=_MAX_ANSWER_BYTES)))
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("connector gave no answer", extra={"method": method, "error": type(error).__name__})
            not_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            return answer or (Failure.NOT_POSTED if not_sent else Failure.UNKNOWN)


@asynccontextmanager
async def connector_session(answer_s: float = 15.0) -> AsyncIterator[aiohttp.ClientSession]:
    """The one pool of connections to the connector, with a time limit for each request and no cookies."""
    # To get a connection has a shorter limit: when it passes, it is certain that nothing was sent.
    limits = aiohttp.ClientTimeout(total=answer_s, connect=answer_s * 2 / 3, sock_connect=5.0)
    async with aiohttp.ClientSession(
        timeout=limits,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=200),
    ) as session:
        yield session


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _error(method: str, answer: _Answer | Failure) -> DeliveryError | ConversationGoneError:
    if not isinstance(answer, _Answer):
        return DeliveryError(f"{method}: the connector gave no answer", retryable=True)
    what = f"{method}: the connector answered {answer.status} {answer.code}".rstrip()
    if answer.says_gone:
        return ConversationGoneError(what)
    if (failure := failure_of(answer.status)) in (Failure.FAILED, Failure.REJECTED):
        is_in_doubt = failure is Failure.FAILED
        return ActivityRefusedError(what, code=answer.code, explanation=answer.explanation, is_in_doubt=is_in_doubt)
    return DeliveryError(what, retryable=True, retry_after_s=answer.retry_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A conversation and the connector that serves it; the emulator and Web Chat have no tenants."""

    service_url: str
    conversation: str
    tenant: str = ""
    is_targeted: bool = False  # seen by one person of a shared conversation alone
    is_paced: bool = True  # whether Teams' rate limits hold there

    def url(self, services: TrustedServices, activity_id: str | None = None) -> URL:
        """The address of its activities or of one of them; DeliveryError if it is none that we may speak to.

        The service address is judged again, for a stored one may be older than today's rules.
        """
        if not services.allows(self.service_url):
            raise DeliveryError("the conversation's service address is not trusted", retryable=False)
        if activity_id == "":
            raise DeliveryError("the activity to change has no id", retryable=False)
        path = f"{self.service_url.rstrip('/')}/v3/conversations/{quote(self.conversation, safe='')}/activities"
        path = path if activity_id is None else f"{path}/{quote(activity_id, safe='')}"
        return URL(f"{path}?isTargetedActivity=true" if self.is_targeted else path, encoded=True)
