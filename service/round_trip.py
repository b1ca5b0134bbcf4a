"""One question through a whole bot on loopback, with the real model, sandbox and file storage, and its answer judged.

The running service is not disturbed: the turn has a ledger of its own, in a folder that is removed afterwards.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from bot.conversation import ConversationKey
from bot.diagnosis import Finding
from bot.media import picture_type
from bot.timeline import Timeline
from httpkit.http_server import listening
from service.compose import Shared, open_bot, open_turn_stores
from service.listen_socket import BACKLOG, LOOPBACK, take_port, url_of
from service.server import HealthRoutes, local_endpoint, loopback_app
from service.settings import Settings

_QUESTION: Final = "Plot y = x^2 for x from -2 to 2."
_KEY: Final = ConversationKey(channel="msteams", tenant="doctor", conversation="a:doctor")
_POLL_S: Final = 0.1


@dataclass(slots=True)
class _LoopbackConnector:
    """Takes what the bot posts, as the connector of Teams does."""

    posted: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_route("*", "/v3/conversations/{conversation}/activities{rest:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        if request.body_exists:
            self.posted.append(await request.json())
        return web.json_response({"id": f"doctor-{len(self.posted)}"}, status=201)

    def links(self, origin: str) -> list[str]:
        """Every address in what was posted that leads to a file of the bot."""
        return [text for activity in self.posted for text in _texts(activity) if text.startswith(f"{origin}/")]

    @property
    def words(self) -> str:
        """The last text of a card or message, cut."""
        said = [text for activity in self.posted for text in _spoken(activity)]
        return said[-1][:200] if said else ""


async def check_round_trip(settings: Settings, shared: Shared, *, by_link: bool) -> Finding:
    """Ask for a plot, and fetch the picture of the card: `by_link` from its public address, else on loopback."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="teamsbot-doctor-") as name:
        local = replace(
            settings,
            host=LOOPBACK,
            port=0,
            is_public=False,
            teams=None,
            chat_page_port=None,
            database_url=None,
            data_dir=Path(name),
        )
        connector = _LoopbackConnector()
        connector_port, port = take_port(LOOPBACK, 0), take_port(LOOPBACK, 0)
        address = url_of(port)
        async with (
            listening(connector.app(), connector_port, backlog=BACKLOG),
            open_turn_stores(local, Path(name)) as stores,
            aiohttp.ClientSession() as session,
            open_bot(local, stores, address=address, shared=shared) as bot,
        ):
            health = HealthRoutes(ledger=stores.ledger, conversations=stores.conversations, sandbox="doctor")
            app = loopback_app(local_endpoint(bot, {}, takes_others=True), bot.storage, health)
            async with listening(app, port, backlog=BACKLOG):
                activity = _activity(url_of(connector_port))
                async with session.post(f"{address}/api/messages", json=activity) as response:
                    if response.status != 202:
                        return Finding.failed(
                            f"The bot answered a question with {response.status}.", "Look at the log of teamsbot."
                        )
                while True:
                    turns = await stores.timelines.of(_KEY, 1)
                    if turns and turns[-1].ended_at_s is not None:
                        break
                    await asyncio.sleep(_POLL_S)
                took_s = time.monotonic() - began_s
                links = connector.links(bot.storage.links.origin)
                if not links:
                    return _without_a_plot(settings, turns[-1], connector.words)
                link = links[0] if by_link else address + urlsplit(links[0]).path
                async with session.get(URL(link, encoded=True)) as response:
                    is_picture = response.status == 200 and picture_type(await response.read()) is not None
    if not is_picture:
        return Finding.failed(
            "The answer came, but its plot cannot be fetched from the link in its card.", "See the check `link`."
        )
    return Finding.passed(f"asked for a plot, answered in {took_s:.0f} s, and the picture of its card was fetched")


def _without_a_plot(settings: Settings, turn: Timeline, words: str) -> Finding:
    outcome = str(turn.outcome) if turn.outcome is not None else "unknown"
    if outcome != "answered":
        return Finding.failed(
            f"A question for a plot ended as {outcome}: {words or 'nothing was said'}",
            "See the checks `model` and `sandbox`; the log of teamsbot says more (LOG_LEVEL=debug).",
        )
    if settings.endpoint is None:
        return Finding.failed("The tutor answered a question for a plot without one.", "See the check `sandbox`.")
    return Finding.warned(
        "The model answered a question for a plot in words only.",
        "Choose a model that calls tools (functions); ASSISTANT_INSTRUCTIONS must not forbid code.",
    )


def _activity(connector_url: str) -> dict[str, object]:
    return {
        "type": "message",
        "id": "doctor-question",
        "channelId": _KEY.channel,
        "serviceUrl": connector_url,
        "conversation": {"id": _KEY.conversation, "conversationType": "personal", "tenantId": _KEY.tenant},
        "from": {"id": "29:doctor", "name": "teamsbot doctor"},
        "recipient": {"id": "28:bot", "name": "bot"},
        "text": _QUESTION,
        "textFormat": "plain",
        "channelData": {"tenant": {"id": _KEY.tenant}},
    }


def _texts(value: object) -> list[str]:
    match value:
        case str(text):
            return [text]
        case dict():
            return [text for member in value.values() for text in _texts(member)]
        case list():
            return [text for member in value for text in _texts(member)]
        case _:
            return []


def _spoken(activity: dict[str, Any]) -> list[str]:
    """Texts for people: of the message itself, or of the text blocks of its cards."""
    if activity.get("type") != "message":
        return []
    bodies = [(each.get("content") or {}).get("body", []) for each in activity.get("attachments") or []]
    blocks = [str(block["text"]) for body in bodies for block in body if isinstance(block, dict) and block.get("text")]
    return [text for text in [str(activity.get("text") or ""), *blocks] if text]
